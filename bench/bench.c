/*
 * bench.c - the benchmark program: options, turns, series
 *
 * Runs every subject, or those whose name contains what --filter says, in the order of the table below.
 * The floors come first because everything else is read against them; the 100 000 calls come last because
 * the pool of stacks they leave behind would be in the way of others.
 *
 * Rejected: one process per subject (the references would run at another time than ours); fixed numbers
 * of operations (right on one machine); the best of n instead of the median (it hides what the slow half
 * pays).
 */
#include "bench.h"

#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stint.h>

static const struct subject *const subjects[] = {
	&subject_floors, &subject_launch, &subject_pause, &subject_preempt, &subject_throughput,
	&subject_lateness, &subject_cancel, &subject_interpose, &subject_steady, &subject_policy,
	&subject_libset, &subject_threads, &subject_http, &subject_many,
};
#define SUBJECTS (sizeof(subjects) / sizeof(*subjects))

#define CPU_LAST (-2)           /* the last one we may use: interrupts like to go to the first */

struct options options = { .rounds = 11, .run_ns = 20e6, .cpu = CPU_LAST };

static bool list_only, steady_only;

double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int series_add(struct series *s, double value)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		double *at = realloc(s->at, room * sizeof(*at));

		if (!at)
			return ENOMEM;
		s->at = at;
		s->room = room;
	}
	s->at[s->n++] = value;
	return 0;
}

void series_clear(struct series *s)
{
	free(s->at);
	memset(s, 0, sizeof(*s));
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The place between two samples is interpolated. */
static double quantile_of(double *at, size_t n, double q)
{
	double place = q * (double)(n - 1);
	size_t i = (size_t)place;

	qsort(at, n, sizeof(*at), compare_doubles);
	if (i + 1 >= n)
		return at[n - 1];
	return at[i] + (place - (double)i) * (at[i + 1] - at[i]);
}

double series_quantile(const struct series *s, double q)
{
	double *copy, value;

	if (!s->n)
		return NAN;
	copy = malloc(s->n * sizeof(*copy));
	if (!copy)
		return NAN;
	memcpy(copy, s->at, s->n * sizeof(*copy));
	value = quantile_of(copy, s->n, q);
	free(copy);
	return value;
}

double series_spread(const struct series *s)
{
	double median = series_quantile(s, 0.5);

	if (s->n < 4 || !(median > 0))
		return NAN;
	return (series_quantile(s, 0.75) - series_quantile(s, 0.25)) / 2 / median;
}

double series_ratio(const struct series *a, const struct series *b)
{
	struct series ratios = { 0 };
	double median;
	size_t i;

	for (i = 0; i < a->n && i < b->n; i++)
		if (series_add(&ratios, a->at[i] / b->at[i]))
			break;
	median = series_quantile(&ratios, 0.5);
	series_clear(&ratios);
	return median;
}

/* How many operations of @side last @run_ns; 0 when it cannot run. */
static unsigned long operations_for(const struct side *side, double run_ns)
{
	unsigned long n = 1;
	double start, span;

	for (;;) {
		start = now_ns();
		if (isnan(side->run(side->arg, n)))
			return 0;
		span = now_ns() - start;
		if (span >= run_ns / 4)
			break;
		n *= 2;
	}
	n = (unsigned long)((double)n * run_ns / span);
	return n ? n : 1;
}

int bench_turns(const struct side *sides, struct series *out, size_t n, double run_ns)
{
	unsigned long *operations = calloc(n, sizeof(*operations));
	unsigned round;
	size_t i;
	int error = 0;

	if (!operations)
		return ENOMEM;
	for (i = 0; i < n; i++)
		operations[i] = operations_for(&sides[i], run_ns > 0 ? run_ns : options.run_ns);
	for (round = 0; round < options.rounds; round++) {
		for (i = 0; i < n && !error; i++) {
			double cost = operations[i] ? sides[i].run(sides[i].arg, operations[i]) : NAN;

			if (!isnan(cost))
				error = series_add(&out[i], cost);
		}
	}
	free(operations);
	return error;
}

static void report_compared(const struct subject *s, const char *what, struct aim aim,
			    const struct side *sides, const struct series *series, size_t n)
{
	struct row row = ROW_EMPTY;
	size_t i;

	row.what = what;
	row.unit = "ns";
	row.value = series_quantile(&series[0], 0.5);
	row.spread = series_spread(&series[0]);
	row.aim = aim;
	if (n == 1)
		report_row(s, &row);
	for (i = 1; i < n; i++) {
		row.reference = sides[i].name;
		row.ref_value = series_quantile(&series[i], 0.5);
		row.ref_spread = series_spread(&series[i]);
		row.ratio = series_ratio(&series[0], &series[i]);
		row.note = series[i].n ? NULL : "this reference cannot run here";
		report_row(s, &row);
		row.aim.kind = AIM_NONE;
		row.same_again = true;
	}
}

int bench_compare(const struct subject *s, const char *what, struct aim aim, const struct side *sides,
		  size_t n)
{
	struct series *series = calloc(n, sizeof(*series));
	size_t i;
	int error;

	if (!series)
		return ENOMEM;
	error = bench_turns(sides, series, n, 0);
	if (!error && series[0].n)
		report_compared(s, what, aim, sides, series, n);
	else if (!error)
		error = errno ? errno : ENOTSUP;
	for (i = 0; i < n; i++)
		series_clear(&series[i]);
	free(series);
	return error;
}

/* So that the scheduler does not move us between two turns. Threads made later inherit it. */
static int pin(void)
{
	cpu_set_t allowed;
	int cpu, last = -1;

	if (sched_getaffinity(0, sizeof(options.allowed), &options.allowed))
		return errno;
	for (cpu = 0; options.cpu == CPU_LAST && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &options.allowed))
			last = cpu;
	if (options.cpu == CPU_LAST)
		options.cpu = last;
	if (options.cpu < 0)
		return 0;
	CPU_ZERO(&allowed);
	CPU_SET(options.cpu, &allowed);
	return sched_setaffinity(0, sizeof(allowed), &allowed) ? errno : 0;
}

