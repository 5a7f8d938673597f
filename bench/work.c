/*
 * work.c - the functions that are called, kept away from the loops that call them
 *
 * Compiled on its own, without link-time optimisation: an empty function that the compiler can see is no
 * call at all.
 */
#include "work.h"

#include <stint.h>

#include "bench.h"

static volatile uint64_t sink;

void *work_empty(void *arg)
{
	return arg;
}

uint64_t work_spin(uint64_t turns)
{
	uint64_t x = turns | 1;

	while (turns-- > 0) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	sink = x;
	return x;
}

void *work_spin_call(void *turns)
{
	work_spin(*(const uint64_t *)turns);
	return turns;
}

void *work_pause_forever(void *arg)
{
	for (;;)
		stint_pause();
	return arg;
}

void *work_spin_forever(void *arg)
{
	for (;;)
		sink = work_spin(64);
	return arg;
}

static double best_time(uint64_t turns)
{
	double best = INFINITY, start;
	int i;

	for (i = 0; i < 5; i++) {
		start = now_ns();
		work_spin(turns);
		best = fmin(best, now_ns() - start);
	}
	return best;
}

/* The best of a few, lest one disturbance here make every turn that follows too short. */
uint64_t work_turns_for(double ns)
{
	uint64_t turns = 1000;
	double span;

	for (;;) {
		span = best_time(turns);
		if (span >= 1e6)
			return (uint64_t)((double)turns * ns / span) + 1;
		turns *= 2;
	}
}
