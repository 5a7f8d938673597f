/*
 * thread_environment.c - STINT_WORKERS, STINT_QUANTUM, STINT_POLICY, STINT_TICK, STINT_STACK are obeyed by threads; what cannot be
 * is refused by name, with a sentence, also where the first thread starts the runtime; and what the program asks for comes first
 */
#include "../test.h"

#include <pthread.h>
#include <sched.h>

#include <stint.h>

static void *returns(void *arg)
{
	return arg;
}

static void *sleeps(void *arg)
{
	stint_thread_sleep(STINT_MS(300));
	return arg;
}

static void stop(void)
{
	int err;

	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

/* --- in the child ------------------------------------------------------------------------------ */

static int refused(const char *variable)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, returns, NULL), !=, 0);
	if (!strstr(stint_why(), variable))
		test_fail(__FILE__, __LINE__, "\"%s\" does not name %s", stint_why(), variable);
	CHECK_INT(stint_go(returns, NULL), !=, 0);
	CHECK_INT(stint_start(NULL), !=, 0);
	if (!strstr(stint_why(), variable))
		test_fail(__FILE__, __LINE__, "\"%s\" does not name %s", stint_why(), variable);
	CHECK_INT(stint_stop(), ==, 0);
	return 0;
}

/* a bad variable does not matter where the program says what it wants */
static int overruled(void)
{
	struct stint_config c = { .size = sizeof(c), .workers = 3, .quantum = STINT_MS(1), .policy = "rr" };
	stint_thread_t *t;

	CHECK_INT(stint_start(&c), ==, 0);
	CHECK_INT(count_tasks("stint-worker", NULL), ==, 3);
	CHECK_INT(stint_thread_create(&t, NULL, returns, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stop();
	return 0;
}

static int workers(int n)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, sleeps, NULL), ==, 0);
	CHECK_INT(count_tasks("stint-worker", NULL), ==, n);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stop();
	return 0;
}

static int stack(size_t size)
{
	struct stint_usage u;
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, sleeps, NULL), ==, 0);
	CHECK_INT(stint_thread_usage(t, &u), ==, 0);
	CHECK_INT(u.stack_bytes, ==, size);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stop();
	return 0;
}

static int works(void)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, returns, &t), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stop();
	return 0;
}

static int cpus(void)
{
	cpu_set_t one;
	int cpu = 0, n;

	CHECK_INT(sched_getaffinity(0, sizeof(one), &one), ==, 0);
	n = CPU_COUNT(&one);
	CHECK_INT(stint_start(NULL), ==, 0);
	CHECK(count_tasks("stint-worker", NULL) >= 1 && count_tasks("stint-worker", NULL) <= n);    /* a quota may allow fewer */
	stop();
	while (!CPU_ISSET(cpu, &one))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK_INT(sched_setaffinity(0, sizeof(one), &one), ==, 0);
	CHECK_INT(stint_start(NULL), ==, 0);
	CHECK_INT(count_tasks("stint-worker", NULL), ==, 1);
	stop();
	return 0;
}

static int child(char **argv)
{
	test_watchdog();
	if (!strcmp(argv[1], "refused"))
		return refused(argv[2]);
	if (!strcmp(argv[1], "overruled"))
		return overruled();
	if (!strcmp(argv[1], "workers"))
		return workers(atoi(argv[2]));
	if (!strcmp(argv[1], "stack"))
		return stack(strtoul(argv[2], NULL, 10));
	if (!strcmp(argv[1], "cpus"))
		return cpus();
	return works();
}

/* --- the parent -------------------------------------------------------------------------------- */

static void again(const char *variable, const char *value, const char *what, const char *arg)
{
	pid_t pid = fork();
	int status;

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		unsetenv("STINT_WORKERS");
		unsetenv("STINT_QUANTUM");
		unsetenv("STINT_POLICY");
		unsetenv("STINT_STACK");
		unsetenv("STINT_SIGNAL");
		unsetenv("STINT_TICK");
		if (variable)
			setenv(variable, value, 1);
		execl("/proc/self/exe", "thread_environment", what, arg, (char *)NULL);
		_exit(3);
	}
	status = wait_for(pid);
	if (status)
		test_fail(__FILE__, __LINE__, "%s=%s, %s: status %#x", variable ? variable : "nothing", value ? value : "",
		          what, status);
}

int main(int argc, char **argv)
{
	static const char *const bad_workers[] = { "0", "-1", "x", "", "2x", "257", "99999999999999999999", " 2", "+2" };
	static const char *const bad_quanta[] = { "0", "5", "ms", "5 ms", "-5ms", "9us", "11s", "", "5m", "1e3us", "99999999999s",
		                                  "99999999999999999999us", "AUTO" };
	static const char *const bad_ticks[] = { "", "clock", "Timer", "peer ", "1" };
	static const char *const good_quanta[] = { "10us", "200us", "5ms", "1s", "10s", "auto", "20000ns" };

	if (argc > 1)
		return child(argv);
	test_watchdog();
	again(NULL, NULL, "works", NULL);
	again(NULL, NULL, "cpus", NULL);
	for (size_t i = 0; i < sizeof(bad_workers) / sizeof(bad_workers[0]); i++)
		again("STINT_WORKERS", bad_workers[i], "refused", "STINT_WORKERS");
	for (size_t i = 0; i < sizeof(bad_quanta) / sizeof(bad_quanta[0]); i++)
		again("STINT_QUANTUM", bad_quanta[i], "refused", "STINT_QUANTUM");
	for (size_t i = 0; i < sizeof(good_quanta) / sizeof(good_quanta[0]); i++)
		again("STINT_QUANTUM", good_quanta[i], "works", NULL);
	again("STINT_POLICY", "none-such", "refused", "STINT_POLICY=none-such");
	again("STINT_POLICY", "./none-such.so", "refused", "STINT_POLICY=./none-such.so");
	for (size_t i = 0; i < sizeof(bad_ticks) / sizeof(bad_ticks[0]); i++)
		again("STINT_TICK", bad_ticks[i], "refused", "STINT_TICK");
	again("STINT_TICK", "timer", "works", NULL);
	again("STINT_TICK", "peer", "works", NULL);
	again("STINT_TICK", "auto", "works", NULL);
	again("STINT_STACK", "12 parsecs", "refused", "STINT_STACK");
	again("STINT_SIGNAL", "0", "refused", "STINT_SIGNAL");
	for (size_t i = 0; stint_policy_builtin(i); i++)
		again("STINT_POLICY", stint_policy_builtin(i)->name, "works", NULL);
	again("STINT_WORKERS", "1", "workers", "1");
	again("STINT_WORKERS", "7", "workers", "7");
	again("STINT_STACK", "256k", "stack", "262144");
	again("STINT_WORKERS", "x", "overruled", NULL);
	again("STINT_QUANTUM", "x", "overruled", NULL);
	again("STINT_POLICY", "x", "overruled", NULL);
	return 0;
}
