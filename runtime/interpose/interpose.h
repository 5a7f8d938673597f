/*
 * interpose.h - how a wrapper is written
 *
 * Every libc function that the layer knows is a row of table.def with its class. A row of a class that is
 * wrapped has a slot in real_functions[], which holds the address of the next definition (libc's, or that of another
 * interposer behind us). Slots start out pointing at stubs that look all names up on the first call, because
 * constructors of other libraries may call before ours runs; so a wrapper pays one indirect jump, no test.
 *
 * A wrapper is an ordinary typed function: outside a call one TLS test and a tail call; inside, preemption
 * disabled around the real one. LOCKED() writes the plain ones. Wrappers keep errno as libc left it.
 */
#ifndef STINT_INTERPOSE_H
#define STINT_INTERPOSE_H

#include <signal.h>
#include <stdarg.h>

#include "../ledger.h"
#include "../preempt.h"
#include "../text.h"

enum real_index {
#define WRAPPED_FN(name, family) REAL_##name,
#include "table.def"
	REAL_COUNT
};

extern PRIVATE void *real_functions[];

#define REAL(name) ((__typeof__(&name))real_functions[REAL_##name])

/*
 * ledger_wait_begin(), with preemption disabled since a moment ago. A tick that came in that moment was only noted, for the enable
 * at the end of the wait; so another one must come into it.
 */
static inline void wait_begin(struct stint *s, const void *lock, size_t size)
{
	ledger_wait_begin(s, lock, size);
	if (unlikely(s->pending))
		preempt_tick_again(s);
}

#define WRAPPER __attribute__((visibility("default")))

/*
 * The plain wrapper: outside calls the value of @outside, in one that of @within, with preemption disabled. Both know the call, s_.
 * @where: the section it lies in, or nothing.
 */
#define DEFERRED(where, ret, name, params, outside, within) \
	WRAPPER where ret name params                      \
	{                                                  \
		struct stint *s_ = self();                 \
		ret r_;                                    \
                                                           \
		if (likely(!s_))                           \
			return outside;                    \
		preempt_disable(s_);                       \
		r_ = within;                               \
		preempt_enable(s_, caller_address());      \
		return r_;                                 \
	}

#define DEFERRED_VOID(where, name, params, outside, within) \
	WRAPPER where void name params                     \
	{                                                  \
		struct stint *s_ = self();                 \
                                                           \
		if (likely(!s_)) {                         \
			outside;                           \
			return;                            \
		}                                          \
		preempt_disable(s_);                       \
		within;                                    \
		preempt_enable(s_, caller_address());      \
	}

/* a wrapper of the class "locked": LOCKED(int, fputs, (const char *str, FILE *f), (str, f)) */
#define LOCKED(ret, name, params, args) \
	DEFERRED(STINT_LOCKED_TEXT, ret, name, params, REAL(name) args, REAL(name) args)
#define LOCKED_VOID(name, params, args) \
	DEFERRED_VOID(STINT_LOCKED_TEXT, name, params, REAL(name) args, REAL(name) args)

/* a function with variable arguments, by the wrapper of its twin that takes a va_list; its last named parameter is @format */
#define FORMATS(name, twin, params, args)                 \
	WRAPPER int name params                            \
	{                                                  \
		va_list ap;                                \
		int r_;                                    \
                                                           \
		va_start(ap, format);                      \
		r_ = twin args;                            \
		va_end(ap);                                \
		return r_;                                 \
	}

#define FORMATS_VOID(name, twin, params, args)            \
	WRAPPER void name params                           \
	{                                                  \
		va_list ap;                                \
                                                           \
		va_start(ap, format);                      \
		twin args;                                 \
		va_end(ap);                                \
	}

/* In a child made by fork(): walks through tables that other threads were at (walks.c). */
void walks_after_fork(void);

/* The library was opened by dlopen(): lead calls of libc's functions here (reroute.c). Else nothing. */
void reroute_init(void);
void reroute_modules(void);     /* those loaded since */

/* around fork(): nobody else is halfway through the books of commands (spawn.c) */
void commands_fork_prepare(void);
void commands_fork_done(bool in_child);

/*
 * Enter a block that libc allocated for its caller (not for itself) in the ledger of the call @s. The block may move.
 * Returns it; where there is no memory for the entry it is handed out without, and where the program has a malloc in front of ours.
 * NULL stays NULL. Keeps errno.
 */
void *heap_adopt(struct stint *s, void *p);
bool heap_is_mine(struct stint *s, void *p);    /* entered in the ledger of @s */
void heap_init(void);                           /* at load */

/*
 * The same for a vector and the @n blocks in it from @offset on. Some may be entered already: GLOB_APPEND and WRDE_APPEND
 * lengthen what an earlier call made.
 */
void heap_adopt_vector(struct stint *s, char ***vector, size_t offset, size_t n);

/*
 * __vasprintf_chk() for ourselves, with preemption disabled: the block is of the malloc behind us, and REAL(free) gives it back. What
 * libc allocates is of the program's malloc, which may be another one. -1: no text, and NULL.
 */
int format_text(char **text, int flag, const char *format, va_list ap);
void *heap_enter(struct stint *s, void *p);     /* such a block, for free(): as heap_adopt() */

/*
 * Tells EINTR that our tick caused from EINTR that a handler of the program caused: set the mark before the
 * system call, ask after it failed. On a kernel thread that never ran a call it was never ours. In a call only handlers that
 * ran on it count, not those that came to its caller while it was stopped.
 */
struct eintr_mark {
	const struct kthread *kt;       /* a call may go on elsewhere */
	uint64_t ours, users, breaks;
};
void eintr_mark(struct eintr_mark *m);
bool eintr_was_ours(const struct eintr_mark *m);
bool eintr_restarts(const struct eintr_mark *m);        /* it was ours, or of handlers with SA_RESTART alone */

/* A set of signals, or NULL, for a wait, without the preemption signal, by way of @copy. */
const sigset_t *without_ours(const sigset_t *set, sigset_t *copy);

/*
 * A function that a socket's own timeout ends (SO_RCVTIMEO, SO_SNDTIMEO) fails with EINTR after any signal. The mark is set
 * before it; socket_again(), after it failed, says whether to call it again, since EINTR was ours and time is left. Where not,
 * errno is what the caller is to get.
 */
struct socket_wait {
	struct eintr_mark mark;
	uint64_t since;                 /* cycles */
};
void socket_wait(struct socket_wait *w);
bool socket_again(const struct socket_wait *w, int fd, int option);

#endif
