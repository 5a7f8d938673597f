/*
 * thread_misuse.c - every mistake that <stint/thread.h> names is answered by its error, and changes nothing
 */
#include "../test.h"

#include <pthread.h>
#include <sys/mman.h>

#include <stint.h>

static int go_on;

static void *returns(void *arg)
{
	return arg;
}

static void *waits(void *arg)
{
	while (!__atomic_load_n(&go_on, __ATOMIC_ACQUIRE))
		stint_thread_sleep(STINT_US(200));
	return arg;
}

static stint_thread_t *made(stint_fn *fn, void *arg)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, fn, arg), ==, 0);
	return t;
}

static void let_go(void)
{
	__atomic_store_n(&go_on, 1, __ATOMIC_RELEASE);
}

static void in_a_thread(stint_fn *fn)
{
	stint_thread_t *t = made(fn, NULL);

	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
}

static void stop_for_sure(void)
{
	int err;

	while ((err = stint_stop()) == EBUSY)
		sleep_ns(200000);
	CHECK_INT(err, ==, 0);
}

/* --- starting and stopping --------------------------------------------------------------------- */

static void bad_config(const struct stint_config *c, int err, const char *word)
{
	CHECK_INT(stint_start(c), ==, err);
	if (!strstr(stint_why(), word))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say %s", stint_why(), word);
	CHECK_INT(stint_stop(), ==, 0);
}

static const struct stint_config fine = { .size = sizeof(fine), .workers = 2 };

static void bad_signals(const char *word)
{
	static const int signals[] = { SIGKILL, SIGSEGV, -1, 32, 1000 };
	struct stint_config c = fine;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		c.signo = signals[i];
		bad_config(&c, EINVAL, word);
	}
}

static void configs(void)
{
	struct {
		struct stint_config c;
		long more;
	} larger = { .c = fine, .more = 0 };
	struct stint_config c = fine;

	CHECK_STR(stint_why(), "");
	bad_signals("signal");          /* and nothing is spoilt by it: the library has not begun to start */
	c.size = 0;
	bad_config(&c, EINVAL, "size");
	c.size = sizeof(c) - 1;
	bad_config(&c, EINVAL, "size");
	larger.c.size = sizeof(larger);
	larger.more = 1;
	bad_config(&larger.c, E2BIG, "fields");
	c = fine;
	c.workers = 257;
	bad_config(&c, EINVAL, "workers");
	c = fine;
	c.quantum = 9999;
	bad_config(&c, EINVAL, "quantum");
	c.quantum = -1;
	bad_config(&c, EINVAL, "quantum");
	c.quantum = STINT_S(10) + 1;
	bad_config(&c, EINVAL, "quantum");
	c = fine;
	c.stack_size = 100;
	bad_config(&c, EINVAL, "stack");
	c.stack_size = (size_t)2 << 30;
	bad_config(&c, EINVAL, "stack");
	c = fine;
	c.policy = "no-such-policy";
	bad_config(&c, ENOENT, "no-such-policy");
	c.policy = "/no/such/policy.so";
	bad_config(&c, ENOENT, "/no/such/policy.so");
	c.policy = "/proc/self/exe";
	bad_config(&c, ENOENT, "/proc/self/exe");

	/* a newer program that asks for nothing new */
	larger.more = 0;
	CHECK_INT(stint_start(&larger.c), ==, 0);
	CHECK_INT(stint_start(&fine), ==, EBUSY);
	if (!strstr(stint_why(), "already"))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say that it runs already", stint_why());
	CHECK_INT(stint_start(NULL), ==, EBUSY);
	c = fine;
	c.size = 0;
	CHECK_INT(stint_start(&c), ==, EINVAL);
	in_a_thread(returns);
	stop_for_sure();
	CHECK_INT(stint_stop(), ==, 0);

	/* calls have begun to use their signal */
	c = fine;
	c.signo = SIGUSR2;
	CHECK_INT(stint_start(&c), ==, EBUSY);
	CHECK(strstr(stint_why(), "signal"));
	bad_signals("cannot preempt");
	c.signo = SIGURG;
	CHECK_INT(stint_start(&c), ==, 0);
	stop_for_sure();
}

