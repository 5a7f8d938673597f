/*
 * chan.h - a channel: what sending, receiving and select share
 *
 * A ring of elements and two queues. All under one lock, that of the queue of senders. At most one of the
 * queues can be served at a time, and whoever makes that possible does it: while somebody waits to receive,
 * the ring is empty and nobody waits to send, and so on; but that those who wait in a select that has been
 * served elsewhere may still lie in a queue. They are dropped when found.
 *
 * A waiter's data is the element, on its own stack or wherever the caller has it; it is copied under the
 * lock, while its owner is parked. main is itself, or the one waiter of a select by which it is parked; kind
 * says which case it is. claimed of such a case, not of main: where it is (enum chan_case). A select that has been served comes for
 * those of its cases that are still queued, so whose channels are still there; and a channel is closed or freed only when
 * none is on its way to the lock any more.
 */
#ifndef STINT_CHAN_INTERNAL_H
#define STINT_CHAN_INTERNAL_H

#include <string.h>

#include <stint/chan.h>

#include "wait.h"

struct stint_chan {
	struct stint_waitq senders, receivers;
	size_t elem_size, capacity;
	size_t head, count;             /* the oldest element; how many */
	bool closed;
	unsigned expected;              /* selects on their way to the lock for a case that has been taken out meanwhile */
	char ring[] __attribute__((aligned(16)));
};

/* the sizes that most have are moves; the rest is for libc, which never waits in it */
static inline void chan_copy(void *to, const void *from, size_t n)
{
	if (likely(n == 8))
		memcpy(to, from, 8);
	else if (n == 4)
		memcpy(to, from, 4);
	else if (n == 16)
		memcpy(to, from, 16);
	else
		memcpy(to, from, n);
}

static inline void chan_pass(const stint_chan_t *c, void *to, const void *from)
{
	if (likely(to && from))
		chan_copy(to, from, c->elem_size);
	else if (to)
		memset(to, 0, c->elem_size);
}

enum chan_case {
	CASE_QUEUED,
	CASE_OUT,                       /* taken out; the select does not come for it */
	CASE_WANTED                     /* the select comes for it */
};

/* @w, a case of a select, is out of its queue. If that has been served elsewhere, and does not come, it is gone afterwards. */
static inline void chan_case_out(stint_chan_t *c, struct stint_waiter *w)
{
	if (__atomic_exchange_n(&w->claimed, CASE_OUT, __ATOMIC_ACQ_REL) == CASE_WANTED)
		c->expected++;
}

/* the first ones in @q, as long as they are cases of selects that have been served elsewhere */
static inline void chan_drop_served(stint_chan_t *c, struct stint_waitq *q)
{
	while (q->first && __atomic_load_n(&q->first->main->claimed, __ATOMIC_ACQUIRE))
		chan_case_out(c, waitq_take(q));
}

/* the first in @q that can still be served, taken out; NULL */
static inline struct stint_waiter *chan_partner(stint_chan_t *c, struct stint_waitq *q)
{
	struct stint_waiter *w;
	bool ours;

	while (w = waitq_take(q), w) {
		if (likely(w->main == w))
			return w;
		ours = waiter_claim(w->main);
		chan_case_out(c, w);
		if (ours)
			return w;
	}
	return NULL;
}

/* @w, a partner, has been served */
static inline void chan_served(struct stint_waiter *w, int result, struct wait_list *woken)
{
	w->main->kind = w->kind;
	wait_list_add(woken, w->main, result);
}

static inline void *chan_slot(stint_chan_t *c, size_t i)
{
	i += c->head;
	return c->ring + (i < c->capacity ? i : i - c->capacity) * c->elem_size;
}

/* locked; 0, EPIPE or MUST_WAIT */
WAIT_INLINE int chan_try_send(stint_chan_t *c, const void *elem, struct wait_list *woken)
{
	struct stint_waiter *w;

	if (unlikely(c->closed))
		return EPIPE;
	w = chan_partner(c, &c->receivers);
	if (w) {
		chan_pass(c, w->data, elem);
		chan_served(w, 0, woken);
		return 0;
	}
	if (c->count == c->capacity)
		return MUST_WAIT;
	chan_pass(c, chan_slot(c, c->count), elem);
	c->count++;
	return 0;
}

WAIT_INLINE int chan_try_recv(stint_chan_t *c, void *elem, struct wait_list *woken)
{
	struct stint_waiter *w;

	if (c->count) {
		chan_pass(c, elem, chan_slot(c, 0));
		if (++c->head == c->capacity)
			c->head = 0;
		c->count--;
		w = chan_partner(c, &c->senders);
		if (w) {
			chan_pass(c, chan_slot(c, c->count), w->data);
			c->count++;
			chan_served(w, 0, woken);
		}
		return 0;
	}
	w = chan_partner(c, &c->senders);
	if (w) {
		chan_pass(c, elem, w->data);
		chan_served(w, 0, woken);
		return 0;
	}
	if (!c->closed)
		return MUST_WAIT;
	chan_pass(c, elem, NULL);
	return EPIPE;
}

#endif
