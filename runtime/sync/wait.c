/*
 * wait.c - the loop of whoever waits (wait.h): the part in which it does
 */
#include "../init.h"
#include "wait.h"

/*
 * The clock has its rate only when the library has started, and a point in time must not outlive a change of
 * its unit. Where the library cannot start the clock stays as it is.
 */
uint64_t wait_deadline(struct stint *s, stint_ns span)
{
	if (span == STINT_FOREVER)
		return NEVER;
	if (!s)
		init_start();
	return park_deadline(span);
}

int wait_destroy(struct stint_waitq *queue, const void *caller)
{
	struct stint *s = self();
	bool busy;

	park_begin(s);
	spin_lock(&queue->lock);
	busy = queue->first;
	spin_unlock(&queue->lock);
	park_end(s, caller);
	return busy ? EBUSY : 0;
}

/* locked at first, not afterwards */
static void leave(struct wait *wait)
{
	struct wait_list woken;

	wait_list_init(&woken);
	if (wait->class->leave)
		wait->class->leave(wait->object, &wait->w, &woken);
	wait_unlock(wait->class, wait->object, wait->lock);
	wait_list_wake(&woken);
}

/* out of the queue with nothing; false: it has been served, a moment ago */
static __attribute__((noinline)) bool give_up(struct wait *wait)
{
	wait_lock(wait->class, wait->object, wait->lock);
	if (waitq_has(wait->queue, &wait->w)) {
		waitq_remove(wait->queue, &wait->w);
		leave(wait);
		return true;
	}
	wait_unlock(wait->class, wait->object, wait->lock);
	park_taken(&wait->w);
	return false;
}

/* one turn in the queue; locked at first, not afterwards */
static inline int turn(struct wait *wait, uint64_t deadline)
{
	int r;

	waiter_init(&wait->w, wait->s, wait->class->reason, wait->object);
	waitq_add(wait->queue, &wait->w);
	wait_unlock(wait->class, wait->object, wait->lock);
	r = park(wait->s, &wait->w, deadline);
	return unlikely(r) && give_up(wait) ? r : wait->w.result;
}

/* as in wait_nopreempt(): the lock is held afterwards when the answer is MUST_WAIT */
static int enter_again(struct wait *wait)
{
	struct wait_list woken;
	int r;

	wait_list_init(&woken);
	wait_lock(wait->class, wait->object, wait->lock);
	r = wait->class->enter(wait->object, &wait->w, &woken);
	if (r == MUST_WAIT)
		return r;
	wait_unlock(wait->class, wait->object, wait->lock);
	wait_list_wake(&woken);
	return r;
}

/* turn after turn, with stops in between */
static __attribute__((noinline)) int turns(struct wait *wait, uint64_t deadline, int r)
{
	for (;;) {
		if (r == EINTR) {
			park_stop(wait->s, wait->caller);
			r = enter_again(wait);
		}
		if (r != MUST_WAIT)
			return r;
		r = turn(wait, deadline);
	}
}

static __attribute__((noinline)) int timed(struct wait *wait)
{
	uint64_t deadline;

	leave(wait);
	deadline = wait_deadline(wait->s, wait->timeout);
	return turns(wait, deadline, enter_again(wait));
}

int wait_slow(struct wait *wait)
{
	int r;

	if (unlikely(wait->timeout != STINT_FOREVER))
		return timed(wait);
	r = turn(wait, NEVER);
	return likely(r != EINTR) ? r : turns(wait, NEVER, r);
}
