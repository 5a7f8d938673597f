/*
 * park-poll.c - poll(), select() and epoll_wait() in threads
 *
 * The kernel is asked with no time what is ready. When nothing is, the thread waits for the first edge of any of the descriptors,
 * with a waiter for each and for each direction, and asks again. What the poller does not take (a kind of descriptor that
 * is always ready) the kernel would have named; so does it those that are not open.
 *
 * An epoll set is a descriptor itself, which is ready while something in it is. Sets in sets are the kernel's business; where
 * they are too deep for one more, the wait is not parked.
 *
 * A wait with a signal mask of its own is there to be interrupted by what the mask lets in, which nobody else takes. So the kernel is
 * asked under that mask, which delivers what is pending; again after 50 us, then at growing distances up to 5 ms.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>

#include "../signals.h"
#include "../sys.h"
#include "parks.h"

#define FEW 8                   /* descriptors for which no memory is asked for */
#define SELECT_MAX 1024

#define LOOK_MIN 50000
#define LOOK_MAX 5000000

/* one that asks and waits */
struct asker {
	struct stint *s;
	const struct until *u;
	const sigset_t *mask;           /* NULL: as it is */
	const uint64_t *count;          /* handlers of the program that have run: on it, or anywhere */
	uint64_t handled;               /* that when it began */
	stint_ns pause;
	const void *caller;
};

static struct asker asker(struct stint *s, const struct until *u, const sigset_t *mask, const void *caller)
{
	return (struct asker){ s, u, mask, &s->handled, s->handled, 0, caller };
}

/* a handler has run that the mask let in; any other signal, of ours for example, ends even a wait without time, and is nothing */
static bool interrupted(const struct asker *a)
{
	return a->mask && __atomic_load_n(a->count, __ATOMIC_RELAXED) != a->handled;
}

static uint64_t deadline_of(struct asker *a)
{
	uint64_t end = until_deadline(a->u), look;

	if (likely(!a->mask))
		return end;
	a->pause = a->pause ? 2 * a->pause : LOOK_MIN;
	if (a->pause > LOOK_MAX)
		a->pause = LOOK_MAX;
	look = park_deadline(a->pause);
	return look < end ? look : end;
}

long poll_now(struct pollfd *fds, nfds_t n)
{
	long r;

	do
		r = sys_raw(SYS_poll, fds, n, 0, 0);
	while (r == -EINTR);
	return r;
}

static long ask_poll(const struct asker *a, struct pollfd *fds, nfds_t n)
{
	struct timespec none;
	long r;

	do {
		none = (struct timespec){ 0, 0 };
		r = interrupted(a) ? -EINTR : arch_syscall(SYS_ppoll, (long)fds, (long)n, (long)&none, (long)a->mask,
		                                           sizeof(uint64_t), 0);
	} while (r == -EINTR && !interrupted(a));
	return r;
}

/* without time the kernel does not look at signals here */
static long ask_epoll(const struct asker *a, int fd, struct epoll_event *events, int n)
{
	long r;

	do
		r = sys_raw(SYS_epoll_wait, fd, events, n, 0);
	while (r == -EINTR && !interrupted(a));
	return !r && a->mask ? ask_poll(a, NULL, 0) : r;
}

struct watched {
	struct stint_waiter waiter;
	int fd;
	unsigned seen;
};

static void watch(struct watched *at, int fd, enum poller_dir dir)
{
	at->fd = fd;
	at->waiter.kind = dir;
	at->seen = poller_seen(fd, dir);
}

static void leave_all(struct watched *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		poller_leave(&all[i].waiter, all[i].fd);
}

/* 0: try again; else as park() */
static int wait_any(struct stint *s, struct watched *all, size_t n, uint64_t deadline)
{
	struct stint_waiter *main = &all[0].waiter;
	size_t entered;
	int err;

	if (!n)
		return thread_sleep_until(s, deadline);
	for (size_t i = 0; i < n; i++) {
		int dir = all[i].waiter.kind;

		if (i)
			waiter_init_more(&all[i].waiter, main, (void *)(intptr_t)all[i].fd);
		else
			waiter_init(main, s, PARK_FD, (void *)(intptr_t)all[0].fd);
		all[i].waiter.kind = dir;
	}
	for (entered = 0; entered < n; entered++)
		if (!poller_enter(&all[entered].waiter, all[entered].fd, all[entered].seen))
			break;
	if (entered == n || !waiter_give_up(main))
		err = park(s, main, entered == n ? deadline : NEVER);
	else
		err = 0;
	leave_all(all, entered);
	return err;
}

