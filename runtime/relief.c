/*
 * relief.c - see relief.h
 *
 * A relief is a worker like the others, with a queue, timers and a kernel thread; it is made when it is first needed and kept. Nobody
 * wakes it but the monitor, and nothing is put into its inbox. While it relieves another worker it takes what is ready there, in
 * the inbox, or due by the other's timers: when it has nothing to do, at the ends of turns, and when the monitor, which sees that somebody waits
 * there, kicks it. If it sits in the kernel itself the monitor brings in another one for the same worker. When the relieved one has switched,
 * has nothing to do, or is seen to compute, it hands its ready threads to that one's inbox and rests.
 * Threads that wait with a timeout on a relief are woken by it, and handed out at once.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include "relief.h"

#include "clock.h"
#include "deadlock.h"
#include "replace.h"
#include "runq.h"
#include "sys.h"

#define NAP_NS 500000           /* between two looks at a worker that has nothing to take */

void relief_wake(struct worker *w)
{
	__atomic_fetch_add(&w->relief_word, 1, __ATOMIC_SEQ_CST);
	sys_wake(&w->relief_word);
}

/* --- by the monitor ---------------------------------------------------------------------------- */

struct worker *relief_of(const struct worker *stuck, unsigned *from)
{
	while (*from < nworkers) {
		struct worker *w = workers[(*from)++];

		if (__atomic_load_n(&w->relieves, __ATOMIC_RELAXED) == stuck)
			return w;
	}
	return NULL;
}

/* without memory or a kernel thread for one, the others wait on */
static struct worker *resting(void)
{
	for (unsigned i = 0; i < nworkers; i++)
		if (workers[i]->relief && !__atomic_load_n(&workers[i]->relieves, __ATOMIC_ACQUIRE))
			return workers[i];
	return worker_add_relief();
}

void relief_bring(struct worker *stuck, uint64_t turns)
{
	struct worker *w = resting();

	if (!w)
		return;
	w->stats.reliefs++;
	__atomic_store_n(&w->relieved_turns, turns, __ATOMIC_RELAXED);
	__atomic_store_n(&w->relieves, stuck, __ATOMIC_RELEASE);
	relief_wake(w);
}

void relief_end(struct worker *w)
{
	__atomic_store_n(&w->relieved_turns, NEVER, __ATOMIC_RELAXED);
}

/* --- the relief -------------------------------------------------------------------------------- */

bool relief_over(const struct worker *w)
{
	const struct worker *stuck = __atomic_load_n(&w->relieves, __ATOMIC_ACQUIRE);

	return !stuck || __atomic_load_n(&stuck->turns, __ATOMIC_RELAXED) != __atomic_load_n(&w->relieved_turns, __ATOMIC_RELAXED) ||
	       !__atomic_load_n(&stuck->running, __ATOMIC_RELAXED);
}

void relief_look(struct worker *w)
{
	struct worker *stuck = __atomic_load_n(&w->relieves, __ATOMIC_ACQUIRE);

	if (!relief_over(w))
		runq_relieve(w, stuck);
}

static void nap(struct worker *w, int before, uint64_t until)
{
	if (!__atomic_load_n(&idle_stopping, __ATOMIC_SEQ_CST))         /* after the word, which is bumped after that */
		clock_sleep_on(&w->relief_word, before, until);
}

/* all that is ready here, for others to run */
static void hand_back(struct worker *w)
{
	struct stint_thread *list;

	runq_lock(w);
	runq_collect_locked(w);
	replace_locked(w);
	list = runq_take_all_locked(w);
	runq_unlock(w);
	workers_hand_out_kicking(list);
}

/* As it may be the last to have run a thread, it looks whether all wait for each other, like one that has nothing to do (idle_sleep()). */
static void rest(struct worker *w, int before)
{
	uint64_t until = __atomic_load_n(&w->timers.first, __ATOMIC_RELAXED), look = NEVER;

	if (until == NEVER)
		until = look = deadlock_look_worker();
	nap(w, before, until);
	if (look != NEVER)
		deadlock_awake(look);
}

void relief_round(struct worker *w)
{
	int before = __atomic_load_n(&w->relief_word, __ATOMIC_SEQ_CST);
	struct worker *stuck = __atomic_load_n(&w->relieves, __ATOMIC_ACQUIRE);

	if (relief_over(w)) {
		hand_back(w);
		__atomic_store_n(&w->relieves, NULL, __ATOMIC_RELEASE);
		if (!stuck)
			rest(w, before);
		return;
	}
	if (worker_run_one(w) || runq_relieve(w, stuck))
		return;
	nap(w, before, clock_after(clock_now(), clock_cycles(NAP_NS)));
}
