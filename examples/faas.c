/*
 * faas.c - functions from shared objects, many at once, each within a budget of CPU time and a limit of time
 *
 * Each request is a thread, so none holds up the others; in it the function runs as a call, which is stopped in the middle of
 * whatever it does, computing or waiting, when it has used up its budget or its time. Everything that it held is given
 * back then. So it is when it has returned: the call does not complete but pauses with the result in hand, which is
 * copied, and is cancelled then.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stint.h>

#include "args.h"
#include "faas.h"
#include "holdings.h"

#define LONGEST_RESULT 100
#define LEAST_SLICE STINT_US(100)

enum outcome { NOT_RUN, RETURNED, OVER_BUDGET, TOO_LONG };

struct request {
	const char *name, *text;        /* of NAME.so=TEXT */
	void *library;
	faas_fn *function;
	stint_thread_t *thread;
	stint_t *call;
	const char *returned;           /* by the function; gone when the call is */
	stint_ns budget, limit;
	size_t stack;
	/* what becomes of it */
	enum outcome outcome;
	char result[LONGEST_RESULT];
	struct stint_usage usage;       /* before it was cancelled */
};

struct faas {
	stint_ns budget, limit;
	size_t stack;
	int n;
	struct request *requests;
};

static stint_ns now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return STINT_S(t.tv_sec) + t.tv_nsec;
}

/* The call. It is never resumed after the pause. */
static void *call_main(void *arg)
{
	struct request *r = arg;

	r->returned = r->function(r->text);
	if (!r->returned)
		r->returned = "(nothing)";
	stint_pause();
	return NULL;
}

/*
 * Lets the call run until it returns, has used up its budget of CPU time, or until @until. A call's timeout is a span of time, in
 * which other threads may have had the CPU; so it gets what is left of its budget as often as it takes.
 */
static enum outcome run_within(struct request *r, stint_ns until)
{
	int err = ETIMEDOUT;

	while (err == ETIMEDOUT) {
		stint_ns left = r->budget - r->usage.cpu_ns, time = until - now();
		if (left <= 0 || time <= 0)
			return left <= 0 ? OVER_BUDGET : TOO_LONG;
		if (left < LEAST_SLICE)
			left = LEAST_SLICE;
		err = stint_resume(r->call, left < time ? left : time);
		stint_usage(r->call, &r->usage);
	}
	return err == EAGAIN ? RETURNED : NOT_RUN;
}

/* The thread. */
static void *request_main(void *arg)
{
	struct request *r = arg;
	const struct stint_attr attr = { .size = sizeof attr, .name = r->name, .stack_size = r->stack };
	stint_ns until = now() + r->limit;
	stint_t *call = stint_launch_with(&attr, call_main, r, 0);      /* made, not started */

	if (!call) {
		snprintf(r->result, sizeof r->result, "no call: %s", strerror(errno));
		return NULL;
	}
	r->call = call;
	r->outcome = run_within(r, until);
	if (r->outcome == RETURNED)
		snprintf(r->result, sizeof r->result, "%s", r->returned);
	stint_free(call);               /* cancels it, and gives back what it held */
	return NULL;
}

/* Returns 0, or an error that has been reported. */
static int load(struct request *r)
{
	char *equals = strchr(r->name, '='), path[4096];

	r->text = equals ? equals + 1 : "";
	if (equals)
		*equals = '\0';
	/* without a slash dlopen() would search elsewhere */
	snprintf(path, sizeof path, "%s%s", strchr(r->name, '/') ? "" : "./", r->name);
	r->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	r->function = r->library ? (faas_fn *)dlsym(r->library, "faas_main") : NULL;
	if (r->function)
		return 0;
	fprintf(stderr, "faas: %s\n", dlerror());
	return ENOENT;
}

static int start(struct request *r)
{
	const struct stint_thread_attr attr = { .size = sizeof attr, .name = r->name };
	int err = stint_thread_create(&r->thread, &attr, request_main, r);

	if (err)
		fprintf(stderr, "faas: cannot start a thread: %s%s%s\n", strerror(err), *stint_why() ? ": " : "", stint_why());
	return err;
}

static void print(const struct request *r)
{
	static const char *const outcomes[] = { "failed", "returned", "over budget", "too long" };
	const char *slash = strrchr(r->name, '/');

	printf("%-16s %-12s %8.2f ms %10" PRIu64 " bytes %4" PRIu64 " fds  %s\n", slash ? slash + 1 : r->name,
	       outcomes[r->outcome], (double)r->usage.cpu_ns / 1e6, r->usage.bytes_held, r->usage.fds_held, r->result);
}

/* Returns how many could not be run. */
static int run(struct faas *f)
{
	int failed = 0;

	for (int i = 0; i < f->n; i++) {
		struct request *r = &f->requests[i];
		r->budget = f->budget;
		r->limit = f->limit;
		r->stack = f->stack;
		if (start(r))
			r->thread = NULL;
	}
	for (int i = 0; i < f->n; i++) {
		struct request *r = &f->requests[i];
		if (r->thread)
			stint_thread_join(r->thread, NULL);
		print(r);
		failed += r->outcome == NOT_RUN;
	}
	return failed;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct faas *f = state->input;

	switch (key) {
	case 'b':
		f->budget = args_time("--budget", arg, state);
		return 0;
	case 'l':
		f->limit = args_time("--limit", arg, state);
		return 0;
	case 'S':
		f->stack = args_size("--stack", arg, state);
		return 0;
	case ARGP_KEY_ARG:
		f->requests = realloc(f->requests, (f->n + 1) * sizeof *f->requests);
		if (!f->requests)
			argp_failure(state, 1, ENOMEM, "requests");
		f->requests[f->n++] = (struct request){ .name = arg };
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which functions?");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option accepted[] = {
	{ "budget", 'b', "TIME", 0, "CPU time for each request (20ms)", 0 },
	{ "limit", 'l', "TIME", 0, "Time for each, whether it computes or waits (1s)", 0 },
	{ "stack", 'S', "SIZE", 0, "Stack of each function (64K)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static const struct argp command_line = {
	accepted, parse_one, "FUNCTION.so[=REQUEST]...",
	"Run functions from shared objects, at once, each within a budget; say what became of each and what it held "
	"then.",
	NULL, NULL, NULL
};

int main(int argc, char **argv)
{
	struct faas f = { .budget = STINT_MS(20), .limit = STINT_S(1) };
	int failed = 0, err;

	args_parse(&command_line, argc, argv, &f);
	for (int i = 0; i < f.n; i++)
		failed += load(&f.requests[i]) != 0;
	if (failed)
		return 1;
	int fds = holdings_count().fds;
	failed = run(&f);
	err = stint_stop();
	if (err)
		fprintf(stderr, "faas: stint_stop: %s\n", strerror(err));
	fds = holdings_count().fds - fds;
	printf("leaked: %d descriptors\n", fds);
	for (int i = 0; i < f.n; i++)
		dlclose(f.requests[i].library);
	free(f.requests);
	return failed || err || fds;
}
