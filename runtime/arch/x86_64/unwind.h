/*
 * unwind.h - one step up the stack, in a signal handler
 */
#ifndef STINT_UNWIND_H
#define STINT_UNWIND_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct frame {
	uintptr_t pc, sp, bp;
	uintptr_t stack_lo, stack_hi;   /* nothing outside is read */
};

/*
 * unwind_step - make @f its caller's frame, by the unwind table entry @fde of the function around f->pc
 *
 * Return:  false when the entry says something that is beyond this little interpreter; @f is then undefined.
 * Context: anywhere; reads the entry and the stack, allocates nothing.
 */
bool unwind_step(struct frame *f, const unsigned char *fde);

/* where a function whose code is @begin to @end goes on by its last instruction, if that is a direct jump (jmp rel32); or something outside */
static inline uintptr_t unwind_tail(uintptr_t begin, uintptr_t end)
{
	int32_t by;

	if (end - begin < 5 || *(const unsigned char *)(end - 5) != 0xe9)
		return 0;
	memcpy(&by, (const void *)(end - 4), sizeof(by));
	return end + (uintptr_t)(intptr_t)by;
}

#endif
