/*
 * forbidden.c - what changes the thread, its stack or the process under a call: works, or is refused with an error
 */
#include "../test.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/syscall.h>
#include <threads.h>
#include <ucontext.h>
#include <unistd.h>

#include <stint.h>

static stint_t *run(stint_fn *fn, void *arg)
{
	stint_t *s = stint_launch(fn, arg, STINT_S(100));

	CHECK(s);
	return s;
}

/* the same again, for things that differ the second time */
static void completes(stint_fn *fn, void *arg)
{
	for (int i = 0; i < 2; i++) {
		stint_t *s = run(fn, arg);

		CHECK(stint_is_complete(s));
		stint_free(s);
	}
}

/* calls can still be stopped and go on; after what might have broken the books */
static volatile int leave;

static void *spins(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void all_is_well(void)
{
	stint_t *s;

	CHECK(!stint_self());
	leave = false;
	s = stint_launch(spins, &s, STINT_US(500));
	CHECK(s);
	for (int i = 0; i < 3; i++)
		CHECK_INT(stint_resume(s, STINT_US(500)), ==, ETIMEDOUT);
	leave = true;
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK(stint_result(s) == &s);
	stint_free(s);
}

/* --- vfork, _Fork ------------------------------------------------------------------------------ */

static volatile int shared;

static pid_t __attribute__((noinline)) child_by(pid_t (*fork_fn)(void))
{
	pid_t pid = fork_fn();

	if (pid == 0) {
		shared = 1;
		_exit(getppid() == 1 ? 1 : 20);
	}
	return pid;
}

static void *forks(void *arg)
{
	shared = 0;
	CHECK_EXIT(child_by(vfork), 20);
	CHECK_INT(shared, ==, 0);       /* the child had memory of its own */
	CHECK_EXIT(child_by(_Fork), 20);
	return arg;
}

/* the child goes on with its deadline */
static void *forks_and_spins(void *arg)
{
	pid_t pid = vfork();

	CHECK_INT(pid, >=, 0);
	if (pid == 0)
		for (;;)
			;
	*(pid_t *)arg = pid;
	return arg;
}

static void forked(void)
{
	pid_t parent = getpid(), pid;
	stint_t *s;

	shared = 0;
	CHECK_EXIT(child_by(vfork), 20);
	CHECK_INT(shared, ==, 1);       /* outside a call it is the real one */
	completes(forks, NULL);
	s = stint_launch(forks_and_spins, &pid, STINT_MS(20));
	if (getpid() != parent) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		_exit(21);
	}
	CHECK(stint_is_complete(s));
	stint_free(s);
	CHECK_EXIT(pid, 21);
	all_is_well();
}

/* --- clone, sigaltstack ------------------------------------------------------------------------ */

static int in_clone(void *arg)
{
	*(int *)arg = 5;
	return 0;
}

static char clone_stack[64 << 10];

static void *clones(void *arg)
{
	int mark = 0;

	errno = 0;
	CHECK_INT(clone(in_clone, clone_stack + sizeof(clone_stack), SIGCHLD, &mark), ==, -1);
	CHECK_INT(errno, ==, ENOTSUP);
	errno = 0;
	CHECK_INT(clone(in_clone, clone_stack + sizeof(clone_stack), CLONE_VM | SIGCHLD, &mark), ==, -1);
	CHECK_INT(errno, ==, ENOTSUP);
	CHECK_INT(mark, ==, 0);
	return arg;
}

