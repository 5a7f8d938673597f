/*
 * sched.c - threads at random: made, joined, cancelled, asleep, yielding, in calls, in malloc, in bare system calls; on 1, 2, 4 and
 * 16 workers, under all policies, which change while they run, with turns of a few microseconds, and signals
 * from elsewhere all the time
 *
 * Each round starts the runtime, and stops it. A thread checks after each step that errno, its variables,
 * their addresses, its locale and the value of a key are its own, wherever it goes on. Nothing may be lost:
 * what was made ends, what was deferred in those that are cancelled runs, and the heap is whole.
 */
#include "../test.h"

#include <linux/futex.h>
#include <locale.h>
#include <pthread.h>
#include <sys/syscall.h>

#include <stint.h>

#define ROOTS 40
#define STEPS 12
#define DEPTH_MAX 3

struct job {
	uint64_t seed;
	int depth;
	uint64_t sum; /* what it returns, by its steps: known to whoever made it */
};

static const unsigned worker_counts[] = { 1, 2, 4, 16 };
static const char *const policies[] = { "fifo", "rr", "fair", "prio", "edf", "mlfq", "lifo" };
#define POLICIES (sizeof(policies) / sizeof(*policies))

static int made, began, ended,
	unwound; /* atomic; threads; that came to the end of work(); whose cleanups ran */
static volatile int stop_storm;
static uint64_t handled, steps, calls_done, policies_set, handed;

static __thread uint64_t own[4];
static pthread_key_t key;
static locale_t other_locale;

/* --- what is a thread's own -------------------------------------------------------------------- */

struct mine {
	uint64_t id;
	uint64_t *address;
	int err;
};

/* noinline: the compiler may take the address of a thread variable once, and here it must look */
static __attribute__((noinline)) uint64_t *own_address(void)
{
	__asm__ volatile("" ::: "memory");
	return own;
}

static __attribute__((noinline)) void take_possession(struct mine *m, uint64_t id)
{
	m->id = id;
	m->address = own_address();
	m->err = (int)(id % 100000) + 1;
	CHECK_INT(own[0], ==, 0);
	for (int i = 0; i < 4; i++)
		own[i] = id + i;
	CHECK_INT(pthread_setspecific(key, m), ==, 0);
	if (id % 2)
		uselocale(other_locale);
	errno = m->err;
}

static __attribute__((noinline)) void check_mine(const struct mine *m)
{
	int err = errno;

	CHECK_INT(err, ==, m->err);
	CHECK(own_address() == m->address);
	for (int i = 0; i < 4; i++)
		CHECK_INT(own[i], ==, m->id + i);
	CHECK(pthread_getspecific(key) == m);
	CHECK((uselocale((locale_t)0) == other_locale) == (m->id % 2));
	errno = err;
}

/* --- steps ------------------------------------------------------------------------------------- */

static void compute(struct rng *r)
{
	for (uint64_t i = rng_below(r, 20000); i; i--)
		__asm__ volatile("");
}

static void use_heap(struct rng *r)
{
	char *p[8];

	for (int i = 0; i < 8; i++) {
		size_t n = 1 + rng_below(r, 3000);

		p[i] = malloc(n);
		CHECK(p[i]);
		memset(p[i], i, n);
	}
	for (int i = 0; i < 8; i++) {
		CHECK(p[i][0] == i);
		free(p[i]);
	}
}

static void format(struct rng *r)
{
	unsigned long long n = rng_next(r);
	char text[64];

	snprintf(text, sizeof(text), "%llu", n);
	CHECK(strtoull(text, NULL, 10) == n);
}

/* a call whose time is shorter than a turn, or longer; resumed until it is done, on whatever worker that is
 */
static void *called(void *arg)
{
	struct rng r;
	uint64_t *own_before = own_address();

	rng_seed(&r, (uint64_t)arg);
	own[1] = (uint64_t)arg;
	errno = 77;
	for (int i = 0; i < 3; i++) {
		compute(&r);
		if (i == 1)
			stint_pause();
		if (i == 2)
			use_heap(&r);
		CHECK_INT(errno, ==, 77);
		CHECK(own_address() == own_before && own[1] == (uint64_t)arg);
	}
	return arg;
}

