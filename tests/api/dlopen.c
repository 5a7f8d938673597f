/*
 * dlopen.c - a library opened while calls exist has its thread-local variables in all of them, whatever the model
 *
 * TEST_MODULES is the directory of the modules built from tls_module.c.
 */
#include "../test.h"

#include <dlfcn.h>

#include <stint.h>

struct module {
	void *handle;
	int *(*value)(void);
	char *(*zeroes)(void);
};

static struct module module;

static void open_module(const char *path)
{
	module.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!module.handle)
		test_fail(__FILE__, __LINE__, "%s", dlerror());
	module.value = (int *(*)(void))dlsym(module.handle, "module_value");
	module.zeroes = (char *(*)(void))dlsym(module.handle, "module_zeroes");
	CHECK(module.value && module.zeroes);
}

static void is_fresh(void)
{
	CHECK_INT(*module.value(), ==, 42);
	for (int i = 0; i < 64; i++)
		CHECK_INT(module.zeroes()[i], ==, 0);
}

static void spoil(int with)
{
	*module.value() = with;
	memset(module.zeroes(), with, 64);
}

static void is_spoiled(int with)
{
	CHECK_INT(*module.value(), ==, with);
	for (int i = 0; i < 64; i++)
		CHECK_INT(module.zeroes()[i], ==, (char)with);
}

static void *waits_and_uses(void *arg)
{
	stint_pause();
	is_fresh();
	spoil(*(int *)arg);
	stint_pause();
	is_spoiled(*(int *)arg);
	return arg;
}

static void *opens_and_uses(void *arg)
{
	open_module(arg);
	is_fresh();
	spoil(7);
	stint_pause();
	is_spoiled(7);
	return arg;
}

/* existing calls, the one that opens it, later ones on pooled identities, and the caller: each has its own */
static void in_all(const char *path)
{
	enum { N = 20 };
	stint_t *s[N], *opener;
	int numbers[N];

	for (int i = 0; i < N; i++) {
		numbers[i] = 50 + i;
		s[i] = stint_launch(waits_and_uses, &numbers[i], STINT_S(100));
		CHECK(s[i]);
	}
	opener = stint_launch(opens_and_uses, (void *)path, STINT_S(100));
	CHECK(opener);
	CHECK_INT(stint_state(opener), ==, STINT_PAUSED);
	is_fresh();
	spoil(99);
	for (int i = 0; i < N; i++)
		CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, EAGAIN);
	for (int i = 0; i < N; i++)
		CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, 0);
	CHECK_INT(stint_resume(opener, STINT_S(100)), ==, 0);
	is_spoiled(99);
	for (int i = 0; i < N; i++)
		stint_free(s[i]);
	stint_free(opener);

	/* their identities are used again, and must be fresh in this library too */
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < N; i++) {
			stint_t *again = stint_launch(waits_and_uses, &numbers[i], STINT_S(100));

			CHECK(again);
			CHECK_INT(stint_resume(again, STINT_S(100)), ==, EAGAIN);
			if (i % 2)
				CHECK_INT(stint_resume(again, STINT_S(100)), ==, 0);
			stint_free(again);
		}
	is_spoiled(99);
}

static volatile int leave;

static void *opens_and_closes(void *arg)
{
	while (!leave) {
		void *handle = dlopen(arg, RTLD_NOW | RTLD_LOCAL);
		int *(*value)(void);

		CHECK(handle);
		value = (int *(*)(void))dlsym(handle, "module_value");
		CHECK(value);
		CHECK(*value() != 0);
		CHECK_INT(dlclose(handle), ==, 0);
	}
	return arg;
}

/* stopped at random instants in there, while the caller does the same: ld.so's lock is free whenever it is stopped */
static void stopped_in_dlopen(const char *path)
{
	stint_t *s = stint_launch(opens_and_closes, (void *)path, STINT_US(20));
	struct rng r;

	rng_seed(&r, test_seed());
	CHECK(s);
	for (int i = 0; i < 2000; i++) {
		void *handle;

		CHECK_INT(stint_resume(s, STINT_US(1 + rng_below(&r, 100))), ==, ETIMEDOUT);
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		CHECK(handle);
		CHECK(dlsym(handle, "module_value"));
		CHECK_INT(dlclose(handle), ==, 0);
	}
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	in_all(TEST_MODULES "/tls_initial.so");
	in_all(TEST_MODULES "/tls_dynamic.so");
	stopped_in_dlopen(TEST_MODULES "/tls_dynamic.so");
	return 0;
}
