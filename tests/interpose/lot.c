/*
 * lot.c - moments of waiting for objects of pthreads that do not come about by chance: a mutex that a kernel thread gives back
 * inside the C library, just after who waits for it has looked; a semaphore posted by a handler that has interrupted the holder of
 * a lock of ours
 *
 * Linked with the library's objects, to put itself between the wrapper and the C library, and to take those locks.
 */
#include "park.h"

#include <pthread.h>
#include <semaphore.h>

#include "interpose/lot.h"
#include "runq.h"
#include "worker.h"

/* --- a mutex that is given back in a wait for a condition ------------------------------------------ */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int held, slowed, done;
static int (*real_wait)(pthread_cond_t *, pthread_mutex_t *);

/* whoever was woken for the mutex has looked by now, and found it locked */
static int slow_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	__atomic_add_fetch(&slowed, 1, __ATOMIC_RELAXED);
	settle();
	return real_wait(c, m);
}

static void *waits_for_condition(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	__atomic_store_n(&held, 1, __ATOMIC_RELEASE);
	settle();               /* the thread waits for the mutex */
	while (!done)
		CHECK_INT(pthread_cond_wait(&cond, &mutex), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void *wants_mutex(void *arg)
{
	while (!__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		stint_thread_yield();
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	done = 1;
	CHECK_INT(pthread_cond_signal(&cond), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void given_back_unseen(void)
{
	stint_thread_t *t;
	pthread_t k;

	held = done = slowed = 0;
	real_wait = REAL(pthread_cond_wait);
	real_functions[REAL_pthread_cond_wait] = (void *)slow_wait;
	t = thread(wants_mutex, NULL);
	CHECK_INT(pthread_create(&k, NULL, waits_for_condition, NULL), ==, 0);
	if (stint_thread_join_timed(t, NULL, STINT_S(20)))
		test_fail(__FILE__, __LINE__, "a thread never saw that the mutex was free");
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	real_functions[REAL_pthread_cond_wait] = (void *)real_wait;
	CHECK_INT(slowed, >=, 1);
}

/* --- posts from handlers --------------------------------------------------------------------------- */

static sem_t sem;

static void on_signal(int signo)
{
	(void)signo;
	CHECK_INT(sem_post(&sem), ==, 0);
}

static void *waits_for_post(void *arg)
{
	CHECK_INT(sem_wait(&sem), ==, 0);
	return arg;
}

static void await_waiter(void)
{
	while (!lot_crowded(&sem))
		sleep_ns(100000);
}

/* the handler cannot have the lock; who lets go of it wakes the thread */
static void bucket_locked(void)
{
	struct lot_bucket *b = lot_bucket(&sem);
	stint_thread_t *t = thread(waits_for_post, NULL);

	await_waiter();
	spin_lock(&b->q.lock);
	CHECK_INT(raise(SIGUSR1), ==, 0);
	CHECK_INT(b->q.n, ==, 1);
	__atomic_store_n(&b->q.lock, 0, __ATOMIC_RELEASE);
	CHECK_INT(lot_wake_one((char *)&sem + 1), ==, LOT_NOBODY);      /* the same bucket */
	joined(t);
}

/* the handler leaves the queue alone that its thread has locked */
static void *locks_queue(void *arg)
{
	struct worker *w;
	unsigned ready;

	stint_preempt_disable();
	w = worker_here();
	runq_lock(w);
	ready = w->ready;
	CHECK_INT(raise(SIGUSR1), ==, 0);
	CHECK(!lot_crowded(&sem));              /* it has been woken */
	CHECK_INT(w->ready, ==, ready);
	runq_unlock(w);
	stint_preempt_enable();
	return arg;
}

static void queue_locked(void)
{
	stint_thread_t *t = thread(waits_for_post, NULL), *locker;

	await_waiter();
	locker = thread(locks_queue, NULL);
	joined(locker);
	joined(t);
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	test_watchdog();
	CHECK_INT(sigaction(SIGUSR1, &act, NULL), ==, 0);
	CHECK_INT(sem_init(&sem, 0, 0), ==, 0);
	for (size_t i = 0; i < sizeof(park_workers) / sizeof(park_workers[0]); i++) {
		printf("%u workers\n", park_workers[i]);
		park_start(park_workers[i]);
		given_back_unseen();
		puts("handlers");
		bucket_locked();
		queue_locked();
		park_stop_all();
	}
	return 0;
}
