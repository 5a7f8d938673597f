/*
 * threads.c - the n-th allocation, mapping, timer, kernel thread fails while the runtime is started, threads
 * are made, or the policy is replaced, for every n until none does; and the process has no descriptors left:
 * it is said, nothing is left behind, nothing hangs, and the next try works
 *
 * Linked with the library's objects, so that the seam in runtime/sys.h can be told to fail.
 */
#include "../test.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <stint.h>

#include "sys.h"

static const char *const kind_names[SYS_FAULTS] = {
	[SYS_MALLOC] = "malloc",
	[SYS_MMAP] = "mmap",
	[SYS_TIMER_CREATE] = "timer_create",
	[SYS_THREAD_CREATE] = "pthread_create",
	[SYS_SIGACTION] = "sigaction",
};

static const struct stint_config config = { .size = sizeof(config), .workers = 4, .quantum = STINT_MS(1) };

/* only main and the anchor, which stays; one that has been joined may be seen a moment longer */
static void wait_for_tasks(void)
{
	for (int i = 0; count_tasks("", NULL) > 2; i++) {
		CHECK_INT(i, <, 10000);
		sleep_ns(1000000);
	}
}

static void *returns(void *arg)
{
	stint_thread_yield();
	return arg;
}

static void *sleeps(void *arg)
{
	stint_thread_sleep(STINT_US(200));
	return arg;
}

static void threads_work(void)
{
	stint_thread_t *t[10];
	void *result;

	for (int i = 0; i < 10; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, i % 2 ? sleeps : returns, &t[i]), ==, 0);
	for (int i = 0; i < 10; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(result == &t[i]);
	}
}

static void stop(void)
{
	int err;

	while ((err = stint_stop()) == EBUSY)
		sleep_ns(100000);
	CHECK_INT(err, ==, 0);
}

static void in_a_child(bool (*fn)(enum sys_fault, int), enum sys_fault kind, const char *what)
{
	int n = 1, status;

	for (;; n++) {
		pid_t pid = fork();

		CHECK_INT(pid, >=, 0);
		if (!pid) {
			test_child();
			_exit(fn(kind, n) ? 20 : 21);
		}
		status = wait_for(pid);
		if (!WIFEXITED(status) || (WEXITSTATUS(status) != 20 && WEXITSTATUS(status) != 21))
			test_fail(__FILE__, __LINE__, "%s, %s number %d: status %#x", what, kind_names[kind],
				  n, status);
		if (WEXITSTATUS(status) == 21)
			break;
	}
	printf("%s: %d of %s\n", what, n - 1, kind_names[kind]);
}

static bool happened(enum sys_fault kind)
{
	bool did = !sys_fault_after[kind];

	sys_fault_after[kind] = 0;
	return did;
}

/* and of what there was too little, where it is not memory */
static void said_why(int err)
{
	CHECK(err == ENOMEM || err == EAGAIN);
	CHECK(*stint_why());
	if (err == EAGAIN && !strstr(stint_why(), "ulimit -i"))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say which limits there are", stint_why());
}

/* the first start of the process: some of what was made stays for later, none of it is a descriptor */
static bool first_start(enum sys_fault kind, int n)
{
	int fds = count_fds(), err;
	bool did;

	sys_fault_after[kind] = n;
	err = stint_start(&config);
	did = happened(kind);
	if (did && err) {
		said_why(err);
		CHECK_INT(count_fds(), ==, fds);
		wait_for_tasks();
		CHECK_INT(stint_start(&config), ==, 0);
	}
	CHECK(did || !err);
	threads_work();
	stop();
	CHECK_INT(count_fds(), ==, fds);
	return did;
}

/* later ones: nothing whatsoever is left */
static bool later_start(enum sys_fault kind, int n)
{
	int fds, err;
	bool did;

	CHECK_INT(stint_start(&config), ==, 0);
	threads_work();
	stop();
	fds = count_fds();
	sys_fault_after[kind] = n;
	err = stint_start(&config);
	did = happened(kind);
	CHECK(!!err == did || !err);
	if (err) {
		said_why(err);
		CHECK_INT(stint_stop(), ==, 0);
		wait_for_tasks();
		CHECK_INT(count_fds(), ==, fds);
		CHECK_INT(stint_start(&config), ==, 0);
	}
	threads_work();
	stop();
	return did;
}

