/*
 * stint/thread.h - threads of the runtime: many of them on a few kernel threads
 *
 * A thread runs ordinary blocking code. Workers, kernel threads of the library, run the threads that are ready; the
 * scheduling policy (sched.h) says in which order and for how long. A thread is stopped anywhere when its turn is
 * over, and goes on on whatever worker is free. Waiting, for a lock, a channel, a descriptor, for time, costs the thread its
 * turn, not the worker. errno, __thread variables, keys and locale are each thread's own.
 *
 * Which pairs may run at once: anything with anything on different threads. On the same thread: of join, detach and
 * cancel, join and detach exclude each other (the second gets EINVAL), cancel goes with both. The handle is valid until
 * a join has returned 0, or after detach until the thread ends.
 */
#ifndef STINT_THREAD_H
#define STINT_THREAD_H

#include <stddef.h>

#include <stint/call.h>
#include <stint/sched.h>
#include <stint/stats.h>
#include <stint/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stint_thread stint_thread_t;

#define STINT_QUANTUM_AUTO ((stint_ns)0)        /* chosen at start so that ticks cost at most 2 % */

struct stint_config {
	size_t size;            /* sizeof(struct stint_config) */
	unsigned workers;       /* 0: STINT_WORKERS, or the CPUs that the process may use (affinity, cgroup quota) */
	stint_ns quantum;       /* 0: STINT_QUANTUM, or STINT_QUANTUM_AUTO; else 10 us to 10 s */
	const char *policy;     /* a name or a path, see stint_policy_load(); NULL: STINT_POLICY, or "fair" */
	size_t stack_size;      /* of threads that do not say; 0: STINT_STACK, or 64 KiB */
	int signo;              /* the signal that preempts; 0: STINT_SIGNAL, or SIGURG */
};

struct stint_thread_attr {
	size_t size;            /* sizeof(struct stint_thread_attr) */
	const char *name;       /* copied, 31 bytes are kept; NULL: none */
	size_t stack_size;      /* usable bytes, rounded up to pages; 0: the runtime's */
	unsigned weight;        /* STINT_WEIGHT_MIN to _MAX; 0: STINT_WEIGHT_NORMAL */
	int priority;           /* STINT_PRIORITY_MIN to _MAX; 0: STINT_PRIORITY_NORMAL */
	stint_ns deadline;      /* after each wake-up; 0: none */
	struct stint_libset *libset;    /* NULL: what the call or thread that makes it has */
};

/*
 * stint_start - start the runtime
 *
 * The first stint_thread_create() does it with NULL; call it before to choose, or to see why it cannot be.
 *
 * Return:  0; EBUSY when it runs, or calls use another signal; EINVAL (a field out of range, a bad STINT_... variable), E2BIG
 *          (fields that this version does not know), ENOENT, ENOTSUP or EINVAL for the policy as stint_policy_load(), ENOTSUP
 *          (see stint_unsupported()), EAGAIN (no kernel thread or timer left), EMFILE, ENFILE (no descriptor), ENOMEM, what
 *          open() fails with for the file of STINT_TRACE, what the policy's init() returned. stint_why() has a sentence.
 * Context: a kernel thread; EPERM in a thread or call. Not from a signal handler.
 */
STINT_API int stint_start(const struct stint_config *config);

/*
 * stint_stop - end the workers
 *
 * Return:  0, also when it was not running; EBUSY while threads live or have not been joined; EPERM in a thread or call.
 * Context: a kernel thread; waits for the workers to end. Not from a signal handler.
 */
STINT_API int stint_stop(void);

/*
 * stint_why - one English sentence about the last failure of stint_start(), an implied one included, or about the last table that
 * stint_policy_set() refused; "" if there was none
 *
 * Context: any thread. The text is valid until the next failure.
 */
STINT_API const char *stint_why(void);

/*
 * stint_config_get - what the runtime runs with: as asked for, by the environment, or chosen
 *
 * Return:  0 with the fields of *@out filled in, none of them 0; @out->size is to be set before. EINVAL (NULL, @out->size is less
 *          than that of the structure, or the runtime does not run).
 * Context: any thread, any call. Not from a signal handler.
 * Owner:   @out->policy is the policy's own name, and lives as long as that.
 */
STINT_API int stint_config_get(struct stint_config *out);

