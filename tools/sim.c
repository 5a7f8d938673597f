/*
 * sim.c - "stint sim": run a policy over a workload in virtual time, and print who got what
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stint.h>

#include "../sched/sim/sim.h"
#include "tools.h"

#define WORKERS_MAX 1024
#define TEXT_MAX    ((size_t)1 << 20)

struct arguments {
	struct sim_options options;
	const char *policy, *workload;
	bool list;
};

enum { OPT_LIST = 256, OPT_SEED };

static const struct argp_option argp_options[] = {
	{ "policy", 'p', "POLICY", 0, "Name of a built-in policy, or path of a plug-in (default fair)", 0 },
	{ "workload", 'w', "WORKLOAD", 0, "Name of a built-in workload, or path of a file (default mixed)", 0 },
	{ "workers", 'n', "N", 0, "Number of workers (default 1)", 0 },
	{ "quantum", 'q', "SPAN", 0, "How long a turn should be (default 1ms)", 0 },
	{ "time", 't', "SPAN", 0, "How much virtual time to simulate (default 10s)", 0 },
	{ "seed", OPT_SEED, "N", 0, "Another sequence of random lengths (default 1)", 0 },
	{ "list", OPT_LIST, NULL, 0, "List the policies, and the workloads as they would stand in a file", 0 },
	{ 0 },
};

static stint_ns span_of(const char *text, struct argp_state *state)
{
	stint_ns span;

	if (!sim_span(text, &span) || span <= 0)
		argp_error(state, "%s: not a span of time such as 50us, 1.5ms, 2s", text);
	return span;
}

static unsigned long long number_of(const char *text, unsigned long long min, unsigned long long max,
                                    struct argp_state *state)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n < min || n > max)
		argp_error(state, "%s: not a number from %llu to %llu", text, min, max);
	return n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'p':
		a->policy = arg;
		return 0;
	case 'w':
		a->workload = arg;
		return 0;
	case 'n':
		a->options.workers = (unsigned)number_of(arg, 1, WORKERS_MAX, state);
		return 0;
	case 'q':
		a->options.quantum = span_of(arg, state);
		return 0;
	case 't':
		a->options.length = span_of(arg, state);
		return 0;
	case OPT_SEED:
		a->options.seed = number_of(arg, 0, UINT64_MAX, state);
		return 0;
	case OPT_LIST:
		a->list = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "%s: only options are known", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = argp_options,
	.parser = parse,
	.doc = "Run a scheduling policy over a workload in virtual time, where switches and ticks are free.",
};

static void list(void)
{
	const struct stint_policy *p;

	printf("policies:");
	for (size_t i = 0; (p = stint_policy_builtin(i)); i++)
		printf(" %s", p->name);
	printf("\n");
	for (size_t i = 0; sim_workload_name(i); i++)
		printf("\n# %s\n%s", sim_workload_name(i), sim_workload_text(i));
}

/* the contents of the file, to be freed; NULL with errno */
static char *read_file(const char *path)
{
	char *text = malloc(TEXT_MAX + 1);
	FILE *f = text ? fopen(path, "re") : NULL;
	size_t n;
	int err;

	if (!f)
		goto free_text;
	n = fread(text, 1, TEXT_MAX + 1, f);
	err = ferror(f) ? EIO : n > TEXT_MAX ? EFBIG : memchr(text, '\0', n) ? EINVAL : 0;
	fclose(f);
	errno = err;
	if (err)
		goto free_text;
	text[n] = '\0';
	return text;
free_text:
	err = errno;
	free(text);
	errno = err;
	return NULL;
}

