/*
 * launch.c - the n-th allocation, mapping, timer, thread or handler fails, for every n until none does: the constructor
 * says so, nothing is left behind, and the next launch works
 *
 * Linked with the library's objects, so that the seam in runtime/sys.h can be told to fail.
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

#include "sys.h"

static const char *const kind_names[SYS_FAULTS] = {
	[SYS_MALLOC] = "malloc", [SYS_MMAP] = "mmap", [SYS_TIMER_CREATE] = "timer_create",
	[SYS_THREAD_CREATE] = "pthread_create", [SYS_SIGACTION] = "sigaction",
};

#define CALLS 150       /* more than a kernel thread keeps slots for */

static volatile int leave;

static void *loop(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void *pauses(void *arg)
{
	stint_pause();
	return arg;
}

static void calls_work(void)
{
	stint_t *s;

	leave = false;
	s = stint_launch(loop, &s, STINT_MS(1));
	if (!s)
		test_fail(__FILE__, __LINE__, "a launch after the fault: %s (%s)", strerror(errno),
		          stint_unsupported() ? stint_unsupported() : "supported");
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK(stint_result(s) == &s);
	stint_free(s);
}

/* the launch either worked or says why not */
static void check_error(const stint_t *s)
{
	if (!s)
		CHECK(errno == ENOMEM || errno == EAGAIN);
}

/* The very first launch of a process, where the library starts. Returns whether the fault happened. */
static bool first_launch(enum sys_fault kind, int n)
{
	stint_t *s;
	pid_t pid = fork();
	int status;

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		bool happened;
		int fds;

		test_child();
		fds = count_fds();
		sys_fault_after[kind] = n;
		errno = 0;
		s = stint_launch(pauses, NULL, STINT_S(100));
		check_error(s);
		happened = !sys_fault_after[kind];
		if (!happened)
			CHECK(s);
		sys_fault_after[kind] = 0;
		stint_free(s);
		calls_work();
		CHECK_INT(count_fds(), ==, fds);
		_exit(happened ? 20 : 21);
	}
	status = wait_for(pid);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 20 && WEXITSTATUS(status) != 21))
		test_fail(__FILE__, __LINE__, "first launch, %s number %d: status %#x", kind_names[kind], n, status);
	return WEXITSTATUS(status) == 20;
}

/* Many calls at once in a process where all is set up; @stack_size is one that has not been used yet. */
static bool many_launches(enum sys_fault kind, int n, size_t stack_size)
{
	struct stint_attr attr = { .size = sizeof(attr), .stack_size = stack_size };
	stint_t *s[CALLS];
	bool happened;

	sys_fault_after[kind] = n;
	for (int i = 0; i < CALLS; i++) {
		errno = 0;
		s[i] = stint_launch_with(&attr, pauses, NULL, STINT_S(100));
		check_error(s[i]);
		if (s[i])
			CHECK_INT(stint_state(s[i]), ==, STINT_PAUSED);
	}
	happened = !sys_fault_after[kind];
	sys_fault_after[kind] = 0;
	for (int i = 0; i < CALLS; i++) {
		if (s[i] && i % 2)
			CHECK_INT(stint_resume(s[i], STINT_S(100)), ==, 0);
		stint_free(s[i]);
	}
	calls_work();
	return happened;
}

/* The first launch, and the first resume, on another kernel thread. */
struct thread_case {
	enum sys_fault kind;
	int n;
	stint_t *paused;
	bool happened;
};

static void *launches_on_thread(void *arg)
{
	struct thread_case *c = arg;
	stint_t *s;

	sys_fault_after[c->kind] = c->n;
	errno = 0;
	s = stint_launch(pauses, NULL, STINT_S(100));
	check_error(s);
	c->happened = !sys_fault_after[c->kind];
	sys_fault_after[c->kind] = 0;
	stint_free(s);
	calls_work();
	return NULL;
}

/* stint_resume() cannot say EAGAIN for this: that is a call that paused itself */
static void *resumes_on_thread(void *arg)
{
	struct thread_case *c = arg;
	int ret;

	sys_fault_after[c->kind] = c->n;
	ret = stint_resume(c->paused, STINT_S(100));
	c->happened = !sys_fault_after[c->kind];
	sys_fault_after[c->kind] = 0;
	if (ret) {
		CHECK(c->happened);
		CHECK_INT(ret, ==, ENOMEM);
		CHECK_INT(stint_state(c->paused), ==, STINT_PAUSED);
		CHECK_INT(stint_resume(c->paused, STINT_S(100)), ==, 0);
	}
	CHECK(stint_is_complete(c->paused));
	calls_work();
	return NULL;
}

