/*
 * mutex.c - locks, condition variables, semaphores
 *
 * What a call locks is entered and given back when it is cancelled. To the C library each call is a thread
 * with an identity of its own, so owner checks (recursive, error-checking mutexes) work between a call and its
 * caller, too.
 *
 * A call that waits must be stoppable, or it could wait for ever for what its own caller holds. How depends on what a
 * waiter leaves in the lock, because a stopped call may be cancelled:
 *
 *  - A mutex: nothing but a hint that somebody waits. So the call is stopped in the futex wait itself
 *    (wait_begin). Nothing else in the function may be interrupted.
 *  - A reader-writer lock and a semaphore count their waiters, and a condition variable has a queue in which a gap would
 *    swallow the signals of others. There the wait is ended by its own timeout, at the call's deadline; the library
 *    then puts its books in order, and the call is stopped outside. A wait for a condition ends with the mutex taken,
 *    and a call stopped like that would keep everybody else from ever making the condition true; so it lets go
 *    of the mutex, is stopped, and takes it again. That shows as one of the spurious wake-ups that POSIX allows.
 *  - A spin lock: nothing. Each attempt is one by itself.
 *
 * Mutexes with priority inheritance are refused in a call with ENOTSUP: there the kernel looks up the owner by
 * its thread id, and a call has none that the kernel knows. The same fact makes robust mutexes ordinary
 * ones in a call: nobody is told when their owner dies.
 *
 * A program's mutex may be held while a call is stopped: it knows that calls are. The C++ library does not: it has mutexes of its
 * own (for the global locale, for atomic shared pointers), which the caller may need next without knowing. So a call is not
 * stopped while it holds one that was locked from that library's text. Where it is unlocked from does not tell, since that may
 * be a jump.
 *
 * A thread of the runtime is parked instead (park-lock.c), and whoever gives something back looks whether one is.
 *
 * Waiting until a call's deadline is in limit.c; joins and barriers are in join.c, pthread_once in threads.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>
#include <time.h>

#include "limit.h"
#include "lot.h"
#include "../ledger.h"

#define PRIO_INHERIT 32         /* in __kind */
#define SPINS 200
#define LET_BY_NS 50000
#define COND_MONOTONIC 2        /* in __wrefs: timed waits use CLOCK_MONOTONIC */

/* --- mutexes ----------------------------------------------------------------------------------- */

static bool inherits(const pthread_mutex_t *m)
{
	return m->__data.__kind & PRIO_INHERIT;
}

/* Where there is no memory for the entry, the mutex is held all the same, and stays locked after a cancel. */
static int entered(struct stint *s, enum lock_kind kind, void *lock, int r)
{
	if (r == 0 || r == EOWNERDEAD)
		ledger_lock_add(s, kind, lock);
	return r;
}

static int wait_for_mutex(struct stint *s, pthread_mutex_t *m, const void *caller)
{
	struct until never = { CLOCK_MONOTONIC, NEVER_NS };
	int r;

	if (parks_within(s) && lot_takes_mutex(m))
		return park_mutex(s, m, &never, caller);
	wait_begin(s, m, sizeof(*m));
	r = REAL(pthread_mutex_lock)(m);
	ledger_wait_end(s);
	return r;
}

static int lock_mutex(struct stint *s, pthread_mutex_t *m, const void *caller)
{
	int r;

	if (inherits(m))
		return ENOTSUP;
	preempt_disable(s);
	r = wait_for_mutex(s, m, caller);
	if (unlikely(text_is_cxx(caller)) && r == 0 && !ledger_lock_add(s, LOCK_CXX_MUTEX, m))
		return 0;
	entered(s, LOCK_MUTEX, m, r);
	preempt_enable(s, caller);
	return r;
}

