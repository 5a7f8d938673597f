/*
 * join.c - waiting for other threads: their end, or their arrival at a barrier
 *
 * Whoever joins is noted in the thread that is joined, and a barrier counts who has arrived. A join can be given a time, so it
 * is a wait until the call's deadline (limit.h). A barrier has none, and who has arrived cannot go back; but its functions take
 * no lock, so the call is stopped in their futex wait itself, as in that for a mutex. If it is cancelled there, it has arrived
 * all the same, and whoever destroys the barrier would wait for it to leave.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "../ledger.h"
#include "limit.h"
#include "lot.h"

static int join(struct stint *s, pthread_t t, void **result, clockid_t clock, const struct timespec *user,
                const void *caller)
{
	struct until u = until_at(clock, user);
	struct limit l;
	int r;

	if (parks_in(s) && until_is_valid(clock, user) && park_join(s, t, result, &u, &r, caller))
		return r;
	preempt_disable(s);
	for (;;) {
		l = limit_of(s, clock, user);
		r = l.none ? REAL(pthread_join)(t, result) : REAL(pthread_clockjoin_np)(t, result, clock, &l.at);
		if (r != ETIMEDOUT || !l.ours)
			break;
		limit_stop(s, caller);
	}
	preempt_enable(s, caller);
	return r;
}

WRAPPER int pthread_join(pthread_t t, void **result)
{
	struct stint *s = self();

	return likely(!s) ? REAL(pthread_join)(t, result) : join(s, t, result, CLOCK_MONOTONIC, NULL, caller_address());
}

WRAPPER int pthread_timedjoin_np(pthread_t t, void **result, const struct timespec *at)
{
	struct stint *s = self();

	return likely(!s) ? REAL(pthread_timedjoin_np)(t, result, at) :
	                    join(s, t, result, CLOCK_REALTIME, at, caller_address());
}

WRAPPER int pthread_clockjoin_np(pthread_t t, void **result, clockid_t clock, const struct timespec *at)
{
	struct stint *s = self();

	return likely(!s) ? REAL(pthread_clockjoin_np)(t, result, clock, at) :
	                    join(s, t, result, clock, at, caller_address());
}

LOCKED(int, pthread_tryjoin_np, (pthread_t t, void **result), (t, result))

WRAPPER int thrd_join(thrd_t t, int *result)
{
	struct stint *s = self();
	void *value;

	if (likely(!s))
		return REAL(thrd_join)(t, result);
	if (join(s, t, &value, CLOCK_MONOTONIC, NULL, caller_address()))
		return thrd_error;
	if (result)
		*result = (int)(intptr_t)value;
	return thrd_success;
}

WRAPPER int pthread_barrier_wait(pthread_barrier_t *barrier)
{
	struct stint *s = self();
	int r;

	if (likely(!s)) {
		r = REAL(pthread_barrier_wait)(barrier);
		if (lot_crowded(barrier))
			lot_wake_all(barrier);  /* they arrived before, or will see that they need not wait */
		return r;
	}
	preempt_disable(s);
	if (!parks_within(s) || !park_barrier(s, barrier, &r, caller_address())) {
		wait_begin(s, barrier, sizeof(*barrier));
		r = REAL(pthread_barrier_wait)(barrier);
		ledger_wait_end(s);
	}
	if (lot_crowded(barrier))
		lot_wake_all(barrier);
	preempt_enable(s, caller_address());
	return r;
}
