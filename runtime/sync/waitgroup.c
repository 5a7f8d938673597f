/*
 * waitgroup.c - wait until a count is 0
 *
 * A waiter looks at the count under the lock, never beside it: so the one that counted down to 0 has let go
 * of the lock, and touches the object no more, when the waiter returns. It may lie on the waiter's stack.
 */
#include "wait.h"

static int enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	stint_waitgroup_t *g = object;

	(void)w;
	(void)woken;
	return g->count ? MUST_WAIT : 0;
}

static const struct wait_class waitgroup_class = { PARK_WAITGROUP, enter, NULL, NULL, NULL };

static int wait_for_zero(stint_waitgroup_t *g, stint_ns timeout, const void *caller)
{
	struct wait wait;

	return wait_visit(&wait, &waitgroup_class, g, &g->waiters, &g->waiters.lock, timeout, caller);
}

int stint_waitgroup_wait(stint_waitgroup_t *g)
{
	return g ? wait_for_zero(g, STINT_FOREVER, caller_address()) : EINVAL;
}

int stint_waitgroup_wait_timed(stint_waitgroup_t *g, stint_ns timeout)
{
	return timeout < 0 || !g ? EINVAL : wait_or(wait_for_zero(g, timeout, caller_address()), ETIMEDOUT);
}

/* locked */
static int add(stint_waitgroup_t *g, long n, struct wait_list *woken)
{
	long count;

	if (__builtin_add_overflow(g->count, n, &count))
		return EOVERFLOW;
	if (count < 0)
		return EINVAL;
	g->count = count;
	if (!count)
		wait_list_take_all(woken, &g->waiters, 0);
	return 0;
}

static int add_unlocked(stint_waitgroup_t *g, long n, const void *caller)
{
	struct stint *s = self();
	struct wait_list woken;
	int r;

	wait_list_init(&woken);
	park_begin(s);
	spin_lock(&g->waiters.lock);
	r = add(g, n, &woken);
	spin_unlock(&g->waiters.lock);
	wait_list_wake(&woken);
	park_end(s, caller);
	return r;
}

int stint_waitgroup_add(stint_waitgroup_t *g, long n)
{
	return g ? add_unlocked(g, n, caller_address()) : EINVAL;
}

int stint_waitgroup_done(stint_waitgroup_t *g)
{
	return g ? add_unlocked(g, -1, caller_address()) : EINVAL;
}

int stint_waitgroup_destroy(stint_waitgroup_t *g)
{
	return g ? wait_destroy(&g->waiters, caller_address()) : EINVAL;
}
