/*
 * thread_relief.c - whoever is ready behind a thread that sits in the kernel and lets nobody interrupt it is run by a relief,
 * however it became ready: before that thread began to sit there, or meanwhile, by whomever; and that thread, when it goes on, is cancelled
 * if it was to be
 */
#include "../test.h"

#include <sched.h>
#include <sys/syscall.h>

#include <stint.h>

static int pipe_fds[2];
static stint_sem_t start_sitter, start_writer, never;
static int spins;

/* past every wrapper, which would park the thread */
static long bare(long nr, int fd, char *c)
{
	long r = nr;

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
		r = bare(SYS_read, pipe_fds[0], &c);
	while (r == -EINTR);
	stint_preempt_enable();
	CHECK_INT(r, ==, 1);
	return arg;
}

/* the mask of whoever has started the runtime, on a relief, too */
static void check_mask(void)
{
	sigset_t mask;

	CHECK_INT(pthread_sigmask(SIG_BLOCK, NULL, &mask), ==, 0);
	CHECK_INT(sigismember(&mask, SIGSEGV), ==, 0);
	CHECK_INT(sigismember(&mask, SIGUSR1), ==, 0);
	CHECK_INT(sigismember(&mask, SIGUSR2), ==, 1);
}

static void *returns(void *arg)
{
	return arg;
}

/*
 * True in the child, whose only worker is a relief no more: others run on it, it looks after who sleeps, and with the last thread the
 * process ends.
 */
static bool forks(void)
{
	stint_thread_t *t;
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (pid) {
		CHECK_EXIT(pid, 0);
		return false;
	}
	test_child();
	CHECK_INT(stint_thread_create(&t, NULL, returns, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stint_thread_sleep(STINT_MS(1));
	return true;
}

static void *ends_that(void *arg)
{
	CHECK_INT(stint_sem_wait(&start_writer), ==, 0);
	check_mask();
	if (forks())
		return arg;
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

/* Held up by a child, which makes itself known and waits: the kernel hands it no signal until that has ended. Then it computes. */
static void *held_up(void *arg)
{
	int up = ((int *)arg)[1], go_on = pipe_fds[0];
	volatile unsigned n = 0;
	long r = SYS_clone;
	char c = 0;

	CHECK_INT(stint_sem_wait(&start_sitter), ==, 0);
	__asm__ volatile("syscall"
	                 : "+a"(r)
	                 : "D"((long)(CLONE_VFORK | SIGCHLD)), "S"(0L), "d"(0L)
	                 : "rcx", "r11", "memory");
	if (!r) {
		bare(SYS_write, up, &c);
		bare(SYS_read, go_on, &c);
		for (;;)
			bare(SYS_exit_group, 0, NULL);
	}
	CHECK_INT(r, >, 0);
	for (;;)
		n++;
}

/* The kick that comes with a cancel is still there when the thread goes on, often as the relief has looked into that inbox. */
static void cancelled(const char *policy)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = policy };
	stint_thread_t *sitter, *other;
	int up[2], status;
	char c;

	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(pipe(pipe_fds), ==, 0);
	CHECK_INT(pipe(up), ==, 0);
	CHECK_INT(stint_thread_create(&sitter, NULL, held_up, up), ==, 0);
	CHECK_INT(stint_sem_post(&start_sitter), ==, 0);
	CHECK_INT(read(up[0], &c, 1), ==, 1);
	other = thread(returns);
	CHECK_INT(stint_thread_join(other, NULL), ==, 0);       /* run by the relief */
	CHECK_INT(stint_thread_cancel(sitter), ==, 0);
	sleep_ns(20000000);             /* it looks around all the time */
	CHECK_INT(write(pipe_fds[1], "x", 1), ==, 1);
	CHECK_INT(stint_thread_join(sitter, NULL), ==, 0);
	CHECK_INT(waitpid(-1, &status, 0), >, 0);
	CHECK_INT(status, ==, 0);
	for (int i = 0; i < 2; i++) {
		close(pipe_fds[i]);
		close(up[i]);
	}
	CHECK_INT(stint_stop(), ==, 0);
}

/* --- more of them ------------------------------------------------------------------------------ */

static int enough;

static void *computes(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		;
	return arg;
}

static void *naps_once(void *arg)
{
	stint_thread_sleep(STINT_MS(100));
	return arg;
}

static void *waits(void *arg)
{
	CHECK_INT(stint_sem_wait(&start_writer), ==, 0);
	return arg;
}

/*
 * Who waited at the worker before comes by its timer, or by its inbox, while a relief computes for others, or, @sitters being two, sits in the
 * kernel itself.
 */
static void others_come_meanwhile(const char *policy, int sitters)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = policy };
	stint_thread_t *napper, *waiter, *sitter[2], *hog;

	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(pipe(pipe_fds), ==, 0);
	enough = 0;
	napper = thread(naps_once);
	waiter = thread(waits);
	sleep_ns(20000000);
	for (int i = 0; i < sitters; i++) {
		sitter[i] = thread(sits);
		CHECK_INT(stint_sem_post(&start_sitter), ==, 0);
		sleep_ns(20000000);
	}
	hog = strcmp(policy, "fifo") ? thread(computes) : NULL; /* that one would let nobody run, wherever */
	sleep_ns(20000000);
	CHECK_INT(stint_sem_post(&start_writer), ==, 0);
	CHECK_INT(stint_thread_join(napper, NULL), ==, 0);
	CHECK_INT(stint_thread_join(waiter, NULL), ==, 0);
	CHECK_INT(write(pipe_fds[1], "xx", (size_t)sitters), ==, sitters);
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	if (hog)
		CHECK_INT(stint_thread_join(hog, NULL), ==, 0);
	for (int i = 0; i < sitters; i++)
		CHECK_INT(stint_thread_join(sitter[i], NULL), ==, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	CHECK_INT(stint_stop(), ==, 0);
}

