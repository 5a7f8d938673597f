/*
 * fault.c - the n-th allocation and the n-th mapping fail while a set is opened: it is said, nothing is left, and the next time works
 */
#include "../test.h"

#include <stint.h>

#include "sys.h"

static const char *const libraries[] = { "libfickle.so", "libgrain.so" };

int fickle_next(void);

static void *next(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)fickle_next();
}

static void use(stint_libset_t *set, int expected)
{
	struct stint_attr attr = { .size = sizeof(attr), .libset = set, .stack_size = 256 * 1024 };
	stint_t *call = stint_launch_with(&attr, next, NULL, STINT_FOREVER);

	CHECK(call);
	CHECK_INT((intptr_t)stint_result(call), ==, expected);
	stint_free(call);
}

/* the n-th of @kind, until so many are not asked for */
static int try(enum sys_fault kind)
{
	char why[256];
	struct stint_libset_attr attr = { .size = sizeof(attr), .why = why, .why_size = sizeof(why) };
	stint_libset_t *set;
	int n, fds = 0;

	for (n = 1; n < 1000; n++) {
		*why = '\0';
		sys_fault_after[kind] = n;
		set = stint_libset_open_with(&attr, libraries, 2);
		if (sys_fault_after[kind])
			break;
		if (set) {
			/* it could do without, as a list of thread variables can wait */
			CHECK_INT(stint_libset_close(set), ==, 0);
			continue;
		}
		CHECK_INT(errno, ==, ENOMEM);
		CHECK(*why);
		if (n > 1)
			CHECK_INT(count_fds(), <=, fds + 2);    /* the files of the two libraries */
		fds = count_fds();
	}
	sys_fault_after[kind] = 0;
	CHECK(set);
	use(set, 1);
	CHECK_INT(stint_libset_close(set), ==, 0);
	return n - 1;
}

int main(void)
{
	stint_libset_pool_t *pool;
	stint_libset_t *set;
	int mallocs, mmaps;

	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	mmaps = try(SYS_MMAP);
	mallocs = try(SYS_MALLOC);
	printf("%d mappings and %d allocations failed\n", mmaps, mallocs);
	CHECK_INT(mmaps, >=, 1);
	CHECK_INT(mallocs, >=, 5);

	for (int n = 1; n < 20; n++) {
		sys_fault_after[SYS_MALLOC] = n;
		pool = stint_libset_pool_create(NULL, libraries, 2, 3);
		sys_fault_after[SYS_MALLOC] = 0;
		if (pool)
			CHECK_INT(stint_libset_pool_free(pool), ==, 0);
		else
			CHECK_INT(errno, ==, ENOMEM);
	}
	pool = stint_libset_pool_create(NULL, libraries, 2, 1);
	CHECK(pool);
	set = stint_libset_pool_get(pool);
	CHECK(set);
	for (int n = 1; n <= 3; n++) {
		sys_fault_after[SYS_MALLOC] = n;
		CHECK(!stint_libset_pool_get(pool));
		CHECK_INT(errno, ==, ENOMEM);
	}
	sys_fault_after[SYS_MALLOC] = 0;
	use(set, 1);
	CHECK_INT(stint_libset_pool_put(pool, set), ==, 0);
	CHECK_INT(stint_libset_pool_free(pool), ==, 0);
	return 0;
}
