/*
 * test_clock.c - conversions between nanoseconds and cycles, and their rate
 */
#include "../test.h"
#include "unit.h"

#include "clock.h"
#include "context.h"

static void start(void)
{
	static bool started;

	if (!started)
		clock_init();
	started = true;
}

START_TEST(forever_never_comes)
{
	start();
	ck_assert(clock_cycles(STINT_FOREVER) == NEVER);
	ck_assert(clock_after(5, NEVER) == NEVER);
	ck_assert(clock_after(NEVER - 1, 2) == NEVER);
	ck_assert(clock_after(NEVER - 2, 1) == NEVER - 1);
	ck_assert(clock_after(clock_now(), clock_cycles(STINT_FOREVER - 1)) >= clock_now());
}
END_TEST

/* cycles round up and nanoseconds down, but never so that a span comes back shorter */
START_TEST(never_early)
{
	struct rng r;

	start();
	rng_seed(&r, 1);
	for (int i = 0; i < 100000; i++) {
		int64_t span = (int64_t)(rng_next(&r) >> (1 + rng_below(&r, 62)));
		int64_t back = clock_ns(clock_cycles(span));

		if (clock_cycles(span) == NEVER || span > INT64_MAX / 2)
			continue;
		if (back >= span - span / 1000000 - 1 && back <= span + span / 8 + 2)
			continue;       /* the latter: what two samples leave in doubt, under valgrind too */
		ck_abort_msg("%lld ns become %lld", (long long)span, (long long)back);
	}
	ck_assert(clock_cycles(1) >= 1);
	ck_assert_int_eq(clock_ns(0), 0);
}
END_TEST

START_TEST(monotonic)
{
	uint64_t last, now;

	start();
	last = clock_now();
	for (int i = 0; i < 1000000; i++) {
		now = clock_now();
		if (now < last)         /* an assertion makes a system call, too many under valgrind */
			ck_abort_msg("%llu after %llu", (unsigned long long)now, (unsigned long long)last);
		last = now;
	}
	for (int64_t span = 1; span < INT64_MAX / 3; span *= 3)
		ck_assert(clock_cycles(span) < clock_cycles(span * 3));
}
END_TEST

START_TEST(saturates)
{
	start();
	ck_assert_int_gt(clock_ns(NEVER), 0);
	ck_assert_int_gt(clock_ns(NEVER / 2), 0);
}
END_TEST

/* one interval within the other, whichever clock measures it */
START_TEST(rate)
{
	int64_t outer, inner;
	uint64_t c;

	start();
	outer = now_ns();
	c = clock_now();
	inner = now_ns();
	spin_ns(50000000);
	inner = now_ns() - inner;
	c = clock_now() - c;
	outer = now_ns() - outer;
	ck_assert_int_ge(clock_ns(c), inner - inner / 100);
	ck_assert_int_le(clock_ns(c), outer + outer / 100);
}
END_TEST

UNIT_MAIN("clock", forever_never_comes, never_early, monotonic, saturates, rate)