/* --- poll ------------------------------------------------------------------------------------------ */

/* how many are watched, or a negative error */
static long register_all(struct watched *all, const struct pollfd *fds, nfds_t n)
{
	long count = 0;

	for (nfds_t i = 0; i < n; i++) {
		int err;

		if (fds[i].fd < 0)
			continue;
		err = poller_register(fds[i].fd);
		if (err == EPERM || err == EBADF)
			continue;       /* the kernel tells */
		if (err)
			return -err;
		watch(&all[count++], fds[i].fd, POLLER_IN);     /* errors and hang-ups count for all */
		if (fds[i].events & (POLLOUT | POLLWRNORM | POLLWRBAND))
			watch(&all[count++], fds[i].fd, POLLER_OUT);
	}
	return count;
}

/* 0: nothing is ready, @err as of park(). 1: *got is the result. Negative: it cannot be waited for. */
static long poll_once(struct asker *a, struct watched *all, struct pollfd *fds, nfds_t n, long *got, int *err)
{
	long count = register_all(all, fds, n);

	if (count < 0)
		return count;
	*got = ask_poll(a, fds, n);
	if (*got)
		return 1;
	*err = wait_any(a->s, all, (size_t)count, deadline_of(a));
	return 0;
}

static long poll_round(struct asker *a, struct pollfd *fds, nfds_t n, long *got, int *err)
{
	struct watched few[2 * FEW], *all = few;
	long r;

	if (n > FEW)
		all = sys_alloc(2 * n * sizeof(*all));
	if (!all)
		return -ENOMEM;
	r = poll_once(a, all, fds, n, got, err);
	if (n > FEW)
		sys_free(all);
	return r;
}

#define CANNOT LONG_MIN

/* what the kernel says in the end, or CANNOT */
static long poll_parked(struct asker *a, struct pollfd *fds, nfds_t n)
{
	for (;;) {
		long got, r;
		int err = 0;

		r = poll_round(a, fds, n, &got, &err);
		if (r)
			return r < 0 ? CANNOT : got;
		if (err == EINTR)
			park_stop(a->s, a->caller);
		if (err == ETIMEDOUT && until_over(a->u))
			return ask_poll(a, fds, n);
	}
}

static bool result(long got, int *r)
{
	if (got == CANNOT)
		return false;
	if (got < 0)
		errno = (int)-got;
	*r = got < 0 ? -1 : (int)got;
	return true;
}

bool park_poll(struct stint *s, struct pollfd *fds, nfds_t n, const sigset_t *mask, const struct until *u, int *r,
               const void *caller)
{
	struct asker a = asker(s, u, mask, caller);
	long got = ask_poll(&a, fds, n);

	if (!got) {
		park_begin(s);
		got = poll_parked(&a, fds, n);
		park_end(s, caller);
	}
	return result(got, r);
}

/* --- select ---------------------------------------------------------------------------------------- */

struct sets {
	fd_set in, out, ex;
};

static void copy_set(fd_set *to, const fd_set *from, size_t size)
{
	if (to && from)
		memcpy(to, from, size);
}

/* the sets that the program gave are written only when there is a result */
static long ask_select(const struct asker *a, int n, const struct sets *asked, fd_set *in, fd_set *out, fd_set *ex)
{
	const struct {
		const sigset_t *mask;
		size_t size;
	} open = { a->mask, sizeof(uint64_t) };
	size_t size = ((size_t)n + 63) / 64 * 8;
	struct timespec none;
	struct sets now;
	long got;

	do {
		now = *asked;
		none = (struct timespec){ 0, 0 };
		got = interrupted(a) ? -EINTR : arch_syscall(SYS_pselect6, n, in ? (long)&now.in : 0,
		                                             out ? (long)&now.out : 0, ex ? (long)&now.ex : 0,
		                                             (long)&none, (long)&open);
	} while (got == -EINTR && !interrupted(a));
	if (got >= 0) {
		copy_set(in, &now.in, size);
		copy_set(out, &now.out, size);
		copy_set(ex, &now.ex, size);
	}
	return got;
}

static nfds_t as_polled(struct pollfd *fds, int n, const struct sets *asked)
{
	nfds_t count = 0;

	for (int fd = 0; fd < n; fd++) {
		bool in = FD_ISSET(fd, &asked->in), out = FD_ISSET(fd, &asked->out), ex = FD_ISSET(fd, &asked->ex);

		if (in || out || ex)
			fds[count++] = (struct pollfd){ fd, (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0) |
			                                            (ex ? POLLPRI : 0)), 0 };
	}
	return count;
}

