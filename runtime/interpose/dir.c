/*
 * dir.c - directories
 *
 * opendir() and fdopendir() enter, closedir() strikes; the rest locks the DIR. fdopendir() takes the
 * descriptor's entry over; over a descriptor that is not the call's the directory is not entered, because
 * there is no way to give it back without closing that descriptor.
 *
 * scandir(), glob(), ftw() and their kin keep a DIR and memory of libc's until they return, so they run with
 * preemption disabled, callbacks of the program included. What scandir() and glob() return is entered.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <glob.h>

#include "interpose.h"
#include "../ledger.h"
#include "../sys.h"

int scandirat64(int dir, const char *path, struct dirent64 ***list, int (*select)(const struct dirent64 *),
                int (*compare)(const struct dirent64 **, const struct dirent64 **));

WRAPPER DIR *opendir(const char *path)
{
	struct stint *s = self();
	DIR *d;

	if (likely(!s))
		return REAL(opendir)(path);
	preempt_disable(s);
	d = REAL(opendir)(path);
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
LOCKED(int, ftw, (const char *path, __ftw_func_t fn, int fds), (path, fn, fds))
LOCKED(int, ftw64, (const char *path, __ftw64_func_t fn, int fds), (path, fn, fds))
LOCKED(int, nftw, (const char *path, __nftw_func_t fn, int fds, int flags), (path, fn, fds, flags))
LOCKED(int, nftw64, (const char *path, __nftw64_func_t fn, int fds, int flags), (path, fn, fds, flags))

/* a vector of @n blocks; each may move, and so may the vector */
static void *adopt_vector(struct stint *s, void *vector, int n)
{
	void **v = vector;

	for (int i = 0; i < n; i++)
		v[i] = heap_adopt(s, v[i]);
	return heap_adopt(s, v);
}

#define SCANS(name, entry, params, args)                                      \
	WRAPPER int name params                                               \
	{                                                                     \
		struct stint *s_ = self();                                    \
		int r_;                                                       \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		preempt_disable(s_);                                          \
		r_ = REAL(name) args;                                         \
		if (r_ >= 0)                                                  \
			*list = adopt_vector(s_, *list, r_);                  \
		preempt_enable(s_, caller_address());                         \
		return r_;                                                    \
	}

SCANS(scandir, dirent,
      (const char *path, struct dirent ***list, int (*select)(const struct dirent *),
       int (*compare)(const struct dirent **, const struct dirent **)),
      (path, list, select, compare))
SCANS(scandir64, dirent64,
      (const char *path, struct dirent64 ***list, int (*select)(const struct dirent64 *),
       int (*compare)(const struct dirent64 **, const struct dirent64 **)),
      (path, list, select, compare))
SCANS(scandirat, dirent,
      (int dir, const char *path, struct dirent ***list, int (*select)(const struct dirent *),
       int (*compare)(const struct dirent **, const struct dirent **)),
      (dir, path, list, select, compare))
SCANS(scandirat64, dirent64,
      (int dir, const char *path, struct dirent64 ***list, int (*select)(const struct dirent64 *),
       int (*compare)(const struct dirent64 **, const struct dirent64 **)),
      (dir, path, list, select, compare))

static bool known(void *p)
{
	return p && ledger_block_known(p, sys.malloc_usable_size(p));
}

/* with GLOB_APPEND the paths of an earlier glob() are in it and may be entered already; the vector may have grown */
static void adopt_paths(struct stint *s, char ***vector, size_t offset, size_t n)
{
	char **v = *vector;

	if (!v)
		return;
	for (size_t i = offset; i < offset + n; i++)
		if (v[i] && !known(v[i]))
			v[i] = heap_adopt(s, v[i]);
	if (!known(v))
		*vector = heap_adopt(s, v);
}

#define GLOBS(name, type)                                                               \
	WRAPPER int name(const char *pattern, int flags, int (*error)(const char *, int), type *out) \
	{                                                                               \
		struct stint *s = self();                                               \
		int r;                                                                  \
                                                                                        \
		if (likely(!s))                                                         \
			return REAL(name)(pattern, flags, error, out);                  \
		preempt_disable(s);                                                     \
		r = REAL(name)(pattern, flags, error, out);                             \
		if (r == 0)                                                             \
			adopt_paths(s, &out->gl_pathv, flags & GLOB_DOOFFS ? out->gl_offs : 0,  \
			            out->gl_pathc);                                     \
		preempt_enable(s, caller_address());                                    \
		return r;                                                               \
	}

GLOBS(glob, glob_t)
GLOBS(glob64, glob64_t)
