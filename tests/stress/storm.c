/*
 * storm.c - another thread raises the preemption signal at random instants, so that stops land on arbitrary
 * instructions and not only where the timer's come in
 *
 * Most deadlines are so near that they have passed when the signal comes; some are far, and then it must be ignored.
 * The signal also finds the thread outside any call, in the switch, and in the handler.
 */
#include "work.h"

#include <pthread.h>

static pthread_t target, sender;
static bool stop;
static long sent;

static stint_ns timeout(struct rng *r)
{
	switch (rng_below(r, 8)) {
	case 0:
		return STINT_US(1 + rng_below(r, 400));
	case 1:
		return STINT_US(50);
	default:
		return STINT_US(1);
	}
}

static void *send_signals(void *arg)
{
	struct rng r;

	(void)arg;
	rng_seed(&r, (uint64_t)now_ns());
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		CHECK_INT(pthread_kill(target, SIGURG), ==, 0);
		sent++;
		for (volatile int turn = rng_below(&r, 20000); turn > 0; turn--)
			;
	}
	return NULL;
}

static void *nothing(void *arg)
{
	return arg;
}

static void begin(void)
{
	/* the handler must be there before the first signal; SIGURG would otherwise be ignored, and prove nothing */
	stint_t *s = stint_launch(nothing, NULL, STINT_S(100));

	CHECK(s);
	stint_free(s);
	target = pthread_self();
	CHECK_INT(pthread_create(&sender, NULL, send_signals, NULL), ==, 0);
}

static void end(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK_INT(pthread_join(sender, NULL), ==, 0);
	printf("%ld signals sent\n", sent);
	CHECK_INT(sent, >=, 1000);
}

int main(void)
{
	const struct drive d = { .timeout = timeout, .cancel_one_in = 100, .finish_one_in = 100 };

	unsetenv("STINT_SIGNAL");
	return drive_main(&d, 1, 10, begin, end);
}