#define MANY 200

/* by main: made or not, and those that were run */
static bool many_threads(enum sys_fault kind, int n)
{
	struct stint_thread_attr attr = { .size = sizeof(attr),
					  .stack_size = (40 << 10) + ((size_t)n << 12) };
	static stint_thread_t *t[MANY];
	int failed = 0;
	bool did;

	CHECK_INT(stint_start(&config), ==, 0);
	threads_work();
	sys_fault_after[kind] = n;
	for (int i = 0; i < MANY; i++) {
		int err;

		t[i] = NULL;
		err = stint_thread_create(&t[i], &attr, returns, &t[i]);
		CHECK(err == 0 || err == ENOMEM || err == EAGAIN);
		CHECK(err ? !t[i] : !!t[i]);
		failed += !!err;
	}
	did = happened(kind);
	CHECK(did || !failed);
	CHECK_INT(failed, <=, 1);
	for (int i = 0; i < MANY; i++)
		if (t[i])
			CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	threads_work();
	stop();
	return did;
}

/* --- another policy ------------------------------------------------------------------------------ */

/* how far those that run meanwhile have come; each is seen to go on whatever became of the policy */
#define CREW 8
static long laps[CREW];
static int leave;

static void *runs(void *arg)
{
	long me = (long)arg;

	while (!__atomic_load_n(&leave, __ATOMIC_ACQUIRE)) {
		switch (__atomic_add_fetch(&laps[me], 1, __ATOMIC_RELEASE) % 3) {
		case 0:
			stint_thread_yield();
			break;
		case 1:
			stint_thread_sleep(STINT_US(50));
			break;
		default:
			spin_ns(20000);
		}
	}
	return arg;
}

static void hire(stint_thread_t **crew)
{
	leave = 0;
	for (long i = 0; i < CREW; i++)
		CHECK_INT(stint_thread_create(&crew[i], NULL, runs, (void *)i), ==, 0);
}

static void crew_goes_on(void)
{
	for (int i = 0; i < CREW; i++) {
		long before = __atomic_load_n(&laps[i], __ATOMIC_ACQUIRE);

		while (__atomic_load_n(&laps[i], __ATOMIC_ACQUIRE) < before + 3)
			sleep_ns(100000);
	}
}

static void dismiss(stint_thread_t **crew)
{
	void *result;

	__atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
	for (long i = 0; i < CREW; i++) {
		CHECK_INT(stint_thread_join(crew[i], &result), ==, 0);
		CHECK_INT((long)result, ==, i);
	}
}

static void policy_is(const char *name)
{
	struct stint_config now = { .size = sizeof(now) };

	CHECK_INT(stint_config_get(&now), ==, 0);
	CHECK_STR(now.policy, name);
}

/* a policy that counts its queues, and may not be able to make the n-th; the rest is a built-in one's */
static const struct stint_policy *original;
static int queues, made, fails_at;
#define BIG_QUEUE (1 << 18)     /* so that one that is left behind is seen */

static int counting_init(void *rq, stint_ns quantum)
{
	if (++made == fails_at)
		return ENOSPC;
	queues++;
	return original->init ? original->init(rq, quantum) : 0;
}

/* by the workers */
static void counting_fini(void *rq)
{
	if (original->fini)
		original->fini(rq);
	__atomic_sub_fetch(&queues, 1, __ATOMIC_RELEASE);
}

static struct stint_policy counting(size_t builtin)
{
	struct stint_policy p = *stint_policy_builtin(builtin);

	original = stint_policy_builtin(builtin);
	p.name = "counting";
	p.rq_size += BIG_QUEUE;
	p.init = counting_init;
	p.fini = counting_fini;
	made = queues = fails_at = 0;
	return p;
}

