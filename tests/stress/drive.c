/*
 * drive.c - drives calls that do the work of work.c: slices of random length, cancels, ends, new ones (see work.h)
 *
 * Several threads may drive the same calls: one claims a call before it touches it. A claim is no lock: who does not
 * get it takes another call.
 */
#include "work.h"

#include <pthread.h>

struct driven {
	bool claimed;           /* atomic */
	stint_t *call;
	struct work work;
};

struct thread {
	pthread_t thread;
	const struct drive *drive;
	uint64_t seed;
	int64_t seconds;
};

#define CACHES (8 << 20)

static struct driven calls[DRIVE_CALLS];
static long rounds[16], completed, cancelled, slices;    /* atomic */
static uint64_t launches;                                /* atomic; seeds of the calls follow from it */
static uint64_t base_seed;

static void count(long *counter, long n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static bool claim(struct driven *c)
{
	return !__atomic_exchange_n(&c->claimed, true, __ATOMIC_ACQUIRE);
}

static void unclaim(struct driven *c)
{
	__atomic_store_n(&c->claimed, false, __ATOMIC_RELEASE);
}

static void *call_main(void *arg)
{
	struct work *w = arg;
	void *state = w->kind->begin ? w->kind->begin() : NULL;

	while (!w->leave) {
		w->kind->step(w, state);
		w->rounds++;
	}
	if (w->kind->end)
		w->kind->end(state);
	return w;
}

static void start(struct driven *c, struct rng *r)
{
	c->work.kind = &work_kinds[rng_below(r, work_kinds_n)];
	c->work.leave = false;
	c->work.rounds = 0;
	rng_seed(&c->work.rng, base_seed + 1000 + __atomic_fetch_add(&launches, 1, __ATOMIC_RELAXED));
	c->call = stint_launch(call_main, &c->work, 0);
	CHECK(c->call);
}

static void dispose(struct driven *c)
{
	count(&rounds[c->work.kind - work_kinds], c->work.rounds);
	stint_free(c->call);
	c->call = NULL;
}

static void finish(struct driven *c)
{
	int ret;

	c->work.leave = true;
	do
		ret = stint_resume(c->call, STINT_MS(1));
	while (ret == ETIMEDOUT);
	CHECK_INT(ret, ==, 0);
	CHECK(stint_result(c->call) == &c->work);
	count(&completed, 1);
	dispose(c);
}

static void drive_one(const struct drive *d, struct driven *c, struct rng *r)
{
	if (!c->call)
		start(c, r);
	CHECK_INT(stint_resume(c->call, d->timeout(r)), ==, ETIMEDOUT);
	count(&slices, 1);
	if (rng_below(r, d->cancel_one_in) == 0) {
		CHECK_INT(stint_cancel(c->call), ==, 0);
		count(&cancelled, 1);
		dispose(c);
	} else if (rng_below(r, d->finish_one_in) == 0) {
		finish(c);
	}
}

/* what report() wants to see; the time may have passed while the machine stood still */
static bool enough(void)
{
	for (int i = 0; i < work_kinds_n; i++)
		if (!__atomic_load_n(&rounds[i], __ATOMIC_RELAXED))
			return false;
	return __atomic_load_n(&completed, __ATOMIC_RELAXED) && __atomic_load_n(&cancelled, __ATOMIC_RELAXED);
}

static void drive_run(const struct drive *d, uint64_t seed, int64_t seconds)
{
	int64_t end = now_ns() + seconds * 1000000000;
	struct work mine[16];
	void *states[16];
	struct rng r;

	rng_seed(&r, seed);
	for (int i = 0; i < work_kinds_n; i++) {
		mine[i] = (struct work){ .kind = &work_kinds[i] };
		rng_seed(&mine[i].rng, seed + i);
		states[i] = mine[i].kind->begin ? mine[i].kind->begin() : NULL;
	}
	while (now_ns() < end || !enough()) {
		struct driven *c = &calls[rng_below(&r, DRIVE_CALLS)];
		int i = rng_below(&r, work_kinds_n);

		if (claim(c)) {
			drive_one(d, c, &r);
			unclaim(c);
		} else {
			CHECK(d->shared);
		}
		if (rng_below(&r, 4) == 0)
			work_kinds[i].step(&mine[i], states[i]);
	}
	for (int i = 0; i < work_kinds_n; i++)
		if (mine[i].kind->end)
			mine[i].kind->end(states[i]);
}

static void drop_all(void)
{
	for (int i = 0; i < DRIVE_CALLS; i++)
		if (calls[i].call) {
			CHECK_INT(stint_cancel(calls[i].call), ==, 0);
			dispose(&calls[i]);
		}
}

static void report(void)
{
	printf("%ld slices, %ld completed, %ld cancelled; rounds:", slices, completed, cancelled);
	for (int i = 0; i < work_kinds_n; i++)
		printf(" %s %ld", work_kinds[i].name, rounds[i]);
	printf("\n");
	CHECK_INT(completed, >=, 1);
	CHECK_INT(cancelled, >=, 1);
	for (int i = 0; i < work_kinds_n; i++)
		CHECK_INT(rounds[i], >=, 1);
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	drive_run(t->drive, t->seed, t->seconds);
	return NULL;
}

static void run_threads(const struct drive *d, int n, uint64_t seed, int64_t seconds)
{
	struct thread threads[8] = { 0 };

	for (int i = 0; i < n; i++)
		threads[i] = (struct thread){ .drive = d, .seed = seed + 100 * i, .seconds = seconds };
	for (int i = 1; i < n; i++)
		CHECK_INT(pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]), ==, 0);
	thread_main(&threads[0]);
	for (int i = 1; i < n; i++)
		CHECK_INT(pthread_join(threads[i].thread, NULL), ==, 0);
	drop_all();
}

int drive_main(const struct drive *d, int threads, int64_t seconds, void (*begin)(void), void (*end)(void))
{
	uint64_t seed = test_seed();
	size_t heap;
	int fds;

	test_watchdog();
	seconds = test_seconds(seconds);
	base_seed = seed;
	work_begin();
	if (begin)
		begin();
	run_threads(d, threads, seed + 7, 1);           /* warm up: pools and libc's own buffers */
	heap = heap_in_use();
	fds = count_fds();
	run_threads(d, threads, seed, seconds > 1 ? seconds - 1 : 1);
	if (end)
		end();
	report();
	printf("heap in use %zu, then %zu; descriptors %d, then %d\n", heap, heap_in_use(), fds, count_fds());
	fflush(stdout);
	CHECK_INT(count_fds(), ==, fds);
	/* what libc keeps per thread, and in the caches of pooled identities, varies with chance; a leak grows with
	 * each call that is cancelled: a hundred kilobytes for one that worked on the heap */
	CHECK_INT(heap_in_use(), <=, heap + CACHES + 20000 * cancelled);
	return 0;
}
