/*
 * mutex.h - what condition variables need of mutexes
 */
#ifndef STINT_MUTEX_H
#define STINT_MUTEX_H

#include "wait.h"

#define MUTEX_WAITED ((uintptr_t)1)
#define MUTEX_HANDED ((uintptr_t)2)
#define MUTEX_BITS   (MUTEX_WAITED | MUTEX_HANDED)

static inline bool mutex_held_by(const stint_mutex_t *m, uintptr_t id)
{
	return (__atomic_load_n(&m->owner, __ATOMIC_RELAXED) & ~MUTEX_BITS) == id;
}

/* by who has been given it, once it runs */
static inline void mutex_arrived(stint_mutex_t *m)
{
	if (__atomic_load_n(&m->owner, __ATOMIC_RELAXED) & MUTEX_HANDED)
		__atomic_and_fetch(&m->owner, ~MUTEX_HANDED, __ATOMIC_RELAXED);
}

/* lock and unlock with preemption disabled; lock waits, and may be stopped in it, for as long as it takes */
int mutex_lock_nopreempt(stint_mutex_t *m, const void *caller);
int mutex_unlock_nopreempt(stint_mutex_t *m);

/*
 * Those in @moved, just taken from a queue whose @lock is held, wait for @m from now on; the first may have
 * it at once, and is woken. @lock is let go of as soon as @m's queue is locked: so neither object is touched
 * after any of them can have returned, and whoever has @lock next finds them where they belong. Their kind becomes @kind
 * under the lock of @m's queue.
 */
void mutex_hand_over(stint_mutex_t *m, struct wait_list *moved, int kind, int *lock);

/* @w, handed over, gives up; false: it has the mutex, or is about to */
bool mutex_leave(stint_mutex_t *m, struct stint_waiter *w);

/*
 * the same without giving up: it has been woken for another reason, and waits on in its place; false as above
 */
bool mutex_stay(stint_mutex_t *m, struct stint *s, struct stint_waiter *w);

#endif
