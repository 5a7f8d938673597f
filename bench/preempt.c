/*
 * preempt.c - one preempt + resume cycle (handler in, switch out, switch in, sigreturn), against a bare
 * tick
 *
 * Counted by work done, not by clocks read inside: the same fixed work is run undisturbed, under a bare
 * periodic timer with an empty handler, and as a call that is resumed again and again for a slice of the
 * same length. What it took longer than undisturbed, divided by the number of ticks or stops, is the cost
 * of one, and includes what no clock in the handler sees: entering and leaving the kernel, and the caches
 * afterwards. The undisturbed run is taken before and after the others in each turn, since the machine's
 * speed drifts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define WORK_NS 20e6            /* short, so that the turns are close together */
#define TURNS 5                 /* for each that the options ask for: one alone says little */
#define QUICK_WORK_NS 2e6

struct turn {
	double alone, ticked, stopped;          /* wall time of the same work */
	double ticks, stops;
};

static double time_alone(uint64_t turns)
{
	double start = now_ns();

	work_spin(turns);
	return now_ns() - start;
}

static int take_ticked(struct turn *t, uint64_t turns, double slice)
{
	double start;
	int error = bare_timer_open(NULL);

	if (error)
		return error;
	start = now_ns();
	bare_timer_every(slice);
	work_spin(turns);
	t->ticked = now_ns() - start;
	t->ticks = (double)bare_ticks;
	bare_timer_close();
	return 0;
}

static int take_stopped(struct turn *t, uint64_t turns, double slice)
{
	double start = now_ns();
	stint_t *s = stint_launch(work_spin_call, &turns, (stint_ns)slice);
	int how;

	if (!s)
		return errno;
	t->stops = 0;
	if (!stint_is_complete(s)) {
		do {
			t->stops++;
			how = stint_resume(s, (stint_ns)slice);
		} while (how == ETIMEDOUT);
		if (how) {
			stint_free(s);
			return how;
		}
	}
	t->stopped = now_ns() - start;
	stint_free(s);
	return 0;
}

static int take_turn(struct turn *t, uint64_t turns, double slice)
{
	double before = time_alone(turns);
	int error;

	error = take_ticked(t, turns, slice);
	if (!error)
		error = take_stopped(t, turns, slice);
	t->alone = (before + time_alone(turns)) / 2;
	return error;
}

static void report_slice(const struct subject *s, double slice, const struct series *ours,
			 const struct series *bare)
{
	struct row row = ROW_EMPTY;
	char what[64];

	snprintf(what, sizeof(what), "preempt + resume, slices of %.0f us", slice / 1e3);
	row.what = what;
	row.unit = "ns";
	row.value = series_quantile(ours, 0.5);
	row.spread = series_spread(ours);
	row.reference = "tick of a bare timer";
	row.ref_value = series_quantile(bare, 0.5);
	row.ref_spread = series_spread(bare);
	row.ratio = series_ratio(ours, bare);
	row.aim = (struct aim){ AIM_RATIO_AT_MOST, 1.05 };
	report_row(s, &row);
}

static int preempt_slice(const struct subject *s, double slice, uint64_t turns)
{
	struct series ours = { 0 }, bare = { 0 };
	struct turn t;
	unsigned round;
	int error = 0;

	memset(&t, 0, sizeof(t));
	for (round = 0; round < options.rounds * TURNS && !error; round++) {
		error = take_turn(&t, turns, slice);
		if (!error && t.ticks > 0 && t.stops > 0) {
			error = series_add(&ours, (t.stopped - t.alone) / t.stops);
			if (!error)
				error = series_add(&bare, (t.ticked - t.alone) / t.ticks);
		}
	}
	if (!error)
		report_slice(s, slice, &ours, &bare);
	series_clear(&ours);
	series_clear(&bare);
	return error;
}

static int preempt(const struct subject *s)
{
	static const double slices[] = { 200e3, 100e3, 50e3 };
	uint64_t turns = work_turns_for(options.quick ? QUICK_WORK_NS : WORK_NS);
	size_t i;
	int error = 0;

	for (i = 0; i < sizeof(slices) / sizeof(*slices) && !error; i++)
		error = preempt_slice(s, slices[i], turns);
	return error;
}

const struct subject subject_preempt = {
	"preempt", "one preempt + resume cycle, against a bare tick", preempt
};