/* What select() counts as ready, poll() does, too, and a little more; so when poll() has something it is asked again. */
static long select_parked(struct asker *a, int n, const struct sets *asked, fd_set *in, fd_set *out, fd_set *ex)
{
	struct pollfd *fds = sys_alloc(((size_t)n + 1) * sizeof(*fds));
	nfds_t count = fds ? as_polled(fds, n, asked) : 0;
	struct again again = { 0 };
	long got;

	if (!fds)
		return CANNOT;
	do {
		int err = 0;
		long polled, r = poll_round(a, fds, count, &polled, &err);

		got = r < 0 ? CANNOT : ask_select(a, n, asked, in, out, ex);
		if (!got && (err == EINTR || r > 0)) {
			sys_free(fds);  /* who is cancelled here does not come back */
			if (err == EINTR)
				park_stop(a->s, a->caller);
			else
				park_again(a->s, &again, a->u, a->caller);
			fds = sys_alloc(((size_t)n + 1) * sizeof(*fds));
			count = fds ? as_polled(fds, n, asked) : 0;
			got = fds ? 0 : CANNOT;
		}
	} while (!got && !until_over(a->u));
	sys_free(fds);
	return got;
}

bool park_select(struct stint *s, int n, fd_set *in, fd_set *out, fd_set *ex, const sigset_t *mask, const struct until *u,
                 int *r, const void *caller)
{
	struct asker a = asker(s, u, mask, caller);
	struct sets asked;
	size_t size;
	long got;

	if (n < 0 || n > SELECT_MAX)
		return false;
	memset(&asked, 0, sizeof(asked));
	size = ((size_t)n + 63) / 64 * 8;
	copy_set(&asked.in, in, in ? size : 0);
	copy_set(&asked.out, out, out ? size : 0);
	copy_set(&asked.ex, ex, ex ? size : 0);
	got = ask_select(&a, n, &asked, in, out, ex);
	if (!got) {
		park_begin(s);
		got = select_parked(&a, n, &asked, in, out, ex);
		park_end(s, caller);
		if (got == CANNOT) {    /* as they were */
			copy_set(in, &asked.in, size);
			copy_set(out, &asked.out, size);
			copy_set(ex, &asked.ex, size);
		}
	}
	return result(got, r);
}

/* --- epoll ----------------------------------------------------------------------------------------- */

static long epoll_parked(struct asker *a, int fd, struct epoll_event *events, int n)
{
	for (;;) {
		unsigned seen = poller_seen(fd, POLLER_IN);
		long got = ask_epoll(a, fd, events, n);
		int err;

		if (got)
			return got;
		err = poller_wait(a->s, fd, POLLER_IN, seen, deadline_of(a));
		if (err == EINTR)
			park_stop(a->s, a->caller);
		else if (err == ETIMEDOUT && until_over(a->u))
			return ask_epoll(a, fd, events, n);
		else if (err && err != ETIMEDOUT)
			return CANNOT;
	}
}

bool park_epoll(struct stint *s, int fd, struct epoll_event *events, int n, const sigset_t *mask, const struct until *u,
                int *r, const void *caller)
{
	struct asker a = asker(s, u, mask, caller);
	long got;

	park_begin(s);
	got = epoll_parked(&a, fd, events, n);
	park_end(s, caller);
	return result(got, r);
}

/* --- nothing but a handler ----------------------------------------------------------------------------- */

void park_suspend(struct stint *s, const sigset_t *mask, const void *caller)
{
	const struct until forever = { CLOCK_MONOTONIC, NEVER_NS };
	struct asker a = asker(s, &forever, mask, caller);

	park_begin(s);
	poll_parked(&a, NULL, 0);
	park_end(s, caller);
}

/* a thread is no kernel thread, to which a signal could be sent: any that is handled in the process is its, too */
void park_pause(struct stint *s, const void *caller)
{
	const struct until forever = { CLOCK_MONOTONIC, NEVER_NS };
	struct asker a;
	sigset_t mask;

	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(uint64_t));
	a = asker(s, &forever, &mask, caller);
	a.count = &signals_handled;
	a.handled = __atomic_load_n(a.count, __ATOMIC_RELAXED);
	park_begin(s);
	poll_parked(&a, NULL, 0);
	park_end(s, caller);
}
