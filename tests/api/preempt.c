/*
 * preempt.c - stint_preempt_disable() holds a deadline off, and the outermost enable takes it
 */
#include "../test.h"

#include <stint.h>

static volatile int reached;

static void *holds_off(void *arg)
{
	(void)arg;
	stint_preempt_disable();
	stint_preempt_disable();
	reached = 1;
	spin_ns(STINT_MS(20));
	stint_preempt_enable();
	reached = 2;
	spin_ns(STINT_MS(5));
	reached = 3;
	stint_preempt_enable();
	reached = 4;
	return (void *)&reached;
}

static void held_off_then_taken(void)
{
	struct stint_usage usage;
	stint_t *s = stint_launch(holds_off, NULL, STINT_MS(2));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(reached, ==, 3);
	CHECK_INT(stint_usage(s, &usage), ==, 0);
	CHECK_INT(usage.deferrals, >=, 1);
	CHECK_INT(usage.preemptions, ==, 1);
	/* 2 of 25 ms were its own; less a little, because a late tick notices late */
	CHECK_INT(usage.longest_deferral_ns, >=, 1);
	CHECK_INT(usage.longest_deferral_ns, <=, usage.wall_ns);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(reached, ==, 4);
	stint_free(s);
}

/* the same for a deadline further out: the inner call's section holds off the outer deadline too */
static void *launches_holder(void *arg)
{
	stint_t *s = stint_launch(holds_off, NULL, STINT_S(100));

	CHECK(s);
	CHECK(stint_is_complete(s));
	stint_free(s);
	return arg;
}

static void outer_deadline_too(void)
{
	stint_t *s = stint_launch(launches_holder, (void *)&reached, STINT_MS(2));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(reached, ==, 3);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(reached, ==, 4);
	stint_free(s);
}

static void *short_sections(void *arg)
{
	for (;;) {
		stint_preempt_disable();
		reached = 1;
		reached = 0;
		stint_preempt_enable();
	}
	return arg;
}

/* many short sections: a stop never lands inside one, and the call is stopped all the same */
static void never_inside(void)
{
	stint_t *s = stint_launch(short_sections, NULL, STINT_US(50));

	CHECK(s);
	for (int i = 0; i < 3000; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(reached, ==, 0);
		CHECK_INT(stint_resume(s, STINT_US(1 + i % 60)), ==, ETIMEDOUT);
	}
	stint_free(s);
}

static void *ends_disabled(void *arg)
{
	stint_preempt_disable();
	return arg;
}

static void *too_many_enables(void *arg)
{
	stint_preempt_enable();
	stint_preempt_enable();
	stint_preempt_disable();
	reached = 0;
	spin_ns(STINT_MS(5));
	reached = 1;
	stint_preempt_enable();
	for (;;)
		;
	return arg;
}

static void unbalanced(void)
{
	stint_t *s;

	/* outside a call they count for nothing */
	stint_preempt_disable();
	for (int i = 0; i < 100; i++) {
		s = stint_launch(ends_disabled, (void *)&reached, STINT_S(100));
		CHECK(s);
		CHECK(stint_result(s) == &reached);
		stint_free(s);
		s = stint_launch(short_sections, NULL, STINT_US(100));
		CHECK(s);
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		stint_free(s);
	}
	stint_preempt_enable();

	s = stint_launch(too_many_enables, NULL, STINT_MS(1));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(reached, ==, 1);
	stint_free(s);
}

/* a call that pauses itself while disabled keeps its depth */
static void *pauses_disabled(void *arg)
{
	stint_preempt_disable();
	stint_pause();
	reached = 0;
	spin_ns(STINT_MS(10));
	reached = 1;
	stint_preempt_enable();
	reached = 2;
	return arg;
}

static void pause_within(void)
{
	stint_t *s = stint_launch(pauses_disabled, NULL, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(reached, ==, 1);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(reached, ==, 2);
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	held_off_then_taken();
	outer_deadline_too();
	never_inside();
	unbalanced();
	pause_within();
	return 0;
}
