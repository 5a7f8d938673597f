/*
 * chan.c - channels: making them, sending, receiving, closing
 *
 * The shortest way between two threads is one spin lock for each operation: the element goes from stack to
 * stack if somebody waits for it, through the ring if not.
 *
 * The memory is the program's like a lock's, not the ledger's: a call that makes a channel for others may be
 * cancelled.
 */
#include <limits.h>

#include "../init.h"
#include "../sys.h"
#include "chan.h"

#define TURNS_TO_FREE 1000000   /* of spin_pause(): some 10 ms */

WAIT_INLINE int send_enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	return chan_try_send(object, w->data, woken);
}

WAIT_INLINE int recv_enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	return chan_try_recv(object, w->data, woken);
}

static const struct wait_class send_class = { PARK_CHAN_SEND, send_enter, NULL, NULL, NULL };
static const struct wait_class recv_class = { PARK_CHAN_RECV, recv_enter, NULL, NULL, NULL };

WAIT_INLINE int pass(const struct wait_class *class, stint_chan_t *c, struct stint_waitq *q, void *elem,
		     stint_ns timeout, const void *caller)
{
	struct wait wait;

	wait.w.data = elem;
	return wait_visit(&wait, class, c, q, &c->senders.lock, timeout, caller);
}

/* what is sent is only read; a waiter's data is for both directions */
static void *readable(const void *elem)
{
	union {
		const void *in;
		void *out;
	} u = { elem };

	return u.out;
}

int stint_chan_send(stint_chan_t *c, const void *elem)
{
	return c ? pass(&send_class, c, &c->senders, readable(elem), STINT_FOREVER, caller_address())
		 : EINVAL;
}

int stint_chan_recv(stint_chan_t *c, void *elem)
{
	return c ? pass(&recv_class, c, &c->receivers, elem, STINT_FOREVER, caller_address()) : EINVAL;
}

int stint_chan_send_timed(stint_chan_t *c, const void *elem, stint_ns timeout)
{
	if (!c || timeout < 0)
		return EINVAL;
	return wait_or(pass(&send_class, c, &c->senders, readable(elem), timeout, caller_address()),
		       ETIMEDOUT);
}

int stint_chan_recv_timed(stint_chan_t *c, void *elem, stint_ns timeout)
{
	if (!c || timeout < 0)
		return EINVAL;
	return wait_or(pass(&recv_class, c, &c->receivers, elem, timeout, caller_address()), ETIMEDOUT);
}

/* --- making and ending ------------------------------------------------------------------------- */

static stint_chan_t *create(size_t elem_size, size_t capacity, int *err)
{
	size_t bytes;
	stint_chan_t *c;

	if (__builtin_mul_overflow(elem_size, capacity, &bytes) || bytes > PTRDIFF_MAX - sizeof(*c) || elem_size > PTRDIFF_MAX) {
		*err = EINVAL;
		return NULL;
	}
	*err = init_start();
	if (*err)
		return NULL;
	c = sys_alloc(sizeof(*c) + bytes);
	if (!c) {
		*err = ENOMEM;
		return NULL;
	}
	c->elem_size = elem_size;
	c->capacity = capacity;
	return c;
}

stint_chan_t *stint_chan_create(size_t elem_size, size_t capacity)
{
	struct stint *s = self();
	int saved = errno, err;
	stint_chan_t *c;

	park_begin(s);
	c = create(elem_size, capacity, &err);
	park_end(s, caller_address());
	errno = c ? saved : err;
	return c;
}

/* locked, also afterwards: selects that have been served elsewhere have been here. False: that takes more than @most turns. */
static bool await_selects(stint_chan_t *c, unsigned most)
{
	unsigned turns = 0;

	while (c->expected && turns < most) {
		spin_unlock(&c->senders.lock);
		spin_pause(&turns);
		spin_lock(&c->senders.lock);
	}
	return !c->expected;
}

/* false: in a forked child somebody may have it, or be expected, that is not there. So nothing waits here for long. */
static bool lock_to_free(stint_chan_t *c)
{
	unsigned turns = 0;

	while (!spin_trylock(&c->senders.lock)) {
		if (turns >= TURNS_TO_FREE)
			return false;
		spin_pause(&turns);
	}
	return true;
}

/* nobody waits nor comes; locked */
static bool is_left(stint_chan_t *c)
{
	chan_drop_served(c, &c->senders);
	chan_drop_served(c, &c->receivers);
	return !c->senders.first && !c->receivers.first && await_selects(c, TURNS_TO_FREE);
}

/* Somebody who waits would never be woken, nor could he leave: better the memory is lost. */
void stint_chan_free(stint_chan_t *c)
{
	struct stint *s = self();
	bool left;

	if (!c)
		return;
	park_begin(s);
	if (lock_to_free(c)) {
		left = is_left(c);
		spin_unlock(&c->senders.lock);
		if (left)
			sys_free(c);
	}
	park_end(s, caller_address());
}

/* locked; those who wait to receive find nothing left in the ring, or they would not wait */
static void end_waits(stint_chan_t *c, struct wait_list *woken)
{
	struct stint_waiter *w;

	while (w = chan_partner(c, &c->senders), w)
		chan_served(w, EPIPE, woken);
	while (w = chan_partner(c, &c->receivers), w) {
		chan_pass(c, w->data, NULL);
		chan_served(w, EPIPE, woken);
	}
	await_selects(c, UINT_MAX);     /* before anybody is woken, who may free it */
}

int stint_chan_close(stint_chan_t *c)
{
	struct stint *s = self();
	struct wait_list woken;
	bool was;

	if (!c)
		return EINVAL;
	wait_list_init(&woken);
	park_begin(s);
	spin_lock(&c->senders.lock);
	was = c->closed;
	if (!was) {
		c->closed = true;
		end_waits(c, &woken);
	}
	spin_unlock(&c->senders.lock);
	wait_list_wake(&woken);
	park_end(s, caller_address());
	return was ? EPIPE : 0;
}

size_t stint_chan_length(const stint_chan_t *c)
{
	return c ? __atomic_load_n(&c->count, __ATOMIC_RELAXED) : 0;
}

size_t stint_chan_capacity(const stint_chan_t *c)
{
	return c ? c->capacity : 0;
}