static void *starts_and_stops(void *arg)
{
	CHECK_INT(stint_start(NULL), ==, EPERM);
	CHECK(*stint_why());
	CHECK_INT(stint_stop(), ==, EPERM);
	return arg;
}

static void *launches(void *arg)
{
	stint_t *s = stint_launch(starts_and_stops, arg, STINT_S(100));

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	return arg;
}

static void not_here(void)
{
	launches(NULL);
	CHECK_INT(stint_start(NULL), ==, 0);
	launches(NULL);
	in_a_thread(starts_and_stops);
	in_a_thread(launches);
}

static void busy(void)
{
	stint_thread_t *t;

	go_on = 0;
	t = made(waits, NULL);
	CHECK_INT(stint_stop(), ==, EBUSY);
	let_go();
	while (stint_thread_join_timed(t, NULL, 0) == ETIMEDOUT)
		CHECK_INT(stint_stop(), ==, EBUSY);
	stop_for_sure();

	/* ended, but not joined */
	t = made(returns, NULL);
	sleep_ns(20000000);
	CHECK_INT(stint_stop(), ==, EBUSY);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	stop_for_sure();
}

/* --- making ------------------------------------------------------------------------------------ */

static void bad_attr(const struct stint_thread_attr *a, int err)
{
	stint_thread_t *t = (stint_thread_t *)&t;

	CHECK_INT(stint_thread_create(&t, a, returns, NULL), ==, err);
	CHECK(t == (stint_thread_t *)&t);
}

/* a size that was never set is no reason to read what is not there */
static void at_the_end(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stint_thread_attr *a = (void *)(page + 4096 - sizeof(*a));

	CHECK(page != MAP_FAILED);
	CHECK_INT(mprotect(page + 4096, 4096, PROT_NONE), ==, 0);
	a->size = (size_t)1 << 32;
	bad_attr(a, E2BIG);
	CHECK_INT(munmap(page, 8192), ==, 0);
}

