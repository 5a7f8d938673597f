/*
 * sync_barrier.c - rounds: nobody is ahead of the others by more than one; one is the last
 */
#include "actors.h"

#define ACTORS 6
#define ROUNDS 500

static stint_barrier_t b = STINT_BARRIER_INIT(ACTORS);
static int arrived[ROUNDS], last[ROUNDS];

static void *goes_round(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int r;

		ADD(arrived[i], 1);
		r = stint_barrier_wait(&b);
		CHECK(r == 0 || r == STINT_BARRIER_LAST);
		if (r)
			ADD(last[i], 1);
		CHECK_INT(LOAD(arrived[i]), ==, ACTORS);
	}
	return arg;
}

static void keeps_together(stint_ns slice)
{
	struct actor a[ACTORS];

	memset(arrived, 0, sizeof(arrived));
	memset(last, 0, sizeof(last));
	for (int i = 0; i < ACTORS; i++)
		start_sliced(&a[i], (enum kind)(i % KINDS), goes_round, NULL, slice);
	for (int i = 0; i < ACTORS; i++)
		finish(&a[i]);
	for (int i = 0; i < ROUNDS; i++)
		CHECK_INT(last[i], ==, 1);
	CHECK_INT(stint_barrier_destroy(&b), ==, 0);
}

static void *comes(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)stint_barrier_wait(&b);
}

static void *gives_up(void *arg)
{
	int64_t before = now_ns();

	CHECK_INT(stint_barrier_wait_timed(&b, STINT_MS(10)), ==, ETIMEDOUT);
	CHECK_INT(now_ns() - before, >=, STINT_MS(10));
	return arg;
}

/* who gave up, or was stopped for good, has not come */
static void is_not_counted(enum kind kind)
{
	struct actor a, other;
	stint_t *call;

	CHECK_INT(stint_barrier_init(&b, 2), ==, 0);
	start(&a, kind, gives_up, NULL);
	finish(&a);
	CHECK_INT(b.present, ==, 0);
	CHECK_INT(stint_barrier_wait_timed(&b, 0), ==, ETIMEDOUT);
	call = stint_launch(comes, NULL, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK_INT(b.present, ==, 0);
	start(&other, kind, comes, NULL);
	AWAIT(LOAD(b.present) == 1);
	CHECK_INT(stint_barrier_destroy(&b), ==, EBUSY);
	CHECK_INT(stint_barrier_wait(&b), ==, STINT_BARRIER_LAST);
	CHECK_INT((intptr_t)finish(&other), ==, 0);
}

static void *alone(void *arg)
{
	CHECK_INT(stint_barrier_wait(&b), ==, STINT_BARRIER_LAST);
	CHECK_INT(stint_barrier_wait_timed(&b, 0), ==, STINT_BARRIER_LAST);
	return arg;
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	keeps_together(STINT_FOREVER);
	keeps_together(STINT_MS(1));
	for (int kind = 0; kind < KINDS; kind++) {
		struct actor a;

		is_not_counted((enum kind)kind);
		CHECK_INT(stint_barrier_init(&b, 1), ==, 0);
		start(&a, (enum kind)kind, alone, NULL);
		finish(&a);
	}
	return 0;
}
