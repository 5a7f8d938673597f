/*
 * state.c - a set is used by one call at a time or many, is busy as long as one is unfinished, is reset to how it began whatever
 * a cancelled call has left, and ends with its destructors
 */
#include "../test.h"

#include <pthread.h>

#include "fickle.h"
#include "grain.h"
#include "in_set.h"

static void *next(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)fickle_next();
}

static void *grain(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)fickle_grain();
}

static void *endless_text(void *arg)
{
	(void)arg;
	for (;;)
		fickle_text(1234567890);
	return NULL;
}

/* without sets the caller's own use of the buffer, between two slices, is written over; with sets it is not */
static void text_is_private(void)
{
	stint_libset_t *set = open_set();
	stint_t *call = start_in(set, endless_text, NULL, STINT_US(100));
	const char *mine = fickle_text(777);

	for (int i = 0; i < 50; i++) {
		CHECK_INT(stint_resume(call, STINT_US(200)), ==, ETIMEDOUT);
		CHECK_STR(mine, "777");
	}
	CHECK_INT(stint_libset_close(set), ==, EBUSY);
	CHECK_INT(stint_libset_reset(set), ==, EBUSY);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(stint_libset_close(set), ==, EINVAL);
	CHECK_INT(stint_libset_reset(set), ==, EINVAL);

	/* the same without a set: the test can tell */
	call = stint_launch(endless_text, NULL, STINT_MS(5));
	CHECK(call);
	CHECK(strcmp(mine, "777") != 0);
	stint_free(call);
}

static void *next_in_thread(void *arg)
{
	stint_thread_t *t;
	void *second;

	(void)arg;
	CHECK_INT(fickle_next(), ==, 1);
	CHECK_INT(stint_thread_create(&t, NULL, next, NULL), ==, 0);   /* it inherits the set */
	CHECK_INT(stint_thread_join(t, &second), ==, 0);
	CHECK_INT((intptr_t)second, ==, 2);
	stint_thread_yield();
	return (void *)(intptr_t)fickle_next();
}

/* a thread has a set, too, and keeps it busy until it ends */
static void threads_have_sets(void)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .libset = open_set() };
	int before = fickle_get();
	stint_thread_t *t;
	void *third;

	CHECK_INT(stint_thread_create(&t, &attr, next_in_thread, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, &third), ==, 0);
	CHECK_INT((intptr_t)third, ==, 3);
	CHECK_INT(fickle_get(), ==, before);

	CHECK_INT(stint_thread_create(&t, &attr, endless_text, NULL), ==, 0);
	CHECK_INT(stint_libset_close(attr.libset), ==, EBUSY);
	CHECK_INT(stint_thread_cancel(t), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(stint_libset_close(attr.libset), ==, 0);
	CHECK_INT(stint_thread_create(&t, &attr, next, NULL), ==, EINVAL);
}

static void *fill_block(void *arg)
{
	memset(fickle_block(), 0x5a, FICKLE_BLOCK);
	fickle_keep(arg);
	next(NULL);
	grain(NULL);
	for (;;)
		stint_pause();
	return NULL;
}

static void *look(void *arg)
{
	char *block = fickle_block();

	(void)arg;
	CHECK_INT(fickle_get(), ==, 0);
	CHECK_INT(fickle_constructed(), ==, 1);
	CHECK(!fickle_kept());
	for (int i = 0; i < FICKLE_BLOCK; i++)
		CHECK_INT(block[i], ==, 0);
	CHECK_INT(fickle_grain(), ==, 101);
	CHECK(fickle_from_table(1) == fickle_get);
	return NULL;
}

static void reset_after_cancel(void)
{
	stint_libset_t *set = open_set();

	for (int i = 0; i < 10; i++) {
		stint_t *call = start_in(set, fill_block, set, STINT_S(1));

		CHECK_INT(stint_libset_reset(set), ==, EBUSY);
		CHECK_INT(stint_cancel(call), ==, 0);
		CHECK_INT(stint_libset_reset(set), ==, 0);
		in_set(set, look, NULL);
		stint_free(call);
		in_set(set, next, NULL);
		CHECK_INT(stint_libset_reset(set), ==, 0);
		in_set(set, look, NULL);
	}
	CHECK_INT(stint_libset_close(set), ==, 0);
}

static void *tell_where(void *arg)
{
	fickle_at_end(arg);
	return NULL;
}