static int try_mutex(struct stint *s, pthread_mutex_t *m, const void *caller)
{
	int r;

	if (inherits(m))
		return ENOTSUP;
	preempt_disable(s);
	r = entered(s, LOCK_MUTEX, m, REAL(pthread_mutex_trylock)(m));
	preempt_enable(s, caller);
	return r;
}

/* a timed futex wait comes back with EINTR after a stop, and the library then waits on for what is left */
static int lock_mutex_until(struct stint *s, pthread_mutex_t *m, clockid_t clock, const struct timespec *at,
                            const void *caller)
{
	struct until u = until_at(clock, at);
	int r;

	if (inherits(m))
		return ENOTSUP;
	preempt_disable(s);
	if (parks_within(s) && lot_takes_mutex(m) && until_is_valid(clock, at)) {
		r = park_mutex(s, m, &u, caller);
	} else {
		wait_begin(s, m, sizeof(*m));
		r = REAL(pthread_mutex_clocklock)(m, clock, at);
		ledger_wait_end(s);
	}
	entered(s, LOCK_MUTEX, m, r);
	preempt_enable(s, caller);
	return r;
}

/* One that has waited for long is let by: on this worker by a yield, on another one, which takes longer to run it, by a sleep. */
static void let_by(enum woken woken, const void *caller)
{
	struct stint *s = parks();
	struct until u;

	if (!s)
		return;
	if (woken == LOT_STARVED) {
		park_yield();
		return;
	}
	u = until_after(0, LET_BY_NS);
	park_sleep(s, &u, caller);
}

static int unlock_mutex(struct stint *s, pthread_mutex_t *m, const void *caller)
{
	enum woken woken = LOT_NOBODY;
	int r;

	preempt_disable(s);
	r = REAL(pthread_mutex_unlock)(m);
	if (lot_crowded(m))
		woken = lot_wake_one(m);
	if (r == 0 && !ledger_lock_drop(s, LOCK_MUTEX, m) && ledger_lock_drop(s, LOCK_CXX_MUTEX, m))
		preempt_enable(s, caller);      /* as lock_mutex() left it */
	preempt_enable(s, caller);
	if (unlikely(woken >= LOT_STARVED))
		let_by(woken, caller);
	return r;
}

static int unlock_outside(int (*real)(pthread_mutex_t *m), pthread_mutex_t *m)
{
	int r = real(m);

	if (lot_crowded(m))
		lot_wake_one(m);
	return r;
}

WRAPPER int pthread_mutex_lock(pthread_mutex_t *m)
{
	struct stint *s = self();

	return likely(!s) ? REAL(pthread_mutex_lock)(m) : lock_mutex(s, m, caller_address());
}

WRAPPER int pthread_mutex_trylock(pthread_mutex_t *m)
{
	struct stint *s = self();

	return likely(!s) ? REAL(pthread_mutex_trylock)(m) : try_mutex(s, m, caller_address());
}

WRAPPER int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at)
{
	struct stint *s = self();

	return likely(!s) ? REAL(pthread_mutex_timedlock)(m, at) :
	                    lock_mutex_until(s, m, CLOCK_REALTIME, at, caller_address());
}

WRAPPER int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	struct stint *s = self();

	return likely(!s) ? REAL(pthread_mutex_clocklock)(m, clock, at) :
	                    lock_mutex_until(s, m, clock, at, caller_address());
}

WRAPPER int pthread_mutex_unlock(pthread_mutex_t *m)
{
	struct stint *s = self();

	return likely(!s) ? unlock_outside(REAL(pthread_mutex_unlock), m) : unlock_mutex(s, m, caller_address());
}

/* --- condition variables ----------------------------------------------------------------------- */

/*
 * The mutex is not held while the call waits, and is again when it returns, whatever it returns. Where the
 * library takes it again the call may be stopped; the other wait in there is for a word that is not the
 * mutex's.
 */
