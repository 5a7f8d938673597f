/*
 * test_timers.c - timers against a plain array: random adding, taking out, expiring, at distances from a few cycles to days; order, and
 * what is left
 */
#include "unit.h"

#include "context.h"
#include "timers.h"

#define N 500
#define NEAR ((UINT64_C(1) << TIMERS_NEAR_BITS) - 1)
#define WHENCE (UINT64_C(1) << 50)

static struct timer timers[N];
static uint64_t fired[N], last;
static unsigned nfired;

static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static bool note(struct timer *t, void *arg)
{
	ck_assert_ptr_eq(arg, &nfired);
	ck_assert_uint_ge(t->when, last);
	last = t->when;
	fired[nfired++] = (uint64_t)(t - timers);
	return true;
}

static void expire(struct timers *h, uint64_t now)
{
	nfired = 0;
	last = 0;
	timers_expire(h, now, note, &nfired);
}

static uint64_t earliest(const bool *in)
{
	uint64_t first = NEVER;

	for (unsigned i = 0; i < N; i++)
		if (in[i] && timers[i].when < first)
			first = timers[i].when;
	return first;
}

/* prev and next of all below @t are each other's, no child is earlier, and all are near */
static unsigned check_heap(const struct timer *t, const struct timers *h)
{
	unsigned n = 1;

	ck_assert_ptr_eq(t->in, h);
	ck_assert_ptr_null(t->slot);
	ck_assert_uint_le(t->when, h->last);
	for (struct timer *c = t->child; c; c = c->next) {
		ck_assert_uint_ge(c->when, t->when);
		ck_assert_ptr_eq(c->prev, c == t->child ? t : c->prev);
		if (c->next)
			ck_assert_ptr_eq(c->next->prev, c);
		n += check_heap(c, h);
	}
	return n;
}

/* all in the slot are of its time, which follows that of the slots before */
static unsigned check_slot(const struct timers *h, unsigned level, unsigned digit, uint64_t *after)
{
	unsigned shift = TIMERS_NEAR_BITS + TIMERS_LEVEL_BITS * level, n = 0;
	const struct timer_slot *slot = &h->slots[level][digit];
	uint64_t latest = *after;

	ck_assert_uint_eq(!slot->timers, !(h->used[level] >> digit & 1));
	for (const struct timer *t = slot->timers; t; t = t->next) {
		ck_assert_ptr_eq(t->in, h);
		ck_assert_ptr_eq(t->slot, slot);
		ck_assert_uint_eq((t->when >> shift) % TIMERS_SLOTS, digit);
		ck_assert_uint_gt(t->when, *after);
		ck_assert_uint_ge(t->when, slot->first);
		if (t->next)
			ck_assert_ptr_eq(t->next->prev, t);
		latest = t->when > latest ? t->when : latest;
		n++;
	}
	*after = latest;
	return n;
}

static unsigned check(const struct timers *h)
{
	unsigned n = h->root ? check_heap(h->root, h) : 0;
	uint64_t after = h->last;

	for (unsigned level = 0; level < TIMERS_LEVELS; level++)
		for (unsigned digit = 0; digit < TIMERS_SLOTS; digit++)
			n += check_slot(h, level, digit, &after);
	return n;
}

START_TEST(empty)
{
	struct timers h;
	struct timer t = { .in = NULL };

	timers_init(&h);
	ck_assert_uint_eq(h.first, NEVER);
	expire(&h, NEVER - 1);
	ck_assert_uint_eq(nfired, 0);
	timers_del(&t); /* among none: nothing */
	timers_add(&h, &timers[0], 7, 0);
	ck_assert_uint_eq(h.first, 7);
	expire(&h, 6);
	ck_assert_uint_eq(nfired, 0);
	expire(&h, 7);
	ck_assert_uint_eq(nfired, 1);
	ck_assert_uint_eq(h.first, NEVER);
	ck_assert_uint_eq(check(&h), 0);
	ck_assert_ptr_null(timers[0].in);
	timers_del(&timers[0]);
}
END_TEST

/* alone, it is known exactly, however far away */
START_TEST(alone)
{
	struct timers h;

	timers_init(&h);
	for (unsigned bit = 0; bit < 63; bit++) {
		uint64_t now = WHENCE, when = now + (UINT64_C(1) << bit);

		timers_add(&h, &timers[0], when, now);
		ck_assert_uint_eq(h.first, when);
		ck_assert_uint_eq(check(&h), 1);
		expire(&h, when - 1);
		ck_assert_uint_eq(nfired, 0);
		ck_assert_uint_eq(h.first, when);
		expire(&h, when);
		ck_assert_uint_eq(nfired, 1);
		ck_assert_uint_eq(h.first, NEVER);
	}
	timers_add(&h, &timers[0], NEVER - 1, WHENCE);  /* as good as that, but it is one */
	ck_assert_uint_eq(h.first, NEVER - 1);
	expire(&h, UINT64_MAX / 2);
	ck_assert_uint_eq(nfired, 0);
	timers_del(&timers[0]);
	ck_assert_uint_eq(check(&h), 0);
}
END_TEST

