/*
 * timers.h - points in time at which something is to happen, in order
 *
 * Each worker has some. The near ones, of the time up to `last`, are in a pairing heap. The others wait in the slots of a wheel, whose
 * levels have slots each 64 times as long as those of the level below; when their time comes near they go to a lower level, or to
 * the heap. So each is touched a few times, however many there are: they lie in pages of their own, and every touch is a miss. Both are
 * intrusive, so setting a timer cannot fail.
 *
 * Their lock lets others take timers out; only the worker itself, or its relief, lets them expire. Fired
 * timers are called under the lock: once timers_del() has returned, the timer does not fire any more, nor is it being fired.
 */
#ifndef STINT_TIMERS_H
#define STINT_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_NEAR_BITS  20    /* cycles in a slot of the lowest level: some 0.3 ms */
#define TIMERS_LEVEL_BITS 6
#define TIMERS_SLOTS      (1 << TIMERS_LEVEL_BITS)
#define TIMERS_LEVELS     ((64 - TIMERS_NEAR_BITS + TIMERS_LEVEL_BITS - 1) / TIMERS_LEVEL_BITS)

struct timers;
struct timer_slot;

struct timer {
	uint64_t when;                  /* cycles */
	struct timers *in;              /* those that it is among, or NULL. Written under their lock */
	struct timer_slot *slot;        /* in which it waits; NULL: it is in the heap */
	struct timer *child, *next, *prev;      /* prev: the one before in the slot; in the heap the sibling before, or the parent */
};

struct timer_slot {
	struct timer *timers;           /* in no order */
	uint64_t first;                 /* no later than the when of any; valid while there are some */
};

struct timers {
	int lock;                       /* spin_lock(); nests in a worker's, and nothing in it */
	struct timer *root;
	uint64_t last;                  /* when of those in the heap is not later, and of all others it is */
	uint64_t first;                 /* NEVER: there are none; else no later than the earliest. Written under lock, read without, */
	uint64_t n;                     /* and so is how many there are */
	uint64_t used[TIMERS_LEVELS];   /* slots with timers in them, a bit each */
	struct timer_slot slots[TIMERS_LEVELS][TIMERS_SLOTS];
};

void timers_init(struct timers *h);
/* @t->in is NULL; @now: a time that has passed, the later the better */
void timers_add(struct timers *h, struct timer *t, uint64_t when, uint64_t now);
void timers_del(struct timer *t);                                       /* whether it is among some or not */
/*
 * Fire all that are due at @now, in order, until @fire says false: that one stays. Where none is although @first has come, since the earliest
 * has been taken out, @first is later afterwards.
 */
void timers_expire(struct timers *h, uint64_t now, bool (*fire)(struct timer *t, void *arg), void *arg);

#endif