static void cloned(void)
{
	int mark = 0;
	pid_t pid;

	completes(clones, NULL);
	pid = clone(in_clone, clone_stack + sizeof(clone_stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &mark);
	CHECK_EXIT(pid, 0);
	CHECK_INT(mark, ==, 5);
}

static void *sets_stack(void *arg)
{
	static char memory[64 << 10];
	stack_t mine = { .ss_sp = memory, .ss_size = sizeof(memory) }, seen, before;

	CHECK_INT(sigaltstack(NULL, &before), ==, 0);
	errno = 0;
	CHECK_INT(sigaltstack(&mine, NULL), ==, -1);
	CHECK_INT(errno, ==, ENOTSUP);
	CHECK_INT(sigaltstack(NULL, &seen), ==, 0);
	CHECK(seen.ss_sp == before.ss_sp && seen.ss_size == before.ss_size);
	return arg;
}

/* --- contexts ---------------------------------------------------------------------------------- */

static ucontext_t main_context, call_context, coroutine;
static char coroutine_stack[64 << 10];
static volatile int turns;

static void in_coroutine(void)
{
	for (;;) {
		turns++;
		CHECK_INT(swapcontext(&coroutine, &call_context), ==, 0);
	}
}

static void *switches(void *arg)
{
	ucontext_t dummy;

	turns = 0;
	CHECK_INT(getcontext(&coroutine), ==, 0);
	coroutine.uc_stack.ss_sp = coroutine_stack;
	coroutine.uc_stack.ss_size = sizeof(coroutine_stack);
	coroutine.uc_link = NULL;
	makecontext(&coroutine, in_coroutine, 0);
	for (int i = 0; i < 100; i++) {
		CHECK_INT(swapcontext(&call_context, &coroutine), ==, 0);
		CHECK_INT(turns, ==, i + 1);
		if (i % 10 == 0)
			stint_pause();
	}
	/* to the stack of whoever launched us */
	errno = 0;
	CHECK_INT(swapcontext(&dummy, &main_context), ==, -1);
	CHECK_INT(errno, ==, ENOTSUP);
	errno = 0;
	CHECK_INT(setcontext(&main_context), ==, -1);
	CHECK_INT(errno, ==, ENOTSUP);
	return arg;
}

static void *switches_within(void *arg)
{
	stint_t *s;

	CHECK_INT(getcontext(&main_context), ==, 0);
	s = run(switches, arg);
	while (stint_resume(s, STINT_S(100)) == EAGAIN)
		;
	CHECK(stint_is_complete(s));
	stint_free(s);
	return arg;
}

/* --- pthread_exit ------------------------------------------------------------------------------ */

static int cleaned, destroyed;
static pthread_key_t key;

static void on_key(void *arg)
{
	CHECK(arg == &key);
	destroyed++;
}

static void clean(void *arg)
{
	cleaned = cleaned * 10 + *(int *)arg;
}

static void exit_deep(int depth)
{
	int volatile frame[50];

	frame[depth % 50] = depth;
	if (depth)
		exit_deep(depth - 1);
	else if (frame[0] == 0)
		pthread_exit(&key);
	CHECK_INT(frame[depth % 50], ==, depth);
}

static int fds_before;

static void not_run(void *arg)
{
	CHECK(!arg);
	CHECK(false);
}

static void *exits(void *arg)
{
	int one = 1, two = 2, depth = *(int *)arg;

	CHECK_INT(stint_defer(not_run, NULL), ==, 0);   /* for a cancel */
	CHECK_INT(pthread_setspecific(key, &key), ==, 0);
	if (depth < 0)
		pthread_exit(&key);
	pthread_cleanup_push(clean, &one);
	pthread_cleanup_push(clean, &two);
	exit_deep(depth);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *exits_c11(void *arg)
{
	(void)arg;
	thrd_exit(-77);
}

static int compare_once(const void *a, const void *b)
{
	(void)a;
	(void)b;
	pthread_exit(&key);
}

static void *exits_in_sort(void *arg)
{
	int numbers[3] = { 3, 1, 2 };

	qsort(numbers, 3, sizeof(int), compare_once);
	return arg;
}

static void *exits_inner(void *arg)
{
	int depth = 3;
	stint_t *s = run(exits, &depth);

	CHECK(stint_result(s) == &key);
	stint_free(s);
	return arg;
}

static void *pushes_and_pauses(void *arg)
{
	int nine = 9;

	pthread_cleanup_push(clean, &nine);
	stint_pause();
	pthread_cleanup_pop(0);
	return arg;
}

/* what a cancelled call had pushed is not there for the next one, which has its stack and thread */
static void exited_after_cancel(void)
{
	int depth = 2;
	stint_t *s;

	cleaned = 0;
	s = run(pushes_and_pauses, NULL);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	s = run(exits, &depth);
	CHECK(stint_result(s) == &key);
	stint_free(s);
	CHECK_INT(cleaned, ==, 21);
}

static void exited(void)
{
	int depths[] = { -1, 0, 7, 100 };
	stint_t *s;

	CHECK_INT(pthread_key_create(&key, on_key), ==, 0);
	fds_before = count_fds();
	for (int i = 0; i < 4; i++) {
		cleaned = destroyed = 0;
		s = run(exits, &depths[i]);
		CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
		CHECK(stint_result(s) == &key);
		CHECK_INT(cleaned, ==, depths[i] < 0 ? 0 : 21);
		CHECK_INT(destroyed, ==, 1);
		stint_free(s);
	}
	s = run(exits_c11, NULL);
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	CHECK_INT((intptr_t)stint_result(s), ==, -77);
	stint_free(s);
	s = run(exits_in_sort, NULL);
	CHECK(stint_result(s) == &key);
	stint_free(s);
	completes(exits_inner, NULL);
	exited_after_cancel();
	CHECK_INT(count_fds(), ==, fds_before);
	CHECK_INT(pthread_key_delete(key), ==, 0);
	all_is_well();
}

/* --- jumping out ------------------------------------------------------------------------------- */

static jmp_buf out;
static sigjmp_buf sigout;
static int undone;

static void undo(void *arg)
{
	CHECK(arg == &out);
	CHECK(stint_self());
	undone++;
}

static void *jumps_out(void *arg)
{
	void *block = malloc(1000);

	CHECK(block);
	CHECK_INT(stint_defer(undo, &out), ==, 0);
	if (arg)
		stint_pause();
	longjmp(out, 3);
}

static void *sigjumps_out(void *arg)
{
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &set, NULL), ==, 0);
	siglongjmp(sigout, 4);
}

