/*
 * fiber.h - what ThreadSanitizer has to be told, with configure --enable-tsan; else nothing
 *
 * The library itself is not instrumented then: it runs in handlers, and on thread variables that are not this thread's. The
 * program is, and so the sanitizer must know who runs, and in what order things were made known.
 *
 * Who runs. It finds what it knows of a thread by a pointer in thread variables of its own. A stint has thread variables of its
 * own, too: there the pointer leads to a fiber, made with the control block, at fiber_at from the thread pointer (tcb.c). Its
 * function that switches fibers writes the pointer of whoever calls it, so that is put right again.
 *
 * What order. Calls are in step with whoever launches or resumes them. Of two threads that follow each other on a worker nothing
 * is assumed. Whoever makes a thread ready, lets go of a lock, or wakes somebody says fiber_release() of some address before, the
 * other one fiber_acquire() of the same address afterwards.
 *
 * Where. Whatever takes a lock of ours has to say so, a test of hidden names with spin_lock() in it, too. Instrumented without, it
 * would be seen to take a lock that was free, but not one for which it waited in spin_lock_slow(); and letting go of that it would
 * write over what others had made known by it.
 */
#ifndef STINT_FIBER_H
#define STINT_FIBER_H

#define FIBER_SYNC 0
#define FIBER_NO_SYNC 1

#ifdef STINT_TSAN
#include <stddef.h>

#include "private.h"

/* weak: a program need not be instrumented */
void *__tsan_get_current_fiber(void) __attribute__((weak));
void *__tsan_create_fiber(unsigned flags) __attribute__((weak));
void __tsan_destroy_fiber(void *fiber) __attribute__((weak));
void __tsan_switch_to_fiber(void *fiber, unsigned flags) __attribute__((weak));
void __tsan_acquire(void *p) __attribute__((weak));
void __tsan_release(void *p) __attribute__((weak));

extern PRIVATE ptrdiff_t fiber_at;      /* 0: no sanitizer is there */

/* Between this and the change of the thread pointer from @from to @to nothing may run that the sanitizer looks at. */
static inline void fiber_leave(const void *from, const void *to, unsigned flags)
{
	void **here = (void **)((char *)from + fiber_at), *me;

	if (!fiber_at || from == to)
		return;
	me = *here;
	__tsan_switch_to_fiber(*(void **)((char *)to + fiber_at), flags);
	*here = me;
}

static inline void fiber_acquire(const void *p)
{
	if (fiber_at)
		__tsan_acquire((void *)p);
}

static inline void fiber_release(const void *p)
{
	if (fiber_at)
		__tsan_release((void *)p);
}
#elif defined(__SANITIZE_THREAD__)
#error "instrumented, and says nothing: configure --enable-tsan, and a test of hidden names is compiled with CORE_CPPFLAGS"
#else
#define fiber_leave(from, to, flags) ((void)0)
#define fiber_acquire(p) ((void)0)
#define fiber_release(p) ((void)0)
#endif

#endif
