/*
 * idle.c - see idle.h
 *
 * A worker publishes asleep, then looks at its inbox and the other queues once more, then sleeps; who makes something
 * ready puts it where it will be seen, then looks at asleep: one of the two sees the other (both are full barriers). Who has more
 * ready than it can run wakes a sleeper, but not while one is awake and looking (nlooking), nor more often than every
 * WAKE_EVERY_NS while only one thread waits: most of those are run by the waker itself within a microsecond, when it waits. Where it
 * was woken for nothing that span doubles, up to WAKE_MOST_NS, until somebody takes something again: two threads that talk to each other
 * on one worker pay for it each time. If the waker does not wait, a tick will offer the thread again (runq_offer_later()).
 *
 * The first who sleeps does so in the poller, the others on their word.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include "idle.h"

#include "clock.h"
#include "deadlock.h"
#include "poller.h"
#include "replace.h"
#include "runq.h"
#include "sys.h"
#include "tick.h"
#include "trace.h"

#define LOOK_NS 20000           /* how long an idle worker looks around before it sleeps, at most, */
#define LOOK_LESS_MOST 4        /* and how often that is halved */
#define LEAST_SLEEP_NS 50000    /* until a timer, where there are many: those that come within that time have one way into the kernel and out */
#define MANY_TIMERS 16
#define LOOK_EVERY_NS 500       /* and how often: each look takes from the others what they are just writing to */
#define WAKE_EVERY_NS 50000
#define WAKE_MOST_NS 1000000
#define TURNS_EACH 16           /* while it is for nothing, the clock is looked at once in so many turns */

bool idle_stopping;

int idle_nasleep;               /* both atomic, seq_cst with the queues */
static int nlooking;            /* workers awake and looking for something to run */
static uint64_t last_wake, wake_gap;    /* cycles; these three relaxed, hints */
static bool offered;            /* somebody was woken for what another one has */
static uint64_t look_cycles, look_every_cycles, least_sleep_cycles, wake_cycles, wake_most_cycles;

void idle_setup(void)
{
	look_cycles = clock_cycles(LOOK_NS);
	least_sleep_cycles = clock_cycles(LEAST_SLEEP_NS);
	look_every_cycles = clock_cycles(LOOK_EVERY_NS);
	wake_gap = wake_cycles = clock_cycles(WAKE_EVERY_NS);
	wake_most_cycles = clock_cycles(WAKE_MOST_NS);
	idle_nasleep = nlooking = 0;
	deadlock_setup();
}

/* --- waking ------------------------------------------------------------------------------------ */

bool idle_wake(struct worker *w)
{
	int how = __atomic_exchange_n(&w->asleep, 0, __ATOMIC_SEQ_CST);

	if (!how)
		return false;
	__atomic_fetch_sub(&idle_nasleep, 1, __ATOMIC_SEQ_CST);
	if (how == 2)
		poller_wake();
	else
		sys_wake(&w->asleep);
	return true;
}

/* one that sleeps on its word rather than the one in the poller, whose waking costs more */
struct worker *idle_sleeper(void)
{
	struct worker *found = NULL;

	for (unsigned i = 0; i < nregular; i++) {
		int how = __atomic_load_n(&workers[i]->asleep, __ATOMIC_RELAXED);

		if (how == 1)
			return workers[i];
		if (how)
			found = workers[i];
	}
	return found;
}

bool idle_wake_one(void)
{
	struct worker *w;

	while ((w = idle_sleeper()))
		if (idle_wake(w))
			return true;
	return false;
}

/*
 * Whether it is too early to wake somebody for the one thread that waits at @w. While that has been for nothing, the clock is not even
 * looked at each time.
 */
static bool too_early(const struct worker *w)
{
	uint64_t gap = __atomic_load_n(&wake_gap, __ATOMIC_RELAXED);

	if (gap > wake_cycles && w->turns % TURNS_EACH)
		return true;
	return clock_now() - __atomic_load_n(&last_wake, __ATOMIC_RELAXED) < gap;
}

/* more is ready there than runs, and nobody is looking for it */
static inline bool may_offer(const struct worker *w)
{
	return __atomic_load_n(&idle_nasleep, __ATOMIC_RELAXED) && w->ready && w->running &&
	       !__atomic_load_n(&nlooking, __ATOMIC_SEQ_CST);
}

static void offer(void)
{
	__atomic_store_n(&last_wake, clock_now(), __ATOMIC_RELAXED);
	__atomic_store_n(&offered, true, __ATOMIC_RELAXED);
	idle_wake_one();
}

void idle_offer_slow(struct worker *w)
{
	if (w->ready == 1 && too_early(w))
		return;
	if (may_offer(w))
		offer();
}

void idle_offer_at_tick(struct worker *w)
{
	if (may_offer(w))
		offer();
}

/* --- having nothing to do ---------------------------------------------------------------------- */

static bool steal(struct worker *w)
{
	struct stint_thread *list = NULL, *next;
	unsigned first = nworkers > 1 ? worker_chance(w) : 0;

	for (unsigned i = 0; i < nworkers && !list; i++) {
		struct worker *v = workers[(first + i) % nworkers];

		if (v != w)
			list = runq_take_some(v);
	}
	if (!list)
		return false;
	runq_lock(w);
	for (; list; list = next) {
		next = list->next;
		runq_attach_locked(w, list);
	}
	runq_unlock(w);
	return true;
}

