/*
 * variants.c - no other name of a function leads past its wrapper: what is acquired by way of it goes with the call,
 * handlers and masks set in older ways keep to the rules, and what a thread asks the kernel about itself is answered
 */
#include "calls.h"

#include <argz.h>
#include <err.h>
#include <error.h>
#include <fcntl.h>
#include <grp.h>
#include <mntent.h>
#include <mqueue.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <threads.h>

#include <stint.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define BLOCK 5000
#define BLOCKS 200

/* exported, but in no header */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);
sighandler_t bsd_signal(int signo, sighandler_t fn);

/* --- what a cancelled call gives back ---------------------------------------------------------- */

static void *given;

/* a sanitizer's malloc() is another allocator than these */
static void use_own_names(void)
{
#ifndef __SANITIZE_ADDRESS__
	char *mine;

	mine = __libc_malloc(BLOCK);
	CHECK(mine);
	mine = __libc_realloc(mine, 2 * BLOCK);
	CHECK(mine);
	memset(mine, 1, 2 * BLOCK);
	CHECK(__libc_calloc(10, BLOCK / 10));
	CHECK(__libc_memalign(64, BLOCK));
	mine = malloc(BLOCK);
	CHECK(mine);
	memset(mine, 1, BLOCK);
	__libc_free(mine);              /* by another name than it was allocated by */
	mine = __libc_malloc(BLOCK);
	CHECK(mine);
	memset(mine, 1, BLOCK);
	free(mine);
#endif
}

static void *allocates(void *arg)
{
	char *argz, word[BLOCK];
	size_t len;

	memset(word, 'w', sizeof(word));
	word[BLOCK - 1] = '\0';
	for (int i = 0; i < BLOCKS; i++) {
		use_own_names();
		argz = NULL;
		len = 0;
		CHECK_INT(argz_add(&argz, &len, "short"), ==, 0);
		CHECK_INT(argz_add(&argz, &len, word), ==, 0);          /* moves it */
		CHECK_INT(argz_create_sep(word, ':', &argz, &len), ==, 0);
	}
	CHECK_INT(argz_add((char **)&given, arg, "and one more"), ==, 0);
	stint_pause();
	return NULL;
}

static void test_heap(void)
{
	size_t before, len = 0;

	CHECK_INT(argz_add((char **)&given, &len, "the caller's"), ==, 0);
	cancelled(allocates, &len);             /* what is made once is made now */
	before = heap_in_use();
	for (int i = 0; i < 4; i++)
		cancelled(allocates, &len);
	CHECK_INT(heap_in_use(), <, before + BLOCKS * (size_t)BLOCK);
	CHECK_INT(argz_count(given, len), ==, 6);       /* still there */
	free(given);
}

static void *opens(void *arg)
{
	int master, slave;
	char name[64];
	mqd_t queue;

	snprintf(name, sizeof(name), "/stint-variants-%d", (int)getpid());
	queue = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	if (queue >= 0) {
		CHECK_INT(mq_unlink(name), ==, 0);
		queue = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
		CHECK_INT(queue, >=, 0);
		CHECK_INT(mq_close(queue), ==, 0);
		CHECK_INT(mq_unlink(name), ==, 0);
	}
	if (openpty(&master, &slave, NULL, NULL, NULL) == 0)
		CHECK_INT(close(slave), ==, 0);
	CHECK(setmntent("/dev/null", "r"));
	CHECK_INT(endmntent(setmntent("/dev/null", "r")), ==, 1);
	stint_pause();
	return arg;
}

static void test_descriptors(void)
{
	int before;

	cancelled(opens, NULL);
	before = count_fds();
	for (int i = 0; i < 3; i++)
		cancelled(opens, NULL);
	CHECK_INT(count_fds(), ==, before);
}

/* --- a thread asks about itself ---------------------------------------------------------------- */

static void *asks(void *arg)
{
	struct sched_param param;
	struct timespec t;
	clockid_t clock;
	cpu_set_t set;
	int policy;

	CHECK_INT(pthread_getschedparam(pthread_self(), &policy, &param), ==, 0);
	CHECK_INT(pthread_setschedparam(pthread_self(), policy, &param), ==, 0);
	CHECK_INT(pthread_getaffinity_np(pthread_self(), sizeof(set), &set), ==, 0);
	CHECK_INT(CPU_COUNT(&set), >, 0);
	CHECK_INT(pthread_setaffinity_np(pthread_self(), sizeof(set), &set), ==, 0);
	CHECK_INT(pthread_getcpuclockid(pthread_self(), &clock), ==, 0);
	CHECK_INT(clock_gettime(clock, &t), ==, 0);
	return arg;
}

