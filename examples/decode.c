/*
 * decode.c - decode PNG files, each within a budget of time
 *
 * The decoder (picture.c) is ordinary libpng code that knows nothing of being stopped. It runs as a
 * preemptible call: launched for one slice of time, resumed slice by slice, and cancelled when its file has
 * used up its budget; cancelling gives back the memory and the open file that the decoder held at that
 * moment. In between, this thread has control again every slice: its heartbeat.
 *
 * With --private all files are decoded at once, a slice of each in turn: so there are always decoders that are stopped
 * in the middle of libpng and zlib while others use them. Each has copies of its own of the two libraries.
 *
 * The interesting functions are run_slice() and decode_files(). At the end the program compares
 * its heap and its descriptors with what they were before the first file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <stint.h>

#include "decode-options.h"
#include "holdings.h"
#include "picture.h"

struct tally {
	int decoded, cancelled, failed;
	unsigned long beats;
	int64_t longest_gap;            /* nanoseconds */
	uint64_t unreturned;            /* bytes and descriptors still held after a cancel */
	bool live;                      /* stdout is a terminal: show the beats as they come */
};

/* a file that is being decoded */
struct job {
	struct picture pic;
	stint_libset_t *set;            /* the libraries that it uses; NULL: the process's */
	stint_t *call;
	int64_t longest_gap;
	bool over;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return STINT_S(t.tv_sec) + t.tv_nsec;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* This runs between any two slices: an event loop would look after its other clients here. */
static void heartbeat(struct tally *t, struct job *j, int64_t since, const char *name)
{
	int64_t gap = now() - since;

	t->beats++;
	if (gap > j->longest_gap)
		j->longest_gap = gap;
	if (gap > t->longest_gap)
		t->longest_gap = gap;
	if (t->live && t->beats % 16 == 0) {
		printf("\r%s: beat %lu\033[K\r", name, t->beats);
		fflush(stdout);
	}
}

static stint_ns time_left(stint_t *call, stint_ns budget)
{
	struct stint_usage u = { 0 };

	stint_usage(call, &u);
	return budget - u.cpu_ns;
}

static void *decode(void *arg)
{
	return picture_read(arg) ? arg : NULL;
}

/* Begins the job or lets it go on, for one slice. When it is over its call is complete, out of budget, or NULL: it could not run. */
static void run_slice(struct job *j, const struct options *o, struct tally *t)
{
	const struct stint_attr attr = {
		.size = sizeof attr, .name = base_name(j->pic.path), .stack_size = o->stack, .libset = j->set
	};
	stint_ns left = j->call ? time_left(j->call, o->budget) : o->budget;
	int64_t since = now();
	int err = 0;

	if (left > o->slice)
		left = o->slice;
	if (j->call)
		err = stint_resume(j->call, left);
	else
		j->call = stint_launch_with(&attr, decode, &j->pic, left);
	if (err && err != ETIMEDOUT) {
		stint_free(j->call);
		errno = err;
		j->call = NULL;
	}
	if (!j->call)
		snprintf(j->pic.error, sizeof j->pic.error, "no call: %s", strerror(errno));
	heartbeat(t, j, since, attr.name);
	j->over = !j->call || stint_is_complete(j->call) || time_left(j->call, o->budget) <= 0;
}

static void print_row(const struct job *j, const char *outcome, const struct stint_usage *u, const struct tally *t)
{
	const struct picture *pic = &j->pic;
	char bytes[24] = "-", pixels[24] = "-";

	if (pic->file_size)
		snprintf(bytes, sizeof bytes, "%lld", pic->file_size);
	if (pic->width)
		snprintf(pixels, sizeof pixels, "%" PRIu32 "x%" PRIu32, pic->width, pic->height);
	printf("%s%-23.23s %8s %11s  %-9s %7.2f ms %6" PRIu64 " %6.2f ms", t->live ? "\033[K" : "",
	       base_name(pic->path), bytes, pixels, outcome, (double)u->cpu_ns / 1e6, u->resumes,
	       (double)j->longest_gap / 1e6);
}

/* Ends an unfinished call and prints what it held. */
static void give_up(stint_t *call, const struct stint_usage *held, struct tally *t)
{
	struct stint_usage after = { 0 };
	int err = stint_cancel(call);

	stint_usage(call, &after);
	t->cancelled++;
	t->unreturned += after.bytes_held + after.fds_held;
	if (err)
		printf("  %s\n", strerror(err));
	else
		printf("  %.1f MB, %" PRIu64 " fd given back\n", (double)held->bytes_held / 1e6, held->fds_held);
}

/* What a completed call allocated belongs to its caller: here, the rows of the picture. */
static void take_picture(struct picture *pic, bool checksum, struct tally *t)
{
	t->decoded++;
	if (checksum)
		printf("  checksum %016" PRIx64, picture_checksum(pic));
	printf("\n");
	picture_release(pic);
}

/* The job is over: say how, and give back what it has. */
static void conclude_job(struct job *j, const struct options *o, struct tally *t)
{
	struct stint_usage used = { 0 };

	stint_usage(j->call, &used);
	if (j->call && !stint_is_complete(j->call)) {
		print_row(j, "cancelled", &used, t);
		give_up(j->call, &used, t);
	} else if (j->call && stint_result(j->call)) {
		print_row(j, "completed", &used, t);
		take_picture(&j->pic, o->checksum, t);
	} else {
		print_row(j, "failed", &used, t);
		printf("  %s\n", j->pic.error);
		t->failed++;
	}
	stint_free(j->call);
}

/* slices of @n jobs in turn, until all are over */
static void decode_files(struct job *jobs, int n, const struct options *o, struct tally *t)
{
	int running = n;

	while (running) {
		for (int i = 0; i < n; i++) {
			if (jobs[i].over)
				continue;
			run_slice(&jobs[i], o, t);
			if (!jobs[i].over)
				continue;
			conclude_job(&jobs[i], o, t);
			running--;
		}
	}
}

/* The libraries that decoding leads into. All sets are opened now, so that what they take is not counted as lost. */
static bool open_sets(struct job *jobs, int n)
{
	static const char *const libraries[] = { "libpng16.so.16", "libz.so.1" };
	char why[256] = "";
	const struct stint_libset_attr attr = { .size = sizeof attr, .why = why, .why_size = sizeof why };

	for (int i = 0; i < n; i++) {
		jobs[i].set = stint_libset_open_with(&attr, libraries, 2);
		if (!jobs[i].set) {
			fprintf(stderr, "no private libraries: %s\n", why);
			return false;
		}
	}
	return true;
}

static bool close_sets(struct job *jobs, int n)
{
	int err = 0;

	for (int i = 0; i < n; i++)
		if (jobs[i].set)
			err |= stint_libset_close(jobs[i].set);
	return !err;
}

/* As many calls as there will be at once: the library keeps their stacks and thread identities for the next ones. */
static void warm_up(struct job *jobs, int n, const struct options *o)
{
	struct picture nothing = { .path = "/dev/null" };
	const struct stint_attr attr = { .size = sizeof attr, .stack_size = o->stack };

	for (int i = 0; i < n; i++) {
		jobs[i].call = stint_launch_with(&attr, decode, &nothing, 0);
		if (jobs[i].call)
			stint_resume(jobs[i].call, o->slice);
	}
	for (int i = 0; i < n; i++) {
		stint_free(jobs[i].call);
		jobs[i].call = NULL;
	}
}

static int conclude(const struct tally *t, const struct holdings *before)
{
	struct holdings after = holdings_count();
	long long bytes = after.bytes - before->bytes;
	int fds = after.fds - before->fds;

	printf("\nheartbeat: %lu beats, longest gap %.2f ms\n", t->beats, (double)t->longest_gap / 1e6);
	printf("files: %d completed, %d cancelled, %d failed\n", t->decoded, t->cancelled, t->failed);
	printf("leaked: %lld bytes, %d descriptors\n", bytes, fds);
	return t->failed || t->unreturned || bytes || fds;
}

int main(int argc, char **argv)
{
	struct options o = { .slice = STINT_MS(1), .budget = STINT_MS(50) };
	struct tally t = { .live = isatty(STDOUT_FILENO) };

	options_parse(&o, argc, argv);
	holdings_exact(argv);
	if (stint_unsupported()) {
		fprintf(stderr, "%s: %s\n", argv[0], stint_unsupported());
		return 1;
	}
	printf("budget %.10g ms per file, in slices of %.10g ms\n\n", (double)o.budget / 1e6,
	       (double)o.slice / 1e6);
	printf("%-23s %8s %11s  %-9s %10s %6s %9s\n", "file", "bytes", "pixels", "outcome", "time", "slices",
	       "max gap");
	struct job *jobs = calloc((size_t)o.n_files, sizeof *jobs);
	if (!jobs || (o.private && !open_sets(jobs, o.n_files)))
		return 1;
	for (int i = 0; i < o.n_files; i++)
		jobs[i].pic.path = o.files[i];
	warm_up(jobs, o.private ? o.n_files : 1, &o);
	struct holdings before = holdings_count();
	for (int i = 0; !o.private && i < o.n_files; i++)
		decode_files(&jobs[i], 1, &o, &t);
	if (o.private)
		decode_files(jobs, o.n_files, &o, &t);
	int failed = conclude(&t, &before);
	if (!close_sets(jobs, o.n_files))
		failed = 1;
	free(jobs);
	return failed;
}
