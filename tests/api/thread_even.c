/*
 * thread_even.c - workers that are all busy even out how many threads they have, or how heavy ones, with the policies that ask for it
 *
 * Looks from inside the threads at which worker they are. Links the library's objects for that.
 */
#include "../test.h"

#include <stint.h>

#include "worker.h"

#define HOGS 8
#define TURNS 3000              /* so many may end until it is so */
#define NEVER_FOR 300           /* and so many must, where nobody is to go over */
#define ALONE_FOR 100           /* so many in a row, for a heavy one's place: more than an odd one stays for */
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

/* the @heavy first ones weigh as much as eight others */
static void begin(int n, int heavy)
{
	struct stint_thread_attr attr = { .size = sizeof(attr) };

	for (int i = 0; i < n; i++) {
		hogs[i] = (struct hog){ 0 };
		attr.weight = i < heavy ? 8 * STINT_WEIGHT_NORMAL : STINT_WEIGHT_NORMAL;
		CHECK_INT(stint_thread_create(&hogs[i].thread, &attr, computes, &hogs[i]), ==, 0);
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

	begin(3, 0);
	before = turns();
	while (!all_have_been_everywhere(3)) {
		CHECK_INT(turns() - before, <, TURNS);
		sleep_ns(1000000);
	}
	for (int i = 0; i < 3; i++)
		end(&hogs[i]);
}

static unsigned at(int i)
{
	return __atomic_load_n(&hogs[i].at, __ATOMIC_RELAXED);
}

static int there_are(unsigned worker)
{
	int n = 0;

	for (int i = 0; i < HOGS; i++)
		n += hogs[i].thread && at(i) == worker;
	return n;
}

/* all but one at a worker end */
static void some_go_over(void)
{
	uint64_t before;

	begin(HOGS, 0);
	for (int i = 0; i < HOGS && there_are(1) > 1; i++)
		if (at(i) == 1)
			end(&hogs[i]);
	before = turns();
	while (abs(there_are(0) - there_are(1)) > 1) {
		CHECK_INT(turns() - before, <, TURNS);
		sleep_ns(1000000);
	}
	for (int i = 0; i < HOGS; i++)
		end(&hogs[i]);
}

/* a thread that weighs more than the two others has a worker for itself, and keeps it */
static void heavy_one_is_alone(void)
{
	uint64_t before, since;

	begin(3, 1);
	before = since = turns();
	while (turns() - since < ALONE_FOR) {
		CHECK_INT(turns() - before, <, TURNS);
		if (at(0) == at(1) || at(0) == at(2))
			since = turns();
		sleep_ns(1000000);
	}
	for (int i = 0; i < 3; i++)
		end(&hogs[i]);
}

/* ends those from @first to before @last but two, which are at @worker if there are such */
static void keep_two(int first, int last, unsigned worker)
{
	int left = last - first;

	for (int round = 0; round < 2; round++)
		for (int i = first; i < last && left > 2; i++)
			if (hogs[i].thread && (round || at(i) != worker)) {
				end(&hogs[i]);
				left--;
			}
}

/* two heavy ones at the one worker, and two light ones at the other: they change places */
static void heavy_ones_part(void)
{
	uint64_t before;
	int kept[HOGS], n = 0;

	begin(HOGS, HOGS / 2);
	keep_two(0, HOGS / 2, 0);
	keep_two(HOGS / 2, HOGS, 1);
	for (int i = 0; i < HOGS; i++)
		if (hogs[i].thread)
			kept[n++] = i;
	CHECK_INT(n, ==, 4);
	before = turns();
	while (at(kept[0]) == at(kept[1]) || at(kept[2]) == at(kept[3])) {
		CHECK_INT(turns() - before, <, TURNS);
		sleep_ns(1000000);
	}
	for (int i = 0; i < n; i++)
		end(&hogs[kept[i]]);
}

#define NAPS 500

static void *naps(void *arg)
{
	for (int i = 0; i < NAPS; i++)
		stint_thread_sleep(STINT_US(500));
	return arg;
}

static uint64_t given(void)
{
	return workers[0]->stats.stolen + workers[1]->stats.stolen;
}

/* Whoever displaces a hog is ready there for a moment, and is not the one to go where it would wait for another. */
static void who_displaces_stays(void)
{
	stint_thread_t *napper;
	uint64_t before;

	begin(2, 0);
	CHECK_INT(stint_thread_create(&napper, NULL, naps, NULL), ==, 0);
	before = given();
	CHECK_INT(stint_thread_join(napper, NULL), ==, 0);
	CHECK_INT(given() - before, <=, 4);     /* it may have begun beside both */
	for (int i = 0; i < 2; i++)
		end(&hogs[i]);
}

static void nobody_goes_over(void)
{
	unsigned seen[3];
	uint64_t before;

	begin(3, 0);
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

/* what the workers count is nothing again, soon after the last one has been joined; the watchdog is for when it is not */
static void nothing_is_left(void)
{
	for (unsigned i = 0; i < nworkers; i++)
		while (__atomic_load_n(&workers[i]->ready, __ATOMIC_RELAXED) || __atomic_load_n(&workers[i]->load, __ATOMIC_RELAXED))
			sleep_ns(200000);
}

static void with(const char *policy, bool evens, bool weights)
{
	struct stint_config config = { .size = sizeof(config), .workers = 2, .policy = policy, .quantum = STINT_MS(1) };
	int err;

	CHECK_INT(stint_start(&config), ==, 0);
	if (evens) {
		odd_one_goes_round();
		some_go_over();
		if (weights) {
			who_displaces_stays();
			heavy_one_is_alone();
			heavy_ones_part();
		}
	} else {
		nobody_goes_over();
	}
	nothing_is_left();
	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	with("fair", true, true);
	with("rr", true, false);
	with("mlfq", true, false);
	with("prio", false, false);
	return 0;
}
