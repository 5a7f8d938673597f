/*
 * thread_deadlock.c - threads that all wait for each other are reported, who waits for what, and main's join
 * says so; where anybody may still come and wake them, nothing is said
 */
#include "../test.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <stint.h>

static stint_mutex_t first = STINT_MUTEX_INIT, second = STINT_MUTEX_INIT;
static int holding;
static char said[8192];

/* standard error goes into a file while @fn runs */
static void hear(void (*fn)(void))
{
	int saved = dup(2), fd = memfd_create("said", 0);
	ssize_t n;

	CHECK(saved >= 0 && fd >= 0);
	CHECK_INT(dup2(fd, 2), ==, 2);
	fn();
	CHECK_INT(dup2(saved, 2), ==, 2);
	CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
	n = read(fd, said, sizeof(said) - 1);
	CHECK(n >= 0);
	said[n] = '\0';
	close(fd);
	close(saved);
}

static void says(const char *text)
{
	if (!strstr(said, text))
		test_fail(__FILE__, __LINE__, "\"%s\" is not in: %s", text, said);
}

static void *crosses(void *arg)
{
	stint_mutex_t *mine = arg ? &first : &second, *other = arg ? &second : &first;

	CHECK_INT(stint_mutex_lock(mine), ==, 0);
	__atomic_fetch_add(&holding, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&holding, __ATOMIC_SEQ_CST) < 2)
		stint_thread_yield();
	stint_mutex_lock(other);
	return NULL;
}

static stint_thread_t *made(const char *name, stint_fn *fn, void *arg)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .name = name };
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, &attr, fn, arg), ==, 0);
	return t;
}

static void end(stint_thread_t *t)
{
	int err;

	CHECK_INT(stint_thread_cancel(t), ==, 0);
	while ((err = stint_thread_join(t, NULL)) ==
	       EDEADLK) /* it may be said once more before it has ended */
		;
	CHECK_INT(err, ==, 0);
}

static void crossed(void)
{
	stint_thread_t *a = made("alice", crosses, NULL), *b = made("bob", crosses, &holding);

	CHECK_INT(stint_thread_join(a, NULL), ==, EDEADLK);
	/* and again, and for the other */
	CHECK_INT(stint_thread_join(a, NULL), ==, EDEADLK);
	CHECK_INT(stint_thread_join(b, NULL), ==, EDEADLK);
	end(a);
	end(b);
}

static void *receives(void *arg)
{
	int x;

	CHECK_INT(stint_chan_recv(arg, &x), !=, 0);
	return NULL;
}

static void *joins(void *arg)
{
	stint_thread_join(arg, NULL);
	return NULL;
}

static void nobody_sends(void)
{
	stint_chan_t *c = stint_chan_create(sizeof(int), 0);
	stint_thread_t *r = made("receiver", receives, c), *j = made("joiner", joins, r);

	CHECK(c);
	CHECK_INT(stint_thread_join(j, NULL), ==, EDEADLK);
	end(j);
	CHECK_INT(stint_chan_close(c), ==, 0);
	CHECK_INT(stint_thread_join(r, NULL), ==, 0);
	stint_chan_free(c);
}

static void *sleeps_for_ever(void *arg)
{
	stint_thread_sleep(STINT_FOREVER);
	return arg;
}

static void nobody_cancels(void)
{
	stint_thread_t *t = made("sleeper", sleeps_for_ever, NULL);

	CHECK_INT(stint_thread_join(t, NULL), ==, EDEADLK);
	end(t);
}

/* --- a long look ------------------------------------------------------------------------------- */

#define MANY 60000              /* to look through them takes longer than the first gaps between two looks */

static stint_thread_t *crowd[MANY];

static void all_receive(void)
{
	stint_chan_t *c = stint_chan_create(sizeof(int), 0);
	int n = 0;

	CHECK(c);
	while (n < MANY && !stint_thread_create(&crowd[n], NULL, receives, c))
		n++;            /* as many as there is memory for */
	CHECK_INT(n, >, 0);
	CHECK_INT(stint_thread_join(crowd[n - 1], NULL), ==, EDEADLK);
	CHECK_INT(stint_chan_close(c), ==, 0);
	for (int i = 0; i < n; i++)
		CHECK_INT(stint_thread_join(crowd[i], NULL), ==, 0);
	stint_chan_free(c);
}

/* --- what is none ------------------------------------------------------------------------------ */

static stint_chan_t *chan;

static void *sends_later(void *arg)
{
	int x = 1;

	sleep_ns(150000000);
	CHECK_INT(stint_chan_send(chan, &x), ==, 0);
	return arg;
}

static void *takes(void *arg)
{
	int x;

	CHECK_INT(stint_chan_recv(chan, &x), ==, 0);
	return arg;
}

static void *sleeps(void *arg)
{
	stint_thread_sleep(STINT_MS(150));
	return arg;
}

static int ends[2];

static void *reads(void *arg)
{
	char c;

	CHECK_INT(read(ends[0], &c, 1), ==, 1);
	return arg;
}