/* user ids: libc signals all threads but the one that asks, and waits; left a mark on ours that it waited for at its end */
static void *changes_ids(void *arg)
{
	CHECK_INT(setuid(getuid()), ==, 0);
	CHECK_INT(setgid(getgid()), ==, 0);
	CHECK_INT(setresuid(-1, -1, -1), ==, 0);
	errno = 0;
	CHECK_INT(setgroups((size_t)1 << 20, NULL), ==, -1);
	CHECK(errno == EINVAL || errno == EPERM);
	return arg;
}

static void *runs_call(void *arg)
{
	errno = 77;
	completes(changes_ids, arg);
	CHECK_INT(errno, ==, 77);
	return arg;
}

static void test_identity(void)
{
	pthread_t t;

	completes(asks, NULL);
	for (int i = 0; i < 10; i++) {
		CHECK_INT(pthread_create(&t, NULL, runs_call, NULL), ==, 0);
		CHECK_INT(pthread_join(t, NULL), ==, 0);
	}
}

/* --- signals ----------------------------------------------------------------------------------- */

static volatile int handled, spun, through;

static void handler(int signo)
{
	int64_t end = now_ns() + 5000000;

	handled = signo;
	while (now_ns() < end)
		;
	spun = 1;
}

static void *uses_old_signals(void *arg)
{
	struct sigaction act;

	CHECK(sigset(SIGUSR1, handler) == SIG_DFL);
	CHECK_INT(raise(SIGUSR1), ==, 0);       /* longer than the timeout: not stopped in it */
	CHECK_INT(handled, ==, SIGUSR1);
	CHECK_INT(sighold(SIGUSR1), ==, 0);
	CHECK(sigset(SIGUSR1, handler) == SIG_HOLD);
	CHECK(sigset(SIGUSR1, SIG_HOLD) == handler);
	CHECK_INT(sigrelse(SIGUSR1), ==, 0);
	CHECK_INT(sigignore(SIGUSR1), ==, 0);
	CHECK_INT(raise(SIGUSR1), ==, 0);
	CHECK(bsd_signal(SIGUSR1, handler) == SIG_IGN);
	CHECK_INT(siginterrupt(SIGUSR1, 1), ==, 0);
	CHECK_INT(sigaction(SIGUSR1, NULL, &act), ==, 0);
	CHECK_INT(act.sa_flags & SA_RESTART, ==, 0);
	CHECK(signal(SIGUSR1, handler) == handler);
	CHECK_INT(sigaction(SIGUSR1, NULL, &act), ==, 0);
	CHECK_INT(act.sa_flags & SA_RESTART, ==, 0);
	CHECK_INT(siginterrupt(SIGUSR1, 0), ==, 0);
	CHECK_INT(sigaction(SIGUSR1, NULL, &act), ==, 0);
	CHECK_INT(act.sa_flags & SA_RESTART, ==, SA_RESTART);
	CHECK(ssignal(SIGUSR1, SIG_DFL) == handler);
	CHECK(sigset(NSIG + 1, handler) == SIG_ERR);
	CHECK_INT(sigsetmask(-1), ==, 0);
	CHECK_INT(siggetmask() >> (SIGUSR1 - 1) & 1, ==, 1);
	through = 1;
	for (;;)
		;                               /* can be stopped all the same */
	return arg;
}

static void test_signals(void)
{
	struct sigaction act;
	sigset_t mask;
	stint_t *s = stint_launch(uses_old_signals, NULL, STINT_MS(1));

	CHECK(s);
	for (int i = 0; i < 20 || !through; i++) {
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		CHECK_INT(handled && !spun, ==, 0);     /* the handler was not stopped */
	}
	CHECK_INT(pthread_sigmask(SIG_BLOCK, NULL, &mask), ==, 0);
	CHECK_INT(sigismember(&mask, SIGUSR1), ==, 0);
	CHECK_INT(sigaction(SIGUSR1, NULL, &act), ==, 0);
	CHECK(act.sa_handler == SIG_DFL);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
}

