/*
 * worker.h - workers: kernel threads that run the threads which are ready
 *
 * A worker has a run queue (the policy's), an inbox into which others put what they made ready for it, timers, and a kernel
 * thread. Threads switch from one to the next directly; the worker's own stack is there for when nobody is ready.
 *
 * What becomes ready on a worker goes to that worker's queue; what a kernel thread of the program makes ready goes to the inbox of
 * the worker where it ran last, or of one that sleeps. Who has nothing to do takes from others, and then sleeps: the first of
 * the sleepers in the poller, the others on a word.
 *
 * Locks: w->lock protects the run queue and the fields beside it, and is held across a switch, so that nobody else takes a
 * thread whose stack is still being left; it nests in nothing, but for that of a worker in its relief's. Timers' locks nest in it.
 */
#ifndef STINT_WORKER_H
#define STINT_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

#include <stint/sched.h>

#include "kthread.h"
#include "thread.h"
#include "timers.h"
#include "trace.h"

struct worker_stats {
	uint64_t preemptions, displaced, steals, stolen, wakeups, remote_wakeups, kicks, sleeps, reliefs;
};

struct worker {
	/* the run queue; under its lock (worker.c), by the worker itself or a thief */
	int inside;                     /* the worker has the lock; written by it alone */
	int waits;                      /* it stands outside and waits for wanted to be over */
	int wanted;                     /* somebody else has it, or waits for it, and has also: */
	int lock;
	unsigned ready;                 /* threads in rq; thieves peek */
	uint64_t load;                  /* weights of those and the running one; others peek, */
	int runs_rank, waits_rank;      /* and at these (rank.h) */
	const struct stint_policy *policy;
	void *rq;
	unsigned policy_gen;
	bool timed, ranked;             /* the policy has STINT_POLICY_TIMED; has ranks (rank.h) */
	bool sends;                     /* it is ranked, or a relief: who becomes ready here may belong elsewhere */
	void (*yield_to)(void *rq, struct stint_task *t, stint_ns now); /* the policy's; NULL: it has none */
	stint_ns now;                   /* as last told to the policy */
	uint64_t now_cycles;

	/* the worker's own */
	struct stint_thread *running;   /* NULL: none */
	struct stint_thread *prev;      /* whose stack is being left; until worker_arrived() */
	struct stint_thread *gone;      /* prev, and to be freed then */
	struct stint_thread *heir;      /* waited for the end of the running one, which is on its way out: ready once that has left */
	struct stint_thread *handed;    /* picked, to be run from the worker's own stack */
	uint64_t turn_end;              /* when the running one's turn is to be looked at, cycles; NEVER */
	uint64_t turns, turn_of;        /* threads run; which of them turn_end was set for, */
	uint64_t turn_set;              /* and when */
	uint64_t turns_looked;          /* turns, at the last tick */
	uint64_t timers_from;           /* the running one is left alone by timers until then, cycles */
	uint64_t offer_at;              /* when those who wait here are to be offered to a sleeper again, cycles; NEVER */
	bool resched;                   /* the running one is to leave as soon as it can */
	bool displaced;                 /* the running one is to leave at turn_end, if it has not done so before */
	struct kthread *kt;
	struct arch_context native;     /* where the kernel thread's own stack goes on */
	struct timers timers;
	struct worker_stats stats;
	struct trace_ring trace;
	uint64_t made, freed;           /* threads, on this worker; read by others */
	uint64_t next_id, ids_end;      /* for threads that it makes */
	unsigned id;
	uint64_t chance;
	struct worker *even_with;       /* at which fewer threads are ready, */
	uint64_t even_since, even_turns, even_odd;      /* since then, cycles; its turns then; how long one may have one more */
	unsigned look_less;             /* how often the time is halved for which it looks around before it sleeps */

	/* written by others */
	struct cds_wfcq_tail inbox_tail __attribute__((aligned(64)));
	struct post post;               /* read and written together with that */
	struct __cds_wfcq_head inbox_head __attribute__((aligned(64)));
	int asleep;                     /* 1: on this word; 2: in the poller. 0 by who wakes it */
	int up;                         /* 1: it runs; negative: it cannot, and why; release */
	bool relief;                    /* brought in for others (relief.c) */
	struct worker *relieves;        /* a relief: for whom; by the monitor, NULL by itself; release, acquire */
	uint64_t relieved_turns;        /* how far that one had got; NEVER: it has got on */
	pthread_t thread;
	void *rq_memory, *memory;       /* as they were allocated */
};

