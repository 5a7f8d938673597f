/*
 * own.c - closing that goes around the runtime's own descriptors (ledger-own.c says why)
 *
 * A range is closed in pieces, while no descriptor of ours comes or goes. In a process that only shares our memory, or has a copy of
 * it that was not made by fork(), the numbers are not ours, and no book is kept: libc's function does it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "../poller.h"
#include "../sys.h"
#include "own.h"

bool own_refuses(int fd)
{
	if (likely(!ledger_fd_is_own(fd)))
		return false;
	errno = EBADF;
	return true;
}

/* where the kernel has no close_range() */
static void close_each(unsigned lo, unsigned hi)
{
	for (unsigned fd = lo; fd <= hi; fd++)
		sys_raw(SYS_close, fd, 0, 0, 0);
}

static void close_piece(unsigned lo, unsigned hi, int flags)
{
	int saved = errno;

	ledger_fd_closed_range(lo, hi);
	if (REAL(close_range)(lo, hi, flags) && errno == ENOSYS)
		close_each(lo, hi);
	errno = saved;
	poller_closed_range(lo, hi);
}

/* close from *@lo up to the last of ours; what is left begins at *@lo then. False: nothing is */
static bool close_around(unsigned *lo, unsigned hi, int flags)
{
	unsigned own = *lo;

	while (ledger_fd_next_own(&own, hi)) {
		if (own > *lo)
			close_piece(*lo, own - 1, flags);
		if (own == hi)
			return false;
		*lo = ++own;
	}
	return true;
}

int own_close_range(unsigned lo, unsigned hi, int flags)
{
	uint64_t mask;

	if (lo > hi || flags & CLOSE_RANGE_CLOEXEC || !sys_in_process())
		return REAL(close_range)(lo, hi, flags);
	if (REAL(close_range)(~0U, ~0U, flags))         /* closes none, and says whether it would */
		return -1;
	mask = ledger_own_hold();
	if (close_around(&lo, hi, flags))
		close_piece(lo, hi, flags);
	ledger_own_let_go(mask);
	return 0;
}

void own_closefrom(int from)
{
	unsigned lo = from < 0 ? 0 : (unsigned)from;
	uint64_t mask;

	if (!sys_in_process()) {
		REAL(closefrom)(from);
		return;
	}
	mask = ledger_own_hold();
	close_around(&lo, INT_MAX, 0);
	ledger_fd_closed_range(lo, ~0U);
	REAL(closefrom)((int)lo);
	poller_closed_range(lo, ~0U);
	ledger_own_let_go(mask);
}
