/*
 * test_select.c - which case is taken, and that nothing of the others is left: no lock, no place in a queue
 */
#include "unit.h"

#include "fake.h"
#include "sync/chan.h"
#include "sys.h"

#define CHANS 7

static stint_chan_t *c[CHANS];

static void make(void)
{
	for (int i = 0; i < CHANS; i++) {
		c[i] = stint_chan_create(sizeof(int), 0);
		ck_assert_ptr_nonnull(c[i]);
	}
}

/* as if nobody had been there */
static void drop(void)
{
	for (int i = 0; i < CHANS; i++) {
		ck_assert_int_eq(c[i]->senders.lock, 0);
		ck_assert_uint_eq(c[i]->senders.n, 0);
		ck_assert_uint_eq(c[i]->receivers.n, 0);
		stint_chan_free(c[i]);
	}
}

static struct stint_select_case sends(int i, int *v)
{
	return (struct stint_select_case){ c[i], STINT_SELECT_SEND, v, -1 };
}

static struct stint_select_case receives(int i, int *v)
{
	return (struct stint_select_case){ c[i], STINT_SELECT_RECV, v, -1 };
}

/* every order of channels, with some twice: each is locked once, or this would not return */
START_TEST(locks_each_once)
{
	int v = 0;

	make();
	for (int first = 0; first < CHANS; first++) {
		struct stint_select_case cases[3 * CHANS];

		for (int i = 0; i < 3 * CHANS; i++)
			cases[i] = i % 2 ? sends((first + i * 3) % CHANS, &v) : receives((first + i * 5) % CHANS, &v);
		ck_assert_int_eq(stint_select(cases, 3 * CHANS, 0, NULL), ETIMEDOUT);
		ck_assert_int_eq(stint_select(cases, 3 * CHANS, STINT_MS(1), NULL), ETIMEDOUT);
		ck_assert_int_eq(stint_select(cases, 4, STINT_MS(1), NULL), ETIMEDOUT);
	}
	drop();
}
END_TEST

/* somebody who waits in a select that has been served elsewhere is nobody */
START_TEST(passes_over_claimed)
{
	struct stint_waiter claimed, stale, w;
	struct stint_select_case cases[2];
	int v = 3, in = 0;
	size_t chosen = 9;

	make();
	waiter_init(&claimed, NULL, PARK_SELECT, NULL);
	ck_assert(waiter_claim(&claimed));
	fake(&stale, &c[0]->receivers, 1, 0, &in);
	stale.main = &claimed;
	cases[0] = sends(0, &v);
	cases[1] = receives(1, &v);
	ck_assert_int_eq(stint_select(cases, 2, 0, &chosen), ETIMEDOUT);
	fake(&stale, &c[0]->receivers, 1, 0, &in);
	stale.main = &claimed;
	fake(&w, &c[0]->receivers, 2, 0, &in);
	ck_assert_int_eq(stint_select(cases, 2, 0, &chosen), 0);
	ck_assert_uint_eq(chosen, 0);
	ck_assert_int_eq(in, 3);
	ck_assert_int_eq(cases[0].result, 0);
	ck_assert_int_eq(cases[1].result, -1);
	ck_assert(is_woken(&w) && !is_woken(&stale));
	ck_assert(stale.claimed);
	drop();
}
END_TEST

START_TEST(no_memory)
{
	struct stint_select_case cases[5];
	int v = 0;

	make();
	for (int i = 0; i < 5; i++)
		cases[i] = sends(i, &v);
	sys_fault_after[SYS_MALLOC] = 1;
	ck_assert_int_eq(stint_select(cases, 4, STINT_MS(1), NULL), ETIMEDOUT);
	ck_assert_int_eq(sys_fault_after[SYS_MALLOC], 1);
	ck_assert_int_eq(stint_select(cases, 5, STINT_FOREVER, NULL), ENOMEM);
	ck_assert_int_eq(sys_fault_after[SYS_MALLOC], 0);
	drop();
}
END_TEST

UNIT_MAIN("select", locks_each_once, passes_over_claimed, no_memory)
