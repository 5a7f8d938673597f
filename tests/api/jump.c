/*
 * jump.c - setjmp and longjmp inside a call that is stopped at random instants
 */
#include "../test.h"

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
	return 0;
}
