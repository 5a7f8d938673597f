/*
 * statics.c - making and freeing the static state of a call (see statics.h)
 *
 * The pieces come from libc's heap past the wrappers: they are the runtime's, so they are in no ledger, and a
 * cancelled call does not lose them before its destructors and cleanups have run.
 */
#include <errno.h>

#include "../sys.h"
#include "statics.h"

static void statics_free(struct statics *statics)
{
	struct pieces *p = (struct pieces *)statics;

	for (int kind = 0; kind < STATIC_KINDS; kind++) {
		if (p->at[kind].destroy)
			p->at[kind].destroy(p->at[kind].state);
		sys_free(p->at[kind].state);
	}
	sys_free(p);
}

void *statics_new(struct stint *s, enum static_kind kind, size_t size, void (*destroy)(void *))
{
	struct pieces *p = (struct pieces *)s->statics;
	void *state;

	if (!p) {
		p = sys_alloc(sizeof(*p));
		if (!p)
			goto none;
		p->statics.free = statics_free;
		s->statics = &p->statics;
	}
	state = sys_alloc(size);
	if (!state)
		goto none;
	p->at[kind].state = state;
	p->at[kind].destroy = destroy;
	return state;
none:
	errno = ENOMEM;
	return NULL;
}
