/*
 * thread_policies.c - the policy is replaced while threads run, sleep, wait and are made: nobody is lost, and the new one decides
 */
#include "../test.h"

#include <pthread.h>

#include <stint.h>

#define THREADS 120
#define POLICIES 7                       /* built in */
#define ROUNDS 30

static int ended, leave;

static void *busy(void *arg)
{
	unsigned long me = (unsigned long)arg;

	for (unsigned long i = 0; !__atomic_load_n(&leave, __ATOMIC_RELAXED); i++) {
		switch ((me + i) % 4) {
		case 0:
			stint_thread_sleep(STINT_US(10 + me % 500));
			break;
		case 1:
			spin_ns(2000 + (int64_t)(me % 10) * 1000);
			break;
		case 2:
			stint_thread_yield();
			break;
		default: {
			stint_thread_t *t;
			int err;

			if (me % 7 || !stint_thread_self())
				break;
			CHECK_INT(stint_thread_create(&t, NULL, busy, (void *)1), ==, 0);
			err = stint_thread_cancel(t);
			CHECK(err == 0 || (err == EINVAL && __atomic_load_n(&leave, __ATOMIC_RELAXED)));   /* it has left */
			CHECK_INT(stint_thread_join(t, NULL), ==, 0);
		}
		}
	}
	__atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *hog(void *arg)
{
	while (!__atomic_load_n(&leave, __ATOMIC_RELAXED))
		;
	return arg;
}

static void set(size_t i)
{
	size_t n = 0;

	while (stint_policy_builtin(n))
		n++;
	CHECK_INT(n, ==, POLICIES);
	CHECK_INT(stint_policy_set(stint_policy_builtin(i % n)), ==, 0);
}

static void *sets(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ROUNDS; i++) {
		set(i * 5 + 1);
		stint_thread_sleep(STINT_US(i * 10));
	}
	return NULL;
}

static void *sets_in_a_call(void *arg)
{
	stint_t *s = stint_launch(sets, arg, STINT_US(200));

	CHECK(s);
	while (!stint_is_complete(s)) {
		int err = stint_resume(s, STINT_US(200));

		CHECK(err == 0 || err == ETIMEDOUT);
	}
	stint_free(s);
	return arg;
}

static void replaced(unsigned workers, stint_fn *by, bool in_thread)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .quantum = STINT_US(300) };
	static stint_thread_t *t[THREADS];
	stint_thread_t *setter, *h;
	void *result;
	int err;

	ended = leave = 0;
	CHECK_INT(stint_start(&config), ==, 0);
	for (long i = 0; i < THREADS; i++) {
		struct stint_thread_attr attr = { .size = sizeof(attr), .weight = 1 + i * 13, .priority = i % 100 - 50,
			                          .deadline = i % 3 ? STINT_US(i) : 0 };

		CHECK_INT(stint_thread_create(&t[i], &attr, busy, (void *)i), ==, 0);
	}
	if (in_thread) {        /* first under all policies; no hog, behind which it might have to wait under fifo */
		struct stint_thread_attr attr = { .size = sizeof(attr), .priority = STINT_PRIORITY_MAX, .deadline = 1,
			                          .weight = STINT_WEIGHT_MAX };

		CHECK_INT(stint_thread_create(&setter, &attr, by, NULL), ==, 0);
		CHECK_INT(stint_thread_join(setter, NULL), ==, 0);
		__atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
	} else {
		CHECK_INT(stint_thread_create(&h, NULL, hog, NULL), ==, 0);
		by(NULL);
		__atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
		CHECK_INT(stint_thread_join(h, NULL), ==, 0);
	}
	for (long i = 0; i < THREADS; i++) {
		CHECK_INT(stint_thread_join(t[i], &result), ==, 0);
		CHECK_INT((long)result, ==, i);
	}
	CHECK(ended >= THREADS);
	while ((err = stint_stop()) == EBUSY)
		sleep_ns(100000);
	CHECK_INT(err, ==, 0);
}

static const struct stint_policy *named(const char *name)
{
	const struct stint_policy *p;

	CHECK_INT(stint_policy_load(name, &p, NULL, 0), ==, 0);
	return p;
}

static void policy_is(const char *name)
{
	struct stint_config now = { .size = sizeof(now) };

	CHECK_INT(stint_config_get(&now), ==, 0);
	CHECK_STR(now.policy, name);
}

/* by a thread among the others: a plug-in that nobody has loaded before, then a built-in one, and so on */
static void *sets_plugin(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ROUNDS; i++) {
		const struct stint_policy *p = named(TEST_PLUGIN);

		CHECK_STR(p->name, "lottery");
		CHECK_INT(stint_policy_set(p), ==, 0);
		policy_is("lottery");
		stint_thread_sleep(STINT_US(200));
		set(i);
		policy_is(stint_policy_builtin(i % POLICIES)->name);
	}
	return NULL;
}

