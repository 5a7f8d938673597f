/*
 * unwind.h - one step up the stack, in a signal handler
 */
#ifndef STINT_UNWIND_H
#define STINT_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

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

#endif
