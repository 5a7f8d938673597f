/*
 * many.c - 100 000 calls paused at once: memory of each, time to make, resume and free each
 *
 * Memory is what the process has more of than before, from /proc/self/statm, and so includes everything
 * that they cause (stacks, identities, tables); the kernel's page tables are shown beside it, because
 * stacks that lie far apart pay for those too. Taken once: a second time would find the pool full.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define CALLS 100000
#define QUICK_CALLS 1000

struct memory {
	double resident, tables;        /* bytes */
};

static void *pause_once(void *arg)
{
	stint_pause();
	return arg;
}

static struct memory memory_now(void)
{
	struct memory m = { NAN, NAN };
	FILE *f = fopen("/proc/self/statm", "re");
	char line[128];
	double pages;

	if (f) {
		if (fscanf(f, "%*s %lf", &pages) == 1)
			m.resident = pages * (double)sysconf(_SC_PAGESIZE);
		fclose(f);
	}
	f = fopen("/proc/self/status", "re");
	if (!f)
		return m;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %lf kB", &m.tables) == 1)
			m.tables *= 1024;
	fclose(f);
	return m;
}

static void report_figure(const struct subject *s, const char *what, double value, const char *unit,
			  double limit)
{
	struct row row = ROW_EMPTY;

	row.what = what;
	row.unit = unit;
	row.value = value;
	if (!isnan(limit))
		row.aim = (struct aim){ AIM_AT_MOST, limit };
	report_row(s, &row);
}

/* Each of the steps over all calls; the time each in ns, or NAN with errno. */
static double make_all(stint_t **calls, size_t n)
{
	double start = now_ns();
	size_t i;

	for (i = 0; i < n; i++) {
		calls[i] = stint_launch(pause_once, NULL, STINT_S(1));
		if (!calls[i])
			return NAN;
	}
	return (now_ns() - start) / (double)n;
}

static double resume_all(stint_t **calls, size_t n)
{
	double start = now_ns();
	size_t i;

	for (i = 0; i < n; i++) {
		int how = stint_resume(calls[i], STINT_S(1));

		errno = how;
		if (how)
			return NAN;
	}
	return (now_ns() - start) / (double)n;
}

static double free_all(stint_t **calls, size_t n)
{
	double start = now_ns();
	size_t i;

	for (i = 0; i < n; i++)
		stint_free(calls[i]);
	return (now_ns() - start) / (double)n;
}

static int run_all(const struct subject *s, stint_t **calls, size_t n)
{
	struct memory before, paused, after;
	double made, resumed, freed, kilo = 1024 * (double)n;
	char what[64];
	int error;

	before = memory_now();
	made = make_all(calls, n);
	error = errno;
	paused = memory_now();
	resumed = isnan(made) ? NAN : resume_all(calls, n);
	if (!isnan(made))
		error = errno;
	freed = free_all(calls, n);
	after = memory_now();
	if (isnan(made) || isnan(resumed))
		return error ? error : EPROTO;
	snprintf(what, sizeof(what), "%zu calls paused: resident each", n);
	report_figure(s, what, (paused.resident - before.resident) / kilo, "KB", 9);
	report_figure(s, "  page tables each, besides", (paused.tables - before.tables) / kilo, "KB", NAN);
	report_figure(s, "  resident when all are freed", (after.resident - before.resident) / kilo, "KB",
		      NAN);
	report_figure(s, "  launch + pause each", made, "ns", NAN);
	report_figure(s, "  resume + complete each", resumed, "ns", NAN);
	report_figure(s, "  free each", freed, "ns", NAN);
	return 0;
}

static int many(const struct subject *s)
{
	size_t n = options.quick ? QUICK_CALLS : CALLS;
	stint_t **calls = malloc(n * sizeof(*calls));
	int error;

	if (!calls)
		return ENOMEM;
	memset(calls, 0, n * sizeof(*calls));   /* these pages are not the calls' */
	error = run_all(s, calls, n);
	free(calls);
	return error;
}

const struct subject subject_many = {
	"many", "100 000 calls paused at once: memory and time of each", many
};
