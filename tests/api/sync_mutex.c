/*
 * sync_mutex.c - mutual exclusion between whoever there is: in order, handed over, given up in time, left
 * usable by a cancel
 */
#include "actors.h"

#define ACTORS 9
#define ROUNDS 3000

static stint_mutex_t m = STINT_MUTEX_INIT;
static unsigned queued(void)
{
	return LOAD(m.waiters.n);
}

/* --- nobody else meanwhile --------------------------------------------------------------------- */

static volatile long counter;
static bool within;

static void *counts(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_INT(stint_mutex_lock(&m), ==, 0);
		CHECK(!within);
		within = true;
		counter = counter + 1;
		if (i % 100 == 0)
			stint_thread_yield();
		within = false;
		CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	}
	return arg;
}

static void excludes(void)
{
	struct actor a[ACTORS];

	counter = 0;
	for (int i = 0; i < ACTORS; i++)
		start_sliced(&a[i], (enum kind)(i % KINDS), counts, NULL, STINT_US(300));
	for (int i = 0; i < ACTORS; i++)
		finish(&a[i]);
	CHECK_INT(counter, ==, (long)ACTORS * ROUNDS);
	CHECK_INT(m.owner, ==, 0);
	CHECK_INT(queued(), ==, 0);
}

/* --- first come, first served ------------------------------------------------------------------ */

static int order[ACTORS], ordered;

static void *takes_turn(void *arg)
{
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	order[ordered++] = (int)(intptr_t)arg;
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	return arg;
}

static void keeps_order(void)
{
	struct actor a[ACTORS];

	ordered = 0;
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	for (int i = 0; i < ACTORS; i++) {
		start(&a[i], (enum kind)(i % KINDS), takes_turn, (void *)(intptr_t)i);
		AWAIT(queued() == (unsigned)i + 1);
	}
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	for (int i = 0; i < ACTORS; i++)
		CHECK(finish(&a[i]) == (void *)(intptr_t)i);
	for (int i = 0; i < ACTORS; i++)
		CHECK_INT(order[i], ==, i);
}

static int may_go;

static void *takes_and_keeps(void *arg)
{
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	while (!LOAD(may_go))
		stint_thread_yield();
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	return arg;
}

/* whoever has waited has it at the moment of unlock: nobody comes in between */
static void hands_over(enum kind kind)
{
	struct actor a;

	STORE(may_go, 0);
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	start(&a, kind, takes_and_keeps, NULL);
	AWAIT(queued() == 1);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	CHECK_INT(stint_mutex_trylock(&m), ==, EBUSY);
	CHECK_INT(stint_mutex_unlock(&m), ==, EPERM);
	CHECK_INT(stint_mutex_lock_timed(&m, STINT_MS(2)), ==, ETIMEDOUT);
	STORE(may_go, 1);
	finish(&a);
	CHECK_INT(stint_mutex_trylock(&m), ==, 0);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
}

/* --- in time ----------------------------------------------------------------------------------- */

static int given_up;

static void *gives_up(void *arg)
{
	int64_t before = now_ns();

	CHECK_INT(stint_mutex_lock_timed(&m, STINT_MS(20)), ==, ETIMEDOUT);
	CHECK_INT(now_ns() - before, >=, STINT_MS(20));
	CHECK_INT(stint_mutex_unlock(&m), ==, EPERM);
	STORE(given_up, 1);
	return arg;
}

/* one that gives up leaves the others in their order, and nothing behind */
static void times_out(enum kind kind)
{
	struct actor a[3];

	ordered = 0;
	STORE(given_up, 0);
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	start(&a[0], KERNEL, takes_turn, (void *)0);
	AWAIT(queued() == 1);
	start_sliced(&a[1], kind, gives_up, NULL, STINT_MS(3));
	AWAIT(queued() == 2 || LOAD(given_up));         /* on a slow machine its time is over before that is seen */
	start(&a[2], CALL, takes_turn, (void *)2);
	AWAIT(queued() == 3 || LOAD(given_up));
	finish(&a[1]);
	AWAIT(queued() == 2);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	finish(&a[0]);
	finish(&a[2]);
	CHECK_INT(order[0], ==, 0);
	CHECK_INT(order[1], ==, 2);

	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	start(&a[1], kind, gives_up, NULL);
	finish(&a[1]);
	CHECK(m.owner && !(m.owner & 1));       /* unlocked at once again */
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	CHECK_INT(m.owner, ==, 0);
}

