/*
 * churn.c - sets are opened and closed thousands of times, and nothing of them is left: no mapping, no descriptor, no block
 */
#include "../test.h"

#include "fickle.h"
#include "in_set.h"

static void *work(void *arg)
{
	(void)arg;
	fickle_text(12);
	fickle_thread_next();
	return (void *)(intptr_t)fickle_next();
}

static void once(bool cancel)
{
	stint_libset_t *set = open_set();
	stint_t *call;

	if (cancel) {
		call = start_in(set, work, NULL, STINT_US(10));
		stint_free(call);
	} else {
		CHECK_INT((intptr_t)in_set(set, work, NULL), ==, 1);
	}
	CHECK_INT(stint_libset_close(set), ==, 0);
}

int main(void)
{
	int64_t rounds = 1000 * test_seconds(1);
	int fds, maps;
	size_t bytes;

	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	for (int i = 0; i < 50; i++)
		once(i % 5 == 0);
	fds = count_fds();
	maps = count_maps();
	bytes = heap_in_use();
	for (int64_t i = 0; i < rounds; i++)
		once(i % 5 == 0);
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 8);          /* slots and the heap may have grown by a piece */
	printf("heap: %zu bytes before, %zu after %lld sets\n", bytes, heap_in_use(), (long long)rounds);
	CHECK_INT(heap_in_use(), <=, bytes + 64 * 1024);
	return 0;
}
