/*
 * stacks.c - a call gets the stack that it asked for, all of it, and idle stacks do not add up
 */
#include "../test.h"

#include <alloca.h>

#include <stint.h>

/* what the frames below and a stop in them need besides */
#define MARGIN (20 << 10)

static void *fills(void *arg)
{
	size_t size = *(size_t *)arg;
	volatile char *p = alloca(size);

	for (size_t i = size; i-- > 0; )
		p[i] = (char)(i * 31);
	stint_pause();
	for (size_t i = 0; i < size; i++)
		CHECK_INT(p[i], ==, (char)(i * 31));
	return arg;
}

static void sized(size_t stack_size)
{
	struct stint_attr attr = { .size = sizeof(attr), .stack_size = stack_size };
	struct stint_usage usage;
	size_t use;
	stint_t *s;

	use = (stack_size ? stack_size : 64 << 10) - MARGIN;
	s = stint_launch_with(&attr, fills, &use, STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_usage(s, &usage), ==, 0);
	CHECK_INT(usage.stack_bytes, >=, stack_size ? stack_size : 64 << 10);
	CHECK_INT((uintptr_t)s % 16, ==, 0);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

/* the smallest is good for something: it runs, is stopped, and resumed */
static volatile int leave;

static void *loop(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void smallest(void)
{
	struct stint_attr attr = { .size = sizeof(attr), .stack_size = 16 << 10 };
	stint_t *s = stint_launch_with(&attr, loop, NULL, STINT_US(200));

	leave = false;
	CHECK(s);
	for (int i = 0; i < 100; i++)
		CHECK_INT(stint_resume(s, STINT_US(200)), ==, ETIMEDOUT);
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

/* sizes mixed, many at a time, again and again: slots of one size are not handed out as another */
static void mixed(void)
{
	enum { N = 40 };
	size_t uses[N];
	stint_t *s[N];

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < N; i++) {
			struct stint_attr attr = { .size = sizeof(attr), .stack_size = (size_t)(32 << 10) << (i % 6) };

			uses[i] = attr.stack_size - MARGIN;
			s[i] = stint_launch_with(&attr, fills, &uses[i], STINT_S(100));
			CHECK(s[i]);
		}
		for (int i = 0; i < N; i++)
			if ((i + round) % 3)
				CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, 0);
		for (int i = 0; i < N; i++)
			stint_free(s[i]);
	}
}

int main(void)
{
	test_watchdog();
	sized(0);
	sized(32 << 10);
	sized(100001);
	sized(1 << 20);
	sized(64 << 20);
	for (int i = 0; i < 10; i++)
		sized(256 << 20);
	smallest();
	mixed();
	return 0;
}
