/*
 * park-lock.c - mutexes, conditions, read-write locks, semaphores of pthreads, waited for in threads
 *
 * Each is tried by the C library's function that does not wait, and waited for in the lot (lot.h). So a thread competes with kernel
 * threads and calls for the same object, and nobody is handed anything: who is woken may find that another was quicker, and
 * then waits at the head of the queue. One to whom that happens again and again on a mutex is let by: a thread that gives it back
 * then yields, or at last sleeps a little.
 *
 * Objects between processes are given back where nobody looks into our lot; a robust mutex also by the kernel. Those are looked
 * at again and again, from 50 us to 5 ms apart. So is a mutex that a kernel thread may give back in a wait for a condition, but
 * by the first in the queue only; the next is told when that one leaves. A condition between processes is not for the lot.
 *
 * A wait for a condition: into the lot first, then the mutex is given back; whoever signals after that finds the thread there. A
 * signal wakes one thread if any waits, else one that waits in the C library; a broadcast wakes all, here and there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>

#include "../ledger.h"
#include "../sys.h"
#include "../worker.h"
#include "lot.h"

#define KIND_TYPE 3             /* in __kind */
#define KIND_ROBUST 16
#define KIND_PROTECT 64
#define KIND_SHARED 128
#define COND_SHARED 1           /* in __wrefs */
#define LOOKS 100               /* at a mutex whose owner runs elsewhere: less than parking costs */
#define LOOK_MIN 50000
#define LOOK_MAX 5000000

static const struct until forever = { CLOCK_MONOTONIC, NEVER_NS };

static uint64_t look_at(stint_ns *pause)
{
	*pause = *pause ? 2 * *pause : LOOK_MIN;
	if (*pause > LOOK_MAX)
		*pause = LOOK_MAX;
	return park_deadline(*pause);
}

/* one that tries for an object: EBUSY while there is nothing to be had */
struct quest {
	const void *object;
	int (*try)(void *object);
	enum park_reason reason;
	enum lot_kind kind;
	bool looks;                     /* may be given back where nobody wakes */
	bool hides;                     /* the same, while lot_has_hidden() */
	void (*pass)(const void *object);       /* wake another */
};

static void pass_one(const void *object)
{
	lot_wake_one(object);
}

static int try_now(const struct quest *q)
{
	return q->try((void *)q->object);
}

/* in the lot, once: EBUSY: it was woken, or is to look again */
static int wait_once(struct stint *s, const struct quest *q, struct stint_waiter *w, bool again, const struct until *u,
                     stint_ns *pause, const void *caller)
{
	bool alone = lot_enter(w, s, q->reason, q->object, again);
	bool looks = q->looks || (q->hides && alone && lot_has_hidden(q->object));
	int r = try_now(q), err;

	if (r != EBUSY) {
		if (lot_leave(s, w))
			q->pass(q->object);
		return r;
	}
	err = lot_park(s, w, u, looks ? look_at(pause) : NEVER);
	if (!err)
		*pause = 0;
	if (err != EINTR && !(err == ETIMEDOUT && until_over(u)))
		return EBUSY;
	if (looks)
		q->pass(q->object);     /* somebody else is to look now */
	if (err == ETIMEDOUT)
		return ETIMEDOUT;
	park_stop(s, caller);
	return EBUSY;
}

static int pursue(struct stint *s, const struct quest *q, const struct until *u, const void *caller)
{
	struct stint_waiter w;
	stint_ns pause = 0;
	uintptr_t rounds = 0;
	int r = try_now(q);

	while (r == EBUSY) {
		w.kind = q->kind;
		w.data = (void *)rounds;
		r = wait_once(s, q, &w, rounds > 0, u, &pause, caller);
		if (r == EBUSY)
			r = try_now(q);
		rounds++;
	}
	return r;
}

/* --- mutexes --------------------------------------------------------------------------------------- */

bool lot_takes_mutex(const pthread_mutex_t *m)
{
	return !(m->__data.__kind & KIND_PROTECT);
}

static int try_mutex(void *m)
{
	return REAL(pthread_mutex_trylock)(m);
}

static void look_a_while(const pthread_mutex_t *m)
{
	for (int i = 0; i < LOOKS && __atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED); i++)
		arch_relax();
}

