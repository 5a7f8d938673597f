/*
 * checker.h - what valgrind and AddressSanitizer have to be told
 *
 * For valgrind, nothing at all where it was not installed when we were built, a few idle instructions where it
 * was: some 2 ns, so what is done for each block of the heap asks once whether it is there. For the sanitizer, a test whether
 * it is there.
 */
#ifndef STINT_CHECKER_H
#define STINT_CHECKER_H

#include <stddef.h>

extern void __asan_unpoison_memory_region(const volatile void *p, size_t n) __attribute__((weak));

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define checker_is_stack(lo, hi) ((void)VALGRIND_STACK_REGISTER(lo, hi))
#define checker_is_valgrind() (RUNNING_ON_VALGRIND != 0)
#define checker_defined(p, n) ((void)VALGRIND_MAKE_MEM_DEFINED(p, n))
#define checker_undefined(p, n) ((void)VALGRIND_MAKE_MEM_UNDEFINED(p, n))
#else
#define checker_is_stack(lo, hi) ((void)0)
#define checker_is_valgrind() 0
#define checker_defined(p, n) ((void)0)
#define checker_undefined(p, n) ((void)0)
#endif

/* a part of a stack that may have frames which were left without their end; live ones, too */
static inline void checker_unwound(void *p, size_t n)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(p, n);
}

#define CHECKER_FIRST_FRAMES 32768

/*
 * At the start of a kernel thread of ours, of which the sanitizer is not told. A forked child's may have the stack of one of the
 * parent's, which was in the middle of something.
 */
static inline __attribute__((always_inline)) void checker_begins_kthread(void)
{
	char *frame = __builtin_frame_address(0);

	checker_unwound(frame - CHECKER_FIRST_FRAMES, CHECKER_FIRST_FRAMES);
}

/* a part of a stack whose frames were given up: it may be written, and its contents mean nothing */
static inline void checker_scratch(void *p, size_t n)
{
	checker_unwound(p, n);
	checker_undefined(p, n);
}

#endif
