/*
 * thread_sleepers.c - many threads that sleep: the worker has neither a tick nor a sleep of its own for each of them; and one that begins to
 * compute holds up none of them for good
 */
#include <stint.h>

#include "../test.h"

#define MANY     1000
#define ROUNDS   40

static uint64_t seed;
static int woken;               /* atomic; the next, too */
static bool has_slept;

static struct stint_worker_stats stats(void)
{
	struct stint_worker_stats s;

	CHECK_INT(stint_worker_stats(0, &s), ==, 0);
	return s;
}

/* from 5 to 15 ms at a time: of many, one wakes up every 10 us on average */
static void *sleeps(void *arg)
{
	struct rng r;

	rng_seed(&r, seed + (uintptr_t)arg);
	for (int i = 0; i < ROUNDS; i++) {
		stint_thread_sleep(STINT_MS(5) + (stint_ns)rng_below(&r, STINT_MS(10)));
		__atomic_fetch_add(&woken, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

/* @n of them: no more ticks than a part of how often they wake up, nor sleeps of the worker */
static void some_sleep(int n, int ticks_part, int sleeps_part)
{
	static stint_thread_t *t[MANY];
	struct stint_worker_stats before = stats(), after;

	woken = 0;
	for (intptr_t i = 0; i < n; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, sleeps, (void *)i), ==, 0);
	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	after = stats();
	CHECK_INT(woken, ==, n * ROUNDS);
	fprintf(stderr, "%d times awake: %llu ticks, %llu sleeps\n", woken, (unsigned long long)(after.ticks - before.ticks),
	        (unsigned long long)(after.sleeps - before.sleeps));
	CHECK_INT((after.ticks - before.ticks) * ticks_part, <, woken);
	CHECK_INT((after.sleeps - before.sleeps) * sleeps_part, <=, woken);
}

static void *wakes_up(void *arg)
{
	stint_thread_sleep((stint_ns)(intptr_t)arg);
	__atomic_store_n(&has_slept, true, __ATOMIC_RELEASE);
	return NULL;
}

/* it left by itself before, so it is left alone for a moment, but not longer */
static void *computes(void *arg)
{
	stint_thread_sleep(STINT_MS(2));
	while (!__atomic_load_n(&has_slept, __ATOMIC_ACQUIRE))
		;
	return arg;
}

static void one_computes(stint_ns due)
{
	stint_thread_t *t[2];

	has_slept = false;
	CHECK_INT(stint_thread_create(&t[0], NULL, computes, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&t[1], NULL, wakes_up, (void *)(intptr_t)due), ==, 0);
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1 };

	test_watchdog();
	seed = test_seed();
	CHECK_INT(stint_start(&config), ==, 0);
	some_sleep(MANY, 8, 4);
	some_sleep(8, 4, 0);
	for (int i = 0; i < 50; i++)
		one_computes(STINT_MS(2) + STINT_US(20) * i);
	return 0;
}
