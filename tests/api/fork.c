/*
 * fork.c - fork in a call, around calls, and from a thread that is not the main one: both sides go on
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

static volatile int leave;

static void *loop(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void *returns(void *arg)
{
	return arg;
}

/* all that should work in any process */
static void calls_work(void)
{
	stint_t *s = stint_launch(returns, (void *)&leave, STINT_S(100));

	CHECK(s);
	CHECK(stint_result(s) == &leave);
	stint_free(s);

	leave = false;
	s = stint_launch(loop, (void *)&leave, STINT_MS(2));
	CHECK(s);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	}
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

static void around(void)
{
	stint_t *s;
	pid_t pid;

	leave = false;
	s = stint_launch(loop, &s, STINT_MS(1));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	/* both have the stopped call, and each may do with it as it likes */
	CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	if (!pid) {
		test_child();
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		calls_work();
		_exit(11);
	}
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK(stint_result(s) == &s);
	stint_free(s);
	calls_work();
	CHECK_EXIT(pid, 11);
}

/* the fork returns twice in the call; in the child, too, it is a call with a deadline, of the launching thread */
static pid_t child;

static void *forks(void *arg)
{
	pid_t parent = getpid();
	stint_t *me = stint_self();
	void *p = malloc(1000);

	CHECK(p);
	child = fork();
	CHECK_INT(child, >=, 0);
	CHECK(stint_self() == me);
	CHECK_INT(getpid() == parent, ==, child != 0);
	if (!child)
		test_child();
	free(p);
	calls_work();
	if (arg)
		stint_pause();
	spin_ns(STINT_MS(1));
	return arg;
}

static void inside(void *arg, stint_ns timeout)
{
	stint_t *s = stint_launch(forks, arg, timeout);

	CHECK(s);
	if (arg) {
		while (stint_state(s) == STINT_TIMED_OUT)
			stint_resume(s, timeout);
		CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	}
	while (!stint_is_complete(s)) {
		int ret = stint_resume(s, timeout);

		CHECK(ret == 0 || ret == ETIMEDOUT);
	}
	CHECK(stint_result(s) == arg);
	stint_free(s);
	calls_work();
	if (!child)
		_exit(12);
	CHECK_EXIT(child, 12);
}

/* a call that is in an endless loop in the child is still stopped there */
static void *forks_and_loops(void *arg)
{
	child = fork();
	if (!child)
		test_child();
	for (;;)
		;
	return arg;
}

static void stopped_in_child(void)
{
	stint_t *s;
	child = -1;
	s = stint_launch(forks_and_loops, NULL, STINT_MS(1));
	CHECK(s);
	while (child < 0)
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	for (int i = 0; i < 10; i++)
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	if (!child)
		_exit(13);
	CHECK_EXIT(child, 13);
}

static void grandchildren(int generations)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		calls_work();
		if (generations)
			grandchildren(generations - 1);
		_exit(14);
	}
	calls_work();
	CHECK_EXIT(pid, 14);
}

static void *on_a_thread(void *arg)
{
	(void)arg;
	calls_work();
	around();
	inside(NULL, STINT_S(100));
	inside("", STINT_MS(3));
	stopped_in_child();
	grandchildren(2);
	return NULL;
}

/* others launch while this one forks: the child must not inherit a lock that nobody will release */
static volatile int quiet;

static void *busy(void *arg)
{
	while (!quiet) {
		stint_t *s = stint_launch(returns, arg, STINT_MS(5));

		CHECK(s);
		free(malloc(100));
		stint_free(s);
	}
	return NULL;
}

static void __attribute__((unused)) amid_others(void)
{
	pthread_t others[2];

	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_create(&others[i], NULL, busy, NULL), ==, 0);
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		CHECK_INT(pid, >=, 0);
		if (!pid) {
			test_child();
			calls_work();
			_exit(15);
		}
		CHECK_EXIT(pid, 15);
	}
	quiet = true;
	for (int i = 0; i < 2; i++)
		CHECK_INT(pthread_join(others[i], NULL), ==, 0);
}

int main(void)
{
	pthread_t thread;

	test_watchdog();
	grandchildren(1);               /* before the first launch */
	around();
	for (int i = 0; i < 20; i++) {
		inside(NULL, STINT_S(100));
		inside("", STINT_S(100));
		inside("", STINT_MS(2));
	}
	stopped_in_child();
	grandchildren(3);
	CHECK_INT(pthread_create(&thread, NULL, on_a_thread, NULL), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
#ifndef __SANITIZE_ADDRESS__            /* its allocator's locks do not survive a fork amid other threads */
	amid_others();
#endif
	return 0;
}
