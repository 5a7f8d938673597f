/*
 * rank.h - the higher priority, or the shorter deadline, first on all workers together, for policies that ask for it (STINT_POLICY_PRIORITY,
 * STINT_POLICY_DEADLINE)
 *
 * Each worker says of what rank the thread is that runs there, and of what those at most that wait. Others peek: what they
 * decide by it may be wrong the next moment, and is decided anew by the monitor's next look.
 */
#ifndef STINT_RANK_H
#define STINT_RANK_H

#include <limits.h>

#include "worker.h"

#define RANK_NONE INT_MIN       /* nobody */

/* with a policy that has any: the priority; or of deadlines, in microseconds, the shorter before the longer */
int rank_of(const struct worker *w, const struct stint_thread *t);

/* @t is in the queue of @w now */
static inline void rank_ready_locked(struct worker *w, const struct stint_thread *t)
{
	if (unlikely(w->ranked) && rank_of(w, t) > w->waits_rank)
		__atomic_store_n(&w->waits_rank, rank_of(w, t), __ATOMIC_RELAXED);
}

/*
 * @t, just taken out of the queue of @w as the first, runs there. What is left may all be lower: that is found when it matters. Nor need those
 * be noted that are put back: each is by one that was noted and comes before it.
 */
static inline void rank_runs_locked(struct worker *w, const struct stint_thread *t)
{
	if (likely(!w->ranked))
		return;
	__atomic_store_n(&w->runs_rank, rank_of(w, t), __ATOMIC_RELAXED);
	if (!w->ready)
		__atomic_store_n(&w->waits_rank, RANK_NONE, __ATOMIC_RELAXED);
}

/* nobody runs at @w, nor waits */
static inline void rank_idle_locked(struct worker *w)
{
	__atomic_store_n(&w->runs_rank, RANK_NONE, __ATOMIC_RELAXED);
	__atomic_store_n(&w->waits_rank, RANK_NONE, __ATOMIC_RELAXED);
}

/*
 * @t becomes ready at @w. Where it would wait there: the worker at which a lower one runs, the lowest of all. NULL: none, or somebody has
 * nothing to do, and takes it.
 */
struct worker *rank_elsewhere(const struct worker *w, const struct stint_thread *t);

/* by the monitor: one that waits at @w may be higher than one that runs elsewhere. That is looked into at @w: */
bool rank_inverted(const struct worker *w);
/* under its lock: one that is to go to the other worker, *@to, and has been taken out of the queue for that; NULL: none */
struct stint_thread *rank_give_locked(struct worker *w, struct worker **to);

#endif
