/*
 * park.h - waiting until somebody says so: the one seam under everything that blocks
 *
 * Who waits has a waiter, mostly on its stack. It puts it where it will be found, and parks; whoever takes it out from there
 * unparks it, once. A thread of the runtime gives up its worker meanwhile; a kernel thread, or a call on one, sleeps.
 *
 *      who waits                                       who wakes
 *      ---------                                       ---------
 *      park_begin(s)
 *      spin_lock(&queue->lock)                         spin_lock(&queue->lock)
 *      waiter_init(&w, ...), into the queue            w = out of the queue; says in it what it got
 *      spin_unlock(&queue->lock)                       spin_unlock(&queue->lock)
 *      r = park(s, &w, deadline)                       unpark(w)       (w is gone afterwards)
 *      r != 0: out of the queue, under the lock; not there any more: park_taken(&w), and it has been served
 *      r == EINTR: park_stop(s), and all over again
 *      park_end(s, caller)
 *
 * Who has been served may free the object, unless somebody else touches it still; and one that gives up goes for its lock before it knows
 * that it has been served. Where several are served at once, or who serves may free the object, too, they are therefore taken first,
 * under the lock (waiter_take()). From there on a waiter does not give up; whether it is just about to is known from its state, and
 * then it is waited for, without the lock, before anybody is woken (waiter_await()). That is a few instructions of another kernel
 * thread, which waits for nothing meanwhile but the lock.
 *
 * So an object's code is the same for threads, kernel threads and calls. Between park_begin() and park_end() nothing is
 * preempted, except in park_stop(), where nothing may be queued or locked. A waiter may be in several queues (select): the
 * first who claims it (waiter_claim(), of the main one) unparks it.
 *
 * Not in signal context, but for unpark_insig().
 */
#ifndef STINT_PARK_H
#define STINT_PARK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <stint/sync.h>

#include "clock.h"
#include "preempt.h"
#include "spin.h"
#include "thread.h"

/* what somebody waits for, for diagnoses */
enum park_reason {
	PARK_MUTEX, PARK_COND, PARK_RWLOCK, PARK_SEM, PARK_BARRIER, PARK_ONCE, PARK_WAITGROUP, PARK_CHAN_SEND,
	PARK_CHAN_RECV, PARK_SELECT, PARK_JOIN, PARK_SLEEP, PARK_SLEEP_EVER, PARK_FD, PARK_OTHER,
	PARK_REASONS
};
const char *park_reason_name(enum park_reason reason);

struct stint_waiter {
	struct stint_waiter *next, *prev;       /* in the queue; NULL prev and not first: not in it */
	struct stint_thread *thread;            /* NULL: a kernel thread, which sleeps on state */
	int state;                              /* of a kernel thread: PARK_... (thread.h) */
	int claimed;                            /* waiter_claim() */
	struct stint_waiter *main;              /* which one is parked on: itself, or of a select the first */
	enum park_reason reason;
	int was;                                /* its state when it was taken */
	const void *object;
	/* for the object's own use: what was asked for, what was given */
	void *data;
	int kind, result;
	uintptr_t id;                           /* identity of who waits, park_identity() */
};

/* who runs here, unique among all that run: the innermost call, the thread, or the kernel thread. Never 0, bits 0 to 2 are. */
static inline uintptr_t park_identity(void)
{
	return (uintptr_t)arch_tp();
}

/* the pair around it all; @s is self(), may be NULL */
static inline void park_begin(struct stint *s)
{
	if (s)
		preempt_disable(s);
}

static inline void park_end(struct stint *s, const void *caller)
{
	if (s)
		preempt_enable(s, caller);
}

/*
 * From here on somebody may be found waiting, so park() must follow. The fields for the object's own use, but for id, stay as
 * they are. The second is for further queues of the same wait (poller_enter()): before any of them is in a queue.
 */
void waiter_init(struct stint_waiter *w, struct stint *s, enum park_reason reason, const void *object);
void waiter_init_more(struct stint_waiter *w, struct stint_waiter *main, const void *object);

