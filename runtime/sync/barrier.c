/*
 * barrier.c - wait until all have come
 *
 * The last to come takes the others out of the queue, so the next round may begin before they have woken. One
 * that gives up has not come; one that was stopped comes again.
 */
#include "wait.h"

static int enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	stint_barrier_t *b = object;

	(void)w;
	if (!b->count)
		return EINVAL;
	if (++b->present < b->count)
		return MUST_WAIT;
	b->present = 0;
	wait_list_take_all(woken, &b->waiters, 0);
	return STINT_BARRIER_LAST;
}

static void leave(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	stint_barrier_t *b = object;

	(void)w;
	(void)woken;
	b->present--;
}

static const struct wait_class barrier_class = { PARK_BARRIER, enter, leave, NULL, NULL };

static int wait_for_all(stint_barrier_t *b, stint_ns timeout, const void *caller)
{
	struct wait wait;

	return wait_visit(&wait, &barrier_class, b, &b->waiters, &b->waiters.lock, timeout, caller);
}

int stint_barrier_init(stint_barrier_t *b, unsigned count)
{
	if (!b || !count)
		return EINVAL;
	*b = (stint_barrier_t)STINT_BARRIER_INIT(count);
	return 0;
}

int stint_barrier_wait(stint_barrier_t *b)
{
	return b ? wait_for_all(b, STINT_FOREVER, caller_address()) : EINVAL;
}

int stint_barrier_wait_timed(stint_barrier_t *b, stint_ns timeout)
{
	return timeout < 0 || !b ? EINVAL : wait_or(wait_for_all(b, timeout, caller_address()), ETIMEDOUT);
}

int stint_barrier_destroy(stint_barrier_t *b)
{
	return b ? wait_destroy(&b->waiters, caller_address()) : EINVAL;
}
