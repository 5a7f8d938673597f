/*
 * forks.c - fork() in signal handlers that interrupt the runtime at any instruction, on threads, in calls and on kernel threads
 *
 * Whoever is about to do something goes on step by step, for a while that is drawn; then the handler of the trap forks, whatever lock the
 * code that it has interrupted holds. A storm's signals fork now and then, too: they get where the traps cannot, because all
 * signals are blocked there. The child ends or becomes another program, which is all that a handler's child may do; neither of the
 * two may hang, and each child's end is waited for in the handler.
 *
 * The processor's flag stays with the kernel thread where that switches by a function call, and goes with the thread where that is
 * stopped by the tick: so the steps of all workers are counted as one. Kernel threads outside the runtime count their own.
 */
#include "../steps.h"
#include "crew.h"

#include <sys/syscall.h>
#include <ucontext.h>

#define STEPS_LOG2 14
#define TO_END 700              /* steps, about, that a thread takes to its end and to who comes next */
#define BATCH 40
#define MEMBERS 9

static int workers_left;                /* atomic; steps until a fork; the traps are over where it is not positive */
static __thread int own_left;
static __thread bool counts_own;        /* a kernel thread of the crew, outside calls, which have variables of their own */
static unsigned long stepped, stormed;  /* atomic; forks */
static unsigned long drawn;             /* atomic; what handlers and threads draw from */
static stint_sem_t nobodys = STINT_SEM_INIT(0);

void __asan_init(void) __attribute__((weak));

/* --- in a handler ------------------------------------------------------------------------------- */

static void fork_here(unsigned long *count)
{
	unsigned long n = ADD(*count, 1);
	int status, saved = errno;
	pid_t pid;

	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid && n % 4 == 0)
		execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
	if (!pid)
		_exit(3);
	while (waitpid(pid, &status, 0) < 0)
		CHECK_INT(errno, ==, EINTR);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 3)
		test_fail(__FILE__, __LINE__, "a child ended with status %#x", status);
	errno = saved;
}

static int *left(void)
{
	return counts_own ? &own_left : &workers_left;
}

/* signals are going to be blocked; a trap would end the process then */
static bool will_block(const greg_t *regs)
{
	const unsigned char *next = (const unsigned char *)regs[REG_RIP];

	return next[0] == 0x0f && next[1] == 0x05 && regs[REG_RAX] == SYS_rt_sigprocmask;
}

static void on_step(int signo, siginfo_t *info, void *uc)
{
	greg_t *regs = ((ucontext_t *)uc)->uc_mcontext.gregs;
	int now = ADD(*left(), -1);

	(void)signo;
	(void)info;
	if (now == 0)
		fork_here(&stepped);
	if (now <= 0 || will_block(regs))
		regs[REG_EFL] &= ~STEP_FLAG;
}

static void on_storm(int signo)
{
	(void)signo;
	if (ADD(drawn, 1) % 64 == 0)
		fork_here(&stormed);
}

static void go_on_in_steps(unsigned n)
{
	STORE(*left(), 1 + (int)n);
	set_step_flag(true);
}

static void stop_stepping(void)
{
	set_step_flag(false);
}

/* --- what is interrupted ------------------------------------------------------------------------ */

/* with preemption disabled, which is left so */
static void *ends(void *arg)
{
	unsigned long n = ADD(drawn, 1);

	stint_preempt_disable();
	if (n % 4 == 0)
		go_on_in_steps((unsigned)(n * 11 % TO_END));
	return arg;
}

static void *goes_away(void *arg)
{
	stint_thread_yield();
	return arg;
}

/* more than are kept ready, or of another size, for which none are */
static void make_threads(struct place *p)
{
	struct stint_thread_attr other = { .size = sizeof(other), .stack_size = 100000 };
	stint_thread_t *threads[BATCH];
	unsigned n = below(p, 8) ? 1 : BATCH;
	void *result;

	for (unsigned i = 0; i < n; i++)
		CHECK_INT(stint_thread_create(&threads[i], below(p, 2) ? &other : NULL, below(p, 2) ? ends : goes_away, p), ==, 0);
	for (unsigned i = 0; i < n; i++) {
		CHECK_INT(stint_thread_join(threads[i], &result), ==, 0);
		CHECK(result == p);
	}
}

static void *pauses(void *arg)
{
	stint_pause();
	return arg;
}

static void make_call(struct place *p)
{
	stint_t *call = stint_launch(pauses, p, STINT_FOREVER);

	CHECK(call);
	if (below(p, 2))
		CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	stint_free(call);
}

static void wait_a_little(struct place *p)
{
	CHECK_INT(stint_sem_wait_timed(&nobodys, STINT_US(below(p, 100))), ==, ETIMEDOUT);
}

