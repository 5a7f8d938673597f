/*
 * park-lot.c - see lot.h
 *
 * Signal context: lot_post(). sem_post() may be called by a handler that has interrupted whoever holds the bucket's lock, or a
 * worker in the middle of its queue. So it does not wait for the lock: where it cannot have it, it leaves word (posted), and the
 * holder wakes for it; and where it may have interrupted a worker, what it wakes goes by way of an inbox (unpark_insig()).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "lot.h"

#define STARVED_AFTER 3         /* times woken for nothing */
#define FAMISHED_AFTER 30

struct lot_bucket lot[1 << LOT_BITS];

/* --- a bucket's lock ------------------------------------------------------------------------------- */

static struct stint_waiter *take_posted_locked(struct lot_bucket *b)
{
	struct stint_waiter *list = NULL, *w, *next;

	for (w = b->q.first; w; w = next) {
		next = w->next;
		if (w->reason != PARK_SEM)
			continue;
		waitq_remove(&b->q, w);
		w->next = list;
		list = w;
	}
	return list;
}

static void unpark_list(struct stint_waiter *list, void (*wake)(struct stint_waiter *w))
{
	struct stint_waiter *next;

	for (; list; list = next) {
		next = list->next;
		wake(list);
	}
}

/*
 * An exchange, for its barrier: either we see posted, or its writer gets the lock; and whoever has just entered tries the object
 * after it. Which semaphore was posted is not known: all in the bucket look. One of them may be the caller itself, about to
 * park.
 */
static void unlock(struct lot_bucket *b)
{
	__atomic_exchange_n(&b->q.lock, 0, __ATOMIC_SEQ_CST);
	while (unlikely(__atomic_load_n(&b->posted, __ATOMIC_SEQ_CST)) && spin_trylock(&b->q.lock)) {
		struct stint_waiter *list = NULL;

		if (__atomic_exchange_n(&b->posted, 0, __ATOMIC_SEQ_CST))
			list = take_posted_locked(b);
		__atomic_exchange_n(&b->q.lock, 0, __ATOMIC_SEQ_CST);
		unpark_list(list, unpark_insig);
	}
}

/* --- waiting --------------------------------------------------------------------------------------- */

static void add_first(struct stint_waitq *q, struct stint_waiter *w)
{
	w->prev = NULL;
	w->next = q->first;
	if (q->first)
		q->first->prev = w;
	else
		q->last = w;
	q->first = w;
	q->n++;
}

static bool is_alone_locked(const struct lot_bucket *b, const void *object)
{
	for (const struct stint_waiter *w = b->q.first; w; w = w->next)
		if (w->object == object)
			return false;
	return true;
}

bool lot_enter(struct stint_waiter *w, struct stint *s, enum park_reason reason, const void *object, bool again)
{
	struct lot_bucket *b = lot_bucket(object);
	bool alone;

	spin_lock(&b->q.lock);
	waiter_init(w, s, reason, object);
	alone = is_alone_locked(b, object);
	if (again)
		add_first(&b->q, w);
	else
		waitq_add(&b->q, w);
	unlock(b);
	return alone;
}

/* false: somebody has taken it out to wake it */
static bool take_out(struct lot_bucket *b, struct stint_waiter *w)
{
	bool in;

	spin_lock(&b->q.lock);
	in = waitq_has(&b->q, w);
	if (in)
		waitq_remove(&b->q, w);
	unlock(b);
	return in;
}

bool lot_leave(struct stint *s, struct stint_waiter *w)
{
	bool in = take_out(lot_bucket(w->object), w);

	if (in && waiter_give_up(w))
		return false;
	if (park(s, w, NEVER) && !in)   /* at once: it has been woken, or a cancel has */
		park_taken(w);
	return !in;
}

