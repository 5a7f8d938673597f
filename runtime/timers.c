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

static void set_root(struct timers *h, struct timer *root)
{
	h->root = root;
	__atomic_store_n(&h->first, root ? root->when : NEVER, __ATOMIC_RELAXED);
}

static void take_out(struct timers *h, struct timer *t)
{
	struct timer *below = meld_all(t->child);

	if (t == h->root) {
		set_root(h, below);
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		set_root(h, meld(h->root, below));
	}
	t->child = t->next = t->prev = NULL;
	__atomic_store_n(&h->n, h->n - 1, __ATOMIC_RELAXED);
	__atomic_store_n(&t->in, NULL, __ATOMIC_RELEASE);
}

void timers_add(struct timers *h, struct timer *t, uint64_t when)
{
	t->when = when;
	t->child = t->next = t->prev = NULL;
	spin_lock(&h->lock);
	__atomic_store_n(&t->in, h, __ATOMIC_RELAXED);
	__atomic_store_n(&h->n, h->n + 1, __ATOMIC_RELAXED);
	set_root(h, meld(h->root, t));
	spin_unlock(&h->lock);
}

/* who fires it takes it out in the heap's lock, in which we wait for the end of the firing */
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
	while ((t = h->root) && t->when <= now && fire(t, arg))
		take_out(h, t);
	spin_unlock(&h->lock);
}
