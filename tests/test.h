/*
 * test.h - what the plain test programs share
 *
 * A program exits 0 (passed), 77 (skipped, with the reason on stdout) or 1 (failed: file, line and values on stderr).
 * Everything here works inside a call as well as outside. Include it first: it asks for the GNU names.
 *
 * Programs assert states, orders and lower bounds, never that something was quick enough: the machine may
 * be shared and slow. What hangs is ended by the watchdog.
 *
 * STINT_TEST_SEED sets the seed, STINT_TEST_SECONDS how long a stress program runs.
 */
#ifndef STINT_TEST_H
#define STINT_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* No "volatile bool" in tests: with -fsanitize=bool gcc 12 reads one once and not again. */

#define WATCHDOG_SECONDS 300

/* _exit: a failure inside a call must not depend on exit() working there */
static inline void __attribute__((noreturn, format(printf, 3, 4)))
test_fail(const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "%s:%d: ", file, line);
	va_start(ap, format);
	n += vsnprintf(text + n, sizeof(text) - n - 1, format, ap);
	va_end(ap);
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n] = '\n';
	if (write(2, text, n + 1) < 0)
		_exit(2);
	_exit(1);
}

#define CHECK(cond)                                                                \
	do {                                                                       \
		if (!(cond))                                                       \
			test_fail(__FILE__, __LINE__, "not true: %s", #cond);      \
	} while (0)

/* two integers (or anything that fits in one), compared with an operator: CHECK_INT(got, ==, wanted) */
#define CHECK_INT(a, op, b)                                                                          \
	do {                                                                                         \
		long long a_ = (long long)(a), b_ = (long long)(b);                                  \
		if (!(a_ op b_))                                                                     \
			test_fail(__FILE__, __LINE__, "not true: %s %s %s (%lld, %lld)", #a, #op, #b, a_, b_); \
	} while (0)

#define CHECK_STR(a, b)                                                                        \
	do {                                                                                   \
		const char *a_ = (a), *b_ = (b);                                               \
		if (!a_ || !b_ || strcmp(a_, b_))                                              \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, a_ ? a_ : "(null)", \
			          b_ ? b_ : "(null)");                                         \
	} while (0)

static inline void __attribute__((noreturn)) test_skip(const char *why)
{
	printf("skipped: %s\n", why);
	fflush(stdout);
	_exit(77);
}

static inline int64_t test_seconds(int64_t normally)
{
	const char *text = getenv("STINT_TEST_SECONDS");

	return text && *text ? strtoll(text, NULL, 10) : normally;
}

/* End a program that hangs. A timer of its own, so that programs may use alarm() and SIGALRM. Also has stdout written line
 * by line, so that the log of a program that is ended shows how far it came. */
static inline void test_watchdog(void)
{
	struct sigevent event;
	struct itimerspec when;
	timer_t timer;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&event, 0, sizeof(event));
	memset(&when, 0, sizeof(when));
	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = SIGABRT;
	when.it_value.tv_sec = WATCHDOG_SECONDS + test_seconds(0);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &when, NULL))
		perror("no watchdog");
}

static inline int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* of CPU time, of the whole process */
static inline int64_t cpu_ns(void)
{
	struct timespec t;

	CHECK_INT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), ==, 0);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline void spin_ns(int64_t span)
{
	int64_t end = now_ns() + span;

	while (now_ns() < end)
		;
}

static inline void sleep_ns(int64_t span)
{
	struct timespec t;

	t.tv_sec = span / 1000000000;
	t.tv_nsec = span % 1000000000;
	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* The seed of this run; printed, so that a failure can be run again. */
static inline uint64_t test_seed(void)
{
	const char *text = getenv("STINT_TEST_SEED");
	uint64_t seed = text && *text ? strtoull(text, NULL, 10) : (uint64_t)now_ns() % 1000000007;

	printf("STINT_TEST_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

struct rng {
	uint64_t x;
};

static inline uint64_t rng_next(struct rng *r)
{
	r->x ^= r->x >> 12;
	r->x ^= r->x << 25;
	r->x ^= r->x >> 27;
	return r->x * UINT64_C(2685821657736338717);
}

static inline void rng_seed(struct rng *r, uint64_t seed)
{
	r->x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int i = 0; i < 4; i++)
		rng_next(r);
}

static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (rng_next(r) >> 16) % n;
}

/*
 * Slices until @condition holds: however slow the machine is, the call @s has come so far then. What a slice of it is enough for, a
 * machine that stands still meanwhile takes away.
 */
#define RESUME_UNTIL(s, condition)                                                      \
	do {                                                                            \
		while (!(condition))                                                    \
			CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);         \
	} while (0)

/* but those that are gone already, and the one by which the runtime looks for a moment what one of its kernel threads does */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int n = 0;

	CHECK(dir);
	while ((entry = readdir(dir))) {
		char target[256];
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		n += len > 0 && !(strncmp(target, "/proc/", 6) == 0 && strstr(target, "/task/"));
	}
	closedir(dir);
	return n;
}

static inline bool task_is(const char *tid, const char *name)
{
	char path[300], is[32] = "";
	FILE *f;
	bool same;

	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", tid);
	f = fopen(path, "r");
	if (!f)
		return false;           /* it has ended */
	same = fgets(is, sizeof(is), f) && !strncmp(is, name, strlen(name));
	fclose(f);
	return same;
}

/* The kernel threads of this process whose names begin with @name. The number of one of them goes into @tid, if that is not NULL. */
static inline int count_tasks(const char *name, int *tid)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	CHECK(dir);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || (*name && !task_is(e->d_name, name)))
			continue;
		n++;
		if (tid)
			*tid = atoi(e->d_name);
	}
	closedir(dir);
	return n;
}

/* lines of /proc/self/maps */
static inline int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int c, n = 0;

	CHECK(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static inline size_t heap_in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* For a child made by fork(): ended with its parent, and by its own watchdog. */
static inline void test_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	test_watchdog();
}

/* What became of @pid: its wait status. */
static inline int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		CHECK_INT(errno, ==, EINTR);
	return status;
}

#define CHECK_EXIT(pid, code)                                                                   \
	do {                                                                                    \
		int status_ = wait_for(pid);                                                    \
		if (!WIFEXITED(status_) || WEXITSTATUS(status_) != (code))                      \
			test_fail(__FILE__, __LINE__, "child ended with status %#x", status_);  \
	} while (0)

#endif
