/*
 * even.c - see even.h
 *
 * Who is idle takes from the others (idle.c). Where nobody is, one hog would have a worker for itself for ever, and two another one
 * between them. So a worker at which threads wait for the end of turns looks, when one has ended, who has the fewest; where that has been
 * the same one for a while, and has fewer still, one thread goes there. With a difference of one it makes the other the one that has more,
 * so the odd thread goes round: over some times of that, each has had as much as the others.
 *
 * It is given, not taken: where one runs alone there are no ticks, and it need not be stopped for its lock. And only where turns
 * come to their ends. Threads that leave by themselves soon are mostly waited for by those that are there, and how many
 * wait says little about the next moment.
 *
 * Counted are threads, not weights: those of all weights go round alike.
 */
#include "even.h"

#include "clock.h"
#include "runq.h"

#define UNEVEN_NS 4000000       /* for so long must a difference of two or more have been seen, */
#define ODD_NS 20000000         /* or of one; and up to half as long again: turns that end in time with that would have the same one go each time */

static uint64_t uneven_cycles, odd_cycles;

void even_setup(void)
{
	uneven_cycles = clock_cycles(UNEVEN_NS);
	odd_cycles = clock_cycles(ODD_NS);
}

static unsigned ready_at(const struct worker *w)
{
	return __atomic_load_n(&w->ready, __ATOMIC_RELAXED);
}

static uint64_t turns_at(const struct worker *w)
{
	return __atomic_load_n(&w->turns, __ATOMIC_RELAXED);
}

/* of the others that run something the one with the fewest ready; all peeked at */
static struct worker *least_busy(const struct worker *w)
{
	struct worker *found = NULL;

	for (unsigned i = 0; i < nregular; i++) {
		struct worker *v = workers[(w->id + i) % nregular];

		if (v != w && !v->relief && __atomic_load_n(&v->running, __ATOMIC_RELAXED) &&
		    (!found || ready_at(v) < ready_at(found)))
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

struct stint_thread *even_give_locked(struct worker *w, uint64_t now, struct worker **to)
{
	struct worker *v;
	unsigned more;

	if (!(w->policy->flags & STINT_POLICY_EVEN) || nregular == 1 || w->relief)
		return NULL;
	v = least_busy(w);
	if (!v || ready_at(v) >= w->ready) {
		begin(w, NULL, now);
		return NULL;
	}
	if (v != w->even_with || brief_since(w, v, now)) {
		begin(w, v, now);
		return NULL;
	}
	more = w->ready - ready_at(v);
	if (now - w->even_since < (more > 1 ? uneven_cycles : w->even_odd))
		return NULL;
	if (more <= 2)
		begin(w, v, now);       /* else the next one follows at the end of the next turn */
	*to = v;
	return runq_give_locked(w, runq_told_locked(w));
}
