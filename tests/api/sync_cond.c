/*
 * sync_cond.c - waiting for a condition: one signal moves one waiter, to the mutex and not to the CPU; none
 * is lost with one that is stopped, cancelled, or too late
 */
#include "actors.h"

#include <sys/mman.h>

#define ACTORS 6

static stint_mutex_t m = STINT_MUTEX_INIT;
static stint_cond_t c = STINT_COND_INIT;
static int items, woken, order[ACTORS];

static unsigned on_cond(void)
{
	return LOAD(c.waiters.n);
}

static unsigned on_mutex(void)
{
	return LOAD(m.waiters.n);
}

static void lock(void)
{
	CHECK_INT(stint_mutex_lock(&m), ==, 0);
}

static void unlock(void)
{
	CHECK_INT(stint_mutex_unlock(&m), ==, 0);
}

static void *consumes(void *arg)
{
	lock();
	while (!items)
		CHECK_INT(stint_cond_wait(&c, &m), ==, 0);
	items--;
	order[woken++] = (int)(intptr_t)arg;
	unlock();
	return arg;
}

static void start_consumers(struct actor *a, int n)
{
	woken = 0;
	for (int i = 0; i < n; i++) {
		start(&a[i], (enum kind)(i % KINDS), consumes, (void *)(intptr_t)i);
		AWAIT(on_cond() == (unsigned)i + 1);
	}
}

static void finish_in_order(struct actor *a, int n)
{
	for (int i = 0; i < n; i++)
		finish(&a[i]);
	CHECK_INT(woken, ==, n);
	for (int i = 0; i < n; i++)
		CHECK_INT(order[i], ==, i);
}

static void signals_one(void)
{
	struct actor a[ACTORS];

	start_consumers(a, ACTORS);
	for (unsigned left = ACTORS; left > 0; left--) {
		lock();
		items++;
		CHECK_INT(stint_cond_signal(&c), ==, 0);
		CHECK_INT(on_cond(), ==, left - 1);     /* that one, and it does not run before it can go on */
		CHECK_INT(on_mutex(), ==, 1);
		unlock();
		AWAIT(LOAD(woken) == (int)(ACTORS - left + 1));
	}
	finish_in_order(a, ACTORS);
}

static void broadcasts_to_all(void)
{
	struct actor a[ACTORS];

	start_consumers(a, ACTORS);
	lock();
	items = ACTORS;
	CHECK_INT(stint_cond_broadcast(&c), ==, 0);
	CHECK_INT(on_cond(), ==, 0);
	CHECK_INT(on_mutex(), ==, ACTORS);
	unlock();
	finish_in_order(a, ACTORS);
	/* the mutex not held meanwhile */
	start_consumers(a, ACTORS);
	lock();
	items = ACTORS;
	unlock();
	CHECK_INT(stint_cond_broadcast(&c), ==, 0);
	finish_in_order(a, ACTORS);
	CHECK_INT(stint_cond_destroy(&c), ==, 0);
	CHECK_INT(stint_mutex_destroy(&m), ==, 0);
}

