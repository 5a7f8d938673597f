/*
 * misuse.c - every wrong use returns its documented error and does no harm
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

static void *returns(void *arg)
{
	return arg;
}

static void *loop(void *arg)
{
	for (;;)
		;
	return arg;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void null_and_negative(void)
{
	struct stint_usage usage;
	stint_t *s;

	errno = 0;
	CHECK(!stint_launch(NULL, NULL, STINT_S(1)));
	CHECK_INT(errno, ==, EINVAL);
	errno = 0;
	CHECK(!stint_launch(returns, NULL, -1));
	CHECK_INT(errno, ==, EINVAL);
	errno = 0;
	CHECK(!stint_launch(returns, NULL, INT64_MIN));
	CHECK_INT(errno, ==, EINVAL);
	errno = 77;
	CHECK_INT(stint_resume(NULL, STINT_S(1)), ==, EINVAL);
	CHECK_INT(stint_cancel(NULL), ==, EINVAL);
	stint_free(NULL);
	CHECK_INT(stint_state(NULL), ==, STINT_CANCELLED);
	CHECK(!stint_is_complete(NULL));
	CHECK(!stint_result(NULL));
	CHECK_INT(stint_usage(NULL, &usage), ==, EINVAL);
	CHECK_INT(stint_defer(nothing, NULL), ==, EPERM);
	stint_pause();
	stint_preempt_enable();
	stint_preempt_disable();
	stint_preempt_enable();
	stint_preempt_enable();
	CHECK_INT(errno, ==, 77);

	s = stint_launch(loop, NULL, STINT_MS(1));
	CHECK(s);
	CHECK_INT(stint_resume(s, -1), ==, EINVAL);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_usage(s, NULL), ==, EINVAL);
	stint_free(s);
}

static void after_the_end(void)
{
	struct stint_usage usage;
	stint_t *s = stint_launch(returns, &usage, STINT_S(10));

	CHECK(s);
	CHECK_INT(stint_resume(s, STINT_S(1)), ==, EINVAL);
	CHECK_INT(stint_cancel(s), ==, EINVAL);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	CHECK(stint_result(s) == &usage);
	stint_free(s);

	s = stint_launch(loop, NULL, STINT_MS(1));
	CHECK(s);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(stint_cancel(s), ==, EINVAL);
	CHECK_INT(stint_resume(s, STINT_S(1)), ==, EINVAL);
	CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
	CHECK(!stint_is_complete(s));
	CHECK(!stint_result(s));
	CHECK_INT(stint_usage(s, &usage), ==, 0);
	stint_free(s);

	/* a freed handle stays harmless as long as no new call has its place */
	stint_free(s);
	CHECK_INT(stint_resume(s, STINT_S(1)), ==, EINVAL);
	CHECK_INT(stint_cancel(s), ==, EINVAL);
	CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
	CHECK_INT(stint_usage(s, &usage), ==, EINVAL);
	stint_free(s);

	/* and freeing twice has not put it on offer twice */
	stint_t *a = stint_launch(loop, NULL, STINT_MS(1));
	stint_t *b = stint_launch(loop, NULL, STINT_MS(1));

	CHECK(a && b && a != b);
	stint_free(a);
	stint_free(b);
}

static volatile int leave;
static stint_t *volatile shared;

static void *runs_until_told(void *arg)
{
	shared = stint_self();
	while (!leave)
		;
	return arg;
}

static void *drives(void *arg)
{
	stint_t *s = stint_launch(runs_until_told, arg, STINT_FOREVER);

	CHECK(s);
	return s;
}

