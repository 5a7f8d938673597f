/*
 * threads.c - calls passed between kernel threads, each slice on whichever claims the call
 */
#include "work.h"

#define THREADS 4

static stint_ns timeout(struct rng *r)
{
	return STINT_US(1 + rng_below(r, 300));
}

int main(void)
{
	const struct drive d = { .timeout = timeout, .shared = true, .cancel_one_in = 80, .finish_one_in = 80 };

	return drive_main(&d, THREADS, 10, NULL, NULL);
}
