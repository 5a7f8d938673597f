/* thread_stats.c - the counters of workers say what the workers did */
#include <errno.h>
#include <string.h>

#include <stint.h>

#include "../test.h"

#define YIELDS 1000

static struct stint_worker_stats total(void)
{
	struct stint_worker_stats sum = { 0 }, one;

	for (unsigned i = 0; stint_worker_stats(i, &one) == 0; i++) {
		sum.switches += one.switches;
		sum.wakeups += one.wakeups;
		sum.preemptions += one.preemptions;
		sum.ticks += one.ticks;
	}
	return sum;
}

static void *yields(void *arg)
{
	for (int i = 0; i < YIELDS; i++)
		stint_thread_yield();
	return arg;
}

static void *makes_two(void *arg)
{
	stint_thread_t *t[2];

	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, yields, NULL), ==, 0);
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	return arg;
}

/* computes until it has been stopped */
static void *computes(void *arg)
{
	struct stint_usage used;

	do
		CHECK_INT(stint_thread_usage(stint_thread_self(), &used), ==, 0);
	while (!used.preemptions);
	return arg;
}

static void run(stint_fn *fn, int n)
{
	stint_thread_t *t[4];

	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, fn, NULL), ==, 0);
	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = "rr", .quantum = STINT_US(200) };
	struct stint_worker_stats st, before;

	CHECK_INT(stint_worker_stats(0, &st), ==, EINVAL);
	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(stint_worker_stats(0, NULL), ==, EINVAL);
	CHECK_INT(stint_worker_stats(0, &st), ==, 0);
	CHECK_INT(st.switches, ==, 0);
	CHECK_INT(stint_worker_stats(100000, &st), ==, EINVAL);

	run(makes_two, 1);
	before = total();
	CHECK(before.switches >= 2 * YIELDS);
	CHECK(before.wakeups >= 3);

	run(computes, 2);
	st = total();
	CHECK(st.preemptions >= before.preemptions + 2);
	CHECK(st.ticks > before.ticks);
	CHECK_INT(stint_stop(), ==, 0);
	CHECK_INT(stint_worker_stats(0, &st), ==, EINVAL);
	return 0;
}
