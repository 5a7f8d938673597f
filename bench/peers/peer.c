/*
 * peer.c - main() of the programs that measure threads, and what they share
 */
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double peer_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double peer_cpu(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

double peer_resident(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

void peer_say(const char *name, double value, const char *unit)
{
	printf("%s %.9g %s\n", name, value, unit);
}

uint64_t peer_spin(uint64_t turns)
{
	static volatile uint64_t sink;
	uint64_t x = turns | 1;

	while (turns-- > 0) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	sink = x;
	return sink;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void peer_say_lateness(double *late, unsigned long n)
{
	qsort(late, n, sizeof(*late), compare);
	peer_say("sleeper", late[(n - 1) * 99 / 100], "ns");
	peer_say("sleeper.p50", late[(n - 1) / 2], "ns");
	peer_say("sleeper.max", late[n - 1], "ns");
	peer_say("sleeper.count", (double)n, "sleeps");
}

void peer_say_blocked(unsigned long made, double span_ns, double bytes)
{
	peer_say("blocked", bytes / (double)made, "bytes");
	peer_say("blocked.create", span_ns / (double)made, "ns");
	peer_say("blocked.count", (double)made, "threads");
}

unsigned long peer_rounds(unsigned long n, unsigned long threads)
{
	return (n + threads - 1) / threads;
}

unsigned long peer_skynet_threads(unsigned levels)
{
	unsigned long level = 1, all = 0;

	while (levels--)
		all += level *= PEER_CHILDREN;
	return all;
}

unsigned long peer_skynet_leaves(unsigned levels)
{
	unsigned long leaves = 1;

	while (levels--)
		leaves *= PEER_CHILDREN;
	return leaves;
}

/* Leaves are numbered from 0; a thread's value is the sum of the numbers of the leaves under it. */
unsigned long peer_skynet_value(unsigned levels)
{
	unsigned long leaves = peer_skynet_leaves(levels);

	return leaves * (leaves - 1) / 2;
}

unsigned long peer_fib_value(unsigned k)
{
	unsigned long value = 0, next = 1, sum;

	while (k--) {
		sum = value + next;
		value = next;
		next = sum;
	}
	return value;
}

/* threads(k) = 1 + threads(k - 1) + threads(k - 2), threads(0) = threads(1) = 0 */
unsigned long peer_fib_threads(unsigned k)
{
	return peer_fib_value(k + 1) - 1;
}

static const struct peer_measure *find(const char *name)
{
	const struct peer_measure *m;

	for (m = peer_measures; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static int usage(const char *program)
{
	const struct peer_measure *m;

	fprintf(stderr, "Usage: %s MEASUREMENT N [WORKERS]\nMeasurements:", program);
	for (m = peer_measures; m->name; m++)
		fprintf(stderr, " %s", m->name);
	fputc('\n', stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct peer_run run = { .workers = 1 };
	const struct peer_measure *m;
	int error;

	if (argc < 3 || argc > 4)
		return usage(argv[0]);
	run.n = strtoul(argv[2], NULL, 10);
	if (argc > 3)
		run.workers = (unsigned)strtoul(argv[3], NULL, 10);
	if (!run.n || !run.workers)
		return usage(argv[0]);
	m = find(argv[1]);
	if (!m) {
		fprintf(stderr, "%s: does not measure %s\n", argv[0], argv[1]);
		return 77;
	}
	error = m->run(&run);
	if (error) {
		fflush(stdout);
		fprintf(stderr, "%s: %s: %s\n", argv[0], m->name, strerror(error));
		return error == ENOTSUP ? 77 : 1;
	}
	return 0;
}