static void *writes_later(void *arg)
{
	(void)arg;
	sleep_ns(150000000);
	CHECK_INT(write(ends[1], "x", 1), ==, 1);
	_exit(0);
}

static stint_sem_t sem;

static void posts(int signo)
{
	(void)signo;
	CHECK_INT(stint_sem_post(&sem), ==, 0);
}

static void *waits_for_sem(void *arg)
{
	CHECK_INT(stint_sem_wait(&sem), ==, 0);
	return arg;
}

/* a handler will, for a thread that main joins, and for main */
static void handler_comes(void)
{
	struct itimerval later = { .it_value.tv_usec = 150000 };
	stint_thread_t *t = made("patient", waits_for_sem, NULL);

	CHECK(signal(SIGALRM, posts) == SIG_DFL);
	CHECK_INT(setitimer(ITIMER_REAL, &later, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	t = made("receiver", takes, NULL);
	CHECK_INT(setitimer(ITIMER_REAL, &later, NULL), ==, 0);
	CHECK_INT(stint_sem_wait(&sem), ==, 0);
	sends_later(NULL);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK(signal(SIGALRM, SIG_DFL) == posts);
}

/* nobody posts: it is one */
static void nobody_posts(void)
{
	stint_thread_t *t = made("receiver", waits_for_sem, NULL);

	CHECK_INT(stint_thread_join(t, NULL), ==, EDEADLK);
	end(t);
}

static void none(void)
{
	stint_thread_t *t;
	pthread_t k;
	pid_t pid;

	/* another kernel thread will come */
	t = made("patient", takes, NULL);
	CHECK_INT(pthread_create(&k, NULL, sends_later, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	/* time will */
	t = made("asleep", sleeps, NULL);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	/* another process will */
	t = made("reader", reads, NULL);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid)
		writes_later(NULL);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_EXIT(pid, 0);
	handler_comes();
	/* and main itself */
	t = made("patient", takes, NULL);
	sends_later(NULL);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
}

static void stop(void)
{
	while (stint_stop() == EBUSY)
		sleep_ns(100000);
}

static void with(unsigned workers)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers };

	CHECK_INT(stint_start(&config), ==, 0);
	hear(none);
	CHECK_STR(said, "");
	holding = 0;
	first = second = (stint_mutex_t)STINT_MUTEX_INIT;
	hear(crossed);
	says("all threads wait");
	says("\"alice\" waits for a mutex");
	says("\"bob\" waits for a mutex");
	says("waits for the end of thread");
	CHECK(strstr(said, "all threads wait") == strstr(said, "stint:") + 7);
	CHECK(!strstr(strstr(said, "all threads") + 5, "all threads")); /* once */
	stop();
	CHECK_INT(stint_start(&config), ==, 0);
	hear(nobody_sends);
	says("\"receiver\" waits for receiving from a channel");
	says("\"joiner\" waits for the end of thread");
	stop();
	CHECK_INT(stint_start(&config), ==, 0);
	hear(nobody_posts);
	says("\"receiver\" waits for a semaphore");
	stop();
	CHECK_INT(stint_start(&config), ==, 0);
	hear(nobody_cancels);
	says("\"sleeper\" waits for a cancel, in a sleep without end\n");
	stop();
}

static int never;

/* In the kernel for a while, in a way that nobody sees: then a relief runs the others. */
static void *sits_and_waits(void *arg)
{
	struct timespec span = { .tv_nsec = 100000000 };

	syscall(SYS_futex, &never, FUTEX_WAIT, 0, &span, NULL, 0);
	CHECK_INT(stint_sem_wait(&sem), ==, 0);
	return arg;
}

static void *computes_and_waits(void *arg)
{
	for (int64_t end = now_ns() + 250000000; now_ns() < end;)
		;
	CHECK_INT(stint_sem_wait(&sem), ==, 0);
	return arg;
}

/* the last one begins to wait at the relief */
static void one_at_a_relief(void)
{
	stint_thread_t *a = made("sitter", sits_and_waits, NULL), *b = made("computer", computes_and_waits, NULL);

	CHECK_INT(stint_thread_join(a, NULL), ==, EDEADLK);
	end(a);
	end(b);
}

static void with_a_relief(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = "fifo" };

	CHECK_INT(stint_start(&config), ==, 0);
	hear(one_at_a_relief);
	says("\"sitter\" waits for a semaphore");
	says("\"computer\" waits for a semaphore");
	stop();
}

static void among_many(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 3 };

	for (int i = 0; i < 5; i++) {
		CHECK_INT(stint_start(&config), ==, 0);
		hear(all_receive);
		says("all threads wait");
		stop();
	}
}

int main(void)
{
	test_watchdog();
	CHECK_INT(pipe(ends), ==, 0);
	chan = stint_chan_create(sizeof(int), 0);
	CHECK(chan);
	with(1);
	with(3);
	with_a_relief();
	among_many();
	return 0;
}
