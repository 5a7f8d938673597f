/*
 * sync_waitgroup.c - wait until all are done; the group may lie on the stack of whoever waits
 */
#include "actors.h"

#define ACTORS 6
#define ROUNDS 300

static void *is_done(void *arg)
{
	CHECK_INT(stint_waitgroup_done(arg), ==, 0);
	return NULL;
}

static void *waits_for_others(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		stint_waitgroup_t g = STINT_WAITGROUP_INIT;
		struct actor a;

		CHECK_INT(stint_waitgroup_add(&g, 1), ==, 0);
		start(&a, (enum kind)(((intptr_t)arg + i) % KINDS), is_done, &g);
		CHECK_INT(stint_waitgroup_wait(&g), ==, 0);
		memset(&g, 0xff, sizeof(g));    /* the other one touches it no more */
		for (size_t k = 0; k < sizeof(g); k++)
			CHECK_INT(((volatile unsigned char *)&g)[k], ==, 0xff);
		finish(&a);
	}
	return arg;
}

static void lies_on_a_stack(void)
{
	struct actor a[KINDS];

	for (int kind = 0; kind < KINDS; kind++)
		start(&a[kind], (enum kind)kind, waits_for_others, (void *)(intptr_t)kind);
	for (int kind = 0; kind < KINDS; kind++)
		finish(&a[kind]);
}

static stint_waitgroup_t g = STINT_WAITGROUP_INIT;
static int gone;

static void *waits(void *arg)
{
	CHECK_INT(stint_waitgroup_wait(&g), ==, 0);
	ADD(gone, 1);
	return arg;
}

static void all_go_at_zero(void)
{
	struct actor a[ACTORS];

	STORE(gone, 0);
	CHECK_INT(stint_waitgroup_add(&g, 3), ==, 0);
	for (int i = 0; i < ACTORS; i++) {
		start(&a[i], (enum kind)(i % KINDS), waits, NULL);
		AWAIT(LOAD(g.waiters.n) == (unsigned)i + 1);
	}
	CHECK_INT(stint_waitgroup_done(&g), ==, 0);
	CHECK_INT(stint_waitgroup_add(&g, -1), ==, 0);
	CHECK_INT(LOAD(g.waiters.n), ==, ACTORS);
	CHECK_INT(LOAD(gone), ==, 0);
	CHECK_INT(stint_waitgroup_wait_timed(&g, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_waitgroup_wait_timed(&g, 0), ==, ETIMEDOUT);
	CHECK_INT(stint_waitgroup_destroy(&g), ==, EBUSY);
	CHECK_INT(stint_waitgroup_add(&g, -1), ==, 0);
	for (int i = 0; i < ACTORS; i++)
		finish(&a[i]);
	CHECK_INT(stint_waitgroup_wait_timed(&g, 0), ==, 0);
	CHECK_INT(stint_waitgroup_destroy(&g), ==, 0);
}

static void call_is_cancelled(void)
{
	stint_t *call;

	STORE(gone, 0);
	CHECK_INT(stint_waitgroup_add(&g, 1), ==, 0);
	call = stint_launch(waits, NULL, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_resume(call, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK_INT(stint_waitgroup_destroy(&g), ==, 0);
	CHECK_INT(stint_waitgroup_done(&g), ==, 0);
	CHECK_INT(LOAD(gone), ==, 0);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	all_go_at_zero();
	lies_on_a_stack();
	call_is_cancelled();
	return 0;
}
