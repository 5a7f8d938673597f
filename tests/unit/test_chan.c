/*
 * test_chan.c - what channels do to those in their queues, and which of them they pass over
 */
#include "unit.h"

#include "fake.h"
#include "sync/chan.h"
#include "sys.h"

static stint_chan_t *make(size_t capacity)
{
	stint_chan_t *c = stint_chan_create(sizeof(int), capacity);

	ck_assert_ptr_nonnull(c);
	return c;
}

START_TEST(from_hand_to_hand)
{
	stint_chan_t *c = make(0);
	struct stint_waiter w[2];
	int in = 0, out = 5, drop = 6;

	fake(&w[0], &c->receivers, 1, 0, &in);
	fake(&w[1], &c->receivers, 2, 0, NULL);
	ck_assert_int_eq(stint_chan_send(c, &out), 0);
	ck_assert_int_eq(in, 5);
	ck_assert(is_woken(&w[0]) && !is_woken(&w[1]));
	ck_assert_int_eq(w[0].result, 0);
	ck_assert_int_eq(stint_chan_send(c, &drop), 0);
	ck_assert(is_woken(&w[1]));
	ck_assert_int_eq(stint_chan_send_timed(c, &drop, 0), ETIMEDOUT);
	fake(&w[0], &c->senders, 1, 0, &out);
	fake(&w[1], &c->senders, 2, 0, NULL);
	ck_assert_int_eq(stint_chan_recv(c, &in), 0);
	ck_assert_int_eq(in, 5);
	ck_assert_int_eq(stint_chan_recv(c, &in), 0);
	ck_assert_int_eq(in, 0);
	ck_assert(is_woken(&w[0]) && is_woken(&w[1]));
	stint_chan_free(c);
}
END_TEST

/* it is a mistake, and who waits is not to be lost by it */
START_TEST(free_leaves_who_waits)
{
	for (int sends = 0; sends < 2; sends++) {
		stint_chan_t *c = make(0);
		struct stint_waiter w;
		int v = 3, in = 0;

		fake(&w, sends ? &c->senders : &c->receivers, 1, 0, sends ? &v : &in);
		stint_chan_free(c);
		ck_assert_int_eq(sends ? stint_chan_recv(c, &in) : stint_chan_send(c, &v), 0);
		ck_assert_int_eq(in, 3);
		ck_assert(is_woken(&w));
		stint_chan_free(c);
	}
}
END_TEST

/* who waits to send comes behind what the ring holds, and into it as soon as there is room, wherever it begins */
START_TEST(through_the_ring)
{
	for (size_t first = 0; first < 6; first++) {
		stint_chan_t *c = make(3);
		struct stint_waiter w[2];
		int v[2] = { 103, 104 }, in, i;

		for (size_t k = 0; k < first; k++) {
			ck_assert_int_eq(stint_chan_send(c, &in), 0);
			ck_assert_int_eq(stint_chan_recv(c, NULL), 0);
		}
		for (i = 100; i < 103; i++)
			ck_assert_int_eq(stint_chan_send(c, &i), 0);
		ck_assert_int_eq(stint_chan_send_timed(c, &i, 0), ETIMEDOUT);
		fake(&w[0], &c->senders, 1, 0, &v[0]);
		fake(&w[1], &c->senders, 2, 0, &v[1]);
		for (i = 100; i < 105; i++) {
			ck_assert_int_eq(stint_chan_recv(c, &in), 0);
			ck_assert_int_eq(in, i);
			ck_assert_int_eq(is_woken(&w[0]), 1);
			ck_assert_int_eq(is_woken(&w[1]), i > 100);
		}
		ck_assert_uint_eq(stint_chan_length(c), 0);
		ck_assert_int_eq(stint_chan_recv_timed(c, &in, 0), ETIMEDOUT);
		stint_chan_free(c);
	}
}
END_TEST

/* one case of a select that is parked on @parked */
static void fake_case(struct stint_waiter *w, struct stint_waitq *q, struct stint_waiter *parked, int index, void *data)
{
	fake(w, q, 9, index, data);
	w->main = parked;
}

