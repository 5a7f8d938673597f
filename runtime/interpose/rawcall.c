/*
 * rawcall.c - syscall()
 *
 * Most of its numbers are passed on, and a call may be stopped in them as in any system call. Those that hand out
 * descriptors, close them or unmap memory go through the ledger like the functions that are made of them: a descriptor
 * closed past the ledger would be closed once more by a cancel, when it is somebody else's already. Some have no function
 * in libc (openat2, io_uring_setup, userfaultfd), and are covered only here. Mappings made by number are not entered: who
 * does that means to keep them. Those that are moved or replaced so are struck.
 *
 * Those that wait and that the kernel does not take up again after a tick go by the functions that are made of them, and futexes
 * by one of their own.
 *
 * Passing on must be a jump, not a call: after vfork by number the child returns first, over a frame that its parent still
 * needs. Hence no variable arguments. The seventh, on the stack, is there only if the caller has as many: it is handed on as
 * it is, and nothing else may be put in its place, so no function that is jumped to has as many arguments.
 *
 * System call instructions in the program itself are not seen.
 */
#define _GNU_SOURCE
/* there it has variable arguments */
#define syscall header_syscall
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

#include "../clock.h"
#include "../kthread.h"
#include "../ledger.h"
#include "../poller.h"
#include "../sys.h"
#include "own.h"
#include "parks.h"

/* newer than the headers that this may be compiled with */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_fsmount
#define SYS_fsmount 432
#endif

#undef syscall

#define NSEC 1000000000L

int pause(void);
int epoll_pwait2(int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask);
long syscall(long nr, long a, long b, long c, long d, long e, long f);

/* the rest waits for nothing, or nothing to speak of */
static bool hands_out(long nr)
{
	switch (nr) {
	case SYS_open:
	case SYS_openat:
	case SYS_openat2:
	case SYS_creat:
	case SYS_dup:
	case SYS_socket:
	case SYS_accept:
	case SYS_accept4:
	case SYS_epoll_create:
	case SYS_epoll_create1:
	case SYS_eventfd:
	case SYS_eventfd2:
	case SYS_timerfd_create:
	case SYS_memfd_create:
	case SYS_memfd_secret:
	case SYS_inotify_init:
	case SYS_inotify_init1:
	case SYS_fanotify_init:
	case SYS_pidfd_open:
	case SYS_pidfd_getfd:
	case SYS_userfaultfd:
	case SYS_io_uring_setup:
	case SYS_perf_event_open:
	case SYS_open_by_handle_at:
	case SYS_open_tree:
	case SYS_fsopen:
	case SYS_fspick:
	case SYS_fsmount:
	case SYS_mq_open:
		return true;
	default:
		return false;
	}
}

static bool strikes(long nr)
{
	return nr == SYS_close || nr == SYS_close_range || nr == SYS_dup2 || nr == SYS_dup3 ||
	       nr == SYS_pipe || nr == SYS_pipe2 || nr == SYS_socketpair;
}

/* may change how a descriptor waits; none of them has a sixth argument */
static bool changes_modes(long nr, long what)
{
	return (nr == SYS_fcntl && what == F_SETFL) || (nr == SYS_ioctl && what == FIONBIO) || nr == SYS_setsockopt;
}

/* hands out a descriptor, and may have to wait for it: of a fifo, a connection */
static long open_by_number(struct stint *s, long nr, long a, long b, long c, long d, long e)
{
	struct socket_wait w;
	long r;

	if (s)
		wait_begin(s, NULL, 0);
	socket_wait(&w);
	do
		r = REAL(syscall)(nr, a, b, c, d, e, 0);
	while (r < 0 && socket_again(&w, (int)a, SO_RCVTIMEO));
	if (s)
		ledger_wait_end(s);
	if (r >= 0) {
		ledger_fd_opened(s, (int)r);
		poller_closed((int)r);
	}
	return r;
}

static long duplicate(struct stint *s, long nr, long from, long to, long flags)
{
	uintptr_t owner;
	long r;

	if (from == to)
		return REAL(syscall)(nr, from, to, flags, 0, 0, 0);
	if (own_refuses((int)to))
		return -1;
	owner = ledger_fd_take((int)to);
	r = REAL(syscall)(nr, from, to, flags, 0, 0, 0);
	poller_closed((int)to);
	if (r < 0)
		ledger_fd_restore((int)to, owner);
	else if (s)
		ledger_fd_opened(s, (int)to);
	return r;
}

static long make_pair(struct stint *s, long nr, long a, long b, long c, long d)
{
	const int *fds = (const int *)(nr == SYS_socketpair ? d : a);
	long r = REAL(syscall)(nr, a, b, c, d, 0, 0);

	if (r == 0) {
		ledger_fd_opened(s, fds[0]);
		ledger_fd_opened(s, fds[1]);
	}
	return r;
}

static long by_number(struct stint *s, long nr, long a, long b, long c, long d, long e)
{
	long r;

	switch (nr) {
	case SYS_close:
		if (own_refuses((int)a))
			return -1;
		ledger_fd_closed((int)a);
		r = REAL(syscall)(nr, a, b, c, d, e, 0);
		poller_closed((int)a);
		return r;
	case SYS_close_range:
		return own_close_range((unsigned)a, (unsigned)b, (int)c);
	case SYS_fcntl:
	case SYS_ioctl:
	case SYS_setsockopt:
		if (nr == SYS_fcntl && b == F_SETFL)
			park_flags_set((int)a, c);
		if (nr == SYS_setsockopt)
			park_option_set((int)b, (int)c);
		r = REAL(syscall)(nr, a, b, c, d, e, 0);
		poller_modes_changed();
		return r;
	case SYS_dup2:
	case SYS_dup3:
		return duplicate(s, nr, a, b, c);
	case SYS_pipe2:
		if (b & O_DIRECT)
			park_packets();
		/* fallthrough */
	case SYS_pipe:
	case SYS_socketpair:
		return make_pair(s, nr, a, b, c, d);
	default:
		return open_by_number(s, nr, a, b, c, d, e);
	}
}

