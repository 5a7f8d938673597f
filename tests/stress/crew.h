/*
 * crew.h - a crew of kernel threads, calls and threads that all do the same job, and are cancelled in it at
 * random and replaced
 *
 * A member's place outlives it: what it was about when it was cancelled is in there for settle() to judge.
 * Rounds with 1, 2, 4 and 16 workers.
 */
#ifndef CREW_H
#define CREW_H

#include "../test.h"

#include <pthread.h>
#include <sched.h>

#include <stint.h>

enum kind { KERNEL, CALL, GREEN, KINDS };

#define CREW 24
#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELEASE)
#define ADD(x, n) __atomic_add_fetch(&(x), n, __ATOMIC_ACQ_REL)

struct place {
	int index;
	enum kind kind;
	struct rng rng, own;            /* own: of whoever replaces and resumes */
	pthread_t pthread;
	stint_thread_t *thread;
	bool gone;
	void *job;                      /* the test's */
};

static struct place crew[CREW];
static int over;                        /* no new work, no more cancels */
static long cancels;
static int did;                         /* the job does something, in this round */
static stint_fn *crew_job;
static void (*crew_settle)(struct place *p);

static inline uint64_t below(struct place *p, uint64_t n)
{
	return rng_below(&p->rng, n);
}

static inline void *crew_in_calls(void *arg)
{
	struct place *p = arg;
	stint_t *call;
	int r;

	do {
		call = stint_launch(crew_job, p, STINT_US(rng_below(&p->own, 300) + 1));
		CHECK(call);
		while (!stint_is_complete(call)) {
			if (!LOAD(over) && rng_below(&p->own, 50) == 0) {
				CHECK_INT(stint_cancel(call), ==, 0);
				crew_settle(p);
				ADD(cancels, 1);
				break;
			}
			r = stint_resume(call, STINT_US(rng_below(&p->own, 300) + 1));
			CHECK(r == 0 || r == ETIMEDOUT);
		}
		r = stint_is_complete(call);
		stint_free(call);
	} while (!r);
	return NULL;
}

static inline void crew_enter(struct place *p)
{
	p->gone = false;
	if (p->kind == GREEN)
		CHECK_INT(stint_thread_create(&p->thread, NULL, crew_job, p), ==, 0);
	else
		CHECK_INT(pthread_create(&p->pthread, NULL, p->kind == CALL ? crew_in_calls : crew_job, p), ==, 0);
}

/* may be asked more than once */
static inline void crew_leave(struct place *p)
{
	if (p->gone)
		return;
	if (p->kind == GREEN)
		CHECK_INT(stint_thread_join(p->thread, NULL), ==, 0);
	else
		CHECK_INT(pthread_join(p->pthread, NULL), ==, 0);
	p->gone = true;
}

static inline void crew_replace(struct place *p)
{
	int r = stint_thread_cancel(p->thread);

	CHECK(r == 0 || r == EINVAL);
	crew_leave(p);
	if (r == 0)
		crew_settle(p);
	ADD(cancels, 1);
	crew_enter(p);
}

/* the job, where it has done something; told once, or all would share it */
static inline void crew_did(void)
{
	if (!LOAD(did))
		STORE(did, 1);
}

/*
 * @finish is called when the time is over and nobody is cancelled any more; it has to make all jobs end. The time is not over
 * before the job has done something, and somebody was cancelled: on a machine that stood still, all of it may have passed
 * meanwhile.
 */
static inline void crew_round(unsigned workers, uint64_t seed, int64_t ns, stint_fn *job, void (*settle)(struct place *),
                              void (*finish)(void))
{
	struct stint_config config = { .size = sizeof(config), .workers = workers };
	int64_t end = now_ns() + ns;
	struct rng rng;

	CHECK_INT(stint_start(&config), ==, 0);
	STORE(over, 0);
	STORE(did, 0);
	crew_job = job;
	crew_settle = settle;
	rng_seed(&rng, seed);
	for (int i = 0; i < CREW; i++) {
		struct place *p = &crew[i];

		p->index = i;
		p->kind = i % 4 < KINDS ? (enum kind)(i % 4) : GREEN;
		rng_seed(&p->rng, seed + 1 + (uint64_t)i);
		rng_seed(&p->own, seed + 1001 + (uint64_t)i);
		crew_enter(p);
	}
	while (now_ns() < end || !LOAD(did) || !LOAD(cancels)) {
		struct place *p = &crew[rng_below(&rng, CREW)];

		sleep_ns((int64_t)rng_below(&rng, 1000000));
		if (p->kind == GREEN)
			crew_replace(p);
	}
	STORE(over, 1);
	finish();
	for (int i = 0; i < CREW; i++)
		crew_leave(&crew[i]);
	CHECK_INT(stint_stop(), ==, 0);
}

static inline void crew_rounds(stint_fn *job, void (*settle)(struct place *), void (*begin)(void), void (*finish)(void),
                               void (*check)(unsigned workers))
{
	static const unsigned workers[] = { 1, 2, 4, 16 };
	int64_t span = test_seconds(4) * 1000000000 / 4;
	uint64_t seed = test_seed();

	for (int i = 0; i < 4; i++) {
		begin();
		crew_round(workers[i], seed + (uint64_t)i * 10000, span, job, settle, finish);
		check(workers[i]);
	}
	CHECK_INT(cancels, >, 0);
}

#endif
