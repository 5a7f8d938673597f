/*
 * late.c - what is loaded after sets were made reaches the copies as well: a module of the program's, one that a call loads, and
 * a library that the program does not know before
 */
#include "../test.h"

#include <dlfcn.h>

#include "fickle.h"
#include "in_set.h"

static int (*plugin_next)(void);
static fickle_fn *(*plugin_address)(void);

static void *load(void *arg)
{
	void *h = dlopen(arg, RTLD_LAZY);

	if (!h)
		test_fail(__FILE__, __LINE__, "%s", dlerror());
	*(void **)&plugin_next = dlsym(h, "plugin_next");
	*(void **)&plugin_address = dlsym(h, "plugin_address");
	CHECK(plugin_next && plugin_address);
	return h;
}

static void *next_by_plugin(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)plugin_next();
}

static void *next(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)fickle_next();
}

static void *load_and_call(void *arg)
{
	void *h = load(arg);

	CHECK_INT(plugin_next(), ==, fickle_get());
	CHECK(plugin_address() == fickle_address());
	dlclose(h);
	return NULL;
}

static void modules(void)
{
	stint_libset_t *set = open_set();
	void *h = load(PLUGIN);
	int before = fickle_get();

	CHECK_INT((intptr_t)in_set(set, next, NULL), ==, 1);
	CHECK_INT((intptr_t)in_set(set, next_by_plugin, NULL), ==, 2);
	CHECK_INT(plugin_next(), ==, before + 1);
	CHECK(plugin_address() == fickle_address());
	CHECK_INT(dlclose(h), ==, 0);
	in_set(set, load_and_call, PLUGIN);
	CHECK_INT((intptr_t)in_set(set, next, NULL), ==, 4);
	CHECK_INT(fickle_get(), ==, before + 1);
	CHECK_INT(stint_libset_close(set), ==, 0);
}

/* functions that are looked up by name lead to the caller's set, and are the same as those that are linked */
static fickle_fn *found;

static void *call_found(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)found();
}

static void looking_up(void)
{
	stint_libset_t *set = open_set();
	void *h = dlopen(FICKLE, RTLD_LAZY);
	fickle_fn **functions;
	int before = fickle_get();

	CHECK(h);
	*(void **)&found = dlsym(h, "fickle_next");
	CHECK(found == fickle_next);
	CHECK(found == fickle_address());
	CHECK(dlsym(RTLD_DEFAULT, "fickle_next") == (void *)fickle_next);
	CHECK_INT((intptr_t)in_set(set, call_found, NULL), ==, 1);
	CHECK_INT((intptr_t)in_set(set, next, NULL), ==, 2);
	CHECK_INT(found(), ==, before + 1);
	*(void **)&found = dlsym(h, "fickle_call_with");        /* nobody has called it yet */
	CHECK(found);
	*(void **)&found = dlsym(h, "fickle_chosen");
	CHECK_INT((intptr_t)in_set(set, call_found, NULL), ==, 4713);

	/* the rest is as ever */
	functions = dlsym(h, "fickle_functions");
	CHECK(functions && functions[0] == fickle_next && functions[1] == fickle_get);
	CHECK(dlsym(RTLD_DEFAULT, "malloc") == (void *)malloc);
	CHECK(dlsym(RTLD_NEXT, "malloc"));
	CHECK(!dlsym(RTLD_NEXT, "main"));
	CHECK(!dlsym(h, "fickle_nothing"));
	CHECK(strstr(dlerror(), "fickle_nothing"));
	CHECK_INT(dlclose(h), ==, 0);
	CHECK_INT(stint_libset_close(set), ==, 0);
}

/* a library that the program is not linked with, loaded by the set, or before it, and called by pointers only */
static int (*other_next)(void);

static void *call_other(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)other_next();
}

static void unknown_library(void)
{
	static const char *const name[] = { "libgrain2.so" };
	stint_libset_t *set = open_named(name, 1, 0);
	void *h = dlopen(name[0], RTLD_LAZY | RTLD_NOLOAD);

	CHECK(h);
	*(void **)&other_next = dlsym(h, "grain_next");
	CHECK(other_next);
	CHECK_INT((intptr_t)in_set(set, call_other, NULL), ==, 101);
	CHECK_INT((intptr_t)in_set(set, call_other, NULL), ==, 102);
	CHECK_INT(other_next(), ==, 101);
	CHECK_INT(stint_libset_close(set), ==, 0);
	CHECK_INT(other_next(), ==, 102);
	CHECK_INT(dlclose(h), ==, 0);
	CHECK_INT(other_next(), ==, 103);       /* a library that was named once stays */
}

/* a constructor that ld.so runs cannot open a set, or two threads might wait for each other */
static void too_early(void)
{
	void *h = dlopen(EAGER, RTLD_NOW);
	const int *error = h ? dlsym(h, "eager_error") : NULL;

	if (!error)
		test_fail(__FILE__, __LINE__, "%s", dlerror());
	CHECK_INT(*error, ==, EDEADLK);
	CHECK_INT(dlclose(h), ==, 0);
}

/* with the stack that calls have, unless they ask for another */
static void *open_and_close(void *arg)
{
	stint_libset_t *set = open_set();

	CHECK_INT(stint_libset_reset(set), ==, 0);
	CHECK_INT(stint_libset_close(set), ==, 0);
	return arg;
}

static void on_a_small_stack(void)
{
	stint_t *call = stint_launch(open_and_close, NULL, STINT_FOREVER);

	CHECK(call && stint_is_complete(call));
	stint_free(call);
}

int main(void)
{
	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	on_a_small_stack();
	too_early();
	modules();
	looking_up();
	unknown_library();
	return 0;
}
