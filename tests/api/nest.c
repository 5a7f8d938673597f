/*
 * nest.c - a call within a call: whose deadline stops what, and where a resume goes on
 */
#include "../test.h"

#include <stint.h>

static volatile uint64_t turns;
static volatile int enough;
static stint_t *inner_call, *middle_call;
static volatile int step;
static int one = 1, two = 2;

static void *loop(void *arg)
{
	(void)arg;
	while (!enough)
		turns++;
	return (void *)&turns;
}

/* the inner deadline comes first: only the inner call stops, and the outer one goes on */
static void *outer_of_short(void *arg)
{
	stint_t *outer = stint_self();
	stint_t *s = stint_launch(loop, NULL, STINT_MS(2));

	(void)arg;
	CHECK(s);
	CHECK(stint_self() == outer);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	for (int i = 0; i < 5; i++) {
		int64_t start = now_ns();

		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		CHECK_INT(now_ns() - start, >=, STINT_MS(1));
	}
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	return outer;
}

/* near deadlines within a far one, so often that ticks land in the switches: the far one must not displace the near */
static void *resumes_inner_often(void *arg)
{
	stint_t *s = stint_launch(loop, NULL, STINT_US(20));

	CHECK(s);
	for (int i = 0; i < 10000; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_resume(s, STINT_US(1 + i * 7 % 60)), ==, ETIMEDOUT);
	}
	stint_free(s);
	return arg;
}

static void near_within_far(stint_ns far)
{
	stint_t *s;

	enough = false;
	s = stint_launch(resumes_inner_often, &one, far);
	CHECK(s);
	while (stint_state(s) == STINT_TIMED_OUT)
		stint_resume(s, far);
	CHECK(stint_result(s) == &one);
	stint_free(s);
}

static void inner_deadline(void)
{
	stint_t *s = stint_launch(outer_of_short, NULL, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	CHECK(stint_result(s) == s);
	stint_free(s);
}

/* three deep, the outermost deadline comes first, again and again; resuming goes on at the innermost */
static void *middle(void *arg)
{
	(void)arg;
	step = 2;
	inner_call = stint_launch(loop, NULL, STINT_S(100));
	CHECK(inner_call);
	CHECK_INT(stint_state(inner_call), ==, STINT_COMPLETE);
	step = 3;
	stint_free(inner_call);
	return arg;
}

static void *outer_of_three(void *arg)
{
	step = 1;
	middle_call = stint_launch(middle, arg, STINT_S(50));
	CHECK(middle_call);
	CHECK(stint_result(middle_call) == arg);
	step = 4;
	stint_free(middle_call);
	return arg;
}

static void outer_deadline(void)
{
	stint_t *s;
	uint64_t before;

	enough = false;
	s = stint_launch(outer_of_three, (void *)&step, STINT_MS(5));
	CHECK(s);
	for (int i = 0; i < 50; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK(!stint_self());
		before = turns;
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		while (turns == before)
			CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		CHECK_INT(step, ==, 2);
	}
	enough = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(step, ==, 4);
	CHECK(stint_result(s) == &step);
	stint_free(s);
}

/* while the chain is stopped, the clock of the inner call stands still */
#define INNER_TIME STINT_MS(20)

static void *outer_of_timed(void *arg)
{
	struct stint_usage usage;
	stint_t *s = stint_launch(loop, NULL, INNER_TIME);

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_usage(s, &usage), ==, 0);
	/* its clock starts a little before it is switched in */
	CHECK_INT(usage.cpu_ns, >=, INNER_TIME - STINT_US(200));
	stint_free(s);
	return arg;
}

static void inner_clock_stands_still(void)
{
	stint_t *s;
	int ret = ETIMEDOUT, slices = 0;

	enough = false;
	s = stint_launch(outer_of_timed, NULL, STINT_MS(2));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	while (ret == ETIMEDOUT) {
		sleep_ns(INNER_TIME);
		ret = stint_resume(s, STINT_MS(2));
		slices++;
	}
	CHECK_INT(ret, ==, 0);
	/* more than one, but for a machine so busy that a slice took as long as all of them */
	CHECK_INT(slices, >=, 1);
	stint_free(s);
}

/* cancel an outer call that was stopped in an inner one: both are gone, cleanups of both have run */
static int cleaned[3], ncleaned;

static void note(void *arg)
{
	cleaned[ncleaned++] = *(int *)arg;
}

static void *inner_with_cleanup(void *arg)
{
	CHECK_INT(stint_defer(note, &two), ==, 0);
	CHECK(malloc(1000));
	return loop(arg);
}

static void *outer_with_cleanup(void *arg)
{
	CHECK_INT(stint_defer(note, &one), ==, 0);
	stint_launch(inner_with_cleanup, NULL, STINT_S(100));
	CHECK(!"the inner call came back");
	return arg;
}

static void cancel_outer(void)
{
	stint_t *s;

	enough = false;
	for (int i = 0; i < 100; i++) {
		ncleaned = 0;
		s = stint_launch(outer_with_cleanup, NULL, STINT_MS(2));
		CHECK(s);
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_cancel(s), ==, 0);
		CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
		CHECK_INT(ncleaned, ==, 2);
		CHECK_INT(cleaned[0] + cleaned[1], ==, 3);
		stint_free(s);
	}
}

/* an inner call that was stopped by its own deadline and never freed goes with the outer one */
static void *leaves_one_behind(void *arg)
{
	stint_t *s = stint_launch(inner_with_cleanup, NULL, STINT_MS(2));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	return loop(arg);
}

static void cancel_with_stopped_child(void)
{
	stint_t *s = stint_launch(leaves_one_behind, NULL, STINT_MS(30));

	ncleaned = 0;
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(ncleaned, ==, 1);
	stint_free(s);
}

/* pausing gives back to the one who launched, not further out */
static void *pauses(void *arg)
{
	stint_pause();
	return arg;
}

static void *launches_pausing(void *arg)
{
	stint_t *s = stint_launch(pauses, arg, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	stint_pause();
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK(stint_result(s) == arg);
	stint_free(s);
	return arg;
}

static void pause_goes_one_out(void)
{
	stint_t *s = stint_launch(launches_pausing, &one, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK(stint_result(s) == &one);
	stint_free(s);
}

/* a stopped call may be resumed by another call than the one that launched it */
static void *resumes(void *arg)
{
	CHECK_INT(stint_resume(arg, STINT_S(100)), ==, 0);
	return arg;
}

static void resumed_by_another_call(void)
{
	stint_t *s = stint_launch(pauses, &one, STINT_S(100));
	stint_t *r = stint_launch(resumes, s, STINT_S(100));

	CHECK(s && r);
	CHECK(stint_is_complete(s));
	CHECK(stint_result(s) == &one);
	CHECK(stint_result(r) == s);
	stint_free(r);
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	inner_deadline();
	near_within_far(STINT_S(100));
	near_within_far(STINT_MS(7));
	near_within_far(STINT_FOREVER);
	outer_deadline();
	inner_clock_stands_still();
	cancel_outer();
	cancel_with_stopped_child();
	pause_goes_one_out();
	resumed_by_another_call();
	return 0;
}