/* --- when it is over --------------------------------------------------------------------------- */

static void *sits_and_computes(void *arg)
{
	sits(arg);
	return computes(arg);
}

static uint64_t preemptions(void)
{
	struct stint_worker_stats s;

	CHECK_INT(stint_worker_stats(0, &s), ==, 0);
	return s.preemptions;
}

/* The one that sat goes on, and computes; who computes at the relief, alone there, shares the worker with it again. */
static void share_again(const char *policy)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = policy, .quantum = STINT_MS(1) };
	stint_thread_t *sitter, *hog;
	uint64_t before;

	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(pipe(pipe_fds), ==, 0);
	enough = 0;
	sitter = thread(sits_and_computes);
	CHECK_INT(stint_sem_post(&start_sitter), ==, 0);
	sleep_ns(20000000);
	hog = thread(computes);
	sleep_ns(50000000);
	before = preemptions();
	CHECK_INT(write(pipe_fds[1], "x", 1), ==, 1);
	while (preemptions() < before + 4)
		sleep_ns(1000000);
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	CHECK_INT(stint_thread_join(hog, NULL), ==, 0);
	CHECK_INT(stint_thread_join(sitter, NULL), ==, 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	CHECK_INT(stint_stop(), ==, 0);
}

/* --- a policy that minds its contract ---------------------------------------------------------- */

enum state { AWAY, READY, RUNNING };

struct queue {
	struct stint_task *first, **end, *running;
};

/* priv: its state, the next in the queue */
static void put(struct queue *q, struct stint_task *t, enum state before)
{
	CHECK_INT(t->priv[0], ==, before);
	t->priv[0] = READY;
	t->priv[1] = 0;
	if (q->first)
		*q->end = t;
	else
		q->first = t;
	q->end = (struct stint_task **)&t->priv[1];
}

static struct stint_task *take(struct queue *q, enum state after)
{
	struct stint_task *t = q->first;

	if (!t)
		return NULL;
	CHECK_INT(t->priv[0], ==, READY);
	q->first = (struct stint_task *)t->priv[1];
	t->priv[0] = after;
	return t;
}

static void no_more(struct queue *q, struct stint_task *t)
{
	CHECK(q->running == t);
	CHECK_INT(t->priv[0], ==, RUNNING);
	t->priv[0] = AWAY;
	q->running = NULL;
}

static void comes(void *rq, struct stint_task *t, stint_ns now)
{
	(void)now;
	put(rq, t, AWAY);
}

static void goes(void *rq, struct stint_task *t, stint_ns now)
{
	(void)now;
	no_more(rq, t);
}

static void is_ready_again(void *rq, struct stint_task *t, stint_ns now)
{
	(void)now;
	no_more(rq, t);
	put(rq, t, AWAY);
}

static struct stint_task *picks(void *rq, stint_ns now)
{
	struct queue *q = rq;

	(void)now;
	CHECK(!q->running);
	return q->running = take(q, RUNNING);
}

