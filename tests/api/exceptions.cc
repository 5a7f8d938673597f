/*
 * exceptions.cc - C++ exceptions thrown and caught in a call that is stopped at random instants, while the
 * caller and a second call throw theirs
 */
#include "../test.h"

#include <pthread.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <stint.h>

static int alive;

struct counted {
	int n;

	explicit counted(int n_) : n(n_)
	{
		__atomic_fetch_add(&alive, 1, __ATOMIC_RELAXED);
	}
	~counted()
	{
		__atomic_fetch_sub(&alive, 1, __ATOMIC_RELAXED);
	}
	counted(const counted &) = delete;
	counted &operator=(const counted &) = delete;
};

static int descend(int depth, int value)
{
	counted guard(depth);
	std::vector<int> filler(depth + 1, value);

	if (depth == 0)
		throw std::runtime_error("thrown " + std::to_string(value));
	return descend(depth - 1, value) + filler[0];
}

static void throw_and_catch(int value)
{
	bool caught = false;

	try {
		descend(value % 7, value);
	} catch (const std::runtime_error &e) {
		caught = true;
		CHECK(e.what() == "thrown " + std::to_string(value));
		CHECK(std::uncaught_exceptions() == 0);
		CHECK(std::current_exception());
		/* another one within the handler */
		try {
			throw value;
		} catch (int got) {
			CHECK_INT(got, ==, value);
		}
	}
	CHECK(caught);
	CHECK(!std::current_exception());
}

static volatile long thrown[2];
static volatile int leave;

static void *throws(void *arg)
{
	int which = *static_cast<int *>(arg);

	while (!leave) {
		throw_and_catch(which * 1000 + thrown[which] % 1000);
		thrown[which] = thrown[which] + 1;
	}
	return arg;
}

/* an exception in flight while the call is paused in the handler does not show up in the caller */
static void *pauses_in_handler(void *arg)
{
	try {
		throw 17;
	} catch (int got) {
		CHECK_INT(got, ==, 17);
		stint_pause();
		CHECK(std::current_exception());
		CHECK_INT(got, ==, 17);
		try {
			throw;
		} catch (int again) {
			CHECK_INT(again, ==, 17);
		}
	}
	return arg;
}

static void paused_in_handler()
{
	stint_t *s = stint_launch(pauses_in_handler, &alive, STINT_S(100));

	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK(!std::current_exception());
	throw_and_catch(5);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

/* pthread_exit() ends the call, and leaves its frames as it does a thread's */
static int passed;

static void ends_deep(int depth)
{
	counted guard(depth);

	try {
		if (depth == 0 && alive)
			pthread_exit(&passed);
		if (depth)
			ends_deep(depth - 1);
	} catch (...) {
		passed++;
		throw;
	}
}

static void *ends(void *arg)
{
	counted guard(1);

	ends_deep(5);
	return arg;
}

static void ended_by_exit()
{
	stint_t *s;

	passed = 0;
	s = stint_launch(ends, NULL, STINT_S(100));
	CHECK(s);
	CHECK(stint_is_complete(s));
	CHECK(stint_result(s) == &passed);
	CHECK_INT(passed, ==, 6);
	CHECK_INT(alive, ==, 0);
	stint_free(s);
}

int main()
{
	int numbers[2] = { 0, 1 };
	stint_t *s[2];
	rng r;

	test_watchdog();
	rng_seed(&r, test_seed());
	paused_in_handler();
	ended_by_exit();
	for (int i = 0; i < 2; i++) {
		s[i] = stint_launch(throws, &numbers[i], STINT_US(100));
		CHECK(s[i]);
		CHECK_INT(stint_state(s[i]), ==, STINT_TIMED_OUT);
	}
	for (int i = 0; i < 10000 || thrown[0] < 10 || thrown[1] < 10; i++) {
		CHECK_INT(stint_resume(s[rng_below(&r, 2)], STINT_US(1 + rng_below(&r, 100))), ==, ETIMEDOUT);
		if (i % 4 == 0)
			throw_and_catch(2000 + i % 1000);
	}
	leave = true;
	for (int i = 0; i < 2; i++) {
		CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, 0);
		CHECK(stint_result(s[i]) == &numbers[i]);
		stint_free(s[i]);
	}
	CHECK_INT(alive, ==, 0);
	return 0;
}
