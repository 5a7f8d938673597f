/*
 * stint/sync.h - locks and the like, between threads of the runtime and kernel threads alike
 *
 * Whoever waits is served in the order in which it came. A thread that waits is parked and its worker runs
 * others; a kernel thread sleeps; a call on a kernel thread stays stoppable by its deadline. Objects are
 * plain memory: initialise them with STINT_..._INIT or all zeros, and destroy them when nobody uses them any
 * more (which only checks). They must not be copied or moved in use, nor shared between processes; in a
 * forked child, those that other threads held, waited for, or were just using are to be initialised anew. Who
 * has just been served, by an unlock, signal, post or done, may destroy the object, and so may who served it:
 * neither of them touches it any more, nor do others that were served at the same time, returned or not. But
 * whoever gives up, its time being up, must have returned; and whoever might, at a semaphore, or at a condition
 * variable to which stint_cond_signal() was called while others waited.
 *
 * A _timed function waits at most for its last argument, a span; 0 tries once, STINT_FOREVER waits for ever;
 * negative spans are EINVAL. The plain one is the timed one with STINT_FOREVER. NULL for an object is EINVAL
 * everywhere.
 *
 * Owner of a mutex or of a lock for writing is the innermost call that runs, or the thread if it runs no
 * call. What a call or thread that is cancelled holds is not unlocked: use stint_defer().
 *
 * Context of all: any thread, any call; not from a signal handler, but for sem_post. Those that may wait
 * switch. A thread is not preempted inside them. One that waits is stopped by the deadline of a call around
 * it and by a cancel; it then gives up its place, and goes on as the last.
 */
#ifndef STINT_SYNC_H
#define STINT_SYNC_H

#include <stddef.h>
#include <stdint.h>

#include <stint/call.h>
#include <stint/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stint_waiter;

/* those who wait, in order, and the lock that protects the rest of the object; all zero: nobody */
struct stint_waitq {
	int lock;
	unsigned n;
	struct stint_waiter *first, *last;
};

/*
 * stint_mutex - mutual exclusion; not recursive
 *
 * Return:  lock: 0; EDEADLK (the caller has it). trylock: 0, EBUSY. timed: also ETIMEDOUT, EINVAL. unlock: 0;
 *          EPERM (the caller does not have it). destroy: 0; EBUSY (held or waited for).
 */
typedef struct stint_mutex {
	uintptr_t owner;                /* identity of the holder; bit 0: somebody waits, 1: it has not run since it got it */
	struct stint_waitq waiters;
} stint_mutex_t;
#define STINT_MUTEX_INIT { 0, { 0, 0, NULL, NULL } }

STINT_API int stint_mutex_lock(stint_mutex_t *m);
STINT_API int stint_mutex_trylock(stint_mutex_t *m);
STINT_API int stint_mutex_lock_timed(stint_mutex_t *m, stint_ns timeout);
STINT_API int stint_mutex_unlock(stint_mutex_t *m);
STINT_API int stint_mutex_destroy(stint_mutex_t *m);

/*
 * stint_cond - wait, with the mutex given up meanwhile, until signalled. It is held again on return, whatever
 * that is. May wake without a signal: test the condition in a loop.
 *
 * Return:  wait: 0; EPERM (the caller does not have @m); EINVAL (others wait with another mutex). timed: also
 *          ETIMEDOUT. signal, broadcast: 0. destroy: 0; EBUSY (waited for).
 */
typedef struct stint_cond {
	struct stint_waitq waiters;
	stint_mutex_t *mutex;           /* of those who wait */
} stint_cond_t;
#define STINT_COND_INIT { { 0, 0, NULL, NULL }, NULL }

STINT_API int stint_cond_wait(stint_cond_t *c, stint_mutex_t *m);
STINT_API int stint_cond_wait_timed(stint_cond_t *c, stint_mutex_t *m, stint_ns timeout);
STINT_API int stint_cond_signal(stint_cond_t *c);
STINT_API int stint_cond_broadcast(stint_cond_t *c);
STINT_API int stint_cond_destroy(stint_cond_t *c);

/*
 * stint_rwlock - many readers or one writer. A waiting writer keeps later readers out, so neither side
 * starves; a reader must not lock it for reading again meanwhile.
 *
 * Return:  locks: 0; EDEADLK (the caller has it for writing); EAGAIN (too many readers). try: 0, EBUSY.
 *          timed: also ETIMEDOUT, EINVAL. unlock: 0; EPERM (not locked, or by another writer). destroy: 0;
 *          EBUSY.
 */