/* nobody waits: it is not kept for later */
static void is_forgotten(void)
{
	CHECK_INT(stint_cond_signal(&c), ==, 0);
	CHECK_INT(stint_cond_broadcast(&c), ==, 0);
	lock();
	CHECK_INT(stint_cond_wait_timed(&c, &m, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cond_wait_timed(&c, &m, 0), ==, ETIMEDOUT);
	unlock();
}

/* --- in time ----------------------------------------------------------------------------------- */

static int64_t span;            /* how long it waits at the most */
static int over;

static void *waits_in_time(void *arg)
{
	int64_t before = now_ns();
	int r;

	lock();
	r = stint_cond_wait_timed(&c, &m, span);
	if (r)
		CHECK_INT(now_ns() - before, >=, span);
	unlock();       /* it has it, whatever the answer */
	STORE(over, 1);
	(void)arg;
	return (void *)(intptr_t)r;
}

/* True: it waits, we have the mutex, and its time is not over. On a machine that is too slow for that it gets more. */
static bool have_it_wait(struct actor *a, enum kind kind)
{
	int64_t latest = now_ns() + span;

	STORE(over, 0);
	start(a, kind, waits_in_time, NULL);
	AWAIT(on_cond() == 1 || LOAD(over));
	lock();
	if (now_ns() < latest)
		return true;
	unlock();
	CHECK_INT((intptr_t)finish(a), ==, ETIMEDOUT);
	span *= 2;
	return false;
}

static void times_out(enum kind kind)
{
	struct actor a;

	start(&a, kind, waits_in_time, NULL);
	CHECK_INT((intptr_t)finish(&a), ==, ETIMEDOUT);
	CHECK_INT(on_cond(), ==, 0);
}

/* signalled in time, although the mutex came later; false: it was not in time */
static bool signalled_in_time(enum kind kind)
{
	struct actor a;
	int64_t latest = now_ns() + span;
	intptr_t r;
	bool in_time;

	if (!have_it_wait(&a, kind))
		return false;
	CHECK_INT(stint_cond_signal(&c), ==, 0);
	in_time = now_ns() < latest;
	if (in_time)
		CHECK_INT(on_mutex(), ==, 1);
	sleep_ns(2 * span);
	CHECK_INT(on_mutex(), ==, 1);
	unlock();
	r = (intptr_t)finish(&a);
	if (in_time)
		CHECK_INT(r, ==, 0);
	else
		CHECK(r == 0 || r == ETIMEDOUT);
	return in_time;
}

static void signal_counts(enum kind kind)
{
	while (!signalled_in_time(kind))
		;
}

/* --- and destroyed ----------------------------------------------------------------------------- */

static stint_cond_t *freed;     /* in a page of its own */
static int changed;

static void *waits_at_freed(void *arg)
{
	int r = 0;

	lock();
	while (!changed && !r)
		r = arg ? stint_cond_wait_timed(freed, &m, span) : stint_cond_wait(freed, &m);
	unlock();
	STORE(over, 1);
	return (void *)(intptr_t)r;
}

/*
 * Signalled, it is the mutex's business only: that is where its time is up, or the call is stopped, when there is no condition variable
 * any more. False: its time was up before.
 */
static bool gone_when_signalled(enum kind kind, bool timed, int (*wake)(stint_cond_t *))
{
	struct actor a;
	intptr_t r;

	freed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(freed != MAP_FAILED);
	changed = over = 0;
	start_sliced(&a, kind, waits_at_freed, timed ? &a : NULL, timed ? STINT_FOREVER : span);
	AWAIT(LOAD(freed->waiters.n) || LOAD(over));
	lock();
	changed = 1;
	CHECK_INT(wake(freed), ==, 0);
	CHECK_INT(stint_cond_destroy(freed), ==, 0);
	CHECK_INT(munmap(freed, 4096), ==, 0);
	sleep_ns(2 * span);
	unlock();
	r = (intptr_t)finish(&a);
	CHECK(r == 0 || (timed && r == ETIMEDOUT));
	CHECK_INT(stint_mutex_destroy(&m), ==, 0);
	return r == 0;
}

static void may_be_destroyed(enum kind kind)
{
	for (int all = 0; all < 2; all++) {
		int (*wake)(stint_cond_t *) = all ? stint_cond_broadcast : stint_cond_signal;

		for (span = STINT_MS(20); !gone_when_signalled(kind, true, wake);)
			span *= 2;
		span = STINT_MS(20);
		if (kind == CALL)
			gone_when_signalled(kind, false, wake);
	}
}

/* the time is up while others have the mutex: it waits for that */
static void returns_with_mutex(enum kind kind)
{
	struct actor a;

	while (!have_it_wait(&a, kind))
		;
	AWAIT(on_mutex() == 1);
	unlock();
	CHECK_INT((intptr_t)finish(&a), ==, ETIMEDOUT);
}

/* --- calls ------------------------------------------------------------------------------------- */

static volatile int about_to;

static void *waits(void *arg)
{
	lock();
	about_to = 1;
	CHECK_INT(stint_cond_wait(&c, &m), ==, 0);
	unlock();
	return arg;
}

/* one that has waited, and was stopped in that; we have the mutex, which it has given back */
static stint_t *stopped_waiter(void *arg)
{
	stint_t *call;

	about_to = 0;
	call = stint_launch(waits, arg, STINT_MS(2));
	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	RESUME_UNTIL(call, about_to && stint_mutex_trylock(&m) == 0);
	return call;
}

/*
 * one that is stopped holds nothing, is nowhere, and returns when it goes on: what it waits for may have come
 */
static void call_is_stopped(void)
{
	stint_t *call = stopped_waiter(&call);

	CHECK_INT(on_cond(), ==, 0);
	CHECK_INT(stint_resume(call, STINT_MS(2)), ==, ETIMEDOUT);      /* at the mutex */
	unlock();
	CHECK_INT(stint_resume(call, STINT_FOREVER), ==, 0);
	CHECK(stint_result(call) == &call);
	stint_free(call);
	call = stopped_waiter(NULL);
	unlock();
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	CHECK_INT(on_cond(), ==, 0);
	CHECK_INT(stint_mutex_destroy(&m), ==, 0);
}

static int gone;

static void *is_cancelled(void *arg)
{
	stint_t *call = stint_launch(waits, NULL, span);

	CHECK(call);
	CHECK_INT(stint_state(call), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_cancel(call), ==, 0);
	stint_free(call);
	STORE(gone, 1);
	return arg;
}

/*
 * signalled, but stopped before it got the mutex, and never seen again: then the next one is signalled. False: it was gone before, so
 * that was next anyway
 */
static bool passes_on(enum kind kind)
{
	struct actor first, second;
	bool there;

	STORE(gone, 0);
	start(&first, KERNEL, is_cancelled, NULL);
	AWAIT(on_cond() == 1 || LOAD(gone));
	start(&second, kind, waits, NULL);
	AWAIT(on_cond() == (LOAD(gone) ? 1 : 2));
	lock();
	CHECK_INT(stint_cond_signal(&c), ==, 0);
	there = !LOAD(gone);
	AWAIT(LOAD(gone));
	CHECK_INT(on_cond(), ==, 0);
	CHECK_INT(on_mutex(), ==, 1);
	unlock();
	finish(&first);
	finish(&second);
	CHECK_INT(stint_mutex_destroy(&m), ==, 0);
	return there;
}

static void signal_is_passed_on(enum kind kind)
{
	for (span = STINT_MS(30); !passes_on(kind);)
		span *= 2;
}

int main(void)
{
	test_watchdog();
	CHECK(!stint_unsupported());
	signals_one();
	broadcasts_to_all();
	is_forgotten();
	for (int kind = 0; kind < KINDS; kind++) {
		span = STINT_MS(20);
		times_out((enum kind)kind);
		signal_counts((enum kind)kind);
		returns_with_mutex((enum kind)kind);
		may_be_destroyed((enum kind)kind);
		signal_is_passed_on((enum kind)kind);
	}
	call_is_stopped();
	return 0;
}
