/*
 * hooks.c - nothing leads back into a copy that is gone: threads keep a set busy, keys and handlers of fork() go with it; and
 * a library may cancel threads
 */
#include "../test.h"

#include <pthread.h>

#include "busy.h"
#include "in_set.h"

static const char *const name[] = { "libbusy.so" };

static void *start(void *arg)
{
	CHECK_INT(busy_start(), ==, 0);
	return arg;
}

static void *wait_for_rounds(void *arg)
{
	while (busy_count() < 5)
		sleep_ns(1000000);
	CHECK(busy_own_address());
	return arg;
}

static void *stop(void *arg)
{
	CHECK_INT(busy_stop(*(int *)arg), ==, 0);
	return arg;
}

/* the thread has ended, and then says so */
static void close_soon(stint_libset_t *set)
{
	int err;

	while ((err = stint_libset_close(set)) == EBUSY)
		sleep_ns(1000000);
	CHECK_INT(err, ==, 0);
}

static void threads(int cancel)
{
	stint_libset_t *set = open_named(name, 1, 0);

	in_set(set, start, NULL);
	in_set(set, wait_for_rounds, NULL);
	CHECK_INT(stint_libset_close(set), ==, EBUSY);
	CHECK_INT(stint_libset_reset(set), ==, EBUSY);
	CHECK_INT(busy_count(), ==, 0);
	in_set(set, stop, &cancel);
	close_soon(set);
}

static void *use_key(void *arg)
{
	CHECK_INT(busy_key(arg), ==, 0);
	CHECK_INT(busy_c11_key(arg), ==, 0);
	return arg;
}

/* values are destroyed at the end of the call that has them, as ever */
static void keys(void)
{
	int n = 0;

	for (int i = 0; i < 2000; i++) {        /* there are 1024 keys */
		stint_libset_t *set = open_named(name, 1, 0);

		in_set(set, use_key, &n);
		CHECK_INT(n, ==, 2 * i + 2);
		if (i % 3 == 0)
			CHECK_INT(stint_libset_reset(set), ==, 0);
		CHECK_INT(stint_libset_close(set), ==, 0);
	}
}

static void *watch_forks(void *arg)
{
	CHECK_INT(busy_watch_forks(arg), ==, 0);
	return arg;
}

static void forks(void)
{
	stint_libset_t *set = open_named(name, 1, 0);
	int n = 0;
	pid_t pid;

	in_set(set, watch_forks, &n);
	pid = fork();
	if (pid == 0)
		_exit(0);
	CHECK_EXIT(pid, 0);
	CHECK_INT(n, ==, 1);
	CHECK_INT(stint_libset_close(set), ==, 0);
	pid = fork();
	if (pid == 0) {
		/* a child opens sets of its own */
		test_child();
		set = open_named(name, 1, 0);
		in_set(set, watch_forks, &n);
		_exit(stint_libset_close(set));
	}
	CHECK_EXIT(pid, 0);
	CHECK_INT(n, ==, 1);
}

int main(void)
{
	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	threads(0);
	threads(1);
	keys();
	forks();
	return 0;
}
