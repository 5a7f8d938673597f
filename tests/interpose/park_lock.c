/*
 * park_lock.c - objects of pthreads between threads of the runtime, kernel threads and calls
 *
 * With one worker, threads that took it with them while they wait would stop everything. With kernel threads among those who
 * compete, a wake-up that is lost shows as a hang.
 */
#include "park.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <threads.h>

#define ROUNDS 500

/* --- back and forth between two threads ---------------------------------------------------------- */

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	sem_t sem[2];
	pthread_barrier_t barrier;
	mtx_t mtx;
	cnd_t cnd;
	int turn;
} g;

struct side {
	int me;
	void (*once)(int me);
};

static void by_cond(int me)
{
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	while (g.turn != me)
		CHECK_INT(pthread_cond_wait(&g.cond, &g.mutex), ==, 0);
	g.turn = !me;
	CHECK_INT(pthread_cond_signal(&g.cond), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
}

static void by_broadcast(int me)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 1000;
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	while (g.turn != me)
		CHECK_INT(pthread_cond_timedwait(&g.cond, &g.mutex, &at), ==, 0);
	g.turn = !me;
	CHECK_INT(pthread_cond_broadcast(&g.cond), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
}

static void by_c11(int me)
{
	CHECK_INT(mtx_lock(&g.mtx), ==, thrd_success);
	while (g.turn != me)
		CHECK_INT(cnd_wait(&g.cnd, &g.mtx), ==, thrd_success);
	g.turn = !me;
	CHECK_INT(cnd_signal(&g.cnd), ==, thrd_success);
	CHECK_INT(mtx_unlock(&g.mtx), ==, thrd_success);
}

static void by_sem(int me)
{
	CHECK_INT(sem_wait(&g.sem[me]), ==, 0);
	CHECK_INT(sem_post(&g.sem[!me]), ==, 0);
}

static void by_barrier(int me)
{
	int r = pthread_barrier_wait(&g.barrier);

	(void)me;
	CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
	__atomic_add_fetch(&g.turn, r != 0, __ATOMIC_RELAXED);
}

static void *goes_round(void *arg)
{
	struct side *side = arg;

	for (int i = 0; i < ROUNDS; i++)
		side->once(side->me);
	return NULL;
}

static void set_up(void)
{
	memset(&g, 0, sizeof(g));
	pthread_mutex_init(&g.mutex, NULL);
	pthread_cond_init(&g.cond, NULL);
	CHECK_INT(sem_init(&g.sem[0], 0, 1), ==, 0);
	CHECK_INT(sem_init(&g.sem[1], 0, 0), ==, 0);
	pthread_barrier_init(&g.barrier, NULL, 2);
	mtx_init(&g.mtx, mtx_plain);
	cnd_init(&g.cnd);
}

static void tear_down(void)
{
	CHECK_INT(pthread_mutex_destroy(&g.mutex), ==, 0);
	CHECK_INT(pthread_cond_destroy(&g.cond), ==, 0);
	CHECK_INT(pthread_barrier_destroy(&g.barrier), ==, 0);
	mtx_destroy(&g.mtx);
	cnd_destroy(&g.cnd);
}

/* thread with thread, thread with kernel thread */
static void back_and_forth(void)
{
	static void (*const all[])(int) = { by_cond, by_broadcast, by_c11, by_sem, by_barrier };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (int kernel = 0; kernel < 2; kernel++) {
			struct side a = { 0, all[i] }, b = { 1, all[i] };
			stint_thread_t *one, *other = NULL;
			pthread_t k;

			set_up();
			one = thread(goes_round, &a);
			if (kernel)
				CHECK_INT(pthread_create(&k, NULL, goes_round, &b), ==, 0);
			else
				other = thread(goes_round, &b);
			joined(one);
			if (kernel)
				CHECK_INT(pthread_join(k, NULL), ==, 0);
			else
				joined(other);
			if (all[i] == by_barrier)
				CHECK_INT(g.turn, ==, ROUNDS);
			tear_down();
		}
	}
}

/* --- a kernel thread gives back what one thread waits for, and the other way round -------------------- */

static pthread_rwlock_t rw;

