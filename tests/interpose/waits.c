/*
 * waits.c - waiting functions neither hold up a deadline nor return EINTR because of the runtime's signal, and wait
 * as long as they were told, counted while the call is not stopped or over all, but never shorter
 */
#include "../test.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

#include <stint.h>

#define WAIT STINT_MS(30)
#define SLICE STINT_MS(2)

static int ends[2];

static void do_nanosleep(void)
{
	struct timespec t = { 0, WAIT };

	CHECK_INT(nanosleep(&t, NULL), ==, 0);
}

static void do_clock_nanosleep(void)
{
	struct timespec t = { 0, WAIT };

	CHECK_INT(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL), ==, 0);
}

static void do_clock_nanosleep_until(void)
{
	int64_t end = now_ns() + WAIT;
	struct timespec t = { end / 1000000000, end % 1000000000 };

	CHECK_INT(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), ==, 0);
}

static void do_usleep(void)
{
	CHECK_INT(usleep(WAIT / 1000), ==, 0);
}

static void do_poll(void)
{
	struct pollfd fd = { .fd = ends[0], .events = POLLIN };

	CHECK_INT(poll(&fd, 1, WAIT / 1000000), ==, 0);
}

static void do_ppoll(void)
{
	struct pollfd fd = { .fd = ends[0], .events = POLLIN };
	struct timespec t = { 0, WAIT };

	CHECK_INT(ppoll(&fd, 1, &t, NULL), ==, 0);
}

static void do_select(void)
{
	struct timeval t = { 0, WAIT / 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	CHECK_INT(select(ends[0] + 1, &set, NULL, NULL, &t), ==, 0);
}

static void do_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(0);

	CHECK_INT(fd, >=, 0);
	CHECK_INT(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event), ==, 0);
	CHECK_INT(epoll_wait(fd, &event, 1, WAIT / 1000000), ==, 0);
	CHECK_INT(close(fd), ==, 0);
}

static struct timespec realtime_in(int64_t span)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += span;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void do_sem_timedwait(void)
{
	struct timespec t = realtime_in(WAIT);
	sem_t sem;

	CHECK_INT(sem_init(&sem, 0, 0), ==, 0);
	CHECK_INT(sem_timedwait(&sem, &t), ==, -1);
	CHECK_INT(errno, ==, ETIMEDOUT);
}

static void do_cond_timedwait(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec t = realtime_in(WAIT);
	int ret;

	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	do
		ret = pthread_cond_timedwait(&cond, &mutex, &t);
	while (ret == 0);
	CHECK_INT(ret, ==, ETIMEDOUT);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
}

static const struct wait {
	const char *name;
	void (*fn)(void);
} waits[] = {
	{ "nanosleep", do_nanosleep },
	{ "clock_nanosleep", do_clock_nanosleep },
	{ "clock_nanosleep until", do_clock_nanosleep_until },
	{ "usleep", do_usleep },
	{ "poll", do_poll },
	{ "ppoll", do_ppoll },
	{ "select", do_select },
	{ "epoll_wait", do_epoll },
	{ "sem_timedwait", do_sem_timedwait },
	{ "pthread_cond_timedwait", do_cond_timedwait },
};

static void *in_call(void *arg)
{
	const struct wait *w = arg;
	int64_t start = now_ns();

	w->fn();
	CHECK_INT(now_ns() - start, >=, WAIT);
	return arg;
}

static int stops(const struct wait *w)
{
	stint_t *s = stint_launch(in_call, (void *)w, SLICE);
	int n = 0;

	CHECK(s);
	while (!stint_is_complete(s)) {
		int ret = stint_resume(s, SLICE);

		CHECK(ret == 0 || ret == ETIMEDOUT);
		n++;
	}
	stint_free(s);
	return n;
}

/* Held off until the wait is over, it would be stopped once. On a machine that stands still for so long it may be, but not always. */
static void stopped_while_waiting(const struct wait *w)
{
	int n, tries = 0;

	do
		n = stops(w);
	while (n < 3 && ++tries < 50);
	printf("%s: %d stops\n", w->name, n);
	CHECK_INT(n, >=, 3);
}

/* the timer of a call that has completed is disarmed lazily; the caller's own waiting must not notice */
static void *returns(void *arg)
{
	return arg;
}

static void after_a_call(const struct wait *w)
{
	for (int i = 0; i < 3; i++) {
		stint_t *s = stint_launch(returns, NULL, STINT_MS(5));

		CHECK(s);
		CHECK(stint_is_complete(s));
		stint_free(s);
		in_call((void *)w);
	}
}

static void *waits_in_thread(void *arg)
{
	after_a_call(arg);
	return NULL;
}

/* cancelled while waiting, if it still does */
static void cancelled(const struct wait *w)
{
	stint_t *s;

	while ((s = stint_launch(in_call, (void *)w, SLICE)) && stint_is_complete(s))
		stint_free(s);
	CHECK(s);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
}

/* a child's end */
static void *waits_for_child(void *arg)
{
	int status;

	CHECK_INT(waitpid(*(pid_t *)arg, &status, 0), ==, *(pid_t *)arg);
	CHECK_INT(WEXITSTATUS(status), ==, 5);
	return arg;
}

static void for_a_child(void)
{
	pid_t pid = fork();
	stint_t *s;

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		sleep_ns(WAIT);
		_exit(5);
	}
	s = stint_launch(waits_for_child, &pid, SLICE);
	CHECK(s);
	while (!stint_is_complete(s)) {
		int ret = stint_resume(s, SLICE);

		CHECK(ret == 0 || ret == ETIMEDOUT);
	}
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	CHECK_INT(pipe(ends), ==, 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		pthread_t thread;

		after_a_call(&waits[i]);
		CHECK_INT(pthread_create(&thread, NULL, waits_in_thread, (void *)&waits[i]), ==, 0);
		CHECK_INT(pthread_join(thread, NULL), ==, 0);
		stopped_while_waiting(&waits[i]);
		cancelled(&waits[i]);
	}
	for_a_child();
	return 0;
}
