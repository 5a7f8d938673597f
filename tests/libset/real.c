/*
 * real.c - real libraries work in sets: many at a time, each stopped again and again at random, some given up in the middle and begun
 * anew in the same set, and all come to what they come to when nobody stops them
 */
#include "../test.h"

#include "in_set.h"
#include "real.h"

#define JOBS 6

struct job {
	const struct real_work *work;
	unsigned variant;
	stint_libset_t *set;
	stint_t *call;
	uint64_t result;
};

static struct rng rng;
static unsigned long stops, cancels;

static void *run_job(void *arg)
{
	struct job *j = arg;

	j->result = j->work->run(j->variant);
	return j;
}

static stint_ns slice(void)
{
	return STINT_US(5 + rng_below(&rng, 60));
}

static void begin(struct job *j)
{
	j->result = 0;
	j->call = start_in(j->set, run_job, j, slice());
}

/* True: it is complete. */
static bool go_on(struct job *j)
{
	int err = 0;

	if (!stint_is_complete(j->call) && rng_below(&rng, 150) == 0) {
		CHECK_INT(stint_libset_reset(j->set), ==, EBUSY);
		CHECK_INT(stint_cancel(j->call), ==, 0);
		stint_free(j->call);
		CHECK_INT(stint_libset_reset(j->set), ==, 0);
		cancels++;
		begin(j);
	}
	if (!stint_is_complete(j->call))
		err = stint_resume(j->call, slice());
	CHECK(err == 0 || err == ETIMEDOUT);
	stops += err == ETIMEDOUT;
	return stint_is_complete(j->call);
}

static void finish(struct job *j, const uint64_t *expected)
{
	if (j->result != expected[j->variant])
		test_fail(__FILE__, __LINE__, "%s, variant %u: other bytes than unstopped", j->work->name, j->variant);
	stint_free(j->call);
	j->variant = (j->variant + 1) % JOBS;
	if (rng_below(&rng, 4) == 0)
		CHECK_INT(stint_libset_reset(j->set), ==, 0);
	if (rng_below(&rng, 4) == 0) {
		CHECK_INT(stint_libset_close(j->set), ==, 0);
		j->set = open_named(j->work->libraries, j->work->n, 0);
	}
	begin(j);
}

static void try(const struct real_work *work, int64_t span)
{
	struct job job[JOBS];
	uint64_t expected[JOBS];
	int64_t end = now_ns() + span;
	unsigned long done = 0;

	stops = cancels = 0;
	for (unsigned i = 0; i < JOBS; i++)
		expected[i] = work->run(i);
	for (unsigned i = 0; i < JOBS; i++) {
		job[i] = (struct job){ .work = work, .variant = i, .set = open_named(work->libraries, work->n, 0) };
		begin(&job[i]);
	}
	while (now_ns() < end || done < JOBS || !cancels) {
		struct job *j = &job[rng_below(&rng, JOBS)];

		if (!go_on(j))
			continue;
		finish(j, expected);
		done++;
	}
	for (int i = 0; i < JOBS; i++) {
		stint_free(job[i].call);
		CHECK_INT(stint_libset_close(job[i].set), ==, 0);
	}
	CHECK(work->run(0) == expected[0]);
	printf("%s: %lu done, %lu stops, %lu given up\n", work->name, done, stops, cancels);
	CHECK_INT(stops, >, 0);
}

int main(void)
{
	int n = 0;

	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	if (!real_works[0].name)
		test_skip("none of the libraries is there");
	rng_seed(&rng, test_seed());
	while (real_works[n].name)
		n++;
	for (int i = 0; i < n; i++)
		try(&real_works[i], test_seconds(3) * 1000000000 / n);
	return 0;
}
