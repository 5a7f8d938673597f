/*
 * sync_last.c - whoever has been served may destroy the object: the one that served it does not touch it any more
 *
 * Two meet at an object of each kind, again and again. The one that waits for the other then fills the memory with a pattern,
 * and looks a little later whether it is still there.
 */
#include "actors.h"

#define ROUNDS 600

static union {
	stint_mutex_t mutex;
	struct {
		stint_mutex_t lock;
		stint_cond_t changed;
		int value;
	} cond;
	stint_sem_t sem;
	stint_waitgroup_t group;
	stint_barrier_t barrier;
	unsigned char bytes[256];
} it;

static stint_sem_t made, seen;

/* --- who serves -------------------------------------------------------------------------------- */

static void serve_mutex(void)
{
	CHECK_INT(stint_mutex_unlock(&it.mutex), ==, 0);
}

static void serve_cond(void)
{
	CHECK_INT(stint_mutex_lock(&it.cond.lock), ==, 0);
	it.cond.value = 1;
	CHECK_INT(stint_cond_signal(&it.cond.changed), ==, 0);
	CHECK_INT(stint_mutex_unlock(&it.cond.lock), ==, 0);
}

static void serve_sem(void)
{
	CHECK_INT(stint_sem_post(&it.sem), ==, 0);
}

static void serve_group(void)
{
	CHECK_INT(stint_waitgroup_done(&it.group), ==, 0);
}

static void serve_barrier(void)
{
	stint_barrier_wait(&it.barrier);
}

/* --- who is served ----------------------------------------------------------------------------- */

static void wait_mutex(void)
{
	CHECK_INT(stint_mutex_lock(&it.mutex), ==, 0);
	CHECK_INT(stint_mutex_unlock(&it.mutex), ==, 0);
}

static void wait_cond(void)
{
	CHECK_INT(stint_mutex_lock(&it.cond.lock), ==, 0);
	while (!it.cond.value)
		CHECK_INT(stint_cond_wait(&it.cond.changed, &it.cond.lock), ==, 0);
	CHECK_INT(stint_mutex_unlock(&it.cond.lock), ==, 0);
}

static void wait_sem(void)
{
	CHECK_INT(stint_sem_wait(&it.sem), ==, 0);
}

static void wait_group(void)
{
	CHECK_INT(stint_waitgroup_wait(&it.group), ==, 0);
}

static void wait_barrier(void)
{
	stint_barrier_wait(&it.barrier);
}

static const struct meeting {
	void (*serve)(void), (*wait)(void);
} meetings[] = {
	{ serve_mutex, wait_mutex }, { serve_cond, wait_cond }, { serve_sem, wait_sem },
	{ serve_group, wait_group }, { serve_barrier, wait_barrier },
};

static void *serves(void *arg)
{
	const struct meeting *m = arg;

	for (int i = 0; i < ROUNDS; i++) {
		memset(&it, 0, sizeof(it));
		if (m->serve == serve_mutex)
			CHECK_INT(stint_mutex_lock(&it.mutex), ==, 0);
		if (m->serve == serve_group)
			CHECK_INT(stint_waitgroup_add(&it.group, 1), ==, 0);
		if (m->serve == serve_barrier)
			CHECK_INT(stint_barrier_init(&it.barrier, 2), ==, 0);
		CHECK_INT(stint_sem_post(&made), ==, 0);
		spin_ns(i * 37 % 4000);         /* sometimes the other one is just about to wait, or has just begun */
		m->serve();
		CHECK_INT(stint_sem_wait(&seen), ==, 0);
	}
	return arg;
}

static void *is_served(void *arg)
{
	const struct meeting *m = arg;

	for (int i = 0; i < ROUNDS; i++) {
		CHECK_INT(stint_sem_wait(&made), ==, 0);
		m->wait();
		memset(&it, 0xa5, sizeof(it));
		for (int k = 0; k < 5; k++)
			for (size_t b = 0; b < sizeof(it); b++)
				CHECK_INT(((volatile unsigned char *)it.bytes)[b], ==, 0xa5);
		CHECK_INT(stint_sem_post(&seen), ==, 0);
	}
	return arg;
}

int main(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 2 };
	struct actor a, b;

	test_watchdog();
	CHECK(!stint_unsupported());
	CHECK_INT(stint_start(&config), ==, 0);
	for (size_t i = 0; i < sizeof(meetings) / sizeof(meetings[0]); i++)
		for (int kinds = 0; kinds < KINDS * KINDS; kinds++) {
			start(&a, (enum kind)(kinds % KINDS), serves, (void *)&meetings[i]);
			start(&b, (enum kind)(kinds / KINDS), is_served, (void *)&meetings[i]);
			finish(&a);
			finish(&b);
		}
	CHECK_INT(stint_stop(), ==, 0);
	return 0;
}
