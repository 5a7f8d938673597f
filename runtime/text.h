/*
 * text.h - where in the program's text a call may be stopped
 *
 * libc and ld.so call themselves without going through our wrappers, and may hold a lock wherever the program
 * counter is in them; so there a tick is refused, except in functions known to touch only their arguments and
 * in bare system calls, and there only when it was not libc itself that called them. Sanitizer runtimes, which
 * take locks of their own, count as libc, and so does our library, since libc calls it (malloc) with its locks
 * held; but for some functions (STINT_OPEN_TEXT).
 */
#ifndef STINT_TEXT_H
#define STINT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private.h"

int text_init(const char *const *exempt, size_t n);     /* names of exempt functions; 0 or ENOMEM */

struct frame;
bool text_may_stop_insig(struct frame *f);      /* @f is walked up */
/*
 * Whether @f is in libc, and libc was called by a plain wrapper of the class "locked", which does nothing but that. @f is
 * walked up.
 */
bool text_under_locked_insig(struct frame *f);
/*
 * Whether @pc, a wrapper's caller, is in libc or ld.so: what they acquire is theirs and is not entered in the call's ledger
 * (stdout's buffer, made by the first printf, must survive the call), and they may hold a lock.
 */
struct text_range {
	uintptr_t begin, end;
};
#define TEXT_OBJECTS_MAX 8
extern PRIVATE struct text_range text_runtimes[TEXT_OBJECTS_MAX];
extern PRIVATE unsigned text_nruntimes;

static inline bool text_is_runtime(const void *pc)      /* each malloc() in a call asks */
{
	for (unsigned i = 0; i < text_nruntimes; i++)
		if ((uintptr_t)pc - text_runtimes[i].begin < text_runtimes[i].end - text_runtimes[i].begin)
			return true;
	return false;
}
bool text_is_cxx(const void *pc);       /* in the C++ library */
void text_modules_changed(void);        /* after dlopen(): it may be there now */
bool text_is_for_program(const void *pc);       /* in a function of libc's that allocates for the program all the same */

/* code of ours whose end must not be interrupted again and again: see preempt.c */
#define STINT_TEXT __attribute__((section("stint_text"), noinline))

/* plain wrappers of the class "locked" */
#define STINT_LOCKED_TEXT __attribute__((section("stint_locked")))

/*
 * Public functions that libc does not call and that may be stopped at each of their instructions, as the program's own: what must not be
 * interrupted is in what they call. Who does little else than to call them could not be stopped otherwise.
 */
#define STINT_OPEN_TEXT __attribute__((section("stint_open")))

/* the function around @pc, in an object that is watched: its extent and its unwind entry, NULL if it has none */
const unsigned char *text_function(uintptr_t pc, uintptr_t *begin, uintptr_t *end);

#endif
