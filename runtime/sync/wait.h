/*
 * wait.h - the loop of whoever waits, written once
 *
 * An object is some words and one or two queues of waiters, all protected by one spin lock. What makes it a
 * mutex or a channel is what it says to two questions (struct wait_class), asked under that lock: may this
 * one go on? And when one leaves the queue with nothing: who else may, now?
 *
 *      wait_visit --> enter() --> 0 or an error: done
 *                     |
 *                 MUST_WAIT: in the queue, park() ----> served: whoever took it out of the queue left its result in it
 *                     ^                              |
 *                     |                              +--> ETIMEDOUT: out of the queue, leave(): done
 *                     |                              |
 *                     +-- park_stop() <--------------+--> EINTR: out of the queue, leave()
 *
 * So whoever is stopped (the deadline of a call, a cancel) holds no place and no lock meanwhile: what never comes
 * back leaves nothing behind, and what does is last in the queue again. Its own deadline is a point in time,
 * so being stopped does not prolong it. Served and stopped at once is served.
 *
 * Whoever serves takes them (waiter_take()) from the queue onto a wait_list, lets go of the lock, and then wakes
 * them. From there on it does not touch the object, nor does any of them: those that were about to give up, and
 * want the lock for that, have had it before the first is woken. So the object may be destroyed by whoever of
 * them returns first, or by who has served them.
 *
 * Lock order: a condition variable's before its mutex's; channels by address (select.c). Nothing else nests.
 * Not in signal context, but for a semaphore's post.
 */
#ifndef STINT_WAIT_H
#define STINT_WAIT_H

#include "../park.h"

/* for what is to be straight code where it is given constants */
#define WAIT_INLINE static inline __attribute__((always_inline))

/* waiters that have been taken out of their queues, in order; linked by next */
struct wait_list {
	struct stint_waiter *first, *last;
	bool leaving;                   /* some were about to give up */
};

static inline void wait_list_init(struct wait_list *l)
{
	l->first = l->last = NULL;
	l->leaving = false;
}

/* @w, out of its queue, is not taken: it is woken by unpark(), or waits for something else from now on */
WAIT_INLINE void wait_list_append(struct wait_list *l, struct stint_waiter *w, int result)
{
	w->result = result;
	w->next = NULL;
	if (l->last)
		l->last->next = w;
	else
		l->first = w;
	l->last = w;
}

/* @w, out of its queue, has been served. Locked. */
WAIT_INLINE void wait_list_add(struct wait_list *l, struct stint_waiter *w, int result)
{
	wait_list_append(l, w, result);
	if (unlikely(waiter_take(w)))
		l->leaving = true;
}

/* those that have been served, without the lock */
WAIT_INLINE void wait_list_wake(struct wait_list *l)
{
	struct stint_waiter *w, *next;

	for (w = l->leaving ? l->first : NULL; unlikely(w != NULL); w = w->next)
		waiter_await(w);
	for (w = l->first; w; w = next) {
		next = w->next;         /* it is gone once it is woken */
		unpark_taken(w);
	}
}

/* all who wait have been served */
static inline void wait_list_take_all(struct wait_list *l, struct stint_waitq *q, int result)
{
	struct stint_waiter *w;

	while (w = waitq_take(q), w)
		wait_list_add(l, w, result);
}

#define MUST_WAIT (-2)          /* no errno value, nor STINT_BARRIER_LAST */

struct wait_class {
	enum park_reason reason;
	/*
	 * Locked. 0: the object is @w's, as @w->kind, data and id say; MUST_WAIT, and nobody woken; else it
	 * is refused with that.
	 */
	int (*enter)(void *object, struct stint_waiter *w, struct wait_list *woken);
	/*
	 * Locked, or NULL. @w was told to wait, and gives up: undo what enter() did; serve those who waited
	 * behind @w only.
	 */
	void (*leave)(void *object, struct stint_waiter *w, struct wait_list *woken);
	/* Or both NULL: the object has a spin lock, wait->lock. */
	void (*lock)(void *object);
	void (*unlock)(void *object);
};

/*
 * Somebody's visit to an object; on its stack. Only w's kind, data and id, the request, are filled in before
 * it has to wait.
 */
struct wait {
	const struct wait_class *class;
	void *object;
	struct stint_waitq *queue;
	int *lock;                      /* of the object; not used where the class has one */
	struct stint *s;                /* self() */
	const void *caller;             /* of the public function */
	stint_ns timeout;               /* 0: MUST_WAIT is the answer */
	struct stint_waiter w;
};

/*
 * EBUSY if somebody is in @queue, whose object is to be destroyed. Under the lock: who has just left, its time being up, may be about to
 * let go of that.
 */
int wait_destroy(struct stint_waitq *queue, const void *caller);

/* The slow half of a visit: enter() said MUST_WAIT and the lock is held. Preemption disabled. */
int wait_slow(struct wait *wait);

/*
 * A point in time from a span, whether the library has been started or not. Preemption enabled, or in a call.
 */
uint64_t wait_deadline(struct stint *s, stint_ns span);

WAIT_INLINE void wait_lock(const struct wait_class *class, void *object, int *lock)
{
	if (class->lock)
		class->lock(object);
	else
		spin_lock(lock);
}

WAIT_INLINE void wait_unlock(const struct wait_class *class, void *object, int *lock)
{
	if (class->unlock)
		class->unlock(object);
	else
		spin_unlock(lock);
}

/*
 * Visit @object. Preemption disabled, once. Everything comes as an argument, and @wait is not written before
 * it is needed, so that with a constant class a visit that need not wait is straight code.
 */
WAIT_INLINE int wait_nopreempt(struct wait *wait, const struct wait_class *class, void *object,
			       struct stint_waitq *queue, int *lock, struct stint *s, stint_ns timeout,
			       const void *caller)
{
	struct wait_list woken;
	int r;

	wait_list_init(&woken);
	wait_lock(class, object, lock);
	r = class->enter(object, &wait->w, &woken);
	if (r == MUST_WAIT && timeout) {
		wait->class = class;
		wait->object = object;
		wait->queue = queue;
		wait->lock = lock;
		wait->s = s;
		wait->timeout = timeout;
		wait->caller = caller;
		return wait_slow(wait);
	}
	if (r == MUST_WAIT && class->leave)
		class->leave(object, &wait->w, &woken);
	wait_unlock(class, object, lock);
	wait_list_wake(&woken);
	return r;
}

/* The whole of a public function that may wait. MUST_WAIT only with a timeout of 0. */
WAIT_INLINE int wait_visit(struct wait *wait, const struct wait_class *class, void *object,
			   struct stint_waitq *queue, int *lock, stint_ns timeout, const void *caller)
{
	struct stint *s = self();
	int r;

	park_begin(s);
	r = wait_nopreempt(wait, class, object, queue, lock, s, timeout, caller);
	park_end(s, caller);
	return r;
}

/* the answer for one that must wait and may not */
static inline int wait_or(int r, int err)
{
	return r == MUST_WAIT ? err : r;
}

#endif
