/*
 * threads.c - threads of the library beside those of others: libc, Go, Boost.Fiber, State Threads
 *
 * Each library has a program in peers/ that measures it in a process of its own (see peers/peer.h); here they take turns.
 * What is not compiled is left out, and said once. The same CPU for all with one worker, all CPUs with two.
 *
 * Not all libraries do the same for their price. Only libc's threads and ours have thread-local variables, errno and signal
 * masks of their own, and only these and Go's can be stopped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "child.h"
#include "work.h"

#define ROUNDS_MOST 3                   /* of what takes a second or more each time */
#define TREE_NS     100e6
#define TEXT        1024

struct peer {
	const char *program, *name;
	const char *policy;             /* ours: another one than the default, and not for all */
	bool one_worker;                /* it knows no more */
	bool trees_only;                /* it is measured in these, for which it is meant */
	bool large_trees;               /* also where breadth first they would have a million threads at once */
	unsigned long threads_most;     /* that it can have at once; 0: no limit met here */
};

static const struct peer all_peers[] = {
	{ "peers/threads-stint", "stint", NULL, false, false, true, 0 },        /* ours is the first */
	{ "peers/threads-stint", "stint, policy rr", "rr", false, false, false, 0 },
	{ "peers/threads-stint", "stint, policy fifo", "fifo", false, false, false, 0 },
	{ "peers/threads-stint", "stint, policy lifo", "lifo", false, true, true, 0 },
	{ "peers/threads-nptl", "threads of libc", NULL, false, false, false, 30000 },
	{ "peers/threads-go", "Go", NULL, false, false, true, 0 },
	{ "peers/threads-boost", "Boost.Fiber", NULL, false, false, false, 0 },
	{ "peers/threads-st", "State Threads", NULL, true, false, false, 0 },
};
#define PEERS (sizeof(all_peers) / sizeof(*all_peers))

static const struct peer *peers[PEERS];
static size_t peers_n;

/* what a side measures */
struct setting {
	const struct peer *peer;
	const char *measurement;
	unsigned workers;
	double run_ns;
	unsigned long n;                /* how many take about that long; 0: not known yet */
};

static double run_once(const struct setting *s, unsigned long n)
{
	char text[TEXT];
	int status;

	if (s->peer->policy)
		setenv("STINT_POLICY", s->peer->policy, 1);
	status = child_peer(s->peer->program, s->measurement, n, s->workers, text, sizeof(text));
	if (s->peer->policy)
		unsetenv("STINT_POLICY");
	return status ? NAN : child_value(text, s->measurement);
}

/* The harness would count the start of the process, which may be longer than all that is measured; so not @n, but ours. */
static double run_peer(void *arg, unsigned long n)
{
	struct setting *s = arg;
	double cost;

	for (n = s->n ? s->n : 1000;; n *= 4) {
		cost = run_once(s, n);
		if (s->n || isnan(cost))
			return cost;
		if (cost * (double)n > s->run_ns / 8)
			break;
	}
	s->n = (unsigned long)(s->run_ns / cost) + 1;
	return cost;
}

static double run_bare_switch(void *arg, unsigned long n)
{
	double start, span;

	(void)arg;
	errno = bare_pair_open();
	if (errno)
		return NAN;
	start = now_ns();
	bare_pair(n / 2 + 1);
	span = now_ns() - start;
	bare_pair_close();
	return span / (double)(n / 2 + 1) / 2;
}

static const struct side floor_switch = { "a bare switch of stack and thread pointer", run_bare_switch, NULL };

