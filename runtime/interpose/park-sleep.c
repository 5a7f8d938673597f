/*
 * park-sleep.c - time in threads: sleeping, yielding, and when a wait is over
 *
 * Points in time are those of the clock that the caller named, and a wait is over when that clock says so. In between the thread is
 * parked until the time stamp counter says that it may be, which is never before (clock.h). A clock that somebody may set, or that
 * goes on while the machine sleeps, is looked at every LOOK_NS.
 */
#define _GNU_SOURCE
#include <errno.h>

#include <stint/thread.h>

#include "../clock.h"
#include "parks.h"

#define NSEC 1000000000L
#define LOOK_NS 500000000L
#define AGAIN_MIN 50000L
#define AGAIN_MAX 5000000L

static int64_t now_on(clockid_t clock)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

struct until until_after(int64_t sec, int64_t ns)
{
	int64_t span, end;

	if (sec < 0 || ns < 0 || ns >= NSEC || __builtin_mul_overflow(sec, NSEC, &span) ||
	    __builtin_add_overflow(span, ns, &span) || __builtin_add_overflow(span, now_on(CLOCK_MONOTONIC), &end))
		end = NEVER_NS;
	return (struct until){ CLOCK_MONOTONIC, end };
}

struct until until_at(clockid_t clock, const struct timespec *at)
{
	int64_t ns = NEVER_NS;

	if (at && (__builtin_mul_overflow(at->tv_sec, NSEC, &ns) || __builtin_add_overflow(ns, at->tv_nsec, &ns)))
		ns = at->tv_sec < 0 ? 0 : NEVER_NS;
	return (struct until){ clock, ns };
}

struct until until_later(clockid_t clock, const struct timespec *span)
{
	struct until u = until_at(clock, span);

	if (u.ns != NEVER_NS && __builtin_add_overflow(u.ns, now_on(clock), &u.ns))
		u.ns = NEVER_NS;
	return u;
}

bool until_is_valid(clockid_t clock, const struct timespec *at)
{
	return !at || (at->tv_nsec >= 0 && at->tv_nsec < NSEC && (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC));
}

bool until_over(const struct until *u)
{
	return u->ns != NEVER_NS && now_on(u->clock) >= u->ns;
}

uint64_t until_deadline(const struct until *u)
{
	int64_t left;

	if (u->ns == NEVER_NS)
		return NEVER;
	left = u->ns - now_on(u->clock);
	if (left <= 0)
		return clock_now();
	if (u->clock != CLOCK_MONOTONIC && left > LOOK_NS)
		left = LOOK_NS;
	return park_deadline(left);
}

bool park_again(struct stint *s, struct again *a, const struct until *u, const void *caller)
{
	uint64_t end = until_deadline(u), next;

	if (until_over(u))
		return false;
	a->pause = a->pause ? 2 * a->pause : AGAIN_MIN;
	if (a->pause > AGAIN_MAX)
		a->pause = AGAIN_MAX;
	next = park_deadline(a->pause);
	if (thread_sleep_until(s, next < end ? next : end) == EINTR)
		park_stop(s, caller);
	return true;
}

int park_sleep(struct stint *s, const struct until *u, const void *caller)
{
	if (until_over(u)) {
		park_yield();
		return 0;
	}
	park_begin(s);
	do {
		if (thread_sleep_until(s, until_deadline(u)) == EINTR)
			park_stop(s, caller);
	} while (!until_over(u));
	park_end(s, caller);
	return 0;
}

void park_yield(void)
{
	stint_thread_yield();
}
