/*
 * test_runq.c - what an idle worker takes from another's queue: how many, and in which order; and when a turn is to be looked at
 */
#include "unit.h"

#include "runq.h"
#include "worker.h"

#define THREADS 300

static struct stint_thread threads[THREADS];
static struct worker *w;

static void has_ready(const char *policy, unsigned n)
{
	static uint64_t rq[4096 / sizeof(uint64_t)] __attribute__((aligned(64)));

	memset(threads, 0, sizeof(threads));
	memset(rq, 0, sizeof(rq));
	free(w);
	w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);
	ck_assert_ptr_nonnull(w);
	memset(w, 0, sizeof(*w));
	ck_assert_int_eq(stint_policy_load(policy, &w->policy, NULL, 0), 0);
	ck_assert_uint_le(w->policy->rq_size, sizeof(rq));
	w->rq = rq;
	ck_assert_int_eq(w->policy->init(rq, 1000), 0);
	for (unsigned i = 0; i < n; i++)
		w->policy->spawn(rq, &threads[i].task, 0);
	w->ready = n;
}

/* the first @n that were made, in that order */
static void gives(unsigned n)
{
	unsigned ready = w->ready;
	struct stint_thread *list = runq_take_some(w);

	for (unsigned i = 0; i < n; i++, list = list->next)
		ck_assert_ptr_eq(list, &threads[i]);
	ck_assert_ptr_null(list);
	ck_assert_uint_eq(w->ready, ready - n);
	ck_assert_uint_eq(w->stats.stolen, n);
}

START_TEST(half_or_few)
{
	runq_setup(1000);
	has_ready("rr", 100);
	gives(50);
	has_ready("rr", THREADS);
	gives(64);
	has_ready("rr", 1);
	gives(1);
	has_ready("rr", 0);
	gives(0);
	has_ready("lifo", 100);
	gives(4);
	has_ready("lifo", 6);
	gives(3);
	has_ready("lifo", 1);
	gives(1);
	free(w);
	w = NULL;
}
END_TEST

/* @turns later, each of which took that long, a turn begins that the policy would end at once: it lasts for @span all the same */
static void lasts(unsigned turns, stint_ns each, stint_ns span)
{
	w->turns += turns;
	w->now_cycles += turns * clock_cycles(each);
	runq_begin_turn_locked(w, &threads[0].task, 0);
	ck_assert_uint_eq(w->turn_end, w->now_cycles + clock_cycles(span));
}

START_TEST(turn_ends)
{
	runq_setup(STINT_MS(1));
	has_ready("fair", 2);
	w->timed = true;
	w->now_cycles = clock_now();
	ck_assert_ptr_eq(w->policy->pick_next(w->rq, 0), &threads[0].task);
	lasts(1, STINT_US(1), STINT_US(500));
	lasts(RUNQ_OFTEN - 1, STINT_US(1), STINT_US(500));
	lasts(RUNQ_OFTEN, STINT_US(1), STINT_MS(1));
	lasts(10 * RUNQ_OFTEN, RUNQ_OFTEN_NS - 1000, STINT_MS(1));
	lasts(10 * RUNQ_OFTEN, RUNQ_OFTEN_NS + 1000, STINT_US(500));
	free(w);
	w = NULL;
}
END_TEST

UNIT_MAIN("runq", half_or_few, turn_ends)
