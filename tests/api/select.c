/*
 * select.c - one of several channels: the one that can, by chance where several can, and no other
 */
#include "actors.h"

#include "sync/chan.h"      /* to see who waits */

#define ACTORS 6

static stint_chan_t *c[STINT_SELECT_MAX];

static void make(int n, size_t capacity)
{
	for (int i = 0; i < n; i++) {
		c[i] = stint_chan_create(sizeof(long), capacity);
		CHECK(c[i]);
	}
}

static void drop(int n)
{
	for (int i = 0; i < n; i++)
		stint_chan_free(c[i]);
}

static struct stint_select_case on(stint_chan_t *chan, enum stint_select_op op, void *elem)
{
	return (struct stint_select_case){ .chan = chan, .op = op, .elem = elem, .result = -77 };
}

#define RECV STINT_SELECT_RECV
#define SEND STINT_SELECT_SEND

/* --- without waiting --------------------------------------------------------------------------- */

static void takes_the_ready_one(void)
{
	long v = 0, w = 6;
	size_t chosen = 99;
	struct stint_select_case cases[3];

	make(3, 1);
	cases[0] = on(c[0], RECV, &v);
	cases[1] = on(NULL, SEND, &w);
	cases[2] = on(c[2], RECV, &v);
	CHECK_INT(stint_select(cases, 3, 0, &chosen), ==, ETIMEDOUT);
	CHECK_INT(chosen, ==, 99);
	w = 5;
	CHECK_INT(stint_chan_send(c[2], &w), ==, 0);
	CHECK_INT(stint_select(cases, 3, 0, &chosen), ==, 0);
	CHECK_INT(chosen, ==, 2);
	CHECK_INT(cases[2].result, ==, 0);
	CHECK_INT(cases[0].result, ==, -77);
	CHECK_INT(v, ==, 5);
	cases[0] = on(c[0], SEND, &w);
	CHECK_INT(stint_select(cases, 3, STINT_FOREVER, NULL), ==, 0);
	CHECK_INT(stint_chan_length(c[0]), ==, 1);
	CHECK_INT(stint_select(cases, 3, 0, NULL), ==, ETIMEDOUT);      /* full */
	CHECK_INT(stint_chan_close(c[2]), ==, 0);
	CHECK_INT(stint_select(cases, 3, 0, &chosen), ==, 0);
	CHECK_INT(chosen, ==, 2);
	CHECK_INT(cases[2].result, ==, EPIPE);
	CHECK_INT(v, ==, 0);
	CHECK_INT(stint_chan_close(c[0]), ==, 0);
	cases[2] = on(NULL, RECV, &v);
	CHECK_INT(stint_select(cases, 3, 0, &chosen), ==, 0);
	CHECK_INT(chosen, ==, 0);
	CHECK_INT(cases[0].result, ==, EPIPE);
	drop(3);
}

/* none, or only such as are never ready, waits for the time to pass */
static void none_is_a_sleep(void)
{
	struct stint_select_case never = on(NULL, RECV, NULL);
	int64_t before = now_ns();

	CHECK_INT(stint_select(NULL, 0, 0, NULL), ==, ETIMEDOUT);
	CHECK_INT(stint_select(NULL, 0, STINT_MS(5), NULL), ==, ETIMEDOUT);
	CHECK_INT(stint_select(&never, 1, STINT_MS(5), NULL), ==, ETIMEDOUT);
	CHECK_INT(now_ns() - before, >=, STINT_MS(10));
}

/*
 * each of those that are ready is chosen again and again; far from even would be 1000 in a million million
 * runs
 */
static void by_chance(int n)
{
	struct stint_select_case cases[16];
	int times[16] = { 0 };
	size_t chosen;
	long v;

	make(n, 1);
	for (int i = 0; i < n; i++)
		cases[i] = on(c[i], i % 2 ? RECV : SEND, &v);
	for (int k = 0; k < 1000 * n; k++) {
		for (int i = 1; i < n; i += 2)
			if (!stint_chan_length(c[i]))
				CHECK_INT(stint_chan_send(c[i], &v), ==, 0);
		CHECK_INT(stint_select(cases, (size_t)n, 0, &chosen), ==, 0);
		times[chosen]++;
		if (chosen % 2 == 0)
			CHECK_INT(stint_chan_recv(c[chosen], &v), ==, 0);
	}
	for (int i = 0; i < n; i++)
		CHECK_INT(times[i], >=, 500);
	drop(n);
}

