/*
 * cancel.c - cancel of a call that holds 16 heap blocks and 4 descriptors, against the same frees and
 * closes by hand
 *
 * The aim is 5 us above the closes alone: closing is the kernel's work and costs what it costs. Only the
 * cancel, or the frees and closes, are timed; taking the resources is not. The two readings of the clock
 * are in all sides alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define BLOCKS 16
#define DESCRIPTORS 4

struct held {
	void *block[BLOCKS];
	int fd[DESCRIPTORS];
};

static struct held held;

/* Sizes of several of malloc's classes, some of them outside its cache. */
static void take(struct held *h)
{
	size_t i;

	for (i = 0; i < BLOCKS; i++)
		h->block[i] = malloc((size_t)24 << (i / 2));
	for (i = 0; i < DESCRIPTORS; i++)
		h->fd[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void *take_and_pause(void *arg)
{
	take(arg);
	stint_pause();
	return arg;
}

static void give_blocks(struct held *h)
{
	size_t i = BLOCKS;

	while (i-- > 0)
		free(h->block[i]);
}

static void give_descriptors(struct held *h)
{
	size_t i = DESCRIPTORS;

	while (i-- > 0)
		close(h->fd[i]);
}

static double run_cancel(void *arg, unsigned long n)
{
	double sum = 0, start;
	unsigned long i;

	for (i = 0; i < n; i++) {
		stint_t *s = stint_launch(take_and_pause, arg, STINT_S(1));

		if (!s)
			return NAN;
		start = now_ns();
		errno = stint_cancel(s);
		sum += now_ns() - start;
		if (errno)
			return NAN;
		stint_free(s);
	}
	return sum / (double)n;
}

static double run_closes(void *arg, unsigned long n)
{
	double sum = 0, start;
	unsigned long i;

	for (i = 0; i < n; i++) {
		take(arg);
		start = now_ns();
		give_descriptors(arg);
		sum += now_ns() - start;
		give_blocks(arg);
	}
	return sum / (double)n;
}

static double run_by_hand(void *arg, unsigned long n)
{
	double sum = 0, start;
	unsigned long i;

	for (i = 0; i < n; i++) {
		take(arg);
		start = now_ns();
		give_descriptors(arg);
		give_blocks(arg);
		sum += now_ns() - start;
	}
	return sum / (double)n;
}

/* Whether a cancel closes at all: a fast one that forgets is not what is to be measured. */
static int check_closed(void)
{
	stint_t *s = stint_launch(take_and_pause, &held, STINT_S(1));
	bool open_before, open_after;

	if (!s)
		return errno;
	open_before = fcntl(held.fd[DESCRIPTORS - 1], F_GETFD) >= 0;
	stint_cancel(s);
	open_after = fcntl(held.fd[DESCRIPTORS - 1], F_GETFD) >= 0;
	stint_free(s);
	return open_before && !open_after ? 0 : EPROTO;
}

static int cancel(const struct subject *s)
{
	static const struct side sides[] = {
		{ "cancel, 16 blocks and 4 descriptors", run_cancel, &held },
		{ "the closes by hand", run_closes, &held },
		{ "the frees and closes by hand", run_by_hand, &held },
	};
	int error = check_closed();

	if (error)
		return error;
	return bench_compare(s, sides[0].name, (struct aim){ AIM_MORE_AT_MOST, 5000 }, sides,
			     sizeof(sides) / sizeof(*sides));
}

const struct subject subject_cancel = {
	"cancel", "cancel of a call that holds 16 blocks and 4 descriptors", cancel
};
