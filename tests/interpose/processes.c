/*
 * processes.c - posix_spawn, system, popen, fork and exec in calls that are stopped every 200 us; and system() cancelled
 */
#include "../test.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>

#include <stint.h>

#define SLICE STINT_US(200)
#define TIMES 12

extern char **environ;

static long stops;

/* --- in calls ------------------------------------------------------------------------------------ */

static void spawn(const char *how, int code)
{
	char *const argv[] = { "sh", "-c", (char *)how, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	CHECK_INT(posix_spawn_file_actions_init(&actions), ==, 0);
	CHECK_INT(posix_spawn_file_actions_addopen(&actions, 7, "/dev/null", O_RDONLY, 0), ==, 0);
	CHECK_INT(posix_spawnattr_init(&attr), ==, 0);
	CHECK_INT(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK), ==, 0);
	CHECK_INT(posix_spawnattr_setsigmask(&attr, &none), ==, 0);
	CHECK_INT(posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ), ==, 0);
	CHECK_EXIT(pid, code);
	CHECK_INT(posix_spawnp(&pid, "sh", &actions, NULL, argv, environ), ==, 0);
	CHECK_EXIT(pid, code);
	CHECK_INT(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ), ==, ENOENT);
	CHECK_INT(posix_spawnattr_destroy(&attr), ==, 0);
	CHECK_INT(posix_spawn_file_actions_destroy(&actions), ==, 0);
}

static void *spawns(void *arg)
{
	for (int i = 0; i < TIMES; i++)
		spawn("test -e /proc/self/fd/7 && exit 4", 4);
	return arg;
}

static void *runs(void *arg)
{
	for (int i = 0; i < TIMES; i++) {
		CHECK_INT(system("exit 3"), ==, 3 << 8);
		CHECK_INT(system("kill -TERM $$"), ==, SIGTERM);
		CHECK(system(NULL));
	}
	CHECK_INT(system("exec /nonexistent 2>/dev/null"), ==, 127 << 8);
	return arg;
}

static void *pipes(void *arg)
{
	char command[64], line[64];
	FILE *f;

	for (int i = 0; i < TIMES; i++) {
		long sum = 0;

		snprintf(command, sizeof(command), "seq 1 %d", 1000 + i);
		f = popen(command, "r");
		CHECK(f);
		while (fgets(line, sizeof(line), f))
			sum += atol(line);
		CHECK_INT(sum, ==, (1000L + i) * (1001 + i) / 2);
		CHECK_INT(pclose(f), ==, 0);
		f = popen("read x; read y; exit $((x + y))", "w");
		CHECK(f);
		CHECK_INT(fprintf(f, "%d\n%d\n", 5, i), >, 0);
		CHECK_INT(pclose(f), ==, (5 + i) << 8);
	}
	return arg;
}

/* the child is stopped with its parent's deadlines, too; so what it does until it is another program is not stopped */
static void *forks(void *arg)
{
	for (int i = 0; i < TIMES; i++) {
		pid_t pid;

		stint_preempt_disable();
		pid = fork();
		CHECK_INT(pid, >=, 0);
		if (!pid) {
			execlp("sh", "sh", "-c", "exit $0", "6", (char *)NULL);
			_exit(1);
		}
		stint_preempt_enable();
		CHECK_EXIT(pid, 6);
	}
	return arg;
}

static void sliced(stint_fn *fn)
{
	stint_t *s = stint_launch(fn, NULL, SLICE);
	int err = 0;

	CHECK(s);
	while (!stint_is_complete(s)) {
		err = stint_resume(s, SLICE);
		CHECK(err == 0 || err == ETIMEDOUT);
		stops++;
	}
	stint_free(s);
	CHECK_INT(waitpid(-1, NULL, 0), ==, -1);
	CHECK_INT(errno, ==, ECHILD);
}

/* --- system() and signals ---------------------------------------------------------------------------- */