static void *tell_and_wait(void *arg)
{
	fickle_at_end(arg);
	for (;;)
		stint_pause();
	return NULL;
}

/* exit handlers, then destructors; neither after a cancel */
static void destructors_run(void)
{
	stint_libset_t *set = open_set();
	int place = 0;
	stint_t *call;

	in_set(set, tell_where, &place);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(place, ==, 12);

	set = open_set();
	place = 0;
	in_set(set, tell_where, &place);
	CHECK_INT(stint_libset_reset(set), ==, 0);
	CHECK_INT(place, ==, 12);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(place, ==, 12);       /* the variable was reset, too */

	set = open_set();
	place = 0;
	call = start_in(set, tell_and_wait, &place, STINT_S(1));
	stint_free(call);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(place, ==, 0);
}

static void *open_here(void *arg)
{
	stint_libset_t **set = arg;

	*set = open_set();
	for (;;)
		stint_pause();
	return NULL;
}

/* what a call opens is not its own: it outlives a cancel */
static void opened_in_a_call(void)
{
	stint_libset_t *set = NULL;
	stint_t *call = start_in(NULL, open_here, &set, STINT_S(10));

	CHECK_INT(stint_state(call), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK(set);
	CHECK_INT((intptr_t)in_set(set, next, NULL), ==, 1);
	CHECK_INT(stint_libset_close(set), ==, 0);
}

static void *close_here(void *arg)
{
	return (void *)(intptr_t)stint_libset_close(arg);
}

static void closed_in_a_call(void)
{
	stint_libset_t *set = open_set();

	CHECK_INT((intptr_t)in_set(set, close_here, set), ==, EBUSY);           /* it is in it itself */
	CHECK_INT((intptr_t)in_set(NULL, close_here, set), ==, 0);
}

static void a_call_made_and_not_started(void)
{
	stint_libset_t *set = open_set();
	stint_t *call = start_in(set, next, NULL, 0);

	CHECK_INT(stint_libset_close(set), ==, EBUSY);
	CHECK_INT(stint_resume(call, STINT_S(1)), ==, 0);
	CHECK_INT((intptr_t)stint_result(call), ==, 1);
	CHECK_INT(stint_libset_close(set), ==, 0);      /* it is complete, if not freed */
	stint_free(call);
}

/* many calls in one set, and several sets, on several kernel threads, resumed on others */
#define THREADS 3
#define CALLS 40

static void *many_nexts(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		stint_preempt_disable();
		fickle_next();
		stint_preempt_enable();
	}
	return NULL;
}

static void *drive(void *arg)
{
	stint_libset_t *set = open_set();
	stint_t *call[CALLS];
	int left = CALLS;

	(void)arg;
	for (int i = 0; i < CALLS; i++)
		call[i] = start_in(set, many_nexts, NULL, 0);
	while (left) {
		left = 0;
		for (int i = 0; i < CALLS; i++)
			if (!stint_is_complete(call[i]))
				left += stint_resume(call[i], STINT_US(20)) == ETIMEDOUT;
	}
	for (int i = 0; i < CALLS; i++)
		stint_free(call[i]);
	CHECK_INT((intptr_t)in_set(set, next, NULL), ==, CALLS * 2000 + 1);
	CHECK_INT(stint_libset_close(set), ==, 0);
	return NULL;
}

static void many_threads(void)
{
	pthread_t t[THREADS];
	int before = fickle_get();

	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_create(&t[i], NULL, drive, NULL), ==, 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_INT(pthread_join(t[i], NULL), ==, 0);
	CHECK_INT(fickle_get(), ==, before);
}

static void pools(void)
{
	static const char *const libraries[] = { FICKLE, GRAIN };
	static const char *const nothing[] = { "libnothing-of-that-name.so.3" };
	struct stint_libset_attr attr = { .size = sizeof(attr), .backend = BACKEND };
	stint_libset_pool_t *pool = stint_libset_pool_create(&attr, libraries, 2, 2);
	stint_libset_t *set[4];

	CHECK(pool);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			set[i] = stint_libset_pool_get(pool);
			CHECK(set[i]);
			for (int k = 0; k < i; k++)
				CHECK(set[i] != set[k]);
			in_set(set[i], look, NULL);
		}
		CHECK_INT(stint_libset_pool_free(pool), ==, EBUSY);
		for (int i = 0; i < 4; i++) {
			stint_t *call = start_in(set[i], fill_block, NULL, STINT_S(1));

			CHECK_INT(stint_libset_pool_put(pool, set[i]), ==, EBUSY);
			stint_free(call);
			CHECK_INT(stint_libset_pool_put(pool, set[i]), ==, 0);
		}
	}
	CHECK_INT(stint_libset_pool_free(pool), ==, 0);
	CHECK(!stint_libset_pool_create(NULL, nothing, 1, 2));
	CHECK_INT(errno, ==, ENOENT);
	CHECK_INT(stint_libset_pool_free(NULL), ==, 0);
}

