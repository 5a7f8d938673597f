/*
 * rwlock.c - many readers or one writer
 *
 * First come, first served: whoever finds somebody queued queues behind. A queue that waits for readers
 * begins with a writer, which is how a writer keeps later readers out; when it is served, or gives up, all
 * readers up to the next writer go on together.
 *
 * One word says who has it: nobody (0), a writer (its identity), or so many readers; and with WAITED whether somebody is queued. While
 * that is not set, to lock and to unlock is one compare-and-swap each, without the queue's lock. While it is, the word changes only under
 * that lock. It is set exactly while the queue is not empty, but for moments within the lock; and so it is never free and waited for.
 *
 * For preemption on the fast paths, and for who may free it, see mutex.c: the word is given up in the last access to it, or the queue's
 * lock is, before those are woken who have it next.
 */
#include "../text.h"
#include "wait.h"

enum { READ, WRITE };           /* kind of a waiter */

#define WAITED      ((uintptr_t)1)
#define READERS     ((uintptr_t)2)      /* their number is in the bits from ONE_READER on */
#define ONE_READER  ((uintptr_t)8)
#define READERS_MAX (READERS + UINT32_MAX * ONE_READER)

/* @state, not waited for, after that one has locked it; 0: it cannot */
static inline uintptr_t entered(uintptr_t state, int kind, uintptr_t id)
{
	if (!state)
		return kind == WRITE ? id : READERS + ONE_READER;
	return kind == READ && (state & READERS) && state != READERS_MAX ? state + ONE_READER : 0;
}

/* ...after that one, or any reader, has unlocked it; a lock for writing is its owner's, one for reading nobody's. 0: it is free, */
#define NOT_HIS ((uintptr_t)-1)         /* or it is not his */
static inline uintptr_t unlocked(uintptr_t state, uintptr_t id)
{
	if (state & READERS)
		return state == READERS + ONE_READER ? 0 : state - ONE_READER;
	return state == id ? 0 : NOT_HIS;
}

static inline uintptr_t look(const stint_rwlock_t *l)
{
	return __atomic_load_n(&l->state, __ATOMIC_RELAXED);
}

