/*
 * select_freed.c - a select has been served, and its other channels go away before it has come back: it does not touch them any more, nor
 * does it keep them from being freed
 */
#include "../test.h"

#include <malloc.h>
#include <pthread.h>

#include <stint.h>

#define OTHERS 6
#define ROUNDS 3000
#define LARGE 200               /* elements in a channel */

static stint_chan_t *chan, *others[OTHERS];
static stint_sem_t go, back;
static bool over, twice;        /* the same channel in all cases */
static struct rng rng;

static void *selects(void *arg)
{
	struct stint_select_case cases[OTHERS + 1];
	size_t chosen;
	long v;

	for (;;) {
		CHECK_INT(stint_sem_wait(&go), ==, 0);
		if (over)
			return arg;
		for (int i = 0; i <= OTHERS; i++)
			cases[i] = (struct stint_select_case){ i && !twice ? others[i - 1] : chan, STINT_SELECT_RECV, &v, -1 };
		CHECK_INT(stint_select(cases, OTHERS + 1, STINT_FOREVER, &chosen), ==, 0);
		CHECK(!chosen || twice);
		CHECK_INT(stint_sem_post(&back), ==, 0);
	}
}

/* It waits, in the last of the cases as well: then a try to send finds it, and a select that has one, too, does not wait. */
static bool waits_everywhere(void)
{
	const struct stint_waitq *q = (const void *)(twice ? chan : others[OTHERS - 1]);

	return __atomic_load_n(&q[1].n, __ATOMIC_ACQUIRE) >= (twice ? OTHERS + 1 : 1);
}

static void one_round(bool by_close)
{
	long one = 1;

	chan = stint_chan_create(sizeof(one), LARGE);
	for (int i = 0; i < OTHERS; i++)
		others[i] = stint_chan_create(sizeof(one), LARGE);
	CHECK_INT(stint_sem_post(&go), ==, 0);
	while (!waits_everywhere())
		stint_thread_yield();
	for (uint64_t n = rng_below(&rng, 200); n > 0; n--)
		__asm__ volatile("");
	CHECK_INT(by_close ? stint_chan_close(chan) : stint_chan_send(chan, &one), ==, 0);
	for (uint64_t n = rng_below(&rng, rng_below(&rng, 2) ? 60 : 600); n > 0; n--)
		__asm__ volatile("");
	if (twice)
		stint_chan_free(chan);
	for (int i = OTHERS; i-- > 0;) {
		if (rng_below(&rng, 2))
			CHECK_INT(stint_chan_close(others[i]), ==, 0);
		stint_chan_free(others[i]);
	}
	CHECK_INT(stint_sem_wait(&back), ==, 0);
	if (!twice)
		stint_chan_free(chan);
}

static void rounds(void)
{
	for (int i = 0; i < ROUNDS; i++)
		one_round(i % 2);
}

/* nothing of some thousand channels is left but what malloc keeps for later */
static void with(bool by_kernel_thread, bool same)
{
	pthread_t kernel_thread;
	stint_thread_t *thread;
	size_t before;

	over = false;
	twice = same;
	if (by_kernel_thread)
		CHECK_INT(pthread_create(&kernel_thread, NULL, selects, NULL), ==, 0);
	else
		CHECK_INT(stint_thread_create(&thread, NULL, selects, NULL), ==, 0);
	one_round(false);
	before = mallinfo2().uordblks;
	rounds();
	CHECK(mallinfo2().uordblks < before + (size_t)ROUNDS * LARGE * sizeof(long) / 10);
	over = true;
	CHECK_INT(stint_sem_post(&go), ==, 0);
	CHECK_INT(by_kernel_thread ? pthread_join(kernel_thread, NULL) : stint_thread_join(thread, NULL), ==, 0);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	rng_seed(&rng, test_seed());
	for (int i = 0; i < 4; i++)
		with(i & 1, i & 2);
	return 0;
}