/* two in a slot: what is left when they have been taken out, in both orders */
START_TEST(pairs)
{
	struct timers h;

	timers_init(&h);
	for (unsigned first = 0; first < 2; first++) {
		timers_add(&h, &timers[0], 100 * NEAR, 0);
		timers_add(&h, &timers[1], 100 * NEAR + 1, 0);
		ck_assert_ptr_eq(timers[0].slot, timers[1].slot);
		ck_assert_uint_eq(h.first, 100 * NEAR);
		timers_del(&timers[first]);
		ck_assert_uint_eq(check(&h), 1);
		ck_assert_uint_eq(h.first, 100 * NEAR);
		timers_del(&timers[!first]);
		ck_assert_uint_eq(check(&h), 0);
		ck_assert_uint_eq(h.first, NEVER);
	}
}
END_TEST

/* where the near ones begin and end */
START_TEST(edges)
{
	static const uint64_t whens[] = { NEAR, NEAR + 1, NEAR + 2, 2 * NEAR + 1, 2 * NEAR + 2, 64 * (NEAR + 1) - 1, 64 * (NEAR + 1) };
	struct timers h;

	timers_init(&h);
	for (unsigned i = 0; i < sizeof(whens) / sizeof(whens[0]); i++)
		timers_add(&h, &timers[i], whens[i], 0);
	for (unsigned i = 0; i < sizeof(whens) / sizeof(whens[0]); i++) {
		ck_assert_uint_eq(h.first, whens[i]);
		expire(&h, whens[i] - 1);
		ck_assert_uint_eq(nfired, 0);
		ck_assert_uint_eq(check(&h), sizeof(whens) / sizeof(whens[0]) - i);
		expire(&h, whens[i]);
		ck_assert_uint_eq(nfired, 1);
		ck_assert_uint_eq(fired[0], i);
	}
}
END_TEST

struct model {
	struct timers h;
	bool in[N];
	unsigned n;
	uint64_t now;
};

static void gone(struct model *m, uint64_t i)
{
	ck_assert(m->in[i]);
	ck_assert_ptr_null(timers[i].in);
	m->in[i] = false;
	m->n--;
}

static void some_time_passes(struct model *m, uint64_t until)
{
	expire(&m->h, until);
	for (unsigned k = 0; k < nfired; k++)
		gone(m, fired[k]);
	ck_assert_uint_gt(earliest(m->in), until);
}

/* Who looks at first, and only then, sees each one in time, and each look leads to something. */
static void follow(struct model *m, uint64_t until)
{
	while (m->h.first <= until) {
		uint64_t before = m->h.first;

		some_time_passes(m, before);
		ck_assert_uint_gt(m->h.first, before);
	}
}

/* one step with one of the @most first timers */
static void one_step(struct model *m, unsigned most)
{
	uint64_t i = rnd(most), late = rnd(2) ? 0 : rnd(UINT64_C(1) << rnd(40));

	switch (rnd(8)) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (m->in[i])
			break;
		timers_add(&m->h, &timers[i], m->now + rnd(UINT64_C(1) << rnd(44)), m->now - late);
		m->in[i] = true;
		m->n++;
		break;
	case 4:
	case 5:
		timers_del(&timers[i]);
		if (m->in[i])
			gone(m, i);
		break;
	case 6:
		m->now += rnd(UINT64_C(1) << rnd(36));
		some_time_passes(m, m->now);
		break;
	default:
		m->now += rnd(UINT64_C(1) << rnd(36));
		follow(m, m->now);
	}
	ck_assert_uint_le(m->h.first, earliest(m->in));
	ck_assert_uint_eq(m->h.first == NEVER, m->n == 0);
	ck_assert_uint_eq(m->h.n, m->n);
}

/* with many, and with few, so that there are none again and again */
START_TEST(random_order)
{
	static struct model m = { .now = WHENCE };

	memset(timers, 0, sizeof(timers));
	timers_init(&m.h);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned step = 0; step < 4000; step++) {
			one_step(&m, round % 2 ? 5 : N);
			if (step % 100 == 0)
				ck_assert_uint_eq(check(&m.h), m.n);
		}
		follow(&m, m.now + (UINT64_C(1) << 44));
		ck_assert_uint_eq(m.n, 0);
	}
}
END_TEST

/* @arg: how many may fire */
static bool some(struct timer *t, void *arg)
{
	if (nfired == *(unsigned *)arg)
		return false;
	ck_assert_uint_eq(t->when, 100);
	nfired++;
	return true;
}

/* many with the same time; the first that is refused stays, and all behind it */
START_TEST(equal_times)
{
	unsigned allowed = 30;
	struct timers h;

	memset(timers, 0, sizeof(timers));
	timers_init(&h);
	for (unsigned i = 0; i < N; i++)
		timers_add(&h, &timers[i], 100 + i / 100, 0);
	nfired = 0;
	timers_expire(&h, 100, some, &allowed);
	ck_assert_uint_eq(nfired, 30);
	ck_assert_uint_eq(h.first, 100);
	ck_assert_uint_eq(check(&h), N - 30);
	allowed = N;
	timers_expire(&h, 100, some, &allowed);
	ck_assert_uint_eq(nfired, 100);
	ck_assert_uint_eq(h.first, 101);
	ck_assert_uint_eq(check(&h), N - 100);
	for (unsigned i = 0; i < N; i++)
		timers_del(&timers[i]);
	ck_assert_uint_eq(check(&h), 0);
	ck_assert_uint_eq(h.first, NEVER);
}
END_TEST

UNIT_MAIN("timers", empty, alone, pairs, edges, random_order, equal_times)
