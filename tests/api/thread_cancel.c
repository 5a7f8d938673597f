/*
 * thread_cancel.c - a thread is ended in every condition that it can be in, and gives back what it held
 *
 * By turns from a kernel thread, from a thread, and with one worker or several: where it is found differs.
 */
#include "../test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include <stint.h>

static int begun, cleaned, ended;       /* atomic */
static int by_thread;                   /* who cancels */

static void come(int *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_RELEASE);
}

static void wait_until(int *word, int value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value)
		stint_thread_sleep(STINT_US(100));
}

static void cleans(void *arg)
{
	(void)arg;
	come(&cleaned);
}

static void hog(void)
{
	for (;;)
		__asm__ volatile("");
}

/* --- where they are found ---------------------------------------------------------------------- */

static void *runs(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	hog();
	return arg;
}

static void *sleeps(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	stint_thread_sleep(STINT_FOREVER);
	come(&ended);
	return arg;
}

static void *sleeps_timed(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	for (;;)
		stint_thread_sleep(STINT_US(30));
	return arg;
}

static void *yields(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	for (;;)
		stint_thread_yield();
	return arg;
}

static void *mallocs(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	for (unsigned i = 0;; i++) {
		void *p = malloc(i % 3000);

		CHECK(p);
		if (i % 100)
			free(p);
	}
	return arg;
}

static void *prints(void *arg)
{
	char text[64];

	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	for (int i = 0;; i++)
		CHECK_INT(snprintf(text, sizeof(text), "%d %f", i, i / 3.0), >, 0);
	return arg;
}

/* itself a thread that joins another for ever; that one is ended by its cleanup */
static void ends_other(void *arg)
{
	stint_thread_t *other = arg;

	CHECK_INT(stint_thread_cancel(other), ==, 0);
	CHECK_INT(stint_thread_join(other, NULL), ==, 0);
	come(&cleaned);
}

static void *joins(void *arg)
{
	stint_thread_t *other;

	CHECK_INT(stint_thread_create(&other, NULL, sleeps, NULL), ==, 0);
	CHECK_INT(stint_defer(ends_other, other), ==, 0);
	come(&begun);
	stint_thread_join(other, NULL);
	come(&ended);
	return arg;
}

static void *loops_in_calls(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	if (arg) {
		stint_t *s = stint_launch(loops_in_calls, (char *)arg - 1, STINT_S(100));

		CHECK(s);
		come(&ended);
	}
	come(&begun);
	hog();
	return NULL;
}

static void *nested(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	return loops_in_calls((void *)3);
}

static void *sleeps_in_a_call(void *arg)
{
	stint_t *s;

	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	s = stint_launch(sleeps, arg, STINT_S(100));
	CHECK(s);
	come(&ended);
	return arg;
}

/* calls that it launched and that are stopped, in every way */
static void *keeps_calls(void *arg)
{
	for (int i = 0; i < 5; i++) {
		stint_t *s = stint_launch(runs, arg, STINT_US(200));

		CHECK(s);
		while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) <= i)
			CHECK_INT(stint_resume(s, STINT_US(200)), ==, ETIMEDOUT);
	}
	CHECK(stint_launch(runs, arg, 0));
	hog();
	return arg;
}

static void yields_and_sleeps(void *arg)
{
	for (int i = 0; i < 5; i++) {
		stint_thread_yield();
		stint_thread_sleep(STINT_US(50));
	}
	CHECK_INT(stint_thread_join(arg, NULL), ==, 0);
	spin_ns(300000);
	come(&cleaned);
}

static void *counts(void *arg)
{
	spin_ns(100000);
	return arg;
}

static void *waits_in_cleanup(void *arg)
{
	stint_thread_t *other;

	CHECK_INT(stint_thread_create(&other, NULL, counts, NULL), ==, 0);
	CHECK_INT(stint_defer(yields_and_sleeps, other), ==, 0);
	come(&begun);
	hog();
	return arg;
}

static void *ends_itself(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	stint_thread_cancel(stint_thread_self());
	come(&ended);
	return arg;
}

static void *ends_itself_in_a_call(void *arg)
{
	stint_t *s;

	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	s = stint_launch(ends_itself, arg, STINT_S(100));
	CHECK(s);
	come(&ended);
	return arg;
}

/* not before it allows */
static void *forbids(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	stint_preempt_disable();
	come(&begun);
	spin_ns(3000000);
	stint_thread_sleep(STINT_US(500));
	stint_thread_yield();
	spin_ns(1000000);
	come(&ended);
	stint_preempt_enable();
	for (;;)
		stint_thread_sleep(STINT_S(1));
	return arg;
}

