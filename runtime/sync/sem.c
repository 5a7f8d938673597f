/*
 * sem.c - counting semaphores
 *
 * One word holds the count, whether somebody is queued (WAITED), and the lock of the queue (LOCKED). While
 * WAITED is not set, wait and post are one compare-and-swap each, without the lock; while it is, the count is
 * for those in the queue, in order.
 *
 * A post must neither wait for the lock, because it may come from a signal handler that interrupted the
 * holder, nor touch the semaphore after its compare-and-swap if whoever is woken by it may destroy it. Hence
 * the lock in the same word: finding it held, a post just counts; the holder lets go of the lock by a
 * compare-and-swap of that word, which tells it that there is something to hand out first. Finding it free,
 * it takes the lock in the same step as it counts, hands out, lets go, and only then wakes.
 *
 * Rejected: the queue's spin lock beside the count. A post then has to look at the one after having written
 * the other, and at that moment the waiter may have helped itself and be gone.
 */
#include <limits.h>

#include "../text.h"
#include "wait.h"

#define WAITED ((uint64_t)1 << 32)
#define LOCKED ((uint64_t)1 << 33)

static unsigned count_of(uint64_t state)
{
	return (unsigned)state;
}

/* all that anybody does to the word; on failure @old is what it is */
static inline bool change(stint_sem_t *s, uint64_t *old, uint64_t new)
{
	fiber_release(s);
	if (!__atomic_compare_exchange_n(&s->state, old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	fiber_acquire(s);
	return true;
}

static inline uint64_t look(const stint_sem_t *s)
{
	return __atomic_load_n(&s->state, __ATOMIC_RELAXED);
}

/* one of the count, unless somebody has been waiting for it */
static inline bool take(stint_sem_t *s)
{
	uint64_t state = look(s);

	while (count_of(state) && !(state & WAITED))
		if (change(s, &state, state - 1))
			return true;
	return false;
}

/* --- under the lock ---------------------------------------------------------------------------- */

static void lock(void *object)
{
	stint_sem_t *s = object;
	uint64_t state = look(s);
	unsigned turns = 0;

	while ((state & LOCKED) || !change(s, &state, state | LOCKED)) {
		spin_pause(&turns);
		state = look(s);
	}
}

/*
 * None was taken (waiter_take()): a handler must not wait for one that gives up, which it may have interrupted; nor need it. Of
 * those that are served none knows of the others, so none can know that it may free what they wait at.
 */
static void wake(struct wait_list *woken)
{
	bool insig = park_insig();
	struct stint_waiter *next;

	for (struct stint_waiter *w = woken->first; w; w = next) {
		next = w->next;         /* it is gone once it is woken */
		if (unlikely(insig))
			unpark_insig(w);
		else
			unpark(w);
	}
}

static unsigned serve(stint_sem_t *s, unsigned n, struct wait_list *woken)
{
	unsigned served = 0;

	for (; served < n && s->waiters.first; served++)
		wait_list_append(woken, waitq_take(&s->waiters), 0);
	return served;
}

/*
 * Hand out what has been counted, say whether somebody still waits, and let go of the lock, in one step.
 * Where somebody has just come who waits, WAITED may not be set yet: then others take from the count as well,
 * and it must be set before anything is handed out.
 */
static void unlock(void *object)
{
	stint_sem_t *s = object;
	uint64_t state = look(s), next;
	unsigned served = 0;
	struct wait_list woken;

	wait_list_init(&woken);
	for (;;) {
		if (state & WAITED)
			served += serve(s, count_of(state) - served, &woken);
		next = (state - served) & ~(WAITED | LOCKED);
		if (s->waiters.first)
			next |= (state & WAITED) || !count_of(state) ? WAITED : WAITED | LOCKED;
		if (!change(s, &state, next))
			continue;
		if (!(next & LOCKED))
			break;
		state = next;
	}
	if (woken.first)
		wake(&woken);
}

static int enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	(void)w;
	(void)woken;
	return take(object) ? 0 : MUST_WAIT;
}

static const struct wait_class sem_class = { PARK_SEM, enter, NULL, lock, unlock };

static __attribute__((noinline)) int wait_for_one(stint_sem_t *s, stint_ns timeout, const void *caller)
{
	struct wait wait;

	return wait_visit(&wait, &sem_class, s, &s->waiters, NULL, timeout, caller);
}

/* --- the public functions ---------------------------------------------------------------------- */

STINT_OPEN_TEXT int stint_sem_wait(stint_sem_t *s)
{
	if (unlikely(!s))
		return EINVAL;
	return likely(take(s)) ? 0 : wait_for_one(s, STINT_FOREVER, caller_address());
}

STINT_OPEN_TEXT int stint_sem_trywait(stint_sem_t *s)
{
	if (unlikely(!s))
		return EINVAL;
	return take(s) ? 0 : EAGAIN;
}

STINT_OPEN_TEXT int stint_sem_wait_timed(stint_sem_t *s, stint_ns timeout)
{
	if (timeout < 0 || unlikely(!s))
		return EINVAL;
	return likely(take(s)) ? 0 : wait_or(wait_for_one(s, timeout, caller_address()), ETIMEDOUT);
}

/* preemption disabled, since it may take the lock */
static int post_nopreempt(stint_sem_t *s)
{
	uint64_t state = look(s);
	bool mine;

	do {
		if (count_of(state) == INT_MAX)
			return EOVERFLOW;
		mine = (state & (WAITED | LOCKED)) == WAITED;
	} while (!change(s, &state, (state + 1) | (mine ? LOCKED : 0)));
	if (mine)
		unlock(s);
	return 0;
}

static __attribute__((noinline)) int post_waited(stint_sem_t *s, const void *caller)
{
	struct stint *stint = self();
	int r;

	park_begin(stint);
	r = post_nopreempt(s);
	park_end(stint, caller);
	return r;
}

STINT_OPEN_TEXT int stint_sem_post(stint_sem_t *s)
{
	uint64_t state;

	if (unlikely(!s))
		return EINVAL;
	state = look(s);
	while (likely(!(state & WAITED) && count_of(state) < INT_MAX))
		if (change(s, &state, state + 1))
			return 0;
	return post_waited(s, caller_address());
}

int stint_sem_init(stint_sem_t *s, unsigned value)
{
	if (!s || value > INT_MAX)
		return EINVAL;
	*s = (stint_sem_t)STINT_SEM_INIT(value);
	return 0;
}

unsigned stint_sem_value(const stint_sem_t *s)
{
	return s ? count_of(look(s)) : 0;
}

int stint_sem_destroy(stint_sem_t *s)
{
	if (!s)
		return EINVAL;
	return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) & WAITED ? EBUSY : 0;
}
