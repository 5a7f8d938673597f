/*
 * libset.c - library sets: calls through them, launching in one, opening them, how many, and what each takes
 *
 * The plain call is one of the same function in another library, linked in the same way, that is not in any set. The plain
 * dlopen() is of a byte for byte copy of the same file, because the file itself is loaded already. The table is measured where
 * it is made (stint_libset_info), with a library of 100 functions that this program refers to; those that the other
 * libraries here add to it are in the note.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define SETS 1000
#define QUICK_SETS 50

long callee_routed(long n);
long callee_plain(long n);

#define TEN(prefix) F(prefix##0) F(prefix##1) F(prefix##2) F(prefix##3) F(prefix##4) \
	F(prefix##5) F(prefix##6) F(prefix##7) F(prefix##8) F(prefix##9)
#define HUNDRED TEN(10) TEN(11) TEN(12) TEN(13) TEN(14) TEN(15) TEN(16) TEN(17) TEN(18) TEN(19)
#define F(number) int callee_##number(void);
HUNDRED
#undef F
#define F(number) callee_##number,
int (*const callee_hundred[])(void) = { HUNDRED };

static const char *const routed[] = { "libcallee-routed.so" };
static const char *const hundred[] = { "libcallee-hundred.so" };
static const char *const libz[] = { "libz.so.1" };

/* --- calling ----------------------------------------------------------------------------------- */

static double run_routed(void *arg, unsigned long n)
{
	double start = now_ns();
	long sum = 0;

	(void)arg;
	for (unsigned long i = 0; i < n; i++)
		sum = callee_routed(sum);
	return sum == (long)n ? (now_ns() - start) / (double)n : NAN;
}

static double run_plain(void *arg, unsigned long n)
{
	double start = now_ns();
	long sum = 0;

	(void)arg;
	for (unsigned long i = 0; i < n; i++)
		sum = callee_plain(sum);
	return sum == (long)n ? (now_ns() - start) / (double)n : NAN;
}

struct loop {
	unsigned long n;
	double ns;
};

static void *loop_routed(void *arg)
{
	struct loop *l = arg;

	l->ns = run_routed(NULL, l->n);
	return arg;
}

/* the same in a call in a set */
static double run_in_set(void *arg, unsigned long n)
{
	struct stint_attr attr = { .size = sizeof(attr), .libset = arg };
	struct loop l = { n, NAN };

	stint_free(stint_launch_with(&attr, loop_routed, &l, STINT_FOREVER));
	return l.ns;
}

static int calls(const struct subject *s, stint_libset_t *set)
{
	const struct side outside[] = {
		{ "rerouted call, outside sets", run_routed, NULL }, { "plain call", run_plain, NULL }
	};
	const struct side inside[] = {
		{ "rerouted call, in a set", run_in_set, set }, { "plain call", run_plain, NULL }
	};
	int err = bench_compare(s, inside[0].name, (struct aim){ AIM_MORE_AT_MOST, 1 }, inside, 2);

	return err ? err : bench_compare(s, outside[0].name, (struct aim){ AIM_MORE_AT_MOST, 1 }, outside, 2);
}

/* --- launching --------------------------------------------------------------------------------- */

static double run_launch(void *arg, unsigned long n)
{
	struct stint_attr attr = { .size = sizeof(attr), .libset = arg };
	double start = now_ns();

	for (unsigned long i = 0; i < n; i++) {
		stint_t *call = stint_launch_with(&attr, work_empty, NULL, STINT_MS(5));

		if (!call)
			return NAN;
		stint_free(call);
	}
	return (now_ns() - start) / (double)n;
}

static int launches(const struct subject *s, stint_libset_t *set)
{
	const struct side sides[] = {
		{ "launch + complete + free in a set", run_launch, set }, { "the same in none", run_launch, NULL }
	};

	return bench_compare(s, sides[0].name, (struct aim){ AIM_MORE_AT_MOST, 5 }, sides, 2);
}

/* --- opening ----------------------------------------------------------------------------------- */