static void *attrs(void *arg)
{
	const struct stint_thread_attr good = { .size = sizeof(good) };
	struct {
		struct stint_thread_attr a;
		char more[24];
	} larger = { .a = good };
	struct stint_thread_attr a = good;
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(NULL, NULL, returns, NULL), ==, EINVAL);
	CHECK_INT(stint_thread_create(&t, NULL, NULL, NULL), ==, EINVAL);
	CHECK_INT(stint_go(NULL, NULL), ==, EINVAL);
	a.size = 0;
	bad_attr(&a, EINVAL);
	a.size = sizeof(a) - 1;
	bad_attr(&a, EINVAL);
	larger.a.size = sizeof(larger);
	larger.more[23] = 1;
	bad_attr(&larger.a, E2BIG);
	at_the_end();
	a = good;
	a.stack_size = 4095;
	bad_attr(&a, EINVAL);
	a.stack_size = ((size_t)1 << 30) + 1;
	bad_attr(&a, EINVAL);
	a = good;
	a.weight = STINT_WEIGHT_MAX + 1;
	bad_attr(&a, EINVAL);
	a = good;
	a.priority = STINT_PRIORITY_MIN - 1;
	bad_attr(&a, EINVAL);
	a.priority = STINT_PRIORITY_MAX + 1;
	bad_attr(&a, EINVAL);
	a = good;
	a.deadline = -1;
	bad_attr(&a, EINVAL);

	larger.more[23] = 0;
	CHECK_INT(stint_thread_create(&t, &larger.a, returns, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	a = good;
	a.weight = STINT_WEIGHT_MAX;
	a.priority = STINT_PRIORITY_MIN;
	a.deadline = 1;
	a.stack_size = 16 << 10;
	CHECK_INT(stint_thread_create(&t, &a, returns, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	return arg;
}

/* --- joining ----------------------------------------------------------------------------------- */

static void *joins_itself(void *arg)
{
	CHECK_INT(stint_thread_join(stint_thread_self(), NULL), ==, EDEADLK);
	CHECK_INT(stint_thread_join_timed(stint_thread_self(), NULL, STINT_MS(1)), ==, EDEADLK);
	return arg;
}

static void *joins_itself_in_a_call(void *arg)
{
	stint_t *s = stint_launch(joins_itself, arg, STINT_S(100));

	CHECK(s && stint_is_complete(s));
	stint_free(s);
	return arg;
}

static int joined;

/* the other one looks from time to time whether it is being joined yet, and is in the way then */
static void *joins_first(void *arg)
{
	int err;

	while ((err = stint_thread_join(arg, NULL)) == EINVAL)
		;
	CHECK_INT(err, ==, 0);
	__atomic_store_n(&joined, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void await_join(stint_thread_t *t)
{
	int err;

	while ((err = stint_thread_join_timed(t, NULL, 0)) == ETIMEDOUT)
		sleep_ns(100000);
	CHECK_INT(err, ==, EINVAL);
}

static void second_join(void)
{
	stint_thread_t *t, *joiner;
	pthread_t k;

	go_on = joined = 0;
	t = made(waits, NULL);
	joiner = made(joins_first, t);
	await_join(t);
	CHECK_INT(stint_thread_join(t, NULL), ==, EINVAL);
	CHECK_INT(stint_thread_join_timed(t, NULL, 0), ==, EINVAL);
	CHECK_INT(stint_thread_detach(t), ==, EINVAL);
	CHECK_INT(joined, ==, 0);
	let_go();
	CHECK_INT(stint_thread_join(joiner, NULL), ==, 0);

	go_on = joined = 0;
	t = made(waits, NULL);
	CHECK_INT(pthread_create(&k, NULL, joins_first, t), ==, 0);
	await_join(t);
	CHECK_INT(stint_thread_join(t, NULL), ==, EINVAL);
	let_go();
	CHECK_INT(pthread_join(k, NULL), ==, 0);
}

static void *detached_ones(void *arg)
{
	stint_thread_t *t;

	go_on = 0;
	t = made(waits, NULL);
	CHECK_INT(stint_thread_detach(t), ==, 0);
	CHECK_INT(stint_thread_detach(t), ==, EINVAL);
	CHECK_INT(stint_thread_join(t, NULL), ==, EINVAL);
	CHECK_INT(stint_thread_join_timed(t, NULL, 0), ==, EINVAL);
	let_go();
	return arg;
}

static void *timed(void *arg)
{
	stint_thread_t *t;
	int64_t begin;

	go_on = 0;
	t = made(waits, NULL);
	CHECK_INT(stint_thread_join_timed(t, NULL, -1), ==, EINVAL);
	CHECK_INT(stint_thread_join_timed(t, NULL, 0), ==, ETIMEDOUT);
	begin = now_ns();
	CHECK_INT(stint_thread_join_timed(t, NULL, STINT_MS(5)), ==, ETIMEDOUT);
	CHECK_INT(now_ns() - begin, >=, 5000000);
	let_go();
	CHECK_INT(stint_thread_join_timed(t, NULL, STINT_FOREVER), ==, 0);
	t = made(returns, t);
	CHECK_INT(stint_thread_join_timed(t, NULL, STINT_S(100)), ==, 0);
	CHECK_INT(stint_thread_join(NULL, NULL), ==, EINVAL);
	CHECK_INT(stint_thread_join_timed(NULL, NULL, 0), ==, EINVAL);
	CHECK_INT(stint_thread_detach(NULL), ==, EINVAL);
	CHECK_INT(stint_thread_cancel(NULL), ==, EINVAL);
	CHECK_INT(stint_policy_set(NULL), ==, EINVAL);
	return arg;
}

/* Each joins the next, the last the first: at least one is told, and then all end. */
#define RING 5
static stint_thread_t *ring[RING];
static int said[RING], complete, answered;

static void *joins_next(void *arg)
{
	size_t i = (size_t)arg;

	while (!__atomic_load_n(&complete, __ATOMIC_ACQUIRE))
		stint_thread_yield();
	said[i] = stint_thread_join(ring[(i + 1) % RING], NULL);
	__atomic_fetch_add(&answered, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void cycle(void)
{
	int told = 0;

	complete = answered = 0;
	for (size_t i = 0; i < RING; i++)
		ring[i] = made(joins_next, (void *)i);
	__atomic_store_n(&complete, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) < RING)
		stint_thread_sleep(STINT_US(100));
	for (size_t i = 0; i < RING; i++) {
		if (!said[i])
			continue;
		CHECK_INT(said[i], ==, EDEADLK);
		told++;
		CHECK_INT(stint_thread_join(ring[(i + 1) % RING], NULL), ==, 0);
	}
	CHECK_INT(told, >=, 1);
}

/* --- other policies ---------------------------------------------------------------------------- */

static void bad_table(const struct stint_policy *p, int err, const char *word)
{
	CHECK_INT(stint_policy_set(p), ==, err);
	if (!strstr(stint_why(), word))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say %s", stint_why(), word);
}

static int negative(void *rq, stint_ns quantum)
{
	(void)rq;
	(void)quantum;
	return -ENOMEM;
}

/* a table of the program's own is looked through, too, and none is begun with that would end in a jump to nowhere */
static void *tables(void *arg)
{
	const struct stint_policy good = *stint_policy_builtin(0);
	struct stint_policy p = { .size = 0 };

	bad_table(&p, EINVAL, "size 0");
	p.size = sizeof(p);
	bad_table(&p, EINVAL, "no name");
	p.name = "empty";
	bad_table(&p, EINVAL, "spawn");
	p = good;
	p.pick_next = NULL;
	bad_table(&p, EINVAL, "pick_next");
	p = good;
	p.rq_size = SIZE_MAX;
	bad_table(&p, EINVAL, "too large");
	p = good;
	p.flags = 1u << 31;
	bad_table(&p, ENOTSUP, "flags");
	p = good;
	p.size = SIZE_MAX;
	bad_table(&p, ENOTSUP, "later version");
	p = good;
	p.init = negative;
	CHECK_INT(stint_policy_set(&p), ==, EINVAL);
	return arg;
}

static void policies(void)
{
	struct stint_config now = { .size = sizeof(now) };

	stop_for_sure();
	CHECK_INT(stint_policy_set(stint_policy_builtin(0)), ==, EINVAL);
	CHECK_INT(stint_start(&fine), ==, 0);
	CHECK_INT(stint_policy_set(stint_policy_builtin(0)), ==, 0);
	tables(NULL);
	in_a_thread(tables);
	CHECK_INT(stint_config_get(&now), ==, 0);
	CHECK_STR(now.policy, stint_policy_builtin(0)->name);
	in_a_thread(returns);
}

int main(void)
{
	test_watchdog();
	unsetenv("STINT_WORKERS");
	unsetenv("STINT_QUANTUM");
	unsetenv("STINT_POLICY");
	CHECK_INT(stint_stop(), ==, 0);
	configs();
	not_here();
	busy();
	CHECK_INT(stint_start(&fine), ==, 0);
	attrs(NULL);
	in_a_thread(attrs);
	in_a_thread(joins_itself);
	in_a_thread(joins_itself_in_a_call);
	second_join();
	detached_ones(NULL);
	in_a_thread(detached_ones);
	timed(NULL);
	in_a_thread(timed);
	for (int i = 0; i < 20; i++)
		cycle();
	policies();
	stop_for_sure();
	return 0;
}
