/*
 * policy.c - what a policy itself costs: the running task yields or blocks, the next one is picked
 *
 * The tables are called as the workers call them, but with a made-up clock, 50 ns on for each switch; reading a
 * clock is not in the figures. The reference is fifo, the least that a queue can do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stint.h>

#include "bench.h"

#define POLICIES 7
#define MOST     10000
#define STEP_NS  50

struct setting {
	const struct stint_policy *policy;
	unsigned tasks;
};

static struct stint_task *tasks;

static void *fill(const struct setting *s, stint_ns *now)
{
	void *rq = aligned_alloc(64, (s->policy->rq_size + 63) / 64 * 64);

	if (!rq)
		return NULL;
	memset(rq, 0, s->policy->rq_size);
	memset(tasks, 0, MOST * sizeof(*tasks));
	errno = s->policy->init ? s->policy->init(rq, STINT_MS(1)) : 0;
	if (errno) {
		free(rq);
		return NULL;
	}
	for (unsigned i = 0; i < s->tasks; i++) {
		tasks[i].weight = STINT_WEIGHT_NORMAL;
		tasks[i].id = i + 1;
		tasks[i].deadline = i % 2 ? STINT_MS(1 + i % 7) : 0;
		s->policy->spawn(rq, &tasks[i], *now += STEP_NS);
	}
	return rq;
}

static double run_yields(void *arg, unsigned long n)
{
	const struct setting *s = arg;
	const struct stint_policy *p = s->policy;
	stint_ns now = STINT_S(1);
	struct stint_task *t;
	double start, span;
	void *rq;

	rq = fill(s, &now);
	if (!rq)
		return NAN;
	t = p->pick_next(rq, now);
	start = now_ns();
	for (unsigned long i = 0; i < n; i++) {
		now += STEP_NS;
		p->yield(rq, t, now);
		t = p->pick_next(rq, now);
	}
	span = now_ns() - start;
	free(rq);
	return span / (double)n;
}

/* as in a conversation: one wakes up, the running one blocks, the next is picked */
static double run_talk(void *arg, unsigned long n)
{
	const struct setting *s = arg;
	const struct stint_policy *p = s->policy;
	struct stint_task *t, *blocked = NULL;
	stint_ns now = STINT_S(1);
	double start, span;
	void *rq;

	rq = fill(s, &now);
	if (!rq)
		return NAN;
	t = p->pick_next(rq, now);
	start = now_ns();
	for (unsigned long i = 0; i < n; i++) {
		now += STEP_NS;
		if (blocked)
			p->wakeup(rq, blocked, now);
		if (p->block)
			p->block(rq, t, now);
		blocked = t;
		t = p->pick_next(rq, now);
	}
	span = now_ns() - start;
	free(rq);
	return span / (double)n;
}

static void report(const struct subject *s, const char *doing, const struct setting *settings,
		   const struct series *series, size_t n, size_t least)
{
	struct row row = ROW_EMPTY;
	char what[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(what, sizeof(what), "%s, %s, %u tasks", doing, settings[i].policy->name, settings[i].tasks);
		row.what = what;
		row.unit = "ns";
		row.value = series_quantile(&series[i], 0.5);
		row.spread = series_spread(&series[i]);
		row.reference = settings[least].policy->name;
		row.ref_value = series_quantile(&series[least], 0.5);
		row.ref_spread = series_spread(&series[least]);
		row.ratio = series_ratio(&series[i], &series[least]);
		report_row(s, &row);
	}
}

static int compare(const struct subject *s, const char *doing, double (*run)(void *, unsigned long), unsigned count)
{
	struct setting settings[POLICIES];
	struct series series[POLICIES] = { 0 };
	struct side sides[POLICIES];
	size_t n, least = 0;
	int error;

	for (n = 0; n < POLICIES && stint_policy_builtin(n); n++) {
		settings[n] = (struct setting){ stint_policy_builtin(n), count };
		sides[n] = (struct side){ settings[n].policy->name, run, &settings[n] };
		if (!strcmp(sides[n].name, "fifo"))
			least = n;
	}
	error = bench_turns(sides, series, n, 0);
	if (!error)
		report(s, doing, settings, series, n, least);
	for (size_t i = 0; i < n; i++)
		series_clear(&series[i]);
	return error;
}

static int policies(const struct subject *s)
{
	static const unsigned counts[] = { 2, 100, MOST };
	int error = 0;

	tasks = calloc(MOST, sizeof(*tasks));
	if (!tasks)
		return ENOMEM;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts) && !error; i++)
		error = compare(s, "yield", run_yields, counts[i]);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts) && !error; i++)
		error = compare(s, "talk", run_talk, counts[i]);
	free(tasks);
	return error;
}

const struct subject subject_policy = {
	"policy", "yield + pick, and wake-up + block + pick, each scheduling policy", policies
};
