/*
 * callbacks.c - functions of libc that call functions of the program
 *
 *      function                        in the program's function a call        why
 *      bsearch lfind lsearch           may be stopped                          nothing is held
 *      tsearch tfind tdelete twalk     may be stopped                          nothing; the tree is the program's
 *      twalk_r tdestroy
 *      qsort qsort_r                   may be stopped                          a block, entered in the ledger
 *      ftw nftw scandir scandirat      may be stopped                          blocks, directories: see below
 *      glob (error function and
 *      GLOB_ALTDIRFUNC)
 *      dl_iterate_phdr                 is not stopped                          ld.so's lock
 *      pthread_once call_once          is not stopped (threads.c)              others wait for it to be over
 *      fopencookie                     is not stopped (stdio.c)                the stream's lock
 *      printf's hooks                  is not stopped (stdio.c, format.c)      the stream's lock
 *      obstack_printf                  is not stopped (format.c)               brief
 *      fts_open fts_read fts_children  is not stopped (patterns.c)             brief
 *      argp_parse argp_help and so on  is not stopped                          help is written with the stream locked
 *      dlopen dlclose: constructors    is not stopped (dl.c)                   ld.so's lock
 *      exit: handlers                  is not stopped (process.c)              the process ends
 *      fork: pthread_atfork            is not stopped (process.c)              on the kernel thread's identity
 *      SIGEV_THREAD, getaddrinfo_a,    runs on a thread of libc's, outside the call
 *      aio
 *
 * The first three groups need no wrapper to be stoppable, because the program counter is in the program; qsort has one so that
 * the deadline is taken where it returns, and malloc() knows its block by who asks (text_is_for_program()).
 *
 * Those of the next group run with preemption disabled, but enabled in the program's functions: libc calls a function of ours
 * in place of the program's, which opens a window around that. What libc has in hand meanwhile (descriptors that it opened
 * without a wrapper, blocks without an entry) cannot be taken from it, so on cancel libc itself gives it back: the call
 * goes on in our function, which returns to libc what ends the walk, and is not the program's any more; libc closes and frees,
 * returns to the wrapper, and that to the cancel (struct callout in context.h). A dl_iterate_phdr() that paused lets ld.so's
 * lock go the same way.
 *
 * dl_iterate_phdr() could collect the objects and call the program when the lock is free, but the objects must not be unloaded
 * before that: each would have to be opened once more, by a name that may mean another by then. Who walks wants it quick.
 *
 * Invariant: s->callouts lists the walks of the call on its own stack, innermost (lowest) first. An exception leaves by the
 * cleanups, a longjmp() by callouts_jumped().
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../call.h"
#include "../checker.h"
#include "interpose.h"

/* --- a walk ------------------------------------------------------------------------------------ */

enum { FN, SELECT = FN, ERROR = FN, COMPARE, OPENDIR = COMPARE, READDIR, CLOSEDIR, STAT, LSTAT, FNS };

struct walk {
	struct callout callout;         /* first */
	struct stint *s;
	const void *caller;
	void (*fns[FNS])(void);         /* the program's, where ours stand in */
	void *arg;
	bool over;                      /* cancelled: they are not called any more */
	void *place[5];                 /* where a cancel goes on: in our function */
};

#define STANDS_FOR(walk, which, type) ((__typeof__(type) *)(walk)->fns[which])

static void leave_walk(struct walk *w)
{
	if (w->callout.end)
		w->s->callouts = w->callout.outer;
	preempt_enable(w->s, w->caller);
}

/* below the cancel; it goes on from where the stack is higher */
static void end_walk(struct callout *callout)
{
	struct walk *w = (struct walk *)callout;
	uintptr_t lo = w->s->stack_lo, here = (uintptr_t)__builtin_frame_address(0);

	w->over = true;
	checker_scratch((void *)here, (uintptr_t)w - here);
	checker_scratch((void *)lo, here - lo - ARCH_RED_ZONE);
	__builtin_longjmp(w->place, 1);
}

#define WALK(w) struct walk w __attribute__((cleanup(leave_walk)))

/* False: on a stack that is not the call's own, where it is neither stopped nor cancelled. The walk is without windows. */
static bool begin_walk(struct walk *w, struct stint *s, const void *caller)
{
	uintptr_t at = (uintptr_t)w;

	w->s = s;
	w->caller = caller;
	w->over = w->callout.closed = false;
	w->callout.end = NULL;
	preempt_disable(s);
	if (!on_own_stack(s, at))
		return false;
	callouts_jumped(s, at);
	w->callout.end = end_walk;
	w->callout.outer = s->callouts;
	s->callouts = &w->callout;
	return true;
}