static void *forbids_and_ends_itself(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	stint_preempt_disable();
	come(&begun);
	CHECK_INT(stint_thread_cancel(stint_thread_self()), ==, 0);
	stint_thread_sleep(STINT_US(500));
	come(&ended);
	stint_preempt_enable();
	for (;;)
		;
	return arg;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *waits_for_mutex(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	pthread_mutex_lock(&mutex);
	come(&ended);
	return arg;
}

static int pipe_ends[2];

static void *waits_for_data(void *arg)
{
	char c;

	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	CHECK_INT(read(pipe_ends[0], &c, 1), ==, 1);
	come(&ended);
	return arg;
}

static void *naps(void *arg)
{
	CHECK_INT(stint_defer(cleans, arg), ==, 0);
	come(&begun);
	sleep_ns(INT64_C(100000000000));
	come(&ended);
	return arg;
}

/* --- ending them ------------------------------------------------------------------------------- */

struct ends {
	stint_thread_t *t;
};

static void *cancels(void *arg)
{
	CHECK_INT(stint_thread_cancel(((struct ends *)arg)->t), ==, 0);
	return arg;
}

static void cancel(stint_thread_t *t)
{
	struct ends e = { t };
	stint_thread_t *by;

	if (!by_thread) {
		cancels(&e);
		return;
	}
	CHECK_INT(stint_thread_create(&by, NULL, cancels, &e), ==, 0);
	CHECK_INT(stint_thread_join(by, NULL), ==, 0);
}

/* @begins: how often come(&begun) must have been; @ends: which of the counts must be reached, and which not passed */
static void end(stint_fn *fn, int begins, int clean, int end_count)
{
	void *result = &result;
	stint_thread_t *t;

	begun = cleaned = ended = 0;
	CHECK_INT(stint_thread_create(&t, NULL, fn, NULL), ==, 0);
	wait_until(&begun, begins);
	cancel(t);
	CHECK_INT(stint_thread_join(t, &result), ==, 0);
	CHECK(!result);
	CHECK_INT(cleaned, ==, clean);
	CHECK_INT(ended, ==, end_count);
}

static void by_themselves(stint_fn *fn, int end_count)
{
	stint_thread_t *t;
	void *result = &result;

	begun = cleaned = ended = 0;
	CHECK_INT(stint_thread_create(&t, NULL, fn, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, &result), ==, 0);
	CHECK(!result);
	CHECK_INT(begun, ==, 1);
	CHECK(cleaned > 0);
	CHECK_INT(ended, ==, end_count);
}

/* before they began: they do not begin, or are ended on the way */
static void new_ones(void)
{
	stint_thread_t *t[50];
	void *result;
	int err;

	begun = cleaned = ended = 0;
	for (int i = 0; i < 50; i++) {
		CHECK_INT(stint_thread_create(&t[i], NULL, i % 2 ? sleeps : runs, NULL), ==, 0);
		CHECK_INT(stint_thread_cancel(t[i]), ==, 0);
		err = stint_thread_cancel(t[i]);
		CHECK(err == 0 || err == EINVAL);       /* once more, or it has ended */
	}
	for (int i = 0; i < 50; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK(!result);
	}
	CHECK(cleaned <= 50 && begun <= cleaned);
	CHECK_INT(ended, ==, 0);
}

/* ready behind others that compute, when the order comes */
static void ready_ones(void)
{
	stint_thread_t *t[20];

	begun = cleaned = ended = 0;
	for (int i = 0; i < 20; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, runs, NULL), ==, 0);
	wait_until(&begun, 20);
	for (int i = 19; i >= 0; i--)
		cancel(t[i]);
	for (int i = 0; i < 20; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	CHECK_INT(cleaned, ==, 20);
}

static void *returns(void *arg)
{
	come(&ended);
	return arg;
}

static void too_late(void)
{
	stint_thread_t *t;
	void *result;
	int err;

	CHECK_INT(stint_thread_cancel(NULL), ==, EINVAL);
	ended = 0;
	CHECK_INT(stint_thread_create(&t, NULL, returns, &t), ==, 0);
	wait_until(&ended, 1);
	while ((err = stint_thread_cancel(t)) == 0)     /* on its way out it may be told, and does not care */
		sleep_ns(100000);
	CHECK_INT(err, ==, EINVAL);
	CHECK_INT(stint_thread_join(t, &result), ==, 0);
	CHECK(result == &t || !result);
}

/* nobody else has it: it frees itself, wherever it was */
static void detached_ones(stint_fn *fn)
{
	stint_thread_t *t;

	begun = cleaned = 0;
	CHECK_INT(stint_thread_create(&t, NULL, fn, NULL), ==, 0);
	wait_until(&begun, 1);
	CHECK_INT(stint_thread_detach(t), ==, 0);
	cancel(t);
	wait_until(&cleaned, 1);
}

/* one hog after the other on a worker that nobody else wants */
static void hogs_in_turn(void)
{
	for (int i = 0; i < 20; i++)
		end(runs, 1, 1, 0);
}

/*
 * Threads that do nothing but yield to one another: no tick ever finds the one that it was set for. Each ends by a cancel, or what it does
 * by the deadline of a call.
 */
#define YIELDERS 8

static void *yields_on(void *arg)
{
	for (;;)
		stint_thread_yield();
	return arg;
}

static void *yields_in_calls(void *arg)
{
	stint_t *s = stint_launch(yields_on, NULL, STINT_MS(2));

	CHECK(s);
	stint_free(s);
	come(&ended);
	return arg;
}

static void yielders(void)
{
	stint_thread_t *t[YIELDERS];

	begun = cleaned = ended = 0;
	for (int i = 0; i < YIELDERS; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, i % 2 ? yields : yields_in_calls, NULL), ==, 0);
	wait_until(&begun, YIELDERS / 2);
	wait_until(&ended, YIELDERS / 2);
	for (int i = 0; i < YIELDERS; i++) {
		if (i % 2)
			cancel(t[i]);
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	}
	CHECK_INT(cleaned, ==, YIELDERS / 2);
}