static void *wants(void *arg)
{
	switch (*(int *)arg) {
	case 0:
		CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
		break;
	case 1:
		CHECK_INT(mtx_lock(&g.mtx), ==, thrd_success);
		CHECK_INT(mtx_unlock(&g.mtx), ==, thrd_success);
		break;
	case 2:
		CHECK_INT(pthread_rwlock_rdlock(&rw), ==, 0);
		CHECK_INT(pthread_rwlock_unlock(&rw), ==, 0);
		break;
	case 3:
		CHECK_INT(pthread_rwlock_wrlock(&rw), ==, 0);
		CHECK_INT(pthread_rwlock_unlock(&rw), ==, 0);
		break;
	case 4:
		CHECK_INT(sem_wait(&g.sem[1]), ==, 0);
		break;
	case 5:
		pthread_barrier_wait(&g.barrier);
		break;
	default:
		CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
		while (!g.turn)
			CHECK_INT(pthread_cond_wait(&g.cond, &g.mutex), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
	}
	return NULL;
}

static void hold(int what)
{
	switch (what) {
	case 0:
		CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
		break;
	case 1:
		CHECK_INT(mtx_lock(&g.mtx), ==, thrd_success);
		break;
	case 2:
	case 3:
		CHECK_INT(pthread_rwlock_wrlock(&rw), ==, 0);
	}
}

static void give(int what)
{
	switch (what) {
	case 0:
		CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
		break;
	case 1:
		CHECK_INT(mtx_unlock(&g.mtx), ==, thrd_success);
		break;
	case 2:
	case 3:
		CHECK_INT(pthread_rwlock_unlock(&rw), ==, 0);
		break;
	case 4:
		CHECK_INT(sem_post(&g.sem[1]), ==, 0);
		break;
	case 5:
		pthread_barrier_wait(&g.barrier);
		break;
	default:
		__atomic_store_n(&g.turn, 1, __ATOMIC_RELEASE);
		if (what % 2)
			CHECK_INT(pthread_cond_signal(&g.cond), ==, 0);
		else
			CHECK_INT(pthread_cond_broadcast(&g.cond), ==, 0);
	}
}

static void *holds_a_while(void *arg)
{
	int *what = arg;

	hold(*what);
	__atomic_store_n(&what[1], 1, __ATOMIC_RELEASE);
	stint_thread_sleep(STINT_MS(10));
	give(*what);
	return NULL;
}

static void handed(void)
{
	for (int what = 0; what < 8; what++) {
		int args[2] = { what, 0 };
		stint_thread_t *t;
		pthread_t k;

		set_up();
		pthread_rwlock_init(&rw, NULL);
		hold(what);
		t = thread(wants, args);
		settle();
		give(what);
		joined(t);
		g.turn = 0;
		t = thread(holds_a_while, args);
		while (!__atomic_load_n(&args[1], __ATOMIC_ACQUIRE))
			sleep_ns(50000);
		CHECK_INT(pthread_create(&k, NULL, wants, args), ==, 0);
		CHECK_INT(pthread_join(k, NULL), ==, 0);
		joined(t);
		pthread_rwlock_destroy(&rw);
		tear_down();
	}
}

/* --- everybody competes for everything ------------------------------------------------------------ */

#define GREEN 12
#define KERNEL 4
#define CALLS 2

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_rwlock_t rw;
	pthread_barrier_t barrier;
	sem_t tokens;
	long counter, guarded, copy;
	int inside, queued, taken;
	int64_t end;
	uint64_t seed;
	int stop;
} m;

static void dawdle(struct rng *r)
{
	switch (rng_below(r, 12)) {
	case 0:
		sched_yield();
		break;
	case 1:
		spin_ns((int64_t)rng_below(r, 20000));
		break;
	case 2:
		sleep_ns((int64_t)rng_below(r, 50000));
	}
}

static void at_most(struct timespec *at, clockid_t clock, int64_t ns)
{
	clock_gettime(clock, at);
	at->tv_sec += ns / 1000000000;
	at->tv_nsec += ns % 1000000000;
	if (at->tv_nsec >= 1000000000) {
		at->tv_sec++;
		at->tv_nsec -= 1000000000;
	}
}

