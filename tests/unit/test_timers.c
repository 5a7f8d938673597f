/*
 * test_timers.c - the heap of timers against a sorted array: random adding, taking out, expiring; order, and
 * what is left
 */
#include "unit.h"

#include "context.h"
#include "timers.h"

#define N 500

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

/* prev and next of all below @t are each other's, and no child is earlier */
static unsigned check_below(const struct timer *t, const struct timers *h)
{
	unsigned n = 1;

	ck_assert_ptr_eq(t->in, h);
	for (struct timer *c = t->child; c; c = c->next) {
		ck_assert_uint_ge(c->when, t->when);
		ck_assert_ptr_eq(c->prev, c == t->child ? t : c->prev);
		if (c->next)
			ck_assert_ptr_eq(c->next->prev, c);
		n += check_below(c, h);
	}
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
	timers_del(&t); /* in no heap: nothing */
	timers_add(&h, &timers[0], 7);
	ck_assert_uint_eq(h.first, 7);
	expire(&h, 6);
	ck_assert_uint_eq(nfired, 0);
	expire(&h, 7);
	ck_assert_uint_eq(nfired, 1);
	ck_assert_uint_eq(h.first, NEVER);
	ck_assert_ptr_null(h.root);
	ck_assert_ptr_null(timers[0].in);
	timers_del(&timers[0]);
}
END_TEST

START_TEST(random_order)
{
	bool in[N] = { false };
	uint64_t now = 1000;
	struct timers h;
	unsigned n = 0;

	memset(timers, 0, sizeof(timers));
	timers_init(&h);
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = (unsigned)rnd(N);

		switch (rnd(8)) {
		case 0:
		case 1:
		case 2:
		case 3:
			if (!in[i]) {
				timers_add(&h, &timers[i], now + rnd(rnd(2) ? 50 : 5000));
				in[i] = true;
				n++;
			}
			break;
		case 4:
		case 5:
		case 6:
			timers_del(&timers[i]);
			ck_assert_ptr_null(timers[i].in);
			n -= in[i];
			in[i] = false;
			break;
		default:
			now += rnd(100);
			expire(&h, now);
			for (unsigned k = 0; k < nfired; k++) {
				ck_assert(in[fired[k]]);
				ck_assert_uint_le(timers[fired[k]].when, now);
				in[fired[k]] = false;
				n--;
			}
			ck_assert_uint_gt(earliest(in), now);
		}
		ck_assert_uint_eq(h.first, earliest(in));
		ck_assert_uint_eq(h.n, n);
		if (step % 1000 == 0)
			ck_assert_uint_eq(h.root ? check_below(h.root, &h) : 0, n);
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
		timers_add(&h, &timers[i], 100 + i / 100);
	nfired = 0;
	timers_expire(&h, 100, some, &allowed);
	ck_assert_uint_eq(nfired, 30);
	ck_assert_uint_eq(h.first, 100);
	ck_assert_uint_eq(check_below(h.root, &h), N - 30);
	allowed = N;
	timers_expire(&h, 100, some, &allowed);
	ck_assert_uint_eq(nfired, 100);
	ck_assert_uint_eq(h.first, 101);
	ck_assert_uint_eq(check_below(h.root, &h), N - 100);
	for (unsigned i = 0; i < N; i++)
		timers_del(&timers[i]);
	ck_assert_ptr_null(h.root);
	ck_assert_uint_eq(h.first, NEVER);
}
END_TEST

UNIT_MAIN("timers", empty, random_order, equal_times)
