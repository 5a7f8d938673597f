/*
 * fork_steps.c - fork() in a signal handler that interrupts the runtime, at each instruction of what takes locks
 *
 * What is done goes on step by step, and the handler of the trap forks, wherever that is: each instruction has its turn, once on
 * each depth of the stack. A lock that the interrupted code holds must not be waited for. Libc is made to take its own for each
 * block of memory: it keeps none ready, which only a variable of the environment can say, so the program begins anew with that.
 *
 * That fork() waits for what its own kernel thread holds is seen by another one, which asks the kernel again and again what that
 * does: it sits in the call that waits for a word. (tests/stress/forks does the same at random, with everything at once.)
 */
#include "../steps.h"
#include "../test.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include <stint.h>

#define SEEN_LOG2 17
#define SIGNAL_BIT(signo) (UINT64_C(1) << ((signo) - 1))
#define NEAR 65536
#define STACK_APART 4096        /* bytes, or a multiple, is one call's stack from another's */
#define STEPS_AT_END 4000               /* that a worker takes where a thread has ended */
#define LOOKS 500                       /* in a row that find it waiting */
#define CALLS 140                       /* more than a kernel thread keeps the memory of */
#define LARGE (64u << 20)           /* stack that fills what is kept */
#define NO_BLOCKS_KEPT "glibc.malloc.tcache_count=0"

void __asan_init(void) __attribute__((weak));
void __tsan_init(void) __attribute__((weak));

static uint64_t seen[1 << SEEN_LOG2];
static unsigned long steps, forks;
static long left;                       /* steps, at most */
static bool cut;                        /* it could not be gone through to its end */
static int forking, child;              /* the kernel thread that is in fork() and the wait for that child; atomic */
static const char *doing;
static uint64_t asleep_before;          /* times that the worker was, before the end of the last thread */

/* --- who looks whether it hangs ------------------------------------------------------------------ */

/* the number of the system call that it sits in; -1: none, or it is not known */
static long sits_in(int pid, int tid)
{
	char path[64], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text[0] >= '0' && text[0] <= '9' ? atol(text) : -1;
}

static bool hangs(void)
{
	int tid = __atomic_load_n(&forking, __ATOMIC_ACQUIRE), pid = __atomic_load_n(&child, __ATOMIC_ACQUIRE);

	return tid && (sits_in(getpid(), tid) == SYS_futex || (pid && sits_in(pid, pid) == SYS_futex));
}

static void *watches(void *arg)
{
	unsigned long before = 0, now;
	int looks = 0;

	(void)arg;
	for (;;) {
		sleep_ns(10000000);
		now = __atomic_load_n(&forks, __ATOMIC_ACQUIRE);
		looks = hangs() && now == before ? looks + 1 : 0;
		before = now;
		if (looks == LOOKS)
			test_fail(__FILE__, __LINE__, "%s, fork %lu: it waits for a lock that is held where it was called", doing, now);
	}
	return NULL;
}

/* --- in the handler ------------------------------------------------------------------------------ */

static void fork_here(void)
{
	int status, saved = errno;
	pid_t pid;

	__atomic_add_fetch(&forks, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&forking, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	pid = fork();
	if (!pid)
		_exit(3);
	CHECK_INT(pid, >, 0);
	__atomic_store_n(&child, pid, __ATOMIC_RELEASE);
	while (waitpid(pid, &status, 0) < 0)
		CHECK_INT(errno, ==, EINTR);
	__atomic_store_n(&child, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&forking, 0, __ATOMIC_RELEASE);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 3)
		test_fail(__FILE__, __LINE__, "%s: a child ended with status %#x", doing, status);
	errno = saved;
}

