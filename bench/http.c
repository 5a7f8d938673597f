/*
 * http.c - the same HTTP server over threads of the library and of others, server and load on a CPU each
 *
 * peers/httpd-threads.c over our threads and over libc's are the same lines; Go's and State Threads' have the same
 * parser. examples/httpd, which has a parser from a library, is beside them. Each server gets each load by turns. The
 * aims are for a server with a CPU of its own; with one CPU in all the load sleeps, and the figures mean little.
 *
 * http.sh does the same for the eye, with wrk as a second opinion.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "child.h"

#define TEXT        4096
#define ROUNDS_MOST 3

static const struct server {
	const char *program, *name;
} all_servers[] = {
	{ "peers/httpd-stint", "stint" },               /* ours is the first */
	{ "../examples/httpd", "stint, examples/httpd" },
	{ "peers/httpd-nptl", "threads of libc" },
	{ "peers/httpd-go", "Go" },
	{ "peers/httpd-st", "State Threads" },
};
#define SERVERS (sizeof(all_servers) / sizeof(*all_servers))

static const struct load {
	const char *what, *unit, *line;         /* which line of the generator's is the figure */
	const char *rate, *share;               /* options of the generator */
	struct aim aim;
} loads[] = {
	{ "httpd, 64 connections, saturated", "/s", "rate", "0", "0", { AIM_AT_LEAST, 150000 } },
	{ "4000/s, 1% burn 5 ms, p99 of the others", "us", "plain.p99", "4000", "1", { AIM_AT_MOST, 300 } },
	{ "saturated, 1% burn 5 ms, p99 of the others", "us", "plain.p99", "0", "1", { AIM_AT_MOST, 2000 } },
};
#define LOADS (sizeof(loads) / sizeof(*loads))

struct results {
	struct series figure[LOADS][SERVERS];
	char notes[LOADS][SERVERS][96];
};

static const struct server *servers[SERVERS];
static size_t servers_n;

static void find_servers(const struct subject *s)
{
	char why[96];
	size_t i;

	for (i = 0, servers_n = 0; i < SERVERS; i++) {
		if (child_exists(all_servers[i].program)) {
			servers[servers_n++] = &all_servers[i];
			continue;
		}
		snprintf(why, sizeof(why), "%s is not compiled", all_servers[i].program);
		report_skip(s, why);
	}
}

/* What stands beside the figure: where it is not the server's. */
static void note_of(const char *text, char *note, size_t size)
{
	double failed = child_value(text, "refused") + child_value(text, "broken") + child_value(text, "wrong") +
			child_value(text, "unanswered");

	if (failed > 0)
		snprintf(note, size, "%.0f requests failed", failed);
	else if (child_value(text, "busy") > 0.97)
		snprintf(note, size, "the load generator was busy all the time");
}

static int run_load(const struct load *load, const char *port, struct series *figure, char *note, size_t size)
{
	const char *const argv[] = {
		"load", "--terse", "-c", "64", "-w", options.quick ? "0.1" : "0.3", "-d", options.quick ? "0.2" : "2",
		"--rate", load->rate, "--burn-share", load->share, port,
		options.cpu >= 0 && CPU_COUNT(&options.allowed) < 2 ? "--sleep" : NULL, NULL
	};
	char text[TEXT];
	struct child c;
	int error = child_start(&c, argv, CHILD_OTHER);

	if (error)
		return error;
	if (child_finish(&c, text, sizeof(text), 30) < 0 || isnan(child_value(text, load->line))) {
		snprintf(note, size, "the load generator failed");
		return 0;
	}
	note_of(text, note, size);
	return series_add(figure, child_value(text, load->line));
}

/* The last number in @line, which is cut behind it: some print the port, some a sentence that ends with it. NULL: none. */
static char *last_number(char *line)
{
	char *end = line + strlen(line);

	while (end > line && !isdigit((unsigned char)end[-1]))
		end--;
	*end = '\0';
	while (end > line && isdigit((unsigned char)end[-1]))
		end--;
	return *end ? end : NULL;
}

static int run_server(struct results *r, size_t i)
{
	const char *const argv[] = { servers[i]->program, "0", NULL };
	char line[128], *port;
	struct child c;
	int error = child_start(&c, argv, CHILD_SAME);
	size_t l;

	if (error)
		return error;
	if (child_read_line(&c, line, sizeof(line), 10) && (port = last_number(line))) {
		for (l = 0; l < LOADS && !error; l++)
			error = run_load(&loads[l], port, &r->figure[l][i], r->notes[l][i], sizeof(r->notes[l][i]));
	}
	child_kill(&c);
	return error;
}

static void report_load(const struct subject *s, const struct load *load, const struct series *figures,
			char (*notes)[96])
{
	struct row row = ROW_EMPTY;
	size_t i;

	row.what = load->what;
	row.unit = load->unit;
	row.value = series_quantile(&figures[0], 0.5);
	row.spread = series_spread(&figures[0]);
	row.aim = load->aim;
	row.note = notes[0];
	for (i = 1; i < servers_n; i++) {
		row.reference = servers[i]->name;
		row.ref_value = series_quantile(&figures[i], 0.5);
		row.ref_spread = series_spread(&figures[i]);
		row.ratio = series_ratio(&figures[0], &figures[i]);
		row.note = *notes[i] || i > 1 ? notes[i] : notes[0];
		report_row(s, &row);
		row.aim.kind = AIM_NONE;
		row.same_again = true;
	}
}

static int http(const struct subject *s)
{
	unsigned rounds = options.rounds < ROUNDS_MOST ? options.rounds : ROUNDS_MOST;
	static struct results r;
	int error = 0;
	size_t i, l;

	find_servers(s);
	if (!servers_n || servers[0] != &all_servers[0])
		return 0;
	/* one worker unless the machine's owner says otherwise: the server has one CPU */
	setenv("STINT_WORKERS", "1", 0);
	for (unsigned round = 0; round < rounds; round++)
		for (i = 0; i < servers_n && !error; i++)
			error = run_server(&r, i);
	for (l = 0; l < LOADS; l++) {
		if (!error)
			report_load(s, &loads[l], r.figure[l], r.notes[l]);
		for (i = 0; i < servers_n; i++)
			series_clear(&r.figure[l][i]);
	}
	return error;
}

const struct subject subject_http = {
	"http", "an HTTP server over threads of the library and of others", http
};