static bool timer_due(const struct worker *w, uint64_t now)
{
	return __atomic_load_n(&w->timers.first, __ATOMIC_RELAXED) <= now;
}

/* whether there is something to do for @w but what others may give it, or its timers */
static bool called(struct worker *w)
{
	return !cds_wfcq_empty(&w->inbox_head, &w->inbox_tail) || w->policy_gen != replace_gen() ||
	       __atomic_load_n(&idle_stopping, __ATOMIC_ACQUIRE);
}

/* @took: one who looked around took something. Else it matters only whether it was woken for that. */
static void learn(bool took)
{
	uint64_t gap = 2 * __atomic_load_n(&wake_gap, __ATOMIC_RELAXED);

	if (took)
		gap = wake_cycles;
	else if (!__atomic_load_n(&offered, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&offered, false, __ATOMIC_RELAXED);
	__atomic_store_n(&wake_gap, gap < wake_most_cycles ? gap : wake_most_cycles, __ATOMIC_RELAXED);
}

static bool others_have(const struct worker *w)
{
	for (unsigned i = 0; i < nworkers; i++)
		if (workers[i] != w && __atomic_load_n(&workers[i]->ready, __ATOMIC_RELAXED) > 1)
			return true;
	return false;
}

/* what has come in for those who wait for descriptors, before another worker wakes up for it */
static bool come_in(void)
{
	bool any;
	struct stint_thread *list = poller_look(&any);

	worker_ready_all(list);
	return list;
}

bool idle_look_around(struct worker *w)
{
	uint64_t now = clock_now(), until = now + (look_cycles >> w->look_less), next;
	bool found, due, took = false;

	if (nworkers == 1)
		return called(w) || timer_due(w, now);
	if (come_in())
		return true;
	__atomic_fetch_add(&nlooking, 1, __ATOMIC_SEQ_CST);
	do {
		found = called(w) || (took = steal(w));
		for (next = now + look_every_cycles; !found && (now = clock_now()) < next;)
			arch_relax();
		due = timer_due(w, now);
	} while (!found && !due && now < until);
	__atomic_fetch_sub(&nlooking, 1, __ATOMIC_SEQ_CST);
	if (found)
		w->look_less = 0;
	if (took || !(found || due))
		learn(took);
	return found || due;
}

static bool at_rest(struct worker *w)
{
	return !__atomic_load_n(&w->running, __ATOMIC_RELAXED) && !__atomic_load_n(&w->ready, __ATOMIC_RELAXED) &&
	       cds_wfcq_empty(&w->inbox_head, &w->inbox_tail) && __atomic_load_n(&w->timers.first, __ATOMIC_RELAXED) == NEVER;
}

bool idle_all_asleep(void)
{
	if (__atomic_load_n(&idle_nasleep, __ATOMIC_SEQ_CST) != (int)nregular)
		return false;
	for (unsigned i = 0; i < nworkers; i++)
		if (!at_rest(workers[i]))
			return false;
	return true;
}

uint64_t idle_slept(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < nworkers; i++)
		n += __atomic_load_n(&workers[i]->stats.sleeps, __ATOMIC_RELAXED);
	return n;
}

uint64_t idle_switched(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < nworkers; i++)
		n += __atomic_load_n(&workers[i]->turns, __ATOMIC_RELAXED);
	return n;
}

/*
 * To look around was for nothing. It is worth while where sleeps are so short that it would have seen the end of them, or nearly: to sleep
 * and be woken takes some time by itself.
 */
static void learn_look(struct worker *w, uint64_t slept)
{
	if (slept < least_sleep_cycles)
		w->look_less = 0;
	else if (w->look_less < LOOK_LESS_MOST)
		w->look_less++;
}

static uint64_t sleep_until(const struct worker *w, uint64_t now)
{
	uint64_t first = __atomic_load_n(&w->timers.first, __ATOMIC_RELAXED), least = now + least_sleep_cycles;

	return first < least && __atomic_load_n(&w->timers.n, __ATOMIC_RELAXED) >= MANY_TIMERS ? least : first;
}

void idle_sleep(struct worker *w)
{
	struct stint_thread *list = NULL;
	int how = poller_claim() ? 2 : 1;
	uint64_t look = NEVER, began = clock_now();
	bool woken;

	w->stats.sleeps++;
	trace(w, TRACE_SLEEP, NULL, 0, 0);
	__atomic_store_n(&w->asleep, how, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&idle_nasleep, 1, __ATOMIC_SEQ_CST);
	if (!called(w) && !others_have(w)) {
		uint64_t until = sleep_until(w, began);

		if (until == NEVER)
			until = look = deadlock_look_worker();
		if (w->kt->armed != NEVER && w->kt->armed <= until)
			tick_off_insig(w->kt);          /* for who ran last; it would only wake this one */
		if (how == 2)
			list = poller_poll(until, &woken);
		else
			clock_sleep_on(&w->asleep, 1, until);
	}
	if (__atomic_exchange_n(&w->asleep, 0, __ATOMIC_SEQ_CST))
		__atomic_fetch_sub(&idle_nasleep, 1, __ATOMIC_SEQ_CST);
	learn_look(w, clock_now() - began);
	if (look != NEVER)
		deadlock_awake(look);
	if (how == 2)
		poller_release();
	trace(w, TRACE_AWAKE, NULL, 0, 0);
	worker_ready_all(list);
}