static void while_running_elsewhere(void)
{
	pthread_t thread;
	void *s;
	struct stint_usage usage;

	leave = false;
	shared = NULL;
	CHECK_INT(pthread_create(&thread, NULL, drives, (void *)&leave), ==, 0);
	while (!shared)
		sleep_ns(100000);
	CHECK_INT(stint_state(shared), ==, STINT_RUNNING);
	CHECK_INT(stint_resume(shared, STINT_S(1)), ==, EBUSY);
	CHECK_INT(stint_cancel(shared), ==, EBUSY);
	stint_free(shared);
	CHECK_INT(stint_state(shared), ==, STINT_RUNNING);
	CHECK(!stint_result(shared));
	CHECK_INT(stint_usage(shared, &usage), ==, 0);
	CHECK_INT(usage.resumes, ==, 1);
	leave = true;
	CHECK_INT(pthread_join(thread, &s), ==, 0);
	CHECK(s == shared);
	CHECK(stint_result(s) == &leave);
	stint_free(s);
}

static void *innermost(void *arg)
{
	CHECK_INT(stint_resume(arg, STINT_S(1)), ==, EDEADLK);
	CHECK_INT(stint_cancel(arg), ==, EBUSY);
	stint_free(arg);
	CHECK_INT(stint_state(arg), ==, STINT_RUNNING);
	return arg;
}

static void *on_itself(void *arg)
{
	stint_t *s = stint_self();

	errno = 78;
	CHECK_INT(stint_resume(s, STINT_S(1)), ==, EDEADLK);
	CHECK_INT(stint_cancel(s), ==, EBUSY);
	stint_free(s);
	CHECK_INT(stint_state(s), ==, STINT_RUNNING);
	CHECK_INT(stint_defer(NULL, NULL), ==, EINVAL);
	stint_preempt_enable();
	CHECK_INT(errno, ==, 78);

	s = stint_launch(innermost, s, STINT_S(10));
	CHECK(s);
	CHECK(stint_is_complete(s));
	stint_free(s);
	return arg;
}

static void of_itself(void)
{
	stint_t *s = stint_launch(on_itself, (void *)&leave, STINT_S(10));

	CHECK(s);
	CHECK(stint_result(s) == &leave);
	stint_free(s);
}

static void wrong_attr(struct stint_attr *attr, int error)
{
	errno = 0;
	CHECK(!stint_launch_with(attr, returns, NULL, STINT_S(1)));
	CHECK_INT(errno, ==, error);
}

static void attributes(void)
{
	struct {
		struct stint_attr attr;
		char later[32];
	} big;
	struct stint_attr attr;
	stint_t *s;

	memset(&attr, 0, sizeof(attr));
	wrong_attr(&attr, EINVAL);
	attr.size = sizeof(size_t);
	wrong_attr(&attr, EINVAL);

	attr.size = sizeof(attr);
	attr.flags = 1u << 31;
	wrong_attr(&attr, EINVAL);
	attr.flags = 0;
	attr.stack_size = 100;
	wrong_attr(&attr, EINVAL);
	attr.stack_size = ((size_t)1 << 30) + 1;
	wrong_attr(&attr, EINVAL);
	attr.stack_size = SIZE_MAX;
	wrong_attr(&attr, EINVAL);
	attr.stack_size = 0;
	attr.libset = (struct stint_libset *)&attr;
	wrong_attr(&attr, EINVAL);
	attr.libset = NULL;
	errno = 0;
	CHECK(!stint_launch_with(&attr, NULL, NULL, STINT_S(1)));
	CHECK_INT(errno, ==, EINVAL);
	errno = 0;
	CHECK(!stint_launch_with(&attr, returns, NULL, -5));
	CHECK_INT(errno, ==, EINVAL);

	/* from a program compiled against a later version */
	memset(&big, 0, sizeof(big));
	big.attr.size = sizeof(big);
	s = stint_launch_with(&big.attr, returns, &big, STINT_S(10));
	CHECK(s);
	CHECK(stint_result(s) == &big);
	stint_free(s);
	big.later[sizeof(big.later) - 1] = 1;
	wrong_attr(&big.attr, E2BIG);
}

int main(void)
{
	test_watchdog();
	null_and_negative();
	after_the_end();
	while_running_elsewhere();
	of_itself();
	attributes();
	return 0;
}
