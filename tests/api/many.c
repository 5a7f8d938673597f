/*
 * many.c - a hundred thousand calls unfinished at once, each of which goes on where it was
 *
 * STINT_TEST_COUNT sets another number.
 */
#include "../test.h"

#include <stint.h>

#define EVERY_NTH_LOOPS 100     /* stopped by the clock instead of pausing */

static bool leave;

static void *runs(void *arg)
{
	long number = (long)(intptr_t)arg;
	volatile long local = number * 3;
	char text[32];

	snprintf(text, sizeof(text), "%ld", number);
	if (number % EVERY_NTH_LOOPS == 0)
		while (!__atomic_load_n(&leave, __ATOMIC_RELAXED))
			;
	else
		stint_pause();
	CHECK_INT(local, ==, number * 3);
	local++;
	stint_pause();
	CHECK_INT(local, ==, number * 3 + 1);
	CHECK_INT(atol(text), ==, number);
	return (void *)(intptr_t)(number + 1);
}

static void check_all(stint_t **s, long n)
{
	for (long i = 0; i < n; i++) {
		bool loops = i % EVERY_NTH_LOOPS == 0;

		s[i] = stint_launch(runs, (void *)(intptr_t)i, loops ? STINT_US(20) : STINT_S(100));
		if (!s[i])
			test_fail(__FILE__, __LINE__, "call %ld: %s", i, strerror(errno));
		CHECK_INT(stint_state(s[i]), ==, loops ? STINT_TIMED_OUT : STINT_PAUSED);
	}
	leave = true;
	/* not in the order they were made */
	for (long i = 0; i < n; i++) {
		long at = (i * 7919) % n;

		CHECK_INT(stint_resume(s[at], STINT_S(100)), ==, EAGAIN);
		CHECK_INT(stint_state(s[at]), ==, STINT_PAUSED);
	}
	for (long i = n - 1; i >= 0; i--) {
		if (i % 3 == 0)
			CHECK_INT(stint_cancel(s[i]), ==, 0);
		else
			CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, 0);
		CHECK(stint_result(s[i]) == (i % 3 ? (void *)(intptr_t)(i + 1) : NULL));
	}
	for (long i = 0; i < n; i++)
		stint_free(s[i]);
	leave = false;
}

int main(void)
{
	const char *text = getenv("STINT_TEST_COUNT");
	long n = text ? atol(text) : 100000;
	stint_t **s;

	test_watchdog();
	if (!text && sysconf(_SC_AVPHYS_PAGES) < 2L * n * 4)
		test_skip("not enough memory free");
	s = calloc(n, sizeof(*s));
	CHECK(s);
	check_all(s, n);
	check_all(s, n / 10);           /* on what the first round left */
	free(s);
	return 0;
}
