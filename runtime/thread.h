/*
 * thread.h - struct stint_thread: what the runtime keeps of a thread beyond its context
 *
 * It lies behind the struct stint in the thread's slot, so it is as type-stable as that: whoever finds a stale pointer finds a
 * thread that has ended, or another one.
 *
 * Where it is, and who may touch what:
 *
 *      ready     in exactly one run queue or inbox; the holder of the queue's lock
 *      running   w->running of one worker; that worker
 *      away      parked (park_state WAITS): whoever moves park_state from WAITS makes it ready, once
 *      ended     in nobody's hands but the joiner's
 *
 * on_cpu stays set until the worker has left its stack: who makes a thread ready or frees it waits for that. The wait is a
 * few instructions of another kernel thread, and that one never waits for anything meanwhile.
 */
#ifndef STINT_THREAD_INTERNAL_H
#define STINT_THREAD_INTERNAL_H

#include <stint/thread.h>
#include <urcu/wfcqueue.h>

#include "context.h"
#include "timers.h"

struct stint_waiter;
struct worker;

/*
 * park_state; WOKEN_HERE: by itself, on its way to park(). TAKEN: served, and about to be woken; LEFT: and it has seen that when it
 * wanted to give up (waiter_take()).
 */
enum { PARK_NOT, PARK_WAITS, PARK_WAITS_HARD, PARK_WOKEN, PARK_WOKEN_HERE, PARK_TIMED_OUT, PARK_INTERRUPTED,
       PARK_DEADLOCKED, PARK_TAKEN, PARK_LEFT };

struct stint_thread {
	/* every switch */
	struct stint_task task;
	int on_cpu;                     /* release by the worker that has left its stack, acquire by who needs it off */
	int park_state;                 /* PARK_...; HARD: not to be interrupted */
	unsigned policy_gen;            /* of the policy that priv belongs to */
	bool cancel;                    /* it is to end; set once, never cleared */
	bool started, ended, detached, joined;  /* the last three under lock */
	bool moved;                     /* on its way to another worker, while it is ready */
	int lock;
	unsigned waits_for;             /* enum park_reason, while parked; for diagnoses */
	const void *waits_on;
	struct stint_thread *joins;     /* for whose end it waits; NULL: for something else */
	struct worker *worker;          /* where it runs, or ran last */
	struct worker *fresh_in;        /* in whose queue it is ready and has not run yet; that queue's lock. NULL: not so */
	struct cds_wfcq_node in_inbox;
	struct stint_thread *next;      /* in a list of those that become ready together */
	struct timer timer;
	struct stint_waiter *joiner;    /* who waits for its end; under lock */
	uint64_t stopped_at;            /* its worker's turns when it was stopped last */
	uint8_t waited;                 /* turns in a row at whose end it was in a system call (handoff.c) */
};

_Static_assert(sizeof(struct stint_thread) <= THREAD_ROOM, "context.h");

static inline struct stint_thread *thread_of(struct stint *s)
{
	return (struct stint_thread *)(s + 1);
}

static inline struct stint *stint_of(const struct stint_thread *t)
{
	return (struct stint *)t - 1;
}

static inline struct stint_thread *thread_of_task(struct stint_task *task)
{
	return (struct stint_thread *)task;     /* its first member */
}

/* the outermost of the chain that @s is the innermost of */
static inline struct stint *root_of(struct stint *s)
{
	while (s->parent)
		s = s->parent;
	return s;
}

/* the thread that runs @s, or NULL: it runs on a kernel thread of the program's. @s not NULL, preemption disabled or not. */
static inline struct stint_thread *thread_running(struct stint *s)
{
	s = root_of(s);
	return s->is_thread ? thread_of(s) : NULL;
}

/* its end is due as soon as it may be stopped */
static inline bool thread_cancels(const struct stint_thread *t)
{
	return unlikely(__atomic_load_n(&t->cancel, __ATOMIC_RELAXED)) && !stint_of(t)->ending;
}

void thread_wait_off_cpu_slow(const struct stint_thread *t);

static inline void thread_wait_off_cpu(const struct stint_thread *t)
{
	if (unlikely(__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE)))
		thread_wait_off_cpu_slow(t);
}

void thread_free(struct stint_thread *t, struct kthread *kt);   /* ended, and nobody has the handle any more */
bool thread_divert(struct stint *s);            /* it goes on with its end, if it was stopped where it may be; true: it will */
const struct arch_context *thread_over(struct stint *s, int how);

/* how many live or have not been joined */
uint64_t threads_live(void);
void threads_hold(int n);               /* 1: one more is counted, so that nobody stops the runtime; -1: that is over */
void threads_after_fork(struct worker *w);       /* the one whose thread forked, or NULL */
void threads_worker_ends(const struct worker *w);
int thread_sleep_until(struct stint *s, uint64_t deadline);     /* ETIMEDOUT; EINTR as park() */

#endif