extern PRIVATE struct worker *workers[];
extern PRIVATE unsigned nworkers;               /* grows when a relief is added; release, by the monitor */
extern PRIVATE unsigned nregular;               /* those that are no reliefs; constant while threads live */

/* the worker whose kernel thread we are on, or NULL. Preemption disabled, or outside calls. */
static inline struct worker *worker_here(void)
{
	struct kthread *kt = kthread_here();

	return kt ? kt->worker : NULL;
}

/* on which @w runs; asked by another one, to which it may be another the next moment (handoff.c) */
static inline struct kthread *worker_kthread(const struct worker *w)
{
	return __atomic_load_n(&w->kt, __ATOMIC_RELAXED);
}

/* by the worker itself */
static inline unsigned worker_chance(struct worker *w)
{
	return (unsigned)((w->chance = w->chance * 6364136223846793005u + 1) >> 33);
}

/* @t, which is about to park at @w, is to be woken at @when */
void worker_add_timer_elsewhere(struct worker *w, struct stint_thread *t, uint64_t when);

static inline void worker_add_timer(struct worker *w, struct stint_thread *t, uint64_t when)
{
	if (unlikely(w->relief))
		worker_add_timer_elsewhere(w, t, when);
	else
		timers_add(&w->timers, &t->timer, when, w->now_cycles);
}

enum ready_op { READY_SPAWN, READY_WAKEUP, READY_MOVED };   /* the last: it was ready at another worker */

/* @t is ready now; it was away. Any kernel thread, preemption disabled or outside calls. */
void worker_ready(struct stint_thread *t, enum ready_op op);
void worker_ready_from(struct worker *here, struct stint_thread *t, enum ready_op op);  /* @here: worker_here() */

void worker_ready_insig(struct stint_thread *t);        /* it has waited */

/* the same for all in a list by next */
void worker_ready_all(struct stint_thread *list);

/* have the running thread looked at soon; to drain the inbox, to be cancelled */
void worker_kick(struct worker *w);

/* from its own context */
void worker_arrived(void);
/* on the worker that runs @root */
static inline bool worker_others_ready(struct stint *root)
{
	const struct worker *w = thread_of(root)->worker;

	return __atomic_load_n(&w->ready, __ATOMIC_RELAXED) || w->resched ||
	       __atomic_load_n(&w->inbox_tail.p, __ATOMIC_RELAXED) != &w->inbox_head.node;
}
/* the chain from @s to @root, a thread, leaves, to be ready at once or to wait. Return when it goes on. */
void worker_yield(struct stint *s, struct stint *root);
void worker_block(struct stint *s, struct stint *root);

#define WORKERS_MAX 256

int workers_start(unsigned n, const struct stint_policy *policy, stint_ns quantum);     /* 0 or an errno value */
void workers_stop(void);                        /* no thread lives; waits for them. They are still there to look at */
void workers_free(void);                        /* and nobody looks any more */
void workers_hand_out(struct stint_thread *list);      /* into inboxes; nobody is kicked */
void workers_hand_out_kicking(struct stint_thread *list);      /* also in a signal handler */
struct worker *worker_add_relief(void);         /* claimed (relief.h); NULL: it cannot be had */
/* in the handler: the running thread @t of @w goes away without leaving the CPU; goes on, on the kernel thread that @w has had */
void worker_leave_behind(struct worker *w, struct stint_thread *t);
void worker_go_on(struct worker *relief, struct stint_thread *t);
bool worker_run_one(struct worker *w);          /* on its own stack, until it comes back; false: nobody is ready */
void workers_after_fork(struct worker *w);      /* it is the only one left, and its thread forked */
void workers_forget(void);
int workers_set_policy(const struct stint_policy *policy);     /* begins it; 0, EBUSY, ENOMEM, what init() said */
int *workers_replacing(void);                   /* above 0 while some have not changed over; a word to wait on */

#endif
