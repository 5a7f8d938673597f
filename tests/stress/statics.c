/*
 * statics.c - static state of libc's under random stops
 *
 * Several calls on two kernel threads use the families of tests/interpose/statics-work.c, each a random one. They are stopped at
 * random and taken up in turn, some are cancelled, and the main thread uses the same functions outside. Each piece of
 * work must see what a process sees that does it alone and is not stopped.
 */
#include "../test.h"

#include <pthread.h>
#include <sys/mman.h>

#include <stint.h>

#include "../interpose/statics-work.h"

#define CALLS 5                 /* of each thread */
#define SEEDS 3
#define FAMILIES_MAX 32

static struct work (*wanted)[SEEDS];    /* by family; in shared memory */
static int64_t until;
static long stops, completed, cancelled, outside;
static long rounds[FAMILIES_MAX];

struct driven {
	stint_t *call;
	struct work work;
};

static void nothing(void)
{
}

static void count(long *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static void find_out(void)
{
	for (int i = 0; i < families_n; i++)
		for (unsigned seed = 0; seed < SEEDS; seed++) {
			pid_t pid = fork();

			CHECK_INT(pid, >=, 0);
			if (!pid) {
				test_child();
				work_begin(&wanted[i][seed], &families[i], seed);
				wanted[i][seed].between = nothing;
				families[i].use(&wanted[i][seed]);
				_exit(0);
			}
			CHECK_EXIT(pid, 0);
		}
}

static void compare(const struct work *got, const char *where)
{
	const struct work *w = &wanted[got->family - families][got->seed];

	if (strcmp(got->text, w->text))
		test_fail(__FILE__, __LINE__, "%s %s, seed %u: \"%.200s\", not \"%.200s\"", got->family->name, where, got->seed,
		          got->text, w->text);
	if (got->last)
		CHECK_STR(got->last, got->copy);
}

static void *works(void *arg)
{
	struct work *w = arg;

	w->family->use(w);
	return arg;
}

static void start(struct driven *d, struct rng *r)
{
	work_begin(&d->work, &families[rng_below(r, (uint64_t)families_n)], (unsigned)rng_below(r, SEEDS));
	d->work.between = nothing;
	d->call = stint_launch(works, &d->work, 0);
	CHECK(d->call);
}

static void drop(struct driven *d)
{
	stint_free(d->call);
	d->call = NULL;
}

static void go_on(struct driven *d, struct rng *r)
{
	int ret;

	if (!d->call)
		start(d, r);
	ret = stint_resume(d->call, STINT_US(1 + rng_below(r, 60)));
	if (ret == 0) {
		compare(&d->work, "in a call");
		count(&rounds[d->work.family - families]);
		count(&completed);
		drop(d);
	} else {
		CHECK_INT(ret, ==, ETIMEDOUT);
		count(&stops);
		if (rng_below(r, 200) == 0) {
			CHECK_INT(stint_cancel(d->call), ==, 0);
			count(&cancelled);
			drop(d);
		}
	}
}

static void use_outside(struct work *w, struct rng *r)
{
	const struct family *family = &families[rng_below(r, (uint64_t)families_n)];

	if (family->once)
		return;
	work_begin(w, family, (unsigned)rng_below(r, SEEDS));
	w->between = nothing;
	family->use(w);
	compare(w, "outside");
	count(&outside);
}

/* what main() wants to see; the time may have passed while the machine stood still */
static bool enough(void)
{
	return __atomic_load_n(&completed, __ATOMIC_RELAXED) && __atomic_load_n(&cancelled, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&outside, __ATOMIC_RELAXED);
}

struct thread {
	pthread_t thread;
	uint64_t seed;
	bool works_outside;
};

static void *drive(void *arg)
{
	struct driven *driven = calloc(CALLS, sizeof(*driven));
	struct work *mine = malloc(sizeof(*mine));
	struct thread *t = arg;
	struct rng r;

	CHECK(driven && mine);
	rng_seed(&r, t->seed);
	while (now_ns() < until || !enough()) {
		go_on(&driven[rng_below(&r, CALLS)], &r);
		if (t->works_outside && rng_below(&r, 30) == 0)
			use_outside(mine, &r);
	}
	for (int i = 0; i < CALLS; i++)
		if (driven[i].call)
			drop(&driven[i]);
	free(driven);
	free(mine);
	return NULL;
}

static void run(uint64_t seed, int64_t seconds)
{
	struct thread main_one = { .seed = seed, .works_outside = true }, other = { .seed = seed + 1 };

	until = now_ns() + seconds * 1000000000;
	CHECK_INT(pthread_create(&other.thread, NULL, drive, &other), ==, 0);
	drive(&main_one);
	CHECK_INT(pthread_join(other.thread, NULL), ==, 0);
}

int main(void)
{
	uint64_t seed = test_seed();
	size_t heap;
	int fds;

	test_watchdog();
	wanted = mmap(NULL, sizeof(*wanted) * (size_t)families_n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(wanted != MAP_FAILED);
	CHECK_INT(families_n, <=, FAMILIES_MAX);
	work_set_up();
	find_out();
	run(seed + 10, 1);
	heap = heap_in_use();
	fds = count_fds();
	run(seed, test_seconds(6));
	printf("%ld stops, %ld completed, %ld cancelled, %ld outside; rounds:", stops, completed, cancelled, outside);
	for (int i = 0; i < families_n; i++)
		printf(" %s %ld", families[i].name, rounds[i]);
	printf("\nheap in use %zu, then %zu; descriptors %d, then %d\n", heap, heap_in_use(), fds, count_fds());
	CHECK_INT(completed, >, 0);
	CHECK_INT(cancelled, >, 0);
	CHECK_INT(outside, >, 0);
	CHECK_INT(count_fds(), ==, fds);
	/* caches of threads and identities vary with chance */
	CHECK_INT(heap_in_use(), <=, heap + (256 << 10));
	return 0;
}
