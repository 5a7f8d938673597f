/*
 * monitor.h - the kernel thread that notices workers which do not get on, and that ticks for them where a timer would cost more
 */
#ifndef STINT_MONITOR_H
#define STINT_MONITOR_H

#include <stdbool.h>

#include "context.h"

int monitor_start(void);        /* 0 or an errno value; after the workers */
void monitor_stop(void);
void monitor_forget(void);      /* in a forked child, which does not have it */

extern PRIVATE uint64_t monitor_until;  /* it does not look before, in cycles; 0: it does, every so often; NEVER. Relaxed, a hint */
extern PRIVATE uint64_t monitor_look;   /* how often, cycles */
void monitor_rouse(void);
void monitor_want_relief(void);        /* one more is to rest; also in the handler */

/* on a worker: a thread waits for the one that runs */
static inline void monitor_attend(void)
{
	if (unlikely(__atomic_load_n(&monitor_until, __ATOMIC_RELAXED)))
		monitor_rouse();
}

/* a thread is to be woken at @when, by its worker */
static inline void monitor_attend_timer(uint64_t when)
{
	uint64_t until = __atomic_load_n(&monitor_until, __ATOMIC_RELAXED);

	if (unlikely(until > monitor_look && when < until - monitor_look))
		monitor_rouse();
}

#endif
