/*
 * timer.c - calls stopped by their deadlines every few hundred microseconds, at random
 */
#include "work.h"

static stint_ns timeout(struct rng *r)
{
	return rng_below(r, 10) ? STINT_US(20 + rng_below(r, 500)) : STINT_US(1 + rng_below(r, 20));
}

int main(void)
{
	const struct drive d = { .timeout = timeout, .cancel_one_in = 60, .finish_one_in = 60 };

	return drive_main(&d, 1, 10, NULL, NULL);
}
