/*
 * timers.c - see timers.h
 *
 * Not in signal context but where the handler has found that a thread may be stopped: then nobody on this kernel thread holds
 * the lock.
 */
#include "timers.h"

#include <stddef.h>

#include "context.h"
#include "spin.h"

void timers_init(struct timers *h)
{
	*h = (struct timers){ .first = NEVER };
}

/* --- the heap ---------------------------------------------------------------------------------- */

static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *top, *low;

	if (!a || !b)
		return a ? a : b;
	top = b->when < a->when ? b : a;
	low = top == a ? b : a;
	low->prev = top;
	low->next = top->child;
	if (top->child)
		top->child->prev = low;
	top->child = low;
	return top;
}

/* the heap of the children of one that goes: in pairs from the left, then those together from the right */
static struct timer *meld_all(struct timer *t)
{
	struct timer *pairs = NULL, *a, *b, *rest, *root = NULL;

	for (; t; t = rest) {
		a = t;
		b = a->next;
		rest = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	for (; pairs; pairs = rest) {
		rest = pairs->next;
		pairs->next = pairs->prev = NULL;
		root = meld(root, pairs);
	}
	return root;
}

static void heap_add(struct timers *h, struct timer *t)
{
	t->slot = NULL;
	t->child = t->next = t->prev = NULL;
	h->root = meld(h->root, t);
}

static void heap_del(struct timers *h, struct timer *t)
{
	struct timer *below = meld_all(t->child);

	if (t == h->root) {
		h->root = below;
		return;
	}
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	h->root = meld(h->root, below);
}

/* --- the wheel --------------------------------------------------------------------------------- */

/*
 * The first point in time after `last` is the wheel's position. A timer waits at the level at which its time, read as a number in base 64
 * above the near bits, first differs from that: below are those whose time is the same up to there, which come before.
 */
static unsigned level_of(uint64_t a, uint64_t b)
{
	uint64_t differ = (a ^ b) >> TIMERS_NEAR_BITS;

	return differ ? (unsigned)(63 - __builtin_clzll(differ)) / TIMERS_LEVEL_BITS : 0;
}

static unsigned digit_of(uint64_t when, unsigned level)
{
	return (when >> (TIMERS_NEAR_BITS + TIMERS_LEVEL_BITS * level)) % TIMERS_SLOTS;
}

static void wheel_add(struct timers *h, struct timer *t)
{
	unsigned level = level_of(t->when, h->last + 1), digit = digit_of(t->when, level);
	struct timer_slot *slot = &h->slots[level][digit];

	if (!slot->timers || t->when < slot->first)
		slot->first = t->when;
	h->used[level] |= UINT64_C(1) << digit;
	t->slot = slot;
	t->prev = NULL;
	t->next = slot->timers;
	if (t->next)
		t->next->prev = t;
	slot->timers = t;
}

static void wheel_del(struct timers *h, struct timer *t)
{
	struct timer_slot *slot = t->slot;
	long i = slot - &h->slots[0][0];

	if (t->next)
		t->next->prev = t->prev;
	if (t->prev)
		t->prev->next = t->next;
	else if (!(slot->timers = t->next))
		h->used[i / TIMERS_SLOTS] &= ~(UINT64_C(1) << i % TIMERS_SLOTS);
}

static void add(struct timers *h, struct timer *t)
{
	if (t->when <= h->last)
		heap_add(h, t);
	else
		wheel_add(h, t);
}

/* all in the @slots of @level that there are, to where they belong by now */
static void empty_slots(struct timers *h, unsigned level, uint64_t slots)
{
	slots &= h->used[level];
	h->used[level] &= ~slots;
	for (; slots; slots &= slots - 1) {
		struct timer_slot *slot = &h->slots[level][__builtin_ctzll(slots)];
		struct timer *t = slot->timers, *next;

		slot->timers = NULL;
		for (; t; t = next) {
			next = t->next;
			add(h, t);
		}
	}
}

/*
 * It is @now. At the levels below that at which the position changes all are near by now, and there up to its new digit; those of the new
 * digit itself only come nearer: to lower levels, so these are emptied before, and not at all at the lowest.
 */
static void go_on(struct timers *h, uint64_t now)
{
	uint64_t before = h->last + 1, position;
	unsigned top, digit;

	if (now <= h->last)
		return;
	h->last = now | ((UINT64_C(1) << TIMERS_NEAR_BITS) - 1);
	position = h->last + 1;
	top = level_of(before, position);
	digit = digit_of(position, top);
	for (unsigned level = 0; level < top; level++)
		empty_slots(h, level, ~UINT64_C(0));
	empty_slots(h, top, ~UINT64_C(0) >> (TIMERS_SLOTS - 1 - digit + !top));
}

/* --- both -------------------------------------------------------------------------------------- */

static uint64_t earliest(const struct timers *h)
{
	if (h->root)
		return h->root->when;
	for (unsigned level = 0; level < TIMERS_LEVELS; level++)
		if (h->used[level])
			return h->slots[level][__builtin_ctzll(h->used[level])].first;
	return NEVER;
}

static void set_first(struct timers *h, uint64_t first)
{
	__atomic_store_n(&h->first, first, __ATOMIC_RELAXED);
}

static void take_out(struct timers *h, struct timer *t)
{
	if (t->slot)
		wheel_del(h, t);
	else
		heap_del(h, t);
	if (t->when <= h->first || (t->slot && !t->slot->timers))
		set_first(h, earliest(h));
	__atomic_store_n(&h->n, h->n - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&t->in, NULL, __ATOMIC_RELEASE);
}

void timers_add(struct timers *h, struct timer *t, uint64_t when, uint64_t now)
{
	t->when = when;
	spin_lock(&h->lock);
	__atomic_store_n(&t->in, h, __ATOMIC_RELAXED);
	if (!h->n)
		h->last = now | ((UINT64_C(1) << TIMERS_NEAR_BITS) - 1);
	add(h, t);
	if (when < h->first)
		set_first(h, when);
	__atomic_store_n(&h->n, h->n + 1, __ATOMIC_RELAXED);
	spin_unlock(&h->lock);
}

/* who fires it takes it out under the lock, in which we wait for the end of the firing */
void timers_del(struct timer *t)
{
	struct timers *h = __atomic_load_n(&t->in, __ATOMIC_ACQUIRE);

	if (!h)
		return;
	spin_lock(&h->lock);
	if (t->in == h)
		take_out(h, t);
	spin_unlock(&h->lock);
}

void timers_expire(struct timers *h, uint64_t now, bool (*fire)(struct timer *t, void *arg), void *arg)
{
	struct timer *t;

	if (__atomic_load_n(&h->first, __ATOMIC_RELAXED) > now)
		return;
	spin_lock(&h->lock);
	go_on(h, now);
	while ((t = h->root) && t->when <= now && fire(t, arg))
		take_out(h, t);
	set_first(h, earliest(h));
	spin_unlock(&h->lock);
}
