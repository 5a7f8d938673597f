/*
 * load.c - an HTTP load generator: options, report
 *
 * Asks a server on this machine for "/", and now and then for "/burn?us=N", which costs the server N microseconds of CPU
 * time. How long plain requests take while others burn is what tells servers apart; so the two are reported
 * separately. load-run.c does the work.
 */
#include "load.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct load_plan plan = {
	.server = { .sin_family = AF_INET },
	.connections = 64,
	.burn_us = 5000,
	.warmup_s = 0.5,
	.measured_s = 5,
	.grace_s = 2,
	.seed = 1,
};
static bool terse;

enum { OPT_EVEN = 256, OPT_SLEEP, OPT_SHARE, OPT_US, OPT_SEED, OPT_GRACE, OPT_TERSE };

static const struct argp_option argp_options[] = {
	{ "connections", 'c', "N", 0, "Keep-alive connections (default 64)", 0 },
	{ "rate", 'r', "N", 0,
	  "Requests a second, due whether or not earlier ones are answered (default 0: each connection asks again as "
	  "soon as it is answered)", 0 },
	{ "even", OPT_EVEN, NULL, 0, "Requests due at even gaps (default: exponential ones)", 0 },
	{ "duration", 'd', "S", 0, "Seconds measured (default 5)", 0 },
	{ "warm-up", 'w', "S", 0, "Seconds before that (default 0.5)", 0 },
	{ "grace", OPT_GRACE, "S", 0, "Seconds to wait after that for answers (default 2)", 0 },
	{ "burn-share", OPT_SHARE, "PERCENT", 0, "Share of requests that burn (default 0)", 0 },
	{ "burn-us", OPT_US, "N", 0, "Microseconds of CPU time for each of them (default 5000)", 0 },
	{ "seed", OPT_SEED, "N", 0, "For the gaps, and for which requests burn (default 1)", 0 },
	{ "sleep", OPT_SLEEP, NULL, 0, "Do not spin; for where the server has the same CPU", 0 },
	{ "terse", OPT_TERSE, NULL, 0, "Print key=value lines, times in microseconds", 0 },
	{ 0 },
};

static double number_of(const char *text, double least, double most, struct argp_state *state)
{
	char *end;
	double n;

	errno = 0;
	n = strtod(text, &end);
	if (errno || end == text || *end || !(n >= least && n <= most))
		argp_error(state, "'%s' is not a number from %g to %.0f", text, least, most);
	return n;
}

/* [ADDRESS:]PORT */
static void parse_server(const char *text, struct argp_state *state)
{
	const char *colon = strrchr(text, ':');
	char address[64] = "127.0.0.1";

	if (colon)
		snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text);
	if (inet_pton(AF_INET, address, &plan.server.sin_addr) != 1)
		argp_error(state, "'%s' is no IPv4 address", address);
	plan.server.sin_port = htons((uint16_t)number_of(colon ? colon + 1 : text, 1, 65535, state));
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'c':
		plan.connections = (unsigned)number_of(arg, 1, 100000, state);
		return 0;
	case 'r':
		plan.rate = number_of(arg, 0, 1e7, state);
		return 0;
	case 'd':
		plan.measured_s = number_of(arg, 0.01, 3600, state);
		return 0;
	case 'w':
		plan.warmup_s = number_of(arg, 0, 3600, state);
		return 0;
	case OPT_EVEN:
		plan.even = true;
		return 0;
	case OPT_SLEEP:
		plan.sleep = true;
		return 0;
	case OPT_SHARE:
		plan.burn_share = number_of(arg, 0, 100, state) / 100;
		return 0;
	case OPT_US:
		plan.burn_us = (unsigned)number_of(arg, 1, 1e7, state);
		return 0;
	case OPT_SEED:
		plan.seed = (uint64_t)number_of(arg, 0, 1e9, state);
		return 0;
	case OPT_GRACE:
		plan.grace_s = number_of(arg, 0, 3600, state);
		return 0;
	case OPT_TERSE:
		terse = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0)
			argp_usage(state);
		parse_server(arg, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const double shown[] = { 0.5, 0.9, 0.99, 0.999 };
static const char *const shown_names[] = { "p50", "p90", "p99", "p99.9" };
#define SHOWN (sizeof(shown) / sizeof(*shown))

static void print_table_row(const char *name, const struct histogram *h)
{
	size_t i;

	printf("%-8s %9llu", name, (unsigned long long)h->n);
	for (i = 0; i < SHOWN; i++)
		printf(" %10.1f", (double)histogram_quantile(h, shown[i]) / 1e3);
	printf(" %10.1f\n", (double)h->max / 1e3);
}

static void print_table(const struct load_result *r)
{
	printf("%u connections, ", plan.connections);
	if (plan.rate > 0)
		printf("%g requests/s due at %s gaps", plan.rate, plan.even ? "even" : "exponential");
	else
		printf("each asking again when answered");
	printf(", %g%% burning %u us; %g s after %g s\n\n", plan.burn_share * 100, plan.burn_us, plan.measured_s,
	       plan.warmup_s);
	printf("%-8s %9s %10s %10s %10s %10s %10s  us\n", "", "requests", "p50", "p90", "p99", "p99.9", "max");
	print_table_row("plain", &r->plain);
	print_table_row("burn", &r->burn);
	if (plan.rate > 0)
		print_table_row("(sent)", &r->late);
	printf("\n%.0f answers/s; %llu connections refused, %llu broken, %llu wrong answers, %llu without answer\n",
	       r->rate, (unsigned long long)r->refused, (unsigned long long)r->broken,
	       (unsigned long long)r->wrong, (unsigned long long)r->unanswered);
	if (!plan.sleep)
		printf("busy here for %.0f%% of the time%s\n", r->busy * 100,
		       r->busy > 0.97 ? ": the server may be able to answer more" : "");
}

static void print_terse_row(const char *name, const struct histogram *h)
{
	size_t i;

	printf("%s.n=%llu\n", name, (unsigned long long)h->n);
	for (i = 0; i < SHOWN; i++)
		printf("%s.%s=%.1f\n", name, shown_names[i], (double)histogram_quantile(h, shown[i]) / 1e3);
	printf("%s.max=%.1f\n", name, (double)h->max / 1e3);
}

static void print_terse(const struct load_result *r)
{
	printf("rate=%.1f\n", r->rate);
	print_terse_row("plain", &r->plain);
	print_terse_row("burn", &r->burn);
	print_terse_row("late", &r->late);
	printf("refused=%llu\nbroken=%llu\nwrong=%llu\nunanswered=%llu\nbusy=%.3f\n",
	       (unsigned long long)r->refused, (unsigned long long)r->broken, (unsigned long long)r->wrong,
	       (unsigned long long)r->unanswered, r->busy);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse_option, "[ADDRESS:]PORT",
		"Load an HTTP server on this machine and tell how long its answers take.\v"
		"Times count from the moment a request was due. Give server and generator a CPU each "
		"(taskset). The exit status is 1 when requests failed.\n",
		NULL, NULL, NULL
	};
	static struct load_result result;
	int error;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	error = load_run(&plan, &result);
	if (error) {
		fprintf(stderr, "load: %s\n", strerror(error));
		return 2;
	}
	if (terse)
		print_terse(&result);
	else
		print_table(&result);
	return result.refused || result.broken || result.wrong || result.unanswered;
}
