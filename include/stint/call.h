/*
 * stint/call.h - preemptible function calls
 *
 * A call runs an unmodified function on the thread that launches it and gives the CPU back when the
 * function returns, when it pauses itself, or when its time is up, whatever it was doing. Its owner may
 * then resume it, on any kernel thread, or cancel it and get back everything it held.
 *
 * Which pairs may run at once: different calls, anything. The same call: state, is_complete, usage and
 * result with everything; of resume, cancel and free only one at a time gets it, the others return
 * EBUSY (free: does nothing). See stint(7) for what may be stopped where, and stint_cancel(3) for what is and
 * is not given back.
 */
#ifndef STINT_CALL_H
#define STINT_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stint/stats.h>
#include <stint/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t stint_ns;                       /* a span of time in nanoseconds */
#define STINT_US(n)  ((stint_ns)(n) * 1000)
#define STINT_MS(n)  ((stint_ns)(n) * 1000000)
#define STINT_S(n)   ((stint_ns)(n) * 1000000000)
#define STINT_FOREVER INT64_MAX

typedef void *stint_fn(void *arg);
typedef struct stint stint_t;

enum stint_state {
	STINT_READY,            /* made, not started */
	STINT_RUNNING,          /* it, or a call in it, has the CPU; or it is the inner part of a stopped one */
	STINT_TIMED_OUT,        /* stopped because its time was up; can be resumed */
	STINT_PAUSED,           /* stopped because it called stint_pause(); can be resumed */
	STINT_COMPLETE,         /* its function has returned */
	STINT_CANCELLED         /* ended by stint_cancel(), or not a live call at all */
};

struct stint_libset;

struct stint_attr {
	size_t size;            /* sizeof(struct stint_attr), so that later versions may add fields */
	const char *name;       /* for diagnoses; copied, 31 bytes are kept; NULL: none */
	size_t stack_size;      /* usable bytes, rounded up to pages; 0: STINT_STACK or 64 KiB */
	struct stint_libset *libset;    /* NULL: that of the call around; without one, the libraries of the process */
	unsigned flags;         /* 0 */
};

/*
 * stint_launch - call @fn(@arg), for at most @timeout
 *
 * With a @timeout of 0 the call is made but not started; stint_resume() starts it. The time given is
 * wall-clock time during which the call, or a call it launched, is running; while it is stopped its
 * clock stands still. A call is never stopped before its time, and as soon after as the state of
 * the C library allows.
 *
 * Return:  a handle, in whatever state the call came back in (see stint_state()); NULL with errno
 *          EINVAL (@fn NULL, @timeout negative, a bad STINT_... variable), ENOMEM, EAGAIN (no timer
 *          or thread left), ENOTSUP (see stint_unsupported()).
 * Context: any thread, or another call (they nest); not from a signal handler. The caller gets the
 *          thread back when the call returns, pauses or is out of time.
 * Preempt: the call is preemptible by its own deadline and by those of the calls around it.
 * Owner:   the caller must stint_free() the handle. One launched within a call belongs to that call and
 *          is freed with it when that is cancelled; a completed call leaves it to its own caller.
 */
STINT_API stint_t *stint_launch(stint_fn *fn, void *arg, stint_ns timeout);

/*
 * stint_launch_with - stint_launch() with a name, a stack size, a library set
 *
 * Return:  as stint_launch(); also NULL with errno EINVAL (size too small, an unknown flag, a stack
 *          smaller than one page or larger than 1 GiB, a libset that is closed), E2BIG (fields set that
 *          this version does not know).
 */
STINT_API stint_t *stint_launch_with(const struct stint_attr *attr, stint_fn *fn, void *arg,
                                     stint_ns timeout);

