/*
 * threads-nptl.c - threads of libc, measured as peer.h says
 *
 * How many CPUs they have is their workers. A channel is a word, a flag, a mutex and a condition.
 */
#include "peer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define STACK 65536

typedef pthread_t lib_thread_t;
typedef pthread_mutex_t lib_mutex_t;
#define LIB_SOCKETS
#define LIB_MUTEX_INIT = PTHREAD_MUTEX_INITIALIZER

static inline lib_thread_t *lib_threads(unsigned long n)
{
	return calloc(n, sizeof(lib_thread_t));
}

static inline int lib_create(lib_thread_t *thread, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	error = pthread_create(thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return error;
}

static inline void *lib_join(lib_thread_t *thread)
{
	void *result;

	return pthread_join(*thread, &result) ? NULL : result;
}

static inline void lib_yield(void)
{
	sched_yield();
}

static inline void lib_sleep(long ns)
{
	const struct timespec span = { ns / 1000000000, ns % 1000000000 };

	nanosleep(&span, NULL);
}

static inline void lib_lock(lib_mutex_t *mutex)
{
	pthread_mutex_lock(mutex);
}

static inline void lib_unlock(lib_mutex_t *mutex)
{
	pthread_mutex_unlock(mutex);
}

typedef struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool full;
	uint64_t word;
} lib_channel_t;

static lib_channel_t *lib_channel(void)
{
	lib_channel_t *c = calloc(1, sizeof(*c));

	if (c) {
		pthread_mutex_init(&c->mutex, NULL);
		pthread_cond_init(&c->changed, NULL);
	}
	return c;
}

static void lib_send(lib_channel_t *c, uint64_t word)
{
	pthread_mutex_lock(&c->mutex);
	while (c->full)
		pthread_cond_wait(&c->changed, &c->mutex);
	c->word = word;
	c->full = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->mutex);
}

static uint64_t lib_recv(lib_channel_t *c)
{
	uint64_t word;

	pthread_mutex_lock(&c->mutex);
	while (!c->full)
		pthread_cond_wait(&c->changed, &c->mutex);
	word = c->word;
	c->full = false;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->mutex);
	return word;
}

static pthread_mutex_t gate_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static bool gate_open;

static void lib_gate_wait(void)
{
	pthread_mutex_lock(&gate_mutex);
	while (!gate_open)
		pthread_cond_wait(&gate, &gate_mutex);
	pthread_mutex_unlock(&gate_mutex);
}

static void lib_gate_open(void)
{
	pthread_mutex_lock(&gate_mutex);
	gate_open = true;
	pthread_cond_broadcast(&gate);
	pthread_mutex_unlock(&gate_mutex);
}

/* In a second thread: while libc knows of one only it leaves locks out. */
static int lib_run(unsigned workers, void *(*fn)(void *), void *arg)
{
	lib_thread_t thread;
	int error = lib_create(&thread, fn, arg);

	(void)workers;
	if (!error)
		lib_join(&thread);
	return error;
}

#include "measures.h"
