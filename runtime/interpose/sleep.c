/*
 * sleep.c - waiting for time, for descriptors, for System V queues and semaphores
 *
 * These system calls return EINTR after any signal that was handled, SA_RESTART or not. Two jobs follow. A call
 * that was stopped in one comes back with EINTR when it is resumed, and must wait on for what is left of its
 * time, counted from when it asked: the clock of a sleep does not stand still while the call is stopped. And on
 * any thread that runs calls, a late tick may come into a wait of the thread's own. A handler of the program still
 * gives EINTR, as it always did.
 *
 * Nothing here holds a lock or a resource, so preemption stays enabled throughout; a call is stopped wherever in the
 * system call the tick finds it (these rows count as bare system calls for the rule of text.h).
 *
 * sigtimedwait() and its kin are here: they wait for signals, but with a time. pause() and sigsuspend() are in suspend.c.
 *
 * A mask for the time of a wait, or a set of signals that are waited for, must not have the preemption signal in it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "parks.h"

#undef poll
#undef ppoll
int __nanosleep(const struct timespec *span, struct timespec *left);
int __poll(struct pollfd *fds, nfds_t n, int timeout);
int __select(int n, fd_set *in, fd_set *out, fd_set *ex, struct timeval *timeout);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t size);
int epoll_pwait2(int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask);

#define NSEC 1000000000L
#define MSEC 1000000L
#define USEC 1000L

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

/* when a wait ends; spans too long to count are for ever, and bad ones are the kernel's to refuse */
struct end {
	int64_t ns;             /* CLOCK_MONOTONIC; INT64_MAX: never */
};

static struct end end_after(int64_t sec, int64_t ns)
{
	int64_t span, end;

	if (sec < 0 || ns < 0 || ns >= NSEC || __builtin_mul_overflow(sec, NSEC, &span) ||
	    __builtin_add_overflow(span, ns, &span) || __builtin_add_overflow(span, now_ns(), &end))
		return (struct end){ INT64_MAX };
	return (struct end){ end };
}

static struct end end_of(const struct timespec *ts)
{
	return ts ? end_after(ts->tv_sec, ts->tv_nsec) : (struct end){ INT64_MAX };
}

static int64_t left_ns(struct end e)
{
	int64_t left = e.ns - now_ns();

	return left > 0 ? left : 0;
}

static struct timespec left_ts(struct end e)
{
	int64_t left = left_ns(e);

	return (struct timespec){ left / NSEC, left % NSEC };
}

/*
 * Whether the wait that returned @r is to be taken up again; keeps errno. The mark is set once, before the
 * first round: a handler of the program that runs between two rounds ends the wait, too.
 */
static bool again(int r, const struct eintr_mark *mark)
{
	return r < 0 && errno == EINTR && eintr_was_ours(mark);
}

/* --- sleeping ---------------------------------------------------------------------------------- */

static bool is_span(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NSEC;
}

/* 0, or EINTR with what is left in @left, or EINVAL */
static int sleep_for(const struct timespec *span, struct timespec *left)
{
	struct end e = end_of(span);
	struct timespec now = *span;
	struct stint *s = parks();
	struct eintr_mark mark;
	int r;

	if (unlikely(s) && is_span(span))
		return park_sleep(s, &(struct until){ CLOCK_MONOTONIC, e.ns }, NULL);
	eintr_mark(&mark);
	for (;;) {
		r = REAL(clock_nanosleep)(CLOCK_MONOTONIC, 0, &now, left);
		if (r != EINTR || !eintr_was_ours(&mark))
			return r;
		if (e.ns == INT64_MAX)
			continue;       /* centuries: start again */
		now = left_ts(e);
		if (!now.tv_sec && !now.tv_nsec)
			return 0;
	}
}

static int nanosleep_(const struct timespec *span, struct timespec *left)
{
	int saved = errno, r = sleep_for(span, left);

	errno = r ? r : saved;
	return r ? -1 : 0;
}

WRAPPER int nanosleep(const struct timespec *span, struct timespec *left)
{
	return nanosleep_(span, left);
}

WRAPPER int __nanosleep(const struct timespec *span, struct timespec *left)
{
	return nanosleep_(span, left);
}

WRAPPER int usleep(useconds_t us)
{
	struct timespec span = { us / 1000000, us % 1000000 * USEC };

	return nanosleep_(&span, NULL);
}

/* what is left is rounded to the nearest second, as libc does */
WRAPPER unsigned sleep(unsigned seconds)
{
	struct timespec span = { seconds, 0 }, left = { 0, 0 };
	int saved = errno;

	if (sleep_for(&span, &left) == 0)
		return 0;
	errno = saved;
	return (unsigned)left.tv_sec + (left.tv_nsec >= NSEC / 2);
}

WRAPPER int thrd_sleep(const struct timespec *span, struct timespec *left)
{
	int r = sleep_for(span, left);

	return r == 0 ? 0 : r == EINTR ? -1 : -2;
}

static bool tells_time(clockid_t clock)
{
	return clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
}

