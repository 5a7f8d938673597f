/*
 * bulk.c - a memset or memcpy of a quarter of a gigabyte is stopped in the middle, libc or not
 */
#include "../test.h"

#include <stint.h>

#define SIZE ((size_t)256 << 20)

static char *from, *to;
static volatile int finished;

static void *sets(void *arg)
{
	memset(to, *(char *)arg, SIZE);
	finished++;
	return to;
}

static void *copies(void *arg)
{
	memcpy(to, from, SIZE);
	finished++;
	return arg;
}

static void *searches(void *arg)
{
	CHECK(!memchr(from, 'y', SIZE));
	finished++;
	return arg;
}

static void stopped_within(stint_fn *fn, const char *what)
{
	char c = 'c';
	int stops = 1;
	stint_t *s;

	finished = 0;
	s = stint_launch(fn, &c, STINT_US(500));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(finished, ==, 0);
	while (stint_resume(s, STINT_US(500)) == ETIMEDOUT)
		stops++;
	CHECK_INT(finished, ==, 1);
	CHECK(stint_is_complete(s));
	stint_free(s);
	printf("%s: %d stops\n", what, stops);
	CHECK_INT(stops, >=, 3);
}

int main(void)
{
	test_watchdog();
#ifdef __SANITIZE_ADDRESS__
	test_skip("memset is the sanitizer's, in which a call is not stopped");
#endif
	from = malloc(SIZE);
	to = malloc(SIZE);
	if (!from || !to)
		test_skip("not enough memory");
	for (size_t i = 0; i < SIZE; i++)
		from[i] = 'a' + i % 23;
	memset(to, 1, SIZE);

	stopped_within(sets, "memset");
	for (size_t i = 0; i < SIZE; i++)
		CHECK_INT(to[i], ==, 'c');
	stopped_within(copies, "memcpy");
	CHECK(!memcmp(from, to, SIZE));
	stopped_within(searches, "memchr");
	return 0;
}