static __attribute__((noinline)) long kept_in_books(long nr, long a, long b, long c, long d, long e)
{
	struct stint *s = self();
	long r;

	if (s)
		preempt_disable(s);
	r = by_number(s, nr, a, b, c, d, e);
	if (s)
		preempt_enable(s, NULL);        /* libc does not call it */
	return r;
}

/* what was mapped there is not any more, or not for long */
static __attribute__((noinline)) void strike_mapping(long nr, long a, long b, long flags)
{
	struct stint *s = self();

	if (nr == SYS_mmap && !(flags & MAP_FIXED))
		return;
	if (s)
		preempt_disable(s);
	if (nr == SYS_shmdt)
		ledger_map_drop_at((void *)a);
	else
		ledger_map_drop((void *)a, (size_t)b);
	if (s)
		preempt_enable(s, NULL);
}

static bool waits(long nr)
{
	switch (nr) {
	case SYS_futex:
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_poll:
	case SYS_ppoll:
	case SYS_select:
	case SYS_pselect6:
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_msgsnd:
	case SYS_msgrcv:
	case SYS_pause:
		return true;
	default:
		return false;
	}
}

/* Only the plain wait has a span, from now on; the others have a point in time, which stays what it is. */
static __attribute__((noinline)) long futex_by_number(long word, long op, long value, long timeout, long e, long f)
{
	bool span = timeout && (op & FUTEX_CMD_MASK) == FUTEX_WAIT;
	struct timespec left, *at = (struct timespec *)timeout;
	struct eintr_mark mark;
	uint64_t since = 0;
	stint_ns whole = 0;
	int saved = errno;
	long r;

	if (span) {
		whole = at->tv_sec > INT64_MAX / NSEC - 1 ? INT64_MAX : at->tv_sec * NSEC + at->tv_nsec;
		since = clock_now();
	}
	eintr_mark(&mark);
	while (r = REAL(syscall)(SYS_futex, word, op, value, (long)at, e, f), r < 0 && errno == EINTR) {
		stint_ns ns;

		if (!eintr_was_ours(&mark))
			break;
		errno = saved;
		if (!span)
			continue;
		ns = whole - clock_ns(clock_now() - since);
		left = ns > 0 ? (struct timespec){ ns / NSEC, ns % NSEC } : (struct timespec){ 0, 0 };
		at = &left;
	}
	return r;
}

/* the kernel has written what is left to where it found the time */
static long wait_again(long nr, long a, long b, long c, long d, long e, long f)
{
	struct eintr_mark mark;
	long r;

	eintr_mark(&mark);
	do
		r = REAL(syscall)(nr, a, b, c, d, e, f);
	while (r < 0 && errno == EINTR && eintr_was_ours(&mark));
	return r;
}

static __attribute__((noinline)) long pselect_by_number(long a, long b, long c, long d, long e, long f)
{
	return wait_again(SYS_pselect6, a, b, c, d, e, f);
}

static long as_errno(int err)
{
	if (!err)
		return 0;
	errno = err;
	return -1;
}

/* on a thread that runs calls */
static __attribute__((noinline)) long wait_by_number(long nr, long a, long b, long c, long d, long e)
{
	switch (nr) {
	case SYS_nanosleep:
		return nanosleep((void *)a, (void *)b);
	case SYS_clock_nanosleep:
		return as_errno(clock_nanosleep((clockid_t)a, (int)b, (void *)c, (void *)d));
	case SYS_poll:
		return poll((void *)a, (nfds_t)b, (int)c);
	case SYS_select:
		return select((int)a, (void *)b, (void *)c, (void *)d, (void *)e);
	case SYS_epoll_wait:
		return epoll_wait((int)a, (void *)b, (int)c, (int)d);
	case SYS_epoll_pwait:
		return epoll_pwait((int)a, (void *)b, (int)c, (int)d, (void *)e);
	case SYS_epoll_pwait2:
		return epoll_pwait2((int)a, (void *)b, (int)c, (void *)d, (void *)e);
	case SYS_semop:
		return semop((int)a, (void *)b, (size_t)c);
	case SYS_semtimedop:
		return semtimedop((int)a, (void *)b, (size_t)c, (void *)d);
	case SYS_msgsnd:
		return msgsnd((int)a, (void *)b, (size_t)c, (int)d);
	case SYS_msgrcv:
		return msgrcv((int)a, (void *)b, (size_t)c, d, (int)e);
	case SYS_ppoll:
		return wait_again(nr, a, b, c, d, e, 0);
	default:
		return pause();
	}
}

WRAPPER long syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (unlikely(hands_out(nr) || strikes(nr) || changes_modes(nr, b)))
		return kept_in_books(nr, a, b, c, d, e);
	if (unlikely(waits(nr) && kthread_here())) {
		if (nr == SYS_futex)
			return futex_by_number(a, b, c, d, e, f);
		if (nr == SYS_pselect6)
			return pselect_by_number(a, b, c, d, e, f);
		return wait_by_number(nr, a, b, c, d, e);
	}
	if (unlikely(nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3))
		sys_vforked = 1;
	if (unlikely(nr == SYS_mmap || nr == SYS_mremap || nr == SYS_munmap || nr == SYS_shmdt))
		strike_mapping(nr, a, b, d);
	return REAL(syscall)(nr, a, b, c, d, e, f);
}
