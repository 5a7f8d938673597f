/*
 * threads-st.c - threads of the State Threads library, measured as peer.h says
 *
 * One kernel thread, and none is ever stopped: a channel needs no lock.
 */
#include "peer.h"

#include <errno.h>
#include <st.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define STACK 65536

typedef st_thread_t lib_thread_t;
typedef st_mutex_t lib_mutex_t;
#define LIB_MUTEX_INIT = NULL

static inline lib_thread_t *lib_threads(unsigned long n)
{
	return calloc(n, sizeof(lib_thread_t));
}

static inline int lib_create(lib_thread_t *thread, void *(*fn)(void *), void *arg)
{
	*thread = st_thread_create(fn, arg, 1, STACK);
	return *thread ? 0 : errno ? errno : EAGAIN;
}

static inline void *lib_join(lib_thread_t *thread)
{
	void *result;

	return st_thread_join(*thread, &result) ? NULL : result;
}

static inline void lib_yield(void)
{
	st_sleep(0);
}

static inline void lib_sleep(long ns)
{
	st_usleep((st_utime_t)ns / 1000);
}

static inline void lib_lock(lib_mutex_t *mutex)
{
	if (!*mutex)
		*mutex = st_mutex_new();
	st_mutex_lock(*mutex);
}

static inline void lib_unlock(lib_mutex_t *mutex)
{
	st_mutex_unlock(*mutex);
}

typedef struct {
	st_cond_t changed;
	bool full;
	uint64_t word;
} lib_channel_t;

static lib_channel_t *lib_channel(void)
{
	lib_channel_t *c = calloc(1, sizeof(*c));

	if (c)
		c->changed = st_cond_new();
	return c;
}

static void lib_send(lib_channel_t *c, uint64_t word)
{
	while (c->full)
		st_cond_wait(c->changed);
	c->word = word;
	c->full = true;
	st_cond_signal(c->changed);
}

static uint64_t lib_recv(lib_channel_t *c)
{
	while (!c->full)
		st_cond_wait(c->changed);
	c->full = false;
	st_cond_signal(c->changed);
	return c->word;
}

static st_cond_t gate;
static bool gate_open;

static void lib_gate_wait(void)
{
	while (!gate_open)
		st_cond_wait(gate);
}

static void lib_gate_open(void)
{
	gate_open = true;
	st_cond_broadcast(gate);
}

/* The first thread is one of the library's. */
static int lib_run(unsigned workers, void *(*fn)(void *), void *arg)
{
	if (workers > 1)
		return ENOTSUP;
	st_set_eventsys(ST_EVENTSYS_ALT);
	if (st_init() || !(gate = st_cond_new()))
		return errno ? errno : ENOMEM;
	fn(arg);
	return 0;
}

#include "measures.h"
