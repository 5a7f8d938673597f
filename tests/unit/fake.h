/*
 * fake.h - waiters that nobody waits in: they are put into queues by hand, and show what is done to them
 */
#ifndef FAKE_H
#define FAKE_H

#include <pthread.h>
#include <sched.h>

#include "park.h"
#include "thread.h"

#define ID(n) ((uintptr_t)(n) << 12)    /* of whoever the n-th is */

static inline void fake(struct stint_waiter *w, struct stint_waitq *q, unsigned n, int kind, void *data)
{
	waiter_init(w, NULL, PARK_OTHER, q);
	w->id = ID(n);
	w->kind = kind;
	w->data = data;
	w->result = -99;
	waitq_add(q, w);
}

/* it is about to give up: it goes for the object's lock, and does not know what has happened meanwhile */
static inline void fake_late(struct stint_waiter *w, struct stint_waitq *q, unsigned n, int kind, void *data)
{
	fake(w, q, n, kind, data);
	w->state = PARK_NOT;
}

static inline int state_now(const struct stint_waiter *w)
{
	return __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);
}

struct serving {
	void *(*serve)(void *object);
	void *object;
	int over;
};

static inline void *fake_serves(void *arg)
{
	struct serving *s = arg;

	s->serve(s->object);
	__atomic_store_n(&s->over, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Have another thread serve @late, which gives up, and @other (NULL: nobody). Until @late has had the lock, that one is not over, and @other
 * not woken.
 */
static inline void serve_late(void *(*serve)(void *object), void *object, int *lock, struct stint_waiter *late,
			      const struct stint_waiter *other)
{
	struct serving s = { serve, object, 0 };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, fake_serves, &s), 0);
	while (state_now(late) == PARK_NOT)
		sched_yield();
	for (int i = 0; i < 100; i++) {
		sched_yield();
		ck_assert_int_eq(state_now(late), PARK_TAKEN);
		ck_assert_int_eq(__atomic_load_n(&s.over, __ATOMIC_ACQUIRE), 0);
		ck_assert(!other || state_now(other) == PARK_TAKEN);
	}
	spin_lock(lock);                /* which must be free */
	spin_unlock(lock);
	park_taken(late);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(state_now(late), PARK_WOKEN);
	ck_assert(!other || state_now(other) == PARK_WOKEN);
}

static inline bool is_woken(const struct stint_waiter *w)
{
	return w->state == PARK_WOKEN;
}

#endif
