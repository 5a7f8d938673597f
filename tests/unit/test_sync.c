/*
 * test_sync.c - what locks do to those in their queues, step by step
 */
#include "unit.h"

#include <limits.h>

#include "fake.h"
#include "sync/mutex.h"

#define WAITED 1
#define HANDED 2                        /* and has not run since */

static void set_waited(stint_mutex_t *m, uintptr_t owner)
{
	m->owner = owner | WAITED;
}

START_TEST(mutex_is_handed_over)
{
	stint_mutex_t m = STINT_MUTEX_INIT;
	struct stint_waiter w[2];

	ck_assert_int_eq(stint_mutex_lock(&m), 0);
	ck_assert_uint_eq(m.owner, park_identity());
	fake(&w[0], &m.waiters, 1, 0, NULL);
	fake(&w[1], &m.waiters, 2, 0, NULL);
	set_waited(&m, m.owner);
	ck_assert_int_eq(stint_mutex_lock(&m), EDEADLK);
	ck_assert_int_eq(stint_mutex_unlock(&m), 0);
	ck_assert_uint_eq(m.owner, ID(1) | WAITED | HANDED);
	ck_assert(is_woken(&w[0]) && !is_woken(&w[1]));
	ck_assert_int_eq(w[0].result, 0);
	ck_assert_int_eq(stint_mutex_unlock(&m), EPERM);
	ck_assert_int_eq(stint_mutex_trylock(&m), EBUSY);
	ck_assert_int_eq(stint_mutex_destroy(&m), EBUSY);
	set_waited(&m, park_identity());
	ck_assert_int_eq(stint_mutex_unlock(&m), 0);
	ck_assert_uint_eq(m.owner, ID(2) | HANDED);
	ck_assert(is_woken(&w[1]));
	ck_assert_ptr_null(m.waiters.first);
}
END_TEST

/* it is the owner's all the same, before it has run and after, and no longer said once it has */
START_TEST(mutex_arrives)
{
	stint_mutex_t m = STINT_MUTEX_INIT;
	struct stint_waiter w;

	m.owner = park_identity() | HANDED;
	ck_assert_int_eq(stint_mutex_lock(&m), EDEADLK);
	ck_assert_int_eq(stint_mutex_trylock(&m), EBUSY);
	ck_assert_int_eq(stint_mutex_unlock(&m), 0);
	ck_assert_uint_eq(m.owner, 0);

	m.owner = park_identity() | HANDED;
	fake(&w, &m.waiters, 1, 0, NULL);
	m.owner |= WAITED;
	mutex_arrived(&m);
	ck_assert_uint_eq(m.owner, park_identity() | WAITED);
	m.owner |= HANDED;
	ck_assert_int_eq(stint_mutex_unlock(&m), 0);
	ck_assert_uint_eq(m.owner, ID(1) | HANDED);
	ck_assert(is_woken(&w));
}
END_TEST

/* bit 0 goes with the last who gives up, and never comes with who does not wait */
START_TEST(mutex_bit)
{
	stint_mutex_t m = STINT_MUTEX_INIT;
	struct stint_waiter w[2];

	fake(&w[0], &m.waiters, 2, 0, NULL);
	fake(&w[1], &m.waiters, 3, 0, NULL);
	set_waited(&m, ID(1));
	ck_assert(mutex_leave(&m, &w[0]));
	ck_assert_uint_eq(m.owner, ID(1) | WAITED);
	ck_assert(!mutex_leave(&m, &w[0]));
	ck_assert(mutex_leave(&m, &w[1]));
	ck_assert_uint_eq(m.owner, ID(1));
	ck_assert_int_eq(stint_mutex_lock_timed(&m, 0), ETIMEDOUT);
	ck_assert_uint_eq(m.owner, ID(1));
	ck_assert_int_eq(stint_mutex_lock_timed(&m, STINT_MS(1)), ETIMEDOUT);
	ck_assert_uint_eq(m.owner, ID(1));
	ck_assert_uint_eq(m.waiters.n, 0);
	ck_assert_int_eq(m.waiters.lock, 0);
}
END_TEST

