/*
 * spin.h - a lock for a few instructions
 *
 * Whoever holds one has preemption disabled (or is outside calls), so only the kernel can keep it from going on; a waiter that
 * sees nothing happen for long gives its CPU away. No owner, not recursive. Not in a handler that may have interrupted a
 * holder.
 */
#ifndef STINT_SPIN_H
#define STINT_SPIN_H

#include <stdbool.h>

#include "fiber.h"

void spin_lock_slow(int *l);
void spin_pause(unsigned *turns);       /* once around a loop that waits for another kernel thread's next instructions */

static inline void spin_lock(int *l)
{
	if (__builtin_expect(__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE), 0))
		spin_lock_slow(l);
	fiber_acquire(l);
}

static inline bool spin_trylock(int *l)
{
	if (__atomic_load_n(l, __ATOMIC_RELAXED) || __atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE))
		return false;
	fiber_acquire(l);
	return true;
}

static inline void spin_unlock(int *l)
{
	fiber_release(l);
	__atomic_store_n(l, 0, __ATOMIC_RELEASE);
}

#endif
