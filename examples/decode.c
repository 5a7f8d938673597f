/*
 * decode.c - decode PNG files, each within a budget of time
 *
 * The decoder (picture.c) is ordinary libpng code that knows nothing of being stopped. It runs as a
 * preemptible call: launched for one slice of time, resumed slice by slice, and cancelled when its file has
 * used up its budget; cancelling gives back the memory and the open file that the decoder held at that
 * moment. In between, this thread has control again every slice: its heartbeat.
 *
 * The interesting functions are decode_in_slices() and decode_file(). At the end the program compares
 * its heap and its descriptors with what they were before the first file.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <stint.h>

#include "decode-options.h"
#include "picture.h"

struct tally {
	int decoded, cancelled, failed;
	unsigned long beats;
	int64_t longest_gap;            /* of the file at hand, nanoseconds */
	int64_t longest_gap_ever;
	uint64_t unreturned;            /* bytes and descriptors still held after a cancel */
	bool live;                      /* stdout is a terminal: show the beats as they come */
};

struct holdings {
	long long bytes;
	int fds;
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
static void heartbeat(struct tally *t, int64_t since, const char *name)
{
	int64_t gap = now() - since;

	t->beats++;
	if (gap > t->longest_gap)
		t->longest_gap = gap;
	if (gap > t->longest_gap_ever)
		t->longest_gap_ever = gap;
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

/* Returns the call, complete or out of budget; NULL with errno when it could not be made. */
static stint_t *decode_in_slices(struct picture *pic, const struct options *o, struct tally *t)
{
	const struct stint_attr attr = {
		.size = sizeof attr, .name = base_name(pic->path), .stack_size = o->stack
	};
	stint_ns left = o->budget;
	int64_t since = now();
	stint_t *call = stint_launch_with(&attr, decode, pic, left < o->slice ? left : o->slice);

	while (call) {
		heartbeat(t, since, attr.name);
		left = time_left(call, o->budget);
		if (stint_is_complete(call) || left <= 0)
			break;
		since = now();
		int err = stint_resume(call, left < o->slice ? left : o->slice);
		if (err && err != ETIMEDOUT) {
			stint_free(call);
			errno = err;
			call = NULL;
		}
	}
	return call;
}

static void print_row(const struct picture *pic, const char *outcome, const struct stint_usage *u,
                      const struct tally *t)
{
	char bytes[24] = "-", pixels[24] = "-";

	if (pic->file_size)
		snprintf(bytes, sizeof bytes, "%lld", pic->file_size);
	if (pic->width)
		snprintf(pixels, sizeof pixels, "%" PRIu32 "x%" PRIu32, pic->width, pic->height);
	printf("%s%-23.23s %8s %11s  %-9s %7.2f ms %6" PRIu64 " %6.2f ms", t->live ? "\033[K" : "",
	       base_name(pic->path), bytes, pixels, outcome, (double)u->cpu_ns / 1e6, u->resumes,
	       (double)t->longest_gap / 1e6);
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

static void decode_file(const char *path, const struct options *o, struct tally *t)
{
	struct picture pic = { .path = path };
	struct stint_usage used = { 0 };

	t->longest_gap = 0;
	stint_t *call = decode_in_slices(&pic, o, t);
	if (!call)
		snprintf(pic.error, sizeof pic.error, "no call: %s", strerror(errno));
	stint_usage(call, &used);
	if (call && !stint_is_complete(call)) {
		print_row(&pic, "cancelled", &used, t);
		give_up(call, &used, t);
	} else if (call && stint_result(call)) {
		print_row(&pic, "completed", &used, t);
		take_picture(&pic, o->checksum, t);
	} else {
		print_row(&pic, "failed", &used, t);
		printf("  %s\n", pic.error);
		t->failed++;
	}
	stint_free(call);
}

static struct holdings count_holdings(void)
{
	struct mallinfo2 heap = mallinfo2();
	struct holdings h = { .bytes = (long long)(heap.uordblks + heap.hblkhd), .fds = 0 };
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		h.fds++;
	if (dir)
		closedir(dir);
	return h;
}

/*
 * glibc keeps small freed blocks in a cache of each thread, and mallinfo2() counts those as in use. For the
 * count at the end to be exact, the program runs without that cache, which can only be asked for
 * before it starts.
 */
static void restart_without_malloc_cache(char **argv)
{
	const char *tunables = getenv("GLIBC_TUNABLES");

	if (tunables && strstr(tunables, "malloc.tcache_count"))
		return;
	if (!setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1))
		execvp(argv[0], argv);
}

/* A call like those to come: the library keeps its stack and its thread identity for the next one. */
static void warm_up(const struct options *o)
{
	struct picture nothing = { .path = "/dev/null" };
	struct tally uncounted = { 0 };

	stint_free(decode_in_slices(&nothing, o, &uncounted));
}

static int conclude(const struct tally *t, const struct holdings *before)
{
	struct holdings after = count_holdings();
	long long bytes = after.bytes - before->bytes;
	int fds = after.fds - before->fds;

	printf("\nheartbeat: %lu beats, longest gap %.2f ms\n", t->beats, (double)t->longest_gap_ever / 1e6);
	printf("files: %d completed, %d cancelled, %d failed\n", t->decoded, t->cancelled, t->failed);
	printf("leaked: %lld bytes, %d descriptors\n", bytes, fds);
	return t->failed || t->unreturned || bytes || fds;
}

int main(int argc, char **argv)
{
	struct options o = { .slice = STINT_MS(1), .budget = STINT_MS(50) };
	struct tally t = { .live = isatty(STDOUT_FILENO) };

	options_parse(&o, argc, argv);
	restart_without_malloc_cache(argv);
	if (stint_unsupported()) {
		fprintf(stderr, "%s: %s\n", argv[0], stint_unsupported());
		return 1;
	}
	printf("budget %.10g ms per file, in slices of %.10g ms\n\n", (double)o.budget / 1e6,
	       (double)o.slice / 1e6);
	printf("%-23s %8s %11s  %-9s %10s %6s %9s\n", "file", "bytes", "pixels", "outcome", "time", "slices",
	       "max gap");
	warm_up(&o);
	struct holdings before = count_holdings();
	for (int i = 0; i < o.n_files; i++)
		decode_file(o.files[i], &o, &t);
	return conclude(&t, &before);
}
