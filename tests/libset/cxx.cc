/*
 * cxx.cc - C++ libraries in sets: objects are constructed for each copy, variables that are unique in a process are the copy's,
 * exceptions pass
 */
#include "../test.h"

#include <stint.h>

#include "classes.h"

static stint_libset_t *open_classes()
{
	static const char *const name[] = { "libclasses.so" };
	static char why[512];
	stint_libset_attr attr = {};
	stint_libset_t *set;

	attr.size = sizeof(attr);
	attr.why = why;
	attr.why_size = sizeof(why);
	set = stint_libset_open_with(&attr, name, 1);
	if (!set)
		test_fail(__FILE__, __LINE__, "%s", why);
	return set;
}

static stint_t *start_in(stint_libset_t *set, stint_fn *fn, void *arg, stint_ns timeout)
{
	stint_attr attr = {};
	stint_t *call;

	attr.size = sizeof(attr);
	attr.libset = set;
	attr.stack_size = 256 * 1024;
	call = stint_launch_with(&attr, fn, arg, timeout);
	CHECK(call);
	return call;
}

static void in_set(stint_libset_t *set, stint_fn *fn, void *arg)
{
	stint_t *call = start_in(set, fn, arg, STINT_FOREVER);

	CHECK(stint_is_complete(call));
	stint_free(call);
}

/* everything begins anew */
static void *use(void *)
{
	char name[80];
	shape *s = classes_square();

	CHECK_INT(classes_began(), ==, 7);
	for (int i = 1; i < 20; i++) {
		snprintf(name, sizeof(name), "number %d, and long enough to be on the heap, not in the object itself", i);
		CHECK_INT(classes_add(name), ==, i);
		CHECK_INT(classes_unique_next(), ==, i);
		CHECK_INT(classes_local_next(), ==, 10 + i);
	}
	CHECK_INT(s->corners(), ==, 4);
	CHECK(dynamic_cast<shape *>(s));
	delete s;
	return nullptr;
}

static void throw_number(void *arg)
{
	throw *static_cast<int *>(arg);
}

static void throw_trouble(void *arg)
{
	classes_throw(*static_cast<int *>(arg));
}

static void *catch_all(void *)
{
	int n = 12, caught = 0;

	try {
		classes_throw(11);
	} catch (const trouble &t) {
		caught = t.number;
	}
	CHECK_INT(caught, ==, 11);
	try {
		classes_call(throw_number, &n);
	} catch (int number) {
		caught = number;
	}
	CHECK_INT(caught, ==, 12);
	n = 13;
	try {
		classes_call(throw_trouble, &n);
	} catch (const trouble &t) {
		caught = t.number;
	}
	CHECK_INT(caught, ==, 13);
	return nullptr;
}

static void *add_for_ever(void *)
{
	for (;;)
		classes_add("a long name, again and again, so that the map and the vector are half changed when time is up");
	return nullptr;
}

int main()
{
	stint_libset_t *set, *other;

	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	set = open_classes();
	other = open_classes();
	in_set(set, use, nullptr);
	use(nullptr);
	in_set(other, use, nullptr);
	in_set(set, catch_all, nullptr);
	catch_all(nullptr);
	CHECK_INT(stint_libset_reset(set), ==, 0);
	in_set(set, use, nullptr);
	CHECK_INT(stint_libset_reset(set), ==, 0);
	for (int i = 0; i < 20; i++) {
		stint_t *call = start_in(set, add_for_ever, nullptr, STINT_US(200));

		CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
		stint_free(call);
		CHECK_INT(stint_libset_reset(set), ==, 0);
		in_set(set, use, nullptr);
		CHECK_INT(stint_libset_reset(set), ==, 0);
	}
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(stint_libset_close(other), ==, 0);
	catch_all(nullptr);
	return 0;
}
