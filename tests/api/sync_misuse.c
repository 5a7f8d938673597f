/*
 * sync_misuse.c - every wrong use of a lock or channel returns its documented error and does no harm; errno
 * is left alone
 */
#include "actors.h"

#include <limits.h>

static void *in_thread(void *arg)
{
	int (*fn)(void) = *(int (**)(void))arg;

	return (void *)(intptr_t)fn();
}

/* what @fn returns when somebody else calls it */
static int elsewhere(enum kind kind, int (*fn)(void))
{
	struct actor a;

	start(&a, kind, in_thread, &fn);
	return (int)(intptr_t)finish(&a);
}

#define ELSEWHERE(fn, err)                                              \
	for (int kind = 0; kind < KINDS; kind++)                        \
		CHECK_INT(elsewhere((enum kind)kind, fn), ==, err)

/* --- mutex and condition ----------------------------------------------------------------------- */

static stint_mutex_t m = STINT_MUTEX_INIT, other = STINT_MUTEX_INIT;
static stint_cond_t c = STINT_COND_INIT;

static int unlock_m(void) { return stint_mutex_unlock(&m); }
static int try_m(void) { return stint_mutex_trylock(&m); }
static int timed_m(void) { return stint_mutex_lock_timed(&m, STINT_MS(1)); }
static int once_m(void) { return stint_mutex_lock_timed(&m, 0); }
static int wait_m(void) { return stint_cond_wait(&c, &m); }

static void mutexes(void)
{
	CHECK_INT(stint_mutex_unlock(&m), ==, EPERM);
	CHECK_INT(stint_mutex_lock_timed(&m, -1), ==, EINVAL);
	CHECK_INT(stint_mutex_lock_timed(&m, INT64_MIN), ==, EINVAL);
	CHECK_INT(stint_mutex_destroy(&m), ==, 0);
	CHECK_INT(stint_mutex_lock_timed(&m, 0), ==, 0);
	CHECK_INT(stint_mutex_lock(&m), ==, EDEADLK);
	CHECK_INT(stint_mutex_lock_timed(&m, STINT_S(100)), ==, EDEADLK);
	CHECK_INT(stint_mutex_lock_timed(&m, 0), ==, EDEADLK);
	CHECK_INT(stint_mutex_trylock(&m), ==, EBUSY);
	CHECK_INT(stint_mutex_destroy(&m), ==, EBUSY);
	ELSEWHERE(unlock_m, EPERM);
	ELSEWHERE(try_m, EBUSY);
	ELSEWHERE(timed_m, ETIMEDOUT);
	ELSEWHERE(once_m, ETIMEDOUT);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	CHECK_INT(stint_mutex_unlock(&m), ==, EPERM);
	ELSEWHERE(unlock_m, EPERM);
	CHECK_INT(m.owner, ==, 0);
}

static void *waits_with_m(void *arg)
{
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	CHECK_INT(stint_cond_wait(&c, &m), ==, 0);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	return arg;
}

static int wait_with_other(void)
{
	int r;

	CHECK_INT(stint_mutex_lock(&other), ==, 0);
	r = stint_cond_wait(&c, &other);
	CHECK_INT(stint_mutex_unlock(&other), ==, 0);
	return r;
}

static void conditions(void)
{
	struct actor a;

	CHECK_INT(stint_cond_wait(&c, &m), ==, EPERM);
	CHECK_INT(stint_cond_wait_timed(&c, &m, STINT_MS(1)), ==, EPERM);
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	CHECK_INT(stint_cond_wait_timed(&c, &m, -1), ==, EINVAL);
	ELSEWHERE(wait_m, EPERM);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	for (int kind = 0; kind < KINDS; kind++) {
		start(&a, (enum kind)kind, waits_with_m, NULL);
		AWAIT(LOAD(c.waiters.n));
		ELSEWHERE(wait_with_other, EINVAL);
		CHECK_INT(stint_cond_destroy(&c), ==, EBUSY);
		CHECK_INT(stint_cond_signal(&c), ==, 0);
		finish(&a);
		CHECK_INT(stint_cond_destroy(&c), ==, 0);
	}
	/* nobody waits any more: another mutex will do */
	CHECK_INT(stint_mutex_lock(&other), ==, 0);
	CHECK_INT(stint_cond_wait_timed(&c, &other, 0), ==, ETIMEDOUT);
	CHECK_INT(stint_mutex_unlock(&other), ==, 0);
}

/* --- reader-writer lock ------------------------------------------------------------------------ */

