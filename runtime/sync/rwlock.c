/*
 * rwlock.c - many readers or one writer
 *
 * First come, first served: whoever finds somebody queued queues behind. A queue that waits for readers
 * begins with a writer, which is how a writer keeps later readers out; when it is served, or gives up, all
 * readers up to the next writer go on together.
 */
#include "wait.h"

enum { READ, WRITE };           /* kind of a waiter */

/* locked: @w has it, if it is free for that */
static bool take(stint_rwlock_t *l, const struct stint_waiter *w)
{
	if (l->writer || (w->kind == WRITE ? l->readers : l->readers == UINT32_MAX))
		return false;
	if (w->kind == WRITE)
		l->writer = w->id;
	else
		l->readers++;
	return true;
}

/* locked: those at the head of the queue who can go on */
static void serve(stint_rwlock_t *l, struct wait_list *woken)
{
	while (l->waiters.first && take(l, l->waiters.first))
		wait_list_add(woken, waitq_take(&l->waiters), 0);
}

static int enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	stint_rwlock_t *l = object;

	(void)woken;
	if (l->writer == w->id)
		return EDEADLK;
	if (!l->waiters.first && take(l, w))
		return 0;
	return w->kind == READ && l->readers == UINT32_MAX ? EAGAIN : MUST_WAIT;
}

static void leave(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	(void)w;
	serve(object, woken);
}

static const struct wait_class rwlock_class = { PARK_RWLOCK, enter, leave, NULL, NULL };

WAIT_INLINE int lock(stint_rwlock_t *l, int kind, stint_ns timeout, const void *caller)
{
	struct wait wait;

	wait.w.kind = kind;
	wait.w.id = park_identity();
	return wait_visit(&wait, &rwlock_class, l, &l->waiters, &l->waiters.lock, timeout, caller);
}

static int try(stint_rwlock_t *l, int kind, const void *caller)
{
	int r = lock(l, kind, 0, caller);

	return r == EDEADLK ? EBUSY : wait_or(r, EBUSY);
}

int stint_rwlock_rdlock(stint_rwlock_t *l)
{
	return l ? lock(l, READ, STINT_FOREVER, caller_address()) : EINVAL;
}

int stint_rwlock_wrlock(stint_rwlock_t *l)
{
	return l ? lock(l, WRITE, STINT_FOREVER, caller_address()) : EINVAL;
}

int stint_rwlock_tryrdlock(stint_rwlock_t *l)
{
	return l ? try(l, READ, caller_address()) : EINVAL;
}

int stint_rwlock_trywrlock(stint_rwlock_t *l)
{
	return l ? try(l, WRITE, caller_address()) : EINVAL;
}

int stint_rwlock_rdlock_timed(stint_rwlock_t *l, stint_ns timeout)
{
	return timeout < 0 || !l ? EINVAL : wait_or(lock(l, READ, timeout, caller_address()), ETIMEDOUT);
}

int stint_rwlock_wrlock_timed(stint_rwlock_t *l, stint_ns timeout)
{
	return timeout < 0 || !l ? EINVAL : wait_or(lock(l, WRITE, timeout, caller_address()), ETIMEDOUT);
}

/* locked; a lock for writing is its owner's, one for reading nobody's */
static int give_back(stint_rwlock_t *l, uintptr_t id)
{
	if (l->writer ? l->writer != id : !l->readers)
		return EPERM;
	if (l->writer)
		l->writer = 0;
	else
		l->readers--;
	return 0;
}

int stint_rwlock_unlock(stint_rwlock_t *l)
{
	struct stint *s = self();
	struct wait_list woken;
	int r;

	if (!l)
		return EINVAL;
	wait_list_init(&woken);
	park_begin(s);
	spin_lock(&l->waiters.lock);
	r = give_back(l, park_identity());
	if (!r)
		serve(l, &woken);
	spin_unlock(&l->waiters.lock);
	wait_list_wake(&woken);
	park_end(s, caller_address());
	return r;
}

int stint_rwlock_destroy(stint_rwlock_t *l)
{
	struct stint *s = self();
	bool busy;

	if (!l)
		return EINVAL;
	park_begin(s);
	spin_lock(&l->waiters.lock);
	busy = l->writer || l->readers;
	spin_unlock(&l->waiters.lock);
	park_end(s, caller_address());
	return busy ? EBUSY : 0;
}
