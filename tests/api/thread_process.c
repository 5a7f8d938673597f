/*
 * thread_process.c - the process around threads: fork in a thread and beside them, exit in a thread, signals
 * for handlers, other ids, a stack that is full
 */
#include "../test.h"

#include <pthread.h>
#include <sys/resource.h>

#include <stint.h>

static int leave, turns[4];

static void *returns(void *arg)
{
	return arg;
}

static void *hog(void *arg)
{
	while (!__atomic_load_n(&leave, __ATOMIC_RELAXED))
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *naps(void *arg)
{
	while (!__atomic_load_n(&leave, __ATOMIC_RELAXED)) {
		stint_thread_sleep(STINT_US(100));
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

/* whatever a process can do with threads */
static void threads_work(void)
{
	stint_thread_t *t[20];
	void *result;

	for (int i = 0; i < 20; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, returns, &t[i]), ==, 0);
	for (int i = 0; i < 20; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(result == &t[i]);
	}
	stint_thread_sleep(STINT_US(200));
	CHECK_INT(stint_thread_join_timed(NULL, NULL, 0), ==, EINVAL);
	CHECK_INT(stint_policy_set(stint_policy_builtin(1)), ==, 0);
}

static stint_thread_t *other; /* one that a child does not have */

static void other_is_not_here(void)
{
	CHECK_INT(stint_thread_join(other, NULL), ==, EINVAL);
	CHECK_INT(stint_thread_cancel(other), ==, EINVAL);
	CHECK_INT(stint_thread_detach(other), ==, EINVAL);
}

static void go_on_running(void)
{
	for (int i = 0; i < 4; i++) {
		int before = __atomic_load_n(&turns[i], __ATOMIC_RELAXED);

		while (__atomic_load_n(&turns[i], __ATOMIC_RELAXED) == before)
			stint_thread_sleep(STINT_US(500));
	}
}

/* --- fork -------------------------------------------------------------------------------------- */

static void *forks(void *arg)
{
	pid_t pid = fork();
	stint_thread_t *me = stint_thread_self();

	CHECK_INT(pid, >=, 0);
	CHECK(me);
	if (!pid) {
		struct stint_usage u;

		test_child();
		CHECK(stint_thread_self() == me);
		CHECK_INT(stint_thread_usage(me, &u), ==, 0);
		other_is_not_here();
		threads_work();
		CHECK_INT(stint_stop(), ==, EPERM);
		if (arg)
			return NULL; /* the last thread of that process */
		_exit(0);
	}
	threads_work();
	CHECK_EXIT(pid, 0);
	return arg;
}

static void *forks_in_a_call(void *arg)
{
	stint_t *s = stint_launch(forks, arg, STINT_S(100));

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	return arg;
}

static void forks_beside(void)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		CHECK(!stint_thread_self());
		other_is_not_here();
		threads_work();
		while (stint_stop() == EBUSY)
			sleep_ns(100000);
		threads_work();
		_exit(0);
	}
	threads_work();
	CHECK_EXIT(pid, 0);
}

static void *forks_on_kernel_thread(void *arg)
{
	forks_beside();
	return arg;
}

static void many_forks(void)
{
	stint_thread_t *t[4], *f;
	pthread_t k;

	leave = 0;
	for (int i = 0; i < 4; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, i % 2 ? naps : hog, &turns[i]), ==, 0);
	other = t[1];
	for (int i = 0; i < 4; i++) {
		CHECK_INT(stint_thread_create(&f, NULL, i % 2 ? forks : forks_in_a_call, NULL), ==, 0);
		CHECK_INT(stint_thread_join(f, NULL), ==, 0);
		forks_beside();
		go_on_running();
	}
	CHECK_INT(stint_thread_create(&f, NULL, forks, &f), ==, 0);
	CHECK_INT(stint_thread_join(f, NULL), ==, 0);
	CHECK_INT(pthread_create(&k, NULL, forks_on_kernel_thread, NULL), ==, 0);
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	go_on_running();
	__atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 4; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
}

/* --- exit -------------------------------------------------------------------------------------- */

static void *exits(void *arg)
{
	(void)arg;
	spin_ns(2000000);
	exit(23);
}

static void at_exit(void)
{
	stint_thread_yield();
	if (write(2, "", 0) < 0)
		_exit(9);
}

static void exit_in_a_thread(void)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		CHECK_INT(pid, >=, 0);
		if (!pid) {
			stint_thread_t *t;

			test_child();
			leave = 0;
			atexit(at_exit);
			for (int j = 0; j < 4; j++)
				CHECK_INT(stint_go(j % 2 ? naps : hog, &turns[j]), ==, 0);
			CHECK_INT(stint_thread_create(&t, NULL, exits, NULL), ==, 0);
			stint_thread_join(t, NULL);
			_exit(8);
		}
		CHECK_EXIT(pid, 23);
	}
}