START_TEST(selects_are_claimed)
{
	stint_chan_t *c = make(0), *d = make(0);
	struct stint_waiter parked, w[2], behind;
	int in[2] = { 0, 0 }, last = 0, out = 7;

	waiter_init(&parked, NULL, PARK_SELECT, NULL);
	fake_case(&w[0], &c->receivers, &parked, 4, &in[0]);
	fake_case(&w[1], &d->receivers, &parked, 5, &in[1]);
	fake(&behind, &d->receivers, 1, 0, &last);
	ck_assert_int_eq(stint_chan_send(c, &out), 0);
	ck_assert_int_eq(in[0], 7);
	ck_assert(is_woken(&parked));
	ck_assert_int_eq(parked.kind, 4);
	ck_assert_int_eq(parked.result, 0);
	/* and is not to come for that case: the channel may be gone */
	ck_assert(w[0].claimed && !w[1].claimed);
	/* its other case is passed over */
	ck_assert_int_eq(stint_chan_send(d, &out), 0);
	ck_assert_int_eq(in[1], 0);
	ck_assert_int_eq(last, 7);
	ck_assert(is_woken(&behind));
	ck_assert_uint_eq(d->receivers.n, 0);
	ck_assert(w[1].claimed);
	stint_chan_free(c);
	stint_chan_free(d);
}
END_TEST

START_TEST(closing)
{
	stint_chan_t *c = make(0);
	struct stint_waiter w, parked, of_select, claimed, stale;
	int in = 3, other = 3;

	fake(&w, &c->receivers, 1, 0, &in);
	waiter_init(&parked, NULL, PARK_SELECT, NULL);
	fake_case(&of_select, &c->receivers, &parked, 2, &other);
	waiter_init(&claimed, NULL, PARK_SELECT, NULL);
	ck_assert(waiter_claim(&claimed));
	fake_case(&stale, &c->receivers, &claimed, 1, &other);
	ck_assert_int_eq(stint_chan_close(c), 0);
	ck_assert_int_eq(w.result, EPIPE);
	ck_assert_int_eq(in, 0);
	ck_assert(is_woken(&w) && is_woken(&parked) && !is_woken(&claimed));
	ck_assert_int_eq(parked.result, EPIPE);
	ck_assert_int_eq(parked.kind, 2);
	ck_assert_int_eq(stint_chan_close(c), EPIPE);
	stint_chan_free(c);
	c = make(0);
	fake(&w, &c->senders, 1, 0, &in);
	ck_assert_int_eq(stint_chan_close(c), 0);
	ck_assert_int_eq(w.result, EPIPE);
	ck_assert_int_eq(stint_chan_recv(c, &in), EPIPE);
	stint_chan_free(c);
}
END_TEST

START_TEST(no_memory)
{
	stint_chan_free(make(1));               /* the library has been started */
	errno = 0;
	sys_fault_after[SYS_MALLOC] = 1;
	ck_assert_ptr_null(stint_chan_create(1, 1));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(sys_fault_after[SYS_MALLOC], 0);
	errno = 77;
	stint_chan_free(make(1));
	ck_assert_int_eq(errno, 77);
}
END_TEST

static void *sends_one(void *object)
{
	int v = 8;

	ck_assert_int_eq(stint_chan_send(object, &v), 0);
	return NULL;
}

static void *receives_one(void *object)
{
	int v = 0;

	ck_assert_int_eq(stint_chan_recv(object, &v), 0);
	ck_assert_int_eq(v, 9);
	return NULL;
}

static void *closes(void *object)
{
	ck_assert_int_eq(stint_chan_close(object), 0);
	return NULL;
}

/* who sends, receives or closes may free the channel, but not before one that gives up has had the lock */
START_TEST(waits_for_the_late)
{
	struct stint_waiter late, other;
	int in = 0, out = 9;

	for (size_t capacity = 0; capacity < 2; capacity++) {
		stint_chan_t *c = make(capacity);

		fake_late(&late, &c->receivers, 1, 0, &in);
		serve_late(sends_one, c, &c->senders.lock, &late, NULL);
		ck_assert_int_eq(in, 8);
		if (capacity)
			ck_assert_int_eq(stint_chan_send(c, &out), 0);
		fake_late(&late, &c->senders, 1, 0, &out);
		serve_late(receives_one, c, &c->senders.lock, &late, NULL);
		if (capacity)
			ck_assert_int_eq(stint_chan_recv(c, NULL), 0);
		fake(&other, &c->receivers, 1, 0, &in);
		fake_late(&late, &c->receivers, 2, 0, &in);
		serve_late(closes, c, &c->senders.lock, &late, &other);
		ck_assert_int_eq(late.result, EPIPE);
		stint_chan_free(c);
	}
}
END_TEST

UNIT_MAIN("chan", from_hand_to_hand, free_leaves_who_waits, through_the_ring, selects_are_claimed, closing, waits_for_the_late,
          no_memory)
