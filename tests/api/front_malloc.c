/*
 * front_malloc.c - a program may have a malloc of its own, in front of the library's: libc allocates with it what it hands out, and
 * the library leaves that alone, in calls, too, and gives none of it to the malloc behind itself
 */
#include "../test.h"

#include <argp.h>
#include <argz.h>
#include <error.h>
#include <fcntl.h>

#include <stint.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

#if SANITIZED

int main(void)
{
	test_skip("the sanitizer has its own malloc");
}

#else

#define ROOM ((size_t)16 << 20)
#define HEAD ((size_t)16)

/* a block's size lies before it; none is used twice */
static char room[ROOM] __attribute__((aligned(16)));
static size_t used, given_back;

static bool is_own(const void *p)
{
	return (uintptr_t)p - (uintptr_t)room < ROOM;
}

static size_t *size_of(void *p)
{
	return (size_t *)((char *)p - HEAD);
}

void *malloc(size_t n)
{
	size_t at = __atomic_fetch_add(&used, HEAD + ((n + 15) & ~(size_t)15), __ATOMIC_RELAXED);

	if (n > ROOM || at + HEAD + n > ROOM) {
		errno = ENOMEM;
		return NULL;
	}
	*(size_t *)(room + at) = n;
	return room + at + HEAD;
}

void free(void *p)
{
	if (!p)
		return;
	if (!is_own(p))
		_exit(4);
	__atomic_fetch_add(&given_back, 1, __ATOMIC_RELAXED);
}

void *calloc(size_t n, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(n, size, &all) ? NULL : malloc(all);      /* it is zero already */
}

void *realloc(void *p, size_t n)
{
	void *q = malloc(n);

	if (p && q)
		memcpy(q, p, *size_of(p) < n ? *size_of(p) : n);
	return q;
}

size_t malloc_usable_size(void *p)
{
	return p ? *size_of(p) : 0;
}

/* --- what libc hands out ----------------------------------------------------------------------- */

static void *takes(void *arg)
{
	char *text = strdup("some text"), *line = NULL, *vector;
	size_t n = 0, size, before;
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(is_own(text));
	before = given_back;
	free(text);
	CHECK_INT(given_back, ==, before + 1);
	CHECK_INT(asprintf(&text, "%d and %s", 5, "six"), ==, 9);
	CHECK(is_own(text));
	CHECK_STR(text, "5 and six");
	free(text);
	CHECK(f);
	CHECK_INT(getline(&line, &n, f), >, 0);
	CHECK(is_own(line));
	CHECK_INT(getline(&line, &n, f), >, 0);
	free(line);
	CHECK_INT(argz_create_sep("a:b", ':', &vector, &size), ==, 0);
	CHECK_INT(argz_add(&vector, &size, "c"), ==, 0);
	CHECK(is_own(vector));
	free(vector);
	fclose(f);
	return arg;
}

static void *writes(void *fd)
{
	CHECK_INT(dprintf(*(int *)fd, "%s\n", "some text"), ==, 10);
	return fd;
}

static void *reports(void *f)
{
	struct argp_state state = { .flags = ARGP_NO_EXIT, .err_stream = f, .name = (char *)"front_malloc" };

	argp_failure(&state, 0, 0, "this %s", "must be");
	error(0, 0, "this %s", "must be, too");
	return f;
}

static void in_thread(stint_fn *fn, void *arg)
{
	stint_thread_t *t;
	void *result;

	CHECK_INT(stint_thread_create(&t, NULL, fn, arg), ==, 0);
	CHECK_INT(stint_thread_join(t, &result), ==, 0);
	CHECK(result == arg);
}

static void everywhere(stint_fn *fn, void *arg)
{
	stint_t *s;

	CHECK(fn(arg) == arg);
	s = stint_launch(fn, arg, STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	stint_free(s);
	in_thread(fn, arg);
}

int main(void)
{
	int fd;

	test_watchdog();
	fd = open("/dev/null", O_WRONLY);
	CHECK_INT(fd, >=, 0);
	everywhere(reports, stderr);
	everywhere(writes, &fd);
	everywhere(takes, &fd);
	return 0;
}

#endif