int park_mutex(struct stint *s, pthread_mutex_t *m, const struct until *u, const void *caller)
{
	int kind = __atomic_load_n(&m->__data.__kind, __ATOMIC_RELAXED), r = try_mutex(m);
	struct quest q = { m, try_mutex, PARK_MUTEX, LOT_ANY, kind & (KIND_ROBUST | KIND_SHARED), true, pass_one };

	if (likely(r != EBUSY))
		return r;
	if ((kind & KIND_TYPE) == PTHREAD_MUTEX_ERRORCHECK && m->__data.__owner == s->fake_tid)
		return EDEADLK;
	if (nworkers > 1)
		look_a_while(m);
	return pursue(s, &q, u, caller);
}

/* --- conditions ------------------------------------------------------------------------------------ */

bool lot_takes_cond(const pthread_cond_t *c)
{
	return !(__atomic_load_n(&c->__data.__wrefs, __ATOMIC_RELAXED) & COND_SHARED);
}

/* a signal that a thread has got which will not go on */
static void pass_signal(pthread_cond_t *c)
{
	if (!lot_crowded(c) || !lot_wake_one(c))
		REAL(pthread_cond_signal)(c);
}

/* 0 or ETIMEDOUT, or what is wrong with the mutex; that is locked again in the end */
int park_cond(struct stint *s, pthread_cond_t *c, pthread_mutex_t *m, const struct until *u, const void *caller)
{
	struct stint_waiter w = { .data = NULL };
	int err, r;

	lot_enter(&w, s, PARK_COND, c, false);
	r = REAL(pthread_mutex_unlock)(m);
	if (r) {
		if (lot_leave(s, &w))
			pass_signal(c);
		return r;
	}
	ledger_lock_drop(s, LOCK_MUTEX, m);
	if (lot_crowded(m))
		lot_wake_one(m);
	err = lot_park(s, &w, u, NEVER);
	if (!err && unlikely(thread_cancels(thread_running(s))))
		pass_signal(c);
	if (err == EINTR)
		park_stop(s, caller);   /* without the mutex; this is one of the wake-ups without a signal */
	r = park_mutex(s, m, &forever, caller);
	return r ? r : err == ETIMEDOUT ? ETIMEDOUT : 0;
}

/* --- read-write locks ------------------------------------------------------------------------------ */

static int try_read(void *l)
{
	return REAL(pthread_rwlock_tryrdlock)(l);
}

static int try_write(void *l)
{
	return REAL(pthread_rwlock_trywrlock)(l);
}

int park_rwlock(struct stint *s, pthread_rwlock_t *l, bool write, const struct until *u, const void *caller)
{
	struct quest q = { l, write ? try_write : try_read, PARK_RWLOCK, write ? LOT_ANY : LOT_SHARES,
	                   l->__data.__shared, false, lot_wake_shares };

	if (__atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED) == s->fake_tid)
		return EDEADLK;
	return pursue(s, &q, u, caller);
}

/* --- semaphores ------------------------------------------------------------------------------------ */

static int try_sem(void *sem)
{
	int saved = errno, r = REAL(sem_trywait)(sem) ? errno : 0;

	errno = saved;
	return r == EAGAIN ? EBUSY : r;
}

/* as libc has it since 2.21: the value, then whether it is between threads (0) or processes */
static bool is_shared(const sem_t *sem)
{
	return ((const int *)sem)[2] != 0;
}

int park_sem(struct stint *s, sem_t *sem, const struct until *u, const void *caller)
{
	struct quest q = { sem, try_sem, PARK_SEM, LOT_ANY, is_shared(sem), false, pass_one };

	return pursue(s, &q, u, caller);
}

/* --- words that change once ------------------------------------------------------------------------ */

/* until it may have changed; who changes it wakes, unless that is code which has linked in functions of its own */
void park_word(struct stint *s, const uint32_t *word, uint32_t seen, const void *caller)
{
	struct stint_waiter w = { .data = NULL };
	int err;

	lot_enter(&w, s, PARK_ONCE, word, false);
	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != seen) {
		lot_leave(s, &w);
		return;
	}
	err = lot_park(s, &w, &forever, park_deadline(LOOK_MAX));
	if (err == EINTR)
		park_stop(s, caller);
}

/* while somebody else runs its function */
void park_once(struct stint *s, const pthread_once_t *once, const void *caller)
{
	uint32_t seen;

	while (seen = (uint32_t)__atomic_load_n(once, __ATOMIC_ACQUIRE), seen && !(seen & 2))
		park_word(s, (const uint32_t *)once, seen, caller);
}

/* --- barriers -------------------------------------------------------------------------------------- */

