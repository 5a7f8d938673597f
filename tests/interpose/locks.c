/*
 * locks.c - a call is never stopped while it holds a lock inside libc: whoever launched it would wait for ever
 *
 * One call per family hammers it; after each slice the caller uses the same family. A lock that was left held
 * shows as a hang.
 */
#include "../test.h"

#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>

#include <stint.h>

/* where all the time goes by in libc, stops are few */
#define SLICES 4000
#define LONG_ENOUGH INT64_C(3000000000)

static FILE *null;
static char *saved_environment;

static void use_malloc(void)
{
	void *p = malloc(100), *q = calloc(10, 1000);

	CHECK(p && q);
	p = realloc(p, 100000);
	CHECK(p);
	free(q);
	free(p);
}

static void use_stream(void)
{
	CHECK_INT(fprintf(null, "%d %f %s\n", 42, 1.5, "text"), >, 0);
	CHECK_INT(fputs("text\n", null), >=, 0);
	CHECK_INT(putc('x', null), ==, 'x');
	CHECK_INT(fwrite("abc", 1, 3, null), ==, 3);
	CHECK_INT(fflush(null), ==, 0);
}

static void use_all_streams(void)
{
	FILE *f = fopen("/dev/null", "r+");

	CHECK(f);
	CHECK_INT(fputs("text", f), >=, 0);
	CHECK_INT(fflush(NULL), ==, 0);
	CHECK_INT(fclose(f), ==, 0);
}

static void use_loader(void)
{
	void *self = dlopen(NULL, RTLD_NOW);
	Dl_info info;

	CHECK(self);
	CHECK(dlsym(self, "malloc"));
	CHECK(!dlsym(self, "there_is_no_such_function"));
	CHECK(dlerror());
	CHECK(dladdr((void *)use_loader, &info));
	CHECK_INT(dlclose(self), ==, 0);
}

static void use_time(void)
{
	time_t t = 1700000000;
	struct tm tm;

	CHECK(localtime_r(&t, &tm));
	tzset();
	CHECK_INT(mktime(&tm), ==, t);
}

static void use_environment(void)
{
	CHECK_INT(setenv("STINT_TEST_VARIABLE", "value", 1), ==, 0);
	CHECK_STR(getenv("STINT_TEST_VARIABLE"), "value");
	saved_environment = getenv("PATH");
}

static void use_locale(void)
{
	CHECK(setlocale(LC_ALL, "C"));
	CHECK(setlocale(LC_NUMERIC, NULL));
}

static void use_random(void)
{
	srandom(7);
	CHECK_INT(random(), >=, 0);
	CHECK_INT(rand(), >=, 0);
}

static void use_keys(void)
{
	pthread_key_t key;

	CHECK_INT(pthread_key_create(&key, NULL), ==, 0);
	CHECK_INT(pthread_setspecific(key, &key), ==, 0);
	CHECK_INT(pthread_key_delete(key), ==, 0);
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void use_sort(void)
{
	int numbers[600];

	for (int i = 0; i < 600; i++)
		numbers[i] = i * 7919 % 600;
	qsort(numbers, 600, sizeof(numbers[0]), compare_ints);
	for (int i = 0; i < 600; i++)
		CHECK_INT(numbers[i], ==, i);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void do_nothing(void)
{
}

static void use_once(void)
{
	once = (pthread_once_t)PTHREAD_ONCE_INIT;
	CHECK_INT(pthread_once(&once, do_nothing), ==, 0);
}

static const struct family {
	const char *name;
	void (*use)(void);
	bool shared;            /* with the caller; once-control of its own otherwise */
} families[] = {
	{ "malloc", use_malloc, true },
	{ "a stream", use_stream, true },
	{ "all streams", use_all_streams, true },
	{ "loader", use_loader, true },
	{ "time", use_time, true },
	{ "environment", use_environment, true },
	{ "locale", use_locale, true },
	{ "random", use_random, true },
	{ "keys", use_keys, true },
	{ "sort", use_sort, true },
	{ "once", use_once, false },
};

static volatile int leave;
static volatile long rounds;

static void *hammers(void *arg)
{
	const struct family *f = arg;

	while (!leave) {
		f->use();
		rounds++;
	}
	return arg;
}

static void hammer(const struct family *f, struct rng *r)
{
	int64_t end = now_ns() + LONG_ENOUGH;
	stint_t *s;

	printf("%s:", f->name);
	fflush(stdout);
	leave = false;
	rounds = 0;
	s = stint_launch(hammers, (void *)f, STINT_US(100));
	CHECK(s);
	for (int i = 0; (i < SLICES && now_ns() < end) || rounds < 10; i++) {
		CHECK_INT(stint_resume(s, STINT_US(1 + rng_below(r, 60))), ==, ETIMEDOUT);
		if (f->shared)
			f->use();
	}
	printf(" %ld rounds\n", rounds);
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
}

int main(void)
{
	struct rng r;

	test_watchdog();
	rng_seed(&r, test_seed());
	null = fopen("/dev/null", "w");
	CHECK(null);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		hammer(&families[i], &r);
	return 0;
}