/* a lock that threads of other workers and kernel threads take as well, and that may be waited for, costs this */
static double run_bare_lock(void *arg, unsigned long n)
{
	static long word;
	double start = now_ns();
	unsigned long i;

	(void)arg;
	for (i = 0; i < n; i++) {
		long held = 1, none = 0;

		__atomic_compare_exchange_n(&word, &none, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
		__atomic_compare_exchange_n(&word, &held, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	}
	return (now_ns() - start) / (double)n;
}

static const struct side floor_lock = { "two locked compare-and-swaps", run_bare_lock, NULL };

/* On some machines five times as much as on others, on virtual ones also from one minute to the next. */
static const struct side floor_line = { "a word to another CPU and back", bare_line, NULL };

/* Ours, @floor unless it is NULL, and every other side that can have that many workers and is not for trees. */
static int compare(const struct subject *s, const char *what, const char *measurement, unsigned workers,
		   struct aim aim, const struct side *floor)
{
	struct setting settings[PEERS];
	struct side sides[PEERS + 1];
	size_t i, n = 0;

	for (i = 0; i < peers_n; i++) {
		if (peers[i]->trees_only || (workers > 1 && peers[i]->one_worker))
			continue;
		settings[i] = (struct setting){ peers[i], measurement, workers, options.run_ns, 0 };
		sides[n++] = (struct side){ peers[i]->name, run_peer, &settings[i] };
		if (i == 0 && floor)
			sides[n++] = *floor;
	}
	return bench_compare(s, what, aim, sides, n);
}

/* One figure of each library: side 0 against the others. */
static void report_figures(const struct subject *s, const char *what, const char *unit, struct aim aim,
			   const struct side *sides, const struct series *series, const char *const *notes, size_t n)
{
	struct row row = ROW_EMPTY;
	size_t i;

	row.what = what;
	row.unit = unit;
	row.value = series_quantile(&series[0], 0.5);
	row.spread = series_spread(&series[0]);
	row.aim = aim;
	row.note = notes[0];
	if (n == 1)
		report_row(s, &row);
	for (i = 1; i < n; i++) {
		row.reference = sides[i].name;
		row.ref_value = series_quantile(&series[i], 0.5);
		row.ref_spread = series_spread(&series[i]);
		row.ratio = series_ratio(&series[0], &series[i]);
		row.note = notes[i];
		report_row(s, &row);
		row.aim.kind = AIM_NONE;
		row.same_again = true;
	}
}

/* ---------------------------------------------------------------------------------------------- scaling */

/* with which of our policies two workers gained most */
static size_t best_of_ours(const struct side *sides, const struct series *gain, size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (!strncmp(sides[i].name, sides[0].name, strlen(sides[0].name)) &&
		    series_quantile(&gain[i], 0.5) > series_quantile(&gain[best], 0.5))
			best = i;
	return best;
}

/*
 * Two sides for each library, with one worker and with two; three rows for each library's figures. The last side is what two workers
 * cannot do without.
 */
static void report_tree(const struct subject *s, const char *title, const struct side *sides,
			const struct series *series, size_t n)
{
	const char *notes[PEERS + 1] = { NULL };
	struct side names[PEERS + 1];
	struct series one[PEERS], two[PEERS + 1], gain[PEERS] = { 0 };
	char what[96];
	size_t i, j;

	for (i = 0; i < n; i++) {
		names[i] = sides[2 * i];
		one[i] = series[2 * i];
		two[i] = series[2 * i + 1];
		for (j = 0; j < one[i].n && j < two[i].n; j++)
			if (series_add(&gain[i], one[i].at[j] / two[i].at[j]))
				break;
	}
	names[n] = sides[2 * n];
	two[n] = series[2 * n];
	snprintf(what, sizeof(what), "%s, each thread, 1 worker", title);
	report_figures(s, what, "ns", (struct aim){ AIM_NONE, 0 }, names, one, notes, n);
	snprintf(what, sizeof(what), "%s, each thread, 2 workers", title);
	report_figures(s, what, "ns", (struct aim){ AIM_NONE, 0 }, names, two, notes, n + 1);
	snprintf(what, sizeof(what), "%s, 2 workers against 1", title);
	notes[best_of_ours(names, gain, n)] = "the best of ours";
	report_figures(s, what, "x", (struct aim){ AIM_AT_LEAST, 1.8 }, names, gain, notes, n);
	for (i = 0; i < n; i++)
		series_clear(&gain[i]);
}

static int tree(const struct subject *s, const char *title, const char *measurement, bool large)
{
	struct series series[2 * PEERS + 1] = { 0 };
	struct setting settings[2 * PEERS];
	struct side sides[2 * PEERS + 1] = { 0 };
	double run_ns = options.quick ? options.run_ns : TREE_NS;
	size_t i, n = 0;
	int error;

	for (i = 0; i < peers_n; i++) {
		if (peers[i]->one_worker || (large && !peers[i]->large_trees))
			continue;
		for (unsigned workers = 1; workers <= 2; workers++, n++) {
			settings[n] = (struct setting){ peers[i], measurement, workers, run_ns, 0 };
			sides[n] = (struct side){ peers[i]->name, run_peer, &settings[n] };
		}
	}
	sides[n] = floor_line;
	error = bench_turns(sides, series, n + 1, 0);
	if (!error)
		report_tree(s, title, sides, series, n / 2);
	for (i = 0; i <= n; i++)
		series_clear(&series[i]);
	return error;
}

/* ------------------------------------------------------------------------- what is run with a fixed count */

#define LINES 2

/* up to two lines of what a peer prints */
struct fixed {
	const char *measurement;
	unsigned long n;
	const char *lines[LINES];
	const char *whats[LINES];
	const char *units[LINES];
	double scales[LINES];
	struct aim aims[LINES];
	size_t lines_n;
	bool ours_alone;
};

struct fixed_series {
	struct series line[LINES][PEERS];
	char notes[PEERS][64];
};

#define SLOT  (80 * 1024)
#define GUARD (4 * 4096)
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/*
 * What @n new stacks cost whoever makes them, all of them there at the end: guards, and two pages written to in each, the stack's first and one
 * for the rest. ns each
 */
static double bare_stacks(unsigned long n)
{
	size_t size = n * SLOT;
	unsigned long made = 0;
	double start, span;
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return NAN;
	madvise(area, size, MADV_NOHUGEPAGE);
	start = now_ns();
	for (char *slot = area; slot < area + size; slot += SLOT) {
		if (madvise(slot, GUARD, MADV_GUARD_INSTALL) && mprotect(slot, GUARD, PROT_NONE))
			break;          /* too many mappings */
		made++;
		*(volatile char *)(slot + SLOT - 1) = 1;
		*(volatile char *)(slot + SLOT - 4097) = 1;
	}
	span = now_ns() - start;
	munmap(area, size);
	return made ? span / (double)made : NAN;
}

static int run_fixed(const struct fixed *f, const struct peer *peer, struct fixed_series *out, size_t i)
{
	unsigned long n = peer->threads_most && peer->threads_most < f->n ? peer->threads_most : f->n;
	char text[TEXT];
	int error = 0;

	if (child_peer(peer->program, f->measurement, n, 1, text, sizeof(text)))
		return 0;
	if (n < f->n)
		snprintf(out->notes[i], sizeof(out->notes[i]), "%lu of them", n);
	for (size_t line = 0; line < f->lines_n && !error; line++)
		error = series_add(&out->line[line][i], child_value(text, f->lines[line]) * f->scales[line]);
	return error;
}

static int fixed(const struct subject *s, const struct fixed *f)
{
	unsigned rounds = options.rounds < ROUNDS_MOST ? options.rounds : ROUNDS_MOST;
	const struct peer *chosen[PEERS];
	static struct fixed_series out;
	const char *notes[PEERS];
	struct side names[PEERS];
	int error = 0;
	size_t i, n = 0;

	memset(&out, 0, sizeof(out));
	for (i = 0; i < peers_n; i++)
		if (i == 0 || (!f->ours_alone && !peers[i]->policy))
			chosen[n++] = peers[i];
	for (unsigned round = 0; round < rounds; round++)
		for (i = 0; i < n && !error; i++)
			error = run_fixed(f, chosen[i], &out, i);
	for (i = 0; i < n; i++) {
		names[i].name = chosen[i]->name;
		notes[i] = out.line[0][i].n ? out.notes[i] : "did not run";
	}
	for (size_t line = 0; line < f->lines_n && !error; line++)
		report_figures(s, f->whats[line], f->units[line], f->aims[line], names, out.line[line], notes, n);
	for (size_t line = 0; line < f->lines_n; line++)
		for (i = 0; i < n; i++)
			series_clear(&out.line[line][i]);
	return error;
}

static int blocked(const struct subject *s)
{
	struct fixed f = {
		.measurement = "blocked", .n = options.quick ? 1000 : 100000, .lines_n = 2,
		.lines = { "blocked", "blocked.create" }, .units = { "bytes", "ns" }, .scales = { 1, 1 },
		.whats = { "memory of a blocked thread, 100 000", "creating it" },
		.aims = { { AIM_AT_MOST, 8.5 * 1024 }, { AIM_AT_MOST, 3000 } },
	};
	struct row row = ROW_EMPTY;
	int error = fixed(s, &f);

	if (error)
		return error;
	row.what = "  a guard and two fresh pages, bare";
	row.unit = "ns";
	row.value = bare_stacks(f.n);
	report_row(s, &row);
	if (options.quick)
		return 0;
	f.n = 1000000;
	f.ours_alone = true;
	f.whats[0] = "memory of a blocked thread, 1 000 000";
	return fixed(s, &f);
}

static int sleeper(const struct subject *s)
{
	const struct fixed f = {
		.measurement = "sleeper", .n = options.quick ? 20 : 300, .lines_n = 2,
		.lines = { "sleeper", "sleeper.p50" }, .units = { "us", "us" }, .scales = { 1e-3, 1e-3 },
		.whats = { "sleep of 1 ms among 16 hogs, late, p99", "the same, p50" },
		.aims = { { AIM_AT_MOST, 300 }, { AIM_NONE, 0 } },
	};

	return fixed(s, &f);
}

static int sleepers(const struct subject *s)
{
	const struct fixed f = {
		.measurement = "sleepers", .n = options.quick ? 100 : 10000, .lines_n = 1,
		.lines = { "sleepers" }, .units = { "us" }, .scales = { 1e-3 },
		.whats = { "10 000 that sleep 10 ms to 1 s, CPU time to wake one" },
		.aims = { { AIM_NONE, 0 } },
	};

	return fixed(s, &f);
}

/* ---------------------------------------------------------------------------------------------------- */

static bool find_peers(const struct subject *s)
{
	char why[96];
	size_t i;

	for (i = 0, peers_n = 0; i < PEERS; i++) {
		if (child_exists(all_peers[i].program)) {
			peers[peers_n++] = &all_peers[i];
			continue;
		}
		if (all_peers[i].policy)
			continue;
		snprintf(why, sizeof(why), "%s is not compiled", all_peers[i].program);
		report_skip(s, why);
	}
	return peers_n && peers[0] == &all_peers[0];
}

static int threads(const struct subject *s)
{
	int error;

	if (!find_peers(s))
		return 0;
	error = compare(s, "yield", "yield", 1, (struct aim){ AIM_RATIO_AT_MOST, 1.6 }, &floor_switch);
	if (!error)
		error = compare(s, "create + join", "create", 1, (struct aim){ AIM_AT_MOST, 120 }, NULL);
	if (!error)
		error = compare(s, "lock + unlock, free mutex", "mutex", 1, (struct aim){ AIM_AT_MOST, 5 },
				&floor_lock);
	if (!error)
		error = compare(s, "channel, there and back, 1 worker", "channel", 1,
				(struct aim){ AIM_AT_MOST, 120 }, NULL);
	if (!error)
		error = compare(s, "channel, there and back, 2 workers", "channel", 2,
				(struct aim){ AIM_AT_MOST, 220 }, &floor_line);
	if (!error)
		error = compare(s, "socket, there and back, 1 worker", "socket", 1, (struct aim){ AIM_NONE, 0 }, NULL);
	if (!error)
		error = compare(s, "socket, there and back, 2 workers", "socket", 2, (struct aim){ AIM_NONE, 0 }, NULL);
	if (!error)
		error = tree(s, "skynet", "skynet", false);
	if (!error)
		error = tree(s, "fib", "fib", false);
	if (!error && !options.quick)
		error = tree(s, "skynet, a million leaves", "skynet.large", true);
	if (!error && !options.quick)
		error = tree(s, "fib of 27", "fib.large", true);
	if (!error)
		error = sleeper(s);
	if (!error)
		error = sleepers(s);
	return error ? error : blocked(s);
}

const struct subject subject_threads = {
	"threads", "yield, create, mutex, channel, socket, trees, sleep, memory: threads beside other libraries'", threads
};