/*
 * A thread arrives at the C library's own barrier, so that kernel threads and calls count it. This is how that counts: in, who
 * has arrived since the barrier was last set back; passed, up to which arrival all may go on, always a multiple of count; out, who
 * has gone on. The one who is the last to go on before in would overflow sets all three back, and those who came too late for
 * that wait for in to become 0. Whoever destroys a barrier adds to out what is missing, and waits for the same.
 */
struct barrier {
	unsigned in, passed, count;
	int shared;
	unsigned out;
};
#define BARRIER_MAX (UINT_MAX / 2)

_Static_assert(sizeof(struct barrier) <= sizeof(pthread_barrier_t), "the C library's");

/* libc's own functions leave in the object what we expect */
static bool barrier_as_expected(void)
{
	union {
		pthread_barrier_t theirs;
		struct barrier ours;
	} b;
	bool right;

	if (pthread_barrier_init(&b.theirs, NULL, 1))
		return false;
	right = b.ours.in == 0 && b.ours.passed == 0 && b.ours.count == 1 && b.ours.shared == 0 && b.ours.out == 0;
	for (unsigned i = 1; i < 4; i++) {
		REAL(pthread_barrier_wait)(&b.theirs);
		right = right && b.ours.in == i && b.ours.passed == i && b.ours.out == i;
	}
	return right;
}

static void wake_kernel_threads(const struct barrier *b, unsigned *word)
{
	sys_raw(SYS_futex, word, b->shared ? FUTEX_WAKE : FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL);
}

/* the number of this arrival, or 0: the barrier must be set back first */
static unsigned arrive(struct barrier *b, unsigned max)
{
	unsigned at = __atomic_add_fetch(&b->in, 1, __ATOMIC_ACQ_REL), passed, next;

	if (at > max)
		return 0;
	passed = __atomic_load_n(&b->passed, __ATOMIC_RELAXED);
	next = at - at % b->count;
	while (passed + b->count <= at && passed < next) {
		if (!__atomic_compare_exchange_n(&b->passed, &passed, next, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			continue;
		wake_kernel_threads(b, &b->passed);
		if (lot_crowded(b))
			lot_wake_all(b);
		break;
	}
	return at;
}

static void go_on(struct barrier *b, unsigned max)
{
	if (__atomic_add_fetch(&b->out, 1, __ATOMIC_ACQ_REL) != max)
		return;
	__atomic_store_n(&b->passed, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&b->out, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&b->in, 0, __ATOMIC_RELEASE);
	wake_kernel_threads(b, &b->in);
}

/* until @word is past @at, or 0 for the case that @at is that high; who is stopped meanwhile has arrived all the same */
static void await_barrier(struct stint *s, struct barrier *b, unsigned at, const void *caller)
{
	stint_ns pause = 0;

	while (__atomic_load_n(&b->passed, __ATOMIC_ACQUIRE) < at) {
		struct stint_waiter w = { .data = NULL };
		int err;

		lot_enter(&w, s, PARK_BARRIER, b, false);
		if (__atomic_load_n(&b->passed, __ATOMIC_ACQUIRE) >= at) {
			lot_leave(s, &w);
			break;
		}
		err = lot_park(s, &w, &forever, b->shared ? look_at(&pause) : NEVER);
		if (err == EINTR)
			park_stop(s, caller);
	}
}

bool park_barrier(struct stint *s, pthread_barrier_t *barrier, int *r, const void *caller)
{
	static int expected;            /* 0: not known yet; atomic, all write the same */
	struct barrier *b = (struct barrier *)barrier;
	unsigned count = b->count, max = BARRIER_MAX - BARRIER_MAX % count, at;
	struct again again = { 0 };

	if (!__atomic_load_n(&expected, __ATOMIC_RELAXED))
		__atomic_store_n(&expected, barrier_as_expected() ? 1 : -1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&expected, __ATOMIC_RELAXED) < 0)
		return false;
	while (!(at = arrive(b, max)))
		while (__atomic_load_n(&b->in, __ATOMIC_ACQUIRE) > max)
			park_again(s, &again, &forever, caller);
	await_barrier(s, b, at, caller);
	go_on(b, max);
	*r = at % count ? 0 : PTHREAD_BARRIER_SERIAL_THREAD;
	return true;
}

/* --- what a cancel gives back ---------------------------------------------------------------------- */

static void was_released(int kind, void *lock)
{
	if (!lot_crowded(lock))
		return;
	if (kind == LOCK_RWLOCK)
		lot_wake_shares(lock);
	else
		lot_wake_one(lock);
}

__attribute__((constructor)) static void at_load(void)
{
	ledger_lock_was_released = was_released;
}
