/*
 * thread_stepped.c - a thread is cancelled by another kernel thread at each of the steps in which it is stopped and goes on at once, being
 * alone: it ends, and gives back what it held
 *
 * To be ended it must not stand on its own stack, where its end would overwrite what it is about. It is stopped as it enables preemption,
 * because the policy has been replaced meanwhile; it goes there step by step, each time a few steps further. Links the library's
 * objects, to look.
 */
#include "../steps.h"
#include "../test.h"

#include <pthread.h>
#include <sched.h>
#include <ucontext.h>

#include <stint.h>

#include "replace.h"
#include "thread.h"
#include "worker.h"

#define STEPS_MAX 100000
#define STRIDE 4                        /* less than there are in which a cancel was not seen at first, but then */

static stint_thread_t *thread;
static unsigned at, steps;
static bool all_stepped;                /* it came to the end before step @at */
static int ready, cleaned;              /* atomic */
static enum { NOTHING, CANCEL, LEAVE } wanted;  /* atomic */

static void *cancels(void *arg)
{
	int want;

	while ((want = __atomic_load_n(&wanted, __ATOMIC_ACQUIRE)) != LEAVE) {
		if (want == CANCEL) {
			__atomic_store_n(&wanted, NOTHING, __ATOMIC_RELAXED);
			CHECK_INT(stint_thread_cancel(thread), ==, 0);
		}
		sched_yield();
	}
	return arg;
}

/* The other one may have to wait for what is locked here, so only until it can be seen. */
static void on_step(int signo, siginfo_t *info, void *uc)
{
	(void)signo;
	(void)info;
	if (steps++ < at)
		return;
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_EFL] &= ~STEP_FLAG;
	__atomic_store_n(&wanted, CANCEL, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&thread->cancel, __ATOMIC_ACQUIRE))
		;
}

static void cleans(void *arg)
{
	(void)arg;
	__atomic_store_n(&cleaned, 1, __ATOMIC_RELEASE);
}

static void *goes(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	stint_preempt_disable();
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	while (worker_here()->policy_gen == replace_gen())
		;
	set_step_flag(true);
	stint_preempt_enable();
	set_step_flag(false);
	all_stepped = steps <= at;
	for (;;)
		if (all_stepped)
			return arg;
}

/* returns when the worker has taken it over */
static void *replaces(void *policy)
{
	CHECK_INT(stint_policy_set(policy), ==, 0);
	return NULL;
}

static void one_round(unsigned n)
{
	pthread_t replacer;
	void *result;

	at = n;
	steps = 0;
	ready = cleaned = 0;
	CHECK_INT(stint_thread_create(&thread, NULL, goes, &thread), ==, 0);
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		sleep_ns(10000);
	CHECK_INT(pthread_create(&replacer, NULL, replaces, (void *)(uintptr_t)stint_policy_builtin(n / STRIDE % 2)), ==, 0);
	CHECK_INT(stint_thread_join(thread, &result), ==, 0);
	CHECK_INT(pthread_join(replacer, NULL), ==, 0);
	CHECK(result == (all_stepped ? (void *)&thread : NULL));
	CHECK(all_stepped || cleaned);
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1 };
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	pthread_t helper;
	unsigned n = (unsigned)(test_seed() % STRIDE);

	CHECK_INT(sigaction(SIGTRAP, &action, NULL), ==, 0);
	CHECK_INT(pthread_create(&helper, NULL, cancels, NULL), ==, 0);
	CHECK_INT(stint_start(&config), ==, 0);
	for (; !all_stepped && n < STEPS_MAX; n += STRIDE)
		one_round(n);
	CHECK(all_stepped);
	printf("%u steps\n", n);
	__atomic_store_n(&wanted, LEAVE, __ATOMIC_RELEASE);
	CHECK_INT(pthread_join(helper, NULL), ==, 0);
	CHECK_INT(stint_stop(), ==, 0);
	return 0;
}