/* --- what they held ---------------------------------------------------------------------------- */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *holds_things(void *arg)
{
	FILE *f;
	int p[2];

	for (int i = 0; i < 20; i++)
		CHECK(malloc(500));
	CHECK(malloc(1 << 20));
	CHECK_INT(pipe(p), ==, 0);
	CHECK_INT(open("/dev/null", O_RDONLY), >=, 0);
	f = fopen("/dev/null", "r+");
	CHECK(f && fprintf(f, "buffered") > 0);
	CHECK(opendir("/proc/self"));
	CHECK(mmap(NULL, 64 << 10, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK_INT(pthread_mutex_lock(&held), ==, 0);
	come(&begun);
	if (arg)
		hog();
	stint_thread_sleep(STINT_FOREVER);
	return arg;
}

static void gives_back(int n)
{
	size_t heap = 0;
	int fds = 0, maps = 0;

	for (int i = 0; i < n; i++) {
		stint_thread_t *t;

		begun = 0;
		CHECK_INT(stint_thread_create(&t, NULL, holds_things, i % 2 ? &i : NULL), ==, 0);
		wait_until(&begun, 1);
		cancel(t);
		CHECK_INT(stint_thread_join(t, NULL), ==, 0);
		CHECK_INT(pthread_mutex_trylock(&held), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&held), ==, 0);
		if (i == n / 2) {
			heap = heap_in_use();
			fds = count_fds();
			maps = count_maps();
		}
	}
	CHECK_INT(count_fds(), ==, fds);
	CHECK_INT(count_maps(), <=, maps + 20);
	CHECK_INT(heap_in_use(), <=, heap + (64 << 10));
}

/* destructors of keys run, as at the end of any thread */
static pthread_key_t key;

static void *has_value(void *arg)
{
	CHECK_INT(pthread_setspecific(key, &key), ==, 0);
	come(&begun);
	hog();
	return arg;
}

static void key_destructor(void *value)
{
	CHECK(value == &key);
	stint_thread_sleep(STINT_US(100));
	come(&cleaned);
}

/* --- all of it --------------------------------------------------------------------------------- */

static void with(unsigned workers, const char *policy, int thread_cancels)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .policy = policy,
		                       .quantum = STINT_US(500) };

	by_thread = thread_cancels;
	CHECK_INT(stint_start(&config), ==, 0);
	if (strcmp(policy, "fifo"))     /* its hogs let nobody begin */
		ready_ones();
	if (workers > 1 || strcmp(policy, "fifo")) {
		end(runs, 1, 1, 0);
		end(yields, 1, 1, 0);
		end(mallocs, 1, 1, 0);
		end(prints, 1, 1, 0);
		end(nested, 1, 5, 0);
		end(keeps_calls, 5, 5, 0);
		end(waits_in_cleanup, 1, 1, 0);
		end(has_value, 1, 1, 0);
		hogs_in_turn();
		detached_ones(runs);
		gives_back(40);
	}
	yielders();
	new_ones();
	end(sleeps, 1, 1, 0);
	end(sleeps_timed, 1, 1, 0);
	end(joins, 2, 2, 0);
	end(sleeps_in_a_call, 1, 2, 0);
	end(forbids, 1, 1, 1);
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	end(waits_for_mutex, 1, 1, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	end(waits_for_data, 1, 1, 0);
	end(naps, 1, 1, 0);
	by_themselves(ends_itself, 0);
	by_themselves(ends_itself_in_a_call, 0);
	by_themselves(forbids_and_ends_itself, 1);
	detached_ones(sleeps);
	too_late();
	while (stint_stop() == EBUSY)
		sleep_ns(100000);
}

int main(void)
{
	test_watchdog();
	CHECK_INT(pthread_key_create(&key, key_destructor), ==, 0);
	CHECK_INT(pipe(pipe_ends), ==, 0);
	with(1, "rr", 0);
	with(1, "fair", 1);
	with(2, "fair", 0);
	with(2, "fifo", 0);
	with(4, "mlfq", 1);
	with(2, "lifo", 1);
	with(1, "fifo", 0);
	return 0;
}
