/*
 * tick.c - see tick.h
 *
 * Signal context: everything but create, destroy and init; only raw system calls and arithmetic.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "sys.h"
#include "tick.h"

#define SLACK_NS 3000
#define PERIOD_MIN_NS 10000             /* below this the timer is one-shot: ticks take longer than that */
#define PERIOD_MAX_NS 1000000000
#define RETRY_MIN_NS 20000
#define RETRY_MAX_NS 200000

uint64_t tick_slack, tick_retry_min;
static uint64_t retry_max, period_min, period_max;

void tick_init(void)
{
	tick_slack = clock_cycles(SLACK_NS);
	tick_retry_min = clock_cycles(RETRY_MIN_NS);
	retry_max = clock_cycles(RETRY_MAX_NS);
	period_min = clock_cycles(PERIOD_MIN_NS);
	period_max = clock_cycles(PERIOD_MAX_NS);
}

int tick_create(struct kthread *kt, int signo)
{
	struct {
		union sigval value;
		int signo, notify, tid;
		char pad[48];
	} ev;           /* what the kernel reads; libc's struct sigevent hides the thread id */
	int id;
	long r;

	memset(&ev, 0, sizeof(ev));
	ev.value.sival_ptr = kt;
	ev.signo = signo;
	ev.notify = SIGEV_THREAD_ID;
	ev.tid = kt->tid;
	if (sys_fault(SYS_TIMER_CREATE))
		return EAGAIN;
	r = sys_raw(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id, 0);
	if (r < 0)
		return (int)-r;
	kt->timer = id;
	kt->armed = NEVER;
	kt->period = 0;
	tick_retry_reset(kt);
	return 0;
}

void tick_destroy(struct kthread *kt)
{
	if (kt->timer >= 0)
		sys_raw(SYS_timer_delete, kt->timer, 0, 0, 0);
	kt->timer = -1;
	kt->armed = NEVER;
}

static struct timespec to_timespec(uint64_t cycles)
{
	stint_ns ns = clock_ns(cycles);

	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/*
 * armed is written before the system call: a tick that lands between the two then believes the timer to be
 * armed for what it is about to be armed for, and whichever of the two calls comes last sets the truth again.
 */
static void set(struct kthread *kt, uint64_t now, uint64_t when, uint64_t period)
{
	struct itimerspec its = { .it_value = to_timespec(when > now ? when - now : 0),
		                  .it_interval = to_timespec(period) };

	if (!its.it_value.tv_sec && !its.it_value.tv_nsec)
		its.it_value.tv_nsec = 1;
	kt->armed = when;
	kt->period = period;
	barrier();
	sys_raw(SYS_timer_settime, kt->timer, 0, &its, NULL);
}

void tick_arm_slow(struct kthread *kt, uint64_t now, uint64_t eff)
{
	uint64_t period = eff > now ? eff - now : 0;

	if (period < period_min || period > period_max)
		period = 0;
	set(kt, now, eff, period);
}

void tick_arm_exact(struct kthread *kt, uint64_t now, uint64_t eff)
{
	if (kt->armed > eff || eff - kt->armed > tick_slack + kt->latency)
		tick_arm_slow(kt, now, eff);
}

/*
 * A periodic timer has been set forward by the kernel when its signal was taken, past the present; @overrun periods
 * were skipped. The latency of a tick (from expiry to here) is much the same each time; its least recent value
 * tells how much later than armed the next one will be here.
 */
void tick_fired_insig(struct kthread *kt, uint64_t now, int overrun)
{
	uint64_t late = now > kt->armed ? now - kt->armed : 0;

	kt->ticks++;
	if (kt->armed == NEVER)
		return;         /* a signal that was under way when the timer was turned off */
	if (late < 20 * tick_slack)
		kt->latency = kt->latency ? kt->latency - kt->latency / 8 + late / 8 : late;
	if (!kt->period) {
		kt->armed = NEVER;
		return;
	}
	kt->armed += kt->period * ((uint64_t)overrun + 1);
	if (kt->armed + tick_slack < now)
		kt->armed += ((now - kt->armed) / kt->period + 1) * kt->period;
}

void tick_off_insig(struct kthread *kt)
{
	static const struct itimerspec off;

	kt->armed = NEVER;
	kt->period = 0;
	barrier();
	sys_raw(SYS_timer_settime, kt->timer, 0, &off, NULL);
}

void tick_retry_insig(struct kthread *kt, uint64_t now)
{
	set(kt, now, now + kt->retry, 0);
	kt->retry = kt->retry * 2 < retry_max ? kt->retry * 2 : retry_max;
}