static bool on_a_thread(enum sys_fault kind, int n, bool resume)
{
	struct thread_case c = { .kind = kind, .n = n };
	pthread_t thread;

	if (resume) {
		c.paused = stint_launch(pauses, NULL, STINT_S(100));
		CHECK(c.paused);
	}
	CHECK_INT(pthread_create(&thread, NULL, resume ? resumes_on_thread : launches_on_thread, &c), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	stint_free(c.paused);
	return c.happened;
}

/* In a call: cleanups, and calls of its own. */
static enum sys_fault inner_kind;
static int inner_n, ran;
static bool inner_happened;

static void count_run(void *arg)
{
	(void)arg;
	ran++;
}

static void *acquires(void *arg)
{
	int deferred = 0;
	stint_t *s;

	sys_fault_after[inner_kind] = inner_n;
	for (int i = 0; i < 200; i++) {
		int ret = stint_defer(count_run, arg);

		CHECK(ret == 0 || ret == ENOMEM);
		deferred += !ret;
	}
	s = stint_launch(pauses, NULL, STINT_S(100));
	check_error(s);
	for (int i = 0; i < 100; i++) {
		void *p = malloc(100);

		if (!p)
			CHECK_INT(errno, ==, ENOMEM);
		if (i % 2)
			free(p);
	}
	inner_happened = !sys_fault_after[inner_kind];
	sys_fault_after[inner_kind] = 0;
	*(int *)arg = deferred;
	stint_pause();
	return arg;
}

static bool in_a_call(enum sys_fault kind, int n)
{
	int deferred = -1;
	stint_t *s;

	inner_kind = kind;
	inner_n = n;
	ran = 0;
	s = stint_launch(acquires, &deferred, STINT_S(100));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK_INT(ran, ==, deferred);
	calls_work();
	return inner_happened;
}

static void first_launches(void)
{
	for (int kind = 0; kind < SYS_FAULTS; kind++) {
		int n = 1;

		while (first_launch(kind, n))
			n++;
		printf("first launch: %d of %s\n", n - 1, kind_names[kind]);
		CHECK_INT(n, >, 1);
	}
}

static void later_launches(void)
{
	size_t stack_size = 32 << 10;

	for (int kind = 0; kind <= SYS_MMAP; kind++) {
		int n = 1;

		for (; many_launches(kind, n, stack_size); n++)
			stack_size += 4096;
		stack_size += 4096;
		printf("%d calls: %d of %s\n", CALLS, n - 1, kind_names[kind]);
		CHECK_INT(n, >, 1);
	}
}

static void on_threads(bool resume)
{
	for (int kind = 0; kind < SYS_FAULTS; kind++) {
		int n = 1;

		while (on_a_thread(kind, n, resume))
			n++;
		printf("%s on a thread: %d of %s\n", resume ? "resume" : "launch", n - 1, kind_names[kind]);
		if (kind == SYS_TIMER_CREATE)
			CHECK_INT(n, ==, 2);
	}
}

static void in_calls(void)
{
	for (int kind = 0; kind < SYS_FAULTS; kind++) {
		int n = 1;

		while (in_a_call(kind, n))
			n++;
		printf("in a call: %d of %s\n", n - 1, kind_names[kind]);
	}
}

/* faults again and again leave nothing behind */
static void leaks_nothing(void)
{
	size_t heap = 0;
	int fds = 0, maps = 0;

	for (int i = 0; i < 400; i++) {
		on_a_thread(SYS_MALLOC, 1 + i % 4, false);
		on_a_thread(SYS_TIMER_CREATE, 1, i % 2);
		on_a_thread(SYS_MMAP, 1, true);
		in_a_call(SYS_MALLOC, 1 + i % 8);
		if (i == 50) {
			heap = heap_in_use();
			fds = count_fds();
			maps = count_maps();
		}
	}
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 20);
	CHECK_INT(heap_in_use(), <=, heap + (64 << 10));
}

int main(void)
{
	test_watchdog();
	first_launches();
	later_launches();
	on_threads(false);
	on_threads(true);
	in_calls();
	leaks_nothing();
	return 0;
}