static void use_mutex(struct rng *r)
{
	struct timespec at;
	int err = 0;

	at_most(&at, CLOCK_MONOTONIC, (int64_t)rng_below(r, 100000));
	switch (rng_below(r, 4)) {
	case 0:
		err = pthread_mutex_trylock(&m.mutex);
		CHECK(!err || err == EBUSY);
		break;
	case 1:
		err = pthread_mutex_clocklock(&m.mutex, CLOCK_MONOTONIC, &at);
		CHECK(!err || err == ETIMEDOUT);
		break;
	default:
		CHECK_INT(pthread_mutex_lock(&m.mutex), ==, 0);
	}
	if (err)
		return;
	CHECK_INT(m.inside++, ==, 0);
	m.counter++;
	dawdle(r);
	CHECK_INT(m.inside--, ==, 1);
	CHECK_INT(pthread_mutex_unlock(&m.mutex), ==, 0);
}

/* one puts something into the queue for each that takes something out */
static void use_cond(struct rng *r)
{
	struct timespec at;
	bool puts = rng_below(r, 2);

	CHECK_INT(pthread_mutex_lock(&m.mutex), ==, 0);
	CHECK_INT(m.inside++, ==, 0);
	if (puts) {
		m.queued++;
		if (rng_below(r, 4))
			pthread_cond_signal(&m.changed);
		else
			pthread_cond_broadcast(&m.changed);
	} else {
		at_most(&at, CLOCK_MONOTONIC, 2000000);
		while (!m.queued) {
			int err;

			m.inside--;
			err = pthread_cond_clockwait(&m.changed, &m.mutex, CLOCK_MONOTONIC, &at);
			CHECK_INT(m.inside++, ==, 0);
			if (err) {
				CHECK_INT(err, ==, ETIMEDOUT);
				break;
			}
		}
		if (m.queued) {
			m.queued--;
			m.taken++;
		}
	}
	m.inside--;
	CHECK_INT(pthread_mutex_unlock(&m.mutex), ==, 0);
}

static void use_rwlock(struct rng *r)
{
	if (rng_below(r, 4)) {
		CHECK_INT(pthread_rwlock_rdlock(&m.rw), ==, 0);
		CHECK_INT(m.guarded, ==, m.copy);
		dawdle(r);
		CHECK_INT(m.guarded, ==, m.copy);
	} else {
		CHECK_INT(pthread_rwlock_wrlock(&m.rw), ==, 0);
		m.guarded++;
		dawdle(r);
		m.copy++;
	}
	CHECK_INT(pthread_rwlock_unlock(&m.rw), ==, 0);
}

static int holders;

static void use_sem(struct rng *r)
{
	CHECK_INT(sem_wait(&m.tokens), ==, 0);
	CHECK_INT(__atomic_add_fetch(&holders, 1, __ATOMIC_ACQ_REL), <=, 2);
	dawdle(r);
	__atomic_sub_fetch(&holders, 1, __ATOMIC_ACQ_REL);
	CHECK_INT(sem_post(&m.tokens), ==, 0);
}

static void *competes(void *arg)
{
	struct rng r;

	rng_seed(&r, m.seed + (uint64_t)(uintptr_t)arg);
	while (now_ns() < m.end) {
		switch (rng_below(&r, 4)) {
		case 0:
			use_mutex(&r);
			break;
		case 1:
			use_cond(&r);
			break;
		case 2:
			use_rwlock(&r);
			break;
		default:
			use_sem(&r);
		}
	}
	return NULL;
}

static void *drives_a_call(void *arg)
{
	stint_t *call = stint_launch(competes, arg, STINT_US(300));

	CHECK(call);
	while (!stint_is_complete(call))
		stint_resume(call, STINT_US(300));
	stint_free(call);
	return NULL;
}

static void compete(uint64_t seed, int64_t ns)
{
	stint_thread_t *green[GREEN];
	pthread_t kernel[KERNEL + CALLS];

	memset(&m, 0, sizeof(m));
	m.seed = seed;
	m.end = now_ns() + ns;
	pthread_mutex_init(&m.mutex, NULL);
	pthread_cond_init(&m.changed, NULL);
	pthread_rwlock_init(&m.rw, NULL);
	sem_init(&m.tokens, 0, 2);
	for (intptr_t i = 0; i < KERNEL + CALLS; i++)
		CHECK_INT(pthread_create(&kernel[i], NULL, i < KERNEL ? competes : drives_a_call, (void *)(1000 + i)), ==, 0);
	for (intptr_t i = 0; i < GREEN; i++)
		green[i] = thread(i % 6 == 5 ? drives_a_call : competes, (void *)i);
	for (int i = 0; i < GREEN; i++)
		joined(green[i]);
	for (int i = 0; i < KERNEL + CALLS; i++)
		CHECK_INT(pthread_join(kernel[i], NULL), ==, 0);
	CHECK_INT(m.guarded, ==, m.copy);
	CHECK_INT(m.counter, >, 0);
	CHECK_INT(m.guarded, >, 0);
	CHECK_INT(pthread_mutex_destroy(&m.mutex), ==, 0);
	CHECK_INT(pthread_cond_destroy(&m.changed), ==, 0);
	CHECK_INT(pthread_rwlock_destroy(&m.rw), ==, 0);
}

