/*
 * traced.c - for a look at its trace: threads that take turns, displace each other when they wake up, are taken by an idle worker,
 * and are cancelled while they compute
 */
#include "../test.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <stint.h>

#define HOGS 6

static int over;
static long rounds;             /* of the one that computes for ever */

static struct stint_worker_stats of(unsigned worker)
{
	struct stint_worker_stats stats;

	CHECK_INT(stint_worker_stats(worker, &stats), ==, 0);
	return stats;
}

static void *computes(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		;
	return arg;
}

static void *computes_for_ever(void *arg)
{
	for (;;)
		__atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
	return arg;
}

/*
 * Until the one that computes for ever does so on the other worker: it has gone on while we have not left the CPU. Nobody else is there
 * any more, so neither of the two is preempted before it is cancelled.
 */
static void see_it_compute(const stint_thread_t *me)
{
	struct stint_usage before, after;
	long seen;

	do {
		CHECK_INT(stint_thread_usage(me, &before), ==, 0);
		seen = __atomic_load_n(&rounds, __ATOMIC_RELAXED);
		while (__atomic_load_n(&rounds, __ATOMIC_RELAXED) == seen)
			;
		CHECK_INT(stint_thread_usage(me, &after), ==, 0);
	} while (after.resumes != before.resumes);
}

/* until it has displaced somebody, once at least on any worker */
static void *sleeps(void *arg)
{
	do
		stint_thread_sleep(STINT_MS(1));
	while (!of(0).displacements && !of(1).displacements);
	return arg;
}

/* all in the queue of one worker, and the other one has nothing to do */
static void *makes(void *arg)
{
	stint_thread_t *hogs[HOGS], *sleeper, *endless;

	over = 0;
	for (int i = 0; i < HOGS; i++)
		CHECK_INT(stint_thread_create(&hogs[i], NULL, computes, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&sleeper, NULL, sleeps, NULL), ==, 0);
	CHECK_INT(stint_thread_create(&endless, NULL, computes_for_ever, NULL), ==, 0);
	CHECK_INT(stint_thread_join(sleeper, NULL), ==, 0);
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < HOGS; i++)
		CHECK_INT(stint_thread_join(hogs[i], NULL), ==, 0);
	see_it_compute(stint_thread_self());
	CHECK_INT(stint_thread_cancel(endless), ==, 0);
	CHECK_INT(stint_thread_join(endless, NULL), ==, 0);
	return arg;
}

/* Makers begin on one worker and on the other. */
/* in the kernel for a while, so that a relief runs the next one to its end, and rests then: the last thing that it does */
static void *sits(void *arg)
{
	static int never;
	struct timespec span = { .tv_nsec = 200000000 };

	syscall(SYS_futex, &never, FUTEX_WAIT, 0, &span, NULL, 0);
	return arg;
}

static void *returns(void *arg)
{
	return arg;
}

static int few(void)
{
	stint_thread_t *t[3];

	for (int i = 0; i < 3; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, i ? returns : sits, NULL), ==, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	return stint_stop();
}

/* "few": three threads, of which the first sits in the kernel */
int main(int argc, char **argv)
{
	stint_thread_t *maker;

	test_watchdog();
	if (argc > 1 && !strcmp(argv[1], "few"))
		return few();
	do {
		CHECK_INT(stint_thread_create(&maker, NULL, makes, NULL), ==, 0);
		CHECK_INT(stint_thread_join(maker, NULL), ==, 0);
	} while (!of(0).steals || !of(1).steals);
	return stint_stop();
}
