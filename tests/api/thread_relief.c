/*
 * thread_relief.c - whoever is ready behind a thread that sits in the kernel and lets nobody interrupt it is run by a relief,
 * however it became ready: before that thread began to sit there, or meanwhile, by whomever
 */
#include "../test.h"

#include <sys/syscall.h>

#include <stint.h>

static int pipe_fds[2];
static stint_sem_t start_sitter, start_writer, never;
static int spins;

/* past every wrapper, which would park the thread */
static long bare_read(int fd, char *c)
{
	long r = SYS_read;

	__asm__ volatile("syscall" : "+a"(r) : "D"((long)fd), "S"(c), "d"(1L) : "rcx", "r11", "memory");
	return r;
}

static void *sits(void *arg)
{
	char c;
	long r;

	CHECK_INT(stint_sem_wait(&start_sitter), ==, 0);
	stint_preempt_disable();
	do
		r = bare_read(pipe_fds[0], &c);
	while (r == -EINTR);
	stint_preempt_enable();
	CHECK_INT(r, ==, 1);
	return arg;
}

static void *ends_that(void *arg)
{
	CHECK_INT(stint_sem_wait(&start_writer), ==, 0);
	CHECK_INT(write(pipe_fds[1], "x", 1), ==, 1);
	return arg;
}

/* keeps the worker until both are in its inbox, and then leaves it to them at once */
static void *holds_up(void *arg)
{
	stint_preempt_disable();
	__atomic_store_n(&spins, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&spins, __ATOMIC_ACQUIRE) == 1)
		;
	CHECK_INT(stint_sem_wait(&never), ==, 0);
	stint_preempt_enable();
	return arg;
}

static stint_thread_t *thread(stint_fn *fn)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, fn, NULL), ==, 0);
	return t;
}

/* @meanwhile: the one that ends it becomes ready when the other sits there already */
static void relieved(const char *policy, bool meanwhile)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = policy };
	stint_thread_t *sitter, *writer, *holder;

	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(pipe(pipe_fds), ==, 0);
	sitter = thread(sits);
	writer = thread(ends_that);
	sleep_ns(10000000);
	spins = 0;
	holder = thread(holds_up);
	while (!__atomic_load_n(&spins, __ATOMIC_ACQUIRE))
		sleep_ns(1000000);
	sleep_ns(50000000);             /* nobody waits for a worker: the monitor rests */
	CHECK_INT(stint_sem_post(&start_sitter), ==, 0);
	if (!meanwhile)
		CHECK_INT(stint_sem_post(&start_writer), ==, 0);
	__atomic_store_n(&spins, 2, __ATOMIC_RELEASE);
	if (meanwhile) {
		sleep_ns(50000000);
		CHECK_INT(stint_sem_post(&start_writer), ==, 0);
	}
	CHECK_INT(stint_thread_join(writer, NULL), ==, 0);
	CHECK_INT(stint_thread_join(sitter, NULL), ==, 0);
	CHECK_INT(stint_sem_post(&never), ==, 0);
	CHECK_INT(stint_thread_join(holder, NULL), ==, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	CHECK_INT(stint_stop(), ==, 0);
}

int main(void)
{
	static const char *const policies[] = { "fair", "fifo", "rr" };

	test_watchdog();
	CHECK_INT(stint_sem_init(&start_sitter, 0), ==, 0);
	CHECK_INT(stint_sem_init(&start_writer, 0), ==, 0);
	CHECK_INT(stint_sem_init(&never, 0), ==, 0);
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		printf("%s, ready before\n", policies[i]);
		relieved(policies[i], false);
		printf("%s, meanwhile\n", policies[i]);
		relieved(policies[i], true);
	}
	return 0;
}
