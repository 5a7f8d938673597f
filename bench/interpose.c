/*
 * interpose.c - functions of libc by way of our wrappers, outside and inside a call, against the bare ones
 *
 * All are called through pointers, so that each side pays the same indirect call, as through a procedure linkage table.
 * The wrapper is what the program finds under the name; the bare function is looked up in libc itself. The bare ones
 * run outside calls, in a process that has launched some: libc takes its locks in earnest in all sides.
 *
 * A pair of malloc and free in a call includes the ledger; and a pair outside, while a stopped call holds blocks, looks
 * whether the block is one of those; the aim of that is for each of the two.
 */
#include <dlfcn.h>
#include <errno.h>
#include <gnu/lib-names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define OUTSIDE_MORE 2          /* ns */
#define INSIDE_MORE 6
#define LEDGER_MORE 12
#define BLOCK_SIZE 64
#define BLOCKS_HELD 16
#define RECORD "8 bytes."
#define TEXT "the words of a line that is taken apart, one after the other, as programs of the seventies did"

struct functions {
	void *(*malloc)(size_t n);
	void (*free)(void *p);
	int (*getc)(FILE *f);
	size_t (*fwrite)(const void *buf, size_t size, size_t n, FILE *f);
	char *(*strtok)(char *str, const char *delimiters);
};

static struct functions wrapped, bare;
static FILE *zero, *null;

static void *keep(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static void malloc_free(const struct functions *f, unsigned long n)
{
	while (n-- > 0)
		f->free(keep(f->malloc(BLOCK_SIZE)));
}

static void getc_zero(const struct functions *f, unsigned long n)
{
	while (n-- > 0)
		f->getc(zero);
}

static void fwrite_null(const struct functions *f, unsigned long n)
{
	while (n-- > 0)
		f->fwrite(RECORD, 1, sizeof(RECORD) - 1, null);
}

static void strtok_text(const struct functions *f, unsigned long n)
{
	char text[sizeof(TEXT)], *word = NULL;

	while (n-- > 0) {
		if (!word)
			memcpy(text, TEXT, sizeof(text));
		word = keep(f->strtok(word ? NULL : text, " ,"));
	}
}

/* one function, by one way to it */
struct way {
	void (*work)(const struct functions *f, unsigned long n);
	const struct functions *functions;
	unsigned long n;
	double span;
};

static void *timed(void *arg)
{
	struct way *w = arg;
	double start = now_ns();

	w->work(w->functions, w->n);
	w->span = now_ns() - start;
	return NULL;
}

static double run_outside(void *arg, unsigned long n)
{
	struct way *w = arg;

	w->n = n;
	timed(w);
	return w->span / (double)n;
}

static double run_inside(void *arg, unsigned long n)
{
	struct way *w = arg;
	stint_t *s;

	w->n = n;
	s = stint_launch(timed, w, STINT_FOREVER);
	if (!s)
		return NAN;
	stint_free(s);
	return w->span / (double)n;
}

static void *hold_blocks(void *arg)
{
	void *block[BLOCKS_HELD];
	int i;

	for (i = 0; i < BLOCKS_HELD; i++)
		block[i] = keep(malloc(BLOCK_SIZE));
	stint_pause();
	for (i = 0; i < BLOCKS_HELD; i++)
		free(block[i]);
	return arg;
}

static double run_beside(void *arg, unsigned long n)
{
	stint_t *s = stint_launch(hold_blocks, NULL, STINT_FOREVER);
	double ns;

	if (!s)
		return NAN;
	ns = run_outside(arg, n);
	stint_free(s);
	return ns;
}

static int find_in(void *library, struct functions *f)
{
	f->malloc = (__typeof__(f->malloc))dlsym(library, "malloc");
	f->free = (__typeof__(f->free))dlsym(library, "free");
	f->getc = (__typeof__(f->getc))dlsym(library, "getc");
	f->fwrite = (__typeof__(f->fwrite))dlsym(library, "fwrite");
	f->strtok = (__typeof__(f->strtok))dlsym(library, "strtok");
	return f->malloc && f->free && f->getc && f->fwrite && f->strtok ? 0 : ENOSYS;
}

static int open_all(void)
{
	void *libc = dlopen(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);
	int error = libc ? find_in(libc, &bare) : ENOENT;

	if (!error)
		error = find_in(RTLD_DEFAULT, &wrapped);
	if (!error && wrapped.malloc == bare.malloc)
		error = ENOTSUP;
	if (error)
		return error;
	zero = fopen("/dev/zero", "r");
	null = fopen("/dev/null", "w");
	return zero && null ? 0 : errno;
}

static void close_all(void)
{
	if (zero)
		fclose(zero);
	if (null)
		fclose(null);
	zero = null = NULL;
}

static int compare(const struct subject *s, const char *what, const char *where, double more,
		   double (*run)(void *arg, unsigned long n), void (*work)(const struct functions *f, unsigned long n))
{
	struct way ours = { .work = work, .functions = &wrapped }, libc = { .work = work, .functions = &bare };
	const struct side sides[] = { { what, run, &ours }, { "libc's own", run_outside, &libc } };
	char name[64];

	snprintf(name, sizeof(name), "%s, %s", what, where);
	return bench_compare(s, name, (struct aim){ AIM_MORE_AT_MOST, more }, sides, 2);
}

static int compare_all(const struct subject *s)
{
	static const struct {
		const char *name;
		void (*work)(const struct functions *f, unsigned long n);
		double inside;
	} subjects[] = {
		{ "malloc + free", malloc_free, LEDGER_MORE },
		{ "getc", getc_zero, INSIDE_MORE },
		{ "fwrite of 8 bytes", fwrite_null, INSIDE_MORE },
		{ "strtok", strtok_text, INSIDE_MORE },
	};
	size_t i;
	int error = 0;

	for (i = 0; i < sizeof(subjects) / sizeof(*subjects) && !error; i++) {
		error = compare(s, subjects[i].name, "outside", OUTSIDE_MORE, run_outside, subjects[i].work);
		if (!error)
			error = compare(s, subjects[i].name, "in a call", subjects[i].inside, run_inside,
					subjects[i].work);
	}
	if (!error)
		error = compare(s, "malloc + free", "beside a call", OUTSIDE_MORE * 2, run_beside, malloc_free);
	return error;
}

static int interpose(const struct subject *s)
{
	stint_t *first = stint_launch(hold_blocks, NULL, STINT_FOREVER);
	int error;

	if (!first)
		return errno;
	stint_free(first);
	error = open_all();
	if (!error)
		error = compare_all(s);
	close_all();
	return error;
}

const struct subject subject_interpose = {
	"interpose", "functions of libc through the wrappers, outside and in calls, against the bare ones", interpose
};
