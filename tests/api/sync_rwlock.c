/*
 * sync_rwlock.c - readers together, writers alone, in the order in which they came
 */
#include "actors.h"

#define ROUNDS 2000
#define ACTORS 6

static stint_rwlock_t l = STINT_RWLOCK_INIT;
static volatile long a_copy, b_copy;
static long order[16];
static int ordered, may_go, inside;

static unsigned queued(void)
{
	return LOAD(l.waiters.n);
}

static void *reads(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_INT(stint_rwlock_rdlock(&l), ==, 0);
		CHECK_INT(a_copy, ==, b_copy);
		CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	}
	return arg;
}

static void *writes(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_INT(stint_rwlock_wrlock(&l), ==, 0);
		a_copy = a_copy + 1;
		if (i % 64 == 0)
			stint_thread_yield();
		b_copy = b_copy + 1;
		CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	}
	return arg;
}

static void excludes(void)
{
	struct actor r[ACTORS], w[ACTORS];

	for (int i = 0; i < ACTORS; i++) {
		start_sliced(&r[i], (enum kind)(i % KINDS), reads, NULL, STINT_US(400));
		start_sliced(&w[i], (enum kind)(i % KINDS), writes, NULL, STINT_US(400));
	}
	for (int i = 0; i < ACTORS; i++) {
		finish(&r[i]);
		finish(&w[i]);
	}
	CHECK_INT(a_copy, ==, (long)ACTORS * ROUNDS);
	CHECK_INT(b_copy, ==, (long)ACTORS * ROUNDS);
	CHECK_INT(stint_rwlock_destroy(&l), ==, 0);
}

static void *reader(void *arg)
{
	CHECK_INT(stint_rwlock_rdlock(&l), ==, 0);
	order[ADD(ordered, 1) - 1] = (long)(intptr_t)arg;
	ADD(inside, 1);
	while (!LOAD(may_go))
		stint_thread_yield();
	ADD(inside, -1);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	return arg;
}

static void *writer(void *arg)
{
	CHECK_INT(stint_rwlock_wrlock(&l), ==, 0);
	CHECK_INT(LOAD(inside), ==, 0);
	order[ADD(ordered, 1) - 1] = (long)(intptr_t)arg;
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	return arg;
}

/* readers share; behind a writer they wait; after it those up to the next writer go together */
static void keeps_order(void)
{
	struct actor a[8];

	STORE(may_go, 0);
	ordered = 0;
	CHECK_INT(stint_rwlock_rdlock(&l), ==, 0);
	start(&a[0], (enum kind)(0 % KINDS), reader, (void *)0);
	AWAIT(LOAD(inside) == 1);
	start(&a[1], (enum kind)(1 % KINDS), writer, (void *)1);
	AWAIT(queued() == 1);
	CHECK_INT(stint_rwlock_tryrdlock(&l), ==, EBUSY);
	CHECK_INT(stint_rwlock_trywrlock(&l), ==, EBUSY);
	for (int i = 2; i < 5; i++) {
		start(&a[i], (enum kind)(i % KINDS), reader, (void *)(intptr_t)i);
		AWAIT(queued() == (unsigned)i);
	}
	start(&a[5], KERNEL, writer, (void *)5);
	AWAIT(queued() == 5);
	start(&a[6], CALL, reader, (void *)6);
	AWAIT(queued() == 6);
	CHECK_INT(LOAD(inside), ==, 1);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	CHECK_INT(queued(), ==, 6);             /* one reader is left */
	STORE(may_go, 1);
	finish(&a[0]);
	for (int i = 1; i < 7; i++)
		finish(&a[i]);
	CHECK_INT(ordered, ==, 7);
	CHECK_INT(order[0], ==, 0);
	CHECK_INT(order[1], ==, 1);
	for (int i = 2; i < 5; i++)
		CHECK(order[i] >= 2 && order[i] < 5);
	CHECK_INT(order[5], ==, 5);
	CHECK_INT(order[6], ==, 6);
}

/* all the readers in a row are in at once */
static void readers_share(void)
{
	struct actor a[ACTORS];

	STORE(may_go, 0);
	ordered = 0;
	CHECK_INT(stint_rwlock_wrlock(&l), ==, 0);
	for (int i = 0; i < ACTORS; i++) {
		start(&a[i], (enum kind)(i % KINDS), reader, NULL);
		AWAIT(queued() == (unsigned)i + 1);
	}
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	CHECK_INT(l.state, ==, 2 + 8 * ACTORS);
	AWAIT(LOAD(inside) == ACTORS);
	STORE(may_go, 1);
	for (int i = 0; i < ACTORS; i++)
		finish(&a[i]);
	CHECK_INT(stint_rwlock_destroy(&l), ==, 0);
}

static int given_up;

static void *writer_gives_up(void *arg)
{
	int64_t before = now_ns();

	CHECK_INT(stint_rwlock_wrlock_timed(&l, STINT_MS(20)), ==, ETIMEDOUT);
	CHECK_INT(now_ns() - before, >=, STINT_MS(20));
	STORE(given_up, 1);
	return arg;
}

/* readers that wait only for a writer who gives up go on then */
static void writer_times_out(enum kind kind)
{
	struct actor w, r;

	STORE(may_go, 1);
	ordered = 0;
	STORE(given_up, 0);
	CHECK_INT(stint_rwlock_rdlock(&l), ==, 0);
	start(&w, kind, writer_gives_up, NULL);
	AWAIT(queued() == 1 || LOAD(given_up));
	start(&r, kind, reader, NULL);
	finish(&w);
	finish(&r);
	CHECK_INT(ordered, ==, 1);
	CHECK_INT(stint_rwlock_rdlock_timed(&l, STINT_MS(1)), ==, 0);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_destroy(&l), ==, 0);
}

static void *wants_to_write(void *arg)
{
	CHECK_INT(stint_rwlock_wrlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	return arg;
}

static void call_is_cancelled(void)
{
	struct actor r;
	stint_t *call;

	STORE(may_go, 1);
	CHECK_INT(stint_rwlock_rdlock(&l), ==, 0);
	call = stint_launch(wants_to_write, NULL, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	start(&r, KERNEL, reader, NULL);        /* a stopped call is not in its way */
	finish(&r);
	CHECK_INT(stint_resume(call, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_trywrlock(&l), ==, 0);
	CHECK_INT(stint_rwlock_tryrdlock(&l), ==, EBUSY);
	CHECK_INT(stint_rwlock_unlock(&l), ==, 0);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	excludes();
	keeps_order();
	readers_share();
	for (int kind = 0; kind < KINDS; kind++)
		writer_times_out((enum kind)kind);
	call_is_cancelled();
	return 0;
}
