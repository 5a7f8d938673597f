/*
 * timeout.c - an endless loop is stopped, not before its time, resumed many times, and cancelled
 */
#include "../test.h"

#include <stint.h>

static volatile uint64_t turns;
static volatile int enough;

static void *loop(void *arg)
{
	(void)arg;
	for (;;)
		turns++;
	return NULL;
}

/* no function call, no memory: nothing a cooperative scheduler could hook */
static void *tight_loop(void *arg)
{
	(void)arg;
	for (;;)
		__asm__ volatile("");
	return NULL;
}

static void *loop_until_told(void *arg)
{
	while (!enough)
		;
	return arg;
}

static void stop_and_resume(stint_fn *fn, stint_ns timeout, int times)
{
	int64_t start = now_ns();
	stint_t *s = stint_launch(fn, NULL, timeout);

	CHECK(s);
	CHECK_INT(now_ns() - start, >=, timeout);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK(!stint_result(s));
	CHECK(!stint_self());
	for (int i = 0; i < times; i++) {
		start = now_ns();
		CHECK_INT(stint_resume(s, timeout), ==, ETIMEDOUT);
		CHECK_INT(now_ns() - start, >=, timeout);
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	}
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
	CHECK(!stint_result(s));
	stint_free(s);
}

static void makes_progress(void)
{
	stint_t *s = stint_launch(loop, NULL, STINT_MS(1));
	uint64_t before;

	CHECK(s);
	for (int i = 0; i < 50; i++) {
		before = turns;
		while (turns == before)
			CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	}
	stint_free(s);          /* of an unfinished one: cancels it */
}

static void goes_on_to_the_end(void)
{
	stint_t *s = stint_launch(loop_until_told, (void *)&enough, STINT_MS(1));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	enough = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK(stint_result(s) == &enough);
	stint_free(s);
}

/* a long deadline, then a shorter one, then a longer: the lazily armed timer must follow */
static void deadlines_in_any_order(void)
{
	stint_t *s[3];

	s[0] = stint_launch(loop, NULL, STINT_MS(20));
	s[1] = stint_launch(loop, NULL, STINT_MS(2));
	s[2] = stint_launch(loop, NULL, STINT_MS(10));
	for (int i = 0; i < 3; i++) {
		CHECK(s[i]);
		CHECK_INT(stint_state(s[i]), ==, STINT_TIMED_OUT);
	}
	for (int i = 0; i < 30; i++) {
		stint_ns timeout = STINT_US(50 + 997 * ((i * 7) % 11));
		int64_t start = now_ns();

		CHECK_INT(stint_resume(s[i % 3], timeout), ==, ETIMEDOUT);
		CHECK_INT(now_ns() - start, >=, timeout);
	}
	for (int i = 0; i < 3; i++)
		stint_free(s[i]);
}

int main(void)
{
	test_watchdog();
	stop_and_resume(loop, STINT_MS(5), 20);
	stop_and_resume(tight_loop, STINT_MS(5), 20);
	stop_and_resume(loop, STINT_US(100), 2000);
	stop_and_resume(tight_loop, STINT_US(20), 2000);
	stop_and_resume(tight_loop, 1, 2000);
	makes_progress();
	goes_on_to_the_end();
	deadlines_in_any_order();
	return 0;
}