typedef struct stint_rwlock {
	struct stint_waitq waiters;
	uintptr_t state;                /* the writer, or how many readers, and whether somebody waits */
} stint_rwlock_t;
#define STINT_RWLOCK_INIT { { 0, 0, NULL, NULL }, 0 }

STINT_API int stint_rwlock_rdlock(stint_rwlock_t *l);
STINT_API int stint_rwlock_tryrdlock(stint_rwlock_t *l);
STINT_API int stint_rwlock_rdlock_timed(stint_rwlock_t *l, stint_ns timeout);
STINT_API int stint_rwlock_wrlock(stint_rwlock_t *l);
STINT_API int stint_rwlock_trywrlock(stint_rwlock_t *l);
STINT_API int stint_rwlock_wrlock_timed(stint_rwlock_t *l, stint_ns timeout);
STINT_API int stint_rwlock_unlock(stint_rwlock_t *l);
STINT_API int stint_rwlock_destroy(stint_rwlock_t *l);

/*
 * stint_sem - a counting semaphore
 *
 * Return:  wait: 0. trywait: 0, EAGAIN. timed: also ETIMEDOUT, EINVAL. post: 0; EOVERFLOW. destroy: 0; EBUSY
 *          (waited for). init: 0; EINVAL (@value above INT_MAX). value: the count; 0 for NULL.
 */
typedef struct stint_sem {
	struct stint_waitq waiters;
	uint64_t state;                 /* the count, and who is at it */
} stint_sem_t;
#define STINT_SEM_INIT(value) { { 0, 0, NULL, NULL }, (value) }

STINT_API int stint_sem_init(stint_sem_t *s, unsigned value);
STINT_API int stint_sem_wait(stint_sem_t *s);
STINT_API int stint_sem_trywait(stint_sem_t *s);
STINT_API int stint_sem_wait_timed(stint_sem_t *s, stint_ns timeout);
STINT_API int stint_sem_post(stint_sem_t *s);
STINT_API unsigned stint_sem_value(const stint_sem_t *s);
STINT_API int stint_sem_destroy(stint_sem_t *s);

/*
 * stint_barrier - wait until @count have come; then it begins anew
 *
 * Return:  init: 0; EINVAL (@count 0). wait: 0; STINT_BARRIER_LAST for the one that came last; EINVAL (not
 *          initialised). timed: also ETIMEDOUT (it has not come, then), EINVAL. destroy: 0; EBUSY (waited
 *          at).
 */
#define STINT_BARRIER_LAST (-1)
typedef struct stint_barrier {
	struct stint_waitq waiters;
	unsigned count, present;
} stint_barrier_t;
#define STINT_BARRIER_INIT(count) { { 0, 0, NULL, NULL }, (count), 0 }

STINT_API int stint_barrier_init(stint_barrier_t *b, unsigned count);
STINT_API int stint_barrier_wait(stint_barrier_t *b);
STINT_API int stint_barrier_wait_timed(stint_barrier_t *b, stint_ns timeout);
STINT_API int stint_barrier_destroy(stint_barrier_t *b);

/*
 * stint_once - run @fn the first time only; who comes meanwhile waits until it is done. If the one that runs
 * it is cancelled, the next one runs it.
 *
 * Return:  0; EINVAL (@fn NULL); EDEADLK (from @fn itself). timed: also ETIMEDOUT: another one is still at it.
 */
typedef struct stint_once {
	struct stint_waitq waiters;
	int state;
	uintptr_t runner;               /* identity */
} stint_once_t;
#define STINT_ONCE_INIT { { 0, 0, NULL, NULL }, 0, 0 }

STINT_API int stint_once_run(stint_once_t *o, void (*fn)(void));
STINT_API int stint_once_run_timed(stint_once_t *o, void (*fn)(void), stint_ns timeout);

/*
 * stint_waitgroup - wait until a count is 0
 *
 * Return:  add: 0; EINVAL (the count would be negative), EOVERFLOW. done (add of -1): the same. wait: 0.
 *          timed: also ETIMEDOUT, EINVAL. destroy: 0; EBUSY (waited for).
 */
typedef struct stint_waitgroup {
	struct stint_waitq waiters;
	long count;
} stint_waitgroup_t;
#define STINT_WAITGROUP_INIT { { 0, 0, NULL, NULL }, 0 }

STINT_API int stint_waitgroup_add(stint_waitgroup_t *g, long n);
STINT_API int stint_waitgroup_done(stint_waitgroup_t *g);
STINT_API int stint_waitgroup_wait(stint_waitgroup_t *g);
STINT_API int stint_waitgroup_wait_timed(stint_waitgroup_t *g, stint_ns timeout);
STINT_API int stint_waitgroup_destroy(stint_waitgroup_t *g);

#ifdef __cplusplus
}
#endif

#endif