/* after an unsuccessful park(), when @w is still in its queue, under the lock: it stays there, and park() follows again */
void waiter_again(struct stint_waiter *w, struct stint *s);

/* under the lock: it waits for something else now; for diagnoses */
void waiter_moved(struct stint_waiter *w, enum park_reason reason, const void *object);

/* of those who could wake @w, one may: true for the first. For waiters in several queues. */
static inline bool waiter_claim(struct stint_waiter *w)
{
	return !__atomic_exchange_n(&w->claimed, 1, __ATOMIC_ACQ_REL);
}

/* a point in time from a span: rounds up; STINT_FOREVER: NEVER */
static inline uint64_t park_deadline(stint_ns span)
{
	return span == STINT_FOREVER ? NEVER : clock_after(clock_now(), clock_cycles(span));
}

/*
 * park - wait until unpark(), or until @deadline (cycles; NEVER)
 *
 * Return: 0: unparked. ETIMEDOUT. EINTR: somebody wants to stop whoever waits (the deadline of a call around, a cancel).
 *         EDEADLK: in a join of a kernel thread's, nobody is left to end that (deadlock.h).
 *         But after 0 the waiter may still be in its queue, and may even have been taken out a moment ago.
 */
int park(struct stint *s, struct stint_waiter *w, uint64_t deadline);

/* of a kernel thread: whether it waits still; and its park() returns EDEADLK, if it does */
bool park_waits(const struct stint_waiter *w);
void park_deadlocked(struct stint_waiter *w);

/* instead of park(), after waiter_init(): true if nobody has woken it yet; else park() must follow all the same */
bool waiter_give_up(struct stint_waiter *w);

/* after an unsuccessful park(), when @w was no longer in its queue: wait for the unpark() that is under way */
void park_taken(struct stint_waiter *w);

/* after EINTR: be stopped here. When it returns, try again. */
void park_stop(struct stint *s, const void *caller);

/* wake @w, which the caller has taken from its queue. Also from a kernel thread. Preemption disabled or outside calls. */
void unpark(struct stint_waiter *w);

/*
 * The same in two or three steps. Under the object's lock, out of the queue: @w, or of a select the main one, has been served. True: it is
 * about to give up, and goes for that lock; then, without the lock, wait until it has had it. At last, wake it. Not in a signal handler,
 * which may have interrupted the very one that is waited for.
 */
static inline bool waiter_take(struct stint_waiter *w)
{
	int *state = w->thread ? &w->thread->park_state : &w->state;

	w->was = __atomic_exchange_n(state, PARK_TAKEN, __ATOMIC_ACQ_REL);
	return w->was == PARK_NOT;
}

void waiter_await(struct stint_waiter *w);
void unpark_taken(struct stint_waiter *w);

/* the same by a thread that ends, as the last before it leaves the CPU */
void unpark_at_end(struct stint_waiter *w);

/* the same for a signal handler, and whether we are in one, or in what can be taken for one */
void unpark_insig(struct stint_waiter *w);
bool park_insig(void);

/* --- queues of waiters, under their lock ------------------------------------------------------- */

static inline void waitq_add(struct stint_waitq *q, struct stint_waiter *w)
{
	w->next = NULL;
	w->prev = q->last;
	if (q->last)
		q->last->next = w;
	else
		q->first = w;
	q->last = w;
	q->n++;
}

static inline bool waitq_has(const struct stint_waitq *q, const struct stint_waiter *w)
{
	return w->prev || q->first == w;
}

static inline void waitq_remove(struct stint_waitq *q, struct stint_waiter *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		q->first = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		q->last = w->prev;
	w->prev = w->next = NULL;
	q->n--;
}

/* the first, taken out; NULL */
static inline struct stint_waiter *waitq_take(struct stint_waitq *q)
{
	struct stint_waiter *w = q->first;

	if (w)
		waitq_remove(q, w);
	return w;
}

#endif