/* for want of something: what was made is given back, all run on under the policy that they had, and the next try works */
static bool policy_set(enum sys_fault kind, int n)
{
	struct stint_policy p = counting(1);
	stint_thread_t *crew[CREW];
	size_t heap;
	bool did;
	int err;

	CHECK_INT(stint_start(&config), ==, 0);
	policy_is("fair");
	hire(crew);
	crew_goes_on();
	heap = heap_in_use();
	sys_fault_after[kind] = n;
	err = stint_policy_set(&p);
	did = happened(kind);
	CHECK_INT(err, ==, did ? ENOMEM : 0);
	policy_is(did ? "fair" : "counting");
	CHECK_INT(__atomic_load_n(&queues, __ATOMIC_ACQUIRE), ==, did ? 0 : (int)config.workers);
	if (did)
		CHECK_INT(heap_in_use(), <, heap + BIG_QUEUE);
	crew_goes_on();
	CHECK_INT(stint_policy_set(stint_policy_builtin(2)), ==, 0);
	CHECK_INT(__atomic_load_n(&queues, __ATOMIC_ACQUIRE), ==, 0);
	policy_is(stint_policy_builtin(2)->name);
	crew_goes_on();
	dismiss(crew);
	threads_work();
	stop();
	return did;
}

/* the same where the policy itself has something against it */
static bool policy_refuses(enum sys_fault unused, int n)
{
	struct stint_policy p = counting(2);
	stint_thread_t *crew[CREW];
	int err;

	(void)unused;
	CHECK_INT(stint_start(&config), ==, 0);
	hire(crew);
	fails_at = n;
	err = stint_policy_set(&p);
	CHECK_INT(err, ==, n <= (int)config.workers ? ENOSPC : 0);
	policy_is(err ? "fair" : "counting");
	CHECK_INT(__atomic_load_n(&queues, __ATOMIC_ACQUIRE), ==, err ? 0 : (int)config.workers);
	crew_goes_on();
	fails_at = 0;
	CHECK_INT(stint_policy_set(&p), ==, 0);
	crew_goes_on();
	dismiss(crew);
	stop();
	CHECK_INT(queues, ==, 0);
	return err;
}

/* a cleanup that there is no memory for is not there, and the rest of the thread goes on */
static int ran;

static void count_run(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&ran, 1, __ATOMIC_RELAXED);
}

static void *defers(void *arg)
{
	int *kept = arg;

	for (int i = 0; i < 200; i++) {
		int err = stint_defer(count_run, NULL);

		CHECK(err == 0 || err == ENOMEM);
		*kept += !err;
	}
	stint_thread_sleep(STINT_FOREVER);
	return NULL;
}

static bool in_a_thread(enum sys_fault kind, int n)
{
	stint_thread_t *t;
	int kept = 0;
	bool did;

	CHECK_INT(stint_start(&config), ==, 0);
	threads_work();
	ran = 0;
	sys_fault_after[kind] = n;
	CHECK_INT(stint_thread_create(&t, NULL, defers, &kept), ==, 0);
	sleep_ns(5000000);
	CHECK_INT(stint_thread_cancel(t), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	did = happened(kind);
	CHECK_INT(ran, ==, kept);
	stop();
	return did;
}

/* --- in a bare system call --------------------------------------------------------------------- */

static int seat;

static void *sits(void *arg)
{
	register long r10 __asm__("r10");
	long r;

	while (!__atomic_load_n(&seat, __ATOMIC_ACQUIRE)) {
		r = SYS_futex;
		r10 = 0;
		__asm__ volatile("syscall"
		                 : "+a"(r)
		                 : "D"(&seat), "S"((long)FUTEX_WAIT_PRIVATE), "d"(0L), "r"(r10)
		                 : "rcx", "r11", "memory");
	}
	return arg;
}

static void *computes(void *arg)
{
	while (!__atomic_load_n(&seat, __ATOMIC_ACQUIRE))
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	return arg;
}

static uint64_t reliefs(void)
{
	struct stint_worker_stats s;
	uint64_t n = 0;

	for (unsigned i = 0; !stint_worker_stats(i, &s); i++)
		n += s.reliefs;
	return n;
}

/* What its worker needs to go on with another kernel thread cannot be had: until it can the others have their turns nevertheless. */
static bool handed_off(enum sys_fault kind, int n)
{
	const struct stint_config one = { .size = sizeof(one), .workers = 1, .quantum = STINT_MS(1) };
	stint_thread_t *sitter[2], *hog;
	int ran = 0, before;
	bool did;

	seat = 0;
	CHECK_INT(stint_start(&one), ==, 0);
	CHECK_INT(stint_thread_create(&hog, NULL, computes, &ran), ==, 0);
	sys_fault_after[kind] = n;
	for (int i = 0; i < 2; i++)
		while (stint_thread_create(&sitter[i], NULL, sits, NULL))
			;
	do {
		before = __atomic_load_n(&ran, __ATOMIC_RELAXED);
		sleep_ns(20000000);
		CHECK_INT(__atomic_load_n(&ran, __ATOMIC_RELAXED), >, before);
	} while (reliefs() < 2);
	did = happened(kind);
	__atomic_store_n(&seat, 1, __ATOMIC_RELEASE);
	CHECK_INT(syscall(SYS_futex, &seat, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0), >=, 0);
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_join(sitter[i], NULL), ==, 0);
	CHECK_INT(stint_thread_join(hog, NULL), ==, 0);
	stop();
	return did;
}

