/*
 * thread_local.cc - C++ thread_local objects of a call: constructed in it, destroyed with it
 */
#include "../test.h"

#include <string>

#include <stint.h>

static int constructed, destroyed;

struct tracked {
	std::string text;

	tracked() : text("initial, and long enough not to be stored in place")
	{
		constructed++;
	}
	~tracked()
	{
		destroyed++;
	}
};

static thread_local tracked object;

static void *uses(void *arg)
{
	CHECK_STR(object.text.c_str(), "initial, and long enough not to be stored in place");
	object.text = "changed, and also long enough not to be stored in place";
	if (arg)
		stint_pause();
	CHECK_STR(object.text.c_str(), "changed, and also long enough not to be stored in place");
	return arg;
}

int main()
{
	static char token;

	test_watchdog();
	for (int i = 1; i <= 1000; i++) {
		stint_t *s = stint_launch(uses, i % 2 ? &token : nullptr, STINT_S(100));

		CHECK(s);
		CHECK_INT(constructed, ==, i);
		if (i % 2) {
			CHECK_INT(destroyed, ==, i - 1);
			if (i % 4 == 1)
				CHECK_INT(stint_cancel(s), ==, 0);
			else
				CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
		}
		CHECK_INT(destroyed, ==, i);
		stint_free(s);
		CHECK_INT(destroyed, ==, i);
	}
	return 0;
}
