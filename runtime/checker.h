/*
 * checker.h - what valgrind has to be told; nothing at all where it is not installed, a few idle instructions
 * where it is
 */
#ifndef STINT_CHECKER_H
#define STINT_CHECKER_H

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define checker_is_stack(lo, hi) ((void)VALGRIND_STACK_REGISTER(lo, hi))
#define checker_defined(p, n) ((void)VALGRIND_MAKE_MEM_DEFINED(p, n))
#else
#define checker_is_stack(lo, hi) ((void)0)
#define checker_defined(p, n) ((void)0)
#endif

#endif
