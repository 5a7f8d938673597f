/*
 * mutex.c - mutual exclusion
 *
 * The owner word is 0, or the identity of who holds it, with bit 0 set when somebody is queued, and bit 1 while who has been given the
 * mutex has not run since. Taking a free mutex and giving back one that nobody waits for is one compare-and-swap each. With bit 0 set everything
 * goes by the queue's lock:
 *
 *   - bit 0 is set exactly when the queue is not empty, but for moments within the lock. So it is never free
 *     and waited for.
 *   - Unlocking hands it to the first in the queue, which holds it before it knows. Nobody overtakes, so nobody
 *     starves; the price is that under contention each lock costs a switch. Before somebody queues it therefore
 *     looks for a moment whether the mutex comes free, where the holder may be running meanwhile (not with bit 1) and nobody is
 *     queued who came first.
 *   - The word is given up in the last access to the mutex, or the queue's lock is, before the next holder is
 *     woken. So whoever gets it may destroy it and free its memory.
 *
 * On the fast paths preemption is not disabled. A tick before the compare-and-swap finds a thread that has
 * not begun; after it, one that holds the mutex, or no longer does, exactly as if it had already returned.
 * The identity read before is the thread's own wherever it goes on, and the word is one word. One that is
 * cancelled there holds it, as the header says.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "../sys.h"
#include "../text.h"
#include "../thread.h"
#include "../worker.h"
#include "mutex.h"

#define LOOKS 30

/* locked: @id, an identity, perhaps with MUTEX_HANDED, has it, if it is free; else it is marked as waited for */
static bool take_or_mark(stint_mutex_t *m, uintptr_t id)
{
	uintptr_t owner = __atomic_load_n(&m->owner, __ATOMIC_RELAXED), next;

	do {
		if (owner & MUTEX_WAITED)
			return false;
		next = owner ? owner | MUTEX_WAITED : id;
	} while (!__atomic_compare_exchange_n(&m->owner, &owner, next, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	if (!owner)
		fiber_acquire(m);
	return !owner;
}

static int take(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	(void)woken;
	if (mutex_held_by(object, w->id))
		return EDEADLK;
	return take_or_mark(object, w->id) ? 0 : MUST_WAIT;
}

static void left(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	stint_mutex_t *m = object;

	(void)w;
	(void)woken;
	if (!m->waiters.first)
		__atomic_and_fetch(&m->owner, ~MUTEX_WAITED, __ATOMIC_RELAXED);
}

static const struct wait_class mutex_class = { PARK_MUTEX, take, left, NULL, NULL };

static bool take_free(stint_mutex_t *m, uintptr_t id)
{
	uintptr_t owner = 0;

	if (!__atomic_compare_exchange_n(&m->owner, &owner, id, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	fiber_acquire(m);
	return true;
}

/*
 * How often it is worth looking before one queues: only where the holder may be running meanwhile, on another
 * CPU. About as long as parking and being woken takes.
 */
static int looks(void)
{
	static int n = -1;      /* relaxed: whoever computes it finds the same */
	int looks = __atomic_load_n(&n, __ATOMIC_RELAXED);
	struct stint *s = self();

	if (s && nworkers == 1 && thread_running(s))
		return 0;       /* whoever holds it is a thread of the same worker, or likely to be */
	if (unlikely(looks < 0)) {
		cpu_set_t cpus;
		long r = sys_raw(SYS_sched_getaffinity, 0, sizeof(cpus), &cpus, 0);

		looks = r > 0 && CPU_COUNT_S((size_t)r, &cpus) == 1 ? 0 : LOOKS;
		__atomic_store_n(&n, looks, __ATOMIC_RELAXED);
	}
	return looks;
}

/* held by another: is it about to be given back? false as soon as there is a queue, or if that one does not run yet */
static bool take_soon(stint_mutex_t *m, uintptr_t id)
{
	for (int i = looks(); i > 0; i--) {
		uintptr_t owner = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);

		if (!owner && take_free(m, id))
			return true;
		if (owner & MUTEX_BITS)
			return false;
		arch_relax();
	}
	return false;
}

static __attribute__((noinline)) int lock_slow(stint_mutex_t *m, uintptr_t id, stint_ns timeout,
					       const void *caller)
{
	struct wait wait;
	int r;

	if (timeout && !mutex_held_by(m, id) && take_soon(m, id))
		return 0;
	wait.w.id = id;
	r = wait_visit(&wait, &mutex_class, m, &m->waiters, &m->waiters.lock, timeout, caller);
	if (r == 0)
		mutex_arrived(m);
	return r;
}

/* --- with preemption disabled ------------------------------------------------------------------ */

int mutex_lock_nopreempt(stint_mutex_t *m, const void *caller)
{
	struct wait wait;
	int r;

	wait.w.id = park_identity();
	r = wait_nopreempt(&wait, &mutex_class, m, &m->waiters, &m->waiters.lock, self(), STINT_FOREVER, caller);
	if (r == 0)
		mutex_arrived(m);
	return r;
}

int mutex_unlock_nopreempt(stint_mutex_t *m)
{
	uintptr_t me = park_identity(), owner = me;
	struct stint_waiter *w;

	fiber_release(m);
	while (!__atomic_compare_exchange_n(&m->owner, &owner, 0, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED)) {
		if ((owner & ~MUTEX_BITS) != me)
			return EPERM;
		if (!(owner & MUTEX_WAITED))
			continue;
		spin_lock(&m->waiters.lock);
		w = waitq_take(&m->waiters);
		if (w)
			__atomic_store_n(&m->owner, w->id | MUTEX_HANDED | (m->waiters.first ? MUTEX_WAITED : 0),
					 __ATOMIC_RELEASE);
		spin_unlock(&m->waiters.lock);
		if (w) {
			w->result = 0;
			unpark(w);
			return 0;
		}
		owner = me;     /* the last one in the queue has given up */
	}
	return 0;
}

void mutex_hand_over(stint_mutex_t *m, struct wait_list *moved, int kind, int *lock)
{
	struct stint_waiter *next, *holder = NULL;

	spin_lock(&m->waiters.lock);
	spin_unlock(lock);
	for (struct stint_waiter *w = moved->first; w; w = next) {
		next = w->next;
		w->kind = kind;
		if (take_or_mark(m, w->id | MUTEX_HANDED)) {
			holder = w;
		} else {
			waiter_moved(w, PARK_MUTEX, m);
			waitq_add(&m->waiters, w);
		}
	}
	spin_unlock(&m->waiters.lock);
	if (holder)
		unpark(holder);
}

bool mutex_leave(stint_mutex_t *m, struct stint_waiter *w)
{
	bool queued;

	spin_lock(&m->waiters.lock);
	queued = waitq_has(&m->waiters, w);
	if (queued) {
		waitq_remove(&m->waiters, w);
		left(m, w, NULL);
	}
	spin_unlock(&m->waiters.lock);
	return queued;
}

bool mutex_stay(stint_mutex_t *m, struct stint *s, struct stint_waiter *w)
{
	bool queued;

	spin_lock(&m->waiters.lock);
	queued = waitq_has(&m->waiters, w);
	if (queued)
		waiter_again(w, s);
	spin_unlock(&m->waiters.lock);
	return queued;
}

/* --- the public functions ---------------------------------------------------------------------- */

/* Lock and unlock are so short that it matters how they lie in memory: across two lines, either costs a tenth more. */
#define ON_ONE_LINE __attribute__((aligned(64)))

STINT_OPEN_TEXT ON_ONE_LINE int stint_mutex_lock(stint_mutex_t *m)
{
	uintptr_t me = park_identity();

	if (unlikely(!m))
		return EINVAL;
	return likely(take_free(m, me)) ? 0 : lock_slow(m, me, STINT_FOREVER, caller_address());
}

STINT_OPEN_TEXT int stint_mutex_lock_timed(stint_mutex_t *m, stint_ns timeout)
{
	uintptr_t me = park_identity();

	if (timeout < 0 || unlikely(!m))
		return EINVAL;
	return likely(take_free(m, me)) ? 0 : wait_or(lock_slow(m, me, timeout, caller_address()), ETIMEDOUT);
}

STINT_OPEN_TEXT int stint_mutex_trylock(stint_mutex_t *m)
{
	if (unlikely(!m))
		return EINVAL;
	return take_free(m, park_identity()) ? 0 : EBUSY;
}

static __attribute__((noinline)) int unlock_slow(stint_mutex_t *m, const void *caller)
{
	struct stint *s = self();
	int r;

	park_begin(s);
	r = mutex_unlock_nopreempt(m);
	park_end(s, caller);
	return r;
}

STINT_OPEN_TEXT ON_ONE_LINE int stint_mutex_unlock(stint_mutex_t *m)
{
	uintptr_t owner = park_identity();

	if (unlikely(!m))
		return EINVAL;
	fiber_release(m);
	if (likely(__atomic_compare_exchange_n(&m->owner, &owner, 0, false, __ATOMIC_RELEASE,
					       __ATOMIC_RELAXED)))
		return 0;
	return unlock_slow(m, caller_address());
}

int stint_mutex_destroy(stint_mutex_t *m)
{
	if (!m)
		return EINVAL;
	return __atomic_load_n(&m->owner, __ATOMIC_ACQUIRE) ? EBUSY : 0;
}
