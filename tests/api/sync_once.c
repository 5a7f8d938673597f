/*
 * sync_once.c - once: whoever comes meanwhile waits; one that never ends is replaced
 */
#include "actors.h"

#define ACTORS 6

static stint_once_t o;
static int runs, may_go, nested;

static void fresh(void)
{
	o = (stint_once_t)STINT_ONCE_INIT;
	runs = 0;
	STORE(may_go, 0);
}

static void waits_to_go(void)
{
	ADD(runs, 1);
	while (!LOAD(may_go))
		stint_thread_yield();
	nested = stint_once_run(&o, waits_to_go);
}

static void *runs_it(void *arg)
{
	CHECK_INT(stint_once_run(&o, waits_to_go), ==, 0);
	CHECK(LOAD(may_go));
	return arg;
}

static void runs_once(enum kind first)
{
	struct actor a[ACTORS];

	fresh();
	start_sliced(&a[0], first, runs_it, NULL, STINT_MS(1));
	AWAIT(LOAD(runs) == 1);
	for (int i = 1; i < ACTORS; i++) {
		start(&a[i], (enum kind)(i % KINDS), runs_it, NULL);
		AWAIT(LOAD(o.waiters.n) == (unsigned)i);
	}
	CHECK_INT(stint_once_run_timed(&o, waits_to_go, STINT_MS(2)), ==, ETIMEDOUT);
	CHECK_INT(stint_once_run_timed(&o, waits_to_go, 0), ==, ETIMEDOUT);
	STORE(may_go, 1);
	for (int i = 0; i < ACTORS; i++)
		finish(&a[i]);
	CHECK_INT(runs, ==, 1);
	CHECK_INT(nested, ==, EDEADLK);
	CHECK_INT(stint_once_run_timed(&o, waits_to_go, 0), ==, 0);
	CHECK_INT(runs, ==, 1);
}

/* somebody waits when it is cancelled, or comes later */
static void runner_is_cancelled(enum kind kind, bool waited)
{
	struct actor a;
	stint_t *call;

	fresh();
	call = stint_launch(runs_it, NULL, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	RESUME_UNTIL(call, LOAD(runs) == 1);
	if (waited) {
		start(&a, kind, runs_it, NULL);
		AWAIT(LOAD(o.waiters.n) == 1);
	}
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	if (!waited)
		start(&a, kind, runs_it, NULL);
	AWAIT(LOAD(runs) == 2);
	STORE(may_go, 1);
	finish(&a);
	CHECK_INT(runs, ==, 2);
	CHECK_INT(stint_once_run_timed(&o, waits_to_go, 0), ==, 0);
	CHECK_INT(runs, ==, 2);
}

/* stopped in the function, it goes on there */
static void runner_is_stopped(void)
{
	stint_t *call;

	fresh();
	call = stint_launch(runs_it, &call, STINT_MS(1));
	CHECK(call);
	RESUME_UNTIL(call, LOAD(runs) == 1);
	CHECK_INT(stint_once_run_timed(&o, waits_to_go, STINT_MS(1)), ==, ETIMEDOUT);
	STORE(may_go, 1);
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	CHECK(stint_result(call) == &call);
	stint_free(call);
	CHECK_INT(runs, ==, 1);
}

static stint_sem_t never = STINT_SEM_INIT(0);

static void waits_for_ever(void)
{
	ADD(runs, 1);
	stint_sem_wait(&never);
}

static void *runs_for_ever(void *arg)
{
	stint_once_run(&o, waits_for_ever);
	return arg;
}

/* parked in the function when it is cancelled */
static void runner_is_parked(void)
{
	stint_t *call;

	fresh();
	call = stint_launch(runs_for_ever, NULL, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	RESUME_UNTIL(call, LOAD(runs) == 1);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK_INT(stint_sem_destroy(&never), ==, 0);
	STORE(may_go, 1);
	CHECK_INT(stint_once_run(&o, waits_to_go), ==, 0);
	CHECK_INT(runs, ==, 2);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	for (int kind = 0; kind < KINDS; kind++) {
		runs_once((enum kind)kind);
		runner_is_cancelled((enum kind)kind, true);
		runner_is_cancelled((enum kind)kind, false);
	}
	runner_is_stopped();
	runner_is_parked();
	return 0;
}
