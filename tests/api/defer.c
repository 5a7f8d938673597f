/*
 * defer.c - cleanups run on cancel, last in first out, on the call's own identity; none run on completion
 */
#include "../test.h"

#include <stint.h>

#define MANY 500

static int order[MANY], n;
static stint_t *within;
static __thread int local = 5;

static void note(void *arg)
{
	order[n++] = (int)(intptr_t)arg;
	within = stint_self();
}

static void *defers_and_completes(void *arg)
{
	for (intptr_t i = 0; i < MANY; i++)
		CHECK_INT(stint_defer(note, (void *)i), ==, 0);
	return arg;
}

static void *defers_and_loops(void *arg)
{
	for (intptr_t i = 0; i < *(int *)arg; i++)
		CHECK_INT(stint_defer(note, (void *)i), ==, 0);
	stint_pause();
	return NULL;
}

static void none_on_completion(void)
{
	stint_t *s = stint_launch(defers_and_completes, NULL, STINT_S(100));

	CHECK(s);
	CHECK(stint_is_complete(s));
	stint_free(s);
	CHECK_INT(n, ==, 0);
}

static void last_in_first_out(int count, bool by_free)
{
	stint_t *s = stint_launch(defers_and_loops, &count, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	n = 0;
	if (!by_free)
		CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK_INT(n, ==, count);
	for (int i = 0; i < n; i++)
		CHECK_INT(order[i], ==, count - 1 - i);
	if (count)
		CHECK(within == s);
	within = NULL;
}

static void none_before_the_start(void)
{
	int count = 3;
	stint_t *s = stint_launch(defers_and_loops, &count, 0);

	CHECK(s);
	n = 0;
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
	stint_free(s);
	CHECK_INT(n, ==, 0);
}

/* a cleanup sees the call's thread variables, may allocate, print, launch, and takes as long as it takes */
static void elaborate(void *arg)
{
	char text[32];
	void *p;
	stint_t *s;

	CHECK_INT(local, ==, 6);
	local = 7;
	snprintf(text, sizeof(text), "%d", 42);
	CHECK_STR(text, "42");
	p = malloc(10000);
	CHECK(p);
	memset(p, 1, 10000);
	free(p);
	stint_pause();          /* does nothing here */
	spin_ns(STINT_MS(5));
	s = stint_launch(defers_and_completes, arg, STINT_S(10));
	CHECK(s);
	CHECK(stint_is_complete(s));
	stint_free(s);
	*(int *)arg = 1;
}

static void *needs_elaborate(void *arg)
{
	local = 6;
	CHECK_INT(stint_defer(elaborate, arg), ==, 0);
	for (;;)
		;
	return NULL;
}

static void runs_on_the_call(void)
{
	for (int i = 0; i < 20; i++) {
		int done = 0;
		stint_t *s = stint_launch(needs_elaborate, &done, STINT_MS(1));

		CHECK(s);
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(local, ==, 5);
		CHECK_INT(stint_cancel(s), ==, 0);
		CHECK_INT(done, ==, 1);
		CHECK_INT(local, ==, 5);
		CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
		stint_free(s);
	}
}

int main(void)
{
	test_watchdog();
	none_on_completion();
	for (int count = 0; count <= MANY; count += count < 10 ? 1 : 70) {
		last_in_first_out(count, false);
		last_in_first_out(count, true);
	}
	none_before_the_start();
	runs_on_the_call();
	return 0;
}
