/*
 * chan.c - channels: everything sent arrives once and in order, whoever sends and receives, through the ring
 * or from hand to hand
 */
#include "actors.h"

#include "sync/chan.h"      /* to see who waits */

#define MOST 4096

static stint_chan_t *c;

/* --- order ------------------------------------------------------------------------------------- */

#define COUNT 300

static void *sends(void *arg)
{
	for (long i = 0; i < COUNT; i++) {
		long v = (long)(intptr_t)arg * COUNT + i;

		CHECK_INT(stint_chan_send(c, &v), ==, 0);
	}
	return arg;
}

static long sum, seen;

static void *receives(void *arg)
{
	long v, last[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	int r;

	while (r = stint_chan_recv(c, &v), !r) {
		CHECK(v >= 0 && v / COUNT < 8);
		CHECK(v % COUNT > last[v / COUNT]);     /* each sender's come in order */
		last[v / COUNT] = v % COUNT;
		ADD(sum, v);
		ADD(seen, 1);
	}
	CHECK_INT(r, ==, EPIPE);
	CHECK_INT(v, ==, 0);
	return arg;
}

static void many_to_many(size_t capacity, int senders, int receivers, stint_ns slice)
{
	struct actor s[8], r[8];
	long n = (long)senders * COUNT;

	sum = seen = 0;
	c = stint_chan_create(sizeof(long), capacity);
	CHECK(c);
	for (int i = 0; i < receivers; i++)
		start_sliced(&r[i], (enum kind)(i % KINDS), receives, NULL, slice);
	for (int i = 0; i < senders; i++)
		start_sliced(&s[i], (enum kind)(i % KINDS), sends, (void *)(intptr_t)i, slice);
	for (int i = 0; i < senders; i++)
		finish(&s[i]);
	CHECK_INT(stint_chan_close(c), ==, 0);
	for (int i = 0; i < receivers; i++)
		finish(&r[i]);
	CHECK_INT(seen, ==, n);
	CHECK_INT(sum, ==, n * (n - 1) / 2);
	CHECK_INT(stint_chan_length(c), ==, 0);
	stint_chan_free(c);
}

/* --- who waits is served in order -------------------------------------------------------------- */

static int order[6];

static void *sends_one(void *arg)
{
	int v = (int)(intptr_t)arg;

	CHECK_INT(stint_chan_send(c, &v), ==, 0);
	return arg;
}

static void *receives_one(void *arg)
{
	int v = -1;

	CHECK_INT(stint_chan_recv(c, &v), ==, 0);
	order[(intptr_t)arg] = v;
	return arg;
}

static unsigned queued(void)
{
	return LOAD(c->senders.n) + LOAD(c->receivers.n);
}

static void start_and_wait(struct actor *a, enum kind kind, stint_fn *fn, intptr_t i)
{
	unsigned before = queued();

	start(a, kind, fn, (void *)i);
	AWAIT(queued() == before + 1);
}

static void keeps_order(size_t capacity)
{
	struct actor a[6];
	int v;

	c = stint_chan_create(sizeof(int), capacity);
	CHECK(c);
	for (int i = 0; i < (int)capacity; i++)
		CHECK_INT(stint_chan_send(c, &i), ==, 0);
	for (int i = (int)capacity; i < 6; i++)
		start_and_wait(&a[i], (enum kind)(i % KINDS), sends_one, i);
	CHECK_INT(stint_chan_length(c), ==, capacity);
	for (int i = 0; i < 6; i++) {
		CHECK_INT(stint_chan_recv(c, &v), ==, 0);
		CHECK_INT(v, ==, i);
	}
	for (int i = (int)capacity; i < 6; i++)
		finish(&a[i]);
	for (int i = 0; i < 6; i++)
		start_and_wait(&a[i], (enum kind)(i % KINDS), receives_one, i);
	for (int i = 0; i < 6; i++)
		CHECK_INT(stint_chan_send(c, &i), ==, 0);
	for (int i = 0; i < 6; i++)
		finish(&a[i]);
	for (int i = 0; i < 6; i++)
		CHECK_INT(order[i], ==, i);
	CHECK_INT(stint_chan_length(c), ==, 0);
	stint_chan_free(c);
}

/* --- elements ---------------------------------------------------------------------------------- */

static unsigned char pattern(size_t size, size_t i)
{
	return (unsigned char)(size * 31 + i * 7 + 1);
}

static void *sends_pattern(void *arg)
{
	size_t size = (size_t)(uintptr_t)arg;
	unsigned char buf[MOST + 1];

	for (size_t i = 0; i < size; i++)
		buf[i + 1] = pattern(size, i);
	CHECK_INT(stint_chan_send(c, buf + 1), ==, 0);  /* no alignment is asked for */
	CHECK_INT(stint_chan_send(c, NULL), ==, 0);
	CHECK_INT(stint_chan_send(c, buf + 1), ==, 0);
	CHECK_INT(stint_chan_send(c, buf + 1), ==, 0);
	return arg;
}

static void any_size(size_t size, size_t capacity, enum kind kind)
{
	unsigned char buf[MOST + 2];
	struct actor a;

	c = stint_chan_create(size, capacity);
	CHECK(c);
	CHECK_INT(stint_chan_capacity(c), ==, capacity);
	start(&a, kind, sends_pattern, (void *)(uintptr_t)size);
	for (int n = 0; n < 4; n++) {
		memset(buf, 0xa5, sizeof(buf));
		CHECK_INT(stint_chan_recv(c, n == 2 ? NULL : buf + 1), ==, 0);
		CHECK_INT(buf[0], ==, 0xa5);
		CHECK_INT(buf[size + 1], ==, 0xa5);
		for (size_t i = 0; i < size && n != 2; i++)
			CHECK_INT(buf[i + 1], ==, n == 1 ? 0 : pattern(size, i));
	}
	finish(&a);
	stint_chan_free(c);
}

/* --- the end ----------------------------------------------------------------------------------- */

static void *fails_to_send(void *arg)
{
	CHECK_INT(stint_chan_send(c, NULL), ==, EPIPE);
	return arg;
}

static void *fails_to_receive(void *arg)
{
	long v = 77;

	CHECK_INT(stint_chan_recv(c, &v), ==, EPIPE);
	CHECK_INT(v, ==, 0);
	return arg;
}

static void closes(size_t capacity)
{
	struct actor a[6];
	long v = 5;

	/* what it holds is still received; those who wait to send are refused */
	c = stint_chan_create(sizeof(long), capacity);
	CHECK(c);
	for (size_t i = 0; i < capacity; i++)
		CHECK_INT(stint_chan_send(c, &v), ==, 0);
	for (int i = 0; i < 6; i++)
		start_and_wait(&a[i], (enum kind)(i % KINDS), fails_to_send, i);
	CHECK_INT(stint_chan_close(c), ==, 0);
	for (int i = 0; i < 6; i++)
		finish(&a[i]);
	CHECK_INT(stint_chan_send(c, &v), ==, EPIPE);
	CHECK_INT(stint_chan_send_timed(c, &v, 0), ==, EPIPE);
	for (size_t i = 0; i < capacity; i++) {
		v = 0;
		CHECK_INT(stint_chan_recv(c, &v), ==, 0);
		CHECK_INT(v, ==, 5);
	}
	CHECK_INT(stint_chan_recv(c, &v), ==, EPIPE);
	CHECK_INT(v, ==, 0);
	CHECK_INT(stint_chan_close(c), ==, EPIPE);
	stint_chan_free(c);

	c = stint_chan_create(sizeof(long), capacity);
	CHECK(c);
	for (int i = 0; i < 6; i++)
		start_and_wait(&a[i], (enum kind)(i % KINDS), fails_to_receive, i);
	CHECK_INT(stint_chan_close(c), ==, 0);
	for (int i = 0; i < 6; i++)
		finish(&a[i]);
	stint_chan_free(c);
}

/* --- in time, and calls ------------------------------------------------------------------------ */

static void *gives_up(void *arg)
{
	int64_t before = now_ns();
	long v = 9;

	CHECK_INT(stint_chan_recv_timed(c, &v, STINT_MS(10)), ==, ETIMEDOUT);
	CHECK_INT(v, ==, 9);
	CHECK_INT(now_ns() - before, >=, STINT_MS(10));
	return arg;
}

static void *gives_up_sending(void *arg)
{
	int64_t before = now_ns();
	long v = 9;

	CHECK_INT(stint_chan_send_timed(c, &v, STINT_MS(10)), ==, ETIMEDOUT);
	CHECK_INT(now_ns() - before, >=, STINT_MS(10));
	return arg;
}

static void times_out(enum kind kind)
{
	struct actor a;
	long v = 1;

	c = stint_chan_create(sizeof(long), 0);
	CHECK(c);
	start_sliced(&a, kind, gives_up, NULL, STINT_MS(3));
	finish(&a);
	CHECK_INT(stint_chan_send_timed(c, &v, 0), ==, ETIMEDOUT);      /* nobody is left there */
	start_sliced(&a, kind, gives_up_sending, NULL, STINT_MS(3));
	finish(&a);
	CHECK_INT(stint_chan_recv_timed(c, &v, 0), ==, ETIMEDOUT);
	CHECK_INT(v, ==, 1);
	stint_chan_free(c);
}

static void *receives_for_call(void *arg)
{
	CHECK_INT(stint_chan_recv(c, arg), ==, 0);
	return arg;
}

/* a call that is stopped has not sent and not received; what is sent to it then goes elsewhere or waits */
static void call_is_stopped(void)
{
	long v = 0, w = 3;
	stint_t *call;

	c = stint_chan_create(sizeof(long), 1);
	CHECK(c);
	call = stint_launch(receives_for_call, &v, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_chan_send(c, &w), ==, 0);
	CHECK_INT(stint_chan_length(c), ==, 1);
	CHECK_INT(v, ==, 0);
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	CHECK_INT(v, ==, 3);
	stint_free(call);
	call = stint_launch(receives_for_call, &v, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	w = 4;
	CHECK_INT(stint_chan_send(c, &w), ==, 0);
	CHECK_INT(stint_chan_recv(c, &w), ==, 0);
	CHECK_INT(w, ==, 4);
	CHECK_INT(v, ==, 3);
	stint_chan_free(c);
}

static void *makes_one(void *arg)
{
	c = stint_chan_create(1000, 1000);
	CHECK(c);
	for (;;)
		stint_pause();
	return arg;
}

/* it does not belong to the call that made it */
static void outlives_its_maker(void)
{
	char elem[1000] = "still there";
	stint_t *call = stint_launch(makes_one, NULL, STINT_FOREVER);
	struct stint_usage usage;

	CHECK(call);
	CHECK_INT(stint_usage(call, &usage), ==, 0);
	CHECK_INT(usage.bytes_held, ==, 0);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	for (int i = 0; i < 1000; i++)
		CHECK_INT(stint_chan_send_timed(c, elem, 0), ==, 0);
	CHECK_INT(stint_chan_send_timed(c, elem, 0), ==, ETIMEDOUT);
	memset(elem, 0, sizeof(elem));
	CHECK_INT(stint_chan_recv(c, elem), ==, 0);
	CHECK_STR(elem, "still there");
	stint_chan_free(c);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	for (size_t capacity = 0; capacity <= 8; capacity += capacity < 2 ? 1 : 6) {
		many_to_many(capacity, 6, 6, STINT_US(300));
		many_to_many(capacity, 1, 6, STINT_FOREVER);
		many_to_many(capacity, 6, 1, STINT_FOREVER);
	}
	for (size_t capacity = 0; capacity <= 2; capacity++) {
		for (size_t size = 0; size <= MOST; size += size < 20 ? 1 : 1019)
			any_size(size, capacity, (enum kind)(size % KINDS));
		keeps_order(capacity);
		closes(capacity);
	}
	for (int kind = 0; kind < KINDS; kind++)
		times_out((enum kind)kind);
	call_is_stopped();
	outlives_its_maker();
	return 0;
}
