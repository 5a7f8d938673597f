/*
 * stint/libset.h - library sets: private copies of libraries for calls
 *
 * A library with static variables is not fit for a call that may be stopped, or cancelled, in the middle of it: whoever
 * uses the library next finds them half written. A set has a copy of its own of each library that it was made for. In a call
 * that is launched in a set (stint_attr.libset), everything that calls one of these libraries reaches the set's copy, without
 * being compiled or linked in any special way; so do calls launched in it, and threads that its copies start.
 *
 * Always shared are libc and what belongs to it, so that there is one heap, one stdio and one errno, the run-time libraries of
 * compilers, and stint. What a copy has made (a handle, an object) is for calls in the same set.
 *
 * Which pairs may run at once: different sets, anything; open with everything. With the same set, close and reset must not
 * run while another thread launches a call in it. See stint-libset(7) for how it works, and what it does not do.
 */
#ifndef STINT_LIBSET_H
#define STINT_LIBSET_H

#include <stddef.h>
#include <stdint.h>

#include <stint/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stint_libset stint_libset_t;
typedef struct stint_libset_pool stint_libset_pool_t;

/* for stint_attr.libset: the libraries of the process, although the call around is in a set */
#define STINT_LIBSET_NONE ((struct stint_libset *)-1)

enum stint_libset_backend {
	STINT_LIBSET_AUTO,      /* what STINT_LIBSET says; else the first that works */
	STINT_LIBSET_COPY,      /* beside the libraries of the process; as many as there is memory for */
	STINT_LIBSET_NAMESPACE  /* in a link namespace of their own (dlmopen); about a dozen */
};

enum {
	STINT_LIBSET_DEPENDENCIES = 1,  /* copies of what the libraries depend on, too, but what is always shared */
	STINT_LIBSET_SPLIT_DATA = 2     /* see "variables" at stint_libset_open() */
};

struct stint_libset_attr {
	size_t size;            /* sizeof(struct stint_libset_attr), so that later versions may add fields */
	int backend;            /* enum stint_libset_backend */
	unsigned flags;         /* STINT_LIBSET_..., or 0 */
	char *why;              /* where a sentence is put when it fails; or NULL */
	size_t why_size;
};

/*
 * stint_libset_open - make a set with a private copy of each of the @n libraries
 *
 * They are named as for dlopen(), "libpng16.so.16" or a path, and loaded for the process too if they are not. Those that
 * depend on each other within the set are bound to each other's copies. Constructors of the copies run.
 *
 * Variables: a variable of a library that somebody outside the set refers to by name (other than a constant) would be two
 * variables: the copy's, and the process's, which the others go on using. This is found, and refused, unless the flag
 * STINT_LIBSET_SPLIT_DATA says that it is wanted. stint_libset_report() names them.
 *
 * Return:  the set; NULL with errno ENOENT (no such library), ENOEXEC (it is no library for this machine, or cannot be
 *          loaded), EINVAL (@n 0, a name NULL or of what is always shared, @attr not understood), E2BIG (fields set that this
 *          version does not know), ENOTSUP (see stint_unsupported(); a variable as above; the file has changed since it
 *          was loaded; a backend cannot do this), ENOMEM (also: no room for thread variables of the kind
 *          initial-exec), ENOSPC (too many functions, 16384, or libraries, 128), EDEADLK (from a library's constructor).
 * Context: any thread, or a call, which then lasts as long as the constructors; what is loaded belongs to the set,
 *          not to the call. Not from a signal handler, nor from a constructor that dlopen() runs.
 * Preempt: a call is not stopped in it.
 * Owner:   the caller must stint_libset_close() it.
 */
STINT_API stint_libset_t *stint_libset_open(const char *const *libraries, size_t n);
STINT_API stint_libset_t *stint_libset_open_with(const struct stint_libset_attr *attr, const char *const *libraries,
                                                 size_t n);

