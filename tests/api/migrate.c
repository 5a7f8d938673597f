/*
 * migrate.c - a call keeps its own errno, __thread variables, thread-specific data and pthread_self()
 * on whatever kernel thread it is resumed, and so do the kernel threads
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

#define CALLS 2
#define PASSES 4000

static __thread long local = 7;
static __thread char local_bytes[100];
static pthread_key_t key;
static pthread_barrier_t barrier;

struct visitor {
	int id;
	bool by_pausing;
	volatile int leave;
	volatile long checks;
	pid_t last_tid;
	int moved;
	stint_t *call;
};

static void *visit(void *arg)
{
	struct visitor *v = arg;
	pthread_t me = pthread_self();
	long i = 0;

	CHECK_INT(errno, ==, 0);
	CHECK_INT(local, ==, 7);
	CHECK(!pthread_getspecific(key));
	while (!v->leave) {
		pid_t tid;

		i++;
		errno = v->id * 1000 + i % 1000;
		local = v->id * 1000000 + i;
		memset(local_bytes, v->id, sizeof(local_bytes));
		CHECK_INT(pthread_setspecific(key, (char *)v + i % 64), ==, 0);
		if (v->by_pausing)
			stint_pause();
		else
			for (volatile int turn = 0; turn < 200; turn++)
				;
		CHECK_INT(errno, ==, v->id * 1000 + i % 1000);
		CHECK_INT(local, ==, v->id * 1000000 + i);
		CHECK_INT(local_bytes[i % sizeof(local_bytes)], ==, v->id);
		CHECK(pthread_getspecific(key) == (char *)v + i % 64);
		CHECK(pthread_equal(pthread_self(), me));
		CHECK(stint_self() == v->call || !v->call);
		tid = gettid();
		if (v->last_tid && tid != v->last_tid)
			v->moved++;
		v->last_tid = tid;
		v->checks = i;
	}
	CHECK_INT(pthread_setspecific(key, NULL), ==, 0);
	return v;
}

static struct visitor visitors[CALLS];

static void *carrier(void *arg)
{
	int which = *(int *)arg;
	pthread_t me = pthread_self();

	local = 100 + which;
	CHECK_INT(pthread_setspecific(key, arg), ==, 0);
	for (int round = 0; round < PASSES; round++) {
		struct visitor *v = &visitors[(which + round) % CALLS];
		int ret;

		errno = 200 + which;
		ret = stint_resume(v->call, v->by_pausing ? STINT_S(100) : STINT_US(30));
		CHECK_INT(errno, ==, 200 + which);
		CHECK_INT(ret, ==, v->by_pausing ? EAGAIN : ETIMEDOUT);
		CHECK_INT(local, ==, 100 + which);
		CHECK(pthread_getspecific(key) == arg);
		CHECK(pthread_equal(pthread_self(), me));
		CHECK(!stint_self());
		pthread_barrier_wait(&barrier);
	}
	CHECK_INT(pthread_setspecific(key, NULL), ==, 0);
	return NULL;
}

static void pass_around(bool by_pausing)
{
	pthread_t threads[CALLS];
	int numbers[CALLS];

	CHECK_INT(pthread_barrier_init(&barrier, NULL, CALLS), ==, 0);
	for (int i = 0; i < CALLS; i++) {
		visitors[i] = (struct visitor){ .id = i + 1, .by_pausing = by_pausing };
		visitors[i].call = stint_launch(visit, &visitors[i], 0);
		CHECK(visitors[i].call);
	}
	for (int i = 0; i < CALLS; i++) {
		numbers[i] = i;
		CHECK_INT(pthread_create(&threads[i], NULL, carrier, &numbers[i]), ==, 0);
	}
	for (int i = 0; i < CALLS; i++)
		CHECK_INT(pthread_join(threads[i], NULL), ==, 0);

	/* the kernel threads that ran them are gone; this one finishes them */
	for (int i = 0; i < CALLS; i++) {
		struct visitor *v = &visitors[i];
		long before = v->checks;

		CHECK_INT(v->moved, >=, 1);
		while (v->checks == before)
			CHECK_INT(stint_resume(v->call, by_pausing ? STINT_S(100) : STINT_MS(1)), ==,
			          by_pausing ? EAGAIN : ETIMEDOUT);
		v->leave = true;
		CHECK_INT(stint_resume(v->call, STINT_S(100)), ==, 0);
		CHECK(stint_result(v->call) == v);
		stint_free(v->call);
	}
	pthread_barrier_destroy(&barrier);
}

/* launched on a thread that ends before the call does; freed by yet another */
static void *launches(void *arg)
{
	struct visitor *v = arg;

	v->call = stint_launch(visit, v, STINT_MS(1));
	CHECK(v->call);
	CHECK_INT(stint_state(v->call), ==, STINT_TIMED_OUT);
	return NULL;
}

static void *cancels(void *arg)
{
	struct visitor *v = arg;

	CHECK_INT(stint_cancel(v->call), ==, 0);
	stint_free(v->call);
	return NULL;
}

static void outlives_its_thread(void)
{
	for (int i = 0; i < 50; i++) {
		struct visitor v = { .id = 3 };
		pthread_t thread;

		CHECK_INT(pthread_create(&thread, NULL, launches, &v), ==, 0);
		CHECK_INT(pthread_join(thread, NULL), ==, 0);
		CHECK_INT(stint_resume(v.call, STINT_MS(1)), ==, ETIMEDOUT);
		CHECK_INT(pthread_create(&thread, NULL, cancels, &v), ==, 0);
		CHECK_INT(pthread_join(thread, NULL), ==, 0);
	}
}

int main(void)
{
	test_watchdog();
	CHECK_INT(pthread_key_create(&key, NULL), ==, 0);
	pass_around(true);
	pass_around(false);
	outlives_its_thread();
	return 0;
}
