/*
 * deadlock.h - noticing that all threads wait for each other
 */
#ifndef STINT_DEADLOCK_H
#define STINT_DEADLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct stint_waiter;

/* a kernel thread that waits in park(), for as long as it takes; on its stack */
struct deadlock_waiter {
	struct deadlock_waiter *next, *prev;
	struct stint_waiter *waiter;
	int tid;
};

void deadlock_enter(struct deadlock_waiter *d, struct stint_waiter *w);
void deadlock_leave(struct deadlock_waiter *d);

/*
 * deadlock_look, deadlock_look_worker - whoever is about to sleep looks whether anybody is left who could wake it: a kernel thread
 * after deadlock_enter(), a worker that has published that it sleeps
 *
 * Return: when to look again, in cycles; NEVER: not, or a worker will.
 */
uint64_t deadlock_look(void);
uint64_t deadlock_look_worker(void);
void deadlock_awake(uint64_t look);     /* the worker that was to look then is awake, and has published that */

void deadlock_setup(void); /* no worker runs yet */
void deadlock_after_fork(
	bool by_thread); /* in the child; @by_thread: by a thread of the runtime, which is all there is */

#endif