static void *thread_nexts(void *arg)
{
	(void)arg;
	fickle_thread_next();
	return (void *)(intptr_t)fickle_thread_next();
}

static void thread_variables(void)
{
	stint_libset_t *set = open_set(), *other = open_set();

	CHECK_INT(fickle_thread_next(), ==, 1);
	CHECK_INT((intptr_t)in_set(set, thread_nexts, NULL), ==, 2);
	CHECK_INT((intptr_t)in_set(set, thread_nexts, NULL), ==, 2);    /* another call is another thread */
	CHECK_INT((intptr_t)in_set(other, thread_nexts, NULL), ==, 2);
	CHECK_INT(fickle_thread_next(), ==, 2);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(stint_libset_close(other), ==, 0);
}

static void *allocate(void *arg)
{
	struct stint_usage u;
	void *p = fickle_new(10000), *q = fickle_new(20000);

	CHECK_INT(stint_usage(stint_self(), &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, 2);
	fickle_delete(p);
	CHECK_INT(stint_usage(stint_self(), &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, 1);
	fickle_keep(q);
	for (;;)
		stint_pause();
	return arg;
}

/* what a copy allocates in a call is in the call's account, by functions that its library has not called yet as well */
static void accounts(void)
{
	stint_libset_t *set = open_set();
	stint_t *call = start_in(set, allocate, NULL, STINT_S(10));
	struct stint_usage u;

	CHECK_INT(stint_state(call), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(call), ==, 0);
	CHECK_INT(stint_usage(call, &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, 0);
	stint_free(call);
	CHECK_INT(stint_libset_close(set), ==, 0);
}

static void asking(void)
{
	stint_libset_t *set = open_set();
	struct stint_libset_info info = { .size = sizeof(info) };
	struct stint_libset_attr attr = { .size = sizeof(attr), .backend = BACKEND };
	char text[512], little[8];
	size_t n;

	CHECK_INT(stint_libset_info(set, &info), ==, 0);
	CHECK_INT(info.backend, ==, BACKEND);
	CHECK_INT(info.libraries, ==, 2);
	CHECK_INT(info.functions, >=, 10);
	CHECK_INT(info.variables, ==, 0);
	CHECK_INT(info.writable_bytes, >=, FICKLE_BLOCK);
	info.size--;
	CHECK_INT(stint_libset_info(set, &info), ==, EINVAL);
	info.size++;
	n = stint_libset_report(set, text, sizeof(text));
	CHECK_INT(n, ==, strlen(text));
	CHECK(strstr(text, FICKLE) && strstr(text, GRAIN));
	CHECK_INT(stint_libset_report(set, little, sizeof(little)), ==, n);
	CHECK_INT(strlen(little), ==, 7);
	CHECK_INT(stint_libset_report(set, NULL, 0), ==, n);
	CHECK_INT(stint_libset_close(set), ==, 0);

	attr.flags = STINT_LIBSET_DEPENDENCIES;
	set = stint_libset_open_with(&attr, (const char *const[]){ FICKLE }, 1);
	CHECK(set);
	CHECK_INT(stint_libset_info(set, &info), ==, 0);
	CHECK_INT(info.libraries, ==, 2);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(stint_libset_report(set, text, sizeof(text)), ==, 0);
	CHECK_INT(stint_libset_info(set, &info), ==, EINVAL);
	CHECK(!stint_libset_symbol(set, "fickle_get"));
}

int main(void)
{
	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	text_is_private();
	threads_have_sets();
	reset_after_cancel();
	destructors_run();
	opened_in_a_call();
	closed_in_a_call();
	a_call_made_and_not_started();
	many_threads();
	pools();
	if (BACKEND == STINT_LIBSET_COPY)
		thread_variables();
	accounts();
	asking();
	return 0;
}
