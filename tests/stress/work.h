/*
 * work.h - the work that the stress programs have stopped, resumed and cancelled at random, and their driver
 *
 * Each kind of work checks itself as it goes: a block of the heap holds the pattern it was filled with, a stream the lines
 * written to it, a decoded picture the pixels that were encoded. The caller does the same work between the slices of
 * its calls. So a lock of libc left held by a stopped call shows as a hang, and a data structure left halfway
 * as damage on either side.
 */
#ifndef WORK_H
#define WORK_H

#include "../test.h"

#include <stint.h>

struct work {
	const struct work_kind *kind;
	struct rng rng;
	volatile int leave;            /* finish and return */
	volatile long rounds;
};

/* begin and end may be NULL; what begin returns is handed to the others */
struct work_kind {
	const char *name;
	void *(*begin)(void);
	void (*step)(struct work *w, void *state);
	void (*end)(void *state);
};

void work_begin(void);          /* before any of it, and outside calls */

extern const struct work_kind work_kinds[];
extern const int work_kinds_n;

/* what a driver does with its calls */
struct drive {
	stint_ns (*timeout)(struct rng *r);     /* how long the next slice is */
	bool shared;            /* other threads drive the same calls */
	unsigned cancel_one_in; /* slices */
	unsigned finish_one_in;
};

#define DRIVE_CALLS 12

/*
 * The whole of a program: warm up, measure, run with @threads driving for @seconds, compare. @begin and @end, which may be
 * NULL, start and stop whatever disturbs it.
 */
int drive_main(const struct drive *d, int threads, int64_t seconds, void (*begin)(void), void (*end)(void));

#endif