static int wait_cond(struct stint *s, pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
                     const struct timespec *user, const void *caller)
{
	struct until u = until_at(clock, user);
	struct lot_hidden hidden;
	struct limit l;
	int r;

	preempt_disable(s);
	if (parks_within(s) && lot_takes_mutex(m) && lot_takes_cond(c) && until_is_valid(clock, user)) {
		r = park_cond(s, c, m, &u, caller);
		goto out;
	}
	l = limit_of(s, clock, user);
	ledger_lock_drop(s, LOCK_MUTEX, m);
	hidden = lot_hide(m);
	wait_begin(s, m, sizeof(*m));
	r = l.none ? REAL(pthread_cond_wait)(c, m) : REAL(pthread_cond_clockwait)(c, m, clock, &l.at);
	ledger_wait_end(s);
	lot_unhide(&hidden);
	if (r == ETIMEDOUT && l.ours && !(user && limit_passed(clock, user))) {
		unlock_outside(REAL(pthread_mutex_unlock), m);
		limit_stop(s, caller);
		r = wait_for_mutex(s, m, caller);
	}
out:
	/* unless the arguments were wrong from the start, or the mutex is beyond recovery */
	if (m->__data.__owner == s->fake_tid)
		ledger_lock_add(s, LOCK_MUTEX, m);
	preempt_enable(s, caller);
	return r;
}

/* outside calls; the thread may be cancelled in it */
static int wait_outside(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	struct lot_hidden hidden __attribute__((cleanup(lot_unhide), unused)) = lot_hide(m);

	return at ? REAL(pthread_cond_clockwait)(c, m, clock, at) : REAL(pthread_cond_wait)(c, m);
}

/* the clock that a timed wait without a clock of its own uses is an attribute of the variable */
static clockid_t clock_of(const pthread_cond_t *c)
{
	return __atomic_load_n(&c->__data.__wrefs, __ATOMIC_RELAXED) & COND_MONOTONIC ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

WRAPPER int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	struct stint *s = self();

	return likely(!s) ? wait_outside(c, m, CLOCK_MONOTONIC, NULL) :
	                    wait_cond(s, c, m, CLOCK_MONOTONIC, NULL, caller_address());
}

WRAPPER int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at)
{
	struct stint *s = self();

	return likely(!s) ? wait_outside(c, m, clock_of(c), at) :
	                    wait_cond(s, c, m, clock_of(c), at, caller_address());
}

WRAPPER int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *at)
{
	struct stint *s = self();

	return likely(!s) ? wait_outside(c, m, clock, at) :
	                    wait_cond(s, c, m, clock, at, caller_address());
}

/* these lock the variable itself for a moment */
static int signal_one(pthread_cond_t *c)
{
	return lot_crowded(c) && lot_wake_one(c) ? 0 : REAL(pthread_cond_signal)(c);
}

static int signal_all(pthread_cond_t *c)
{
	if (lot_crowded(c))
		lot_wake_all(c);
	return REAL(pthread_cond_broadcast)(c);
}

#define SIGNALS(name, type, fn) \
	DEFERRED(, int, name, (type *c), fn((pthread_cond_t *)c), fn((pthread_cond_t *)c))

SIGNALS(pthread_cond_signal, pthread_cond_t, signal_one)
SIGNALS(pthread_cond_broadcast, pthread_cond_t, signal_all)
LOCKED(int, pthread_cond_destroy, (pthread_cond_t *c), (c))

/* --- C11 --------------------------------------------------------------------------------------- */

static int as_c11(int err)
{
	return err == 0           ? thrd_success :
	       err == ENOMEM      ? thrd_nomem :
	       err == ETIMEDOUT   ? thrd_timedout :
	       err == EBUSY       ? thrd_busy :
	                            thrd_error;
}

WRAPPER int mtx_lock(mtx_t *m)
{
	struct stint *s = self();

	return likely(!s) ? REAL(mtx_lock)(m) : as_c11(lock_mutex(s, (pthread_mutex_t *)m, caller_address()));
}

