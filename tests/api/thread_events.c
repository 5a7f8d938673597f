/*
 * thread_events.c - what comes in reaches its thread while all workers compute and have no tick, however many come one after another;
 * and while a worker is idle, that worker alone is woken for it
 *
 * Each worker is idle, is woken, and computes for as long as it takes until the one byte or the few have come that another thread reads.
 * If one of these is not noticed, it computes for ever. When they come is random: before it has begun to compute, as it is waking, later.
 */
#include "../test.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <stint.h>

#define WORKERS_MAX 4
#define BYTES_MAX 4
#define ROUNDS 400
#define PATIENCE INT64_C(20000000000)   /* of CPU time; a round takes less than a millisecond */
#define IDLE_ROUNDS 400

struct place {
	int begin[2], go_on[2];         /* sockets: ours, the thread's */
	atomic_bool enough;
	atomic_uint computed;           /* rounds */
	stint_thread_t *computes, *ends;
};

static struct place places[WORKERS_MAX];
static struct rng rng;

/* a byte begins each round */
static void *computes(void *arg)
{
	struct place *p = arg;
	char n;

	while (read(p->begin[1], &n, 1) == 1) {
		while (!p->enough)
			;
		p->enough = false;
		p->computed++;
	}
	return NULL;
}

static void *ends(void *arg)
{
	struct place *p = arg;
	char more;

	while (read(p->go_on[1], &more, 1) == 1)
		if (!more)
			p->enough = true;
	return NULL;
}

static void wait_a_little(void)
{
	int64_t until = now_ns() + (int64_t)rng_below(&rng, 150000);

	if (rng_below(&rng, 2))
		sleep_ns((int64_t)rng_below(&rng, 100000));
	else
		while (now_ns() < until)
			sched_yield();
}

static void one_round(int n, unsigned round)
{
	char left[WORKERS_MAX], first = 0;
	int open = n;

	for (int i = 0; i < n; i++) {
		left[i] = (char)(1 + rng_below(&rng, BYTES_MAX));
		CHECK_INT(write(places[i].begin[0], &first, 1), ==, 1);
	}
	while (open) {
		int i = (int)rng_below(&rng, (uint64_t)n);

		if (!left[i])
			continue;
		wait_a_little();
		left[i]--;
		CHECK_INT(write(places[i].go_on[0], &left[i], 1), ==, 1);
		open -= !left[i];
	}
	for (int i = 0; i < n; i++) {
		int64_t end = cpu_ns() + PATIENCE;

		while (places[i].computed != round) {
			if (cpu_ns() > end)
				test_fail(__FILE__, __LINE__, "round %u of %d workers: nobody reads what has come", round, n);
			sched_yield();
		}
	}
}

static void set_up(int n)
{
	struct stint_config config = { .size = sizeof(config), .workers = (unsigned)n, .policy = "fair" };

	CHECK_INT(stint_start(&config), ==, 0);
	for (int i = 0; i < n; i++) {
		struct place *p = &places[i];

		p->computed = 0;
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, p->begin), ==, 0);
		CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, p->go_on), ==, 0);
		CHECK_INT(stint_thread_create(&p->computes, NULL, computes, p), ==, 0);
		CHECK_INT(stint_thread_create(&p->ends, NULL, ends, p), ==, 0);
	}
}

static void take_down(int n)
{
	for (int i = 0; i < n; i++) {
		struct place *p = &places[i];

		CHECK_INT(shutdown(p->begin[0], SHUT_WR), ==, 0);
		CHECK_INT(shutdown(p->go_on[0], SHUT_WR), ==, 0);
		CHECK_INT(stint_thread_join(p->computes, NULL), ==, 0);
		CHECK_INT(stint_thread_join(p->ends, NULL), ==, 0);
		for (int end = 0; end < 2; end++) {
			CHECK_INT(close(p->begin[end]), ==, 0);
			CHECK_INT(close(p->go_on[end]), ==, 0);
		}
	}
	CHECK_INT(stint_stop(), ==, 0);
}

static void all_compute(int n)
{
	set_up(n);
	for (unsigned round = 1; round <= ROUNDS / (unsigned)n; round++)
		one_round(n, round);
	take_down(n);
}

/* how often it has slept */
static long waits_of(const char *name)
{
	char path[64], line[128];
	long n = -1;
	int tid = 0;
	FILE *f;

	while (!count_tasks(name, &tid))        /* it gives itself its name */
		sleep_ns(100000);
	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
			break;
	fclose(f);
	CHECK_INT(n, >=, 0);
	return n;
}

static void one_is_idle(void)
{
	long slept;
	char more = 1;

	set_up(1);
	slept = waits_of("stint-watch");
	for (int i = 0; i < IDLE_ROUNDS; i++) {
		CHECK_INT(write(places[0].go_on[0], &more, 1), ==, 1);
		sleep_ns(200000);
	}
	CHECK_INT(waits_of("stint-watch") - slept, <, IDLE_ROUNDS / 2);
	take_down(1);
}

int main(void)
{
	rng_seed(&rng, test_seed());
	one_is_idle();
	for (int n = 1; n <= WORKERS_MAX; n *= 2)
		all_compute(n);
	return 0;
}