/*
 * stint_thread_create - make a thread that runs @fn(@arg)
 *
 * It is ready at once, and begins when the policy picks it; the caller goes on. @attr NULL: all defaults.
 *
 * Return:  0 with *@t set; EINVAL (@t or @fn NULL, a field of @attr out of range), E2BIG, ENOMEM, and what stint_start()
 *          returns when the runtime has to be started.
 * Context: any thread, any call (the thread does not belong to the call). Not from a signal handler.
 * Preempt: does not wait; the caller may be preempted where the new thread displaces it.
 * Owner:   @t must be joined or detached.
 */
STINT_API int stint_thread_create(stint_thread_t **t, const struct stint_thread_attr *attr, stint_fn *fn, void *arg);

/* stint_go - stint_thread_create() and stint_thread_detach() in one. Return, Context, Preempt: as there. */
STINT_API int stint_go(stint_fn *fn, void *arg);

/*
 * stint_thread_join - wait until @t has ended; *@result, if not NULL, is what its function returned, NULL if it was cancelled
 *
 * Return:  0; EINVAL (NULL, detached, joined already or being joined); EDEADLK (the caller itself, one that waits for the
 *          caller to end, or all threads wait for each other); ETIMEDOUT for the timed one.
 * Context: any thread, any call: a thread is parked, a kernel thread sleeps. Not from a signal handler.
 * Owner:   after 0 the handle is gone.
 */
STINT_API int stint_thread_join(stint_thread_t *t, void **result);
STINT_API int stint_thread_join_timed(stint_thread_t *t, void **result, stint_ns timeout);

/* stint_thread_detach - nobody will join @t. Return: 0; EINVAL as join. Context: any. Owner: @t is gone when it ends. */
STINT_API int stint_thread_detach(stint_thread_t *t);

/*
 * stint_thread_cancel - end a thread where it is, and give back what it holds
 *
 * As stint_cancel(): its calls are ended, its cleanups (stint_defer()) and thread-specific destructors run, on its own stack; then
 * what it acquired and nobody gave back is returned. It takes effect when the thread is next stopped, at the latest at the
 * end of its turn; one that waits is woken for it. Not while it has disabled preemption. It must still be joined.
 *
 * Return:  0: it will be; EINVAL (NULL, or it has ended).
 * Context: any thread; of the caller itself: does not return once preemption is enabled. Not from a signal handler.
 */
STINT_API int stint_thread_cancel(stint_thread_t *t);

/* stint_thread_yield - let another ready thread run. On a kernel thread: sched_yield(). Context: any, also a call; switches. */
STINT_API void stint_thread_yield(void);

/*
 * stint_thread_sleep - let @span pass; not less. @span <= 0 yields; STINT_FOREVER waits to be cancelled.
 *
 * Context: any thread, any call: a thread is parked, a kernel thread sleeps. Not from a signal handler.
 */
STINT_API void stint_thread_sleep(stint_ns span);

/* stint_thread_self - the thread that runs here, also in a call in it; NULL on a kernel thread. Async-signal-safe. */
STINT_API stint_thread_t *stint_thread_self(void);

/* stint_thread_name - the name it was given, or "". Context: any; while @t is valid. */
STINT_API const char *stint_thread_name(const stint_thread_t *t);

/* stint_thread_id - unique, from 1; ascending for those that one worker makes; 0 for NULL. Context: any; while @t is valid. */
STINT_API uint64_t stint_thread_id(const stint_thread_t *t);

/* stint_thread_usage - its account, as stint_usage() for calls. Return: 0; EINVAL. Context: any; while @t is valid. */
STINT_API int stint_thread_usage(const stint_thread_t *t, struct stint_usage *out);

/*
 * stint_policy_set - have all workers schedule by @policy from now on, without losing a thread
 *
 * Each worker hands its queue over the next time it switches, which it is asked to do at once. Returns when all have.
 *
 * Return:  0; EINVAL (NULL, or the runtime does not run), EINVAL or ENOTSUP for a table as stint_policy_load(), with a sentence
 *          in stint_why(); EBUSY (another replacement is under way), ENOMEM, or what the policy's init() returned, EINVAL if
 *          that was negative: the old one stays.
 * Context: any thread, any call; waits. Not from a signal handler.
 */
STINT_API int stint_policy_set(const struct stint_policy *policy);

#ifdef __cplusplus
}
#endif

#endif