/* main returns while threads run */
static void main_returns(void)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		leave = 0;
		for (int j = 0; j < 4; j++)
			CHECK_INT(stint_go(j % 2 ? naps : hog, &turns[j]), ==, 0);
		go_on_running();
		exit(0);
	}
	CHECK_EXIT(pid, 0);
}

/* --- signals ----------------------------------------------------------------------------------- */

static int handled;

static void on_signal(int signo)
{
	int saved = errno;

	(void)signo;
	CHECK_INT(close(-1), ==, -1);
	errno = saved;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static void *minds_errno(void *arg)
{
	errno = 77;
	while (!__atomic_load_n(&leave, __ATOMIC_RELAXED)) {
		CHECK_INT(errno, ==, 77);
		__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
		if (turns[0] % 64 == 0)
			stint_thread_sleep(STINT_US(50));
	}
	return arg;
}

static void signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	stint_thread_t *t[4];

	CHECK_INT(sigaction(SIGUSR1, &action, NULL), ==, 0);
	CHECK_INT(sigaction(SIGURG, &action, NULL), ==, 0);
	leave = 0;
	for (int i = 0; i < 4; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, minds_errno, &turns[i]), ==, 0);
	for (int i = 0; i < 400; i++) {
		int before = __atomic_load_n(&handled, __ATOMIC_RELAXED);

		CHECK_INT(kill(getpid(), i % 2 ? SIGUSR1 : SIGURG), ==, 0);
		while (__atomic_load_n(&handled, __ATOMIC_RELAXED) == before)
			sleep_ns(10000);
	}
	go_on_running();
	__atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 4; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	CHECK_INT(handled, >=, 400);
}

/* --- other ids --------------------------------------------------------------------------------- */

static void *changes_ids(void *arg)
{
	CHECK_INT(setuid(getuid()), ==, 0);
	CHECK_INT(setgid(getgid()), ==, 0);
	return arg;
}

/* libc has all kernel threads of the process do it, those of the runtime too, and waits for them: some compute, some are idle */
static void ids(void)
{
	stint_thread_t *t[3];

	leave = 0;
	CHECK_INT(stint_thread_create(&t[0], NULL, hog, &turns[0]), ==, 0);
	CHECK_INT(stint_thread_create(&t[1], NULL, naps, &turns[1]), ==, 0);
	for (int i = 0; i < 20; i++) {
		changes_ids(NULL);
		CHECK_INT(stint_thread_create(&t[2], NULL, changes_ids, NULL), ==, 0);
		CHECK_INT(stint_thread_join(t[2], NULL), ==, 0);
	}
	__atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
}

/* --- a full stack ------------------------------------------------------------------------------ */

static volatile int depth;

static int recurse(int n)
{
	volatile char frame[200];

	frame[n % 200] = (char)n;
	depth = n;
	return depth < 0 ? 0 : recurse(n + 1) + frame[(n + 1) % 200];
}

static void *overflows(void *arg)
{
	dprintf(2, "%llu;", (unsigned long long)stint_thread_id(stint_thread_self()));
	recurse(0);
	return arg;
}

static void overflow(const char *name)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .name = name, .stack_size = 96 << 10 };
	char text[1000], expected[100];
	struct rlimit none = { 0, 0 };
	ssize_t n, all = 0;
	int p[2], status;
	pid_t pid;

	CHECK_INT(pipe(p), ==, 0);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		stint_thread_t *t;

		test_child();
		setrlimit(RLIMIT_CORE, &none);
		CHECK_INT(dup2(p[1], 2), ==, 2);
		close(p[1]);
		CHECK_INT(stint_thread_create(&t, &attr, overflows, NULL), ==, 0);
		stint_thread_join(t, NULL);
		_exit(7);
	}
	close(p[1]);
	while ((n = read(p[0], text + all, sizeof(text) - 1 - (size_t)all)) > 0)
		all += n;
	text[all] = '\0';
	close(p[0]);
	status = wait_for(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	snprintf(expected, sizeof(expected), "overflow in thread %.*s%s%s%s: it had 98304 bytes",
		 (int)(strchr(text, ';') - text), text, *name ? " \"" : "", name, *name ? "\"" : "");
	if (!strchr(text, ';') || !strstr(text, expected) || !strstr(text, "stint_thread_attr"))
		test_fail(__FILE__, __LINE__, "\"%s\" is not in: %s", expected, text);
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 3, .quantum = STINT_US(300) };

	test_watchdog();
	CHECK_INT(stint_start(&config), ==, 0);
	many_forks();
	exit_in_a_thread();
	main_returns();
	signals();
	ids();
	overflow("greedy");
	overflow("");
	return 0;
}