/* --- barriers of all sizes --------------------------------------------------------------------------- */

#define PARTIES 7
#define BARRIER_ROUNDS 200

static int serial, arrived;

static void *arrives(void *arg)
{
	struct rng r;

	rng_seed(&r, m.seed + (uint64_t)(uintptr_t)arg);
	for (int i = 0; i < BARRIER_ROUNDS; i++) {
		int before;

		if (!rng_below(&r, 8))
			dawdle(&r);
		__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
		if (pthread_barrier_wait(&m.barrier))
			__atomic_add_fetch(&serial, 1, __ATOMIC_ACQ_REL);
		before = __atomic_load_n(&arrived, __ATOMIC_ACQUIRE);
		CHECK_INT(before, >=, (i + 1) * PARTIES);
		CHECK_INT(before, <=, (i + 2) * PARTIES);
	}
	return NULL;
}

static void barriers(uint64_t seed)
{
	for (int kernel = 0; kernel <= PARTIES; kernel += 3) {
		stint_thread_t *green[PARTIES];
		pthread_t k[PARTIES];

		m.seed = seed + (uint64_t)kernel;
		serial = arrived = 0;
		pthread_barrier_init(&m.barrier, NULL, PARTIES);
		for (intptr_t i = 0; i < PARTIES; i++) {
			if (i < kernel)
				CHECK_INT(pthread_create(&k[i], NULL, arrives, (void *)i), ==, 0);
			else
				green[i] = thread(arrives, (void *)i);
		}
		for (int i = 0; i < PARTIES; i++) {
			if (i < kernel)
				CHECK_INT(pthread_join(k[i], NULL), ==, 0);
			else
				joined(green[i]);
		}
		CHECK_INT(serial, ==, BARRIER_ROUNDS);
		CHECK_INT(pthread_barrier_destroy(&m.barrier), ==, 0);
	}
}

/* --- kernel threads that give the mutex back inside a wait ------------------------------------------- */

static int waiting_kernel, rounds_done;

/* it holds the mutex nearly always, but for the moments in which the wait has given it back */
static void *waits_with_it(void *arg)
{
	(void)arg;
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	while (!g.turn) {
		struct timespec at;

		at_most(&at, CLOCK_REALTIME, 200000);
		CHECK_INT(pthread_cond_timedwait(&g.cond, &g.mutex, &at), ==, ETIMEDOUT);
		waiting_kernel++;
		spin_ns(300000);
	}
	CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
	return NULL;
}

static void *gets_it(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
		rounds_done++;
		CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
		stint_thread_sleep(STINT_US(70));       /* so that it comes while the mutex is held, and alone at last */
	}
	return NULL;
}

static void given_back_inside(void)
{
	stint_thread_t *t[5];
	pthread_t k;

	set_up();
	rounds_done = 0;
	CHECK_INT(pthread_create(&k, NULL, waits_with_it, NULL), ==, 0);
	for (int i = 0; i < 5; i++)
		t[i] = thread(gets_it, NULL);
	for (int i = 0; i < 5; i++)
		joined(t[i]);
	CHECK_INT(rounds_done, ==, 100);
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	g.turn = 1;
	CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	tear_down();
}

/* --- times and errors --------------------------------------------------------------------------------- */

#define SPAN 15000000