/*
 * stint_resume - let an unfinished call run on, for at most @timeout
 *
 * Return:  0 when it completed; ETIMEDOUT when time ran out again, or at once when @timeout is 0;
 *          EAGAIN when it paused itself; EINVAL when @s is complete, cancelled, freed or NULL, or
 *          @timeout is negative; EBUSY when another thread is running it; EDEADLK when it is the caller
 *          itself or a call around the caller; ENOMEM when this kernel thread has not run a call
 *          before and cannot be given a timer.
 * Context: any thread, or another call; the caller blocks until then. Not from a signal handler.
 * Preempt: the call is preemptible, the caller is not by it.
 * Owner:   @s stays the caller's; it may resume it on another kernel thread each time.
 */
STINT_API int stint_resume(stint_t *s, stint_ns timeout);

/*
 * stint_cancel - end an unfinished call and give back what it holds
 *
 * Ends and frees the calls that belong to it; runs its cleanups, last in first out, then its thread_local and
 * pthread-key destructors; then returns what it acquired and nobody gave back: locks, streams, directories,
 * libraries, descriptors, mappings, heap blocks. All of that runs on the call's own stack and thread
 * identity. Its frames are not unwound: C++ destructors of its locals do not run.
 *
 * Return:  0; EINVAL when @s is complete, cancelled, freed or NULL; EBUSY when it is running (also when
 *          it is the caller itself or a call around it); ENOMEM as stint_resume().
 * Context: any thread, or another call. Not from a signal handler.
 * Preempt: by the deadlines of calls around the caller; @s itself has none any more.
 * Owner:   @s stays the caller's and can still be asked for its state and usage; free it.
 */
STINT_API int stint_cancel(stint_t *s);

/*
 * stint_free - give back the call's stack and identity; of an unfinished one, cancel first
 *
 * NULL, a call that is running, one that cannot be cancelled, and one already freed are left alone.
 *
 * Context: any thread, or another call. Not from a signal handler.
 * Owner:   @s is no longer valid.
 */
STINT_API void stint_free(stint_t *s);

/*
 * stint_state - what has become of a call
 *
 * Return:  see enum stint_state; STINT_CANCELLED for NULL.
 * Context: any thread, any call; async-signal-safe. Does not switch.
 */
STINT_API enum stint_state stint_state(const stint_t *s);

/* stint_is_complete - whether the call's function has returned. Context: as stint_state(). */
STINT_API bool stint_is_complete(const stint_t *s);

/* stint_result - what the call's function returned; NULL unless complete. Context: as stint_state(). */
STINT_API void *stint_result(const stint_t *s);

/*
 * stint_pause - hand the CPU back to whoever launched or resumed this call
 *
 * Returns when the call is resumed. Outside a call, and in a cleanup of a call being cancelled, it does
 * nothing.
 *
 * Context: a call; not from a signal handler, not from a destructor of thread-specific data.
 */
STINT_API void stint_pause(void);

/* stint_self - the innermost call running here, or NULL. Context: any; async-signal-safe. */
STINT_API stint_t *stint_self(void);

/*
 * stint_defer - have @fn(@arg) run if this call is cancelled; last registered, first run
 *
 * A call that completes runs none of them.
 *
 * Return:  0; EINVAL when @fn is NULL; EPERM outside a call; ENOMEM.
 * Context: a call; not from a signal handler.
 */
STINT_API int stint_defer(void (*fn)(void *), void *arg);

/*
 * stint_preempt_disable, stint_preempt_enable - keep the call's deadline, and those around it, from
 * taking the CPU in between
 *
 * They nest. A deadline that passes in between takes effect in the outermost enable. Outside a call, and
 * an enable without a disable, do nothing. A call that ends disabled simply ends. A call
 * launched or resumed in between has its own deadline, but is safe from those around it like its caller.
 *
 * Context: any; enable may switch. From a signal handler in pairs only.
 */
STINT_API void stint_preempt_disable(void);
STINT_API void stint_preempt_enable(void);

/*
 * stint_usage - the account of a call, see struct stint_usage
 *
 * Return:  0; EINVAL when @s is NULL or freed, or @out is NULL.
 * Context: any thread, any call; exact when the call is stopped or is the caller, approximate while another
 *          thread is running it.
 */
STINT_API int stint_usage(const stint_t *s, struct stint_usage *out);

#ifdef __cplusplus
}
#endif

#endif