static void *around(void *arg)
{
	run(jumps_out, NULL);
	return arg;
}

static void *catches(void *arg)
{
	int volatile got = setjmp(out);

	if (!got)
		run(around, NULL);
	CHECK_INT(got, ==, 3);
	CHECK(stint_self());
	stint_pause();
	return arg;
}

static void on_signal(int signo)
{
	CHECK_INT(signo, ==, SIGUSR2);
	siglongjmp(sigout, 5);
}

static void *jumps_in_handler(void *arg)
{
	raise(SIGUSR2);
	return arg;
}

static void jumped_out_of_launch(void)
{
	volatile int fds = count_fds();
	volatile size_t heap = 0;

	for (int volatile i = 0; i < 30; i++) {
		undone = 0;
		if (setjmp(out) == 0) {
			run(i % 2 ? around : jumps_out, NULL);
			CHECK(false);
		}
		CHECK_INT(undone, ==, 1);
		CHECK(!stint_self());
		if (i == 10)
			heap = heap_in_use();
	}
	CHECK_INT(heap_in_use(), <=, heap + 4096);      /* the call is freed, and its block with it */
	CHECK_INT(count_fds(), ==, fds);
}

static void jumped_out(void)
{
	stint_t *volatile s;
	sigset_t now;

	jumped_out_of_launch();
	/* resumed: its owner has the handle, of a cancelled call */
	undone = 0;
	s = run(jumps_out, &out);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	if (setjmp(out) == 0) {
		stint_resume(s, STINT_S(100));
		CHECK(false);
	}
	CHECK_INT(undone, ==, 1);
	CHECK_INT(stint_state(s), ==, STINT_CANCELLED);
	CHECK_INT(stint_resume(s, STINT_S(1)), ==, EINVAL);
	stint_free(s);
	/* to a call around two */
	s = run(catches, NULL);
	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	/* with the signal mask */
	if (sigsetjmp(sigout, 1) == 0)
		run(sigjumps_out, NULL);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, NULL, &now), ==, 0);
	CHECK(!sigismember(&now, SIGUSR1));
	/* out of a handler that runs on the call */
	CHECK(signal(SIGUSR2, on_signal) != SIG_ERR);
	for (int volatile i = 0; i < 3; i++)
		if (sigsetjmp(sigout, 1) == 0)
			run(jumps_in_handler, NULL);
	all_is_well();
}

