/*
 * dir.c - directories
 *
 * opendir() and fdopendir() enter, closedir() strikes; the rest locks the DIR. fdopendir() takes the
 * descriptor's entry over; over a descriptor that is not the call's the directory is not entered, because
 * there is no way to give it back without closing that descriptor.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>

#include "interpose.h"
#include "../ledger.h"
#include "../sys.h"

/* libc opened a descriptor past us: if the number was a call's, it closed that past us, too */
static DIR *unowned(DIR *d)
{
	if (d)
		ledger_fd_closed(dirfd(d));
	return d;
}

WRAPPER DIR *opendir(const char *path)
{
	struct stint *s = self();
	DIR *d;

	if (likely(!s))
		return unowned(REAL(opendir)(path));
	preempt_disable(s);
	d = unowned(REAL(opendir)(path));
	if (d && ledger_thing_add(s, THING_DIR, d)) {
		sys.closedir(d);
		d = NULL;
		errno = ENOMEM;
	}
	preempt_enable(s, caller_address());
	return d;
}

WRAPPER DIR *fdopendir(int fd)
{
	struct stint *s = self();
	DIR *d;

	if (likely(!s)) {
		d = REAL(fdopendir)(fd);
		if (d)
			ledger_fd_closed(fd);
		return d;
	}
	preempt_disable(s);
	d = REAL(fdopendir)(fd);
	if (d && ledger_fd_owned(s, fd) && !ledger_thing_add(s, THING_DIR, d))
		ledger_fd_closed(fd);
	preempt_enable(s, caller_address());
	return d;
}

/* NULL is an error that closedir() reports, whatever the header promises the compiler; hence a function of its own */
static __attribute__((noinline)) void strike(DIR *d)
{
	if (d) {
		ledger_fd_closed(dirfd(d));
		ledger_thing_drop(THING_DIR, d);
	}
}

WRAPPER int closedir(DIR *d)
{
	struct stint *s = self();
	int r;

	if (s)
		preempt_disable(s);
	strike(d);
	r = REAL(closedir)(d);
	if (s)
		preempt_enable(s, caller_address());
	return r;
}

LOCKED(struct dirent *, readdir, (DIR *d), (d))
LOCKED(struct dirent64 *, readdir64, (DIR *d), (d))

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
LOCKED(int, readdir_r, (DIR *d, struct dirent *entry, struct dirent **result), (d, entry, result))
LOCKED(int, readdir64_r, (DIR *d, struct dirent64 *entry, struct dirent64 **result), (d, entry, result))
#pragma GCC diagnostic pop

LOCKED_VOID(rewinddir, (DIR *d), (d))
LOCKED_VOID(seekdir, (DIR *d, long at), (d, at))
LOCKED(long, telldir, (DIR *d), (d))
