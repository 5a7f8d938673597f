/*
 * thread_calls.c - calls in threads: deadlines shorter and longer than turns, resumed by other threads on other workers and by
 * kernel threads, nested; a call is stopped by its deadline and not by its thread's turn
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

#define THREADS 8

static volatile int leave;

static void *loop(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void *returns(void *arg)
{
	return arg;
}

static __thread long own;

static void *counts_to(void *arg)
{
	for (own = 0; own < (long)arg; own++)
		__asm__ volatile("");
	return (void *)own;
}

static void *pauses(void *arg)
{
	for (long i = 0; i < (long)arg; i++)
		stint_pause();
	return arg;
}

/* deadlines from a hundredth of a turn to many turns, while others want the CPU as well */
static void *slices(void *arg)
{
	static const stint_ns spans[] = { STINT_US(5), STINT_US(100), STINT_MS(1), STINT_MS(7) };
	struct stint_usage u;
	int err;

	for (int i = 0; i < 4; i++) {
		int64_t begin = now_ns();
		stint_t *s = stint_launch(loop, arg, spans[i]);

		CHECK(s);
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(now_ns() - begin, >=, spans[i]);
		begin = now_ns();
		CHECK_INT(stint_resume(s, spans[i]), ==, ETIMEDOUT);
		CHECK_INT(now_ns() - begin, >=, spans[i]);
		CHECK_INT(stint_usage(s, &u), ==, 0);
		CHECK_INT(u.preemptions, >=, 2);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);

		s = stint_launch(counts_to, (void *)3000000, spans[i]);
		CHECK(s);
		while (!stint_is_complete(s)) {
			err = stint_resume(s, spans[i]);
			CHECK(err == 0 || err == ETIMEDOUT);
		}
		CHECK_INT((long)stint_result(s), ==, 3000000);
		stint_free(s);
	}
	return arg;
}

/* no deadline in reach: turns end all the same, and the call does not notice */
static void *long_call(void *arg)
{
	stint_t *s = stint_launch(counts_to, (void *)20000000, STINT_S(100));
	struct stint_usage u;

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	CHECK_INT((long)stint_result(s), ==, 20000000);
	CHECK_INT(stint_usage(s, &u), ==, 0);
	CHECK_INT(u.preemptions, ==, 0);
	stint_free(s);
	return arg;
}

/* in a call: sleeping and joining are for the thread, and end at the call's deadline */
static void *sleeps(void *arg)
{
	stint_thread_sleep(STINT_MS(30));
	return arg;
}

static void *joins(void *arg)
{
	CHECK_INT(stint_thread_join(arg, NULL), ==, 0);
	return arg;
}

/* how often it was stopped; not at all where the machine stood still until the wait was over */
static int stops(stint_fn *fn, void *arg)
{
	stint_t *s = stint_launch(fn, arg, STINT_US(100));
	int err, n = 0;

	CHECK(s);
	while (!stint_is_complete(s)) {
		err = stint_resume(s, STINT_US(300));
		CHECK(err == 0 || err == ETIMEDOUT);
		n++;
	}
	stint_free(s);
	return n;
}

#define TRIES 50

static void *waits_in_calls(void *arg)
{
	int tries = 0, n;

	do {
		int64_t begin = now_ns();

		n = stops(sleeps, arg);
		CHECK_INT(now_ns() - begin, >=, 30000000);
	} while (!n && ++tries < TRIES);
	CHECK_INT(n, >=, 1);
	tries = 0;
	do {
		stint_thread_t *t;

		CHECK_INT(stint_thread_create(&t, NULL, sleeps, NULL), ==, 0);
		n = stops(joins, t);
	} while (!n && ++tries < TRIES);
	CHECK_INT(n, >=, 1);
	return arg;
}

static void *launches_inner(void *arg)
{
	stint_t *s = stint_launch(loop, arg, STINT_S(100));

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	return arg;
}

/* the outer deadline stops both, and they go on together */
static void *nests(void *arg)
{
	stint_t *s = stint_launch(launches_inner, arg, STINT_US(300));

	CHECK(s);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		stint_thread_yield();
		stint_thread_sleep(STINT_US(50));
		CHECK_INT(stint_resume(s, STINT_US(300)), ==, ETIMEDOUT);
	}
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	return arg;
}

/* a call is handed round: each gives it a slice, wherever */
static stint_t *shared;
static int resumed;

static void *gives_slices(void *arg)
{
	int err;

	while (!stint_is_complete(shared)) {
		err = stint_resume(shared, STINT_US(50));
		CHECK(err == 0 || err == ETIMEDOUT || err == EAGAIN || err == EBUSY || err == EINVAL);
		if (err != EBUSY)
			__atomic_fetch_add(&resumed, 1, __ATOMIC_RELAXED);
		stint_thread_yield();
	}
	return arg;
}

static void in_threads(stint_fn *fn, int n)
{
	stint_thread_t *t[THREADS];
	void *result;

	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, fn, &t), ==, 0);
	for (int i = 0; i < n; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(result == &t);
	}
}

static void handed_round(bool from_a_thread)
{
	pthread_t k;

	(void)from_a_thread;
	shared = stint_launch(counts_to, (void *)10000000, 0);
	CHECK(shared);
	resumed = 0;
	CHECK_INT(pthread_create(&k, NULL, gives_slices, NULL), ==, 0);
	in_threads(gives_slices, 4);
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	CHECK_INT((long)stint_result(shared), ==, 10000000);
	CHECK_INT(resumed, >=, 2);
	stint_free(shared);

	shared = stint_launch(pauses, (void *)200, 0);
	CHECK(shared);
	in_threads(gives_slices, 4);
	CHECK_INT((long)stint_result(shared), ==, 200);
	stint_free(shared);
}

/* what a thread leaves behind is anybody's */
static void *leaves_one(void *arg)
{
	*(stint_t **)arg = stint_launch(loop, arg, STINT_US(50));
	return arg;
}

static void left_behind(void)
{
	stint_t *s = NULL;
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, leaves_one, &s), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK(s);
	CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
}

/* many at once in one thread, of which some are never run to their end */
static void *many(void *arg)
{
	stint_t *s[100];

	for (int i = 0; i < 100; i++) {
		s[i] = stint_launch(i % 3 ? counts_to : returns, (void *)200000L, STINT_US(20));
		CHECK(s[i]);
	}
	for (int i = 0; i < 100; i++) {
		if (i % 4 && !stint_is_complete(s[i])) {
			int err = stint_resume(s[i], STINT_S(100));

			CHECK_INT(err, ==, 0);
		}
		stint_free(s[i]);
	}
	return arg;
}

static void with(unsigned workers, const char *policy)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .policy = policy,
		                       .quantum = STINT_US(500) };

	CHECK_INT(stint_start(&config), ==, 0);
	in_threads(slices, 3);
	in_threads(long_call, 3);
	in_threads(waits_in_calls, 4);
	in_threads(nests, 4);
	handed_round(false);
	left_behind();
	in_threads(many, 4);
	while (stint_stop() == EBUSY)
		sleep_ns(100000);
}

int main(void)
{
	test_watchdog();
	with(1, "rr");
	with(3, "fair");
	with(2, "mlfq");
	with(2, "lifo");
	return 0;
}
