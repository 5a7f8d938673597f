/*
 * clock.h - points in time, in cycles
 *
 * All deadlines are in cycles of the time stamp counter: reading it costs 10 ns and no system call. Where the
 * kernel does not trust the counter, "cycles" are nanoseconds of CLOCK_MONOTONIC. Both run at the same
 * rate, known to some ten parts per million, so the timer (which counts nanoseconds) may fire a little to
 * either side of a deadline; the handler compares again and waits or re-arms, never stops a call early.
 */
#ifndef STINT_CLOCK_H
#define STINT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <stint/call.h>

#include "arch/x86_64/arch.h"
#include "private.h"

extern PRIVATE bool clock_use_tsc;

void clock_begin(void);         /* take the first sample; as early as possible */
void clock_init(void);          /* take the second; waits until 1 ms after the first */
uint64_t clock_fallback(void);

static inline uint64_t clock_now(void)
{
	return __builtin_expect(clock_use_tsc, 1) ? arch_cycles() : clock_fallback();
}

#define CLOCK_SHIFT 32
extern PRIVATE uint64_t clock_cycles_per_ns, clock_ns_per_cycle;        /* 32.32 fixed point; relaxed: each value is right by itself */
extern PRIVATE uint64_t clock_refine_at;        /* cycles; relaxed: two that refine at once do the same */
void clock_refine(void);

/* rounds up; STINT_FOREVER and what does not fit: UINT64_MAX */
static inline uint64_t clock_cycles(stint_ns span)
{
	unsigned __int128 c = (unsigned __int128)(uint64_t)span *
	                      __atomic_load_n(&clock_cycles_per_ns, __ATOMIC_RELAXED);

	c = (c >> CLOCK_SHIFT) + 1;
	return span == STINT_FOREVER || c > UINT64_MAX ? UINT64_MAX : (uint64_t)c;
}

/* rounds down, saturates */
static inline stint_ns clock_ns(uint64_t cycles)
{
	unsigned __int128 ns = (unsigned __int128)cycles * __atomic_load_n(&clock_ns_per_cycle, __ATOMIC_RELAXED);

	ns >>= CLOCK_SHIFT;
	return ns > INT64_MAX ? INT64_MAX : (stint_ns)ns;
}

/* sleep as long as *@word is @value, at most until @until (UINT64_MAX: no end); sys_wake() wakes. It may return before that. */
void clock_sleep_on(int *word, int value, uint64_t until);

/* now + span, NEVER where that is beyond the end of time */
static inline uint64_t clock_after(uint64_t now, uint64_t cycles)
{
	return cycles > UINT64_MAX - now ? UINT64_MAX : now + cycles;
}

#endif