/* A relative sleep is the same on both usual clocks; others (CPU time) run at their own pace, so the kernel is asked. */
WRAPPER int clock_nanosleep(clockid_t clock, int flags, const struct timespec *span, struct timespec *left)
{
	struct timespec now = *span, rest = { 0, 0 };
	struct stint *s = parks();
	struct eintr_mark mark;
	int r;

	if ((clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME) && !(flags & TIMER_ABSTIME))
		return sleep_for(span, left);
	if (unlikely(s) && is_span(span) && tells_time(clock)) {
		struct until u = flags & TIMER_ABSTIME ? until_at(clock, span) : until_later(clock, span);

		return park_sleep(s, &u, caller_address());
	}
	eintr_mark(&mark);
	for (;;) {
		r = REAL(clock_nanosleep)(clock, flags, &now, flags & TIMER_ABSTIME ? NULL : &rest);
		if (r != EINTR || !eintr_was_ours(&mark))
			break;
		if (!(flags & TIMER_ABSTIME))
			now = rest;
	}
	if (r == EINTR && left && !(flags & TIMER_ABSTIME))
		*left = rest;
	return r;
}

/* --- waiting for descriptors ------------------------------------------------------------------- */

/*
 * A wait in milliseconds. What is left is rounded up: too early is wrong, a little late is not. Zero and
 * negative stay what they are.
 */
struct wait_ms {
	struct eintr_mark mark;
	struct end end;
	int now;
	sigset_t mask;
};

static struct wait_ms begin_ms(int ms)
{
	struct wait_ms w = { .end = { INT64_MAX }, .now = ms };

	if (ms > 0)
		w.end = end_after(ms / 1000, ms % 1000 * MSEC);
	eintr_mark(&w.mark);
	return w;
}

static bool again_ms(struct wait_ms *w, int r)
{
	int saved = errno;

	if (!again(r, &w->mark))
		return false;
	if (w->now > 0)
		w->now = (int)((left_ns(w->end) + MSEC - 1) / MSEC);
	errno = saved;
	return true;
}

/* @park: in a thread; false: not parked */
#define WAITS_MS(name, params, timeout, args, park)                           \
	WRAPPER int name params                                               \
	{                                                                     \
		struct wait_ms w = begin_ms(timeout);                         \
		struct until u = { CLOCK_MONOTONIC, w.end.ns };               \
		struct stint *s = timeout ? parks() : NULL;                   \
		int r;                                                        \
                                                                              \
		if (unlikely(s) && (park))                                    \
			return r;                                             \
		do                                                            \
			r = REAL(name) args;                                  \
		while (again_ms(&w, r));                                      \
		return r;                                                     \
	}

WAITS_MS(poll, (struct pollfd *fds, nfds_t n, int timeout), timeout, (fds, n, w.now),
         park_poll(s, fds, n, NULL, &u, &r, caller_address()))
WAITS_MS(__poll, (struct pollfd *fds, nfds_t n, int timeout), timeout, (fds, n, w.now),
         park_poll(s, fds, n, NULL, &u, &r, caller_address()))
WAITS_MS(__poll_chk, (struct pollfd *fds, nfds_t n, int timeout, size_t size), timeout, (fds, n, w.now, size),
         n <= size / sizeof(*fds) && park_poll(s, fds, n, NULL, &u, &r, caller_address()))
WAITS_MS(epoll_wait, (int fd, struct epoll_event *events, int n, int timeout), timeout, (fd, events, n, w.now),
         park_epoll(s, fd, events, n, NULL, &u, &r, caller_address()))
WAITS_MS(epoll_pwait, (int fd, struct epoll_event *events, int n, int timeout, const sigset_t *mask), timeout,
         (fd, events, n, w.now, without_ours(mask, &w.mask)), park_epoll(s, fd, events, n, without_ours(mask, &w.mask), &u, &r, caller_address()))

/* the same for spans in a struct timespec; NULL is for ever */
struct wait_ts {
	struct eintr_mark mark;
	struct end end;
	struct timespec now;
	const struct timespec *at;      /* NULL or &now */
	sigset_t mask;
};

static void begin_ts(struct wait_ts *w, const struct timespec *span)
{
	w->end = end_of(span);
	w->at = NULL;
	if (span) {
		w->now = *span;
		w->at = &w->now;
	}
	eintr_mark(&w->mark);
}

static bool again_ts(struct wait_ts *w, int r)
{
	int saved = errno;

	if (!again(r, &w->mark))
		return false;
	if (w->end.ns != INT64_MAX)
		w->now = left_ts(w->end);
	errno = saved;
	return true;
}

static bool waits(const struct timespec *span)
{
	return !span || (is_span(span) && (span->tv_sec || span->tv_nsec));
}

#define WAITS_TS(name, params, args, park)                                    \
	WRAPPER int name params                                               \
	{                                                                     \
		struct stint *s = parks();                                    \
		struct wait_ts w;                                             \
		struct until u;                                               \
		int r;                                                        \
                                                                              \
		begin_ts(&w, timeout);                                        \
		u = (struct until){ CLOCK_MONOTONIC, w.end.ns };              \
		if (unlikely(s) && waits(timeout) && (park))                  \
			return r;                                             \
		do                                                            \
			r = REAL(name) args;                                  \
		while (again_ts(&w, r));                                      \
		return r;                                                     \
	}

