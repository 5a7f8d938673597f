/*
 * ledger-own.c - the descriptors of the runtime itself, among those of the program
 *
 * Programs close numbers that they do not know: all from one on, by closefrom(), close_range(), a loop, or what /proc/self/fd lists.
 * Ours must outlive that: without the poller's set threads wait for ever, and what the program gets under a number of ours we would
 * write to, and close. So a word of the ledger says which are ours. close() of one fails with EBADF, as if it were not open;
 * who closes many leaves it open (interpose/own.c). It costs close() nothing, which looks at the word anyway.
 *
 * They get high numbers, just below the limit, or below 1024 if that is less: a table of descriptors is as long as its largest
 * number, and fork() copies it. There they do not take the numbers that the program counts on, least of all 0 to 2 when these are
 * closed, and loops that end early and targets of dup2() hardly ever meet them. dup2() onto one fails, with EBADF, as for a number
 * that is out of range; with EBUSY one would try again, for ever.
 *
 * Rejected: to move ours out of the way of dup2(). Kernel threads are on their way into the kernel with the number at any time, or in
 * there, and would come back to the program's descriptor: enter others into its set, take its events, write eight bytes to its file.
 * Who moves would have to wait until none is, which a handler that has interrupted one cannot.
 *
 * Some are open for a moment only (a file of /proc). From before one is opened until its word says so, and from before the word is
 * taken back until it is closed, no range may be closed: else it would go with the others, somebody get its number, and we close that.
 * The moments in which it has a low number, or none of our words, remain for close() and dup2() by number; they are as long as those in
 * which any other thread opens a file.
 *
 * In a child of vfork() the numbers are its own, and it may close all: sys_in_process(). One made by fork() has copies of ours; those
 * of the poller and the trace are closed at once, those that were open for a while only are the program's to close. In a new
 * namespace of processes a child that shares our memory may have our very id; then it is taken for us.
 *
 * Lock: own_lock, held while one is opened or closed or a range is closed. All signals are blocked, since closing is for handlers,
 * too. A range may take long to close (SO_LINGER): who needs a descriptor for a moment does not wait for that, and does without; who
 * has one waits before he closes it. It nests in config_lock at the start and stop, and in the list_lock of deadlock.c; nothing
 * of ours nests in it but the lock of an entry of the poller's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "ledger-private.h"
#include "ledger.h"

#define MOST 1024
#define ROOM 64                 /* for ours, and for who counts down from the limit himself */

static struct sys_lock own_lock;

uint64_t ledger_own_hold(void)
{
	uint64_t mask = signals_block();

	sys_lock(&own_lock);
	return mask;
}

void ledger_own_let_go(uint64_t mask)
{
	sys_unlock(&own_lock);
	signals_restore(mask);
}

static long high_numbers(void)
{
	struct rlimit limit;
	long top = MOST;

	if (!sys_raw(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) && limit.rlim_cur < MOST)
		top = (long)limit.rlim_cur;
	return top > 2 * ROOM ? top - ROOM : top / 2;
}

/* where there is none, it stays where it is */
static long raise_number(long fd)
{
	long high = sys_raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, high_numbers(), 0);

	if (high < 0)
		return fd;
	sys_raw(SYS_close, fd, 0, 0, 0);
	return high;
}

long ledger_own_open(bool waits, long nr, long a, long b, long c)
{
	uint64_t mask = signals_block();
	long fd = -EBUSY;

	if (waits)
		sys_lock(&own_lock);
	else if (!sys_trylock(&own_lock))
		goto restore_signals;
	fd = sys_raw(nr, a, b, c, 0);
	if (fd >= 0) {
		fd = raise_number(fd);
		ledger_fd_set_own((int)fd, true);
	}
	sys_unlock(&own_lock);
restore_signals:
	signals_restore(mask);
	return fd;
}

long ledger_own_close(long fd)
{
	uint64_t mask = ledger_own_hold();
	long r;

	ledger_fd_set_own((int)fd, false);
	r = sys_raw(SYS_close, fd, 0, 0, 0);
	ledger_own_let_go(mask);
	return r;
}

/* the table does not become shorter again */
void ledger_own_make_room(void)
{
	long fd = ledger_own_open(true, SYS_eventfd2, 0, EFD_CLOEXEC, 0);

	if (fd >= 0)
		ledger_own_close(fd);
}

void ledger_own_after_fork(void)
{
	unsigned fd = 0;

	sys_note_process();
	own_lock.state = 0;
	while (ledger_fd_next_own(&fd, ~0U))
		ledger_fd_set_own((int)fd, false);
}
