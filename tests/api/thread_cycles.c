/*
 * thread_cycles.c - the runtime started and stopped again and again, and threads made and joined by many
 * kernel threads at once, leave nothing behind: no kernel threads, no descriptors, no memory
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

#define CYCLES 200

static void stop(void)
{
	int err;

	while ((err = stint_stop()) == EBUSY)
		sleep_ns(50000);
	CHECK_INT(err, ==, 0);
}

static void *works(void *arg)
{
	void *p = malloc(100);

	CHECK(p);
	stint_thread_yield();
	stint_thread_sleep(STINT_US(20));
	free(p);
	return arg;
}

static void some_threads(int n)
{
	stint_thread_t *t[16];
	void *result;

	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, works, &t[i]), ==, 0);
	for (int i = 0; i < n; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(result == &t[i]);
	}
}

static void cycles(void)
{
	static const char *const policies[] = { "fifo", "rr", "fair", "prio", "edf", "mlfq", "lifo" };
	int tasks = 0, fds = 0, maps = 0;
	size_t heap = 0;

	for (int i = 0; i < CYCLES; i++) {
		struct stint_config c = { .size = sizeof(c),
					  .workers = 1 + i % 4,
					  .policy = policies[(size_t)i % (sizeof(policies) / sizeof(*policies))],
					  .quantum = STINT_US(500) };

		if (i % 5)
			CHECK_INT(stint_start(&c), ==, 0);
		if (i % 3)
			some_threads(1 + i % 16);
		else
			CHECK_INT(stint_go(works, NULL), ==, 0);
		stop();
		if (i == CYCLES / 4) {
			tasks = count_tasks("", NULL);
			fds = count_fds();
			maps = count_maps();
			heap = heap_in_use();
		}
	}
	while (count_tasks("", NULL) > tasks)   /* a kernel thread that is joined may be seen a moment longer */
		sleep_ns(1000000);
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 20);
	CHECK_INT(heap_in_use(), <=, heap + (64 << 10));
}

/* --- many kernel threads ----------------------------------------------------------------------- */

static void *makes_and_joins(void *arg)
{
	struct rng r;

	rng_seed(&r, (uint64_t)arg);
	for (int i = 0; i < 60; i++) {
		some_threads(1 + (int)rng_below(&r, 16));
		if (rng_below(&r, 4) == 0)
			CHECK_INT(stint_go(works, NULL), ==, 0);
	}
	return NULL;
}

static void at_once(void)
{
	pthread_t k[8];

	for (size_t i = 0; i < 8; i++)
		CHECK_INT(pthread_create(&k[i], NULL, makes_and_joins, (void *)(i + 1)), ==, 0);
	for (int i = 0; i < 8; i++)
		CHECK_INT(pthread_join(k[i], NULL), ==, 0);
	stop();
}

/* one stops the runtime whenever nobody uses it, others use it: each finds it running, or starts it */
static volatile int done;

static void *stops(void *arg)
{
	int stopped = 0;

	while (!done || !stopped) {
		int err = stint_stop();

		CHECK(err == 0 || err == EBUSY);
		stopped += !err;
		sleep_ns(20000);
	}
	return arg;
}

static void *uses(void *arg)
{
	for (int i = 0; i < 150; i++) {
		int err = stint_policy_set(stint_policy_builtin((size_t)i % 7));

		CHECK(err == 0 || err == EINVAL || err == EBUSY);
		some_threads(1 + i % 4);
		if (i % 10 == 0)
			sleep_ns(100000);
	}
	return arg;
}

static void stopped_and_used(void)
{
	pthread_t k[3], s;

	CHECK_INT(pthread_create(&s, NULL, stops, NULL), ==, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(pthread_create(&k[i], NULL, uses, NULL), ==, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(pthread_join(k[i], NULL), ==, 0);
	done = 1;
	CHECK_INT(pthread_join(s, NULL), ==, 0);
	stop();
}

int main(void)
{
	test_watchdog();
	cycles();
	at_once();
	stopped_and_used();
	return 0;
}
