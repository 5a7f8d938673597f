/*
 * contend.c - threads that go for the same call without arrangement: one gets it, the others are told so
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

#define THREADS 3
#define TRIES 20000

static stint_t *call;
static volatile long turns;
static volatile int leave;
static bool within;             /* atomic: someone is in the call */
static long busy, ran;          /* atomic */

static void *works(void *arg)
{
	while (!leave) {
		stint_preempt_disable();
		CHECK(!__atomic_exchange_n(&within, true, __ATOMIC_ACQ_REL));
		turns++;
		CHECK(__atomic_exchange_n(&within, false, __ATOMIC_ACQ_REL));
		stint_preempt_enable();
	}
	return arg;
}

static void *goes_for_it(void *arg)
{
	(void)arg;
	for (int i = 0; i < TRIES; i++) {
		int ret = stint_resume(call, STINT_US(5));

		if (ret == EBUSY) {
			__atomic_fetch_add(&busy, 1, __ATOMIC_RELAXED);
		} else {
			CHECK_INT(ret, ==, ETIMEDOUT);
			__atomic_fetch_add(&ran, 1, __ATOMIC_RELAXED);
		}
		CHECK(!stint_is_complete(call));
	}
	return NULL;
}

/* of those who cancel it at once, one succeeds */
static int cancels;             /* atomic */
static pthread_barrier_t barrier;

static void *cancels_it(void *arg)
{
	int ret;

	(void)arg;
	pthread_barrier_wait(&barrier);
	ret = stint_cancel(call);
	if (ret == 0)
		__atomic_fetch_add(&cancels, 1, __ATOMIC_RELAXED);
	else
		CHECK(ret == EBUSY || ret == EINVAL);
	return NULL;
}

static void all(void *(*fn)(void *))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&threads[i], NULL, fn, NULL), ==, 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), ==, 0);
}

int main(void)
{
	test_watchdog();
	call = stint_launch(works, &call, STINT_US(100));
	CHECK(call);
	all(goes_for_it);
	printf("%ld slices, %ld times busy, %ld turns\n", ran, busy, turns);
	CHECK_INT(ran, >=, 1);
	leave = true;
	CHECK_INT(stint_resume(call, STINT_S(100)), ==, 0);
	CHECK(stint_result(call) == &call);
	stint_free(call);

	CHECK_INT(pthread_barrier_init(&barrier, NULL, THREADS), ==, 0);
	leave = false;
	for (int i = 0; i < 200; i++) {
		cancels = 0;
		call = stint_launch(works, NULL, STINT_US(10));
		CHECK(call);
		all(cancels_it);
		CHECK_INT(cancels, ==, 1);
		CHECK_INT(stint_state(call), ==, STINT_CANCELLED);
		stint_free(call);
	}
	return 0;
}
