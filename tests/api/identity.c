/*
 * identity.c - each call starts on a fresh thread identity: errno 0, __thread variables at their initial values,
 * no thread-specific data; and the destructors of the last one have run, once, also when it was cancelled
 */
#include "../test.h"

#include <ctype.h>
#include <locale.h>
#include <pthread.h>

#include <stint.h>

int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *dso);         /* what a C++ thread_local calls */
extern void *__dso_handle;

static __thread int counter = 3;
static __thread char zeroed[3000];
static __thread struct {
	long a, b;
} pair = { 1, 2 };
static pthread_key_t key, second_key;
static int key_destroyed, local_destroyed;
static stint_t *destroyed_in;
static pthread_t before_thread;

static void on_key(void *arg)
{
	CHECK(arg == &key);
	key_destroyed++;
	destroyed_in = stint_self();
	/* allowed, and leads to another round */
	if (key_destroyed % 2)
		CHECK_INT(pthread_setspecific(key, &key), ==, 0);
}

static void on_local(void *arg)
{
	CHECK(arg == &counter);
	CHECK_INT(counter, ==, 99);
	local_destroyed++;
	destroyed_in = stint_self();
}

static void is_fresh(void)
{
	CHECK_INT(errno, ==, 0);
	CHECK_INT(counter, ==, 3);
	CHECK_INT(pair.a, ==, 1);
	CHECK_INT(pair.b, ==, 2);
	for (size_t i = 0; i < sizeof(zeroed); i++)
		CHECK_INT(zeroed[i], ==, 0);
	CHECK(!pthread_getspecific(key));
	CHECK(!pthread_getspecific(second_key));
	CHECK(isalpha('a') && !isalpha('1'));
	CHECK(!pthread_equal(pthread_self(), before_thread));
}

static void spoil(void)
{
	errno = EIO;
	counter = 99;
	pair.a = pair.b = -1;
	memset(zeroed, 0xff, sizeof(zeroed));
	CHECK_INT(pthread_setspecific(key, &key), ==, 0);
	CHECK_INT(pthread_setspecific(second_key, "no destructor"), ==, 0);
	CHECK_INT(__cxa_thread_atexit_impl(on_local, &counter, __dso_handle), ==, 0);
}

static void *spoils(void *arg)
{
	is_fresh();
	spoil();
	if (arg)
		stint_pause();
	return arg;
}

static volatile int spoiled;

static void *spoils_and_loops(void *arg)
{
	spoils(NULL);
	spoiled = true;
	for (;;)
		;
	return arg;
}

static void destructors_ran(void)
{
	CHECK_INT(local_destroyed, ==, 1);
	CHECK_INT(key_destroyed, ==, 2);
	CHECK(destroyed_in);
	local_destroyed = key_destroyed = 0;
	destroyed_in = NULL;
}

static void completed(void)
{
	stint_t *s = stint_launch(spoils, NULL, STINT_S(100));

	CHECK(s);
	CHECK(stint_is_complete(s));
	destructors_ran();
	stint_free(s);
	CHECK_INT(local_destroyed + key_destroyed, ==, 0);
}

static void cancelled(bool paused)
{
	stint_t *s;

	spoiled = false;
	s = stint_launch(paused ? spoils : spoils_and_loops, "", paused ? STINT_S(100) : STINT_MS(1));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, paused ? STINT_PAUSED : STINT_TIMED_OUT);
	while (!paused && !spoiled)
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(local_destroyed + key_destroyed, ==, 0);
	CHECK_INT(stint_cancel(s), ==, 0);
	destructors_ran();
	stint_free(s);
	CHECK_INT(local_destroyed + key_destroyed, ==, 0);
}

static void *sets_locale(void *arg)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL);

	CHECK(uselocale(NULL) == LC_GLOBAL_LOCALE);
	CHECK(c);
	uselocale(c);
	CHECK(uselocale(NULL) == c);
	stint_pause();
	CHECK(uselocale(NULL) == c);
	uselocale(LC_GLOBAL_LOCALE);
	freelocale(c);
	return arg;
}

static void locale_is_its_own(void)
{
	stint_t *s = stint_launch(sets_locale, NULL, STINT_S(100));

	CHECK(s);
	CHECK(uselocale(NULL) == LC_GLOBAL_LOCALE);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	before_thread = pthread_self();
	CHECK_INT(pthread_key_create(&key, on_key), ==, 0);
	CHECK_INT(pthread_key_create(&second_key, NULL), ==, 0);
	counter = -5;
	errno = EBADF;
	for (int i = 0; i < 300; i++) {
		completed();
		cancelled(true);
		if (i % 10 == 0)
			cancelled(false);
		CHECK_INT(counter, ==, -5);
		CHECK_INT(errno, ==, EBADF);
		CHECK(!pthread_getspecific(key));
	}
	locale_is_its_own();
	return 0;
}
