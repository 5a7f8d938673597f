/*
 * statics.h - what libc's functions keep in static memory, one of each for every call
 *
 * A wrapper of class STATIC_FN works, inside a call, on state that belongs to the call; outside, on libc's own. A
 * call gets each piece at its first use, zeroed, and keeps it until its handle is freed, so a result that points
 * into it may be read once the call is over. A fresh call starts as a fresh program does: rand() as after srand(1),
 * strtok() with nothing to go on with.
 *
 * Not in __thread variables: those are set back at every launch, which costs by their size, and most calls use none.
 *
 * Context: the call itself, with preemption disabled; not in a signal handler.
 */
#ifndef STINT_STATICS_H
#define STINT_STATICS_H

#include <stddef.h>

#include "../context.h"

enum static_kind {
	STATIC_STRTOK,
	STATIC_KINDS
};

struct pieces {
	struct statics statics;                 /* first */
	struct {
		void *state;
		void (*destroy)(void *state);   /* gives back what it holds, not itself; or NULL */
	} at[STATIC_KINDS];
};

/* the slow half of statics() */
void *statics_new(struct stint *s, enum static_kind kind, size_t size, void (*destroy)(void *));

/* The piece @kind of the call @s, @size bytes, made if need be. NULL and errno ENOMEM: there is no memory for it. */
static inline void *statics(struct stint *s, enum static_kind kind, size_t size, void (*destroy)(void *))
{
	struct pieces *p = (struct pieces *)s->statics;

	if (likely(p && p->at[kind].state))
		return p->at[kind].state;
	return statics_new(s, kind, size, destroy);
}

#endif
