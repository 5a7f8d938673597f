/*
 * child.h - other programs of bench/, run as processes: peers, servers, the load generator
 *
 * A child has its output in a pipe, the CPUs that it is given, and an end: it is killed when it takes too long, or when
 * the benchmark ends.
 */
#ifndef STINT_BENCH_CHILD_H
#define STINT_BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum child_cpus {
	CHILD_SAME,             /* the CPU that this program is pinned to */
	CHILD_OTHER,            /* another one, if there is one */
	CHILD_ALL               /* all that this program was started with */
};

struct child {
	pid_t pid;
	int out;                /* what it prints */
};

/* @name is relative to the directory of this program. True if there is such a program. */
bool child_exists(const char *name);

/* Start the program argv[0] (as above). 0 or an errno value. */
int child_start(struct child *c, const char *const *argv, enum child_cpus cpus);

/* Read one line, without its end; false when none came within @limit_s. */
bool child_read_line(struct child *c, char *line, size_t size, double limit_s);

/* Read the rest until it ends, @limit_s at most; the exit status, or -1. The text is cut where it does not fit. */
int child_finish(struct child *c, char *text, size_t size, double limit_s);

void child_kill(struct child *c);

/*
 * Run a program of peers/ as peer.h says, and look for the lines "NAME VALUE ..." or "NAME=VALUE" in what it prints. The exit
 * status or -1.
 */
int child_peer(const char *name, const char *measurement, unsigned long n, unsigned workers, char *text, size_t size);
double child_value(const char *text, const char *name);         /* NAN: no such line */

#endif