static sighandler_t on_int(void)
{
	struct sigaction now;

	CHECK_INT(sigaction(SIGINT, NULL, &now), ==, 0);
	return now.sa_handler;
}

static bool child_blocked(void)
{
	sigset_t mask;

	CHECK_INT(pthread_sigmask(SIG_BLOCK, NULL, &mask), ==, 0);
	return sigismember(&mask, SIGCHLD);
}

static void handler(int signo)
{
	(void)signo;
}

static int ends[2];
static char command[64];

static void *waits(void *arg)
{
	CHECK_INT(system(command), ==, 9 << 8);
	CHECK(!child_blocked());
	return arg;
}

static stint_t *waiting(void)
{
	stint_t *s;

	CHECK_INT(pipe(ends), ==, 0);
	snprintf(command, sizeof(command), "read x <&%d; exit 9", ends[0]);
	s = stint_launch(waits, NULL, STINT_MS(5));
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	return s;
}

static void close_ends(void)
{
	close(ends[0]);
	close(ends[1]);
}

/* while it waits SIGINT is ignored, for all; SIGCHLD is blocked, for it alone */
static void stopped_in_system(void)
{
	stint_t *s = waiting();

	while (on_int() != SIG_IGN)     /* it had not come that far */
		CHECK_INT(stint_resume(s, STINT_MS(5)), ==, ETIMEDOUT);
	CHECK(!child_blocked());
	CHECK_INT(stint_resume(s, STINT_MS(5)), ==, ETIMEDOUT);
	CHECK_INT(write(ends[1], "\n", 1), ==, 1);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	CHECK(on_int() == handler);
	close_ends();
}

/* the command goes, is waited for, and what was changed for it is as before */
static void cancelled_in_system(void)
{
	stint_t *s = waiting();

	for (int i = 0; i < 3; i++)
		CHECK_INT(stint_resume(s, STINT_MS(5)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK(on_int() == handler);
	CHECK(!child_blocked());
	CHECK_INT(waitpid(-1, NULL, 0), ==, -1);
	CHECK_INT(errno, ==, ECHILD);
	close_ends();
}

/* a thread's and a call's overlap: the last to end puts the handler back */
static void *runs_long(void *arg)
{
	CHECK_INT(system("sleep 0.05; exit 2"), ==, 2 << 8);
	return arg;
}

static void beside_a_thread(void)
{
	pthread_t thread;
	stint_t *s;

	CHECK_INT(pthread_create(&thread, NULL, runs_long, NULL), ==, 0);
	while (on_int() != SIG_IGN)
		sleep_ns(100000);
	s = waiting();
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	while (on_int() != SIG_IGN)
		CHECK_INT(stint_resume(s, STINT_MS(5)), ==, ETIMEDOUT);
	CHECK_INT(write(ends[1], "\n", 1), ==, 1);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	CHECK(on_int() == handler);
	close_ends();
}

/* a plain thread that is cancelled there: as in libc's own */
static void cancelled_thread(void)
{
	pthread_t thread;
	void *result;

	CHECK_INT(pipe(ends), ==, 0);
	snprintf(command, sizeof(command), "read x <&%d; exit 9", ends[0]);
	CHECK_INT(pthread_create(&thread, NULL, waits, NULL), ==, 0);
	while (on_int() != SIG_IGN)
		sleep_ns(100000);
	sleep_ns(STINT_MS(5));
	CHECK_INT(pthread_cancel(thread), ==, 0);
	CHECK_INT(pthread_join(thread, &result), ==, 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK(on_int() == handler);
	close_ends();
}

int main(void)
{
	test_watchdog();
	sliced(spawns);
	sliced(runs);
	sliced(pipes);
	sliced(forks);
	printf("%ld stops\n", stops);
	CHECK_INT(stops, >=, 20);
	CHECK(signal(SIGINT, handler) != SIG_ERR);
	stopped_in_system();
	cancelled_in_system();
	beside_a_thread();
	cancelled_thread();
	return 0;
}
