/*
 * overdue.c - a call whose time is up in the moment before it waits for a lock is stopped in the wait
 *
 * The tick has been noted and used up by then. That moment is some instructions long, so it is made here: the call says
 * of itself that a tick has been noted, and turns the timer off, as the handler leaves it.
 */
#include <errno.h>
#include <pthread.h>

#include <stint.h>

#include "clock.h"
#include "context.h"
#include "kthread.h"
#include "tick.h"

#include "../test.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void be_overdue(void)
{
	struct stint *s = self();

	s->depth++;
	barrier();
	s->deadline = s->eff = clock_now();
	tick_off_insig(s->kt);
	s->pending = true;
	barrier();
	s->depth--;
}

static void *locks(void *arg)
{
	be_overdue();
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void stopped_then_done(void)
{
	stint_t *call;

	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	call = stint_launch(locks, &mutex, STINT_S(1000));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	CHECK(stint_result(call) == &mutex);
	stint_free(call);
}

int main(void)
{
	for (int i = 0; i < 20; i++)
		stopped_then_done();
	return 0;
}
