/*
 * fake.h - waiters that nobody waits in: they are put into queues by hand, and show what is done to them
 */
#ifndef FAKE_H
#define FAKE_H

#include "park.h"
#include "thread.h"

#define ID(n) ((uintptr_t)(n) << 12)    /* of whoever the n-th is */

static inline void fake(struct stint_waiter *w, struct stint_waitq *q, unsigned n, int kind, void *data)
{
	waiter_init(w, NULL, PARK_OTHER, q);
	w->id = ID(n);
	w->kind = kind;
	w->data = data;
	w->result = -99;
	waitq_add(q, w);
}

static inline bool is_woken(const struct stint_waiter *w)
{
	return w->state == PARK_WOKEN;
}

#endif
