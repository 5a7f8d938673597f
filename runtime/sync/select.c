/*
 * select.c - wait for the first of several channels
 *
 * All channels are locked at once, so that "none is ready" and "queued in all" are one moment: a sender that
 * comes in between would find nobody and wait, and so would we. In order of address, each once, so that two
 * selects never wait for each other's locks. While it looks, a select is queued nowhere; so it cannot meet
 * itself, and its own cases never serve each other.
 *
 * Parked, it has a waiter in the queue of each case, but one identity, on its stack: whoever claims that
 * first serves it and says which case it was. The others stay queued until it wakes and takes them out, one
 * channel at a time; who finds one of them meanwhile cannot claim it, drops it, and looks further
 * (chan_partner). For the same reason a case that looked ready, because a select waited at its other end, may
 * not be any more when it is tried: then one chooses again. What others have taken out it does not look for:
 * that channel may be gone. While a case is queued its channel is there; so the select says first, in the case, that it comes, and who takes that
 * out expects it at the channel.
 *
 * Up to FEW cases need no memory but the stack.
 */
#include "../sys.h"
#include "chan.h"

#define FEW 4

struct arm {
	struct stint_waiter w;          /* kind: index of the case; main: the one that is parked */
	stint_chan_t *lock;             /* of all arms: the channels in order of address, each once */
};

struct select {
	struct stint_select_case *cases;
	size_t n, nlocks;
	struct arm *arms;               /* n of them */
	struct stint *s;
	struct stint_waiter parked;     /* kind: the chosen one */
};

static bool is_send(const struct stint_select_case *c)
{
	return c->op == STINT_SELECT_SEND;
}

static struct stint_waitq *queue_of(const struct stint_select_case *c)
{
	return is_send(c) ? &c->chan->senders : &c->chan->receivers;
}

/* --- locking ----------------------------------------------------------------------------------- */

/* heapsort: what is below @i sinks to its place */
static void sink(struct arm *a, size_t i, size_t n)
{
	size_t child;

	while (child = 2 * i + 1, child < n) {
		stint_chan_t *c = a[i].lock;

		if (child + 1 < n && a[child].lock < a[child + 1].lock)
			child++;
		if (c >= a[child].lock)
			return;
		a[i].lock = a[child].lock;
		a[child].lock = c;
		i = child;
	}
}

static void sort(struct arm *a, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sink(a, i, n);
	while (n > 1) {
		stint_chan_t *largest = a[0].lock;

		a[0].lock = a[--n].lock;
		a[n].lock = largest;
		sink(a, 0, n);
	}
}

static void find_locks(struct select *sel)
{
	size_t n = 0, distinct = 0;

	for (size_t i = 0; i < sel->n; i++)
		if (sel->cases[i].chan)
			sel->arms[n++].lock = sel->cases[i].chan;
	sort(sel->arms, n);
	for (size_t i = 0; i < n; i++)
		if (!i || sel->arms[i].lock != sel->arms[distinct - 1].lock)
			sel->arms[distinct++].lock = sel->arms[i].lock;
	sel->nlocks = distinct;
}

static void lock_all(struct select *sel)
{
	for (size_t i = 0; i < sel->nlocks; i++)
		spin_lock(&sel->arms[i].lock->senders.lock);
}

static void unlock_all(struct select *sel)
{
	for (size_t i = sel->nlocks; i-- > 0;)
		spin_unlock(&sel->arms[i].lock->senders.lock);
}

/* --- looking; locked --------------------------------------------------------------------------- */

/* is there somebody who, as it looks now, can still be served? */
static bool has_partner(stint_chan_t *c, struct stint_waitq *q)
{
	chan_drop_served(c, q);
	return q->first;
}

static bool is_ready(const struct stint_select_case *c)
{
	stint_chan_t *ch = c->chan;

	if (!ch)
		return false;
	if (ch->closed)
		return true;
	return is_send(c) ? ch->count < ch->capacity || has_partner(ch, &ch->receivers)
			  : ch->count || has_partner(ch, &ch->senders);
}

