/*
 * tcb.h - a glibc thread control block for each stint
 */
#ifndef STINT_TCB_H
#define STINT_TCB_H

#include <stddef.h>

#include "context.h"

/*
 * tcb_init - find out how this glibc lays out a thread, from its debugger descriptors and from a real
 * thread, and make the process multi-threaded in earnest (see "anchor" in tcb.c)
 *
 * Return: 0; ENOTSUP (unknown layout), EAGAIN, ENOMEM; with a sentence in @why.
 */
int tcb_init(char *why, size_t size);

size_t tcb_below(void);         /* bytes under the thread pointer: static TLS, with glibc's room for dlopen */
size_t tcb_above(void);         /* bytes from the thread pointer upward: struct pthread */
size_t tcb_align(void);

/* on the kernel thread's own identity or in a call with preemption disabled; memory at s->tp is zero */
int tcb_make(struct stint *s);          /* 0 or ENOMEM */
void tcb_destroy(struct stint *s);      /* the memory may then be dropped */
int tcb_fresh(struct stint *s);         /* for the next call: initial thread variables; 0 or ENOMEM */

/*
 * On the stint itself, before anything of the program's runs on it: libc's tables of characters are those of the process's locale, as in
 * a thread of libc that begins.
 */
extern PRIVATE unsigned tcb_locale_gen; /* relaxed: who changes the locale orders that with what it has begin afterwards */
void tcb_take_locale(struct stint *s);
void tcb_locale_changed(void);

static inline void tcb_begin(struct stint *s)
{
	if (unlikely(s->locale_gen != __atomic_load_n(&tcb_locale_gen, __ATOMIC_RELAXED)))
		tcb_take_locale(s);
}

/* on the stint itself, at its end: thread_local and key destructors, locale, errno */
void tcb_finish(void);

/* On the stint itself, where it ends before its function returns: what pthread_cleanup_push() has pushed is not there any more. */
void tcb_forget_pushed(void);

/* after dlopen or dlclose: new static TLS is initialised in all blocks, see tcb.c */
void tcb_modules_changed(void);

/* whether the stack of the kernel thread with thread pointer @tp has @sp, above @from, which is on it */
bool tcb_native_stack_has(const void *tp, uintptr_t from, uintptr_t sp);
bool tcb_is_of_call(const void *tp);    /* whether that thread is a call */

int tcb_anchor_start(void);             /* again, in a forked child; 0 or an errno value */
void *tcb_robust_head(void *tp);
int *tcb_errno(const struct stint *s);

void tcb_fork_prepare(void);            /* the lock of left caches nests in the stacks' */
void tcb_fork_done(void);

#endif