/* --- calls ------------------------------------------------------------------------------------- */

static volatile int deferred;
static bool cleaned;

static void cleans(void *arg)
{
	cleaned = arg == &m;
}

static void *waits(void *arg)
{
	CHECK_INT(stint_defer(cleans, &m), ==, 0);
	deferred = 1;
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	return arg;
}

/* what its own caller holds: it is stopped at its deadline, again and again, and goes on when it can */
static void call_is_stopped(void)
{
	stint_t *call;

	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	call = stint_launch(waits, &call, STINT_MS(1));
	CHECK(call);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
		CHECK_INT(queued(), ==, 0);
		CHECK_INT(stint_resume(call, STINT_MS(1)), ==, ETIMEDOUT);
	}
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	CHECK_INT(m.owner, ==, 0);
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	CHECK(stint_result(call) == &call);
	CHECK(!cleaned);
	stint_free(call);
}

static void call_is_cancelled(void)
{
	stint_t *call;

	deferred = 0;
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	call = stint_launch(waits, NULL, STINT_MS(1));
	CHECK(call);
	RESUME_UNTIL(call, deferred);
	CHECK_INT(stint_cancel(call), ==, 0);
	CHECK(cleaned);
	CHECK_INT(queued(), ==, 0);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	CHECK_INT(m.owner, ==, 0);
	stint_free(call);
}

static void *waits_in_time(void *arg)
{
	return (void *)(intptr_t)stint_mutex_lock_timed(arg, STINT_MS(20));
}

/* its own deadline is a point in time, wherever it is then */
static void call_times_out_while_stopped(void)
{
	stint_t *call;

	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	while ((call = stint_launch(waits_in_time, &m, STINT_MS(5))) && stint_is_complete(call))
		stint_free(call);               /* both times were over when it was looked at */
	CHECK(call);
	sleep_ns(STINT_MS(20));
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	CHECK_INT((intptr_t)stint_result(call), ==, ETIMEDOUT);
	stint_free(call);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
}

static void *holds_and_nests(void *arg)
{
	stint_t *call;

	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	call = stint_launch(waits_in_time, &m, STINT_FOREVER);
	CHECK(call);
	CHECK_INT((intptr_t)stint_result(call), ==, ETIMEDOUT);
	stint_free(call);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	return arg;
}

/* the owner is the innermost call: one in it is somebody else */
static void nested_call_is_another(enum kind kind)
{
	struct actor a;

	start(&a, kind, holds_and_nests, NULL);
	finish(&a);
}

static volatile int is_disabled;

static void *disabled(void *arg)
{
	int r;

	stint_preempt_disable();
	is_disabled = 1;
	r = stint_mutex_lock_timed(arg, STINT_MS(20));
	stint_preempt_enable();
	return (void *)(intptr_t)r;
}

/* a call that must not be stopped waits past its deadline */
static void disabled_call_waits(void)
{
	stint_t *call;

	CHECK_INT(stint_mutex_lock(&m), ==, 0);
	call = stint_launch(disabled, &m, STINT_MS(2));
	CHECK(call);
	RESUME_UNTIL(call, is_disabled);
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
	if (!stint_is_complete(call))           /* stopped where it enabled preemption again */
		CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	CHECK_INT((intptr_t)stint_result(call), ==, ETIMEDOUT);
	stint_free(call);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	excludes();
	keeps_order();
	for (int kind = 0; kind < KINDS; kind++) {
		hands_over((enum kind)kind);
		times_out((enum kind)kind);
		nested_call_is_another((enum kind)kind);
	}
	call_is_stopped();
	call_is_cancelled();
	call_times_out_while_stopped();
	disabled_call_waits();
	CHECK_INT(stint_mutex_destroy(&m), ==, 0);
	return 0;
}
