/*
 * 04-pipeline.c - threads in a row, connected by channels: count the words of files
 *
 *      read_files ---> split_text, several ---> count_words, several ---> main: sort and print
 *               ranges of text              words, by hash
 *
 * Each stage is a loop that receives, works, sends. A channel that is full holds up the stage before it, one that is
 * empty the stage behind it, so memory stays bounded whichever is slow. The end travels the same way: a stage whose channel is
 * closed and drained (EPIPE) ends, and when all of one stage have ended its successor's channels are closed. A word
 * always goes to the same counter, so counters share nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stint.h>

#include "args.h"
#include "words.h"

#define RANGE 65536                     /* bytes of text for a splitter at a time, about */
#define MOST_THREADS 1000               /* in one stage */

struct range {
	const char *begin, *end;        /* in a mapping that stays */
};

struct word {
	const char *at;
	size_t length;
	uint64_t hash;
};

struct pipeline {
	char **files;
	int n_files;
	long splitters, counters, depth, top;
	stint_chan_t *ranges;           /* struct range */
	struct counter {
		stint_chan_t *words;    /* struct word */
		struct words table;
		struct pipeline *all;
	} *counter;
	_Atomic bool failed;
};

static void fail(struct pipeline *p, const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	p->failed = true;
}

/* NULL with errno; an empty file is an empty range */
static const char *map_file(const char *path, size_t *size)
{
	struct stat st;
	const char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st)) {
		*size = (size_t)st.st_size;
		text = *size ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0) : "";
	}
	int err = errno;
	close(fd);
	errno = err;
	return text == MAP_FAILED ? NULL : text;
}

static void *read_files(void *arg)
{
	struct pipeline *p = arg;
	size_t size;

	for (int i = 0; i < p->n_files; i++) {
		const char *text = map_file(p->files[i], &size);
		if (!text) {
			fail(p, p->files[i], errno);
			continue;
		}
		for (struct range r = { text, text }; r.begin < text + size; r.begin = r.end) {
			r.end = text + size - r.begin > RANGE ? r.begin + RANGE : text + size;
			while (r.end < text + size && isalpha((unsigned char)*r.end))
				r.end++;        /* not in the midst of a word */
			stint_chan_send(p->ranges, &r);
		}
	}
	stint_chan_close(p->ranges);
	return NULL;
}

static void *split_text(void *arg)
{
	struct pipeline *p = arg;
	struct range r;

	while (!stint_chan_recv(p->ranges, &r)) {
		while (r.begin < r.end) {
			struct word w = { .at = r.begin };
			while (w.at + w.length < r.end && isalpha((unsigned char)w.at[w.length]))
				w.length++;
			r.begin += w.length + 1;
			if (!w.length)
				continue;
			w.hash = words_hash(w.at, w.length);
			stint_chan_send(p->counter[w.hash % (uint64_t)p->counters].words, &w);
		}
	}
	return NULL;
}

static void *count_words(void *arg)
{
	struct counter *c = arg;
	struct word w;

	while (!stint_chan_recv(c->words, &w))
		if (words_add(&c->table, w.at, w.length, w.hash, 1))
			fail(c->all, "a counter", ENOMEM);
	return NULL;
}

static stint_thread_t *start(const char *name, stint_fn *fn, void *arg)
{
	const struct stint_thread_attr attr = { .size = sizeof attr, .name = name };
	stint_thread_t *t;
	int err = stint_thread_create(&t, &attr, fn, arg);

	if (err) {
		fprintf(stderr, "cannot start %s: %s%s%s\n", name, strerror(err), *stint_why() ? ": " : "", stint_why());
		exit(1);
	}
	return t;
}

static void *allocate(size_t n, size_t size)
{
	void *block = calloc(n, size);

	if (!block) {
		perror("pipeline");
		exit(1);
	}
	return block;
}

static stint_chan_t *channel(const struct pipeline *p, size_t elem_size)
{
	stint_chan_t *c = stint_chan_create(elem_size, (size_t)p->depth);

	if (!c) {
		perror("stint_chan_create");
		exit(1);
	}
	return c;
}

/* This thread, a kernel thread, waits for one stage after the other. */
static void run(struct pipeline *p)
{
	stint_thread_t **splitters = allocate((size_t)p->splitters, sizeof *splitters);
	stint_thread_t **counters = allocate((size_t)p->counters, sizeof *counters);
	stint_thread_t *reader;

	p->ranges = channel(p, sizeof(struct range));
	p->counter = allocate((size_t)p->counters, sizeof *p->counter);
	for (long i = 0; i < p->counters; i++) {
		p->counter[i].all = p;
		p->counter[i].words = channel(p, sizeof(struct word));
		counters[i] = start("counter", count_words, &p->counter[i]);
	}
	for (long i = 0; i < p->splitters; i++)
		splitters[i] = start("splitter", split_text, p);
	reader = start("reader", read_files, p);

	stint_thread_join(reader, NULL);
	for (long i = 0; i < p->splitters; i++)
		stint_thread_join(splitters[i], NULL);
	for (long i = 0; i < p->counters; i++)
		stint_chan_close(p->counter[i].words);
	for (long i = 0; i < p->counters; i++) {
		stint_thread_join(counters[i], NULL);
		stint_chan_free(p->counter[i].words);
	}
	stint_chan_free(p->ranges);
	free(splitters);
	free(counters);
}

static void print(struct pipeline *p)
{
	struct words all = { 0 };

	for (long i = 0; i < p->counters; i++)
		if (words_merge(&all, &p->counter[i].table))
			fail(p, "merging", ENOMEM);
	words_print(&all, p->top);
	words_free(&all);
	free(p->counter);
	if (fflush(stdout) || ferror(stdout))
		fail(p, "standard output", errno);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct pipeline *p = state->input;

	switch (key) {
	case 's':
		p->splitters = args_number("--splitters", arg, 1, MOST_THREADS, state);
		return 0;
	case 'c':
		p->counters = args_number("--counters", arg, 1, MOST_THREADS, state);
		return 0;
	case 'd':
		p->depth = args_number("--depth", arg, 0, 1000000, state);
		return 0;
	case 't':
		p->top = args_number("--top", arg, 1, LONG_MAX, state);
		return 0;
	}
	return args_files(key, state, &p->files, &p->n_files);
}

static const struct argp_option accepted[] = {
	{ "splitters", 's', "N", 0, "Threads that split text into words (2)", 0 },
	{ "counters", 'c', "N", 0, "Threads that count them (4)", 0 },
	{ "depth", 'd', "N", 0, "Elements that each channel holds; 0: sender and receiver meet (64)", 0 },
	{ "top", 't', "N", 0, "Print the N most frequent only", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static const struct argp command_line = {
	accepted, parse_one, "FILE...", "Count how often each word (of the letters A to Z) stands in the files.",
	NULL, NULL, NULL
};

int main(int argc, char **argv)
{
	struct pipeline p = { .splitters = 2, .counters = 4, .depth = 64, .top = LONG_MAX };

	args_parse(&command_line, argc, argv, &p);
	run(&p);
	print(&p);
	return p.failed ? 1 : 0;
}
