/*
 * pause.c - a call that pauses itself hands values out one by one, and says so in its state
 */
#include "../test.h"

#include <stint.h>

struct generator {
	long value;
	long until;
};

static void *count(void *arg)
{
	struct generator *g = arg;

	for (g->value = 0; g->value < g->until; g->value++)
		stint_pause();
	return g;
}

static void one(stint_ns timeout)
{
	struct generator g = { .until = 10000 };
	stint_t *s = stint_launch(count, &g, timeout);
	long expected = 0;

	CHECK(s);
	while (stint_state(s) == STINT_PAUSED) {
		int ret;

		CHECK_INT(g.value, ==, expected);
		expected++;
		ret = stint_resume(s, timeout);
		CHECK_INT(ret, ==, expected < g.until ? EAGAIN : 0);
	}
	CHECK_INT(expected, ==, g.until);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	CHECK(stint_result(s) == &g);
	stint_free(s);
}

/* many at once, in an order of their own */
static void interleaved(void)
{
	enum { N = 100 };
	struct generator g[N];
	stint_t *s[N];

	for (int i = 0; i < N; i++) {
		g[i].until = 200;
		s[i] = stint_launch(count, &g[i], STINT_S(100));
		CHECK(s[i]);
	}
	for (int round = 1; round < 200; round++)
		for (int i = 0; i < N; i++) {
			int at = (i * 37 + round) % N;

			CHECK_INT(g[at].value, ==, round - 1);
			CHECK_INT(stint_resume(s[at], STINT_S(100)), ==, EAGAIN);
			CHECK_INT(g[at].value, ==, round);
		}
	for (int i = 0; i < N; i++) {
		CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, 0);
		stint_free(s[i]);
	}
}

static void *pause_forever(void *arg)
{
	for (;;)
		stint_pause();
	return arg;
}

static void cancelled_while_paused(void)
{
	stint_t *s = stint_launch(pause_forever, NULL, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_resume(s, 0), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	stint_pause();          /* outside a call: nothing */
	one(STINT_S(100));
	one(STINT_FOREVER);
	interleaved();
	cancelled_while_paused();
	return 0;
}
