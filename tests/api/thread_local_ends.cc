// thread_local_ends.cc - objects of a thread are destroyed at its end, on the thread: returned or cancelled; exceptions pass within it
#include "../test.h"

#include <stdexcept>
#include <string>

#include <stint.h>

namespace {

int made, destroyed;

struct counted {
	std::string text;
	explicit counted(const char *t) : text(t) { __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED); }
	~counted()
	{
		CHECK(text == "a text that is too long to lie in the string object itself");
		stint_thread_yield();           // it may wait
		stint_thread_sleep(STINT_US(50));
		__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
	}
};

thread_local counted mine("a text that is too long to lie in the string object itself");
int begun;

void *uses(void *arg)
{
	CHECK(mine.text.size() > 20);
	return arg;
}

void *uses_and_loops(void *arg)
{
	CHECK(mine.text.size() > 20);
	__atomic_fetch_add(&begun, 1, __ATOMIC_RELEASE);
	for (;;)
		stint_thread_sleep(arg ? STINT_FOREVER : STINT_US(20));
	return arg;
}

void *throws(void *arg)
{
	for (int i = 0; i < 30; i++) {
		bool caught = false;

		try {
			counted local("a text that is too long to lie in the string object itself");

			stint_thread_yield();
			throw std::runtime_error(std::to_string(i));
		} catch (const std::exception &e) {
			stint_thread_sleep(STINT_US(30));       // with the exception in flight, and others in theirs
			CHECK(e.what() == std::to_string(i));
			caught = true;
		}
		CHECK(caught);
	}
	return arg;
}

} // namespace

int main()
{
	stint_config config = {};
	stint_thread_t *t[20];

	test_watchdog();
	config.size = sizeof(config);
	config.workers = 3;
	config.quantum = STINT_US(200);
	CHECK_INT(stint_start(&config), ==, 0);
	for (auto &x : t)
		CHECK_INT(stint_thread_create(&x, nullptr, uses, &t), ==, 0);
	for (auto x : t)
		CHECK_INT(stint_thread_join(x, nullptr), ==, 0);
	CHECK_INT(made, ==, 20);
	CHECK_INT(destroyed, ==, 20);

	for (int i = 0; i < 20; i++)
		CHECK_INT(stint_thread_create(&t[i], nullptr, uses_and_loops, i % 2 ? &t : nullptr), ==, 0);
	while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) < 20)
		sleep_ns(100000);
	for (auto x : t)
		CHECK_INT(stint_thread_cancel(x), ==, 0);
	for (auto x : t)
		CHECK_INT(stint_thread_join(x, nullptr), ==, 0);
	CHECK_INT(made, ==, 40);
	CHECK_INT(destroyed, ==, 40);

	for (auto &x : t)
		CHECK_INT(stint_thread_create(&x, nullptr, throws, nullptr), ==, 0);
	for (auto x : t)
		CHECK_INT(stint_thread_join(x, nullptr), ==, 0);
	CHECK_INT(made, ==, destroyed);
	return 0;
}
