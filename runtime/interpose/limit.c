/*
 * limit.c - see limit.h
 */
#define _GNU_SOURCE
#include "../clock.h"
#include "limit.h"

#define OVERDUE_NS 1000000      /* how often to look when the deadline has passed but could not be taken */
#define NSEC 1000000000L

static bool earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

struct limit limit_of(const struct stint *s, clockid_t clock, const struct timespec *user)
{
	struct limit l = { .ours = false, .none = !user };
	uint64_t eff = s->eff, now = clock_now();
	stint_ns span;
	struct timespec at;

	if (user)
		l.at = *user;
	if (s->depth > 1 || eff == NEVER)
		return l;
	span = eff > now ? clock_ns(eff - now) + 1 : OVERDUE_NS;
	if (clock_gettime(clock, &at))
		return l;
	at.tv_sec += span / NSEC;
	at.tv_nsec += span % NSEC;
	if (at.tv_nsec >= NSEC) {
		at.tv_sec++;
		at.tv_nsec -= NSEC;
	}
	if (user && !earlier(&at, user))
		return l;
	l.at = at;
	l.none = false;
	l.ours = true;
	return l;
}

void limit_stop(struct stint *s, const void *caller)
{
	s->deferred_since = 0;  /* nothing was deferred */
	s->pending = true;
	preempt_enable(s, caller);
	preempt_disable(s);
}

bool limit_passed(clockid_t clock, const struct timespec *at)
{
	struct timespec now;

	return clock_gettime(clock, &now) == 0 && !earlier(&now, at);
}
