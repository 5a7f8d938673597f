/*
 * thread_basic.c - threads are made, run, joined, detached; names, numbers, accounts, stacks, what they return
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

#define MANY 500

static int ran;                         /* atomic */

static void *counts(void *arg)
{
	__atomic_fetch_add(&ran, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *returns(void *arg)
{
	return arg;
}

static void *computes(void *arg)
{
	spin_ns(*(int64_t *)arg);
	return arg;
}

static void *yields(void *arg)
{
	for (int i = 0; i < 20; i++)
		stint_thread_yield();
	return arg;
}

static void wait_until(int *word, int value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value)
		stint_thread_sleep(STINT_US(200));
}

/* stop says EBUSY as long as one is on its way out */
static void stop_for_sure(void)
{
	int err;

	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

/* results of many, whichever way they end first */
static void results(stint_fn *fn)
{
	static stint_thread_t *t[MANY];
	void *result;

	for (long i = 0; i < MANY; i++)
		CHECK_INT(stint_thread_create(&t[i], NULL, fn, (void *)i), ==, 0);
	for (long i = 0; i < MANY; i++) {
		CHECK_INT(stint_thread_join(t[i], i % 3 ? &result : NULL), ==, 0);
		if (i % 3)
			CHECK_INT((long)result, ==, i);
	}
}

static void *makes_many(void *arg)
{
	results(counts);
	results(yields);
	return arg;
}

static void in_a_thread(stint_fn *fn, void *arg)
{
	stint_thread_t *t;
	void *result;

	CHECK_INT(stint_thread_create(&t, NULL, fn, arg), ==, 0);
	CHECK_INT(stint_thread_join(t, &result), ==, 0);
	CHECK(result == arg);
}

static void detached(void)
{
	stint_thread_t *t;

	ran = 0;
	for (int i = 0; i < MANY; i++)
		CHECK_INT(stint_go(counts, NULL), ==, 0);
	for (int i = 0; i < MANY; i++) {
		CHECK_INT(stint_thread_create(&t, NULL, counts, NULL), ==, 0);
		if (i % 2)
			stint_thread_yield();           /* some have ended, some not */
		CHECK_INT(stint_thread_detach(t), ==, 0);
	}
	wait_until(&ran, 2 * MANY);
	CHECK_INT(ran, ==, 2 * MANY);
}

static void *detaches(void *arg)
{
	detached();
	return arg;
}

/* a thread that is detached while it runs, by itself */
static void *detaches_itself(void *arg)
{
	CHECK_INT(stint_thread_detach(stint_thread_self()), ==, 0);
	__atomic_fetch_add(&ran, 1, __ATOMIC_RELEASE);
	return arg;
}

static void self_detach(void)
{
	stint_thread_t *t;

	ran = 0;
	CHECK_INT(stint_thread_create(&t, NULL, detaches_itself, NULL), ==, 0);
	wait_until(&ran, 1);
}

/* --- who is it --------------------------------------------------------------------------------- */

static stint_thread_t *seen_self;

static void *sees_itself(void *arg)
{
	seen_self = stint_thread_self();
	CHECK(seen_self);
	CHECK(!stint_self());
	CHECK_STR(stint_thread_name(seen_self), arg ? arg : "");
	return arg;
}

static void *checks_thread(void *arg)
{
	CHECK(stint_thread_self() == arg);
	CHECK(stint_self());
	return arg;
}

static void *asks_in_a_call(void *arg)
{
	stint_t *s = stint_launch(checks_thread, stint_thread_self(), STINT_S(100));

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	return arg;
}

static void identity(void)
{
	static const char kept[] = "a name of thirty-one characters";
	static const char longer[] = "a name of thirty-one characters and more";
	struct stint_thread_attr attr = { .size = sizeof(attr) };
	stint_thread_t *t;
	uint64_t last;
	char name[8] = "mine";

	CHECK(!stint_thread_self());
	CHECK_STR(stint_thread_name(NULL), "");
	CHECK_INT(stint_thread_id(NULL), ==, 0);

	CHECK_INT(stint_thread_create(&t, NULL, sees_itself, NULL), ==, 0);
	CHECK_STR(stint_thread_name(t), "");
	last = stint_thread_id(t);
	CHECK_INT(last, >, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK(seen_self == t);

	attr.name = name;
	CHECK_INT(stint_thread_create(&t, &attr, sees_itself, "mine"), ==, 0);
	strcpy(name, "other");
	CHECK_STR(stint_thread_name(t), "mine");
	CHECK_INT(stint_thread_id(t), >, last);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);

	attr.name = longer;
	CHECK_INT(sizeof(kept), ==, 32);
	CHECK_INT(stint_thread_create(&t, &attr, sees_itself, (void *)kept), ==, 0);
	CHECK_STR(stint_thread_name(t), kept);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	in_a_thread(asks_in_a_call, NULL);
}

/* numbers are unique, whoever makes the thread */
static uint64_t ids[4 * MANY];

static void *takes_ids(void *arg)
{
	uint64_t *out = arg, last = 0;
	stint_thread_t *t;

	for (int i = 0; i < MANY; i++) {
		CHECK_INT(stint_thread_create(&t, NULL, counts, NULL), ==, 0);
		out[i] = stint_thread_id(t);
		if (!stint_thread_self())
			CHECK_INT(out[i], >, last);
		last = out[i];
		CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	}
	return arg;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void unique_ids(void)
{
	stint_thread_t *t[2];
	pthread_t k;

	CHECK_INT(stint_thread_create(&t[0], NULL, takes_ids, &ids[0]), ==, 0);
	CHECK_INT(stint_thread_create(&t[1], NULL, takes_ids, &ids[MANY]), ==, 0);
	CHECK_INT(pthread_create(&k, NULL, takes_ids, &ids[2 * MANY]), ==, 0);
	takes_ids(&ids[3 * MANY]);
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t[0], NULL), ==, 0);
	CHECK_INT(stint_thread_join(t[1], NULL), ==, 0);
	qsort(ids, 4 * MANY, sizeof(ids[0]), by_id);
	CHECK_INT(ids[0], >, 0);
	for (int i = 1; i < 4 * MANY; i++)
		CHECK_INT(ids[i], >, ids[i - 1]);
}

/* --- its account ------------------------------------------------------------------------------- */

static int go_on;

static void *acquires_and_sleeps(void *arg)
{
	void *volatile p[10];           /* or a compiler might do without them */

	for (int i = 0; i < 10; i++) {
		p[i] = malloc(1000);
		CHECK(p[i]);
	}
	spin_ns(3000000);
	__atomic_store_n(&ran, 1, __ATOMIC_RELEASE);
	stint_thread_sleep(STINT_MS(600));
	__atomic_store_n(&ran, 2, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&go_on, __ATOMIC_ACQUIRE))
		stint_thread_sleep(STINT_MS(1));
	for (int i = 0; i < 10; i++)
		free(p[i]);
	return arg;
}