WRAPPER int mtx_trylock(mtx_t *m)
{
	struct stint *s = self();

	return likely(!s) ? REAL(mtx_trylock)(m) : as_c11(try_mutex(s, (pthread_mutex_t *)m, caller_address()));
}

WRAPPER int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict at)
{
	struct stint *s = self();

	return likely(!s) ? REAL(mtx_timedlock)(m, at) :
	                    as_c11(lock_mutex_until(s, (pthread_mutex_t *)m, CLOCK_REALTIME, at, caller_address()));
}

WRAPPER int mtx_unlock(mtx_t *m)
{
	struct stint *s = self();

	return as_c11(likely(!s) ? unlock_outside(REAL(pthread_mutex_unlock), (pthread_mutex_t *)m) :
	                           unlock_mutex(s, (pthread_mutex_t *)m, caller_address()));
}

WRAPPER int cnd_wait(cnd_t *c, mtx_t *m)
{
	struct stint *s = self();

	return as_c11(likely(!s) ? wait_outside((pthread_cond_t *)c, (pthread_mutex_t *)m, CLOCK_REALTIME, NULL) :
	                           wait_cond(s, (pthread_cond_t *)c, (pthread_mutex_t *)m, CLOCK_MONOTONIC, NULL,
	                                     caller_address()));
}

WRAPPER int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict at)
{
	struct stint *s = self();

	return as_c11(likely(!s) ? wait_outside((pthread_cond_t *)c, (pthread_mutex_t *)m, CLOCK_REALTIME, at) :
	                           wait_cond(s, (pthread_cond_t *)c, (pthread_mutex_t *)m, CLOCK_REALTIME, at,
	                                     caller_address()));
}

SIGNALS(cnd_signal, cnd_t, signal_one)
SIGNALS(cnd_broadcast, cnd_t, signal_all)

/* --- reader-writer locks ----------------------------------------------------------------------- */

typedef int rw_lock(pthread_rwlock_t *);
typedef int rw_lock_until(pthread_rwlock_t *, clockid_t, const struct timespec *);

static int lock_rw(struct stint *s, pthread_rwlock_t *l, rw_lock *ever, rw_lock_until *until, clockid_t clock,
                   const struct timespec *user, const void *caller)
{
	struct until u = until_at(clock, user);
	struct limit lim;
	int r;

	preempt_disable(s);
	if (parks_within(s) && until_is_valid(clock, user)) {
		r = park_rwlock(s, l, ever == REAL(pthread_rwlock_wrlock), &u, caller);
		goto out;
	}
	for (;;) {
		lim = limit_of(s, clock, user);
		r = lim.none ? ever(l) : until(l, clock, &lim.at);
		if (r != ETIMEDOUT || !lim.ours)
			break;
		limit_stop(s, caller);
	}
out:
	entered(s, LOCK_RWLOCK, l, r);
	preempt_enable(s, caller);
	return r;
}

#define LOCKS_RW(name, until)                                                                   \
	WRAPPER int name(pthread_rwlock_t *l)                                                   \
	{                                                                                       \
		struct stint *s = self();                                                       \
                                                                                                \
		return likely(!s) ? REAL(name)(l) : lock_rw(s, l, REAL(name), REAL(until), CLOCK_MONOTONIC, NULL, \
		                                            caller_address());                  \
	}

#define LOCKS_RW_TIMED(name, ever, until)                                                       \
	WRAPPER int name(pthread_rwlock_t *restrict l, const struct timespec *restrict at)      \
	{                                                                                       \
		struct stint *s = self();                                                       \
                                                                                                \
		return likely(!s) ? REAL(name)(l, at) : lock_rw(s, l, REAL(ever), REAL(until), CLOCK_REALTIME, at, \
		                                                caller_address());              \
	}

