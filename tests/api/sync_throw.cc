/*
 * sync_throw.cc - an exception that leaves the function of a once: it has not been run, and is run by the next
 */
#include "../test.h"

#include <stint.h>

static stint_once_t once = STINT_ONCE_INIT;
static int runs;

static void throws_first()
{
	if (++runs < 3)
		throw runs;
}

static void *tries(void *arg)
{
	int caught = 0;

	try {
		CHECK_INT(stint_once_run(&once, throws_first), ==, 0);
	} catch (int n) {
		caught = n;
	}
	CHECK_INT(caught, ==, runs < 3 ? runs : 0);
	return arg;
}

int main()
{
	stint_thread_t *t;
	stint_t *call;

	test_watchdog();
	CHECK(!stint_unsupported());
	CHECK_INT(stint_thread_create(&t, NULL, tries, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(runs, ==, 1);
	call = stint_launch(tries, &call, STINT_FOREVER);
	CHECK(call);
	CHECK(stint_result(call) == &call);
	stint_free(call);
	CHECK_INT(runs, ==, 2);
	tries(NULL);
	CHECK_INT(runs, ==, 3);
	tries(NULL);
	CHECK_INT(runs, ==, 3);
	return 0;
}