int lot_park(struct stint *s, struct stint_waiter *w, const struct until *u, uint64_t look)
{
	struct lot_bucket *b = lot_bucket(w->object);

	for (;;) {
		uint64_t deadline = until_deadline(u);
		int err = park(s, w, deadline < look ? deadline : look);
		bool again = err == ETIMEDOUT && !until_over(u) && clock_now() < look, in;

		if (!err)
			return 0;
		spin_lock(&b->q.lock);
		in = waitq_has(&b->q, w);
		if (in && again)
			waiter_again(w, s);     /* the clock was set back, or goes on differently */
		else if (in)
			waitq_remove(&b->q, w);
		unlock(b);
		if (!in) {
			park_taken(w);
			return 0;
		}
		if (!again)
			return err;
	}
}

/* --- waking ---------------------------------------------------------------------------------------- */

static struct stint_waiter *find_locked(const struct lot_bucket *b, const void *object)
{
	struct stint_waiter *w = b->q.first;

	while (w && w->object != object)
		w = w->next;
	return w;
}

static struct stint_waiter *take_one_locked(struct lot_bucket *b, const void *object)
{
	struct stint_waiter *w = find_locked(b, object);

	if (w)
		waitq_remove(&b->q, w);
	return w;
}

enum woken lot_wake_one(const void *object)
{
	struct lot_bucket *b = lot_bucket(object);
	struct stint_waiter *w;
	uintptr_t rounds;

	spin_lock(&b->q.lock);
	w = take_one_locked(b, object);
	rounds = w ? (uintptr_t)w->data : 0;
	unlock(b);
	if (!w)
		return LOT_NOBODY;
	unpark(w);
	return rounds >= FAMISHED_AFTER ? LOT_FAMISHED : rounds >= STARVED_AFTER ? LOT_STARVED : LOT_WOKEN;
}

/* in order */
static void wake_many(const void *object, bool shares_only)
{
	struct stint_waiter *list = NULL, **end = &list, *w, *next;
	struct lot_bucket *b = lot_bucket(object);

	spin_lock(&b->q.lock);
	for (w = b->q.first; w; w = next) {
		next = w->next;
		if (w->object != object)
			continue;
		if (shares_only && w->kind != LOT_SHARES && list)
			break;
		waitq_remove(&b->q, w);
		*end = w;
		end = &w->next;
		if (shares_only && w->kind != LOT_SHARES)
			break;
	}
	*end = NULL;
	unlock(b);
	unpark_list(list, unpark);
}

void lot_wake_shares(const void *object)
{
	wake_many(object, true);
}

void lot_wake_all(const void *object)
{
	wake_many(object, false);
}

void lot_post(const void *object)
{
	struct lot_bucket *b = lot_bucket(object);
	struct stint_waiter *w;

	if (!spin_trylock(&b->q.lock)) {
		__atomic_store_n(&b->posted, 1, __ATOMIC_SEQ_CST);
		if (!spin_trylock(&b->q.lock))
			return;
	}
	w = take_one_locked(b, object);
	unlock(b);
	if (w)
		unpark_list((w->next = NULL, w), park_insig() ? unpark_insig : unpark);
}

/* --- mutexes that are given back where we do not see it --------------------------------------------- */

/*
 * First counted, then looked: who enters later sees the count, and who was there is woken, finds the mutex still locked, and
 * sees it then.
 */
struct lot_hidden lot_hide(pthread_mutex_t *m)
{
	struct lot_hidden h = { lot_bucket(m) };

	__atomic_add_fetch(&h.bucket->hidden, 1, __ATOMIC_SEQ_CST);
	if (lot_crowded(m))
		lot_wake_one(m);
	return h;
}

void lot_unhide(struct lot_hidden *h)
{
	__atomic_sub_fetch(&h->bucket->hidden, 1, __ATOMIC_RELEASE);
}

bool lot_has_hidden(const void *object)
{
	return __atomic_load_n(&lot_bucket(object)->hidden, __ATOMIC_SEQ_CST);
}

void lot_after_fork(void)
{
	memset(lot, 0, sizeof(lot));
}
