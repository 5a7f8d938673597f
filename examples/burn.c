/*
 * burn.c - see burn.h
 */
#include "burn.h"

#include <stdint.h>
#include <time.h>

static uint64_t turns_per_ms;
static _Atomic uint64_t checksum;       /* so that the work has a purpose */

static void work(uint64_t turns)
{
	uint64_t x = turns | 1;

	while (turns-- > 0) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	checksum += x;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The best of a few: one disturbance here would make every burn too short. */
void burn_calibrate(void)
{
	const uint64_t turns = 1000000;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 9; i++) {
		uint64_t span = cpu_ns();
		work(turns);
		span = cpu_ns() - span;
		if (span < best)
			best = span;
	}
	turns_per_ms = turns * 1000000 / (best ? best : 1);
}

void burn(unsigned long us)
{
	work(turns_per_ms * us / 1000);
}
