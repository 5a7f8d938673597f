/*
 * text.h - where in the program's text a call may be stopped
 *
 * libc and ld.so call themselves without going through our wrappers, and may hold a lock wherever the program
 * counter is in them; so there a tick is refused, except in functions known to touch only their arguments and
 * in bare system calls, and there only when it was not libc itself that called them. Sanitizer runtimes, which
 * take locks of their own, count as libc, and so does our library, since libc calls it (malloc) with its locks
 * held.
 */
#ifndef STINT_TEXT_H
#define STINT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int text_init(const char *const *exempt, size_t n);     /* names of exempt functions; 0 or ENOMEM */

struct frame;
bool text_may_stop_insig(struct frame *f);      /* @f is walked up */
bool text_is_runtime(const void *pc);   /* in libc, ld.so, or a sanitizer's runtime */

/* code of ours whose end must not be interrupted again and again: see preempt.c */
#define STINT_TEXT __attribute__((section("stint_text"), noinline))

/* the function around @pc, in an object that is watched: its extent and its unwind entry, NULL if it has none */
const unsigned char *text_function(uintptr_t pc, uintptr_t *begin, uintptr_t *end);

#endif