#define LOCKS_RW_CLOCK(name, ever)                                                              \
	WRAPPER int name(pthread_rwlock_t *restrict l, clockid_t clock, const struct timespec *restrict at) \
	{                                                                                       \
		struct stint *s = self();                                                       \
                                                                                                \
		return likely(!s) ? REAL(name)(l, clock, at) : lock_rw(s, l, REAL(ever), REAL(name), clock, at, \
		                                                       caller_address());       \
	}

#define TRIES_RW(name) \
	DEFERRED(, int, name, (pthread_rwlock_t *l), REAL(name)(l), entered(s_, LOCK_RWLOCK, l, REAL(name)(l)))

LOCKS_RW(pthread_rwlock_rdlock, pthread_rwlock_clockrdlock)
LOCKS_RW(pthread_rwlock_wrlock, pthread_rwlock_clockwrlock)
LOCKS_RW_TIMED(pthread_rwlock_timedrdlock, pthread_rwlock_rdlock, pthread_rwlock_clockrdlock)
LOCKS_RW_TIMED(pthread_rwlock_timedwrlock, pthread_rwlock_wrlock, pthread_rwlock_clockwrlock)
LOCKS_RW_CLOCK(pthread_rwlock_clockrdlock, pthread_rwlock_rdlock)
LOCKS_RW_CLOCK(pthread_rwlock_clockwrlock, pthread_rwlock_wrlock)
TRIES_RW(pthread_rwlock_tryrdlock)
TRIES_RW(pthread_rwlock_trywrlock)

WRAPPER int pthread_rwlock_unlock(pthread_rwlock_t *l)
{
	struct stint *s = self();
	int r;

	if (unlikely(s))
		preempt_disable(s);
	r = REAL(pthread_rwlock_unlock)(l);
	if (lot_crowded(l))
		lot_wake_shares(l);
	if (likely(!s))
		return r;
	if (r == 0)
		ledger_lock_drop(s, LOCK_RWLOCK, l);
	preempt_enable(s, caller_address());
	return r;
}

/* --- spin locks -------------------------------------------------------------------------------- */

WRAPPER int pthread_spin_trylock(pthread_spinlock_t *l)
{
	struct stint *s = self();
	int r;

	if (likely(!s))
		return REAL(pthread_spin_trylock)(l);
	preempt_disable(s);
	r = entered(s, LOCK_SPIN, (void *)l, REAL(pthread_spin_trylock)(l));
	preempt_enable(s, caller_address());
	return r;
}

WRAPPER int pthread_spin_lock(pthread_spinlock_t *l)
{
	struct stint *s = self();
	int r;

	if (likely(!s))
		return REAL(pthread_spin_lock)(l);
	for (unsigned turns = 1;; turns++) {
		preempt_disable(s);
		r = entered(s, LOCK_SPIN, (void *)l, REAL(pthread_spin_trylock)(l));
		preempt_enable(s, caller_address());
		if (r != EBUSY)
			return r;
		if (turns % SPINS || !parks())
			arch_relax();
		else
			park_yield();   /* to its holder, which may wait for this very worker */
	}
}

WRAPPER int pthread_spin_unlock(pthread_spinlock_t *l)
{
	struct stint *s = self();
	int r;

	if (likely(!s))
		return REAL(pthread_spin_unlock)(l);
	preempt_disable(s);
	ledger_lock_drop(s, LOCK_SPIN, (void *)l);
	r = REAL(pthread_spin_unlock)(l);
	preempt_enable(s, caller_address());
	return r;
}

/* --- semaphores: nobody owns them, so nothing is entered --------------------------------------- */

/* outside a call only the stale tick is our business */
static int wait_sem_outside(sem_t *sem, clockid_t clock, const struct timespec *at)
{
	struct eintr_mark mark;
	int r;

	eintr_mark(&mark);
	do
		r = at ? REAL(sem_clockwait)(sem, clock, at) : REAL(sem_wait)(sem);
	while (r < 0 && errno == EINTR && eintr_was_ours(&mark));
	return r;
}