static void *times_out(void *arg)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };
	pthread_rwlock_t *held = arg;
	struct timespec at;
	int64_t before;

	for (int i = 0; i < 2; i++) {
		clockid_t c = clocks[i];

		before = now_ns();
		at_most(&at, c, SPAN);
		CHECK_INT(pthread_mutex_clocklock(&g.mutex, c, &at), ==, ETIMEDOUT);
		CHECK_INT(now_ns() - before, >=, i ? SPAN - 1000000 : SPAN);    /* the other clock may be moved */
		before = now_ns();
		at_most(&at, c, SPAN);
		CHECK_INT(sem_clockwait(&g.sem[1], c, &at), ==, -1);
		CHECK_INT(errno, ==, ETIMEDOUT);
		CHECK_INT(now_ns() - before, >=, i ? SPAN - 1000000 : SPAN);
		before = now_ns();
		at_most(&at, c, SPAN);
		CHECK_INT(pthread_rwlock_clockrdlock(held, c, &at), ==, ETIMEDOUT);
		at_most(&at, c, SPAN);
		CHECK_INT(pthread_rwlock_clockwrlock(held, c, &at), ==, ETIMEDOUT);
		CHECK_INT(now_ns() - before, >=, 2 * (i ? SPAN - 1000000 : SPAN));
	}
	at.tv_nsec = 1000000000;
	CHECK_INT(pthread_mutex_timedlock(&g.mutex, &at), ==, EINVAL);
	CHECK_INT(sem_timedwait(&g.sem[1], &at), ==, -1);
	CHECK_INT(errno, ==, EINVAL);
	return NULL;
}

static void *makes_mistakes(void *arg)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t checks, recurs;
	struct timespec at;

	(void)arg;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&checks, &attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&recurs, &attr);
	CHECK_INT(pthread_mutex_unlock(&checks), ==, EPERM);
	CHECK_INT(pthread_cond_wait(&g.cond, &checks), ==, EPERM);
	CHECK_INT(pthread_mutex_lock(&checks), ==, 0);
	CHECK_INT(pthread_mutex_lock(&checks), ==, EDEADLK);
	CHECK_INT(pthread_mutex_trylock(&checks), ==, EBUSY);
	CHECK_INT(pthread_mutex_unlock(&checks), ==, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(pthread_mutex_lock(&recurs), ==, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(pthread_mutex_unlock(&recurs), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&recurs), ==, EPERM);
	pthread_rwlock_init(&rw, NULL);
	CHECK_INT(pthread_rwlock_wrlock(&rw), ==, 0);
	CHECK_INT(pthread_rwlock_rdlock(&rw), ==, EDEADLK);
	CHECK_INT(pthread_rwlock_wrlock(&rw), ==, EDEADLK);
	CHECK_INT(pthread_rwlock_unlock(&rw), ==, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&checks, &attr);
	CHECK_INT(pthread_mutex_lock(&checks), ==, ENOTSUP);
	clock_gettime(CLOCK_MONOTONIC, &at);
	CHECK_INT(pthread_mutex_lock((pthread_mutex_t *)&g.mtx), ==, 0);
	CHECK_INT(pthread_cond_clockwait(&g.cond, (pthread_mutex_t *)&g.mtx, CLOCK_MONOTONIC, &at), ==, ETIMEDOUT);
	CHECK_INT(pthread_mutex_unlock((pthread_mutex_t *)&g.mtx), ==, 0);
	return NULL;
}

static void times(void)
{
	pthread_rwlock_t held = PTHREAD_RWLOCK_INITIALIZER;

	set_up();
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	CHECK_INT(pthread_rwlock_wrlock(&held), ==, 0);
	joined(thread(times_out, &held));
	CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
	CHECK_INT(pthread_rwlock_unlock(&held), ==, 0);
	joined(thread(makes_mistakes, NULL));
}

/* --- being stopped, being cancelled ------------------------------------------------------------------- */

static pthread_rwlock_t held_rw;

static void in_mutex(void)
{
	pthread_mutex_lock(&g.mutex);
}

static void in_cond(void)
{
	pthread_mutex_lock((pthread_mutex_t *)&g.mtx);
	for (;;)
		pthread_cond_wait(&g.cond, (pthread_mutex_t *)&g.mtx);
}

static void in_sem(void)
{
	sem_wait(&g.sem[1]);
}

static void in_rdlock(void)
{
	pthread_rwlock_rdlock(&held_rw);
}

static void in_wrlock(void)
{
	pthread_rwlock_wrlock(&held_rw);
}

static void in_join(void)
{
	static pthread_t self;

	self = *(pthread_t *)m.seed;
	pthread_join(self, NULL);
}

static void ran(void *arg)
{
	++*(int *)arg;
}

static int begun, cleanups;