struct opening {
	const char *const *libraries;
	int backend;
	char *file;             /* what dlopen() is given */
	bool close_too;         /* counted */
};

static double run_open(void *arg, unsigned long n)
{
	const struct opening *o = arg;
	struct stint_libset_attr attr = { .size = sizeof(attr), .backend = o->backend };
	double sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		double start = now_ns();
		stint_libset_t *set = stint_libset_open_with(&attr, o->libraries, 1);

		sum += o->close_too ? 0 : now_ns() - start;
		if (!set || stint_libset_close(set))
			return NAN;
		sum += o->close_too ? now_ns() - start : 0;
	}
	return sum / (double)n;
}

/* libc's own: ours looks through all objects again, for calls to be rerouted */
static double run_dlopen(void *arg, unsigned long n)
{
	const struct opening *o = arg;
	void *libc = dlopen("libc.so.6", RTLD_LAZY);
	void *(*plain_open)(const char *, int) = NULL;
	int (*plain_close)(void *) = NULL;
	double sum = 0;

	*(void **)&plain_open = dlsym(libc, "dlopen");
	*(void **)&plain_close = dlsym(libc, "dlclose");
	if (!plain_open || !plain_close)
		return NAN;

	for (unsigned long i = 0; i < n; i++) {
		double start = now_ns();
		void *h = plain_open(o->file, RTLD_LAZY | RTLD_LOCAL);

		sum += o->close_too ? 0 : now_ns() - start;
		if (!h || plain_close(h))
			return NAN;
		sum += o->close_too ? now_ns() - start : 0;
	}
	return sum / (double)n;
}

/*
 * A file of our own with the bytes of the library; to be freed and unlinked. Written at once: the kernel would keep one that is
 * written in small pieces in small pieces, and map it slowly.
 */
static char *copy_of(const char *library)
{
	struct link_map *map = dlopen(library, RTLD_LAZY);      /* a handle is that */
	char path[] = "/tmp/stint-bench.XXXXXX";
	struct stat st;
	int from, to;
	char *bytes = NULL;
	bool done = false;

	if (!map)
		return NULL;
	from = open(map->l_name, O_RDONLY | O_CLOEXEC);
	to = mkstemp(path);
	if (from >= 0 && to >= 0 && !fstat(from, &st))
		bytes = malloc((size_t)st.st_size);
	if (bytes)
		done = read(from, bytes, (size_t)st.st_size) == st.st_size &&
		       write(to, bytes, (size_t)st.st_size) == st.st_size;
	free(bytes);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	if (to >= 0 && !done)
		unlink(path);
	return done ? strdup(path) : NULL;
}

static int openings(const struct subject *s)
{
	struct opening o = { libz, STINT_LIBSET_COPY, copy_of(libz[0]), false };
	struct opening both = o, namespace = o;
	const struct side alone[] = {
		{ "open a copy of libz", run_open, &o }, { "dlopen of the same file", run_dlopen, &o }
	};
	const struct side pair[] = {
		{ "open + close a copy of libz", run_open, &both }, { "dlopen + dlclose", run_dlopen, &both }
	};
	const struct side other[] = {
		{ "open libz in a namespace", run_open, &namespace }, { "open a copy", run_open, &o }
	};
	int err;

	if (!o.file) {
		report_skip(s, "opening: no libz here, or it cannot be copied to /tmp");
		return 0;
	}
	both.close_too = true;
	namespace.backend = STINT_LIBSET_NAMESPACE;
	err = bench_compare(s, alone[0].name, (struct aim){ AIM_RATIO_AT_MOST, 1.2 }, alone, 2);
	if (!err)
		err = bench_compare(s, pair[0].name, (struct aim){ AIM_NONE, 0 }, pair, 2);
	if (!err)
		err = bench_compare(s, other[0].name, (struct aim){ AIM_NONE, 0 }, other, 2);
	unlink(o.file);
	free(o.file);
	return err;
}

static double run_reset(void *arg, unsigned long n)
{
	double start = now_ns();

	for (unsigned long i = 0; i < n; i++)
		if (stint_libset_reset(arg))
			return NAN;
	return (now_ns() - start) / (double)n;
}

