/*
 * park.h - what the tests of waiting in threads share: they run each case with one worker, where a thread that took its worker
 * with it would stop everything, and with more
 */
#ifndef STINT_TEST_PARK_H
#define STINT_TEST_PARK_H

#include "../test.h"

#include <stint.h>

static const unsigned park_workers[] = { 1, 2, 4 };

static inline void park_start(unsigned workers)
{
	struct stint_config config;
	int err;

	memset(&config, 0, sizeof(config));
	config.size = sizeof(config);
	config.workers = workers;
	err = stint_start(&config);
	if (err)
		test_fail(__FILE__, __LINE__, "stint_start: %s: %s", strerror(err), stint_why());
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

/* so long that whoever is to wait does by then, whatever the machine does; nothing fails if it does not */
static inline void settle(void)
{
	sleep_ns(20000000);
}

#endif