WAITS_TS(ppoll, (struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),
         (fds, n, w.at, without_ours(mask, &w.mask)), park_poll(s, fds, n, without_ours(mask, &w.mask), &u, &r, caller_address()))
WAITS_TS(__ppoll_chk,
         (struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask, size_t size),
         (fds, n, w.at, without_ours(mask, &w.mask), size),
         n <= size / sizeof(*fds) && park_poll(s, fds, n, without_ours(mask, &w.mask), &u, &r, caller_address()))
WAITS_TS(pselect,
         (int n, fd_set *in, fd_set *out, fd_set *ex, const struct timespec *timeout, const sigset_t *mask),
         (n, in, out, ex, w.at, without_ours(mask, &w.mask)), park_select(s, n, in, out, ex, without_ours(mask, &w.mask), &u, &r, caller_address()))
WAITS_TS(epoll_pwait2,
         (int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask),
         (fd, events, n, w.at, without_ours(mask, &w.mask)), park_epoll(s, fd, events, n, without_ours(mask, &w.mask), &u, &r, caller_address()))

static void set_left(struct timeval *timeout, struct end e)
{
	int64_t us = (left_ns(e) + USEC - 1) / USEC;

	*timeout = (struct timeval){ us / 1000000, us % 1000000 };
}

/*
 * Linux writes the time that is left to *timeout, whatever the result; after EINTR the sets are untouched. So a
 * second round sets *timeout to what is left, and the kernel goes on from there.
 */
static int select_(int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *), int n, fd_set *in, fd_set *out,
                   fd_set *ex, struct timeval *timeout)
{
	struct end e = { INT64_MAX };
	struct stint *s = parks();
	struct eintr_mark mark;
	int r;

	if (timeout && timeout->tv_usec >= 0)
		e = end_after(timeout->tv_sec + timeout->tv_usec / 1000000, timeout->tv_usec % 1000000 * USEC);
	if (unlikely(s) && (!timeout || (e.ns != INT64_MAX && (timeout->tv_sec || timeout->tv_usec))) &&
	    park_select(s, n, in, out, ex, NULL, &(struct until){ CLOCK_MONOTONIC, e.ns }, &r, NULL)) {
		if (timeout)
			set_left(timeout, e);
		return r;
	}
	eintr_mark(&mark);
	for (;;) {
		r = real(n, in, out, ex, timeout);
		if (!again(r, &mark))
			return r;
		if (e.ns != INT64_MAX)
			set_left(timeout, e);
	}
}

WRAPPER int select(int n, fd_set *in, fd_set *out, fd_set *ex, struct timeval *timeout)
{
	return select_(REAL(select), n, in, out, ex, timeout);
}

WRAPPER int __select(int n, fd_set *in, fd_set *out, fd_set *ex, struct timeval *timeout)
{
	return select_(REAL(__select), n, in, out, ex, timeout);
}

/* --- waiting for signals ----------------------------------------------------------------------- */

WAITS_TS(sigtimedwait, (const sigset_t *set, siginfo_t *info, const struct timespec *timeout),
         (without_ours(set, &w.mask), info, w.at), park_sigwait(s, without_ours(set, &w.mask), info, &u, &r, caller_address()))

WRAPPER int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

/* a handler does not end it: POSIX leaves that open, libc waits on */
WRAPPER int sigwait(const sigset_t *set, int *signo)
{
	int saved = errno, err = 0, r;
	siginfo_t info;

	do
		r = sigtimedwait(set, &info, NULL);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		err = errno;
	else
		*signo = r;
	errno = saved;
	return err;
}

/* --- System V: the kernel has done nothing when it returns EINTR ------------------------------- */

#define WAITS(type, name, params, args, park)                                 \
	WRAPPER type name params                                              \
	{                                                                     \
		struct stint *s = parks();                                    \
		struct eintr_mark mark;                                       \
		type r;                                                       \
                                                                              \
		if (unlikely(s) && (park))                                    \
			return r;                                             \
		eintr_mark(&mark);                                            \
		do                                                            \
			r = REAL(name) args;                                  \
		while (again((int)r, &mark));                                 \
		return r;                                                     \
	}

WAITS(int, semop, (int id, struct sembuf *ops, size_t n), (id, ops, n),
      park_semop(s, id, ops, n, NULL, &r, caller_address()))
WAITS(int, msgsnd, (int id, const void *message, size_t size, int flags), (id, message, size, flags),
      park_msgsnd(s, id, message, size, flags, &r, caller_address()))
WAITS(ssize_t, msgrcv, (int id, void *message, size_t size, long type, int flags), (id, message, size, type, flags),
      park_msgrcv(s, id, message, size, type, flags, &r, caller_address()))
WAITS_TS(semtimedop, (int id, struct sembuf *ops, size_t n, const struct timespec *timeout), (id, ops, n, w.at),
         park_semop(s, id, ops, n, &u, &r, caller_address()))