static int resets(const struct subject *s)
{
	struct opening o = { libz, STINT_LIBSET_COPY, NULL, true };
	stint_libset_t *set = stint_libset_open(libz, 1);
	const struct side sides[] = {
		{ "reset a copy of libz", run_reset, set }, { "close + open another", run_open, &o }
	};
	int err;

	if (!set)
		return 0;               /* said already */
	err = bench_compare(s, sides[0].name, (struct aim){ AIM_NONE, 0 }, sides, 2);
	stint_libset_close(set);
	return err;
}

/* --- the table --------------------------------------------------------------------------------- */

static int tables(const struct subject *s)
{
	struct stint_libset_info info = { .size = sizeof(info) };
	struct series took = { NULL, 0, 0 };
	struct row row = ROW_EMPTY;
	char note[64];
	int err = 0;

	for (unsigned i = 0; i < 20 * options.rounds && !err; i++) {
		stint_libset_t *set = stint_libset_open(hundred, 1);

		if (!set)
			return errno;
		stint_libset_info(set, &info);
		err = series_add(&took, (double)info.table_ns / 1e3);
		stint_libset_close(set);
	}
	snprintf(note, sizeof(note), "%u entries", info.functions);
	row.what = "make a table of 100 entries";
	row.unit = "us";
	row.value = series_quantile(&took, 0.5);
	row.spread = series_spread(&took);
	row.aim = (struct aim){ AIM_AT_MOST, 3 };
	row.note = note;
	report_row(s, &row);
	series_clear(&took);
	return err;
}

/* --- many -------------------------------------------------------------------------------------- */

/* memory that is this process's alone */
static double private_kb(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	double sum = NAN, kb;
	char line[128];

	if (!f)
		return NAN;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %lf kB", &kb) == 1 || sscanf(line, "Private_Clean: %lf kB", &kb) == 1)
			sum = isnan(sum) ? kb : sum + kb;
	fclose(f);
	return sum;
}

static void report_figure(const struct subject *s, const char *what, const char *unit, double value, struct aim aim)
{
	struct row row = ROW_EMPTY;

	row.what = what;
	row.unit = unit;
	row.value = value;
	row.aim = aim;
	report_row(s, &row);
}

static int many(const struct subject *s)
{
	unsigned wanted = options.quick ? QUICK_SETS : SETS, n = 0;
	stint_libset_t **sets = calloc(wanted, sizeof(*sets));
	struct stint_libset_info info = { .size = sizeof(info) };
	double before, each, start;

	if (!sets)
		return ENOMEM;
	before = private_kb();
	start = now_ns();
	while (n < wanted && (sets[n] = stint_libset_open(libz, 1)))
		n++;
	report_figure(s, "sets of libz open at once", "sets", n, (struct aim){ AIM_AT_LEAST, wanted });
	report_figure(s, "  open each, among as many", "us", (now_ns() - start) / 1e3 / n, (struct aim){ AIM_NONE, 0 });
	each = (private_kb() - before) / n;
	if (n && !stint_libset_info(sets[0], &info)) {
		report_figure(s, "  memory each", "KB", each, (struct aim){ AIM_NONE, 0 });
		report_figure(s, "  besides what libz may write", "KB", fmax(0, each - (double)info.writable_bytes / 1024),
		              (struct aim){ AIM_AT_MOST, 64 });
	}
	while (n)
		stint_libset_close(sets[--n]);
	free(sets);
	return 0;
}

static int libset(const struct subject *s)
{
	stint_libset_t *set;
	int err = tables(s);

	if (err)
		return err;
	set = stint_libset_open(routed, 1);
	if (!set)
		return errno;
	err = calls(s, set);
	if (!err)
		err = launches(s, set);
	if (!err)
		err = openings(s);
	if (!err)
		err = resets(s);
	if (!err)
		err = many(s);
	stint_libset_close(set);
	return err;
}

const struct subject subject_libset = {
	"libset", "library sets: calls, launches, opening, memory", libset
};
