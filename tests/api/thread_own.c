/*
 * thread_own.c - errno, thread variables, keys and locale belong to the thread, on whatever worker it goes on; it begins in the
 * process's locale
 *
 * More threads than workers, short turns: they are stopped anywhere, and taken by whoever is free.
 */
#include "../test.h"

#include <ctype.h>
#include <locale.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <stint.h>

#define THREADS 12
#define WORKERS 4

static __thread int initial = 42;
static __thread long own;
static __thread char large[5000];
static pthread_key_t key, late_key;
static int destroyed, go_on;            /* go_on: one has migrated */
static locale_t other;

static __attribute__((noinline)) long *address_of_own(void)
{
	__asm__ volatile("" ::: "memory");
	return &own;
}

static void destructor(void *value)
{
	CHECK(value == (void *)own);
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void look(long me, long *address, locale_t mine)
{
	CHECK_INT(errno, ==, me);
	CHECK(address_of_own() == address);
	CHECK_INT(own, ==, me);
	CHECK_INT(large[4999], ==, (char)me);
	CHECK(pthread_getspecific(key) == (void *)me);
	CHECK(!pthread_getspecific(late_key));
	CHECK(uselocale((locale_t)0) == mine);
}

static void *stays_itself(void *arg)
{
	long me = (long)arg, *address = address_of_own(), tid = syscall(SYS_gettid);
	locale_t mine = me % 2 ? other : LC_GLOBAL_LOCALE;
	bool moved = false;

	CHECK_INT(initial, ==, 42);
	CHECK_INT(own, ==, 0);
	CHECK_INT(large[4999], ==, 0);
	CHECK_INT(errno, ==, 0);
	CHECK(!pthread_getspecific(key));
	CHECK(uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
	initial = own = me;
	large[4999] = (char)me;
	uselocale(mine);
	CHECK_INT(pthread_setspecific(key, arg), ==, 0);
	errno = (int)me;
	for (int i = 0; i < 60 || (i < 20000 && !__atomic_load_n(&go_on, __ATOMIC_RELAXED)); i++) {
		look(me, address, mine);
		switch (i % 4) {
		case 0:
			stint_thread_yield();
			break;
		case 1:
			stint_thread_sleep(STINT_US(100));
			break;
		case 2:
			spin_ns(300000);
			break;
		default:
			CHECK_INT(close(-1), ==, -1);
			CHECK_INT(errno, ==, EBADF);
			errno = (int)me;
		}
		moved |= syscall(SYS_gettid) != tid;
		if (i >= 60 && moved)
			__atomic_store_n(&go_on, 1, __ATOMIC_RELAXED);
	}
	look(me, address, mine);
	return (void *)(own * 2);
}

/* identity as libc and the kernel's users see it */
static pthread_t selves[THREADS];

static void *who(void *arg)
{
	pthread_t me = pthread_self();

	selves[(long)arg] = me;
	for (int i = 0; i < 20; i++) {
		stint_thread_sleep(STINT_US(200));
		spin_ns(200000);
		CHECK(pthread_equal(pthread_self(), me));
	}
	return arg;
}

/* errorcheck and recursive mutexes know their owner, wherever that is */
static void *owns(void *arg)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m[2];

	CHECK_INT(pthread_mutexattr_init(&attr), ==, 0);
	CHECK_INT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE), ==, 0);
	CHECK_INT(pthread_mutex_init(&m[0], &attr), ==, 0);
	CHECK_INT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK), ==, 0);
	CHECK_INT(pthread_mutex_init(&m[1], &attr), ==, 0);
	for (int i = 0; i < 20; i++) {
		CHECK_INT(pthread_mutex_lock(&m[0]), ==, 0);
		CHECK_INT(pthread_mutex_lock(&m[1]), ==, 0);
		stint_thread_sleep(STINT_US(100));
		spin_ns(200000);
		CHECK_INT(pthread_mutex_lock(&m[0]), ==, 0);
		CHECK_INT(pthread_mutex_lock(&m[1]), ==, EDEADLK);
		CHECK_INT(pthread_mutex_unlock(&m[0]), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&m[0]), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&m[1]), ==, 0);
	}
	CHECK_INT(pthread_mutex_destroy(&m[0]), ==, 0);
	CHECK_INT(pthread_mutex_destroy(&m[1]), ==, 0);
	return arg;
}

static void all(stint_fn *fn, long factor)
{
	stint_thread_t *t[THREADS];
	void *result;

	for (long i = 0; i < THREADS; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, fn, (void *)(i + 1 - (fn == who))), ==, 0);
	for (long i = 0; i < THREADS; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK_INT((long)result, ==, (i + 1 - (fn == who)) * factor);
	}
}

/* --- the process's locale ---------------------------------------------------------------------- */

struct tables {
	const void *table[3];
};

static void *looks_up(void *arg)
{
	*(struct tables *)arg = (struct tables){ { *__ctype_b_loc(), *__ctype_tolower_loc(), *__ctype_toupper_loc() } };
	CHECK(isalpha('a') && toupper('a') == 'A');
	return arg;
}

static void *changes(void *arg)
{
	CHECK(setlocale(LC_CTYPE, arg));
	return arg;
}

static void in_thread(stint_fn *fn, void *arg)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, fn, arg), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
}

/* What begins after the locale was changed, by whomever, goes by it as a new thread of libc does; also on used stacks. */
static void begin_in(const char *locale, bool by_thread)
{
	struct tables libc, of_thread, of_call;
	pthread_t p;
	stint_t *s;

	if (by_thread)
		in_thread(changes, (void *)(uintptr_t)locale);
	else
		changes((void *)(uintptr_t)locale);
	CHECK_INT(pthread_create(&p, NULL, looks_up, &libc), ==, 0);
	CHECK_INT(pthread_join(p, NULL), ==, 0);
	in_thread(looks_up, &of_thread);
	CHECK(!memcmp(&libc, &of_thread, sizeof(libc)));
	s = stint_launch(looks_up, &of_call, STINT_FOREVER);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	stint_free(s);
	CHECK(!memcmp(&libc, &of_call, sizeof(libc)));
}

static void locale_of_process(void)
{
	begin_in("C", false);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return;
	for (int i = 0; i < 4; i++) {
		begin_in("C.UTF-8", i % 2);
		begin_in("C", i % 2);
	}
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = WORKERS, .quantum = STINT_US(100) };

	test_watchdog();
	CHECK_INT(pthread_key_create(&key, destructor), ==, 0);
	CHECK_INT(pthread_key_create(&late_key, NULL), ==, 0);
	other = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	CHECK(other);
	CHECK_INT(stint_start(&config), ==, 0);
	for (int i = 0; i < 3; i++)     /* the second time in used stacks */
		all(stays_itself, 2);
	CHECK_INT(destroyed, ==, 3 * THREADS);
	CHECK(go_on);
	all(who, 1);
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < i; j++)
			CHECK(!pthread_equal(selves[i], selves[j]) && !pthread_equal(selves[i], pthread_self()));
	all(owns, 1);
	CHECK_INT(own, ==, 0);
	CHECK_INT(initial, ==, 42);
	locale_of_process();
	return 0;
}
