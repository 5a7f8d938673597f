/*
 * sync_late.c - who is served just as its time is up, or as it is stopped, does not touch the object after others may have destroyed it
 *
 * One waits with a timeout. Another serves it about when that ends, and the memory is made inaccessible as soon as it may be. When is
 * aimed at: earlier after each round in which the first gave up, later after each in which it was served. So most rounds are within
 * microseconds of the moment. Then the same with a call that has no timeout, but is stopped again and again.
 */
#include "actors.h"

#include <sys/mman.h>

#define ROUNDS 1500
#define PAGE 4096
#define TIMEOUT STINT_US(40)
#define SLICE STINT_US(40)
#define STEP 100                /* ns */
#define JITTER 1000

static struct object {
	stint_barrier_t barrier;
	stint_waitgroup_t group;
} *it;

static enum { BARRIER, GROUP, OVER } at;
static stint_ns timeout;
static stint_sem_t first_goes, second_goes, first_is_back, second_is_back;
static int result;              /* of the first one's wait; -2: not back yet */
static struct rng rng;

static void create(void)
{
	CHECK_INT(mprotect(it, PAGE, PROT_READ | PROT_WRITE), ==, 0);
	*it = (struct object){ STINT_BARRIER_INIT(2), STINT_WAITGROUP_INIT };
	CHECK_INT(stint_waitgroup_add(&it->group, 1), ==, 0);
	STORE(result, -2);
}

static void destroy(void)
{
	CHECK_INT(mprotect(it, PAGE, PROT_NONE), ==, 0);
}

static void *first_waits(void *arg)
{
	while (stint_sem_wait(&first_goes) == 0 && at != OVER) {
		STORE(result, at == BARRIER ? stint_barrier_wait_timed(&it->barrier, timeout)
					    : stint_waitgroup_wait_timed(&it->group, timeout));
		CHECK_INT(stint_sem_post(&first_is_back), ==, 0);
	}
	return arg;
}

/* at the group only: served together with the first, or alone */
static void *second_waits(void *arg)
{
	while (stint_sem_wait(&second_goes) == 0 && at != OVER) {
		CHECK_INT(stint_waitgroup_wait(&it->group), ==, 0);
		destroy();
		CHECK_INT(stint_sem_post(&second_is_back), ==, 0);
	}
	return arg;
}

/* It is in the queue, as one of @n, or has given up already: not on its way there still. */
static void let_first_wait(const struct stint_waitq *queue, unsigned n)
{
	CHECK_INT(stint_sem_post(&first_goes), ==, 0);
	while (LOAD(queue->n) != n && LOAD(result) == -2)
		;
}

/* Whoever is let go on by the barrier has it for itself: the other one has been served. */
static void meet_at_barrier(int64_t aim)
{
	int r;

	let_first_wait(&it->barrier.waiters, 1);
	spin_ns(aim);
	r = stint_barrier_wait_timed(&it->barrier, timeout == STINT_FOREVER ? STINT_FOREVER : 0);
	CHECK(r == 0 || r == STINT_BARRIER_LAST || r == ETIMEDOUT);
	if (r != ETIMEDOUT)
		destroy();
	CHECK_INT(stint_sem_wait(&first_is_back), ==, 0);
	CHECK_INT(r == ETIMEDOUT, ==, result == ETIMEDOUT);
}

static void meet_at_group(int64_t aim)
{
	CHECK_INT(stint_sem_post(&second_goes), ==, 0);
	while (LOAD(it->group.waiters.n) != 1)
		;
	let_first_wait(&it->group.waiters, 2);
	spin_ns(aim);
	CHECK_INT(stint_waitgroup_done(&it->group), ==, 0);
	CHECK_INT(stint_sem_wait(&first_is_back), ==, 0);
	CHECK_INT(stint_sem_wait(&second_is_back), ==, 0);
}

static void meet(enum kind kind, int place, stint_ns t)
{
	int64_t aim = TIMEOUT;
	struct actor first, second;
	int served = 0, gave_up = 0;

	at = place;
	timeout = t;
	if (t == STINT_FOREVER)
		start_sliced(&first, kind, first_waits, NULL, SLICE);
	else
		start(&first, kind, first_waits, NULL);
	start(&second, GREEN, second_waits, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t jitter = (int64_t)rng_below(&rng, t == STINT_FOREVER ? SLICE : JITTER);

		create();
		(at == BARRIER ? meet_at_barrier : meet_at_group)(aim + jitter);
		if (result == ETIMEDOUT)
			gave_up++;
		else
			served++;
		if (t != STINT_FOREVER)
			aim += result == ETIMEDOUT && aim > STEP ? -STEP : STEP;
	}
	at = OVER;
	CHECK_INT(stint_sem_post(&first_goes), ==, 0);
	CHECK_INT(stint_sem_post(&second_goes), ==, 0);
	finish(&first);
	finish(&second);
	printf("kind %d, place %d: %d served, %d gave up\n", (int)kind, place, served, gave_up);
	CHECK(served && (gave_up || t == STINT_FOREVER));
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 2 };

	test_watchdog();
	CHECK(!stint_unsupported());
	CHECK_INT(stint_start(&config), ==, 0);
	rng_seed(&rng, 7);
	it = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(it != MAP_FAILED);
	for (int kind = 0; kind < KINDS; kind++) {
		meet((enum kind)kind, BARRIER, TIMEOUT);
		meet((enum kind)kind, GROUP, TIMEOUT);
	}
	meet(CALL, BARRIER, STINT_FOREVER);
	CHECK_INT(stint_stop(), ==, 0);
	return 0;
}
