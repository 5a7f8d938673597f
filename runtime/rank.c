/*
 * rank.c - see rank.h
 *
 * A policy knows one worker. Left to itself a thread of a high priority would wait at one for a higher one that computes, for ever, while
 * at the other a low one runs. So who becomes ready and may not run at once goes to where the lowest one runs, if that is lower, and displaces
 * it there. That leaves those who wait already when, at another worker, a high one goes away and a low one comes to run:
 * these the monitor notices, which looks every few milliseconds while anybody waits, and has their worker give one away. To tell it at each
 * switch would cost more than it gives; most of those that come to run so go away again soon.
 */
#include "rank.h"

#include "runq.h"

#define LONGEST_US 2000000000    /* half an hour; those that are longer are alike */

int rank_of(const struct worker *w, const struct stint_thread *t)
{
	stint_ns us = t->task.deadline / 1000;

	if (w->policy->flags & STINT_POLICY_PRIORITY)
		return t->task.priority;
	return t->task.deadline ? -(int)(us < LONGEST_US ? us : LONGEST_US) : -LONGEST_US - 1;
}

/* NULL: none but @w; or one has nothing to do, and will take from the others */
static struct worker *lowest(const struct worker *w)
{
	struct worker *found = NULL;

	for (unsigned i = 0; i < nregular; i++) {
		struct worker *v = workers[(w->id + i) % nregular];
		int rank = __atomic_load_n(&v->runs_rank, __ATOMIC_RELAXED);

		if (v == w || v->relief)
			continue;
		if (rank == RANK_NONE)
			return NULL;
		if (!found || rank < __atomic_load_n(&found->runs_rank, __ATOMIC_RELAXED))
			found = v;
	}
	return found;
}

/* the same, if it is lower than @rank */
static struct worker *lower_than(int rank, const struct worker *w)
{
	struct worker *v = rank == RANK_NONE || w->relief ? NULL : lowest(w);

	return v && __atomic_load_n(&v->runs_rank, __ATOMIC_RELAXED) < rank ? v : NULL;
}

static struct worker *lower_than_who_waits(const struct worker *w)
{
	return lower_than(__atomic_load_n(&w->waits_rank, __ATOMIC_RELAXED), w);
}

struct worker *rank_elsewhere(const struct worker *w, const struct stint_thread *t)
{
	int rank = rank_of(w, t);

	return rank > __atomic_load_n(&w->runs_rank, __ATOMIC_RELAXED) ? NULL : lower_than(rank, w);
}

bool rank_inverted(const struct worker *w)
{
	return lower_than_who_waits(w);
}

struct stint_thread *rank_give_locked(struct worker *w, struct worker **to)
{
	stint_ns now = runq_told_locked(w);
	struct stint_thread *t;

	*to = lower_than_who_waits(w);
	if (!*to)
		return NULL;
	t = runq_give_locked(w, now);
	if (t && rank_of(w, t) > __atomic_load_n(&(*to)->runs_rank, __ATOMIC_RELAXED))
		return t;
	__atomic_store_n(&w->waits_rank, t ? rank_of(w, t) : RANK_NONE, __ATOMIC_RELAXED);     /* so low are they */
	if (t)
		runq_keep_locked(w, t, now);
	return NULL;
}
