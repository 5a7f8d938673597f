/*
 * pause.c - pause + resume, against a bare pair of switches of stack and thread pointer
 */
#include <errno.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

/* One call for the whole run; a resume of 1 s is never the one that times out. */
static double run_pause(void *arg, unsigned long n)
{
	stint_t *s = stint_launch(work_pause_forever, arg, STINT_S(1));
	double start, span;
	unsigned long i;
	int how = EAGAIN;

	if (!s)
		return NAN;
	start = now_ns();
	for (i = 0; i < n; i++)
		how |= stint_resume(s, STINT_S(1));
	span = now_ns() - start;
	stint_cancel(s);
	stint_free(s);
	errno = EPROTO;
	return how == EAGAIN ? span / (double)n : NAN;
}

static double run_bare(void *arg, unsigned long n)
{
	double start, span;

	(void)arg;
	errno = bare_pair_open();
	if (errno)
		return NAN;
	start = now_ns();
	bare_pair(n);
	span = now_ns() - start;
	bare_pair_close();
	return span / (double)n;
}

static int pause_resume(const struct subject *s)
{
	static const struct side sides[] = {
		{ "pause + resume", run_pause, NULL },
		{ "bare pair of switches", run_bare, NULL },
	};

	return bench_compare(s, sides[0].name, (struct aim){ AIM_AT_MOST, 70 }, sides,
			     sizeof(sides) / sizeof(*sides));
}

const struct subject subject_pause = {
	"pause", "pause + resume, against a bare pair of switches", pause_resume
};