static bool is_new(const greg_t *regs)
{
	uint64_t depth = (uint64_t)regs[REG_RSP] % STACK_APART, kind = stint_thread_self() ? 2 : stint_self() ? 1 : 0;
	uint64_t key = ((uint64_t)regs[REG_RIP] ^ (depth << 2 | kind) << 48) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	uint64_t i = key >> (64 - SEEN_LOG2);

	for (; seen[i]; i = (i + 1) % (1 << SEEN_LOG2))
		if (seen[i] == key)
			return false;
	seen[i] = key;
	return true;
}

/*
 * Signals are going to be blocked; a trap would end the process then. So this one is left out of the set, where that lies on the
 * stack. False: it does not.
 */
static bool stay_open(const greg_t *regs)
{
	const unsigned char *next = (const unsigned char *)regs[REG_RIP];
	uint64_t *set = (uint64_t *)regs[REG_RSI];

	if (next[0] != 0x0f || next[1] != 0x05 || regs[REG_RAX] != SYS_rt_sigprocmask || !set || regs[REG_RDI] == SIG_UNBLOCK)
		return true;
	if (!(*set & SIGNAL_BIT(SIGTRAP)))
		return true;
	if ((uintptr_t)set - (uintptr_t)regs[REG_RSP] > NEAR)
		return false;
	*set &= ~SIGNAL_BIT(SIGTRAP);
	return true;
}

/* Where others are blocked no handler of a program's gets. */
static void on_step(int signo, siginfo_t *info, void *uc)
{
	greg_t *regs = ((ucontext_t *)uc)->uc_mcontext.gregs;

	(void)signo;
	(void)info;
	steps++;
	if (!sigismember(&((ucontext_t *)uc)->uc_sigmask, SIGUSR1) && is_new(regs))
		fork_here();
	cut |= !stay_open(regs);
	if (cut || --left <= 0)
		regs[REG_EFL] &= ~STEP_FLAG;
}

static void go_on_in_steps(long most)
{
	left = most;
	set_step_flag(true);
}

static void stop_stepping(void)
{
	set_step_flag(false);
}

/* --- what is done -------------------------------------------------------------------------------- */

static void *pauses(void *arg)
{
	stint_pause();
	return arg;
}

static void use_call(size_t stack_size)
{
	struct stint_attr attr = { .size = sizeof(attr), .stack_size = stack_size };
	stint_t *call = stint_launch_with(&attr, pauses, NULL, STINT_FOREVER);

	CHECK(call);
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	stint_free(call);
	call = stint_launch_with(&attr, pauses, NULL, STINT_FOREVER);
	CHECK(call);
	stint_free(call);
}

static void use_channel(void)
{
	stint_chan_t *chan = stint_chan_create(1000, 3);

	CHECK(chan);
	stint_chan_free(chan);
}

static void calls(void)
{
	use_call(0);
	use_call(100000);
}

static void first_call(void)
{
	stint_t *call = stint_launch(pauses, NULL, STINT_FOREVER);

	CHECK(call);
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	stint_free(call);
}

static void many_calls(void)
{
	stint_t *c[CALLS];

	stop_stepping();
	for (int i = 0; i < CALLS; i++) {
		c[i] = stint_launch(pauses, NULL, STINT_FOREVER);
		CHECK(c[i]);
		CHECK_INT(stint_resume(c[i], STINT_FOREVER), ==, 0);
	}
	go_on_in_steps(LONG_MAX);
	for (int i = 0; i < CALLS; i++)
		stint_free(c[i]);
}

/* of which none but a few are kept: the others' memory is returned */
static void large_calls(void)
{
	struct stint_attr attr = { .size = sizeof(attr), .stack_size = LARGE };
	stint_t *c[4];

	stop_stepping();
	for (int i = 0; i < 4; i++) {
		c[i] = stint_launch_with(&attr, pauses, NULL, STINT_FOREVER);
		CHECK(c[i]);
		CHECK_INT(stint_resume(c[i], STINT_FOREVER), ==, 0);
	}
	go_on_in_steps(LONG_MAX);
	for (int i = 0; i < 4; i++)
		stint_free(c[i]);
}

