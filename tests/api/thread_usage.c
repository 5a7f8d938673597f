/*
 * thread_usage.c - what a thread has used of the CPU, under each policy: all of it when nobody else waits, and nothing of the time in which
 * its worker had nothing to do
 */
#include <unistd.h>

#include <stint.h>

#include "../test.h"

#define COMPUTES_NS 3000000
#define IDLE_NS     200000000
#define TRIES       10

static int pipe_ends[2];
static int done;        /* atomic: it goes to sleep */

static void *nothing(void *arg)
{
	return arg;
}

static void *computes(void *arg)
{
	spin_ns(COMPUTES_NS);
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	stint_thread_sleep(STINT_FOREVER);
	return arg;
}

static int64_t cpu_of(stint_thread_t *t)
{
	struct stint_usage u;

	CHECK_INT(stint_thread_usage(t, &u), ==, 0);
	return u.cpu_ns;
}

/* it has gone away when that does not change any more */
static int64_t cpu_at_rest(stint_thread_t *t)
{
	int64_t cpu, before;

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
		sleep_ns(1000000);
	do {
		before = cpu_of(t);
		sleep_ns(5000000);
		cpu = cpu_of(t);
	} while (cpu != before);
	__atomic_store_n(&done, 0, __ATOMIC_RELAXED);
	return cpu;
}

static void is_counted(void)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, computes, NULL), ==, 0);
	CHECK_INT(cpu_at_rest(t), >=, COMPUTES_NS * 9 / 10);
	CHECK_INT(stint_thread_cancel(t), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
}

/* others wait in between, so that its turn has an end, for which the clock is read */
static void *is_woken(void *arg)
{
	stint_thread_t *t[2];
	char c;

	CHECK_INT(read(pipe_ends[0], &c, 1), ==, 1);
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, nothing, NULL), ==, 0);
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	stint_thread_sleep(STINT_FOREVER);
	return arg;
}

/* the machine may stand still just then, but not each time */
static void idle_is_nobodys(void)
{
	stint_thread_t *t;
	int64_t cpu;
	int tries = 0;

	do {
		CHECK_INT(stint_thread_create(&t, NULL, is_woken, NULL), ==, 0);
		sleep_ns(IDLE_NS);
		CHECK_INT(write(pipe_ends[1], "x", 1), ==, 1);
		cpu = cpu_at_rest(t);
		CHECK_INT(stint_thread_cancel(t), ==, 0);
		CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	} while (cpu >= IDLE_NS / 2 && ++tries < TRIES);
	CHECK_INT(cpu, <, IDLE_NS / 2);
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1 };

	test_watchdog();
	CHECK_INT(pipe(pipe_ends), ==, 0);
	CHECK_INT(stint_start(&config), ==, 0);
	for (size_t i = 0; stint_policy_builtin(i); i++) {
		fprintf(stderr, "%s\n", stint_policy_builtin(i)->name);
		CHECK_INT(stint_policy_set(stint_policy_builtin(i)), ==, 0);
		is_counted();
		idle_is_nobodys();
	}
	return 0;
}
