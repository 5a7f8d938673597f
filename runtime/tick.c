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
#include "settings.h"
#include "sys.h"
#include "tick.h"

#define SLACK_NS 3000
#define RETRY_MIN_NS 20000
#define RETRY_MAX_NS 100000
#define BURST_PARTS 8           /* who uses less than one of so many parts of the time mostly waits */

uint64_t tick_slack, tick_retry_min;
bool tick_by_peer;
void (*tick_peer_armed_insig)(uint64_t when);
static uint64_t retry_max;

void tick_init(void)
{
	tick_slack = clock_cycles(SLACK_NS);
	tick_retry_min = clock_cycles(RETRY_MIN_NS);
	retry_max = clock_cycles(RETRY_MAX_NS);
}

/* to signal @kt; 0 or an errno value */
static int create(const struct kthread *kt, clockid_t clock, const void *value, int signo, int *id)
{
	struct {
		union sigval value;
		int signo, notify, tid;
		char pad[48];
	} ev;           /* what the kernel reads; libc's struct sigevent hides the thread id */
	long r;

	memset(&ev, 0, sizeof(ev));
	ev.value.sival_ptr = (void *)value;
	ev.signo = signo;
	ev.notify = SIGEV_THREAD_ID;
	ev.tid = kt->tid;
	if (sys_fault(SYS_TIMER_CREATE))
		return EAGAIN;
	r = sys_raw(SYS_timer_create, clock, &ev, id, 0);
	return r < 0 ? (int)-r : 0;
}

int tick_create(struct kthread *kt, int signo)
{
	int id, err = create(kt, CLOCK_MONOTONIC, kt, signo, &id);

	if (err)
		return err;
	kt->timer = id;
	kt->armed = NEVER;
	tick_retry_reset(kt);
	return 0;
}

void tick_destroy(struct kthread *kt)
{
	if (kt->timer >= 0)
		sys_raw(SYS_timer_delete, kt->timer, 0, 0, 0);
	if (kt->burst >= 0)
		sys_raw(SYS_timer_delete, kt->burst, 0, 0, 0);
	kt->timer = kt->burst = -1;
	kt->armed = NEVER;
}

static struct timespec to_timespec(uint64_t cycles)
{
	stint_ns ns = clock_ns(cycles);

	if (likely(ns < 1000000000))
		return (struct timespec){ .tv_nsec = ns };
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/*
 * armed is written before the system call: a tick that lands between the two then believes the timer to be
 * armed for what it is about to be armed for, and whichever of the two calls comes last sets the truth again.
 */
static void set(struct kthread *kt, uint64_t now, uint64_t when)
{
	struct itimerspec its = { .it_value = to_timespec(when > now ? when - now : 0) };

	if (!its.it_value.tv_sec && !its.it_value.tv_nsec)
		its.it_value.tv_nsec = 1;
	__atomic_store_n(&kt->armed, when, __ATOMIC_RELAXED);
	barrier();
	if (tick_by_peer && kt->worker) {
		__atomic_store_n(&kt->arms, kt->arms + 1, __ATOMIC_RELEASE);
		tick_peer_armed_insig(when);
	} else {
		sys_raw(SYS_timer_settime, kt->timer, 0, &its, NULL);
	}
}

void tick_arm_slow(struct kthread *kt, uint64_t now, uint64_t eff)
{
	if (unlikely(now >= __atomic_load_n(&clock_refine_at, __ATOMIC_RELAXED)))
		clock_refine();
	set(kt, now, eff);
}

void tick_arm_exact(struct kthread *kt, uint64_t now, uint64_t eff)
{
	if (kt->armed > eff || eff - kt->armed > tick_slack)
		tick_arm_slow(kt, now, eff);
}

/* --- the timer of CPU time --------------------------------------------------------------------- */

bool tick_arm_burst_insig(struct kthread *kt, uint64_t now, uint64_t span)
{
	struct itimerspec its = { .it_value = to_timespec(span) };

	if (kt->burst < 0 && create(kt, CLOCK_THREAD_CPUTIME_ID, &kt->burst, settings.signo, &kt->burst))
		return false;
	kt->burst_span = span;
	kt->burst_since = now;
	barrier();
	return !sys_raw(SYS_timer_settime, kt->burst, 0, &its, NULL);
}

bool tick_burst_over_insig(struct kthread *kt, uint64_t now)
{
	uint64_t since = kt->burst_since;

	if (since == NEVER)
		return false;           /* turned off when it had fired */
	kt->burst_since = NEVER;
	return now - since < BURST_PARTS * kt->burst_span || !tick_arm_burst_insig(kt, now, kt->burst_span);
}

void tick_burst_off(struct kthread *kt)
{
	static const struct itimerspec off;

	if (kt->burst_since == NEVER)
		return;
	kt->burst_since = NEVER;
	barrier();
	sys_raw(SYS_timer_settime, kt->burst, 0, &off, NULL);
}

/* --- what a tick costs ------------------------------------------------------------------------- */

#define MEASURE_TICKS 7
#define MEASURE_APART_NS 30000
#define MEASURE_FOR_NS 5000000

static void sort(uint64_t *at, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		for (unsigned j = i; j && at[j] < at[j - 1]; j--) {
			uint64_t t = at[j];

			at[j] = at[j - 1];
			at[j - 1] = t;
		}
}

/* how long the clock stands still for us while a tick is handled: the middle one of a few */
uint64_t tick_measure(struct kthread *kt)
{
	uint64_t gaps[MEASURE_TICKS], begin = clock_now(), last = begin, now, ticks;
	unsigned n = 0;

	while (n < MEASURE_TICKS && last - begin < clock_cycles(MEASURE_FOR_NS)) {
		ticks = kt->ticks;
		last = clock_now();
		set(kt, last, last + clock_cycles(MEASURE_APART_NS));
		do {
			now = clock_now();
			if (__atomic_load_n(&kt->ticks, __ATOMIC_RELAXED) != ticks)
				break;
			last = now;
		} while (now - begin < clock_cycles(MEASURE_FOR_NS));
		now = clock_now();      /* it may have come after the last look at the clock */
		gaps[n++] = now - last;
		last = now;
	}
	sort(gaps, n);
	return gaps[n / 2];
}

/* @value tells its handler what for; both lie in what belongs to the kernel thread, whatever becomes of its worker */
static void send(const struct kthread *kt, const void *value)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_code = SI_QUEUE;
	info.si_value.sival_ptr = (void *)value;
	sys_raw(SYS_rt_tgsigqueueinfo, sys_raw(SYS_getpid, 0, 0, 0, 0), kt->tid, settings.signo, &info);
}

void tick_send(const struct kthread *kt)
{
	send(kt, kt);
}

void tick_kick(const struct kthread *kt)
{
	send(kt, &kt->post);
}

void tick_fired_insig(struct kthread *kt)
{
	kt->armed = NEVER;
}

void tick_off_insig(struct kthread *kt)
{
	static const struct itimerspec off;

	__atomic_store_n(&kt->armed, NEVER, __ATOMIC_RELAXED);
	barrier();
	if (!tick_by_peer || !kt->worker)
		sys_raw(SYS_timer_settime, kt->timer, 0, &off, NULL);
}

void tick_retry_insig(struct kthread *kt, uint64_t now)
{
	set(kt, now, now + kt->retry);
	kt->retry = kt->retry * 2 < retry_max ? kt->retry * 2 : retry_max;
}
