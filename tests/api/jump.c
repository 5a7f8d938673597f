/*
 * jump.c - setjmp and longjmp inside a call that is stopped at random instants; jumps out of calls, and calls that end by
 * pthread_exit(), in such a call
 */
#include "../test.h"

#include <pthread.h>
#include <setjmp.h>

#include <stint.h>

static volatile int leave;
static volatile long jumps;

static void __attribute__((noreturn)) back(jmp_buf env, int depth, int value)
{
	volatile char frame[100];

	frame[depth] = 1;
	if (depth == 0)
		longjmp(env, value);
	back(env, depth - 1, value + frame[depth] - 1);
}

static void *jumps_about(void *arg)
{
	jmp_buf env;
	volatile int value = 0;

	while (!leave) {
		volatile long kept = jumps * 3;
		int got;

		value = 1 + jumps % 1000;
		got = setjmp(env);
		if (!got)
			back(env, value % 50, value);
		CHECK_INT(got, ==, value);
		CHECK_INT(kept, ==, jumps * 3);
		jumps++;
	}
	return arg;
}

/* with the signal mask saved and restored */
static void *sigjumps_about(void *arg)
{
	sigjmp_buf env;

	while (!leave) {
		volatile int turn = 0;

		if (sigsetjmp(env, 1) < 5) {
			turn++;
			siglongjmp(env, turn);
		}
		CHECK_INT(turn, ==, 5);
		jumps++;
	}
	return arg;
}

static int undone;

static void undo(void *arg)
{
	(void)arg;
	undone++;
}

static void *leaves(void *arg)
{
	CHECK(malloc(100));
	CHECK_INT(stint_defer(undo, NULL), ==, 0);
	longjmp(arg, 6);
}

/* a call within jumps out of it, to here: at once, or when it is resumed */
static void *left_by_jumps(void *arg)
{
	while (!leave) {
		stint_t *volatile s = NULL;
		int before = undone;
		jmp_buf env;

		if (setjmp(env) == 0) {
			s = stint_launch(leaves, env, jumps % 2 ? STINT_FOREVER : 0);
			stint_resume(s, STINT_FOREVER);
			CHECK(false);
		}
		CHECK_INT(undone, ==, before + 1);
		CHECK(stint_self());
		if (s)
			CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
		stint_free(s);
		jumps++;
	}
	return arg;
}

static void *exits(void *arg)
{
	pthread_cleanup_push(undo, NULL);
	pthread_exit(arg);
	pthread_cleanup_pop(0);
}

static void *left_by_exits(void *arg)
{
	while (!leave) {
		int before = undone;
		stint_t *s = stint_launch(exits, arg, STINT_FOREVER);

		CHECK(stint_result(s) == arg);
		stint_free(s);
		CHECK_INT(undone, ==, before + 1);
		jumps++;
	}
	return arg;
}

static void stop_often(stint_fn *fn, int slices)
{
	jmp_buf mine;
	int64_t end = now_ns() + INT64_C(10000000000);
	struct rng r;
	stint_t *s;

	rng_seed(&r, test_seed());
	leave = false;
	jumps = 0;
	s = stint_launch(fn, (void *)&leave, STINT_US(50));
	CHECK(s);
	for (int i = 0; (i < slices && now_ns() < end) || jumps < 100; i++) {
		CHECK_INT(stint_resume(s, STINT_US(1 + rng_below(&r, 80))), ==, ETIMEDOUT);
		if (!setjmp(mine))
			longjmp(mine, 1);
	}
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK(stint_result(s) == &leave);
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	stop_often(jumps_about, 10000);
	/* most of that is within libc, where a stop has to wait */
	stop_often(sigjumps_about, 500);
	stop_often(left_by_jumps, 3000);
	stop_often(left_by_exits, 1000);
	return 0;
}
