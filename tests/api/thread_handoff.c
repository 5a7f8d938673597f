/*
 * thread_handoff.c - threads that wait in bare system calls, where the end of a turn interrupts them: each keeps its kernel thread, and the
 * worker goes on with another one. There it is cancelled, wakes others and sleeps as elsewhere; and if it goes on to compute it is brought back
 * into a queue
 */
#include "../test.h"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <stint.h>

#define SITTERS 6
#define PATIENCE 20000          /* looks, a millisecond apart, until something must be so */

static int word;                /* 0: those who sit wait on it */
static int enough;              /* those that compute end */
static stint_sem_t posted, never;
static stint_thread_t *sitters[SITTERS], *hog;

/* past every wrapper; ticks have it issued again */
static long bare_futex(int *at, int op, long value)
{
	register long r10 __asm__("r10") = 0;
	long r = SYS_futex;

	__asm__ volatile("syscall" : "+a"(r) : "D"(at), "S"((long)op), "d"(value), "r"(r10) : "rcx", "r11", "memory");
	return r;
}

static void sit(void)
{
	while (!__atomic_load_n(&word, __ATOMIC_ACQUIRE))
		bare_futex(&word, FUTEX_WAIT_PRIVATE, 0);
}

static void let_go(void)
{
	__atomic_store_n(&word, 1, __ATOMIC_RELEASE);
	bare_futex(&word, FUTEX_WAKE_PRIVATE, SITTERS);
}

/* --- threads ----------------------------------------------------------------------------------- */

static void *sits(void *arg)
{
	sit();
	return arg;
}

static int turns_of_hog;

static void *computes(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		__atomic_fetch_add(&turns_of_hog, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *returns(void *arg)
{
	return arg;
}

/* Back from where it sat, it does what has to do with its worker. */
static void *sits_and_talks(void *arg)
{
	stint_thread_t *t;
	void *result;

	sit();
	CHECK_INT(stint_sem_post(&posted), ==, 0);
	stint_thread_sleep(STINT_MS(1));
	CHECK_INT(stint_thread_create(&t, NULL, returns, arg), ==, 0);
	CHECK_INT(stint_thread_join(t, &result), ==, 0);
	CHECK(result == arg);
	CHECK_INT(stint_sem_wait_timed(&never, STINT_US(100)), ==, ETIMEDOUT);
	stint_thread_yield();
	return arg;
}

static void *answers(void *arg)
{
	for (int i = 0; i < SITTERS; i++)
		CHECK_INT(stint_sem_wait(&posted), ==, 0);
	return arg;
}

static void *naps(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		stint_thread_sleep(STINT_US(500));
	return arg;
}

/* --- with these -------------------------------------------------------------------------------- */

static uint64_t reliefs(void)
{
	struct stint_worker_stats s;
	uint64_t n = 0;

	for (unsigned i = 0; !stint_worker_stats(i, &s); i++)
		n += s.reliefs;
	return n;
}

static void begin(const char *policy, unsigned workers, stint_fn *fn, const struct stint_thread_attr *attr)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .policy = policy, .quantum = STINT_MS(1) };

	word = enough = turns_of_hog = 0;
	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(stint_sem_init(&posted, 0), ==, 0);
	CHECK_INT(stint_sem_init(&never, 0), ==, 0);
	for (intptr_t i = 0; i < SITTERS; i++)
		CHECK_INT(stint_thread_create(&sitters[i], attr, fn, (void *)(i + 1)), ==, 0);
}

static stint_thread_t *thread(stint_fn *fn)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, fn, NULL), ==, 0);
	return t;
}

/* Each on a kernel thread of its own; but where one may have a worker for itself, it sits there. */
static void until_they_sit(unsigned n)
{
	for (int i = 0; reliefs() < n; i++) {
		CHECK_INT(i, <, PATIENCE);
		sleep_ns(1000000);
	}
}

static void join_sitters(void)
{
	void *result;

	for (intptr_t i = 0; i < SITTERS; i++) {
		CHECK_INT(stint_thread_join(sitters[i], &result), ==, 0);
		CHECK_INT((intptr_t)result, ==, i + 1);
	}
}

static void end(void)
{
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	if (hog)
		CHECK_INT(stint_thread_join(hog, NULL), ==, 0);
	hog = NULL;
	CHECK_INT(stint_sem_destroy(&posted), ==, 0);
	CHECK_INT(stint_sem_destroy(&never), ==, 0);
	CHECK_INT(stint_stop(), ==, 0);
}

/* --- what there is to see ---------------------------------------------------------------------- */

