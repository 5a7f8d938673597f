/*
 * thread_short_calls.c - threads that do nothing but call one short function, over and over, are stopped like others
 *
 * Nearly each tick finds them in it: in our text, or in libc's. Where that refuses, the tick is for nothing, and the turn goes on.
 */
#include <stdlib.h>

#include <stint.h>

#include "../test.h"

#define TURNS 40
#define TICKS_EACH 10           /* at most */

static stint_mutex_t mutex = STINT_MUTEX_INIT;
static stint_rwlock_t rwlock = STINT_RWLOCK_INIT;
static stint_sem_t sem = STINT_SEM_INIT(8);
static stint_once_t once = STINT_ONCE_INIT;
static stint_cond_t cond = STINT_COND_INIT;
static volatile double number;
static volatile long integer;

/* Others may have it: who stopped us. Nobody is to wait for it. */
static void tries_mutex(void)
{
	if (!stint_mutex_trylock(&mutex))
		CHECK_INT(stint_mutex_unlock(&mutex), ==, 0);
}

static void locks_own(void)
{
	stint_mutex_t own = STINT_MUTEX_INIT;

	for (int i = 0; i < 1000; i++) {
		stint_mutex_lock(&own);
		stint_mutex_unlock(&own);
		stint_mutex_lock_timed(&own, STINT_S(1));
		stint_mutex_unlock(&own);
	}
}

static void reads(void)
{
	stint_rwlock_rdlock(&rwlock);
	stint_rwlock_unlock(&rwlock);
	stint_rwlock_rdlock_timed(&rwlock, STINT_S(1));
	stint_rwlock_unlock(&rwlock);
	stint_rwlock_tryrdlock(&rwlock);
	stint_rwlock_unlock(&rwlock);
}

static void writes_own(void)
{
	stint_rwlock_t own = STINT_RWLOCK_INIT;

	for (int i = 0; i < 1000; i++) {
		stint_rwlock_wrlock(&own);
		stint_rwlock_unlock(&own);
		stint_rwlock_wrlock_timed(&own, STINT_S(1));
		stint_rwlock_unlock(&own);
		stint_rwlock_trywrlock(&own);
		stint_rwlock_unlock(&own);
	}
}

static void takes_token(void)
{
	stint_sem_wait(&sem);
	stint_sem_post(&sem);
	stint_sem_wait_timed(&sem, STINT_S(1));
	stint_sem_post(&sem);
	if (!stint_sem_trywait(&sem))
		stint_sem_post(&sem);
}

static void nothing(void)
{
}

static void runs_once(void)
{
	stint_once_run(&once, nothing);
	stint_once_run_timed(&once, nothing, STINT_S(1));
}

static void signals(void)
{
	stint_cond_signal(&cond);
	stint_cond_broadcast(&cond);
}

#ifndef __SANITIZE_ADDRESS__    /* it has its own ones in front of these, and is not stopped in them */
static void reads_number(void)
{
	number = strtod("3.14159265358979323846e7", NULL);
}

static void reads_integer(void)
{
	integer = strtol("1234567890123456", NULL, 10);
}
#endif

static void asks(void)
{
	struct stint_usage usage;

	CHECK_INT(stint_thread_usage(stint_thread_self(), &usage), ==, 0);
	CHECK_INT(usage.cpu_ns, <, STINT_S(1000));
}

static const struct call {
	const char *name;
	void (*once)(void);
} calls[] = {
	{ "mutex", locks_own }, { "mutex, try", tries_mutex }, { "rwlock, read", reads }, { "rwlock, write", writes_own },
	{ "semaphore", takes_token }, { "once", runs_once }, { "condition variable", signals },
	{ "usage", asks },
#ifndef __SANITIZE_ADDRESS__
	{ "strtod", reads_number }, { "strtol", reads_integer },
#endif
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static int over;

static void *repeats(void *arg)
{
	const struct call *call = arg;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		call->once();
	return arg;
}

static struct stint_worker_stats counted(void)
{
	struct stint_worker_stats s;

	CHECK_INT(stint_worker_stats(0, &s), ==, 0);
	return s;
}

static void are_stopped(const struct call *call)
{
	stint_thread_t *t[2];
	struct stint_worker_stats before, now;

	over = 0;
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, repeats, (void *)call), ==, 0);
	before = counted();
	do {
		sleep_ns(1000000);
		now = counted();
		now.preemptions -= before.preemptions;
		now.ticks -= before.ticks;
	} while (now.preemptions < TURNS && now.ticks < TURNS * TICKS_EACH);
	if (now.preemptions < TURNS)
		test_fail(__FILE__, __LINE__, "%s: stopped by %lu of %lu ticks", call->name, (unsigned long)now.preemptions,
		          (unsigned long)now.ticks);
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1 };

#ifdef __SANITIZE_THREAD__
	test_skip("its runtime, in which nobody is stopped, takes most of the time of these");
#endif
	test_watchdog();
	CHECK(!stint_unsupported());
	CHECK_INT(stint_start(&config), ==, 0);
	for (size_t i = 0; i < CALLS; i++)
		are_stopped(&calls[i]);
	CHECK_INT(stint_stop(), ==, 0);
	return 0;
}
