/*
 * thread_sockets.c - pairs of threads that talk through sockets, on two workers: a worker that has run out of work finds what has come in by
 * itself, rather than sleep and have another one woken for it
 */
#include <sys/socket.h>
#include <unistd.h>

#include <stint.h>

#include "../test.h"

#define PAIRS  8
#define ROUNDS 4000

static int ends[PAIRS][2];

static uint64_t sleeps(void)
{
	struct stint_worker_stats s;
	uint64_t sum = 0;

	for (unsigned i = 0; stint_worker_stats(i, &s) == 0; i++)
		sum += s.sleeps;
	return sum;
}

static void *asks(void *arg)
{
	int fd = ((int *)arg)[0];

	for (int i = 0; i < ROUNDS; i++) {
		char c = (char)i;

		CHECK_INT(write(fd, &c, 1), ==, 1);
		CHECK_INT(read(fd, &c, 1), ==, 1);
		CHECK_INT(c, ==, (char)(i + 1));
	}
	return arg;
}

static void *answers(void *arg)
{
	int fd = ((int *)arg)[1];
	char c;

	for (int i = 0; i < ROUNDS; i++) {
		CHECK_INT(read(fd, &c, 1), ==, 1);
		c++;
		CHECK_INT(write(fd, &c, 1), ==, 1);
	}
	return arg;
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 2 };
	stint_thread_t *t[PAIRS][2];
	uint64_t slept;

	test_watchdog();
	CHECK_INT(stint_start(&config), ==, 0);
	slept = sleeps();
	for (int i = 0; i < PAIRS; i++) {
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), ==, 0);
		CHECK_INT(stint_thread_create(&t[i][0], NULL, asks, ends[i]), ==, 0);
		CHECK_INT(stint_thread_create(&t[i][1], NULL, answers, ends[i]), ==, 0);
	}
	for (int i = 0; i < PAIRS; i++)
		for (int k = 0; k < 2; k++)
			CHECK_INT(stint_thread_join(t[i][k], NULL), ==, 0);
	slept = sleeps() - slept;
	fprintf(stderr, "%d messages, %llu sleeps\n", 2 * PAIRS * ROUNDS, (unsigned long long)slept);
	CHECK_INT(slept * 8, <, 2 * PAIRS * ROUNDS);
	return 0;
}
