/*
 * rawcall.c - syscall()
 *
 * Most of its numbers are passed on, and a call may be stopped in them as in any system call. Those that hand out
 * descriptors, close them or unmap memory go through the ledger like the functions that are made of them: a descriptor
 * closed past the ledger would be closed once more by a cancel, when it is somebody else's already. Some have no function
 * in libc (openat2, io_uring_setup, userfaultfd), and are covered only here. Mappings made by number are not entered: who
 * does that means to keep them. Those that are moved or replaced so are struck.
 *
 * Passing on must be a jump, not a call: after vfork by number the child returns first, over a frame that its parent still
 * needs. Hence no variable arguments. The seventh, on the stack, is there only if the caller has as many: it is handed on as
 * it is, and nothing else may be put in its place, so no function that is jumped to has as many arguments.
 *
 * System call instructions in the program itself are not seen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/close_range.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../ledger.h"
#include "interpose.h"

/* newer than the headers that this may be compiled with */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_fsmount
#define SYS_fsmount 432
#endif

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

/* hands out a descriptor, and may have to wait for it: of a fifo, a connection */
static long open_by_number(struct stint *s, long nr, long a, long b, long c, long d, long e)
{
	struct eintr_mark mark;
	long r;

	if (s)
		ledger_wait_begin(s, NULL, 0);
	eintr_mark(&mark);
	do
		r = REAL(syscall)(nr, a, b, c, d, e, 0);
	while (s && r < 0 && errno == EINTR && eintr_was_ours(&mark));
	if (s)
		ledger_wait_end(s);
	if (r >= 0)
		ledger_fd_opened(s, (int)r);
	return r;
}

static long duplicate(struct stint *s, long nr, long from, long to, long flags)
{
	uintptr_t owner;
	long r;

	if (from == to)
		return REAL(syscall)(nr, from, to, flags, 0, 0, 0);
	owner = ledger_fd_take((int)to);
	r = REAL(syscall)(nr, from, to, flags, 0, 0, 0);
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
	switch (nr) {
	case SYS_close:
		ledger_fd_closed((int)a);
		break;
	case SYS_close_range:
		if ((unsigned long)a <= (unsigned long)b && !(c & CLOSE_RANGE_CLOEXEC))
			ledger_fd_closed_range((unsigned)a, (unsigned)b);
		break;
	case SYS_dup2:
	case SYS_dup3:
		return duplicate(s, nr, a, b, c);
	case SYS_pipe:
	case SYS_pipe2:
	case SYS_socketpair:
		return make_pair(s, nr, a, b, c, d);
	default:
		return open_by_number(s, nr, a, b, c, d, e);
	}
	return REAL(syscall)(nr, a, b, c, d, e, 0);
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

WRAPPER long syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (unlikely(hands_out(nr) || strikes(nr)))
		return kept_in_books(nr, a, b, c, d, e);
	if (unlikely(nr == SYS_mmap || nr == SYS_mremap || nr == SYS_munmap || nr == SYS_shmdt))
		strike_mapping(nr, a, b, d);
	return REAL(syscall)(nr, a, b, c, d, e, f);
}