/* libc is done; after a cancel this does not return */
static void end_of_walk(struct walk *w)
{
	if (!w->over)
		return;
	w->s->callouts = w->callout.outer;
	call_wind_up(w->s);
}

static struct walk *walk_here(void)
{
	struct stint *s = self();

	callouts_jumped(s, (uintptr_t)__builtin_frame_address(0));
	return (struct walk *)s->callouts;
}

static struct stint *open_window(const struct walk *w)
{
	if (w->callout.closed)
		return NULL;
	preempt_enable(w->s, NULL);
	return w->s;
}

static void close_window(struct stint **s)
{
	if (*s)
		preempt_disable(*s);
}

/*
 * A function that stands in for one of the program's; @end is what ends the walk, or hurries it on. After a cancel it returns
 * a second time, with depth above 0. "window" is in memory: its address is taken.
 */
#define STANDS_IN(ret, name, which, params, args, end)                                  \
	static ret name params                                                          \
	{                                                                               \
		struct stint *window __attribute__((cleanup(close_window))) = NULL;     \
		struct walk *w = walk_here();                                           \
                                                                                        \
		if (w->over || __builtin_setjmp(w->place))                              \
			return end;                                                     \
		window = open_window(w);                                                \
		return STANDS_FOR(w, which, ret params) args;                           \
	}

/* --- trees of files ---------------------------------------------------------------------------- */

/* 1 is FTW_STOP, too */
STANDS_IN(int, on_ftw, FN, (const char *path, const struct stat *st, int type), (path, st, type), 1)
STANDS_IN(int, on_ftw64, FN, (const char *path, const struct stat64 *st, int type), (path, st, type), 1)
STANDS_IN(int, on_nftw, FN, (const char *path, const struct stat *st, int type, struct FTW *at), (path, st, type, at), 1)
STANDS_IN(int, on_nftw64, FN, (const char *path, const struct stat64 *st, int type, struct FTW *at),
          (path, st, type, at), 1)

#define WALKS_FILES(name, params, args, stand_in)       \
	static __attribute__((noinline)) int name##_in_call params                      \
	{                                                                               \
		WALK(w);                                                                \
		int r;                                                                  \
                                                                                        \
		if (begin_walk(&w, s, caller)) {                                        \
			w.fns[FN] = (void (*)(void))fn;                                 \
			fn = stand_in;                                                  \
		}                                                                       \
		r = REAL(name) args;                                                    \
		end_of_walk(&w);                                                        \
		return r;                                                               \
	}

#define OF_CALL struct stint *s, const void *caller

WALKS_FILES(ftw, (OF_CALL, const char *path, __ftw_func_t fn, int fds), (path, fn, fds), on_ftw)
WALKS_FILES(ftw64, (OF_CALL, const char *path, __ftw64_func_t fn, int fds), (path, fn, fds), on_ftw64)
WALKS_FILES(nftw, (OF_CALL, const char *path, __nftw_func_t fn, int fds, int flags), (path, fn, fds, flags), on_nftw)
WALKS_FILES(nftw64, (OF_CALL, const char *path, __nftw64_func_t fn, int fds, int flags), (path, fn, fds, flags), on_nftw64)

WRAPPER int ftw(const char *path, __ftw_func_t fn, int fds)
{
	return likely(!self()) ? REAL(ftw)(path, fn, fds) : ftw_in_call(self(), caller_address(), path, fn, fds);
}

WRAPPER int ftw64(const char *path, __ftw64_func_t fn, int fds)
{
	return likely(!self()) ? REAL(ftw64)(path, fn, fds) : ftw64_in_call(self(), caller_address(), path, fn, fds);
}

WRAPPER int nftw(const char *path, __nftw_func_t fn, int fds, int flags)
{
	return likely(!self()) ? REAL(nftw)(path, fn, fds, flags) :
	                         nftw_in_call(self(), caller_address(), path, fn, fds, flags);
}

WRAPPER int nftw64(const char *path, __nftw64_func_t fn, int fds, int flags)
{
	return likely(!self()) ? REAL(nftw64)(path, fn, fds, flags) :
	                         nftw64_in_call(self(), caller_address(), path, fn, fds, flags);
}