/* what it has used stays as it is while it sleeps; it need not do so yet, on a slow machine */
static void no_cpu_asleep(stint_thread_t *t)
{
	struct stint_usage u, later;
	int looks = 0;

	do {
		CHECK_INT(stint_thread_usage(t, &u), ==, 0);
		sleep_ns(20000000);
		CHECK_INT(stint_thread_usage(t, &later), ==, 0);
		CHECK_INT(later.wall_ns - u.wall_ns, >=, 20000000);
		if (__atomic_load_n(&ran, __ATOMIC_ACQUIRE) != 1)
			return;
	} while (later.cpu_ns != u.cpu_ns && ++looks < 20);
	CHECK_INT(later.cpu_ns, ==, u.cpu_ns);
}

static void usage(void)
{
	struct stint_usage u, later;
	stint_thread_t *t;

	ran = go_on = 0;
	CHECK_INT(stint_thread_usage(NULL, &u), ==, EINVAL);
	CHECK_INT(stint_thread_create(&t, NULL, acquires_and_sleeps, NULL), ==, 0);
	CHECK_INT(stint_thread_usage(t, NULL), ==, EINVAL);
	wait_until(&ran, 1);
	CHECK_INT(stint_thread_usage(t, &u), ==, 0);
	CHECK_INT(u.blocks_held, ==, 10);
	CHECK_INT(u.bytes_held, >=, 10000);
	CHECK_INT(u.cpu_ns, >=, 1000000);
	CHECK_INT(u.stack_bytes, >=, 64 << 10);
	CHECK_INT(u.resumes, >=, 1);
	no_cpu_asleep(t);
	wait_until(&ran, 2);
	CHECK_INT(stint_thread_usage(t, &later), ==, 0);
	CHECK_INT(later.resumes, >, u.resumes);
	__atomic_store_n(&go_on, 1, __ATOMIC_RELEASE);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
}