/* what it sends itself it does not receive, by the same select */
static void does_not_meet_itself(void)
{
	long v = 1, w = 2;
	struct stint_select_case cases[4];

	make(1, 0);
	cases[0] = on(c[0], SEND, &v);
	cases[1] = on(c[0], RECV, &w);
	cases[2] = on(c[0], RECV, &w);
	cases[3] = on(c[0], SEND, &v);
	CHECK_INT(stint_select(cases, 4, 0, NULL), ==, ETIMEDOUT);
	CHECK_INT(stint_select(cases, 4, STINT_MS(5), NULL), ==, ETIMEDOUT);
	CHECK_INT(w, ==, 2);
	CHECK_INT(stint_chan_send_timed(c[0], &v, 0), ==, ETIMEDOUT);   /* nothing of it is left in the queues */
	CHECK_INT(stint_chan_recv_timed(c[0], &w, 0), ==, ETIMEDOUT);
	drop(1);
}

/* --- waiting ----------------------------------------------------------------------------------- */

static size_t width;
static size_t chose;

static void *selects(void *arg)
{
	struct stint_select_case *cases = calloc(width, sizeof(*cases));
	long *v = calloc(width, sizeof(*v)), got;

	CHECK(cases && v);
	for (size_t i = 0; i < width; i++)
		cases[i] = on(c[i], RECV, &v[i]);
	CHECK_INT(stint_select(cases, width, STINT_FOREVER, &chose), ==, 0);
	CHECK_INT(cases[chose].result, ==, (intptr_t)arg);
	for (size_t i = 0; i < width; i++)
		CHECK(i == chose || (v[i] == 0 && cases[i].result == -77));
	got = v[chose];
	free(cases);
	free(v);
	return (void *)got;
}

static void *selects_send(void *arg)
{
	struct stint_select_case cases[3];
	long v[3] = { 10, 11, 12 };

	for (int i = 0; i < 3; i++)
		cases[i] = on(c[i], SEND, &v[i]);
	CHECK_INT(stint_select(cases, 3, STINT_FOREVER, &chose), ==, 0);
	CHECK_INT(cases[chose].result, ==, (intptr_t)arg);
	return NULL;
}

static void start_and_wait(struct actor *a, enum kind kind, stint_fn *fn, int result)
{
	start(a, kind, fn, (void *)(intptr_t)result);
	AWAIT(LOAD(c[0]->senders.n) + LOAD(c[0]->receivers.n));
	spin_lock(&c[0]->senders.lock);         /* it lets go of the lock when it is queued everywhere */
	spin_unlock(&c[0]->senders.lock);
}

static void waits(enum kind kind, size_t n)
{
	struct actor a;
	long v = 42;

	width = n;
	make((int)n, 0);
	start_and_wait(&a, kind, selects, 0);
	CHECK_INT(stint_chan_send(c[n - 1], &v), ==, 0);
	CHECK_INT((long)finish(&a), ==, 42);
	CHECK_INT(chose, ==, n - 1);
	for (size_t i = 0; i < n; i++)          /* it is nowhere any more */
		CHECK_INT(stint_chan_send_timed(c[i], &v, 0), ==, ETIMEDOUT);
	start_and_wait(&a, kind, selects, EPIPE);
	CHECK_INT(stint_chan_close(c[0]), ==, 0);
	CHECK_INT((long)finish(&a), ==, 0);
	CHECK_INT(chose, ==, 0);
	drop((int)n);
	make(3, 0);
	start_and_wait(&a, kind, selects_send, 0);
	CHECK_INT(stint_chan_recv(c[1], &v), ==, 0);
	CHECK_INT(v, ==, 11);
	finish(&a);
	CHECK_INT(chose, ==, 1);
	CHECK_INT(stint_chan_recv_timed(c[0], &v, 0), ==, ETIMEDOUT);
	start_and_wait(&a, kind, selects_send, EPIPE);
	CHECK_INT(stint_chan_close(c[2]), ==, 0);
	finish(&a);
	CHECK_INT(chose, ==, 2);
	drop(3);
}

