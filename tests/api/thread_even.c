/*
 * thread_even.c - workers that are all busy even out how many threads they have, with the policies that ask for it
 *
 * Looks from inside the threads at which worker they are. Links the library's objects for that.
 */
#include "../test.h"

#include <stint.h>

#include "worker.h"

#define HOGS 8
#define TURNS 3000              /* so many may end until it is so */
#define NEVER_FOR 300           /* and so many must, where nobody is to go over */
#define REGULAR 3u              /* the two, and not one that is brought in meanwhile */

static struct hog {
	stint_thread_t *thread;
	unsigned seen;          /* atomic: at which workers it has been, a bit each; the last one is */
	unsigned at;
	int over;
} hogs[HOGS];

static void *computes(void *arg)
{
	struct hog *h = arg;

	while (!__atomic_load_n(&h->over, __ATOMIC_RELAXED)) {
		unsigned at;

		stint_preempt_disable();
		at = worker_here()->id;
		stint_preempt_enable();
		__atomic_store_n(&h->at, at, __ATOMIC_RELAXED);
		__atomic_fetch_or(&h->seen, 1u << at, __ATOMIC_RELAXED);
		for (volatile int i = 0; i < 1000; i++)
			;
	}
	return arg;
}

static void begin(int n)
{
	for (int i = 0; i < n; i++) {
		hogs[i] = (struct hog){ 0 };
		CHECK_INT(stint_thread_create(&hogs[i].thread, NULL, computes, &hogs[i]), ==, 0);
	}
	for (int i = 0; i < n; i++)
		while (!__atomic_load_n(&hogs[i].seen, __ATOMIC_RELAXED))
			sleep_ns(1000000);
}

static void end(struct hog *h)
{
	if (!h->thread)
		return;
	__atomic_store_n(&h->over, 1, __ATOMIC_RELAXED);
	CHECK_INT(stint_thread_join(h->thread, NULL), ==, 0);
	h->thread = NULL;
}

static uint64_t turns(void)
{
	struct stint_worker_stats s;
	uint64_t n = 0;

	for (unsigned i = 0; i < 2; i++) {
		CHECK_INT(stint_worker_stats(i, &s), ==, 0);
		n += s.preemptions;
	}
	return n;
}

/* of the @n first */
static bool all_have_been_everywhere(int n)
{
	for (int i = 0; i < n; i++)
		if ((__atomic_load_n(&hogs[i].seen, __ATOMIC_RELAXED) & REGULAR) != REGULAR)
			return false;
	return true;
}

/* three on two workers: none has one for itself for ever */
static void odd_one_goes_round(void)
{
	uint64_t before;

	begin(3);
	before = turns();
	while (!all_have_been_everywhere(3)) {
		CHECK_INT(turns() - before, <, TURNS);
		sleep_ns(1000000);
	}
	for (int i = 0; i < 3; i++)
		end(&hogs[i]);
}

static int there_are(unsigned at)
{
	int n = 0;

	for (int i = 0; i < HOGS; i++)
		n += hogs[i].thread && __atomic_load_n(&hogs[i].at, __ATOMIC_RELAXED) == at;
	return n;
}

/* all but one at a worker end */
static void some_go_over(void)
{
	uint64_t before;

	begin(HOGS);
	for (int i = 0; i < HOGS && there_are(1) > 1; i++)
		if (__atomic_load_n(&hogs[i].at, __ATOMIC_RELAXED) == 1)
			end(&hogs[i]);
	before = turns();
	while (abs(there_are(0) - there_are(1)) > 1) {
		CHECK_INT(turns() - before, <, TURNS);
		sleep_ns(1000000);
	}
	for (int i = 0; i < HOGS; i++)
		end(&hogs[i]);
}

static void nobody_goes_over(void)
{
	unsigned seen[3];
	uint64_t before;

	begin(3);
	before = turns();
	for (int i = 0; i < 3; i++)
		seen[i] = __atomic_load_n(&hogs[i].seen, __ATOMIC_RELAXED) & REGULAR;
	while (turns() - before < NEVER_FOR)
		sleep_ns(1000000);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(__atomic_load_n(&hogs[i].seen, __ATOMIC_RELAXED) & REGULAR, ==, seen[i]);
		end(&hogs[i]);
	}
}

static void with(const char *policy, bool evens)
{
	struct stint_config config = { .size = sizeof(config), .workers = 2, .policy = policy, .quantum = STINT_MS(1) };
	int err;

	CHECK_INT(stint_start(&config), ==, 0);
	if (evens) {
		odd_one_goes_round();
		some_go_over();
	} else {
		nobody_goes_over();
	}
	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	with("fair", true);
	with("rr", true);
	with("mlfq", true);
	with("prio", false);
	return 0;
}
