/*
 * clock.c - calibration of the time stamp counter
 *
 * Two samples of (counter, CLOCK_MONOTONIC) at least a millisecond apart give the rate; each sample is the
 * tightest of a few, so that an interrupt between the two reads does not count. What a sample leaves uncertain
 * is added to the rate: a deadline may come late by that, never early. The longer the samples lie apart the
 * less it is, so a long span takes a new second sample when twice the time has passed since the last.
 *
 * Signal context: clock_now() and clock_ns() are plain arithmetic and may be used there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <time.h>

#include "clock.h"
#include "sys.h"

#define CALIBRATION_NS 1000000

struct sample {
	uint64_t cycles, ns;
	uint64_t doubt;         /* cycles; to either side */
};

bool clock_use_tsc;

static struct sample first;
uint64_t clock_cycles_per_ns = (uint64_t)1 << CLOCK_SHIFT;
uint64_t clock_refine_at = UINT64_MAX;
uint64_t clock_ns_per_cycle = (uint64_t)1 << CLOCK_SHIFT;      /* relaxed, as the other two */

uint64_t clock_fallback(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct sample sample(void)
{
	struct sample best = { 0, 0, 0 };
	uint64_t width = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = arch_cycles(), ns = clock_fallback(), after = arch_cycles();

		if (after - before < width) {
			width = after - before;
			best = (struct sample){ before + width / 2, ns, width / 2 + 1 };
		}
	}
	return best;
}

/* the kernel's own verdict: it measures the counter against other clocks as long as it runs */
static bool kernel_trusts_tsc(void)
{
	char buf[16] = "";
	long fd = sys_raw(SYS_openat, AT_FDCWD, "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	                  O_RDONLY | O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return false;
	n = sys_raw(SYS_read, fd, buf, sizeof(buf) - 1, 0);
	sys_raw(SYS_close, fd, 0, 0, 0);
	return n >= 3 && buf[0] == 't' && buf[1] == 's' && buf[2] == 'c';
}

void clock_begin(void)
{
	first = sample();
}

static void set_rate(const struct sample *second)
{
	uint64_t ns = second->ns - first.ns, cycles = second->cycles - first.cycles;
	uint64_t doubt = first.doubt + second->doubt;

	__atomic_store_n(&clock_cycles_per_ns, (uint64_t)(((unsigned __int128)(cycles + doubt) << CLOCK_SHIFT) / ns),
	                 __ATOMIC_RELAXED);
	__atomic_store_n(&clock_ns_per_cycle, (uint64_t)(((unsigned __int128)ns << CLOCK_SHIFT) / cycles), __ATOMIC_RELAXED);
	__atomic_store_n(&clock_refine_at, second->cycles + 2 * cycles, __ATOMIC_RELAXED);
}

void clock_init(void)
{
	struct sample second;

	if (!kernel_trusts_tsc())
		return;
	do
		second = sample();
	while (second.ns - first.ns < CALIBRATION_NS);
	set_rate(&second);
	clock_use_tsc = true;
}

void clock_refine(void)
{
	struct sample second = sample();

	set_rate(&second);
}

void clock_sleep_on(int *word, int value, uint64_t until)
{
	uint64_t now;
	stint_ns span;
	struct timespec ts;

	if (until == UINT64_MAX) {
		sys_raw(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, NULL);
		return;
	}
	now = clock_now();
	if (until <= now)
		return;
	span = clock_ns(until - now) + 1;
	ts = (struct timespec){ span / 1000000000, span % 1000000000 };
	sys_raw(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, &ts);
}
