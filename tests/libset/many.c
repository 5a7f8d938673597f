/*
 * many.c - a thousand sets are open at once, each with its own state, and each takes little more memory than what its libraries
 * write
 */
#include "../test.h"

#include "fickle.h"
#include "in_set.h"

#define SETS 1000
#define MORE_AT_MOST (64 * 1024)

static stint_libset_t *sets[SETS];

static void *next(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)fickle_next();
}

/* memory that is this process's alone: the copies share the rest */
static long private_bytes(void)
{
	char line[128];
	long sum = 0, kb;
	FILE *f = fopen("/proc/self/smaps_rollup", "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Private_Dirty: %ld kB", &kb) == 1 || sscanf(line, "Private_Clean: %ld kB", &kb) == 1)
			sum += kb * 1024;
	fclose(f);
	return sum;
}

int main(void)
{
	struct stint_libset_info info = { .size = sizeof(info) };
	long before, each;

	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	for (int i = 0; i < 10; i++)
		sets[i] = open_set();
	before = private_bytes();
	for (int i = 10; i < SETS; i++)
		sets[i] = open_set();
	each = (private_bytes() - before) / (SETS - 10);
	CHECK_INT(stint_libset_info(sets[SETS - 1], &info), ==, 0);
	printf("%ld bytes for each set, of whose libraries %zu bytes are writable\n", each, info.writable_bytes);
	if (!getenv("STINT_ASAN"))
		CHECK_INT(each, <=, (long)info.writable_bytes + MORE_AT_MOST);
	for (int i = 0; i < SETS; i++)
		for (int k = 0; k <= i % 3; k++)
			CHECK_INT((intptr_t)in_set(sets[i], next, NULL), ==, k + 1);
	for (int i = 0; i < SETS; i++)
		CHECK_INT((intptr_t)in_set(sets[i], next, NULL), ==, i % 3 + 2);
	CHECK_INT(fickle_get(), ==, 0);
	for (int i = 0; i < SETS; i++)
		CHECK_INT(stint_libset_close(sets[(i * 7) % SETS]), ==, 0);
	return 0;
}