static struct stint_task *gives(void *rq, stint_ns now)
{
	(void)now;
	return take(rq, AWAY);
}

static stint_ns lasts(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;

	(void)now;
	CHECK(q->running == t);
	return STINT_US(200);
}

static stint_ns is_over(void *rq, struct stint_task *t, stint_ns now)
{
	lasts(rq, t, now);
	return 0;
}

static const struct stint_policy minding = {
	.size = sizeof(minding), .name = "minding", .rq_size = sizeof(struct queue), .spawn = comes, .wakeup = comes,
	.attach = comes, .pick_next = picks, .slice = lasts, .tick = is_over, .preempt = is_ready_again,
	.yield = is_ready_again, .block = goes, .done = goes, .balance = gives,
};

/* --- many, and back and forth ------------------------------------------------------------------ */

#define MANY 12
#define SITS 12

static int over;

static void *yields_and_sleeps(void *arg)
{
	for (unsigned i = 0; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); i++) {
		check_mask();
		if ((uintptr_t)arg % 3 == 0)
			spin_ns(20000);
		if (i % 8 == (uintptr_t)arg % 8)
			stint_thread_sleep(STINT_US(50));
		else
			stint_thread_yield();
	}
	return arg;
}

/* past the wrappers again, and until the monitor has come by */
static void *naps(void *arg)
{
	struct timespec span = { 0, 25000000 };

	for (int i = 0; i < SITS; i++) {
		int64_t end = now_ns() + span.tv_nsec;

		stint_preempt_disable();
		while (now_ns() < end) {        /* ticks interrupt it */
			long r = SYS_nanosleep;

			__asm__ volatile("syscall" : "+a"(r) : "D"(&span), "S"(NULL) : "rcx", "r11", "memory");
		}
		stint_preempt_enable();
		spin_ns(300000);
		stint_thread_yield();
	}
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	return arg;
}

/* The relief runs what is ready while the other naps, and gives it back in the middle of that; meanwhile the policy changes. */
static void back_and_forth(const struct stint_policy *policy, bool replace)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .quantum = STINT_US(200) };
	stint_thread_t *t[MANY], *napper;
	void *result;

	over = 0;
	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(stint_policy_set(policy), ==, 0);
	for (size_t i = 0; i < MANY; i++) {
		struct stint_thread_attr attr = { .size = sizeof(attr), .weight = (unsigned)(1 + i * i * 100) };

		CHECK_INT(stint_thread_create(&t[i], &attr, yields_and_sleeps, (void *)i), ==, 0);
	}
	napper = thread(naps);
	for (size_t i = 0; replace && !__atomic_load_n(&over, __ATOMIC_ACQUIRE); i++) {
		CHECK_INT(stint_policy_set(i % 2 ? stint_policy_builtin(i / 2 % 7) : &minding), ==, 0);
		sleep_ns(3000000);
	}
	CHECK_INT(stint_thread_join(napper, NULL), ==, 0);
	for (size_t i = 0; i < MANY; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(result == (void *)i);
	}
	CHECK_INT(stint_stop(), ==, 0);
}

int main(void)
{
	static const char *const policies[] = { "fair", "fifo", "rr" };

	sigset_t blocked;

	test_watchdog();
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &blocked, NULL), ==, 0);
	CHECK_INT(stint_sem_init(&start_sitter, 0), ==, 0);
	CHECK_INT(stint_sem_init(&start_writer, 0), ==, 0);
	CHECK_INT(stint_sem_init(&never, 0), ==, 0);
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		printf("%s, ready before\n", policies[i]);
		relieved(policies[i], false);
		printf("%s, meanwhile\n", policies[i]);
		relieved(policies[i], true);
		printf("%s, others come\n", policies[i]);
		others_come_meanwhile(policies[i], 1);
		printf("%s, others come to two\n", policies[i]);
		others_come_meanwhile(policies[i], 2);
		printf("%s, cancelled\n", policies[i]);
		cancelled(policies[i]);
		if (strcmp(policies[i], "fifo")) {
			printf("%s, both compute then\n", policies[i]);
			share_again(policies[i]);
		}
	}
	for (size_t i = 0; stint_policy_builtin(i); i++) {
		printf("%s, back and forth\n", stint_policy_builtin(i)->name);
		back_and_forth(stint_policy_builtin(i), false);
	}
	puts("one that minds, back and forth");
	back_and_forth(&minding, false);
	puts("all of them, back and forth");
	back_and_forth(&minding, true);
	return 0;
}