START_TEST(signal_moves_to_mutex)
{
	stint_mutex_t m = STINT_MUTEX_INIT;
	stint_cond_t c = STINT_COND_INIT;
	struct stint_waiter w[4];

	for (unsigned i = 0; i < 4; i++)
		fake(&w[i], &c.waiters, i + 1, 0, NULL);
	c.mutex = &m;
	ck_assert_int_eq(stint_mutex_lock(&m), 0);
	ck_assert_int_eq(stint_cond_signal(&c), 0);
	ck_assert_uint_eq(c.waiters.n, 3);
	ck_assert_ptr_eq(m.waiters.first, &w[0]);
	ck_assert_uint_eq(m.owner, park_identity() | WAITED);
	ck_assert(!is_woken(&w[0]));
	ck_assert_int_eq(stint_mutex_unlock(&m), 0);
	ck_assert_uint_eq(m.owner, ID(1) | HANDED);
	ck_assert(is_woken(&w[0]) && !is_woken(&w[1]));

	/* free: the first has it, the others wait for it, in order */
	m.owner = 0;
	ck_assert_int_eq(stint_cond_broadcast(&c), 0);
	ck_assert_uint_eq(c.waiters.n, 0);
	ck_assert_uint_eq(m.owner, ID(2) | WAITED | HANDED);
	ck_assert(is_woken(&w[1]) && !is_woken(&w[2]) && !is_woken(&w[3]));
	ck_assert_ptr_eq(m.waiters.first, &w[2]);
	ck_assert_ptr_eq(m.waiters.last, &w[3]);
	ck_assert_int_eq(w[3].reason, PARK_MUTEX);
	ck_assert_ptr_eq(w[3].object, &m);
	ck_assert_int_eq(c.waiters.lock | m.waiters.lock, 0);
}
END_TEST

/* one that is signalled between going into the queue and giving up the mutex: marked, though it is the owner itself */
START_TEST(signalled_while_owner)
{
	stint_mutex_t m = STINT_MUTEX_INIT;
	stint_cond_t c = STINT_COND_INIT;
	struct stint_waiter w;

	ck_assert_int_eq(stint_mutex_lock(&m), 0);
	fake(&w, &c.waiters, 1, 0, NULL);
	w.id = park_identity();
	c.mutex = &m;
	ck_assert_int_eq(stint_cond_signal(&c), 0);
	ck_assert_uint_eq(m.owner, park_identity() | WAITED);
	ck_assert_int_eq(stint_mutex_unlock(&m), 0);
	ck_assert(is_woken(&w));
	ck_assert_uint_eq(m.owner, park_identity() | HANDED);
}
END_TEST

enum { READ, WRITE };

/* the word of a lock that so many have for reading */
static uintptr_t readers(unsigned n)
{
	return 2 + 8 * (uintptr_t)n;
}

START_TEST(rwlock_serves_up_to_next_writer)
{
	stint_rwlock_t l = STINT_RWLOCK_INIT;
	struct stint_waiter w[5];

	ck_assert_int_eq(stint_rwlock_wrlock(&l), 0);
	fake(&w[0], &l.waiters, 1, READ, NULL);
	fake(&w[1], &l.waiters, 2, READ, NULL);
	fake(&w[2], &l.waiters, 3, WRITE, NULL);
	fake(&w[3], &l.waiters, 4, READ, NULL);
	fake(&w[4], &l.waiters, 5, WRITE, NULL);
	l.state |= WAITED;
	ck_assert_int_eq(stint_rwlock_unlock(&l), 0);
	ck_assert_uint_eq(l.state, readers(2) | WAITED);
	ck_assert(is_woken(&w[0]) && is_woken(&w[1]) && !is_woken(&w[2]) && !is_woken(&w[3]));
	ck_assert_int_eq(stint_rwlock_tryrdlock(&l), EBUSY);
	ck_assert_int_eq(stint_rwlock_unlock(&l), 0);
	ck_assert(!is_woken(&w[2]));
	ck_assert_int_eq(stint_rwlock_unlock(&l), 0);
	ck_assert_uint_eq(l.state, ID(3) | WAITED);
	ck_assert(is_woken(&w[2]) && !is_woken(&w[3]));
	l.state = park_identity() | WAITED;
	ck_assert_int_eq(stint_rwlock_unlock(&l), 0);
	ck_assert_uint_eq(l.state, readers(1) | WAITED);
	ck_assert(is_woken(&w[3]) && !is_woken(&w[4]));
	ck_assert_int_eq(stint_rwlock_unlock(&l), 0);
	ck_assert_uint_eq(l.state, ID(5));
	ck_assert_uint_eq(l.waiters.n, 0);
}
END_TEST

/* a writer in front that gives up lets the readers behind it go on */
START_TEST(rwlock_giving_up)
{
	stint_rwlock_t l = STINT_RWLOCK_INIT;
	struct stint_waiter w;

	ck_assert_int_eq(stint_rwlock_rdlock(&l), 0);
	ck_assert_int_eq(stint_rwlock_wrlock_timed(&l, STINT_MS(1)), ETIMEDOUT);
	ck_assert_uint_eq(l.waiters.n, 0);
	ck_assert_uint_eq(l.state, readers(1));
	fake(&w, &l.waiters, 1, READ, NULL);    /* as if it had come behind that writer */
	l.state |= WAITED;
	ck_assert_int_eq(stint_rwlock_wrlock_timed(&l, STINT_MS(1)), ETIMEDOUT);
	ck_assert(is_woken(&w));
	ck_assert_uint_eq(l.state, readers(2));
}
END_TEST

