/*
 * ask.c - what a library set tells about itself
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "../clock.h"
#include "../preempt.h"
#include "libset.h"
#include "set.h"

static bool can_be_asked(const struct stint_libset *set)
{
	return set != STINT_LIBSET_NONE && libset_is_open(set);
}

struct question {
	const struct stint_libset *set;
	const char *name;
	void *answer;
};

static void do_symbol(void *arg)
{
	struct question *q = arg;

	for (unsigned i = 0; i < q->set->ncopies && !q->answer; i++) {
		const struct copy *c = &q->set->copies[i];

		q->answer = sys.dlsym(c->handle, q->name);
		if (!copy_has(c, (uintptr_t)q->answer))
			q->answer = NULL;       /* of something that it depends on */
	}
}

void *stint_libset_symbol(const stint_libset_t *set, const char *name)
{
	struct question q = { set, name, NULL };

	if (can_be_asked(set) && name)
		set_as_kernel_thread(do_symbol, &q, caller_address());
	return q.answer;
}

static bool is_in(const struct stint_libset *set, unsigned library)
{
	return library != NO_LIBRARY && set->table.delta[library];
}

static unsigned count_split(const struct stint_libset *set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set->ncopies; i++) {
		const struct library *l = set->copies[i].library;

		for (size_t k = 0; k < l->nexposures; k++)
			n += !is_in(set, l->exposures[k].library);
	}
	return n;
}

struct inquiry {
	const struct stint_libset *set;
	struct stint_libset_info *info;
	char *text;
	size_t size, length;
};

static void do_info(void *arg)
{
	struct inquiry *q = arg;
	size_t bytes = 0;

	libset_enter();
	for (unsigned i = 0; i < q->set->ncopies; i++)
		bytes += copy_writable(&q->set->copies[i]);
	*q->info = (struct stint_libset_info){
		.size = sizeof(*q->info),
		.backend = q->set->backend,
		.libraries = q->set->ncopies,
		.functions = table_used(),
		.variables = count_split(q->set),
		.writable_bytes = bytes,
		.table_ns = (uint64_t)clock_ns(q->set->table_cycles),
	};
	libset_leave();
}

int stint_libset_info(const stint_libset_t *set, struct stint_libset_info *out)
{
	struct inquiry q = { .set = set, .info = out };

	if (!can_be_asked(set) || !out || out->size < sizeof(*out))
		return EINVAL;
	set_as_kernel_thread(do_info, &q, caller_address());
	return 0;
}

static void __attribute__((format(printf, 2, 3))) say(struct inquiry *q, const char *format, ...)
{
	size_t left = q->length < q->size ? q->size - q->length : 0;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(left ? q->text + q->length : NULL, left, format, ap);
	va_end(ap);
	q->length += n > 0 ? (size_t)n : 0;
}

static void do_report(void *arg)
{
	struct inquiry *q = arg;

	libset_enter();
	for (unsigned i = 0; i < q->set->ncopies; i++) {
		const struct library *l = q->set->copies[i].library;

		say(q, "%s: %s at %#lx\n", l->path, q->set->backend == STINT_LIBSET_COPY ? "a copy" : "in a namespace",
		    q->set->copies[i].base);
		for (size_t k = 0; k < l->nexposures; k++) {
			const struct exposure *e = &l->exposures[k];

			if (!is_in(q->set, e->library))
				say(q, "\tvariable %s: %s uses the process's%s\n", e->symbol, *e->user ? e->user : "the program",
				    e->copied ? ", by a copy relocation" : "");
		}
	}
	libset_leave();
}

size_t stint_libset_report(const stint_libset_t *set, char *text, size_t size)
{
	struct inquiry q = { .set = set, .text = text, .size = text ? size : 0 };

	if (text && size)
		*text = '\0';
	if (can_be_asked(set))
		set_as_kernel_thread(do_report, &q, caller_address());
	return q.length;
}
