/*
 * statics.c - making and freeing the static state of a call (see statics.h)
 *
 * The pieces come from libc's heap past the wrappers: they are the runtime's, so they are in no ledger, and a
 * cancelled call does not lose them before its destructors and cleanups have run.
 */
#include <errno.h>
#include <libintl.h>
#include <locale.h>
#include <stdlib.h>

#include "../sys.h"
#include "answer.h"
#include "interpose.h"
#include "statics.h"

#undef dcgettext

#define FIRST_BUFFER 1024

void *piece_alloc(size_t size)
{
	return sys_fault(SYS_MALLOC) ? NULL : REAL(calloc)(1, size);
}

void piece_free(void *p)
{
	REAL(free)(p);
}

static void statics_free(struct statics *statics)
{
	struct pieces *p = (struct pieces *)statics;

	for (int kind = 0; kind < STATIC_KINDS; kind++) {
		if (p->at[kind].destroy)
			p->at[kind].destroy(p->at[kind].state);
		piece_free(p->at[kind].state);
	}
	piece_free(p);
}

void *statics_new(struct stint *s, enum static_kind kind, size_t size, void (*destroy)(void *))
{
	struct pieces *p = (struct pieces *)s->statics;
	void *state;

	if (!p) {
		p = piece_alloc(sizeof(*p));
		if (!p)
			goto none;
		p->statics.free = statics_free;
		s->statics = &p->statics;
	}
	state = piece_alloc(size);
	if (!state)
		goto none;
	p->at[kind].state = state;
	p->at[kind].destroy = destroy;
	return state;
none:
	errno = ENOMEM;
	return NULL;
}

char *libc_message(const char *message)
{
	return REAL(dcgettext)("libc", message, LC_MESSAGES);
}

bool buffer_grow(struct buffer *b)
{
	size_t size = b->size ? 2 * b->size : FIRST_BUFFER;

	piece_free(b->at);
	b->at = piece_alloc(size);
	b->size = b->at ? size : 0;
	if (!b->at)
		errno = ENOMEM;
	return b->at;
}

void buffer_free(void *b)
{
	piece_free(((struct buffer *)b)->at);
}

struct answer *answer_of(struct stint *s, enum static_kind kind)
{
	struct answer *a = statics(s, kind, sizeof(*a), buffer_free);

	return a && (a->buffer.size || buffer_grow(&a->buffer)) ? a : NULL;
}