static void call(struct rng *r)
{
	void *arg = (void *)rng_next(r);
	stint_t *s = stint_launch(called, arg, STINT_US(1 + rng_below(r, 100)));
	bool drop = rng_below(r, 4) == 0;

	CHECK(s);
	while (!stint_is_complete(s) && !drop) {
		int err = stint_resume(s, STINT_US(1 + rng_below(r, 100)));

		CHECK(err == 0 || err == ETIMEDOUT || err == EAGAIN);
	}
	if (stint_is_complete(s))
		CHECK(stint_result(s) == arg);
	stint_free(s);
	__atomic_fetch_add(&calls_done, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg);

static void *work_detached(void *arg)
{
	work(arg);
	return NULL;
}

/* it stays allocated until the thread has ended, whoever ends it: so by a cleanup in libc's heap would be
 * circular */
static struct job jobs[1 << 16];
static unsigned next_job;

static struct job *new_job(struct rng *r, int depth)
{
	struct job *j = &jobs[__atomic_fetch_add(&next_job, 1, __ATOMIC_RELAXED) % (1 << 16)];

	j->seed = rng_next(r);
	j->depth = depth;
	j->sum = 0;
	return j;
}

static stint_thread_t *create(struct rng *r, struct job *j)
{
	struct stint_thread_attr attr = { .size = sizeof(attr), .name = "stress" };
	stint_thread_t *t;

	attr.weight = rng_below(r, 2) ? 0 : 1 + rng_below(r, 5000);
	attr.priority = (int)rng_below(r, 20) - 10;
	attr.deadline = rng_below(r, 2) ? 0 : STINT_US(rng_below(r, 1000));
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	CHECK_INT(stint_thread_create(&t, rng_below(r, 2) ? &attr : NULL, work, j), ==, 0);
	return t;
}

struct children {
	stint_thread_t *t[4];
	unsigned n;
};

/* the parent is cancelled: somebody must join them all the same */
static void join_children(void *arg)
{
	struct children *c = arg;

	for (unsigned i = 0; i < c->n; i++) {
		if (c->t[i]) {
			stint_thread_cancel(c->t[i]);
			CHECK_INT(stint_thread_join(c->t[i], NULL), ==, 0);
		}
	}
}

/* A join that may be cut short by a cancel cannot tell afterwards whether it was done; so it is done and
 * noted in one. */
static bool try_join(stint_thread_t **t, void **result)
{
	int err;

	stint_preempt_disable();
	err = stint_thread_join_timed(*t, result, 0);
	if (!err)
		*t = NULL;
	stint_preempt_enable();
	CHECK(err == 0 || err == ETIMEDOUT);
	return !err;
}

static void join(struct rng *r, stint_thread_t **t, void **result, int depth)
{
	if (depth == 1) { /* nobody cancels it */
		if (rng_below(r, 2))
			while (stint_thread_join_timed(*t, result, STINT_US(rng_below(r, 50))) == ETIMEDOUT)
				;
		else
			CHECK_INT(stint_thread_join(*t, result), ==, 0);
		*t = NULL;
		return;
	}
	while (!try_join(t, result))
		stint_thread_sleep(STINT_US(rng_below(r, 50)));
}

/* children, of which some are cancelled at once, some later, some joined by and by */
static void have_children(struct rng *r, int depth, struct children *c)
{
	bool told[4] = { false };
	struct job *j[4];
	unsigned n = 1 + rng_below(r, 4);
	void *result;

	stint_preempt_disable();
	for (c->n = 0; c->n < n; c->n++) {
		j[c->n] = new_job(r, depth + 1);
		c->t[c->n] = create(r, j[c->n]);
	}
	stint_preempt_enable();
	for (unsigned i = 0; i < n; i++) {
		int err;

		switch (rng_below(r, 3)) {
		case 0:
			stint_thread_sleep(STINT_US(rng_below(r, 200))); /* fall through */
		case 1:
			err = stint_thread_cancel(c->t[i]);
			CHECK(err == 0 || err == EINVAL);
			told[i] = true;
			break;
		}
		result = NULL;
		join(r, &c->t[i], &result, depth);
		CHECK(result == j[i] || (told[i] && !result));
	}
}

static void go(struct rng *r, int depth)
{
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	CHECK_INT(stint_go(work_detached, new_job(r, depth + 1)), ==, 0);
}

static void bare_futex_wait(int *word, struct timespec *until)
{
	register long r10 __asm__("r10") = (long)until, r8 __asm__("r8") = 0, r9 __asm__("r9") = ~0u;
	long r = SYS_futex;

	__asm__ volatile("syscall"
	                 : "+a"(r)
	                 : "D"(word), "S"((long)FUTEX_WAIT_BITSET), "d"(0L), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
}

/* until a while has passed, past all wrappers, where ticks interrupt it; it may keep its kernel thread then */
static void sit(struct rng *r)
{
	struct timespec until;
	int word = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)rng_below(r, 400000);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	bare_futex_wait(&word, &until);
}

static void step(struct rng *r, int depth, struct children *children)
{
	switch (rng_below(r, depth < DEPTH_MAX ? 10 : 8)) {
	case 0:
		stint_thread_yield();
		break;
	case 1:
		compute(r);
		break;
	case 2:
		stint_thread_sleep(STINT_US(rng_below(r, 300)));
		break;
	case 3:
		use_heap(r);
		break;
	case 4:
		format(r);
		break;
	case 5:
		call(r);
		break;
	case 6:
		stint_preempt_disable();
		compute(r);
		stint_preempt_enable();
		break;
	case 7:
		if (rng_below(r, 4) == 0)
			sit(r);
		break;
	case 8:
		if (rng_below(r, 6) == 0)
			have_children(r, depth, children);
		break;
	default:
		if (rng_below(r, 12) == 0)
			go(r, depth);
	}
	__atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
}

static void was_cancelled(void *arg)
{
	struct mine *m = arg;

	CHECK_INT(own[0], ==, m->id);
	stint_thread_yield();
	CHECK_INT(own[0], ==, m->id);
	__atomic_fetch_add(&unwound, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	struct job *j = arg;
	struct children children = { .n = 0 };
	struct rng r;
	struct mine m;

	/* from here to its end it is counted by the one or the other, never by none or both */
	stint_preempt_disable();
	__atomic_fetch_add(&began, 1, __ATOMIC_RELAXED);
	take_possession(&m, j->seed | 1ull << 40);
	CHECK_INT(stint_defer(was_cancelled, &m), ==, 0);
	CHECK_INT(stint_defer(join_children, &children), ==, 0);
	stint_preempt_enable();
	rng_seed(&r, j->seed);
	for (int i = 0; i < STEPS; i++) {
		step(&r, j->depth, &children);
		check_mine(&m);
	}
	stint_preempt_disable();
	__atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
	return j;
}

/* --- around it --------------------------------------------------------------------------------- */

static void on_signal(int signo)
{
	(void)signo;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

/* signals for whoever takes them, also the one that preempts; and now and then another policy */
static void *storm(void *arg)
{
	struct rng r;

	rng_seed(&r, (uint64_t)arg);
	while (!stop_storm) {
		const struct stint_policy *policy;

		kill(getpid(), rng_below(&r, 2) ? SIGURG : SIGUSR1);
		sleep_ns(rng_below(&r, 100000));
		if (rng_below(&r, 100))
			continue;
		CHECK_INT(stint_policy_load(policies[rng_below(&r, POLICIES)], &policy, NULL, 0), ==, 0);
		if (stint_policy_set(policy) == 0)
			policies_set++;
	}
	return NULL;
}

static void *makes_roots(void *arg)
{
	stint_thread_t *t[ROOTS / 2];
	struct rng r;
	void *result;

	rng_seed(&r, (uint64_t)arg);
	for (int i = 0; i < ROOTS / 2; i++)
		t[i] = create(&r, new_job(&r, 1));
	for (int i = 0; i < ROOTS / 2; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(result);
	}
	return NULL;
}

static void count_handed(void)
{
	struct stint_worker_stats s;

	for (unsigned i = 0; !stint_worker_stats(i, &s); i++)
		handed += s.reliefs;
}

static void check_ends(void)
{
	count_handed();
	while (stint_stop() == EBUSY) /* those that nobody joins */
		sleep_ns(200000);
}

static void round_of(struct rng *r, unsigned workers, const char *policy)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .policy = policy };
	pthread_t stormer, maker;

	config.quantum = STINT_US(10 + rng_below(r, 41));
	CHECK_INT(stint_start(&config), ==, 0);
	stop_storm = 0;
	CHECK_INT(pthread_create(&stormer, NULL, storm, (void *)rng_next(r)), ==, 0);
	CHECK_INT(pthread_create(&maker, NULL, makes_roots, (void *)rng_next(r)), ==, 0);
	makes_roots((void *)rng_next(r));
	CHECK_INT(pthread_join(maker, NULL), ==, 0);
	check_ends();
	stop_storm = 1;
	CHECK_INT(pthread_join(stormer, NULL), ==, 0);
	check_ends();
	CHECK_INT(began, ==, ended + unwound);
	CHECK(began <= made);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int64_t end = now_ns() + test_seconds(4) * INT64_C(1000000000);
	unsigned rounds = 0;
	struct rng r;

	test_watchdog();
	rng_seed(&r, test_seed());
	CHECK_INT(sigaction(SIGUSR1, &action, NULL), ==, 0);
	CHECK_INT(sigaction(SIGURG, &action, NULL), ==, 0);
	CHECK_INT(pthread_key_create(&key, NULL), ==, 0);
	other_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	CHECK(other_locale);
	do {
		unsigned workers = worker_counts[rng_below(&r, 4)];
		const char *policy = policies[rng_below(&r, POLICIES)];

		if (getenv("STINT_TEST_VERBOSE"))
			printf("%u workers, %s\n", workers, policy);
		round_of(&r, workers, policy);
		rounds++;
	} while (now_ns() < end);
	printf("%u rounds, %d threads, %d cancelled, %llu steps, %llu calls, %llu signals, %llu policies, %llu reliefs\n",
	       rounds, made, made - ended, (unsigned long long)steps, (unsigned long long)calls_done,
	       (unsigned long long)handled, (unsigned long long)policies_set, (unsigned long long)handed);
	return 0;
}
