/*
 * park.h - what the tests of waiting in threads share: they run each case with one worker, where a thread that took its worker
 * with it would stop everything, and with more
 */
#ifndef STINT_TEST_PARK_H
#define STINT_TEST_PARK_H

#include "../test.h"

#include <stint.h>

static const unsigned park_workers[] = { 1, 2, 4 };

static unsigned park_workers_now;

static inline void park_start_with(unsigned workers, const char *policy)
{
	struct stint_config config;
	int err;

	park_workers_now = workers;

	memset(&config, 0, sizeof(config));
	config.size = sizeof(config);
	config.workers = workers;
	config.policy = policy;
	err = stint_start(&config);
	if (err)
		test_fail(__FILE__, __LINE__, "stint_start: %s: %s", strerror(err), stint_why());
}

static inline void park_start(unsigned workers)
{
	park_start_with(workers, NULL);
}

static inline void park_stop_all(void)
{
	CHECK_INT(stint_stop(), ==, 0);
}

static inline stint_thread_t *thread(stint_fn *fn, void *arg)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, fn, arg), ==, 0);
	return t;
}

static inline void *joined(stint_thread_t *t)
{
	void *result;

	CHECK_INT(stint_thread_join(t, &result), ==, 0);
	return result;
}

/* so long that whoever is to wait does by then, almost always; nothing fails if it does not */
static inline void settle(void)
{
	sleep_ns(5000000);
}

/* --- one waits for what another does afterwards --- */

static int go[2];               /* a pipe: who waits writes when it is about to */
static int other_ran;
static pid_t waits_on;          /* the kernel thread */

static inline void about_to_wait(void)
{
	waits_on = gettid();
	CHECK_INT(write(go[1], "g", 1), ==, 1);
}

/*
 * The one that ends the wait runs after the other has begun to wait. If there is only one worker, that is on the same kernel thread;
 * if the other had taken that with it, this would be a relief, brought in later.
 */
static inline void after_it_waits(void)
{
	char c;

	CHECK_INT(read(go[0], &c, 1), ==, 1);
	sleep_ns(3000000);
	if (park_workers_now == 1)
		CHECK_INT(gettid(), ==, waits_on);
	__atomic_store_n(&other_ran, 1, __ATOMIC_RELEASE);
}

static inline void waited(void)
{
	CHECK_INT(__atomic_exchange_n(&other_ran, 0, __ATOMIC_ACQ_REL), ==, 1);
}

static inline void together(stint_fn *waits, stint_fn *acts, void *a, void *b)
{
	stint_thread_t *one, *other;

	CHECK_INT(pipe(go), ==, 0);
	one = thread(waits, a);
	other = thread(acts, b);
	joined(one);
	joined(other);
	close(go[0]);
	close(go[1]);
}

/* How often a worker was brought in for one that sat in the kernel: all would end well that way, too, only later. */
static inline uint64_t reliefs(void)
{
	struct stint_worker_stats stats;
	uint64_t sum = 0;

	for (unsigned i = 0; !stint_worker_stats(i, &stats); i++)
		sum += stats.reliefs;
	return sum;
}

#endif