/* --- directories ------------------------------------------------------------------------------- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-function-type"

int scandirat64(int dir, const char *path, struct dirent64 ***list, int (*select)(const struct dirent64 *),
                int (*compare)(const struct dirent64 **, const struct dirent64 **));

typedef int select_fn(const struct dirent *);
typedef int compare_fn(const struct dirent **, const struct dirent **);
typedef int scan_fn(int, const char *, struct dirent ***, select_fn *, compare_fn *);
_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "one wrapper for both");

STANDS_IN(int, on_select, SELECT, (const struct dirent *entry), (entry), 0)
STANDS_IN(int, on_compare, COMPARE, (const struct dirent **a, const struct dirent **b), (a, b), 0)

/* After a cancel the list is entered, too, and given back with all that is. @real has no @dir if it is NOT_AT. */
#define NOT_AT (-1000)

static __attribute__((noinline)) int scan(struct stint *s, const void *caller, void *real, int dir, const char *path,
                                          struct dirent ***list, select_fn *select, compare_fn *compare)
{
	WALK(w);
	int r;

	if (begin_walk(&w, s, caller)) {
		w.fns[SELECT] = (void (*)(void))select;
		w.fns[COMPARE] = (void (*)(void))compare;
		select = select ? on_select : NULL;
		compare = compare ? on_compare : NULL;
	}
	if (dir == NOT_AT)
		r = ((int (*)(const char *, struct dirent ***, select_fn *, compare_fn *))real)(path, list, select, compare);
	else
		r = ((scan_fn *)real)(dir, path, list, select, compare);
	if (r >= 0)
		heap_adopt_vector(s, (char ***)list, 0, (size_t)r);
	end_of_walk(&w);
	return r;
}

#define SCANS(name, entry)                                                              \
	WRAPPER int name(const char *path, struct entry ***list, int (*select)(const struct entry *), \
	                 int (*compare)(const struct entry **, const struct entry **))  \
	{                                                                               \
		if (likely(!self()))                                                    \
			return REAL(name)(path, list, select, compare);                 \
		return scan(self(), caller_address(), (void *)REAL(name), NOT_AT, path, (struct dirent ***)list, \
		            (select_fn *)select, (compare_fn *)compare);                \
	}

#define SCANS_AT(name, entry)                                                           \
	WRAPPER int name(int dir, const char *path, struct entry ***list, int (*select)(const struct entry *), \
	                 int (*compare)(const struct entry **, const struct entry **))  \
	{                                                                               \
		if (likely(!self()))                                                    \
			return REAL(name)(dir, path, list, select, compare);            \
		return scan(self(), caller_address(), (void *)REAL(name), dir == NOT_AT ? -1 : dir, path, \
		            (struct dirent ***)list, (select_fn *)select, (compare_fn *)compare); \
	}

SCANS(scandir, dirent)
SCANS(scandir64, dirent64)
SCANS_AT(scandirat, dirent)
SCANS_AT(scandirat64, dirent64)

/* --- file names that match --------------------------------------------------------------------- */

typedef int error_fn(const char *, int);
_Static_assert(sizeof(glob_t) == sizeof(glob64_t), "one wrapper for both");

STANDS_IN(int, on_error, ERROR, (const char *path, int err), (path, err), 1)
STANDS_IN(void *, on_opendir, OPENDIR, (const char *path), (path), NULL)
STANDS_IN(struct dirent *, on_readdir, READDIR, (void *dir), (dir), NULL)
STANDS_IN(void, on_closedir, CLOSEDIR, (void *dir), (dir), )
STANDS_IN(int, on_stat, STAT, (const char *path, struct stat *st), (path, st), -1)
STANDS_IN(int, on_lstat, LSTAT, (const char *path, struct stat *st), (path, st), -1)

static void stand_in(struct walk *w, glob_t *g)
{
	w->fns[OPENDIR] = (void (*)(void))g->gl_opendir;
	w->fns[READDIR] = (void (*)(void))g->gl_readdir;
	w->fns[CLOSEDIR] = (void (*)(void))g->gl_closedir;
	w->fns[STAT] = (void (*)(void))g->gl_stat;
	w->fns[LSTAT] = (void (*)(void))g->gl_lstat;
	g->gl_opendir = on_opendir;
	g->gl_readdir = on_readdir;
	g->gl_closedir = on_closedir;
	g->gl_stat = on_stat;
	g->gl_lstat = on_lstat;
}

static void stand_back(const struct walk *w, glob_t *g)
{
	g->gl_opendir = STANDS_FOR(w, OPENDIR, void *(const char *));
	g->gl_readdir = STANDS_FOR(w, READDIR, struct dirent *(void *));
	g->gl_closedir = STANDS_FOR(w, CLOSEDIR, void(void *));
	g->gl_stat = STANDS_FOR(w, STAT, int(const char *, struct stat *));
	g->gl_lstat = STANDS_FOR(w, LSTAT, int(const char *, struct stat *));
}

