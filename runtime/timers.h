/*
 * timers.h - points in time at which something is to happen, in order: a pairing heap, intrusive, so setting one cannot fail
 *
 * Each worker has one. Its lock lets others take timers out of it; only the worker itself, or its relief, lets them expire. Fired
 * timers are called under the lock: once timers_del() has returned, the timer does not fire any more, nor is it being fired.
 */
#ifndef STINT_TIMERS_H
#define STINT_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct timers;

struct timer {
	uint64_t when;                  /* cycles */
	struct timers *in;              /* the heap that it is in, or NULL. Written under that one's lock */
	struct timer *child, *next, *prev;      /* prev: the sibling before, or the parent */
};

struct timers {
	int lock;                       /* spin_lock(); nests in a worker's, and nothing in it */
	struct timer *root;
	uint64_t first;                 /* when of the root; NEVER. Written under lock, read without, */
	uint64_t n;                     /* and so is how many there are */
};

void timers_init(struct timers *h);
void timers_add(struct timers *h, struct timer *t, uint64_t when);      /* t->in is NULL */
void timers_del(struct timer *t);                                       /* whether it is in a heap or not */
/* fire all that are due at @now, in order, until @fire says false: that one stays */
void timers_expire(struct timers *h, uint64_t now, bool (*fire)(struct timer *t, void *arg), void *arg);

#endif