static stint_rwlock_t l = STINT_RWLOCK_INIT;

static int unlock_l(void) { return stint_rwlock_unlock(&l); }
static int tryrd_l(void) { return stint_rwlock_tryrdlock(&l); }
static int trywr_l(void) { return stint_rwlock_trywrlock(&l); }
static int timedrd_l(void) { return stint_rwlock_rdlock_timed(&l, STINT_MS(1)); }
static int timedwr_l(void) { return stint_rwlock_wrlock_timed(&l, STINT_MS(1)); }

static void rwlocks(void)
{
	CHECK_INT(stint_rwlock_unlock(&l), ==, EPERM);
	CHECK_INT(stint_rwlock_rdlock_timed(&l, -1), ==, EINVAL);
	CHECK_INT(stint_rwlock_wrlock_timed(&l, -1), ==, EINVAL);
	CHECK_INT(stint_rwlock_wrlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_wrlock(&l), ==, EDEADLK);
	CHECK_INT(stint_rwlock_rdlock(&l), ==, EDEADLK);
	CHECK_INT(stint_rwlock_rdlock_timed(&l, 0), ==, EDEADLK);
	CHECK_INT(stint_rwlock_trywrlock(&l), ==, EBUSY);
	CHECK_INT(stint_rwlock_tryrdlock(&l), ==, EBUSY);
	CHECK_INT(stint_rwlock_destroy(&l), ==, EBUSY);
	ELSEWHERE(unlock_l, EPERM);
	ELSEWHERE(tryrd_l, EBUSY);
	ELSEWHERE(trywr_l, EBUSY);
	ELSEWHERE(timedrd_l, ETIMEDOUT);
	ELSEWHERE(timedwr_l, ETIMEDOUT);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_rdlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_rdlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_wrlock_timed(&l, 0), ==, ETIMEDOUT);
	CHECK_INT(stint_rwlock_destroy(&l), ==, EBUSY);
	ELSEWHERE(trywr_l, EBUSY);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	ELSEWHERE(unlock_l, kind ? EPERM : 0);  /* a reader's is anybody's, once */
	CHECK_INT(stint_rwlock_unlock(&l), ==, EPERM);
	CHECK_INT(stint_rwlock_destroy(&l), ==, 0);
	l.state = 2 + 8 * (uintptr_t)UINT32_MAX;        /* as many readers as there can be */
	CHECK_INT(stint_rwlock_rdlock(&l), ==, EAGAIN);
	CHECK_INT(stint_rwlock_tryrdlock(&l), ==, EAGAIN);
	CHECK_INT(stint_rwlock_rdlock_timed(&l, STINT_MS(1)), ==, EAGAIN);
	CHECK_INT(stint_rwlock_trywrlock(&l), ==, EBUSY);
}

/* --- the others -------------------------------------------------------------------------------- */

static void semaphores(void)
{
	stint_sem_t s;

	CHECK_INT(stint_sem_init(&s, (unsigned)INT_MAX + 1), ==, EINVAL);
	CHECK_INT(stint_sem_init(&s, UINT_MAX), ==, EINVAL);
	CHECK_INT(stint_sem_init(&s, INT_MAX), ==, 0);
	CHECK_INT(stint_sem_post(&s), ==, EOVERFLOW);
	CHECK_INT(stint_sem_value(&s), ==, INT_MAX);
	CHECK_INT(stint_sem_wait(&s), ==, 0);
	CHECK_INT(stint_sem_post(&s), ==, 0);
	CHECK_INT(stint_sem_post(&s), ==, EOVERFLOW);
	CHECK_INT(stint_sem_destroy(&s), ==, 0);
	CHECK_INT(stint_sem_init(&s, 0), ==, 0);
	CHECK_INT(stint_sem_trywait(&s), ==, EAGAIN);
	CHECK_INT(stint_sem_wait_timed(&s, -1), ==, EINVAL);
	CHECK_INT(stint_sem_wait_timed(&s, 0), ==, ETIMEDOUT);
	CHECK_INT(stint_sem_wait_timed(&s, STINT_MS(1)), ==, ETIMEDOUT);
}

static stint_sem_t waited = STINT_SEM_INIT(0);
static int wait_waited(void) { return stint_sem_wait(&waited); }

