/*
 * test_tick.c - what the timer is believed to be armed for; the time is handed in, so there is no clock to wait for
 *
 * The kernel thread here has no timer but that of its CPU time: the system calls fail without effect, and the arithmetic is what remains.
 */
#include <signal.h>

#include "unit.h"

#include "clock.h"
#include "kthread.h"
#include "settings.h"
#include "sys.h"
#include "tick.h"

#define NOW 1000000000000ull

static struct kthread fresh(void)
{
	static int started;

	if (!started) {
		clock_init();
		tick_init();
	}
	started = 1;
	return (struct kthread){ .timer = -1, .armed = NEVER };
}

START_TEST(lazy)
{
	struct kthread kt = fresh();
	uint64_t ms = clock_cycles(STINT_MS(1));

	tick_ensure(&kt, NOW, NOW + 5 * ms);
	ck_assert_uint_eq(kt.armed, NOW + 5 * ms);
	/* a later deadline changes nothing, an earlier one does */
	tick_ensure(&kt, NOW, NOW + 7 * ms);
	ck_assert_uint_eq(kt.armed, NOW + 5 * ms);
	tick_ensure(&kt, NOW, NEVER);
	ck_assert_uint_eq(kt.armed, NOW + 5 * ms);
	tick_ensure(&kt, NOW, NOW + 2 * ms);
	ck_assert_uint_eq(kt.armed, NOW + 2 * ms);
}
END_TEST

START_TEST(exact)
{
	struct kthread kt = fresh();
	uint64_t ms = clock_cycles(STINT_MS(1));

	tick_arm_exact(&kt, NOW, NOW + 2 * ms);
	ck_assert_uint_eq(kt.armed, NOW + 2 * ms);
	/* much too early: armed anew; a little early: left */
	tick_arm_exact(&kt, NOW, NOW + 9 * ms);
	ck_assert_uint_eq(kt.armed, NOW + 9 * ms);
	tick_arm_exact(&kt, NOW, NOW + 9 * ms + tick_slack / 2);
	ck_assert_uint_eq(kt.armed, NOW + 9 * ms);
}
END_TEST

/* a timer that has fired is off until someone has a deadline again */
START_TEST(fired)
{
	struct kthread kt = fresh();
	uint64_t ms = clock_cycles(STINT_MS(1));

	tick_arm_slow(&kt, NOW, NOW + ms);
	tick_fired_insig(&kt);
	ck_assert_uint_eq(kt.armed, NEVER);
	tick_ensure(&kt, NOW + ms, NOW + 2 * ms);
	ck_assert_uint_eq(kt.armed, NOW + 2 * ms);

	tick_off_insig(&kt);
	ck_assert_uint_eq(kt.armed, NEVER);
	tick_fired_insig(&kt);                          /* under way when it was turned off */
	ck_assert_uint_eq(kt.armed, NEVER);
	tick_arm_slow(&kt, NOW, NOW - 5);               /* already over: at once */
	ck_assert_uint_eq(kt.armed, NOW - 5);
}
END_TEST

/* refused ticks come again, less and less often, until one is taken */
START_TEST(retries)
{
	struct kthread kt = fresh();
	uint64_t last = 0, wait;

	tick_retry_reset(&kt);
	for (int i = 0; i < 20; i++) {
		tick_retry_insig(&kt, NOW);
		ck_assert_uint_gt(kt.armed, NOW);
		wait = kt.armed - NOW;
		ck_assert_uint_ge(wait, last);
		ck_assert_uint_le(wait, clock_cycles(STINT_MS(1)));
		last = wait;
	}
	ck_assert_uint_gt(last, tick_retry_min);
	tick_retry_reset(&kt);
	tick_retry_insig(&kt, NOW);
	ck_assert_uint_eq(kt.armed, NOW + tick_retry_min);
}
END_TEST

/* The timer of CPU time: who takes long to use its span waits for most of the time, and has it again. */
START_TEST(burst)
{
	struct kthread kt = fresh();
	uint64_t span = clock_cycles(STINT_S(1));

	settings.signo = SIGURG;
	kt.tid = sys_gettid();
	kt.burst = -1;
	kt.burst_since = NEVER;
	tick_burst_off(&kt);                            /* there is none yet */
	ck_assert(tick_arm_burst_insig(&kt, NOW, span));
	ck_assert_int_ge(kt.burst, 0);
	ck_assert(!tick_burst_over_insig(&kt, NOW + 100 * span));
	ck_assert_uint_eq(kt.burst_since, NOW + 100 * span);
	ck_assert(tick_burst_over_insig(&kt, NOW + 102 * span));
	ck_assert_uint_eq(kt.burst_since, NEVER);

	ck_assert(tick_arm_burst_insig(&kt, NOW, span));
	tick_burst_off(&kt);
	ck_assert(!tick_burst_over_insig(&kt, NOW + span));     /* under way when it was turned off */
	tick_destroy(&kt);
	ck_assert_int_eq(kt.burst, -1);
}
END_TEST

UNIT_MAIN("tick", lazy, exact, fired, retries, burst)