static int wait_sem(struct stint *s, sem_t *sem, clockid_t clock, const struct timespec *user, const void *caller)
{
	struct until u = until_at(clock, user);
	struct eintr_mark mark;
	struct limit l;
	int r, saved = errno;

	preempt_disable(s);
	if (parks_within(s) && until_is_valid(clock, user)) {
		r = park_sem(s, sem, &u, caller);
		preempt_enable(s, caller);
		errno = r ? r : saved;
		return r ? -1 : 0;
	}
	eintr_mark(&mark);
	for (;;) {
		l = limit_of(s, clock, user);
		r = l.none ? REAL(sem_wait)(sem) : REAL(sem_clockwait)(sem, clock, &l.at);
		if (r == 0)
			break;
		if (errno == ETIMEDOUT && l.ours)
			limit_stop(s, caller);
		else if (errno != EINTR || !(user ? eintr_was_ours(&mark) : eintr_restarts(&mark)))
			break;          /* without a time of its own it would be taken up again after SA_RESTART */
		errno = saved;
	}
	preempt_enable(s, caller);
	return r;
}

WRAPPER int sem_wait(sem_t *sem)
{
	struct stint *s = self();

	return likely(!s) ? wait_sem_outside(sem, CLOCK_REALTIME, NULL) :
	                    wait_sem(s, sem, CLOCK_MONOTONIC, NULL, caller_address());
}

WRAPPER int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict at)
{
	struct stint *s = self();

	return likely(!s) ? wait_sem_outside(sem, CLOCK_REALTIME, at) :
	                    wait_sem(s, sem, CLOCK_REALTIME, at, caller_address());
}

WRAPPER int sem_clockwait(sem_t *restrict sem, clockid_t clock, const struct timespec *restrict at)
{
	struct stint *s = self();

	return likely(!s) ? wait_sem_outside(sem, clock, at) : wait_sem(s, sem, clock, at, caller_address());
}

/* async-signal-safe, before us and after us */
WRAPPER int sem_post(sem_t *sem)
{
	struct stint *s = self();
	int r;

	if (unlikely(s))
		preempt_disable(s);
	r = REAL(sem_post)(sem);
	if (lot_crowded(sem))
		lot_post(sem);
	if (unlikely(s))
		preempt_enable(s, caller_address());
	return r;
}

/* --- for programs linked before glibc 2.34 ----------------------------------------------------- */

int __pthread_mutex_lock(pthread_mutex_t *m);
int __pthread_mutex_trylock(pthread_mutex_t *m);
int __pthread_mutex_unlock(pthread_mutex_t *m);
int __pthread_rwlock_rdlock(pthread_rwlock_t *l);
int __pthread_rwlock_wrlock(pthread_rwlock_t *l);
int __pthread_rwlock_tryrdlock(pthread_rwlock_t *l);
int __pthread_rwlock_trywrlock(pthread_rwlock_t *l);
int __pthread_rwlock_unlock(pthread_rwlock_t *l);

#define OLD_NAME(name, type)                                                  \
	WRAPPER int __##name(type *l)                                         \
	{                                                                     \
		return name(l);                                               \
	}

OLD_NAME(pthread_mutex_lock, pthread_mutex_t)
OLD_NAME(pthread_mutex_trylock, pthread_mutex_t)
OLD_NAME(pthread_mutex_unlock, pthread_mutex_t)
OLD_NAME(pthread_rwlock_rdlock, pthread_rwlock_t)
OLD_NAME(pthread_rwlock_wrlock, pthread_rwlock_t)
OLD_NAME(pthread_rwlock_tryrdlock, pthread_rwlock_t)
OLD_NAME(pthread_rwlock_trywrlock, pthread_rwlock_t)
OLD_NAME(pthread_rwlock_unlock, pthread_rwlock_t)