static void *nested(void *arg)
{
	use_call(150000);
	use_channel();
	stint_preempt_disable();        /* and left so at its end */
	return arg;
}

static void calls_in_a_call(void)
{
	stint_t *call = stint_launch(nested, NULL, STINT_FOREVER);

	CHECK(call && stint_is_complete(call));
	stint_free(call);
}

static void *returns(void *arg)
{
	return arg;
}

static void threads(void)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .stack_size = 200000 };
	stint_thread_t *t;

	for (int i = 0; i < 2; i++) {
		CHECK_INT(stint_thread_create(&t, i ? &attr : NULL, returns, NULL), ==, 0);
		CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	}
}

static uint64_t times_asleep(void)
{
	struct stint_worker_stats stats;

	CHECK_INT(stint_worker_stats(0, &stats), ==, 0);
	return stats.sleeps;
}

static void statistics(void)
{
	times_asleep();
}

static void step_through(const char *what, void (*fn)(void))
{
	unsigned long before = forks;

	doing = what;
	steps = 0;
	cut = false;
	go_on_in_steps(LONG_MAX);
	fn();
	stop_stepping();
	printf("%s: %lu steps, %lu forks%s\n", what, steps, forks - before, cut ? ", cut" : "");
	CHECK(!cut);
	CHECK_INT(forks, >, before);
}

/* --- elsewhere ------------------------------------------------------------------------------------ */

static void *on_new_kernel_thread(void *arg)
{
	step_through("a new kernel thread's first call", first_call);
	return arg;
}

static void on_thread(void)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .stack_size = 300000 };
	stint_thread_t *t;

	use_channel();
	CHECK_INT(stint_thread_create(&t, &attr, returns, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stint_thread_yield();
}

/* and its end, where the worker goes on in steps */
static void *is_stepped_through(void *arg)
{
	step_through("on a thread", on_thread);
	asleep_before = times_asleep();
	stint_preempt_disable();
	go_on_in_steps(STEPS_AT_END);
	return arg;
}

int main(int argc, char **argv)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = "fifo", .quantum = STINT_S(10) };
	struct sigaction stepping = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_RESTART };
	const char *tunables = getenv("GLIBC_TUNABLES");
	stint_thread_t *t;
	pthread_t thread;

	(void)argc;
	if (__asan_init || __tsan_init)
		test_skip("the sanitizer's allocator, locked by another thread, stays so in a child");
	if (!tunables || strcmp(tunables, NO_BLOCKS_KEPT)) {
		setenv("GLIBC_TUNABLES", NO_BLOCKS_KEPT, 1);
		setenv("LD_BIND_NOW", "1", 1);          /* or half of the steps are ld.so's */
		execv("/proc/self/exe", argv);
		test_fail(__FILE__, __LINE__, "cannot begin anew: %s", strerror(errno));
	}
	mallopt(M_MXFAST, 0);
	test_watchdog();
	CHECK(!stint_unsupported());
	CHECK_INT(sigaction(SIGTRAP, &stepping, NULL), ==, 0);
	CHECK_INT(pthread_create(&thread, NULL, watches, NULL), ==, 0);
	step_through("channels", use_channel);
	step_through("calls", calls);
	step_through("many calls", many_calls);
	step_through("large calls", large_calls);
	step_through("calls in a call", calls_in_a_call);
	CHECK_INT(pthread_create(&thread, NULL, on_new_kernel_thread, NULL), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	CHECK_INT(stint_start(&config), ==, 0);
	step_through("statistics", statistics);
	step_through("threads", threads);
	CHECK_INT(stint_thread_create(&t, NULL, is_stepped_through, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	for (uint64_t before = asleep_before; times_asleep() == before;)
		sleep_ns(1000000);
	fflush(stdout);
	_exit(0);               /* the worker would be ended in steps, with signals blocked */
}
