/*
 * even.c - see even.h
 *
 * Where nobody is idle who would take from the others (idle.c), one hog would have a worker for itself for ever, and two another one
 * between them. So a worker at which threads wait for the end of turns looks, when one has ended, who has the least load; where that
 * has been the same one for a while, and has less still, one thread goes there. The load is the sum of all weights, or with
 * policies that do not go by them the number of threads; who runs is counted, too. One goes at once if that leaves less of a difference.
 * Where it leaves as much, the odd thread goes round: over some times of that, each has had its share.
 *
 * It is given, not taken: where one runs alone there are no ticks, and it need not be stopped for its lock. And only where turns
 * come to their ends. Threads that leave by themselves soon are mostly waited for by those that are there, and how many
 * wait says little about the next moment.
 *
 * Who is as heavy as all others together has a worker for itself, and more cannot be had: from there nobody goes, to there neither.
 */
#include "even.h"

#include "clock.h"
#include "runq.h"

#define UNEVEN_NS 4000000       /* for so long must a difference of two threads or more have been seen, */
#define ODD_NS 20000000         /* or of one; and up to half as long again: turns that end in time with that would have the same one go each time */
#define PARTS 16                /* of that are counted, */
#define MOST_PARTS 64

static uint64_t uneven_cycles, odd_cycles;

void even_setup(void)
{
	uneven_cycles = clock_cycles(UNEVEN_NS);
	odd_cycles = clock_cycles(ODD_NS);
}

static bool by_weight(const struct worker *w)
{
	return w->policy->flags & STINT_POLICY_WEIGHTS;
}

/* of @v, as @w counts; peeked at, where it is another one */
static uint64_t load_at(const struct worker *v, const struct worker *w)
{
	return by_weight(w) ? __atomic_load_n(&v->load, __ATOMIC_RELAXED) : __atomic_load_n(&v->ready, __ATOMIC_RELAXED) + 1;
}

static uint64_t turns_at(const struct worker *w)
{
	return __atomic_load_n(&w->turns, __ATOMIC_RELAXED);
}

/* of the others that run something the one with the least load */
static struct worker *least_busy(const struct worker *w)
{
	struct worker *found = NULL;

	for (unsigned i = 0; i < nregular; i++) {
		struct worker *v = workers[(w->id + i) % nregular];

		if (v != w && !v->relief && __atomic_load_n(&v->running, __ATOMIC_RELAXED) &&
		    (!found || load_at(v, w) < load_at(found, w)))
			found = v;
	}
	return found;
}

static void begin(struct worker *w, struct worker *v, uint64_t now)
{
	w->even_with = v;
	w->even_since = now;
	w->even_turns = v ? turns_at(v) : 0;
	w->even_odd = odd_cycles + odd_cycles * (worker_chance(w) % 256) / 512;
}

/* Since then its threads have left by themselves soon. */
static bool brief_since(const struct worker *w, const struct worker *v, uint64_t now)
{
	return runq_are_brief(turns_at(v) - w->even_turns, now - w->even_since);
}

static uint64_t size_of(const struct worker *w, const struct stint_thread *t)
{
	return by_weight(w) ? t->task.weight : 1;
}

/*
 * How long there must have been @more load here than at the other one. Where it is less than two threads of the mean size, one that goes
 * mostly makes it the other one that has more: each of the two for a time that is the shorter the greater the difference, so that over both
 * everybody has had the same share.
 */
static uint64_t patience(const struct worker *w, uint64_t load, uint64_t more)
{
	uint64_t mean = load / (w->ready + 1), part = PARTS * mean / more;

	if (2 * part <= PARTS)
		return uneven_cycles;
	return w->even_odd * (part < MOST_PARTS ? part : MOST_PARTS) / PARTS;
}

/*
 * Whom the policy gives goes if the difference, @more, is less then; or not much greater, the other way round, where that is what
 * was waited for. Else it stays.
 */
static struct stint_thread *give_fitting_locked(struct worker *w, uint64_t more, bool odd)
{
	stint_ns now = runq_told_locked(w);
	struct stint_thread *t = runq_give_locked(w, now);

	if (!t || size_of(w, t) < more || (odd && size_of(w, t) <= 2 * more))
		return t;
	runq_keep_locked(w, t, now);
	return NULL;
}

struct stint_thread *even_give_locked(struct worker *w, uint64_t now, struct worker **to)
{
	struct worker *v;
	struct stint_thread *t;
	uint64_t load, theirs, wait;
	bool odd;

	if (!(w->policy->flags & STINT_POLICY_EVEN) || nregular == 1 || w->relief)
		return NULL;
	load = load_at(w, w);
	v = least_busy(w);
	theirs = v ? load_at(v, w) : load;
	if (theirs >= load) {
		begin(w, NULL, now);
		return NULL;
	}
	if (v != w->even_with || brief_since(w, v, now)) {
		begin(w, v, now);
		return NULL;
	}
	wait = patience(w, load, load - theirs);
	if (now - w->even_since < wait)
		return NULL;
	odd = wait > uneven_cycles;
	t = give_fitting_locked(w, load - theirs, odd);
	if (odd || (t && load - theirs <= 2 * size_of(w, t)))
		begin(w, v, now);       /* else the next one follows at the end of the next turn */
	*to = v;
	return t;
}
