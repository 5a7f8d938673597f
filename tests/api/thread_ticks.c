/*
 * thread_ticks.c - ticks come from the source that STINT_TICK names, and none is lost when other signals of the same number come in
 * between: threads that compute share a worker all the same. Turns last as long as was asked for, and who is alone has none that ends.
 *
 * That they come from elsewhere than the timers is seen where the kernel refuses to set one.
 */
#include "../test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include <stint.h>

#define HOGS 3
#define MIXED 5
#define PATIENCE INT64_C(20000000000)

static int tid;                         /* of the only worker; atomic */
static uint64_t rounds[MIXED];           /* atomic */
static volatile int leave;

static void *hog(void *arg)
{
	uint64_t *n = arg;

	__atomic_store_n(&tid, gettid(), __ATOMIC_RELAXED);
	while (!leave)
		__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *sleeps(void *arg)
{
	uint64_t *n = arg;

	while (!leave) {
		stint_thread_sleep(STINT_US(50));
		__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *yields(void *arg)
{
	uint64_t *n = arg;

	while (!leave) {
		stint_thread_yield();
		__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void start_with(const char *source, const char *policy, stint_ns quantum)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = policy, .quantum = quantum };

	CHECK_INT(setenv("STINT_TICK", source, 1), ==, 0);
	CHECK_INT(stint_start(&config), ==, 0);
}

static void start(const char *source, const char *policy)
{
	start_with(source, policy, STINT_US(100));
}

static void stop(void)
{
	int err;

	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

/* Each of them gets on, more than once, before so much CPU time is used up; the whole process may be stopped meanwhile. */
static bool all_go_on(int n, int64_t patience)
{
	int64_t end = cpu_ns() + patience;

	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < n; i++) {
			uint64_t before = __atomic_load_n(&rounds[i], __ATOMIC_RELAXED);

			while (__atomic_load_n(&rounds[i], __ATOMIC_RELAXED) == before) {
				if (cpu_ns() > end)
					return false;
				sleep_ns(100000);
			}
		}
	}
	return true;
}

/* The preemption signal from the program, and from the library for another reason: each may take a tick's place. */
static void others_signal(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		CHECK_INT(syscall(SYS_tgkill, getpid(), __atomic_load_n(&tid, __ATOMIC_RELAXED), SIGURG), ==, 0);
		if (i % 10 == 0)
			CHECK_INT(stint_policy_set(stint_policy_builtin(i / 10 % 2)), ==, 0);
		sleep_ns(1000 * (i % 40));
	}
}

static void shares(const char *source, bool signals)
{
	stint_thread_t *t[HOGS];

	start(source, "rr");
	leave = 0;
	for (int i = 0; i < HOGS; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, hog, &rounds[i]), ==, 0);
	CHECK(all_go_on(HOGS, PATIENCE));
	for (int i = 0; i < 5 && signals; i++) {
		const struct stint_policy *rr;

		others_signal(500);
		CHECK_INT(stint_policy_load("rr", &rr, NULL, 0), ==, 0);
		CHECK_INT(stint_policy_set(rr), ==, 0);
		if (!all_go_on(HOGS, PATIENCE))
			test_fail(__FILE__, __LINE__, "ticks by %s come to an end", source);
	}
	leave = 1;
	for (int i = 0; i < HOGS; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	stop();
}

/* Wake-ups that are due, yields and turns by turns, so that ticks are wanted for the same time twice, or no more. */
static void mixed(const char *source)
{
	static stint_fn *const kinds[MIXED] = { hog, sleeps, sleeps, yields, yields };
	stint_thread_t *t[MIXED];

	start(source, "fair");
	leave = 0;
	for (int i = 0; i < MIXED; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, kinds[i], &rounds[i]), ==, 0);
	for (int i = 0; i < 50; i++) {
		if (!all_go_on(MIXED, PATIENCE))
			test_fail(__FILE__, __LINE__, "ticks by %s come to an end", source);
		sleep_ns(2000000);
	}
	leave = 1;
	for (int i = 0; i < MIXED; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	stop();
}

/* --- how long, and how much ---------------------------------------------------------------------- */

static struct stint_worker_stats stats(void)
{
	struct stint_worker_stats st;

	CHECK_INT(stint_worker_stats(0, &st), ==, 0);
	return st;
}

/*
 * Never early, and, in one window at least that the machine leaves us, not eight times as long: in a span of CPU time, which
 * stands still while others have the CPU.
 */
static void turns_last(const char *source, stint_ns quantum)
{
	int64_t end = cpu_ns() + PATIENCE;
	stint_thread_t *t[HOGS];
	uint64_t n;

	start_with(source, "rr", quantum);
	leave = 0;
	for (int i = 0; i < HOGS; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, hog, &rounds[i]), ==, 0);
	CHECK(all_go_on(HOGS, PATIENCE));
	do {
		int64_t begin = now_ns(), cpu = cpu_ns();

		n = stats().preemptions;
		while (cpu_ns() - cpu < 100 * quantum)
			sleep_ns(1000000);
		n = stats().preemptions - n;
		CHECK_INT(n, <=, (now_ns() - begin) / quantum + 2);
		CHECK_INT(cpu_ns(), <, end);
	} while (n < 100 / 8);
	leave = 1;
	for (int i = 0; i < HOGS; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	stop();
}

static void *computes(void *arg)
{
	spin_ns(5000000);
	return arg;
}

/* Whoever computes alone, by now, is not interrupted, in a window at least in which nothing else of ours stirs. */
static void alone(const char *source)
{
	int64_t end = cpu_ns() + PATIENCE;
	struct stint_worker_stats before, after;
	stint_thread_t *t, *other;

	start(source, "fair");
	leave = 0;
	CHECK_INT(stint_thread_create(&t, NULL, hog, &rounds[0]), ==, 0);
	CHECK_INT(stint_thread_create(&other, NULL, computes, NULL), ==, 0);
	CHECK_INT(stint_thread_join(other, NULL), ==, 0);
	do {
		int64_t cpu = cpu_ns();

		CHECK_INT(cpu, <, end);
		before = stats();
		while (cpu_ns() - cpu < STINT_MS(20))
			sleep_ns(1000000);
		after = stats();
	} while (after.ticks != before.ticks);
	CHECK_INT(after.preemptions, ==, before.preemptions);
	leave = 1;
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stop();
}

/* --- without timers ---------------------------------------------------------------------------- */

static bool refuse_timers(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_timer_settime, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int cpus(void)
{
	cpu_set_t set;

	CHECK_INT(sched_getaffinity(0, sizeof(set), &set), ==, 0);
	return CPU_COUNT(&set);
}

static bool by_others(const char *source)
{
	stint_thread_t *t[HOGS];

	start(source, "rr");
	for (int i = 0; i < HOGS; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, hog, &rounds[i]), ==, 0);
	_exit(all_go_on(HOGS, strcmp(source, "timer") ? PATIENCE : 300000000) ? 0 : 2);
}

static void without_timers(const char *source, int code)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		if (!refuse_timers())
			_exit(code);
		by_others(source);
	}
	CHECK_EXIT(pid, code);
}

int main(void)
{
	test_watchdog();
	without_timers("timer", 2);
	without_timers("peer", 0);
	if (cpus() > 1)
		without_timers("auto", 0);
	shares("timer", true);
	shares("peer", true);
	shares("auto", false);
	turns_last("timer", STINT_US(200));
	turns_last("timer", STINT_MS(4));
	turns_last("peer", STINT_US(200));
	alone("timer");
	alone("peer");
	mixed("timer");
	for (int i = 0; i < 10; i++)
		mixed("peer");
	return 0;
}
