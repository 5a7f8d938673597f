/*
 * limit.h - waits that end at the call's deadline
 *
 * For functions of libc that keep books of who waits, in which a call must not be stopped because it may be cancelled then: the
 * wait is given the call's deadline as its own timeout, where that is earlier than what the program asked for. When it is over,
 * libc has put its books in order; the call is stopped outside, and waits again.
 *
 *	preempt_disable(s);
 *	do {
 *		l = limit_of(s, clock, user);
 *		r = l.none ? wait() : timed_wait(clock, &l.at);
 *	} while (r == ETIMEDOUT && l.ours && (limit_stop(s, caller), true));
 *	preempt_enable(s, caller);
 */
#ifndef STINT_LIMIT_H
#define STINT_LIMIT_H

#include <time.h>

#include "interpose.h"

struct limit {
	struct timespec at;
	bool ours;              /* it is the call's deadline, before the caller's own time */
	bool none;              /* wait for ever */
};

/*
 * When to stop waiting: at @user (NULL: never), or at the call's deadline. Nested in a region with preemption
 * disabled there is no stopping, so there only @user counts. Call it with preemption disabled once.
 */
struct limit limit_of(const struct stint *s, clockid_t clock, const struct timespec *user);

/* Out of a wait that ended at the call's deadline: be stopped, and go back to waiting. */
void limit_stop(struct stint *s, const void *caller);

bool limit_passed(clockid_t clock, const struct timespec *at);

#endif
