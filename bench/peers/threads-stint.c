/*
 * threads-stint.c - threads of this library, measured as peer.h says
 */
#include "peer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <stint.h>

typedef stint_thread_t *lib_thread_t;
typedef stint_mutex_t lib_mutex_t;
#define LIB_SOCKETS
#define LIB_MUTEX_INIT = STINT_MUTEX_INIT
typedef stint_chan_t lib_channel_t;

static inline lib_thread_t *lib_threads(unsigned long n)
{
	return calloc(n, sizeof(lib_thread_t));
}

static inline int lib_create(lib_thread_t *thread, void *(*fn)(void *), void *arg)
{
	return stint_thread_create(thread, NULL, fn, arg);
}

static inline void *lib_join(lib_thread_t *thread)
{
	void *result;

	return stint_thread_join(*thread, &result) ? NULL : result;
}

static inline void lib_yield(void)
{
	stint_thread_yield();
}

static inline void lib_sleep(long ns)
{
	stint_thread_sleep(ns);
}

static inline void lib_lock(lib_mutex_t *mutex)
{
	stint_mutex_lock(mutex);
}

static inline void lib_unlock(lib_mutex_t *mutex)
{
	stint_mutex_unlock(mutex);
}

static lib_channel_t *lib_channel(void)
{
	return stint_chan_create(sizeof(uint64_t), 0);
}

static inline void lib_send(lib_channel_t *c, uint64_t word)
{
	stint_chan_send(c, &word);
}

static inline uint64_t lib_recv(lib_channel_t *c)
{
	uint64_t word;

	return stint_chan_recv(c, &word) ? UINT64_MAX : word;
}

static stint_mutex_t gate_mutex = STINT_MUTEX_INIT;
static stint_cond_t gate = STINT_COND_INIT;
static bool gate_open;

static void lib_gate_wait(void)
{
	stint_mutex_lock(&gate_mutex);
	while (!gate_open)
		stint_cond_wait(&gate, &gate_mutex);
	stint_mutex_unlock(&gate_mutex);
}

static void lib_gate_open(void)
{
	stint_mutex_lock(&gate_mutex);
	gate_open = true;
	stint_cond_broadcast(&gate);
	stint_mutex_unlock(&gate_mutex);
}

static int lib_run(unsigned workers, void *(*fn)(void *), void *arg)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers };
	stint_thread_t *thread;
	int error = stint_start(&config);

	if (!error)
		error = stint_thread_create(&thread, NULL, fn, arg);
	return error ? error : stint_thread_join(thread, NULL);
}

#include "measures.h"