/* On a kernel thread malloc() is libc's own: where a handler interrupts it, libc's fork() waits for a lock that it holds. */
static void use_libc(struct place *p)
{
	FILE *f;

	free(realloc(malloc(1 + below(p, 2000)), 3000));
	f = fopen("/dev/null", "r");
	CHECK(f);
	fclose(f);
}

static void *keeps_going(void *arg)
{
	struct place *p = arg;

	while (!LOAD(over)) {
		if (below(p, 4) == 0)
			go_on_in_steps((unsigned)below(p, (uint64_t)1 << below(p, STEPS_LOG2 + 1)));
		switch (below(p, p->kind == KERNEL ? 3 : 4)) {
		case 0:
			make_threads(p);
			break;
		case 1:
			make_call(p);
			break;
		case 2:
			wait_a_little(p);
			break;
		default:
			use_libc(p);
		}
	}
	stop_stepping();
	return NULL;
}

/* --- rounds ------------------------------------------------------------------------------------- */

static int tids[MEMBERS + 4];           /* of the workers and the crew's kernel threads; others libc makes and ends */
static int ntids;                       /* atomic */

static void note_tid(int tid)
{
	STORE(tids[ADD(ntids, 1) - 1], tid);
}

static void *in_calls(void *arg)
{
	note_tid((int)syscall(SYS_gettid));
	counts_own = true;
	return crew_in_calls(arg);
}

static void *on_kernel_thread(void *arg)
{
	note_tid((int)syscall(SYS_gettid));
	counts_own = true;
	return keeps_going(arg);
}

static void settle(struct place *p)
{
	(void)p;
}

static void note_workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;

	CHECK(dir);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.' && task_is(e->d_name, "stint-worker"))
			note_tid(atoi(e->d_name));
	closedir(dir);
}

static void start(struct place *p)
{
	if (p->kind == GREEN)
		CHECK_INT(stint_thread_create(&p->thread, NULL, keeps_going, p), ==, 0);
	else
		CHECK_INT(pthread_create(&p->pthread, NULL, p->kind == CALL ? in_calls : on_kernel_thread, p), ==, 0);
}

static void storm(struct rng *r, int64_t span)
{
	int64_t end = now_ns() + span;

	while (now_ns() < end || !LOAD(stepped)) {      /* it may have passed while the machine stood still */
		int tid = LOAD(tids[rng_below(r, (uint64_t)LOAD(ntids))]);

		if (tid)
			CHECK_INT(tgkill(getpid(), tid, SIGUSR1), ==, 0);
		sleep_ns((int64_t)rng_below(r, 100000));
	}
}

/* in a process of its own, whose workers do not end: a trap while libc ends a kernel thread would end the process */
static void round_with(unsigned workers, const char *policy, uint64_t seed, int64_t span)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .policy = policy, .quantum = STINT_US(50) };
	struct rng r;

	test_child();
	CHECK_INT(stint_start(&config), ==, 0);
	note_workers();
	crew_job = keeps_going;
	crew_settle = settle;
	rng_seed(&r, seed);
	for (int i = 0; i < MEMBERS; i++) {
		struct place *p = &crew[i];

		p->kind = (enum kind)(i % KINDS);
		rng_seed(&p->rng, seed + 1 + (uint64_t)i);
		rng_seed(&p->own, seed + 1001 + (uint64_t)i);
		start(p);
	}
	storm(&r, span);
	STORE(over, 1);
	for (int i = 0; i < MEMBERS; i++)
		crew_leave(&crew[i]);
	printf("%u workers, %s: %lu forks at a step, %lu in the storm\n", workers, policy, stepped, stormed);
	CHECK_INT(stepped, >, 0);
	fflush(stdout);
	_exit(0);
}

int main(void)
{
	static const unsigned workers[] = { 1, 2, 4 };
	static const char *const policies[] = { "fair", "fifo", "lifo" };
	struct sigaction storming = { .sa_handler = on_storm, .sa_flags = SA_RESTART };
	struct sigaction stepping = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_RESTART };
	int64_t span = test_seconds(4) * 1000000000 / 3;
	uint64_t seed = test_seed();
	pid_t pid;

	test_watchdog();
	CHECK(!stint_unsupported());
	if (__asan_init)
		test_skip("the sanitizer's allocator, locked by another thread, stays so in a child");
	sigaddset(&storming.sa_mask, SIGTRAP);
	sigaddset(&stepping.sa_mask, SIGUSR1);
	CHECK_INT(sigaction(SIGUSR1, &storming, NULL), ==, 0);
	CHECK_INT(sigaction(SIGTRAP, &stepping, NULL), ==, 0);
	for (int i = 0; i < 3; i++) {
		pid = fork();
		CHECK_INT(pid, >=, 0);
		if (!pid)
			round_with(workers[i], policies[i], seed + (uint64_t)i * 10000, span);
		CHECK_EXIT(pid, 0);
	}
	return 0;
}
