/*
 * lateness.c - how late after its timeout a call is back in its caller, against a bare one-shot timer's
 * handler
 *
 * Both wait for the same spans while the CPU spins. Ours is from before the resume or launch to after it,
 * less the timeout, so arming the timer counts; the bare timer is set for a moment, and its handler reads
 * the clock first of all. Blocks of both alternate; the ratio is of the medians of the blocks of one
 * turn.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define BLOCK 100
#define QUICK_BLOCK 5

typedef int late_fn(struct series *out, double span, unsigned n);

static volatile double entered;

static void on_tick(int signo)
{
	(void)signo;
	entered = now_ns();
}

/* @n samples of how late a call that spins comes back, launched anew each time. */
static int late_launches(struct series *out, double span, unsigned n)
{
	double start, end;
	int error = 0;

	while (n-- > 0 && !error) {
		stint_t *s;

		start = now_ns();
		s = stint_launch(work_spin_forever, NULL, (stint_ns)span);
		end = now_ns();
		if (!s)
			return errno;
		error = stint_cancel(s);
		stint_free(s);
		if (!error)
			error = series_add(out, end - start - span);
	}
	return error;
}

/* The same of one call, resumed slice after slice. */
static int late_resumes(struct series *out, double span, unsigned n)
{
	stint_t *s = stint_launch(work_spin_forever, NULL, (stint_ns)span);
	double start;
	int error = 0, how;

	if (!s)
		return errno;
	while (n-- > 0 && !error) {
		start = now_ns();
		how = stint_resume(s, (stint_ns)span);
		error = how == ETIMEDOUT ? series_add(out, now_ns() - start - span) : how;
	}
	stint_cancel(s);
	stint_free(s);
	return error;
}

static int late_ticks(struct series *out, double span, unsigned n)
{
	double when;
	int error = bare_timer_open(on_tick);

	if (error)
		return error;
	while (n-- > 0 && !error) {
		entered = 0;
		when = now_ns() + span;
		error = bare_timer_at(when);
		while (!error && entered == 0)
			work_spin(64);
		if (!error)
			error = series_add(out, entered - when);
	}
	bare_timer_close();
	return error;
}

/* One block of ours and one of the bare timer. */
static int late_turn(late_fn *ours, double span, struct series all[2], struct series medians[2])
{
	unsigned n = options.quick ? QUICK_BLOCK : BLOCK;
	struct series block[2];
	int i, error;

	memset(block, 0, sizeof(block));
	error = ours(&block[0], span, n);
	if (!error)
		error = late_ticks(&block[1], span, n);
	for (i = 0; i < 2 && !error; i++) {
		size_t k;

		error = series_add(&medians[i], series_quantile(&block[i], 0.5));
		for (k = 0; k < block[i].n && !error; k++)
			error = series_add(&all[i], block[i].at[k]);
	}
	series_clear(&block[0]);
	series_clear(&block[1]);
	return error;
}

static void report_quantile(const struct subject *s, const char *name, double q, struct series all[2],
			    double ratio)
{
	struct row row = ROW_EMPTY;
	char what[64], note[64];

	snprintf(what, sizeof(what), "%s, %s", name, q > 0.5 ? "p99" : "median");
	snprintf(note, sizeof(note), "earliest %.0f ns", series_quantile(&all[0], 0));
	row.what = what;
	row.unit = "ns";
	row.value = series_quantile(&all[0], q);
	row.spread = q > 0.5 ? NAN : series_spread(&all[0]);
	row.reference = "entry of a bare timer's handler";
	row.ref_value = series_quantile(&all[1], q);
	row.ref_spread = q > 0.5 ? NAN : series_spread(&all[1]);
	row.ratio = isnan(ratio) ? row.value / row.ref_value : ratio;
	if (q <= 0.5)
		row.aim = (struct aim){ AIM_RATIO_AT_MOST, 1.1 };
	row.note = q > 0.5 ? NULL : note;
	report_row(s, &row);
}

static int lateness_of(const struct subject *s, const char *name, late_fn *ours, double span)
{
	struct series all[2], medians[2];
	unsigned round;
	int error = 0;

	memset(all, 0, sizeof(all));
	memset(medians, 0, sizeof(medians));
	for (round = 0; round < options.rounds && !error; round++)
		error = late_turn(ours, span, all, medians);
	if (!error) {
		report_quantile(s, name, 0.5, all, series_ratio(&medians[0], &medians[1]));
		report_quantile(s, name, 0.99, all, NAN);
	}
	series_clear(&all[0]);
	series_clear(&all[1]);
	series_clear(&medians[0]);
	series_clear(&medians[1]);
	return error;
}

static int lateness(const struct subject *s)
{
	int error = lateness_of(s, "late, resumed for 100 us", late_resumes, 100e3);

	if (!error)
		error = lateness_of(s, "late, resumed for 1 ms", late_resumes, 1e6);
	if (!error)
		error = lateness_of(s, "late, launched for 1 ms", late_launches, 1e6);
	return error;
}

const struct subject subject_lateness = {
	"lateness", "how late after its timeout a call is back in its caller", lateness
};