/* --- once -------------------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static once_flag flag = ONCE_FLAG_INIT;
static volatile int made;

static void slow(void)
{
	spin_ns(3000000);
	made++;
}

static void *uses_once(void *arg)
{
	CHECK_INT(pthread_once(&once, slow), ==, 0);
	call_once(&flag, slow);
	return arg;
}

static void test_once(void)
{
	stint_t *s = stint_launch(uses_once, NULL, STINT_US(500));

	CHECK(s);
	CHECK_INT(pthread_once(&once, slow), ==, 0);    /* would wait for ever for a call stopped in it */
	call_once(&flag, slow);
	while (stint_resume(s, STINT_US(500)) == ETIMEDOUT)
		call_once(&flag, slow);
	stint_free(s);
	CHECK_INT(made, ==, 2);
}

/* --- reporting, and ending --------------------------------------------------------------------- */

static void *reports(void *arg)
{
	errno = ENOENT;
	error(0, ENOENT, "%s %d %m", "text", 42);
	error_at_line(0, 0, "file", 7, "%s", "more");
	if (arg)
		errx(3, "%s", "the end");
	return arg;
}

static void test_reports(void)
{
	char text[4000], *at = text;
	int fds[2];
	ssize_t n;
	pid_t pid;

	CHECK_INT(pipe(fds), ==, 0);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		CHECK_INT(dup2(fds[1], 2), ==, 2);
		close(fds[1]);
		completes(reports, NULL);
		reports(NULL);
		stint_launch(reports, &pid, STINT_S(100));
		_exit(9);
	}
	close(fds[1]);
	while (n = read(fds[0], at, (size_t)(text + sizeof(text) - 1 - at)), n > 0)
		at += n;
	*at = '\0';
	CHECK_EXIT(pid, 3);
	at = strstr(text, "text 42 No such file or directory: No such file or directory\n");
	CHECK(at);
	CHECK(strstr(at + 1, "text 42 No such file or directory: No such file or directory\n"));
	CHECK(strstr(text, "file:7: more\n"));
	CHECK(strstr(text, "the end\n"));
	close(fds[0]);
}

/* --- forks inside libc ------------------------------------------------------------------------- */

static volatile int is_daemon;  /* in the child only */

static void *becomes_daemon(void *arg)
{
	CHECK_INT(daemon(0, 0), ==, 0);
	CHECK_INT(getsid(0), ==, getpid());
	CHECK_INT(write(*(int *)arg, "d", 1), ==, 1);
	is_daemon = 1;
	for (;;)
		;
	return arg;
}

static void *forks_on_terminal(void *arg)
{
	char word[3] = "";
	int master;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid < 0)
		return NULL;            /* there may be no pseudo-terminals */
	if (!pid) {
		if (!isatty(0) || write(1, "on", 2) != 2)
			_exit(1);
		for (;;)
			;
	}
	CHECK_INT(read(master, word, 2), ==, 2);
	CHECK_STR(word, "on");
	CHECK_INT(kill(pid, SIGKILL), ==, 0);
	wait_for(pid);
	CHECK_INT(close(master), ==, 0);
	return arg;
}

/* the call goes on in the child, with its deadline */
static void test_forks(void)
{
	char byte;
	int fds[2];
	stint_t *s;
	pid_t pid;

	CHECK_INT(pipe(fds), ==, 0);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		s = stint_launch(becomes_daemon, &fds[1], STINT_MS(20));
		while (!is_daemon)      /* it may have been stopped before */
			CHECK_INT(stint_resume(s, STINT_MS(20)), ==, ETIMEDOUT);
		CHECK_INT(write(fds[1], stint_state(s) == STINT_TIMED_OUT ? "t" : "f", 1), ==, 1);
		_exit(0);
	}
	close(fds[1]);
	CHECK_EXIT(pid, 0);
	CHECK_INT(read(fds[0], &byte, 1), ==, 1);
	CHECK_INT(byte, ==, 'd');
	CHECK_INT(read(fds[0], &byte, 1), ==, 1);
	CHECK_INT(byte, ==, 't');
	CHECK_INT(read(fds[0], &byte, 1), ==, 0);
	close(fds[0]);
	s = stint_launch(forks_on_terminal, NULL, STINT_S(100));
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	reports(NULL);          /* before the library has started */
	test_heap();
	test_descriptors();
	test_identity();
	test_signals();
	test_once();
	test_reports();
	test_forks();
	return 0;
}
