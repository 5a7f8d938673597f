/*
 * large_variables.c - a program whose thread variables are larger than a usual stack: calls, threads and forked children have theirs
 */
#include "../test.h"

#include <stint.h>

#define LARGE 1000000

static __thread char large[LARGE];

static bool is(char c)
{
	for (size_t i = 0; i < LARGE; i++)
		if (large[i] != c)
			return false;
	return true;
}

static void *fills(void *arg)
{
	CHECK(is(0));
	memset(large, *(char *)arg, sizeof(large));
	stint_thread_yield();
	CHECK(is(*(char *)arg));
	return arg;
}

static void both(void)
{
	char a = 'a', b = 'b';
	stint_thread_t *t;
	stint_t *s;

	s = stint_launch(fills, &a, STINT_FOREVER);
	CHECK(s && stint_state(s) == STINT_COMPLETE);
	stint_free(s);
	CHECK_INT(stint_thread_create(&t, NULL, fills, &b), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
}

int main(void)
{
	pid_t pid;

	test_watchdog();
	CHECK(!stint_unsupported());
	memset(large, 'm', sizeof(large));
	both();
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		both();
		_exit(0);
	}
	CHECK_EXIT(pid, 0);
	CHECK(is('m'));
	return 0;
}
