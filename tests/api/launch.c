/*
 * launch.c - a call runs its function with its argument and hands over what it returned
 */
#include "../test.h"

#include <stint.h>

static int runs;

static void *add_one(void *arg)
{
	runs++;
	CHECK(stint_self());
	CHECK_INT(stint_state(stint_self()), ==, STINT_RUNNING);
	CHECK(!stint_is_complete(stint_self()));
	return (char *)arg + 1;
}

static void *fails_inside(void *arg)
{
	errno = ENOENT;
	return arg;
}

static void completes(stint_ns timeout)
{
	char bytes[2];
	stint_t *s = stint_launch(add_one, bytes, timeout);

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	CHECK(stint_is_complete(s));
	CHECK(stint_result(s) == bytes + 1);
	CHECK(!stint_self());
	stint_free(s);
}

/* In quick succession, with a deadline that the lazily armed timer meets again and again. It may pass in a call, if the
 * machine is busy; never before it is due. */
static void many_with_deadline(stint_ns timeout)
{
	for (int i = 0; i < 200000; i++) {
		char bytes[2];
		int64_t start = now_ns();
		stint_t *s = stint_launch(add_one, bytes, timeout);

		CHECK(s);
		if (stint_state(s) == STINT_TIMED_OUT) {
			CHECK_INT(now_ns() - start, >=, timeout);
			CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
		}
		CHECK(stint_result(s) == bytes + 1);
		stint_free(s);
	}
}

static void made_not_started(void)
{
	char bytes[2];
	stint_t *s;

	runs = 0;
	s = stint_launch(add_one, bytes, 0);
	CHECK(s);
	CHECK_INT(runs, ==, 0);
	CHECK_INT(stint_state(s), ==, STINT_READY);
	CHECK(!stint_result(s));
	CHECK_INT(stint_resume(s, 0), ==, ETIMEDOUT);
	CHECK_INT(runs, ==, 0);
	CHECK_INT(stint_resume(s, STINT_S(10)), ==, 0);
	CHECK_INT(runs, ==, 1);
	CHECK(stint_result(s) == bytes + 1);
	stint_free(s);

	s = stint_launch(add_one, bytes, 0);
	CHECK(s);
	stint_free(s);
	CHECK_INT(runs, ==, 1);
}

static void named(void)
{
	struct stint_attr attr = { .size = sizeof(attr), .name = "a name much longer than the thirty-one bytes kept" };
	char bytes[2];
	stint_t *s = stint_launch_with(&attr, add_one, bytes, STINT_FOREVER);

	CHECK(s);
	CHECK(stint_result(s) == bytes + 1);
	stint_free(s);

	s = stint_launch_with(NULL, add_one, bytes, STINT_FOREVER);
	CHECK(s);
	CHECK(stint_result(s) == bytes + 1);
	stint_free(s);
}

static void errno_is_left_alone(void)
{
	stint_t *s;

	errno = 1234;
	s = stint_launch(fails_inside, NULL, STINT_S(10));
	CHECK(s);
	CHECK_INT(errno, ==, 1234);
	stint_free(s);
	CHECK_INT(errno, ==, 1234);
}

int main(void)
{
	test_watchdog();
	CHECK_STR(stint_version(), STINT_VERSION);
	CHECK_STR(stint_unsupported() ? stint_unsupported() : "supported", "supported");
	CHECK(!stint_self());

	completes(STINT_S(10));
	completes(STINT_FOREVER);
	many_with_deadline(STINT_MS(5));
	many_with_deadline(STINT_US(100));
	made_not_started();
	named();
	errno_is_left_alone();
	return 0;
}
