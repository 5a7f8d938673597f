/*
 * 03-generator.c - generators by stint_pause(): merge sorted files, line by line
 *
 * Each file is read by a plain loop, in a call of its own. Whenever the loop has a line it pauses; who wants the next line
 * resumes it. So it keeps its place, its variables and its open file from one line to the next, and
 * nobody had to turn it inside out. A generator that is not wanted any more is freed in the middle of its loop: what
 * it held, a stream and a buffer, is given back.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stint.h>

#include "args.h"
#include "holdings.h"

struct lines {
	const char *path;
	stint_t *call;
	const char *line;               /* the last one that it produced, NULL after the end */
	int error;
};

struct options {
	char **files;
	int n_files;
	long most;                      /* lines to print */
	bool account;
};

/* The generator. Each pause hands one line to whoever resumed. */
static void *produce_lines(void *arg)
{
	struct lines *g = arg;
	size_t size = 0;
	char *buffer = NULL;
	FILE *file = fopen(g->path, "re");

	while (file && getline(&buffer, &size, file) >= 0) {
		buffer[strcspn(buffer, "\n")] = '\0';
		g->line = buffer;
		stint_pause();
	}
	g->line = NULL;
	if (!file || ferror(file))
		g->error = errno;
	free(buffer);
	if (file)
		fclose(file);
	return NULL;
}

/* 0, also at the end of the file; or what went wrong */
static int advance(struct lines *g)
{
	int err = stint_resume(g->call, STINT_FOREVER);

	if (err == EAGAIN)              /* it paused: there is a line */
		return 0;
	return err ? err : g->error;    /* it has returned */
}

static int begin(struct lines *g, const char *path)
{
	const struct stint_attr attr = { .size = sizeof attr, .name = path };

	g->path = path;
	g->call = stint_launch_with(&attr, produce_lines, g, 0);        /* made, not started */
	return g->call ? advance(g) : errno;
}

static struct lines *least(struct lines *all, int n)
{
	struct lines *best = NULL;

	for (int i = 0; i < n; i++)
		if (all[i].line && (!best || strcmp(all[i].line, best->line) < 0))
			best = &all[i];
	return best;
}

static void complain(const char *path, int err)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", path, strerror(err));
}

/* Returns how many failed. */
static int merge(struct lines *all, const struct options *o)
{
	struct lines *g;
	int err, failed = 0;

	for (int i = 0; i < o->n_files; i++) {
		err = begin(&all[i], o->files[i]);
		failed += err != 0;
		if (err)
			complain(o->files[i], err);
	}
	for (long n = 0; n < o->most && (g = least(all, o->n_files)); n++) {
		puts(g->line);
		err = advance(g);
		failed += err != 0;
		if (err)
			complain(g->path, err);
	}
	return failed;
}

/* Some of them in the middle of their loops: freeing such a call cancels it first. */
static void end(struct lines *all, const struct options *o)
{
	struct stint_usage u, sum = { 0 };
	int unfinished = 0;

	for (int i = 0; i < o->n_files; i++) {
		if (all[i].call && !stint_is_complete(all[i].call) && !stint_usage(all[i].call, &u)) {
			unfinished++;
			sum.blocks_held += u.blocks_held;
			sum.fds_held += u.fds_held;
		}
		stint_free(all[i].call);
	}
	if (o->account)
		fprintf(stderr, "unfinished: %d, which held %d blocks, %d descriptors\n", unfinished,
		        (int)sum.blocks_held, (int)sum.fds_held);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'n':
		o->most = args_number("--lines", arg, 0, LONG_MAX, state);
		return 0;
	case 'a':
		o->account = true;
		return 0;
	}
	return args_files(key, state, &o->files, &o->n_files);
}

static const struct argp_option accepted[] = {
	{ "lines", 'n', "N", 0, "Stop after N lines", 0 },
	{ "account", 'a', NULL, 0, "Say in the end what was held, and what leaked", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static const struct argp command_line = {
	accepted, parse_one, "FILE...", "Merge sorted files, as LC_ALL=C sort -m does.", NULL, NULL, NULL
};

int main(int argc, char **argv)
{
	static char buffer[BUFSIZ];
	struct options o = { .most = LONG_MAX };

	args_parse(&command_line, argc, argv, &o);
	if (o.account)
		holdings_exact(argv);
	if (stint_unsupported()) {
		fprintf(stderr, "%s: %s\n", argv[0], stint_unsupported());
		return 1;
	}
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	struct lines *all = calloc(o.n_files, sizeof *all);
	if (!all) {
		perror(argv[0]);
		return 1;
	}
	if (o.account)
		holdings_warm_up(o.n_files);
	struct holdings before = holdings_count();
	int failed = merge(all, &o);
	if (fflush(stdout) || ferror(stdout)) {
		perror("standard output");
		failed++;
	}
	end(all, &o);
	struct holdings after = holdings_count();
	if (o.account)
		fprintf(stderr, "leaked: %lld bytes, %d descriptors\n", after.bytes - before.bytes,
		        after.fds - before.fds);
	free(all);
	return failed ? 1 : 0;
}