/*
 * stint_libset_close - run the destructors of the copies and unload them
 *
 * Destructors do not run if a call was cancelled in the set since it was opened or reset: what they would work on may be
 * half written.
 *
 * Return:  0; EINVAL when @set is NULL or closed; EBUSY when a call that is not complete or cancelled, or a thread that a
 *          copy started, is in it; EDEADLK as for open.
 * Context: as stint_libset_open().
 * Preempt: a call is not stopped in it.
 * Owner:   @set is no longer valid, nor anything that points into its copies.
 */
STINT_API int stint_libset_close(stint_libset_t *set);

/*
 * stint_libset_reset - bring the copies back to the state that they had just after loading
 *
 * Destructors run, under the same condition as for close. Variables get their initial values, all of them, whatever a
 * cancelled call has left in them; constructors run again. Heap blocks that only variables pointed to, of calls that completed,
 * are lost.
 *
 * Return:  0; EINVAL, EBUSY, EDEADLK as stint_libset_close().
 * Context: as stint_libset_open().
 * Preempt: a call is not stopped in it.
 * Owner:   nothing changes; but what the copies have handed out is no longer valid.
 */
STINT_API int stint_libset_reset(stint_libset_t *set);

/*
 * stint_libset_symbol - the address of a function or variable in the set's copies
 *
 * Return:  it; NULL when @set is closed or NULL, or none of its libraries has @name.
 * Context: any thread, any call; not from a signal handler.
 */
STINT_API void *stint_libset_symbol(const stint_libset_t *set, const char *name);

struct stint_libset_info {
	size_t size;                    /* in: sizeof(struct stint_libset_info) */
	int backend;                    /* which one it has: STINT_LIBSET_COPY or _NAMESPACE */
	unsigned libraries;             /* copies */
	unsigned functions;             /* entries of its table */
	unsigned variables;             /* that are split, see stint_libset_open() */
	size_t writable_bytes;          /* of the copies: each has pages of its own for these */
	uint64_t table_ns;              /* what it took to make the table */
};

/*
 * stint_libset_info - figures about a set
 *
 * Return:  0; EINVAL when @set is closed or NULL, @out is NULL or out->size is too small.
 * Context: any thread, any call; not from a signal handler.
 */
STINT_API int stint_libset_info(const stint_libset_t *set, struct stint_libset_info *out);

/*
 * stint_libset_report - what the set consists of, and which variables are split, for people to read
 *
 * A line for each copy, and below it one for each variable of it that others use, with who uses it.
 *
 * Return:  the length of the whole text; as much of it as @size has room for, and a null byte, is put in @text. 0 for a set
 *          that is closed or NULL.
 * Context: as stint_libset_info().
 */
STINT_API size_t stint_libset_report(const stint_libset_t *set, char *text, size_t size);

/*
 * stint_libset_pool_create - sets of the same libraries, to be taken and put back clean
 *
 * @idle: how many are kept that nobody uses; more are closed when they are put back. The first is opened at once, so
 * that what is wrong with the libraries shows here.
 *
 * Return:  the pool; NULL with errno as stint_libset_open().
 * Context: as stint_libset_open(). The pool may be used by several threads.
 * Owner:   the caller must stint_libset_pool_free() it.
 */
STINT_API stint_libset_pool_t *stint_libset_pool_create(const struct stint_libset_attr *attr,
                                                        const char *const *libraries, size_t n, size_t idle);

/*
 * stint_libset_pool_get - a clean set; opened if none is idle
 *
 * Return:  the set; NULL with errno as stint_libset_open().
 * Owner:   the caller must put it back.
 */
STINT_API stint_libset_t *stint_libset_pool_get(stint_libset_pool_t *pool);

/*
 * stint_libset_pool_put - give a set back; it is reset
 *
 * Return:  0; EINVAL when @pool or @set is NULL or @set is closed; EBUSY as stint_libset_reset(): the set is still the
 *          caller's then; EDEADLK.
 */
STINT_API int stint_libset_pool_put(stint_libset_pool_t *pool, stint_libset_t *set);

/*
 * stint_libset_pool_free - close the idle sets, and the pool
 *
 * Return:  0, also for NULL; EBUSY while a set is taken.
 */
STINT_API int stint_libset_pool_free(stint_libset_pool_t *pool);

#ifdef __cplusplus
}
#endif

#endif
