/*
 * idle.h - workers that have nothing to do: looking around, sleeping, and being woken
 */
#ifndef STINT_IDLE_H
#define STINT_IDLE_H

#include "worker.h"

extern PRIVATE bool idle_stopping;      /* release; workers end when idle */
extern PRIVATE int idle_nasleep;        /* workers asleep */

void idle_setup(void);          /* nobody is idle yet */
bool idle_look_around(struct worker *w);        /* on its own stack; true: there is something to do */
void idle_sleep(struct worker *w);

/* any kernel thread */
bool idle_wake(struct worker *w);               /* false: it does not sleep */
struct worker *idle_sleeper(void);              /* one that sleeps, or NULL */
bool idle_all_asleep(void);     /* no worker runs, is needed, or will wake by itself */
uint64_t idle_slept(void);      /* how often any has gone to sleep: changes where one has been awake */
uint64_t idle_switched(void);   /* how many threads have been given the CPU */
bool idle_wake_one(void);       /* false: none sleeps */
/* more may be ready there than runs: somebody who sleeps may have it. The second where that happens rarely, and must not be put off. */
void idle_offer_slow(struct worker *w);
void idle_offer_at_tick(struct worker *w);

static inline void idle_offer(struct worker *w)
{
	if (unlikely(__atomic_load_n(&idle_nasleep, __ATOMIC_RELAXED)))
		idle_offer_slow(w);
}

#endif