static int find_workload(const char *which, struct sim_group **groups, size_t *n)
{
	char why[256], *file;
	const char *name;
	int err;

	for (size_t i = 0; (name = sim_workload_name(i)); i++)
		if (!strcmp(name, which))
			return sim_workload_parse(sim_workload_text(i), groups, n, why, sizeof(why));
	file = read_file(which);
	if (!file) {
		fprintf(stderr, "stint: %s: neither a workload (see stint sim --list) nor a file: %s\n", which,
		        strerror(errno));
		return errno ? errno : EINVAL;
	}
	err = sim_workload_parse(file, groups, n, why, sizeof(why));
	free(file);
	if (err)
		fprintf(stderr, "stint: %s: %s\n", which, err == EINVAL ? why : strerror(err));
	return err;
}

/* "12.3us", in a buffer of @size */
static const char *short_span(char *buf, size_t size, double ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned unit = 0;

	if (ns > -0.5 && ns < 0.5)
		ns = 0;                         /* not "-0" */
	for (; unit < 3 && (ns >= 999.5 || ns <= -999.5); unit++)
		ns /= 1000;
	snprintf(buf, size, unit ? "%.3g%s" : "%.0f%s", ns, units[unit]);
	return buf;
}

static void print_group(const struct arguments *a, const struct sim_group *g, const struct sim_account *r)
{
	double all = (double)a->options.length * a->options.workers;
	char text[6][16], late[32] = "-";

	if (g->deadline)
		snprintf(late, sizeof(late), "%llu", (unsigned long long)r->late);
	printf("%-12s %6u %6.2f%% %9llu %8llu %8llu %8s %8s %8s %8s %8s %6s\n", g->name, g->count,
	       100 * (double)r->cpu / all, (unsigned long long)r->jobs, (unsigned long long)r->turns,
	       (unsigned long long)r->preempted,
	       short_span(text[0], 16, (double)sim_wait_quantile(r, 0.5)),
	       short_span(text[1], 16, (double)sim_wait_quantile(r, 0.99)),
	       short_span(text[2], 16, (double)r->wait_max), short_span(text[3], 16, r->lag_max),
	       short_span(text[4], 16, -r->lag_min), late);
}

static void print_table(const struct arguments *a, const struct sim_group *groups, size_t n,
                        const struct sim_account *accounts)
{
	char text[2][16];

	printf("policy %s, workload %s, %u worker%s, quantum %s, %s of virtual time\n\n", a->options.policy->name,
	       a->workload, a->options.workers, a->options.workers == 1 ? "" : "s",
	       short_span(text[0], 16, (double)a->options.quantum), short_span(text[1], 16, (double)a->options.length));
	printf("%-12s %6s %7s %9s %8s %8s %8s %8s %8s %8s %8s %6s\n", "group", "tasks", "cpu", "jobs", "turns",
	       "stopped", "wait 50%", "99%", "max", "behind", "ahead", "late");
	for (size_t i = 0; i < n; i++)
		print_group(a, &groups[i], &accounts[i]);
}

static int simulate(struct arguments *a)
{
	struct sim_account *accounts = NULL;
	struct sim_group *groups = NULL;
	char why[256];
	size_t n = 0;
	int err;

	if (stint_policy_load(a->policy, &a->options.policy, why, sizeof(why))) {
		fprintf(stderr, "stint: %s\n", why);
		return 2;
	}
	if (find_workload(a->workload, &groups, &n))
		return 2;
	accounts = calloc(n, sizeof(*accounts));
	err = accounts ? sim_run(&a->options, groups, n, accounts) : ENOMEM;
	if (err)
		fprintf(stderr, "stint: %s\n", strerror(err));
	else
		print_table(a, groups, n, accounts);
	free(accounts);
	free(groups);
	return err ? 1 : 0;
}

int tool_sim(int argc, char **argv)
{
	struct arguments a = {
		.options = { .workers = 1, .quantum = STINT_MS(1), .length = STINT_S(10), .seed = 1 },
		.policy = "fair",
		.workload = "mixed",
	};
	error_t err = argp_parse(&argp, argc, argv, 0, NULL, &a);

	if (err) {
		fprintf(stderr, "stint: %s\n", strerror(err));
		return 2;
	}
	if (!a.list)
		return simulate(&a);
	list();
	return 0;
}
