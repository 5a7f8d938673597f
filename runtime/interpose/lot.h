/*
 * lot.h - where threads wait for objects of the C library's
 *
 * A thread that waits for a mutex in the C library's own way takes its worker with it. So it tries, and where it would have to
 * wait, it is parked here, under the object's address; who gives the object back does that by the C library's own function and
 * then looks whether somebody is parked for it. The object itself stays as the C library knows it, so kernel threads and
 * calls use it beside threads.
 *
 *      who waits                                       who gives back (anybody)
 *      ---------                                       ------------------------
 *      trylock: EBUSY                                  unlock
 *      lot_enter(&w, ...)                              lot_crowded(object): lot_wake_one(object)
 *      trylock: got it: lot_leave(s, &w)
 *      lot_park(s, &w, ...), and from the top
 *
 * Between entering and trying again lies a full barrier, and between the C library's giving back and the look at the bucket its
 * own locked instruction; so one of the two sees the other. Who is woken must compete for the object like everybody else.
 *
 * The C library gives a mutex back by itself in a wait for a condition, where nobody can look (lot_hide()).
 *
 * Context: preemption disabled, or outside calls; lot_post() also in signal handlers.
 */
#ifndef STINT_LOT_H
#define STINT_LOT_H

#include "parks.h"

#define LOT_BITS 10

/* A lock, which nests in nothing, and those who wait, in order, for whatever falls into the same bucket. */
struct lot_bucket {
	struct stint_waitq q;
	unsigned hidden;                /* kernel threads in waits for a condition, with a mutex of this bucket; atomic */
	int posted;                     /* lot_post() could not have the lock; seq_cst with it */
} __attribute__((aligned(64)));

extern PRIVATE struct lot_bucket lot[1 << LOT_BITS];

static inline struct lot_bucket *lot_bucket(const void *object)
{
	return &lot[((uintptr_t)object >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - LOT_BITS)];
}

/* whether there is anybody to look for: all that an object costs which no thread waits for */
static inline bool lot_crowded(const void *object)
{
	return unlikely(__atomic_load_n(&lot_bucket(object)->q.n, __ATOMIC_RELAXED) != 0);
}

enum lot_kind { LOT_ANY, LOT_SHARES };          /* in kind; SHARES: a reader, woken together with the next if that is one */

/*
 * From here on @w is found. @again: it has been before, and comes first. Says whether nobody else waits for the object, and has a
 * full barrier at its end.
 */
bool lot_enter(struct stint_waiter *w, struct stint *s, enum park_reason reason, const void *object, bool again);

/* not needed after all; true: it had been woken for the object by then */
bool lot_leave(struct stint *s, struct stint_waiter *w);

/*
 * Wait until woken: 0. ETIMEDOUT: until @u is over, or until @look (cycles; NEVER). EINTR: as park(). After these two it is
 * not in the lot any more.
 */
int lot_park(struct stint *s, struct stint_waiter *w, const struct until *u, uint64_t look);

/* STARVED: one that has been woken several times, and for nothing; FAMISHED: many times */
enum woken { LOT_NOBODY, LOT_WOKEN, LOT_STARVED, LOT_FAMISHED };
enum woken lot_wake_one(const void *object);
void lot_wake_shares(const void *object);       /* the first, and if that is a reader, all up to the first that is none */
void lot_wake_all(const void *object);
void lot_post(const void *object);              /* lot_wake_one(), also from a signal handler */

/*
 * Around a wait for a condition in the C library, with the mutex locked: who is parked for that, or will be, looks for itself now
 * and then.
 */
struct lot_hidden {
	struct lot_bucket *bucket;
};
struct lot_hidden lot_hide(pthread_mutex_t *m);
void lot_unhide(struct lot_hidden *h);
bool lot_has_hidden(const void *object);

void lot_after_fork(void);                      /* nobody waits in the child */

/* in place of the C library's waits, with preemption disabled once, in a thread that parks_within() */
int park_mutex(struct stint *s, pthread_mutex_t *m, const struct until *u, const void *caller);
int park_cond(struct stint *s, pthread_cond_t *c, pthread_mutex_t *m, const struct until *u, const void *caller);
int park_rwlock(struct stint *s, pthread_rwlock_t *l, bool write, const struct until *u, const void *caller);
int park_sem(struct stint *s, sem_t *sem, const struct until *u, const void *caller);
bool park_barrier(struct stint *s, pthread_barrier_t *barrier, int *r, const void *caller);
void park_once(struct stint *s, const pthread_once_t *once, const void *caller);
void park_word(struct stint *s, const uint32_t *word, uint32_t seen, const void *caller);

/* whether these are between processes, or else not for the lot */
bool lot_takes_mutex(const pthread_mutex_t *m);
bool lot_takes_cond(const pthread_cond_t *c);

/* parks(), from within preempt_disable() */
static inline bool parks_within(struct stint *s)
{
	return s->depth == s->user_depth + 1 && !s->handler_sp && thread_running(s);
}

#endif