static inline bool change(stint_rwlock_t *l, uintptr_t *old, uintptr_t new)
{
	return __atomic_compare_exchange_n(&l->state, old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* nobody waits for it, and it is free for that */
static inline bool take_free(stint_rwlock_t *l, int kind)
{
	uintptr_t id = park_identity(), state = look(l), next;

	while (!(state & WAITED) && (next = entered(state, kind, id)))
		if (change(l, &state, next)) {
			fiber_acquire(l);
			return true;
		}
	return false;
}

/* --- under the queue's lock -------------------------------------------------------------------- */

/* It was waited for, and is @state now: those at the head of the queue go on who can. */
static void serve(stint_rwlock_t *l, uintptr_t state, struct wait_list *woken)
{
	const struct stint_waiter *first;
	uintptr_t next;

	while ((first = l->waiters.first) && (next = entered(state, first->kind, first->id))) {
		state = next;
		wait_list_add(woken, waitq_take(&l->waiters), 0);
	}
	__atomic_store_n(&l->state, first ? state | WAITED : state, __ATOMIC_RELEASE);
}

static int enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	stint_rwlock_t *l = object;
	uintptr_t state = look(l), next;

	(void)woken;
	do {
		if ((state & ~WAITED) == w->id)
			return EDEADLK;
		if (w->kind == READ && (state & ~WAITED) == READERS_MAX)
			return EAGAIN;
		if (state & WAITED)
			return MUST_WAIT;
		next = entered(state, w->kind, w->id);
	} while (!change(l, &state, next ? next : state | WAITED));
	if (next)
		fiber_acquire(l);
	return next ? 0 : MUST_WAIT;
}

static void leave(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	(void)w;
	serve(object, look(object) & ~WAITED, woken);
}

static const struct wait_class rwlock_class = { PARK_RWLOCK, enter, leave, NULL, NULL };

static __attribute__((noinline)) int lock_slow(stint_rwlock_t *l, int kind, stint_ns timeout, const void *caller)
{
	struct wait wait;

	wait.w.kind = kind;
	wait.w.id = park_identity();
	return wait_visit(&wait, &rwlock_class, l, &l->waiters, &l->waiters.lock, timeout, caller);
}

/* with preemption disabled */
static int unlock_nopreempt(stint_rwlock_t *l, uintptr_t id)
{
	uintptr_t state = look(l), next;
	struct wait_list woken;

	wait_list_init(&woken);
	for (;;) {
		next = unlocked(state & ~WAITED, id);
		if (next == NOT_HIS)
			return EPERM;
		if (!(state & WAITED)) {
			if (change(l, &state, next))
				return 0;
			continue;
		}
		spin_lock(&l->waiters.lock);
		state = look(l);
		if (state & WAITED) {
			serve(l, unlocked(state & ~WAITED, id), &woken);
			spin_unlock(&l->waiters.lock);
			wait_list_wake(&woken);
			return 0;
		}
		spin_unlock(&l->waiters.lock);  /* the last one in the queue has given up */
	}
}

static __attribute__((noinline)) int unlock_slow(stint_rwlock_t *l, const void *caller)
{
	struct stint *s = self();
	int r;

	park_begin(s);
	r = unlock_nopreempt(l, park_identity());
	park_end(s, caller);
	return r;
}

static int try_slow(stint_rwlock_t *l, int kind, const void *caller)
{
	int r = lock_slow(l, kind, 0, caller);

	return r == EDEADLK ? EBUSY : wait_or(r, EBUSY);
}

/* --- the public functions ---------------------------------------------------------------------- */

STINT_OPEN_TEXT int stint_rwlock_rdlock(stint_rwlock_t *l)
{
	if (unlikely(!l))
		return EINVAL;
	return likely(take_free(l, READ)) ? 0 : lock_slow(l, READ, STINT_FOREVER, caller_address());
}

STINT_OPEN_TEXT int stint_rwlock_wrlock(stint_rwlock_t *l)
{
	if (unlikely(!l))
		return EINVAL;
	return likely(take_free(l, WRITE)) ? 0 : lock_slow(l, WRITE, STINT_FOREVER, caller_address());
}

STINT_OPEN_TEXT int stint_rwlock_tryrdlock(stint_rwlock_t *l)
{
	if (unlikely(!l))
		return EINVAL;
	return likely(take_free(l, READ)) ? 0 : try_slow(l, READ, caller_address());
}

STINT_OPEN_TEXT int stint_rwlock_trywrlock(stint_rwlock_t *l)
{
	if (unlikely(!l))
		return EINVAL;
	return likely(take_free(l, WRITE)) ? 0 : try_slow(l, WRITE, caller_address());
}

STINT_OPEN_TEXT int stint_rwlock_rdlock_timed(stint_rwlock_t *l, stint_ns timeout)
{
	if (timeout < 0 || unlikely(!l))
		return EINVAL;
	return likely(take_free(l, READ)) ? 0 : wait_or(lock_slow(l, READ, timeout, caller_address()), ETIMEDOUT);
}

STINT_OPEN_TEXT int stint_rwlock_wrlock_timed(stint_rwlock_t *l, stint_ns timeout)
{
	if (timeout < 0 || unlikely(!l))
		return EINVAL;
	return likely(take_free(l, WRITE)) ? 0 : wait_or(lock_slow(l, WRITE, timeout, caller_address()), ETIMEDOUT);
}

STINT_OPEN_TEXT int stint_rwlock_unlock(stint_rwlock_t *l)
{
	uintptr_t state, next;

	if (unlikely(!l))
		return EINVAL;
	fiber_release(l);
	state = look(l);
	while (!(state & WAITED) && (next = unlocked(state, park_identity())) != NOT_HIS)
		if (change(l, &state, next))
			return 0;
	return unlock_slow(l, caller_address());
}

/* Under the queue's lock: who has just given up may be about to let go of that. */
int stint_rwlock_destroy(stint_rwlock_t *l)
{
	struct stint *s = self();
	bool busy;

	if (!l)
		return EINVAL;
	park_begin(s);
	spin_lock(&l->waiters.lock);
	busy = __atomic_load_n(&l->state, __ATOMIC_ACQUIRE);
	spin_unlock(&l->waiters.lock);
	park_end(s, caller_address());
	return busy ? EBUSY : 0;
}