/* Once all sit so there is nobody but the hog in the queue: no turn ends, so there is no tick, for as long as that lasts. */
static void others_have_it_all(const char *policy)
{
	struct stint_worker_stats before, after;
	int ran, looks = 0;

	begin(policy, 1, sits, NULL);
	hog = thread(computes);
	until_they_sit(SITTERS);
	do {
		CHECK_INT(looks++, <, 20);      /* the last tick was set before */
		ran = __atomic_load_n(&turns_of_hog, __ATOMIC_RELAXED);
		CHECK_INT(stint_worker_stats(0, &before), ==, 0);
		sleep_ns(50000000);
		CHECK_INT(stint_worker_stats(0, &after), ==, 0);
		CHECK_INT(__atomic_load_n(&turns_of_hog, __ATOMIC_RELAXED), !=, ran);
	} while (after.ticks != before.ticks || after.switches != before.switches);
	let_go();
	join_sitters();
	end();
}

/* one that sleeps, too, is not waited for */
static void sleepers_do_not_disturb(const char *policy)
{
	stint_thread_t *napper;
	uint64_t then;

	begin(policy, 1, sits, NULL);
	hog = thread(computes);
	napper = thread(naps);
	until_they_sit(SITTERS);
	then = reliefs();
	sleep_ns(50000000);
	CHECK_INT(reliefs(), ==, then);
	let_go();
	join_sitters();
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	CHECK_INT(stint_thread_join(napper, NULL), ==, 0);
	end();
}

static void talk_when_they_are_back(const char *policy, unsigned workers)
{
	stint_thread_t *answerer;

	begin(policy, workers, sits_and_talks, NULL);
	answerer = thread(answers);
	hog = thread(computes);
	until_they_sit(SITTERS + 1 - workers);
	let_go();
	join_sitters();
	CHECK_INT(stint_thread_join(answerer, NULL), ==, 0);
	end();
}

static void are_cancelled(const char *policy)
{
	void *result;

	begin(policy, 1, sits, NULL);
	hog = thread(computes);
	until_they_sit(SITTERS);
	for (int i = 0; i < SITTERS; i++) {
		CHECK_INT(stint_thread_cancel(sitters[i]), ==, 0);
		CHECK_INT(stint_thread_join(sitters[i], &result), ==, 0);
		CHECK(!result);
	}
	end();
}

static void policy_changes(const char *policy, const char *other)
{
	const struct stint_policy *next;

	begin(policy, 1, sits, NULL);
	hog = thread(computes);
	until_they_sit(SITTERS);
	CHECK_INT(stint_policy_load(other, &next, NULL, 0), ==, 0);
	for (int i = 0; i < 10; i++) {
		CHECK_INT(stint_policy_set(next), ==, 0);
		sleep_ns(5000000);
	}
	let_go();
	join_sitters();
	end();
}

/* --- brought back ------------------------------------------------------------------------------ */

static int steps;               /* of those that are back and compute */

static void *sits_and_computes(void *arg)
{
	sit();
	while (__atomic_load_n(&enough, __ATOMIC_RELAXED) < 2)
		__atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
	return arg;
}

/*
 * They go on as soon as they are woken. But then they are in the queue with the others, where one of a higher priority computes, and do not get on
 * any more.
 */
static void come_back_to_the_queue(void)
{
	struct stint_thread_attr low = { .size = sizeof(low), .priority = -1 };
	int before, same = 0;

	steps = 0;
	begin("prio", 1, sits_and_computes, &low);
	until_they_sit(SITTERS - 1);
	hog = thread(computes);
	let_go();
	for (int i = 0; same < 50; i++) {
		CHECK_INT(i, <, PATIENCE);
		before = __atomic_load_n(&steps, __ATOMIC_RELAXED);
		sleep_ns(2000000);
		same = __atomic_load_n(&steps, __ATOMIC_RELAXED) == before && before ? same + 1 : 0;
	}
	__atomic_store_n(&enough, 2, __ATOMIC_RELAXED);
	join_sitters();
	end();
}

/* --- a child ----------------------------------------------------------------------------------- */

static void *sits_and_forks(void *arg)
{
	stint_thread_t *t;
	pid_t pid;

	sit();
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (pid) {
		CHECK_EXIT(pid, 0);
		return arg;
	}
	test_child();
	CHECK_INT(stint_thread_create(&t, NULL, returns, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stint_thread_sleep(STINT_MS(1));
	_exit(0);
}

static void fork_when_they_are_back(void)
{
	begin("fair", 1, sits_and_forks, NULL);
	hog = thread(computes);
	until_they_sit(SITTERS);
	let_go();
	join_sitters();
	end();
}

int main(void)
{
	static const char *const policies[] = { "fair", "rr", "mlfq", "lifo" };

	test_watchdog();
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		others_have_it_all(policies[i]);
		sleepers_do_not_disturb(policies[i]);
		talk_when_they_are_back(policies[i], 1);
		talk_when_they_are_back(policies[i], 2);
		are_cancelled(policies[i]);
	}
	policy_changes("fair", "rr");
	policy_changes("rr", "mlfq");
	come_back_to_the_queue();
	fork_when_they_are_back();
	return 0;
}