static void *is_cancelled(void *arg)
{
	stint_defer(ran, &cleanups);
	__atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
	(*(void (**)(void))arg)();
	test_fail(__FILE__, __LINE__, "it went on");
}

static void *waits_in(void *arg)
{
	(*(void (**)(void))arg)();
	return arg;
}

/* a call in a thread: its deadline counts, and it waits on when it is resumed */
static void *drives(void *arg)
{
	int64_t before = now_ns();
	stint_t *call = stint_launch(waits_in, arg, STINT_MS(5));

	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	CHECK_INT(now_ns() - before, >=, 5000000);
	CHECK_INT(stint_resume(call, STINT_MS(2)), ==, ETIMEDOUT);
	stint_free(call);
	return NULL;
}

static void *forever_asleep(void *arg)
{
	sem_wait(arg);
	return NULL;
}

static void *holds_and_is_cancelled(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	CHECK_INT(pthread_rwlock_wrlock(&held_rw), ==, 0);
	__atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
	for (;;)
		stint_thread_sleep(STINT_MS(1));
}

static void *gets_both(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	CHECK_INT(pthread_rwlock_rdlock(&held_rw), ==, 0);
	CHECK_INT(pthread_rwlock_unlock(&held_rw), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
	return arg;
}

static void stopped(void)
{
	static void (*all[])(void) = { in_mutex, in_cond, in_sem, in_rdlock, in_wrlock, in_join };
	stint_thread_t *t, *other;
	sem_t never;
	pthread_t k;
	int held = 0;

	set_up();
	sem_init(&never, 0, 0);
	CHECK_INT(pthread_create(&k, NULL, forever_asleep, &never), ==, 0);
	m.seed = (uint64_t)(uintptr_t)&k;
	pthread_rwlock_init(&held_rw, NULL);
	CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
	CHECK_INT(pthread_rwlock_wrlock(&held_rw), ==, 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		joined(thread(drives, &all[i]));
		begun = cleanups = 0;
		t = thread(is_cancelled, &all[i]);
		while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
			sleep_ns(50000);
		settle();
		CHECK_INT(stint_thread_cancel(t), ==, 0);
		CHECK(!joined(t));
		CHECK_INT(cleanups, ==, 1);
	}
	CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
	CHECK_INT(pthread_rwlock_unlock(&held_rw), ==, 0);
	/* what a cancelled one held goes on to who waits for it */
	t = thread(holds_and_is_cancelled, &held);
	while (!__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		sleep_ns(100000);
	other = thread(gets_both, NULL);
	settle();
	CHECK_INT(stint_thread_cancel(t), ==, 0);
	joined(t);
	joined(other);
	sem_post(&never);
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	CHECK_INT(pthread_mutex_lock((pthread_mutex_t *)&g.mtx), ==, 0);        /* not left locked */
	CHECK_INT(pthread_mutex_unlock((pthread_mutex_t *)&g.mtx), ==, 0);
	tear_down();
}

/* --- posts from signal handlers ------------------------------------------------------------------------ */

#define POSTS 2000

static sem_t posted;
static int waits_left;

static void on_signal(int signo)
{
	(void)signo;
	sem_post(&posted);
}

static void *takes(void *arg)
{
	while (__atomic_sub_fetch(&waits_left, 1, __ATOMIC_ACQ_REL) >= 0)
		CHECK_INT(sem_wait(&posted), ==, 0);
	return arg;
}

/* the signals go to the process, so to whatever kernel thread: workers in the middle of anything, too */
static void posts_from_handlers(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	union sigval none = { .sival_int = 0 };
	stint_thread_t *t[10];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &set, NULL), ==, 0);       /* or this one would get them all */
	CHECK_INT(sigaction(SIGRTMIN + 4, &act, NULL), ==, 0);
	sem_init(&posted, 0, 0);
	waits_left = POSTS;
	for (int i = 0; i < 10; i++)
		t[i] = thread(takes, NULL);
	for (int i = 0; i < POSTS; i++) {
		while (sigqueue(getpid(), SIGRTMIN + 4, none))
			CHECK_INT(errno, ==, EAGAIN);
		if (i % 50 == 0)
			sleep_ns(200000);
	}
	for (int i = 0; i < 10; i++)
		joined(t[i]);
	CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &set, NULL), ==, 0);
}