/* --- no descriptors ---------------------------------------------------------------------------- */

static void with_descriptors(int n)
{
	struct rlimit limit, few;
	int highest, err;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	highest = open("/dev/null", O_RDONLY);
	CHECK(highest >= 0);
	close(highest);
	few = limit;
	few.rlim_cur = (rlim_t)(highest + n);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
	err = stint_start(&config);
	if (err) {
		CHECK_INT(err, ==, EMFILE);
		CHECK(*stint_why());
		CHECK_INT(open("/dev/null", O_RDONLY), ==, n ? highest : -1);
		if (n)
			close(highest);
	}
	CHECK(n >= 2 || err);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	if (err)
		CHECK_INT(stint_start(&config), ==, 0);
	threads_work();
	stop();
	CHECK_INT(open("/dev/null", O_RDONLY), ==, highest);
	close(highest);
}

static bool few_descriptors(enum sys_fault kind, int n)
{
	(void)kind;
	CHECK_INT(stint_start(&config), ==, 0);
	stop();
	with_descriptors(n - 1);
	return n < 5;
}

/* --- again and again --------------------------------------------------------------------------- */

static bool leaks_nothing(enum sys_fault unused, int once)
{
	size_t heap = 0;
	int fds = 0, maps = 0;

	(void)unused;
	CHECK_INT(stint_start(&config), ==, 0);
	threads_work();
	stop();
	for (int i = 0; i < 120; i++) {
		enum sys_fault kind = (enum sys_fault)(i % 4);

		later_start(kind, 1 + i % 11);
		if (i == 60) {
			fds = count_fds();
			maps = count_maps();
			heap = heap_in_use();
		}
	}
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 20);
	CHECK_INT(heap_in_use(), <=, heap + (64 << 10));
	return once < 1;
}

int main(void)
{
	test_watchdog();
	for (int kind = 0; kind < SYS_FAULTS; kind++)
		in_a_child(first_start, (enum sys_fault)kind, "first start");
	for (int kind = 0; kind < SYS_FAULTS; kind++)
		in_a_child(later_start, (enum sys_fault)kind, "later start");
	in_a_child(many_threads, SYS_MALLOC, "200 threads");
	in_a_child(many_threads, SYS_MMAP, "200 threads");
	for (int kind = 0; kind < SYS_FAULTS; kind++)
		in_a_child(policy_set, (enum sys_fault)kind, "another policy");
	in_a_child(policy_refuses, SYS_MALLOC, "a policy that refuses");
	in_a_child(in_a_thread, SYS_MALLOC, "in a thread");
	for (int kind = 0; kind < SYS_FAULTS; kind++)
		in_a_child(handed_off, (enum sys_fault)kind, "handed off");
	in_a_child(few_descriptors, SYS_MALLOC, "few descriptors");
	in_a_child(leaks_nothing, SYS_MALLOC, "again and again");
	return 0;
}