/* on a thread that is not the main one, whose stack libc notes in another way */
static void *jumps_on_thread(void *arg)
{
	jumped_out();
	return arg;
}

/* --- cancelling threads ------------------------------------------------------------------------ */

static volatile pthread_t id_of_call;
static volatile int stage;

static void *is_cancelled(void *arg)
{
	int old;

	id_of_call = pthread_self();
	CHECK_INT(pthread_cancel(pthread_self()), ==, ENOTSUP);
	CHECK_INT(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old), ==, 0);
	CHECK_INT(old, ==, PTHREAD_CANCEL_ENABLE);
	CHECK_INT(pthread_setcancelstate(old, NULL), ==, 0);
	CHECK_INT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old), ==, 0);
	CHECK_INT(old, ==, PTHREAD_CANCEL_DEFERRED);
	stage = 1;
	while (stage != 2)
		;
	pthread_testcancel();
	sleep_ns(1000000);
	stage = 3;
	return arg;
}

static volatile bool came_back;

static void *runs_a_call(void *arg)
{
	stint_t *s = run(is_cancelled, NULL);

	came_back = stint_is_complete(s);
	stint_free(s);
	for (;;)
		pthread_testcancel();
	return arg;
}

/* a thread is cancelled while it runs a call: the call is not affected, the thread is cancelled when it is outside again */
static void cancelled_thread(void)
{
	pthread_t thread;
	void *result;

	stage = 0;
	came_back = false;
	CHECK_INT(pthread_create(&thread, NULL, runs_a_call, NULL), ==, 0);
	while (stage != 1)
		sched_yield();
	CHECK_INT(pthread_cancel(id_of_call), ==, ENOTSUP);
	CHECK_INT(pthread_kill(id_of_call, 0), ==, ESRCH);
	CHECK_INT(pthread_cancel(thread), ==, 0);
	stage = 2;
	CHECK_INT(pthread_join(thread, &result), ==, 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK(came_back);
	CHECK_INT(stage, ==, 3);
	all_is_well();
}

/* --- user ids: libc has all threads change them, by a signal ------------------------------------ */

static void *stays_in_call(void *arg)
{
	stage = 1;
	while (stage != 2)
		;
	return arg;
}

static void *runs_and_ends(void *arg)
{
	stint_t *s = run(stays_in_call, NULL);

	CHECK(stint_is_complete(s));
	stint_free(s);
	return arg;
}

/* without our care the thread would wait for ever at its end */
static void ids_changed(void)
{
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		stage = 0;
		CHECK_INT(pthread_create(&thread, NULL, runs_and_ends, NULL), ==, 0);
		while (stage != 1)
			sched_yield();
		CHECK_INT(setuid(getuid()), ==, 0);
		CHECK_INT(setgid(getgid()), ==, 0);
		stage = 2;
		CHECK_INT(pthread_join(thread, NULL), ==, 0);
	}
}

static void *raises(void *arg)
{
	CHECK_INT(pthread_kill(pthread_self(), 0), ==, 0);
	CHECK_INT(setuid(getuid()), ==, 0);
	return arg;
}

int main(void)
{
	pthread_t thread;

	test_watchdog();
	all_is_well();
	forked();
	cloned();
	completes(sets_stack, NULL);
	switches_within(NULL);
	completes(switches_within, NULL);
	exited();
	jumped_out();
	CHECK_INT(pthread_create(&thread, NULL, jumps_on_thread, NULL), ==, 0);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	cancelled_thread();
	ids_changed();
	completes(raises, NULL);
	all_is_well();
	return 0;
}