static uint64_t next_random(uint64_t *x)
{
	if (!*x)
		*x = (arch_cycles() ^ (uintptr_t)x) | 1;
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (*x * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
}

/* one of those that are ready, each with the same chance; or NULL */
static struct stint_select_case *choose(struct select *sel)
{
	struct stint_select_case *chosen = NULL;
	uint64_t x = 0, ready = 0;

	for (size_t i = 0; i < sel->n; i++) {
		struct stint_select_case *c = &sel->cases[i];

		if (is_ready(c) && (++ready == 1 || next_random(&x) % ready == 0))
			chosen = c;
	}
	return chosen;
}

/* the chosen case; NULL: none can go on */
static struct stint_select_case *try_one(struct select *sel, struct wait_list *woken)
{
	struct stint_select_case *c;
	int r;

	while (c = choose(sel), c) {
		r = is_send(c) ? chan_try_send(c->chan, c->elem, woken)
			       : chan_try_recv(c->chan, c->elem, woken);
		if (r != MUST_WAIT) {
			c->result = r;
			return c;
		}
	}
	return NULL;
}

/* --- waiting ----------------------------------------------------------------------------------- */

static void queue_all(struct select *sel)
{
	waiter_init(&sel->parked, sel->s, PARK_SELECT, sel->cases);
	for (size_t i = 0; i < sel->n; i++) {
		struct stint_waiter *w = &sel->arms[i].w;

		if (!sel->cases[i].chan)
			continue;
		w->kind = (int)i;
		w->data = sel->cases[i].elem;
		w->main = &sel->parked;
		w->claimed = CASE_QUEUED;
		waitq_add(queue_of(&sel->cases[i]), w);
	}
}

static void dequeue(const struct stint_select_case *c, struct arm *arm)
{
	struct stint_waitq *q = queue_of(c);
	int where = CASE_QUEUED;

	if (!__atomic_compare_exchange_n(&arm->w.claimed, &where, CASE_WANTED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	spin_lock(&c->chan->senders.lock);
	if (waitq_has(q, &arm->w))
		waitq_remove(q, &arm->w);
	else
		c->chan->expected--;
	spin_unlock(&c->chan->senders.lock);
}

static void dequeue_all(struct select *sel)
{
	for (size_t i = 0; i < sel->n; i++)
		if (sel->cases[i].chan)
			dequeue(&sel->cases[i], &sel->arms[i]);
}

/* queued; 0, and the chosen case has its result; ETIMEDOUT; EINTR */
static int sleep_until(struct select *sel, uint64_t deadline)
{
	int r = park(sel->s, &sel->parked, deadline);
	bool served = !r || !waiter_claim(&sel->parked);

	dequeue_all(sel);
	if (!served)
		return r;
	if (r)
		park_taken(&sel->parked);
	sel->cases[sel->parked.kind].result = sel->parked.result;
	return 0;
}

/* look, and wait once */
static int attempt(struct select *sel, bool may_wait, uint64_t deadline, size_t *chosen)
{
	struct stint_select_case *c;
	struct wait_list woken;
	int r;

	wait_list_init(&woken);
	find_locks(sel);
	lock_all(sel);
	c = try_one(sel, &woken);
	if (!c && may_wait)
		queue_all(sel);
	unlock_all(sel);
	wait_list_wake(&woken);
	if (c) {
		*chosen = (size_t)(c - sel->cases);
		return 0;
	}
	r = may_wait ? sleep_until(sel, deadline) : ETIMEDOUT;
	if (!r)
		*chosen = (size_t)sel->parked.kind;
	return r;
}

/* the same with memory for the arms, which must not be held while it is stopped */
static int attempt_with(struct select *sel, bool may_wait, uint64_t deadline, size_t *chosen)
{
	struct arm few[FEW];
	int r;

	sel->arms = sel->n <= FEW ? few : sys_alloc(sel->n * sizeof(*sel->arms));
	if (!sel->arms)
		return ENOMEM;
	r = attempt(sel, may_wait, deadline, chosen);
	if (sel->arms != few)
		sys_free(sel->arms);
	return r;
}

static int select_nopreempt(struct select *sel, stint_ns timeout, size_t *chosen, const void *caller)
{
	uint64_t deadline = timeout ? wait_deadline(sel->s, timeout) : 0;
	int r;

	while (r = attempt_with(sel, timeout != 0, deadline, chosen), r == EINTR)
		park_stop(sel->s, caller);
	return r;
}

static int check(const struct stint_select_case *cases, size_t n, stint_ns timeout)
{
	if ((!cases && n) || n > STINT_SELECT_MAX || timeout < 0)
		return EINVAL;
	for (size_t i = 0; i < n; i++)
		if (cases[i].op != STINT_SELECT_SEND && cases[i].op != STINT_SELECT_RECV)
			return EINVAL;
	return 0;
}

int stint_select(struct stint_select_case *cases, size_t n, stint_ns timeout, size_t *chosen)
{
	struct select sel;
	size_t which = 0;
	int r = check(cases, n, timeout);

	if (r)
		return r;
	sel.cases = cases;
	sel.n = n;
	sel.s = self();
	park_begin(sel.s);
	r = select_nopreempt(&sel, timeout, &which, caller_address());
	park_end(sel.s, caller_address());
	if (!r && chosen)
		*chosen = which;
	return r;
}