#define SEM_WAITED ((uint64_t)1 << 32)
#define SEM_LOCKED ((uint64_t)1 << 33)

/* whoever posts while another has the lock only counts; whoever has it, hands out */
START_TEST(sem_lock_in_the_word)
{
	stint_sem_t s = STINT_SEM_INIT(0);
	struct stint_waiter w[2];

	fake(&w[0], &s.waiters, 1, 0, NULL);
	fake(&w[1], &s.waiters, 2, 0, NULL);
	s.state = SEM_WAITED | SEM_LOCKED;
	ck_assert_int_eq(stint_sem_post(&s), 0);
	ck_assert(s.state == (SEM_WAITED | SEM_LOCKED | 1));
	ck_assert(!is_woken(&w[0]));
	ck_assert_int_eq(stint_sem_trywait(&s), EAGAIN);
	s.state &= ~SEM_LOCKED;
	ck_assert_int_eq(stint_sem_post(&s), 0);
	ck_assert(is_woken(&w[0]) && is_woken(&w[1]));
	ck_assert(s.state == 0);
	ck_assert_int_eq(stint_sem_post(&s), 0);
	ck_assert(s.state == 1);
	fake(&w[0], &s.waiters, 1, 0, NULL);
	s.state = SEM_WAITED | INT_MAX;
	ck_assert_int_eq(stint_sem_post(&s), EOVERFLOW);
	ck_assert_int_eq(stint_sem_destroy(&s), EBUSY);
}
END_TEST

START_TEST(barrier_and_group_wake_all)
{
	stint_barrier_t b = STINT_BARRIER_INIT(3);
	stint_waitgroup_t g = STINT_WAITGROUP_INIT;
	struct stint_waiter w[3];

	fake(&w[0], &b.waiters, 1, 0, NULL);
	fake(&w[1], &b.waiters, 2, 0, NULL);
	b.present = 2;
	ck_assert_int_eq(stint_barrier_wait(&b), STINT_BARRIER_LAST);
	ck_assert(is_woken(&w[0]) && is_woken(&w[1]));
	ck_assert_int_eq(w[0].result, 0);
	ck_assert_uint_eq(b.present, 0);
	ck_assert_uint_eq(b.waiters.n, 0);

	ck_assert_int_eq(stint_waitgroup_add(&g, 2), 0);
	fake(&w[0], &g.waiters, 1, 0, NULL);
	fake(&w[1], &g.waiters, 2, 0, NULL);
	ck_assert_int_eq(stint_waitgroup_done(&g), 0);
	ck_assert(!is_woken(&w[0]));
	ck_assert_int_eq(stint_waitgroup_done(&g), 0);
	ck_assert(is_woken(&w[0]) && is_woken(&w[1]));
}
END_TEST

static void *comes_last(void *object)
{
	ck_assert_int_eq(stint_barrier_wait(object), STINT_BARRIER_LAST);
	return NULL;
}

static void *counts_down(void *object)
{
	ck_assert_int_eq(stint_waitgroup_done(object), 0);
	return NULL;
}

/* who is woken may destroy the object, and one that gives up goes for its lock */
START_TEST(none_is_woken_before_the_late)
{
	for (int first = 0; first < 2; first++) {
		stint_barrier_t b = STINT_BARRIER_INIT(3);
		stint_waitgroup_t g = STINT_WAITGROUP_INIT;
		struct stint_waiter late, other;

		fake_late(&late, &b.waiters, 1, 0, NULL);
		fake(&other, &b.waiters, 2, 0, NULL);
		if (!first) {
			waitq_remove(&b.waiters, &late);
			waitq_add(&b.waiters, &late);
		}
		b.present = 2;
		serve_late(comes_last, &b, &b.waiters.lock, &late, &other);
		ck_assert_int_eq(stint_waitgroup_add(&g, 1), 0);
		fake(&other, &g.waiters, 1, 0, NULL);
		fake_late(&late, &g.waiters, 2, 0, NULL);
		serve_late(counts_down, &g, &g.waiters.lock, &late, &other);
	}
}
END_TEST

UNIT_MAIN("sync", mutex_is_handed_over, mutex_arrives, mutex_bit, signal_moves_to_mutex, signalled_while_owner, rwlock_serves_up_to_next_writer,
          rwlock_giving_up, sem_lock_in_the_word, barrier_and_group_wake_all, none_is_woken_before_the_late)
