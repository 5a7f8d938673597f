/*
 * clock.c - calibration of the time stamp counter
 *
 * Two samples of (counter, CLOCK_MONOTONIC) at least a millisecond apart give the rate; each sample is the tightest of
 * a few, so that an interrupt between the two reads does not count. Signal context: clock_now() and
 * the conversions are plain arithmetic and may be used there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <time.h>

#include "clock.h"
#include "sys.h"

#define CALIBRATION_NS 1000000
#define SHIFT 32

struct sample {
	uint64_t cycles, ns;
};

bool clock_use_tsc;

static struct sample first;
static uint64_t cycles_per_ns = (uint64_t)1 << SHIFT;   /* both 32.32 fixed point */
static uint64_t ns_per_cycle = (uint64_t)1 << SHIFT;

uint64_t clock_fallback(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static struct sample sample(void)
{
	struct sample best = { 0, 0 };
	uint64_t width = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = arch_cycles(), ns = clock_fallback(), after = arch_cycles();

		if (after - before < width) {
			width = after - before;
			best = (struct sample){ before + width / 2, ns };
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

void clock_init(void)
{
	struct sample second;

	if (!kernel_trusts_tsc())
		return;
	do
		second = sample();
	while (second.ns - first.ns < CALIBRATION_NS);
	cycles_per_ns = (uint64_t)(((unsigned __int128)(second.cycles - first.cycles) << SHIFT) /
	                           (second.ns - first.ns));
	ns_per_cycle = (uint64_t)(((unsigned __int128)(second.ns - first.ns) << SHIFT) /
	                          (second.cycles - first.cycles));
	clock_use_tsc = true;
}

uint64_t clock_cycles(stint_ns span)
{
	unsigned __int128 c;

	if (span == STINT_FOREVER)
		return UINT64_MAX;
	c = (((unsigned __int128)(uint64_t)span * cycles_per_ns) >> SHIFT) + 1;
	return c > UINT64_MAX ? UINT64_MAX : (uint64_t)c;
}

stint_ns clock_ns(uint64_t cycles)
{
	unsigned __int128 ns = ((unsigned __int128)cycles * ns_per_cycle) >> SHIFT;

	return ns > INT64_MAX ? INT64_MAX : (stint_ns)ns;
}
