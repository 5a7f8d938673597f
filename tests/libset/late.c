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

int main(void)
{
	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	modules();
	return 0;
}