/* one at a time: the second is told so, and each that was let in takes effect */
static int refused, let_in;

static void *sets_at_once(void *arg)
{
	for (int i = 0; i < 100; i++) {
		int err = stint_policy_set(stint_policy_builtin(i % POLICIES));

		CHECK(err == 0 || err == EBUSY);
		__atomic_fetch_add(err ? &refused : &let_in, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static void at_once(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 3 };
	stint_thread_t *t[3];
	pthread_t k[3];

	CHECK_INT(stint_start(&config), ==, 0);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(stint_thread_create(&t[i], NULL, sets_at_once, NULL), ==, 0);
		CHECK_INT(pthread_create(&k[i], NULL, sets_at_once, NULL), ==, 0);
	}
	for (int i = 0; i < 3; i++) {
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
		CHECK_INT(pthread_join(k[i], NULL), ==, 0);
	}
	CHECK_INT(let_in + refused, ==, 600);
	CHECK_INT(let_in, >, 0);
	CHECK_INT(stint_policy_set(stint_policy_builtin(0)), ==, 0);
}

/* one that is cancelled while it waits for the workers does not leave the way barred */
static volatile int held;

static void *holds_its_worker(void *arg)
{
	stint_preempt_disable();
	held = 1;
	while (held)
		;
	stint_preempt_enable();
	return arg;
}

static void *sets_if_it_may(void *arg)
{
	int err = stint_policy_set(stint_policy_builtin(3));

	CHECK(err == 0 || err == EBUSY);
	return arg;
}

/* Until somebody waits for the workers. If the thread that is to does not yet, one of these does, and is cancelled in its place. */
static void await_setter(void)
{
	bool busy = false;

	while (!busy) {
		stint_t *s = stint_launch(sets_if_it_may, NULL, STINT_MS(20));

		CHECK(s);
		busy = stint_is_complete(s);
		stint_free(s);
	}
}

static void cancelled_setter(void)
{
	stint_thread_t *holder, *setter;
	int err;

	CHECK_INT(stint_thread_create(&holder, NULL, holds_its_worker, NULL), ==, 0);
	while (!held)
		sleep_ns(100000);
	CHECK_INT(stint_thread_create(&setter, NULL, sets_if_it_may, NULL), ==, 0);
	sleep_ns(5000000);
	await_setter();
	err = stint_thread_cancel(setter);
	CHECK(err == 0 || err == EINVAL);
	CHECK_INT(stint_thread_join(setter, NULL), ==, 0);
	CHECK_INT(stint_policy_set(stint_policy_builtin(1)), ==, EBUSY);
	held = 0;
	CHECK_INT(stint_thread_join(holder, NULL), ==, 0);
	while (stint_policy_set(stint_policy_builtin(1)) == EBUSY)
		sleep_ns(100000);
	CHECK_INT(stint_policy_set(stint_policy_builtin(2)), ==, 0);
}

/* --- what the new one decides: fifo lets a hog run, rr does not --------------------------------- */

static int said;

static void *says(void *arg)
{
	__atomic_store_n(&said, 1, __ATOMIC_RELEASE);
	return arg;
}

static void decides(void)
{
	struct stint_config config = { .size = sizeof(config), .workers = 1, .policy = "rr", .quantum = STINT_US(200) };
	stint_thread_t *h, *t;

	while (stint_stop() == EBUSY)
		sleep_ns(100000);
	CHECK_INT(stint_start(&config), ==, 0);
	said = leave = 0;
	CHECK_INT(stint_policy_set(named("fifo")), ==, 0);
	CHECK_INT(stint_thread_create(&h, NULL, hog, NULL), ==, 0);
	sleep_ns(2000000);
	CHECK_INT(stint_thread_create(&t, NULL, says, NULL), ==, 0);
	sleep_ns(20000000);
	CHECK_INT(said, ==, 0);
	CHECK_INT(stint_policy_set(named("rr")), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	__atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
	CHECK_INT(stint_thread_join(h, NULL), ==, 0);
}

int main(void)
{
	test_watchdog();
	replaced(3, sets_plugin, true);         /* first: the plug-in is not loaded yet */
	replaced(1, sets_plugin, true);
	replaced(2, sets_plugin, false);
	replaced(1, sets, false);
	replaced(3, sets, false);
	replaced(3, sets, true);
	replaced(1, sets, true);
	replaced(2, sets_in_a_call, false);
	replaced(3, sets_in_a_call, true);
	at_once();
	cancelled_setter();
	decides();
	return 0;
}