/* --- select against select --------------------------------------------------------------------- */

#define ROUNDS 400

static long sum_sent, sum_received;

/* all on the same channels in another order each, sending and receiving: every element sent is received */
static void *trades(void *arg)
{
	struct rng rng;
	long sent = 0, received = 0;

	rng_seed(&rng, (uint64_t)(intptr_t)arg);
	for (int i = 0; i < ROUNDS; i++) {
		struct stint_select_case cases[6];
		long out = (long)rng_below(&rng, 1000) + 1, in[6];
		size_t chosen;
		int r;

		for (int k = 0; k < 6; k++)
			cases[k] = on(c[rng_below(&rng, 3)], rng_below(&rng, 2) ? SEND : RECV, NULL);
		for (int k = 0; k < 6; k++)
			cases[k].elem = cases[k].op == SEND ? &out : &in[k];
		r = stint_select(cases, 6, STINT_US(rng_below(&rng, 200)), &chosen);
		CHECK(r == 0 || r == ETIMEDOUT);
		if (r)
			continue;
		CHECK_INT(cases[chosen].result, ==, 0);
		if (cases[chosen].op == SEND)
			sent += out;
		else
			received += in[chosen];
	}
	ADD(sum_sent, sent);
	ADD(sum_received, received);
	return arg;
}

static void they_trade(size_t capacity)
{
	struct actor a[ACTORS];
	long left = 0, v;

	sum_sent = sum_received = 0;
	make(3, capacity);
	for (int i = 0; i < ACTORS; i++)
		start_sliced(&a[i], (enum kind)(i % KINDS), trades, (void *)(intptr_t)(i + 1), STINT_US(500));
	for (int i = 0; i < ACTORS; i++)
		finish(&a[i]);
	for (int i = 0; i < 3; i++)
		while (!stint_chan_recv_timed(c[i], &v, 0))
			left += v;
	CHECK_INT(sum_sent, >, 0);
	CHECK_INT(sum_sent, ==, sum_received + left);
	drop(3);
}

/* --- calls ------------------------------------------------------------------------------------- */

static void call_is_stopped(size_t n)
{
	stint_t *call;
	long v = 8;

	width = n;
	make((int)n, 0);
	call = stint_launch(selects, NULL, STINT_MS(2));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	for (size_t i = 0; i < n; i++)
		CHECK_INT(stint_chan_send_timed(c[i], &v, 0), ==, ETIMEDOUT);
	CHECK_INT(stint_resume(call, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	for (size_t i = 0; i < n; i++)
		CHECK_INT(stint_chan_send_timed(c[i], &v, 0), ==, ETIMEDOUT);
	drop((int)n);
}

static void wrong_arguments(void)
{
	static struct stint_select_case cases[STINT_SELECT_MAX + 1];

	for (int i = 0; i <= STINT_SELECT_MAX; i++)
		cases[i] = on(NULL, RECV, NULL);
	CHECK_INT(stint_select(NULL, 1, 0, NULL), ==, EINVAL);
	CHECK_INT(stint_select(cases, STINT_SELECT_MAX + 1, 0, NULL), ==, EINVAL);
	CHECK_INT(stint_select(cases, STINT_SELECT_MAX, 0, NULL), ==, ETIMEDOUT);
	CHECK_INT(stint_select(cases, 1, -1, NULL), ==, EINVAL);
	cases[1].op = (enum stint_select_op)2;
	CHECK_INT(stint_select(cases, 2, 0, NULL), ==, EINVAL);
	CHECK_INT(stint_select(cases, 1, 0, NULL), ==, ETIMEDOUT);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	wrong_arguments();
	takes_the_ready_one();
	none_is_a_sleep();
	by_chance(2);
	by_chance(3);
	by_chance(16);
	does_not_meet_itself();
	for (int kind = 0; kind < KINDS; kind++) {
		waits((enum kind)kind, 1);
		waits((enum kind)kind, 5);
		waits((enum kind)kind, STINT_SELECT_MAX);
	}
	for (size_t capacity = 0; capacity < 3; capacity++)
		they_trade(capacity);
	call_is_stopped(3);
	call_is_stopped(100);
	return 0;
}
