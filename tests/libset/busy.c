/*
 * busy.c - see busy.h
 */
#include <pthread.h>
#include <threads.h>
#include <unistd.h>

#include "busy.h"

static pthread_t thread;
static volatile int rounds, stop;
static int *forks;
static int own;

/* called by its address, which is the same in all copies: the thread is in the set, so it leads to this copy */
int busy_step(void);

int busy_step(void)
{
	return ++rounds;
}

static int (*volatile step)(void) = busy_step;

static void *go_round(void *arg)
{
	int before = rounds;

	own = step() == before + 1 && rounds == before + 1;
	while (!stop) {
		step();
		usleep(1000);           /* can be cancelled here */
	}
	return arg;
}

int busy_start(void)
{
	stop = 0;
	return pthread_create(&thread, NULL, go_round, NULL);
}

int busy_count(void)
{
	return rounds;
}

int busy_own_address(void)
{
	return own;
}

int busy_stop(int cancel)
{
	void *result;

	if (cancel)
		pthread_cancel(thread);         /* stop could end it first, between two cancellation points */
	else
		stop = 1;
	return pthread_join(thread, &result) || (cancel && result != PTHREAD_CANCELED);
}

static void destroy(void *value)
{
	++*(int *)value;
}

int busy_key(int *destroyed)
{
	static pthread_key_t key;
	static int made;

	if (!made && pthread_key_create(&key, destroy))
		return -1;
	made = 1;
	return pthread_setspecific(key, destroyed);
}

int busy_c11_key(int *destroyed)
{
	tss_t key, other;

	if (tss_create(&other, destroy) != thrd_success || tss_create(&key, destroy) != thrd_success)
		return -1;
	tss_delete(other);
	return tss_set(key, destroyed) == thrd_success ? 0 : -1;
}

static void on_fork(void)
{
	++*forks;
}

int busy_watch_forks(int *counter)
{
	forks = counter;
	return pthread_atfork(on_fork, NULL, NULL);
}
