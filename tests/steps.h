/*
 * steps.h - a program that goes on instruction by instruction, with a trap (SIGTRAP) after each
 *
 * Handlers of signals run without, whichever; that of the trap stops it by taking STEP_FLAG out of the flags of what it has interrupted.
 */
#ifndef STEPS_H
#define STEPS_H

#include "test.h"

#define STEP_FLAG 0x100                 /* of the processor's flags */

/* inline, so that the first trap is where it is used */
static inline __attribute__((always_inline)) void set_step_flag(bool on)
{
	uint64_t flags = __builtin_ia32_readeflags_u64() & ~(uint64_t)STEP_FLAG;

	__builtin_ia32_writeeflags_u64(flags | (on ? STEP_FLAG : 0));
}

#endif