static void waited_for(enum kind kind)
{
	int (*fn)(void) = wait_waited;
	struct actor a;

	start(&a, kind, in_thread, &fn);
	AWAIT(LOAD(waited.waiters.n));
	CHECK_INT(stint_sem_destroy(&waited), ==, EBUSY);
	CHECK_INT(stint_sem_post(&waited), ==, 0);
	CHECK(finish(&a) == NULL);
	CHECK_INT(stint_sem_destroy(&waited), ==, 0);
}

static void nothing(void)
{
}

static void barriers_and_others(void)
{
	stint_barrier_t b;
	stint_once_t o = STINT_ONCE_INIT;
	stint_waitgroup_t g = STINT_WAITGROUP_INIT;

	memset(&b, 0, sizeof(b));
	CHECK_INT(stint_barrier_wait(&b), ==, EINVAL);
	CHECK_INT(stint_barrier_wait_timed(&b, STINT_MS(1)), ==, EINVAL);
	CHECK_INT(stint_barrier_init(&b, 0), ==, EINVAL);
	CHECK_INT(stint_barrier_init(&b, 2), ==, 0);
	CHECK_INT(stint_barrier_wait_timed(&b, -1), ==, EINVAL);
	CHECK_INT(stint_barrier_wait_timed(&b, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_barrier_destroy(&b), ==, 0);

	CHECK_INT(stint_once_run(&o, NULL), ==, EINVAL);
	CHECK_INT(stint_once_run_timed(&o, nothing, -1), ==, EINVAL);
	CHECK_INT(stint_once_run(&o, nothing), ==, 0);
	CHECK_INT(stint_once_run(&o, NULL), ==, EINVAL);

	CHECK_INT(stint_waitgroup_done(&g), ==, EINVAL);
	CHECK_INT(stint_waitgroup_add(&g, -1), ==, EINVAL);
	CHECK_INT(stint_waitgroup_add(&g, LONG_MIN), ==, EINVAL);
	CHECK_INT(stint_waitgroup_add(&g, LONG_MAX), ==, 0);
	CHECK_INT(stint_waitgroup_add(&g, 1), ==, EOVERFLOW);
	CHECK_INT(stint_waitgroup_wait_timed(&g, -1), ==, EINVAL);
	CHECK_INT(stint_waitgroup_wait_timed(&g, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_waitgroup_add(&g, -LONG_MAX), ==, 0);
	CHECK_INT(stint_waitgroup_wait(&g), ==, 0);
	CHECK_INT(stint_waitgroup_destroy(&g), ==, 0);
}

static void channels(void)
{
	stint_chan_t *ch;
	long v = 7;

	errno = 0;
	CHECK(!stint_chan_create(2, SIZE_MAX / 2 + 1));
	CHECK_INT(errno, ==, EINVAL);
	errno = 0;
	CHECK(!stint_chan_create(SIZE_MAX, 1));
	CHECK_INT(errno, ==, EINVAL);
	errno = 0;
	CHECK(!stint_chan_create(SIZE_MAX, 0));
	CHECK_INT(errno, ==, EINVAL);
	if (!getenv("STINT_ASAN")) {            /* which ends a program that asks for so much */
		errno = 0;
		CHECK(!stint_chan_create(1, (size_t)1 << 62));
		CHECK_INT(errno, ==, ENOMEM);
	}
	errno = 77;
	ch = stint_chan_create(0, SIZE_MAX);    /* signals only need no room */
	CHECK(ch);
	CHECK(stint_chan_capacity(ch) == SIZE_MAX);
	for (int i = 0; i < 100; i++)
		CHECK_INT(stint_chan_send(ch, NULL), ==, 0);
	CHECK_INT(stint_chan_length(ch), ==, 100);
	stint_chan_free(ch);

	CHECK_INT(stint_chan_send(NULL, &v), ==, EINVAL);
	CHECK_INT(stint_chan_recv(NULL, &v), ==, EINVAL);
	CHECK_INT(stint_chan_send_timed(NULL, &v, 0), ==, EINVAL);
	CHECK_INT(stint_chan_recv_timed(NULL, &v, 0), ==, EINVAL);
	CHECK_INT(stint_chan_close(NULL), ==, EINVAL);
	CHECK_INT(stint_chan_length(NULL), ==, 0);
	CHECK_INT(stint_chan_capacity(NULL), ==, 0);
	stint_chan_free(NULL);
	ch = stint_chan_create(sizeof(v), 1);
	CHECK(ch);
	CHECK_INT(stint_chan_send_timed(ch, &v, -1), ==, EINVAL);
	CHECK_INT(stint_chan_recv_timed(ch, &v, -1), ==, EINVAL);
	CHECK_INT(stint_chan_recv_timed(ch, &v, 0), ==, ETIMEDOUT);
	CHECK_INT(stint_chan_recv_timed(ch, &v, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_chan_send_timed(ch, &v, STINT_MS(1)), ==, 0);
	CHECK_INT(stint_chan_send_timed(ch, &v, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(v, ==, 7);
	CHECK_INT(stint_chan_close(ch), ==, 0);
	CHECK_INT(stint_chan_close(ch), ==, EPIPE);
	CHECK_INT(stint_chan_send(ch, &v), ==, EPIPE);
	stint_chan_free(ch);
}

static void nulls(void)
{
	CHECK_INT(stint_mutex_lock(NULL), ==, EINVAL);
	CHECK_INT(stint_mutex_trylock(NULL), ==, EINVAL);
	CHECK_INT(stint_mutex_lock_timed(NULL, STINT_MS(1)), ==, EINVAL);
	CHECK_INT(stint_mutex_unlock(NULL), ==, EINVAL);
	CHECK_INT(stint_mutex_destroy(NULL), ==, EINVAL);
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	CHECK_INT(stint_cond_wait(NULL, &m), ==, EINVAL);
	CHECK_INT(stint_cond_wait_timed(NULL, &m, STINT_MS(1)), ==, EINVAL);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	CHECK_INT(stint_cond_wait(&c, NULL), ==, EINVAL);
	CHECK_INT(stint_cond_wait_timed(&c, NULL, STINT_MS(1)), ==, EINVAL);
	CHECK_INT(stint_cond_signal(NULL), ==, EINVAL);
	CHECK_INT(stint_cond_broadcast(NULL), ==, EINVAL);
	CHECK_INT(stint_cond_destroy(NULL), ==, EINVAL);
	CHECK_INT(stint_rwlock_rdlock(NULL), ==, EINVAL);
	CHECK_INT(stint_rwlock_tryrdlock(NULL), ==, EINVAL);
	CHECK_INT(stint_rwlock_rdlock_timed(NULL, 0), ==, EINVAL);
	CHECK_INT(stint_rwlock_wrlock(NULL), ==, EINVAL);
	CHECK_INT(stint_rwlock_trywrlock(NULL), ==, EINVAL);
	CHECK_INT(stint_rwlock_wrlock_timed(NULL, 0), ==, EINVAL);
	CHECK_INT(stint_rwlock_unlock(NULL), ==, EINVAL);
	CHECK_INT(stint_rwlock_destroy(NULL), ==, EINVAL);
	CHECK_INT(stint_sem_init(NULL, 1), ==, EINVAL);
	CHECK_INT(stint_sem_wait(NULL), ==, EINVAL);
	CHECK_INT(stint_sem_trywait(NULL), ==, EINVAL);
	CHECK_INT(stint_sem_wait_timed(NULL, 0), ==, EINVAL);
	CHECK_INT(stint_sem_post(NULL), ==, EINVAL);
	CHECK_INT(stint_sem_value(NULL), ==, 0);
	CHECK_INT(stint_sem_destroy(NULL), ==, EINVAL);
	CHECK_INT(stint_barrier_init(NULL, 1), ==, EINVAL);
	CHECK_INT(stint_barrier_wait(NULL), ==, EINVAL);
	CHECK_INT(stint_barrier_wait_timed(NULL, 0), ==, EINVAL);
	CHECK_INT(stint_barrier_destroy(NULL), ==, EINVAL);
	CHECK_INT(stint_once_run(NULL, nothing), ==, EINVAL);
	CHECK_INT(stint_once_run_timed(NULL, nothing, 0), ==, EINVAL);
	CHECK_INT(stint_waitgroup_add(NULL, 1), ==, EINVAL);
	CHECK_INT(stint_waitgroup_done(NULL), ==, EINVAL);
	CHECK_INT(stint_waitgroup_wait(NULL), ==, EINVAL);
	CHECK_INT(stint_waitgroup_wait_timed(NULL, 0), ==, EINVAL);
	CHECK_INT(stint_waitgroup_destroy(NULL), ==, EINVAL);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	errno = 77;
	mutexes();
	conditions();
	rwlocks();
	semaphores();
	for (int kind = 0; kind < KINDS; kind++)
		waited_for((enum kind)kind);
	barriers_and_others();
	nulls();
	CHECK_INT(errno, ==, 77);
	channels();
	CHECK_INT(errno, ==, 77);
	return 0;
}