/* --- others ---------------------------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int inits;

static void slow_init(void)
{
	inits++;
	for (int i = 0; i < 20; i++)
		spin_ns(200000);
}

static void *does_once(void *arg)
{
	CHECK_INT(pthread_once(&once, slow_init), ==, 0);
	CHECK_INT(inits, ==, 1);
	return arg;
}

static sem_t may_end;

static void *ends_soon(void *arg)
{
	CHECK_INT(sem_wait(&may_end), ==, 0);
	sleep_ns(3000000);
	return arg;
}

static void *joins_kernel_thread(void *arg)
{
	void *value = NULL;
	struct timespec at;
	pthread_t k;

	sem_init(&may_end, 0, 0);
	CHECK_INT(pthread_create(&k, NULL, ends_soon, &once), ==, 0);
	at_most(&at, CLOCK_REALTIME, 1000000);
	CHECK_INT(pthread_timedjoin_np(k, NULL, &at), ==, ETIMEDOUT);
	CHECK_INT(sem_post(&may_end), ==, 0);
	CHECK_INT(pthread_join(k, &value), ==, 0);
	CHECK(value == &once);
	return arg;
}

struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	sem_t sem;
	int go;
};

static void *waits_for_process(void *arg)
{
	struct shared *sh = arg;

	CHECK_INT(sem_wait(&sh->sem), ==, 0);
	CHECK_INT(pthread_mutex_lock(&sh->mutex), ==, 0);
	while (!sh->go)
		CHECK_INT(pthread_cond_wait(&sh->cond, &sh->mutex), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&sh->mutex), ==, 0);
	return NULL;
}

static void between_processes(void)
{
	struct shared *sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	stint_thread_t *t;
	pid_t pid;

	CHECK(sh != MAP_FAILED);
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&sh->mutex, &ma);
	pthread_cond_init(&sh->cond, &ca);
	sem_init(&sh->sem, 1, 0);
	CHECK_INT(pthread_mutex_lock(&sh->mutex), ==, 0);
	t = thread(waits_for_process, sh);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		sleep_ns(10000000);
		sem_post(&sh->sem);
		sleep_ns(20000000);
		pthread_mutex_lock(&sh->mutex);
		sh->go = 1;
		pthread_cond_broadcast(&sh->cond);
		pthread_mutex_unlock(&sh->mutex);
		_exit(0);
	}
	sleep_ns(20000000);
	CHECK_INT(pthread_mutex_unlock(&sh->mutex), ==, 0);
	joined(t);
	CHECK_EXIT(pid, 0);
	munmap(sh, 4096);
}

/* one that takes the mutex again at once does not keep the others from it for ever */
static long greedy_rounds;

static void *is_greedy(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE)) {
		CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
		greedy_rounds++;
		spin_ns(20000);
		CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
	}
	return NULL;
}

static void *is_modest(void *arg)
{
	for (int i = 0; i < 20; i++) {
		CHECK_INT(pthread_mutex_lock(&g.mutex), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&g.mutex), ==, 0);
		stint_thread_yield();
	}
	__atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void others(void)
{
	stint_thread_t *t[6];
	int done = 0;

	once = (pthread_once_t)PTHREAD_ONCE_INIT;
	inits = 0;
	for (int i = 0; i < 6; i++)
		t[i] = thread(does_once, NULL);
	CHECK_INT(pthread_once(&once, slow_init), ==, 0);
	for (int i = 0; i < 6; i++)
		joined(t[i]);
	joined(thread(joins_kernel_thread, NULL));
	between_processes();
	puts("greed");
	set_up();
	t[0] = thread(is_greedy, &done);
	t[1] = thread(is_modest, &done);
	joined(t[0]);
	joined(t[1]);
	tear_down();
}

int main(void)
{
	uint64_t seed;

	test_watchdog();
	seed = test_seed();
	for (size_t i = 0; i < sizeof(park_workers) / sizeof(park_workers[0]); i++) {
		printf("%u workers\n", park_workers[i]);
		park_start(park_workers[i]);
		back_and_forth();
		puts("handed");
		handed();
		puts("competing");
		compete(seed + i, test_seconds(1) * 700000000);
		puts("barriers");
		barriers(seed);
		puts("inside");
		given_back_inside();
		puts("times");
		times();
		puts("stopped");
		stopped();
		puts("posts");
		posts_from_handlers();
		puts("others");
		others();
		park_stop_all();
	}
	return 0;
}
