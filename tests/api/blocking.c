/*
 * blocking.c - a call that waits in the kernel is stopped at its deadline, and goes on waiting when resumed
 */
#include "../test.h"

#include <pthread.h>
#include <sys/socket.h>

#include <stint.h>

static int ends[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *reads(void *arg)
{
	CHECK_INT(read(ends[0], arg, 1), ==, 1);
	return arg;
}

static void *receives(void *arg)
{
	CHECK_INT(recv(ends[0], arg, 1, 0), ==, 1);
	return arg;
}

static void *fills(void *arg)
{
	char block[4096];
	size_t written = 0;

	memset(block, *(char *)arg, sizeof(block));
	while (written < 1 << 20) {
		ssize_t n = write(ends[1], block, sizeof(block));

		CHECK_INT(n, >, 0);
		written += n;
	}
	return arg;
}

static void stopped_some_times(stint_t *s, int times)
{
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	for (int i = 0; i < times; i++) {
		int64_t start = now_ns();

		CHECK_INT(stint_resume(s, STINT_MS(3)), ==, ETIMEDOUT);
		CHECK_INT(now_ns() - start, >=, STINT_MS(3));
	}
}

static void reading(stint_fn *fn)
{
	char c = 0;
	stint_t *s = stint_launch(fn, &c, STINT_MS(3));

	stopped_some_times(s, 10);
	CHECK_INT(c, ==, 0);
	CHECK_INT(write(ends[1], "z", 1), ==, 1);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(c, ==, 'z');
	stint_free(s);

	s = stint_launch(fn, &c, STINT_MS(3));
	stopped_some_times(s, 1);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
}

static void writing(void)
{
	char c = 'w', block[4096];
	size_t got = 0;
	stint_t *s = stint_launch(fills, &c, STINT_MS(3));

	stopped_some_times(s, 5);
	while (got < 1 << 20) {
		ssize_t n = read(ends[0], block, sizeof(block));

		CHECK_INT(n, >, 0);
		for (ssize_t i = 0; i < n; i++)
			CHECK_INT(block[i], ==, 'w');
		got += n;
		if (!stint_is_complete(s))
			stint_resume(s, STINT_MS(3));
	}
	CHECK(stint_is_complete(s));
	stint_free(s);
}

static void *locks(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void waiting_for_a_mutex(void)
{
	for (int i = 0; i < 20; i++) {
		stint_t *s;

		CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
		s = stint_launch(locks, NULL, STINT_MS(2));
		stopped_some_times(s, 3);
		CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
		if (i % 2)
			CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
		else
			CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		CHECK_INT(pthread_mutex_trylock(&mutex), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	}
}

int main(void)
{
	test_watchdog();
#ifdef __SANITIZE_ADDRESS__
	test_skip("read is called by the sanitizer's, in which a call is not stopped");
#endif
	CHECK_INT(pipe(ends), ==, 0);
	reading(reads);
	writing();
	close(ends[0]);
	close(ends[1]);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
	reading(reads);
	reading(receives);
	writing();
	waiting_for_a_mutex();
	return 0;
}