typedef int glob_fn(const char *, int, error_fn *, glob_t *);

static __attribute__((noinline)) int find_paths(struct stint *s, const void *caller, glob_fn *real, const char *pattern,
                                                int flags, error_fn *error, glob_t *out)
{
	bool alternative = flags & GLOB_ALTDIRFUNC, ours;
	WALK(w);
	int r;

	ours = begin_walk(&w, s, caller);
	if (ours && error) {
		w.fns[ERROR] = (void (*)(void))error;
		error = on_error;
	}
	if (ours && alternative)
		stand_in(&w, out);
	r = real(pattern, flags, error, out);
	if (ours && alternative)
		stand_back(&w, out);
	if (r == 0 || r == GLOB_ABORTED)
		heap_adopt_vector(s, &out->gl_pathv, flags & GLOB_DOOFFS ? out->gl_offs : 0, out->gl_pathc);
	end_of_walk(&w);
	return r;
}

#define GLOBS(name, type) \
	WRAPPER int name(const char *pattern, int flags, error_fn *error, type *out)    \
	{                                                                               \
		if (likely(!self()))                                                    \
			return REAL(name)(pattern, flags, error, out);                  \
		return find_paths(self(), caller_address(), (glob_fn *)REAL(name), pattern, flags, error, (glob_t *)out); \
	}

GLOBS(glob, glob_t)
GLOBS(glob64, glob64_t)

#pragma GCC diagnostic pop

/* --- loaded objects ---------------------------------------------------------------------------- */

typedef int object_fn(struct dl_phdr_info *info, size_t size, void *arg);

STANDS_IN(int, on_object, FN, (struct dl_phdr_info *info, size_t size, void *arg), (info, size, arg), 1)

static __attribute__((noinline)) int walk_objects(struct stint *s, const void *caller, object_fn *fn, void *arg)
{
	WALK(w);
	int r;

	if (begin_walk(&w, s, caller)) {
		w.callout.closed = true;
		w.fns[FN] = (void (*)(void))fn;
		fn = on_object;
	}
	r = REAL(dl_iterate_phdr)(fn, arg);
	end_of_walk(&w);
	return r;
}

WRAPPER int dl_iterate_phdr(object_fn *fn, void *arg)
{
	return likely(!self()) ? REAL(dl_iterate_phdr)(fn, arg) : walk_objects(self(), caller_address(), fn, arg);
}

/* --- sorting ----------------------------------------------------------------------------------- */

static void leaving(struct stint *s, const void *caller)
{
	preempt_disable(s);
	preempt_enable(s, caller);
}

WRAPPER void qsort(void *base, size_t n, size_t size, __compar_fn_t compare)
{
	REAL(qsort)(base, n, size, compare);
	if (self())
		leaving(self(), caller_address());
}

WRAPPER void qsort_r(void *base, size_t n, size_t size, __compar_d_fn_t compare, void *arg)
{
	REAL(qsort_r)(base, n, size, compare, arg);
	if (self())
		leaving(self(), caller_address());
}

/* --- arguments of programs --------------------------------------------------------------------- */

LOCKED(error_t, argp_parse, (const struct argp *argp, int argc, char **argv, unsigned flags, int *index, void *input),
       (argp, argc, argv, flags, index, input))
LOCKED_VOID(argp_help, (const struct argp *argp, FILE *f, unsigned flags, char *name), (argp, f, flags, name))
LOCKED_VOID(argp_state_help, (const struct argp_state *state, FILE *f, unsigned flags), (state, f, flags))
LOCKED_VOID(argp_usage, (const struct argp_state *state), (state))

/* There are no twins that take a va_list. Where there is no memory for the text, the format has to do. */
WRAPPER void argp_error(const struct argp_state *state, const char *format, ...)
{
	struct stint *s = self();
	char *text;
	va_list ap;

	if (s)
		preempt_disable(s);
	va_start(ap, format);
	format_text(&text, 0, format, ap);
	va_end(ap);
	REAL(argp_error)(state, "%s", text ? text : format);
	REAL(free)(text);
	if (s)
		preempt_enable(s, caller_address());
}

WRAPPER void argp_failure(const struct argp_state *state, int status, int err, const char *format, ...)
{
	struct stint *s = self();
	char *text = NULL;
	va_list ap;

	if (s)
		preempt_disable(s);
	if (format) {
		va_start(ap, format);
		format_text(&text, 0, format, ap);
		va_end(ap);
	}
	REAL(argp_failure)(state, status, err, format ? "%s" : NULL, text ? text : format);
	REAL(free)(text);
	if (s)
		preempt_enable(s, caller_address());
}