/* --- stacks ------------------------------------------------------------------------------------ */

static void *fills_stack(void *arg)
{
	size_t size = *(size_t *)arg - 8192;
	volatile char *p = __builtin_alloca(size);

	for (size_t i = 0; i < size; i += 1024)
		p[i] = (char)i;
	stint_thread_yield();
	for (size_t i = 0; i < size; i += 1024)
		CHECK(p[i] == (char)i);
	return arg;
}

static void stacks(void)
{
	static const size_t sizes[] = { 16 << 10, 64 << 10, (64 << 10) + 1, 1 << 20, 16 << 20 };
	struct stint_thread_attr attr = { .size = sizeof(attr) };
	stint_thread_t *t;
	struct stint_usage u;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		attr.stack_size = sizes[i];
		CHECK_INT(stint_thread_create(&t, &attr, fills_stack, (void *)&sizes[i]), ==, 0);
		CHECK_INT(stint_thread_usage(t, &u), ==, 0);
		CHECK_INT(u.stack_bytes, >=, sizes[i]);
		CHECK_INT(u.stack_bytes, <, sizes[i] + 4096);
		CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	}
}

/* --- configuration ----------------------------------------------------------------------------- */

static void configured(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 3, .quantum = STINT_MS(1),
		                       .policy = "rr", .stack_size = 200 << 10 };
	struct stint_usage u;
	stint_thread_t *t;
	int64_t span = 5000000;

	stop_for_sure();
	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(stint_thread_create(&t, NULL, computes, &span), ==, 0);
	CHECK_INT(stint_thread_usage(t, &u), ==, 0);
	CHECK_INT(u.stack_bytes, ==, 200 << 10);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	results(counts);
	stop_for_sure();
	CHECK_INT(stint_stop(), ==, 0);
}

/* making one leaves errno alone, wherever */
static void *keeps_errno(void *arg)
{
	stint_thread_t *t;

	errno = 1234;
	CHECK_INT(stint_thread_create(&t, NULL, counts, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(stint_go(returns, NULL), ==, 0);       /* nobody knows when it runs */
	CHECK_INT(stint_thread_create(NULL, NULL, counts, NULL), ==, EINVAL);
	stint_thread_yield();
	stint_thread_sleep(STINT_US(10));
	CHECK_INT(errno, ==, 1234);
	return arg;
}

static void *launches(void *arg)
{
	stint_t *s = stint_launch(keeps_errno, NULL, STINT_S(100));

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	return arg;
}

int main(void)
{
	pthread_t k;

	test_watchdog();
	keeps_errno(NULL);              /* it also starts the runtime */
	results(counts);
	results(yields);
	in_a_thread(makes_many, NULL);
	detached();
	in_a_thread(detaches, NULL);
	self_detach();
	identity();
	unique_ids();
	usage();
	stacks();
	in_a_thread(keeps_errno, NULL);
	in_a_thread(launches, NULL);
	launches(NULL);
	CHECK_INT(pthread_create(&k, NULL, makes_many, NULL), ==, 0);
	CHECK_INT(pthread_join(k, NULL), ==, 0);
	configured();
	launches(NULL);                 /* a call, on a kernel thread, starts it again */
	stop_for_sure();
	return 0;
}
