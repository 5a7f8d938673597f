/*
 * cond.c - condition variables
 *
 * A signal does not wake: it moves the waiter from this queue to the mutex's, or gives it the mutex if that
 * is free. So whoever returns from park() without an error has been signalled and holds the mutex, a
 * broadcast wakes one at a time, each when the mutex is its own, and nobody wakes only to wait again.
 *
 *      in our queue --- signal: mutex_hand_over() ---> in the mutex's queue --- unlock ---> holds it, woken
 *           |                                                |
 *           +-- ETIMEDOUT, EINTR: out; lock the mutex        +-- ETIMEDOUT: too late, waits on in its place
 *                                                            +-- EINTR: out; the signal is passed on; lock the mutex
 *
 * Where it is can be told under the lock of the mutex's queue (kind): a signal holds ours until it has that.
 * Once that is unlocked it touches neither, for the one it moved may be the next to return and destroy both. Nor
 * does the one it moved touch ours then, even if its time is up while it waits for the mutex: who broadcasts
 * may destroy the condition variable at once. Hence it looks under the lock of the mutex, which stays until it
 * has returned, and only tries ours, which comes before that in the order. But a signal that it passes on goes
 * by way of our queue: where others waited when it was signalled, and only there.
 *
 * One that is stopped (EINTR) holds nothing and is in no queue, so signals meanwhile go to others. What it
 * was waiting for may be true when it comes back: it returns, as from a signal that was not meant for it. And
 * if it never comes back, no signal is lost with it.
 *
 * Lock order: ours, then the mutex's.
 */
#include "../text.h"
#include "mutex.h"

/* Kind of a waiter; under the lock of the mutex's queue. SIGNALLED: others waited behind it. */
enum { QUEUED, SIGNALLED, SERVED };

/* Whoever changed the condition with the mutex locked sees those who began to wait before. */
static bool waited_for(const stint_cond_t *c)
{
	return __atomic_load_n(&c->waiters.n, __ATOMIC_RELAXED);
}

/* the first in the queue, or all, wait for the mutex from now on */
static void move_nopreempt(stint_cond_t *c, int kind)
{
	struct wait_list moved;
	struct stint_waiter *w;

	wait_list_init(&moved);
	spin_lock(&c->waiters.lock);
	while (w = waitq_take(&c->waiters), w) {
		wait_list_append(&moved, w, 0);
		if (kind == SIGNALLED)
			break;
	}
	if (!c->waiters.first)
		kind = SERVED;
	if (moved.first)
		mutex_hand_over(c->mutex, &moved, kind, &c->waiters.lock);
	else
		spin_unlock(&c->waiters.lock);
}

static int join_queue(stint_cond_t *c, stint_mutex_t *m, struct stint *s, struct stint_waiter *w)
{
	bool other;

	spin_lock(&c->waiters.lock);
	other = c->waiters.first && c->mutex != m;
	if (!other) {
		c->mutex = m;
		waiter_init(w, s, PARK_COND, c);
		w->kind = QUEUED;
		waitq_add(&c->waiters, w);
	}
	spin_unlock(&c->waiters.lock);
	return other ? EINVAL : 0;
}

/* with the lock of the mutex's queue; if QUEUED with ours, too: then it is in our queue */
static int lock_place(stint_cond_t *c, stint_mutex_t *m, const struct stint_waiter *w)
{
	unsigned turns = 0;

	for (;;) {
		spin_lock(&m->waiters.lock);
		if (w->kind != QUEUED || spin_trylock(&c->waiters.lock))
			return w->kind;
		spin_unlock(&m->waiters.lock);
		spin_pause(&turns);
	}
}

/* what it was when the wait ended; QUEUED: it is not in our queue any more */
static int leave_queue(stint_cond_t *c, stint_mutex_t *m, struct stint_waiter *w)
{
	int kind = lock_place(c, m, w);

	if (kind == QUEUED) {
		waitq_remove(&c->waiters, w);
		spin_unlock(&c->waiters.lock);
	}
	spin_unlock(&m->waiters.lock);
	return kind;
}

/* parked, signalled or not, with the mutex given up; returns with it */
static int sleep_until(stint_cond_t *c, stint_mutex_t *m, struct stint *s, struct stint_waiter *w,
		       uint64_t deadline, const void *caller)
{
	int kind, r;

	for (;;) {
		r = park(s, w, deadline);
		if (r == 0)
			return 0;
		kind = leave_queue(c, m, w);
		if (kind == QUEUED)
			break;
		if (r == EINTR ? !mutex_leave(m, w) : !mutex_stay(m, s, w)) {
			park_taken(w);
			return 0;
		}
		if (r == EINTR) {
			if (kind == SIGNALLED)
				move_nopreempt(c, SIGNALLED);
			break;
		}
		deadline = NEVER;
	}
	if (r == EINTR)
		park_stop(s, caller);
	mutex_lock_nopreempt(m, caller);
	return r == EINTR ? 0 : r;
}

static int wait_for_signal(stint_cond_t *c, stint_mutex_t *m, stint_ns timeout, const void *caller)
{
	struct stint *s = self();
	struct stint_waiter w;
	uint64_t deadline;
	int r;

	if (!mutex_held_by(m, park_identity()))
		return EPERM;
	deadline = wait_deadline(s, timeout);
	park_begin(s);
	r = join_queue(c, m, s, &w);
	if (!r) {
		mutex_unlock_nopreempt(m);
		r = sleep_until(c, m, s, &w, deadline, caller);
		mutex_arrived(m);
	}
	park_end(s, caller);
	return r;
}

int stint_cond_wait(stint_cond_t *c, stint_mutex_t *m)
{
	return c && m ? wait_for_signal(c, m, STINT_FOREVER, caller_address()) : EINVAL;
}

int stint_cond_wait_timed(stint_cond_t *c, stint_mutex_t *m, stint_ns timeout)
{
	return timeout < 0 || !c || !m ? EINVAL : wait_for_signal(c, m, timeout, caller_address());
}

static __attribute__((noinline)) void move(stint_cond_t *c, int kind, const void *caller)
{
	struct stint *s = self();

	park_begin(s);
	move_nopreempt(c, kind);
	park_end(s, caller);
}

STINT_OPEN_TEXT int stint_cond_signal(stint_cond_t *c)
{
	if (unlikely(!c))
		return EINVAL;
	if (waited_for(c))
		move(c, SIGNALLED, caller_address());
	return 0;
}

STINT_OPEN_TEXT int stint_cond_broadcast(stint_cond_t *c)
{
	if (unlikely(!c))
		return EINVAL;
	if (waited_for(c))
		move(c, SERVED, caller_address());
	return 0;
}

int stint_cond_destroy(stint_cond_t *c)
{
	return c ? wait_destroy(&c->waiters, caller_address()) : EINVAL;
}
