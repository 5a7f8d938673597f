/*
 * kthread.h - what stint knows of a kernel thread that runs calls
 *
 * Made by the first launch or resume on a kernel thread, destroyed when that thread ends. Found through the
 * kernel thread's own TLS outside calls, and through stint->kt inside: a call's TLS is its own.
 */
#ifndef STINT_KTHREAD_H
#define STINT_KTHREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "context.h"

#define SLOT_BATCH 64

struct worker;

/* what a worker and the kernel thread on which it runs know of each other; it stays with the worker */
struct post {
	int kicked;                     /* somebody wants the running thread looked at, see worker.c */
	uint64_t ticks;                 /* and kicks, handled there */
};

struct kthread {
	/* the tick handler and the switch share these; compiler order matters, see tick.c */
	struct stint *current;          /* the innermost call that is running or being switched in, or NULL */
	uint64_t turn_end;              /* when the thread's turn is looked at, cycles; NEVER where there is none */
	uint64_t armed;                 /* when the timer will fire, cycles; NEVER: off */
	uint64_t retry;                 /* how long the next refused tick waits, cycles */
	void *tp;                       /* the kernel thread's own thread pointer */
	int tid;
	int timer;                      /* kernel's id, -1: none */
	int burst;                      /* the one of the timer of its CPU time; -1: none */
	uint64_t burst_span, burst_since;       /* it was armed for that; when, or NEVER: off. Cycles */
	uint64_t mask_gen;              /* bumped when the kernel thread changes its own signal mask */

	struct worker *worker;          /* whose threads it runs, or NULL */
	struct post *post;              /* the worker's, or own_post */
	unsigned arms;                  /* how often armed was set, where a peer sends the ticks; after it, release */
	unsigned arms_sent;             /* for which of these one was sent; not armed, which may be the same once more. The peer's */

	/* for eintr_was_ours() */
	uint64_t ticks;                 /* our signals handled here */
	uint64_t user_signals;          /* the program's signal handlers run here */
	uint64_t user_breaks;           /* of these, those that do not have system calls restarted */

	/* slots of the default size, last in first out */
	struct stint *slots;
	unsigned nslots;
	struct stint *spare;            /* SLOT_BATCH more, or none */

	struct post own_post;
	int rests, rest_word;           /* a relief's, see relief.c */
	void *altstack;                 /* ours, where the thread had none; see guard.c */
	struct kthread *next;           /* in the list of all, for fork */
};

extern __thread struct kthread *kthread_native
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* the kernel thread we are on, or NULL if it never ran a call */
static inline struct kthread *kthread_here(void)
{
	struct stint *s = self();

	return s ? s->kt : kthread_native;
}

/* when the kernel thread must next be looked at while @s, which may be NULL, runs on it */
static inline uint64_t kthread_due(const struct kthread *kt, const struct stint *s)
{
	uint64_t turn = s && s->shielded ? NEVER : kt->turn_end;

	return s && s->eff < turn ? s->eff : turn;
}

int kthread_init(void);
struct kthread *kthread_get(int *err);  /* here, made if need be, once init is done; NULL with *@err ENOMEM, EAGAIN */
void kthread_after_fork(void);          /* in the child: only this one is left, without a timer */

void kthread_fork_prepare(void);
void kthread_fork_done(void);

#endif
