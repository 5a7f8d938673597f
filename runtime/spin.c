/* spin.c - see spin.h */
#include "spin.h"

#include "sys.h"

#define TURNS 200       /* some microseconds, longer than anything that is done under such a lock */

void spin_pause(unsigned *turns)
{
	if (++*turns % TURNS)
		arch_relax();
	else
		sys_raw(SYS_sched_yield, 0, 0, 0, 0);
}

void spin_lock_slow(int *l)
{
	unsigned turns = 0;

	do {
		while (__atomic_load_n(l, __ATOMIC_RELAXED))
			spin_pause(&turns);
	} while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE));
}
