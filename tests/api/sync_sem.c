/*
 * sync_sem.c - semaphores: what is posted is taken once, in order, and may be posted by a signal handler
 */
#include "actors.h"

#include <limits.h>
#include <sys/syscall.h>

#define ACTORS 9
#define ROUNDS 4000

static stint_sem_t s = STINT_SEM_INIT(0);
static int order[ACTORS], ordered;

static unsigned queued(void)
{
	return LOAD(s.waiters.n);
}

static void *posts(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		CHECK_INT(stint_sem_post(&s), ==, 0);
	return arg;
}

static void *takes(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		CHECK_INT(stint_sem_wait(&s), ==, 0);
	return arg;
}

static void counts(void)
{
	struct actor p[ACTORS], t[ACTORS];

	for (int i = 0; i < ACTORS; i++) {
		start_sliced(&t[i], (enum kind)(i % KINDS), takes, NULL, STINT_US(200));
		start_sliced(&p[i], (enum kind)(i % KINDS), posts, NULL, STINT_US(200));
	}
	for (int i = 0; i < ACTORS; i++) {
		finish(&p[i]);
		finish(&t[i]);
	}
	CHECK_INT(stint_sem_value(&s), ==, 0);
	CHECK_INT(s.state, ==, 0);
	CHECK_INT(stint_sem_destroy(&s), ==, 0);
}

static void *takes_turn(void *arg)
{
	CHECK_INT(stint_sem_wait(&s), ==, 0);
	order[ADD(ordered, 1) - 1] = (int)(intptr_t)arg;
	return arg;
}

static void keeps_order(void)
{
	struct actor a[ACTORS];

	ordered = 0;
	for (int i = 0; i < ACTORS; i++) {
		start(&a[i], (enum kind)(i % KINDS), takes_turn, (void *)(intptr_t)i);
		AWAIT(queued() == (unsigned)i + 1);
	}
	for (int i = 0; i < ACTORS; i++) {
		CHECK_INT(stint_sem_post(&s), ==, 0);
		CHECK_INT(queued(), ==, ACTORS - i - 1);        /* it is the one's who waited */
		CHECK_INT(stint_sem_trywait(&s), ==, EAGAIN);
		finish(&a[i]);
		CHECK_INT(order[i], ==, i);
	}
}

static void *gives_up(void *arg)
{
	int64_t before = now_ns();

	CHECK_INT(stint_sem_wait_timed(&s, STINT_MS(10)), ==, ETIMEDOUT);
	CHECK_INT(now_ns() - before, >=, STINT_MS(10));
	return arg;
}

static void times_out(enum kind kind)
{
	struct actor a;

	start_sliced(&a, kind, gives_up, NULL, STINT_MS(3));
	finish(&a);
	CHECK_INT(s.state, ==, 0);
	CHECK_INT(stint_sem_post(&s), ==, 0);
	CHECK_INT(stint_sem_value(&s), ==, 1);
	CHECK_INT(stint_sem_wait_timed(&s, 0), ==, 0);
	CHECK_INT(stint_sem_wait_timed(&s, 0), ==, ETIMEDOUT);
}

static void *waits(void *arg)
{
	CHECK_INT(stint_sem_wait(&s), ==, 0);
	return arg;
}

/* what is posted while a call is stopped is there when it goes on, or for others when it never does */
static void call_is_stopped(void)
{
	stint_t *call = stint_launch(waits, NULL, STINT_MS(1));

	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_sem_post(&s), ==, 0);
	CHECK_INT(stint_sem_value(&s), ==, 1);
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	stint_free(call);
	CHECK_INT(stint_sem_value(&s), ==, 0);
	call = stint_launch(waits, NULL, STINT_MS(1));
	CHECK(call);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK_INT(stint_sem_post(&s), ==, 0);
	CHECK_INT(stint_sem_trywait(&s), ==, 0);
}

/* --- from a signal handler --------------------------------------------------------------------- */

static long posted;

static void on_signal(int signo)
{
	(void)signo;
	if (!stint_sem_post(&s))
		ADD(posted, 1);
}

static int stop, tids[3];       /* the kernel threads that they run on */

/* interrupted anywhere in wait and post, by a handler that posts to the same semaphore */
static void *is_interrupted(void *arg)
{
	long taken = 0;
	int r;

	while (!LOAD(stop)) {
		STORE(*(int *)arg, (int)syscall(SYS_gettid));
		r = stint_sem_wait_timed(&s, STINT_US(taken % 50));
		CHECK(r == 0 || r == ETIMEDOUT);
		taken += !r;
	}
	return (void *)taken;
}

static void *interrupts(void *arg)
{
	while (!LOAD(stop)) {
		for (int i = 0; i < 3; i++)
			if (LOAD(tids[i]))
				syscall(SYS_tgkill, getpid(), LOAD(tids[i]), SIGUSR1);
		sleep_ns(20000);
	}
	return arg;
}

static void posts_from_handler(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct actor a[3];
	pthread_t t;
	long taken = 0;

	CHECK_INT(sigaction(SIGUSR1, &act, NULL), ==, 0);
	for (int i = 0; i < 3; i++)
		start_sliced(&a[i], (enum kind)(i % KINDS), is_interrupted, &tids[i], STINT_MS(1));
	CHECK_INT(pthread_create(&t, NULL, interrupts, NULL), ==, 0);
	sleep_ns(STINT_MS(500));
	STORE(stop, 1);
	CHECK_INT(pthread_join(t, NULL), ==, 0);
	for (int i = 0; i < 3; i++)
		taken += (long)finish(&a[i]);
	CHECK_INT(taken, >, 0);
	for (int i = 0; i < 1000 && taken + stint_sem_value(&s) != LOAD(posted); i++)
		sleep_ns(STINT_MS(5));          /* a handler may still be running on a worker */
	CHECK_INT(taken + stint_sem_value(&s), ==, LOAD(posted));
	CHECK_INT(stint_sem_destroy(&s), ==, 0);
	CHECK_INT(stint_sem_init(&s, 0), ==, 0);
}

/* the library starts with it, and leaves errno alone */
static void is_the_first(void)
{
	stint_sem_t s = STINT_SEM_INIT(0);

	errno = 0;
	CHECK_INT(stint_sem_wait_timed(&s, STINT_US(10)), ==, ETIMEDOUT);
	CHECK_INT(errno, ==, 0);
}

int main(void)
{
	test_watchdog();
	is_the_first();
	CHECK(!stint_unsupported());
	counts();
	keeps_order();
	for (int kind = 0; kind < KINDS; kind++)
		times_out((enum kind)kind);
	call_is_stopped();
	posts_from_handler();
	return 0;
}