static bool wanted(const struct subject *s)
{
	return !options.filter || strstr(s->name, options.filter);
}

static void list_subjects(void)
{
	size_t i;

	for (i = 0; i < SUBJECTS; i++)
		if (wanted(subjects[i]))
			printf("%-11s %s\n", subjects[i]->name, subjects[i]->what);
}

static int run_subjects(void)
{
	size_t i;
	int error, failed = 0;

	error = report_open();
	if (error) {
		fprintf(stderr, "bench: %s: %s\n", options.csv, strerror(error));
		return EXIT_FAILURE;
	}
	for (i = 0; i < SUBJECTS; i++) {
		if (!wanted(subjects[i]))
			continue;
		errno = 0;
		error = subjects[i]->run(subjects[i]);
		if (error) {
			fflush(stdout);
			fprintf(stderr, "bench: %s: %s\n", subjects[i]->name, strerror(error));
			failed = 1;
		}
	}
	error = report_close();
	if (error)
		fprintf(stderr, "bench: %s: %s\n", options.csv ? options.csv : "stdout", strerror(error));
	return failed || error ? EXIT_FAILURE : EXIT_SUCCESS;
}

enum { OPT_LIST = 256, OPT_CSV, OPT_QUICK, OPT_CPU, OPT_NO_PIN, OPT_STEADY };

static const struct argp_option argp_options[] = {
	{ "list", OPT_LIST, NULL, 0, "List the subjects and stop", 0 },
	{ "filter", 'f', "NAME", 0, "Only subjects whose name contains NAME", 0 },
	{ "csv", OPT_CSV, "FILE", 0, "Write the rows to FILE as well, as comma-separated values", 0 },
	{ "repeat", 'n', "N", 0, "Turns that each side gets (default 11)", 0 },
	{ "quick", OPT_QUICK, NULL, 0, "Very short turns, only to see that everything runs", 0 },
	{ "cpu", OPT_CPU, "N", 0, "Run on CPU number N (default: the last allowed one)", 0 },
	{ "no-pin", OPT_NO_PIN, NULL, 0, "Run on whatever CPU the system chooses", 0 },
	{ "steady", OPT_STEADY, NULL, OPTION_HIDDEN, "Only the loops whose system calls are counted", 0 },
	{ 0 },
};

static long number_of(const char *text, long least, struct argp_state *state)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < least || n > 1000000)
		argp_error(state, "'%s' is not a number from %ld to 1000000", text, least);
	return n;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case OPT_LIST:
		list_only = true;
		return 0;
	case 'f':
		options.filter = arg;
		return 0;
	case OPT_CSV:
		options.csv = arg;
		return 0;
	case 'n':
		options.rounds = (unsigned)number_of(arg, 1, state);
		return 0;
	case OPT_QUICK:
		options.quick = true;
		return 0;
	case OPT_CPU:
		options.cpu = (int)number_of(arg, 0, state);
		return 0;
	case OPT_NO_PIN:
		options.cpu = -1;
		return 0;
	case OPT_STEADY:
		steady_only = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': only options are known", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, NULL,
		"Measure stint, every figure beside its reference.\vFigures are medians over the turns; "
		"'+-' is half of the middle half of them. Run it on a machine that has nothing else to do.\n",
		NULL, NULL, NULL
	};
	const char *reason;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (list_only) {
		list_subjects();
		return EXIT_SUCCESS;
	}
	if (options.quick) {
		options.rounds = options.rounds < 3 ? options.rounds : 3;
		options.run_ns = 1e6;
	}
	error = pin();
	if (error) {
		fprintf(stderr, "bench: CPU %d: %s\n", options.cpu, strerror(error));
		return EXIT_FAILURE;
	}
	reason = stint_unsupported();
	if (reason) {
		fprintf(stderr, "bench: %s\n", reason);
		return EXIT_FAILURE;
	}
	return steady_only ? steady_run() : run_subjects();
}
