/*
 * thread_told.c - what a policy is told: whom a joiner waits for (yield_to), only where that is true, and what time it is; and that fair
 * does trees depth first by it
 *
 * Policies of our own wrap built-in ones and keep, for each thread by its id, in which queue it is ready and whether it has run.
 */
#include "../test.h"

#include <stint.h>
#include <stint/sched.h>
#include <stint/stats.h>

#define IDS      (1 << 20)
#define CHILDREN 4
#define DEPTH    3
#define TREES    200

static struct stint_policy base, spy;
static void *_Atomic ready_in[IDS];             /* the run queue of one that has not run; NULL: it has, or is on its way */
static _Atomic unsigned told, told_wrong;

static size_t slot(const struct stint_task *t)
{
	return t->id % IDS;
}

#define QUEUES 64

static struct { void *rq; stint_ns last, picked; } clocks[QUEUES];
static _Atomic unsigned backwards;

/* one operation at a time runs on a queue */
static size_t clock_of(void *rq)
{
	void *none = NULL;

	for (size_t i = 0; i < QUEUES; none = NULL, i++)
		if (__atomic_load_n(&clocks[i].rq, __ATOMIC_RELAXED) == rq || __atomic_compare_exchange_n(&clocks[i].rq, &none, rq, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return i;
	test_fail(__FILE__, __LINE__, "more queues than expected");
}

/* it never runs backwards for one queue */
static void looks_at_clock(void *rq, stint_ns now)
{
	size_t i = clock_of(rq);

	backwards += now < clocks[i].last;
	clocks[i].last = now;
}

static void spy_spawn(void *rq, struct stint_task *t, stint_ns now)
{
	looks_at_clock(rq, now);
	base.spawn(rq, t, now);
	ready_in[slot(t)] = rq;
}

static void *_Atomic begun[IDS];

/* The others that a thief has in its hands are in no queue meanwhile. */
static void spy_attach(void *rq, struct stint_task *t, stint_ns now)
{
	spin_ns(3000);
	looks_at_clock(rq, now);
	base.attach(rq, t, now);
	if (!begun[slot(t)])
		ready_in[slot(t)] = rq;
}

static struct stint_task *spy_pick_next(void *rq, stint_ns now)
{
	struct stint_task *t = base.pick_next(rq, now);

	looks_at_clock(rq, now);
	clocks[clock_of(rq)].picked = now;
	if (t) {
		ready_in[slot(t)] = NULL;
		begun[slot(t)] = t;
	}
	return t;
}

static struct stint_task *spy_balance(void *rq, stint_ns now)
{
	struct stint_task *t = base.balance(rq, now);

	looks_at_clock(rq, now);
	if (t)
		ready_in[slot(t)] = NULL;
	return t;
}

static void spy_done(void *rq, struct stint_task *t, stint_ns now)
{
	looks_at_clock(rq, now);
	if (base.done)
		base.done(rq, t, now);
	begun[slot(t)] = NULL;
}

static void spy_yield_to(void *rq, struct stint_task *t, stint_ns now)
{
	looks_at_clock(rq, now);
	told++;
	if (ready_in[slot(t)] != rq)
		told_wrong++;
	if (base.yield_to)
		base.yield_to(rq, t, now);
}

static void wrong(void *rq, struct stint_task *t, stint_ns now)
{
	(void)rq;
	(void)t;
	(void)now;
	told_wrong++;
}

static void start(const char *name, unsigned workers, stint_ns quantum)
{
	struct stint_config config = { .size = sizeof(config), .workers = workers, .policy = name, .quantum = quantum };
	const struct stint_policy *policy;

	while (stint_stop() == EBUSY)
		sleep_ns(100000);
	CHECK_INT(stint_start(&config), ==, 0);
	CHECK_INT(stint_policy_load(name, &policy, NULL, 0), ==, 0);
	base = spy = *policy;
	spy.spawn = spy_spawn;
	spy.attach = spy_attach;
	spy.pick_next = spy_pick_next;
	spy.balance = spy_balance;
	spy.done = spy_done;
	spy.yield_to = spy_yield_to;
	told = told_wrong = backwards = 0;
	memset(clocks, 0, sizeof(clocks));
}

/* --- depth first ------------------------------------------------------------------------------- */

static unsigned order[200], came;

/* number @arg of a tree: makes its children, and joins the eldest first */
static void *grow(void *arg)
{
	unsigned long me = (unsigned long)arg, first = CHILDREN * me + 1;
	stint_thread_t *t[CHILDREN];

	order[came++] = (unsigned)me;
	if (first > 20)
		return NULL;
	for (unsigned long c = 0; c < CHILDREN; c++)
		CHECK_INT(stint_thread_create(&t[c], NULL, grow, (void *)(first + c)), ==, 0);
	for (unsigned long c = 0; c < CHILDREN; c++)
		CHECK_INT(stint_thread_join(t[c], NULL), ==, 0);
	return NULL;
}

static unsigned expect(unsigned me, unsigned at)
{
	unsigned first = CHILDREN * me + 1;

	CHECK_INT(order[at++], ==, me);
	for (unsigned c = first <= 20 ? CHILDREN : 0; c--;)
		at = expect(first + c, at);
	return at;
}

static void depth_first(void)
{
	stint_thread_t *t;

	start("fair", 1, STINT_S(10));
	for (unsigned round = 0; round < 100; round++) {
		came = 0;
		CHECK_INT(stint_thread_create(&t, NULL, grow, NULL), ==, 0);
		CHECK_INT(stint_thread_join(t, NULL), ==, 0);
		CHECK_INT(expect(0, 0), ==, came);
	}
}

/* --- who is told what -------------------------------------------------------------------------- */

static void *nothing(void *arg)
{
	return arg;
}

static void *yields(void *arg)
{
	stint_thread_yield();
	return arg;
}

/* one worker, first in first out: it is exactly known who has run when */
static void *joins(void *arg)
{
	stint_thread_t *t;

	CHECK_INT(stint_thread_create(&t, NULL, nothing, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(told, ==, 1);
	CHECK_INT(stint_thread_create(&t, NULL, yields, NULL), ==, 0);
	stint_thread_yield();
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);           /* it has begun */
	CHECK_INT(told, ==, 1);
	CHECK_INT(stint_thread_create(&t, NULL, nothing, NULL), ==, 0);
	stint_thread_yield();
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);           /* it has ended */
	CHECK_INT(told, ==, 1);
	CHECK_INT(stint_thread_create(&t, NULL, nothing, NULL), ==, 0);
	stint_thread_sleep(STINT_US(1));                        /* a wait for something else */
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(told, ==, 1);
	CHECK_INT(stint_thread_create(&t, NULL, nothing, NULL), ==, 0);
	CHECK_INT(stint_thread_join_timed(t, NULL, STINT_S(100)), ==, 0);
	CHECK_INT(told, ==, 2);
	return arg;
}

static void is_told(void)
{
	stint_thread_t *t;

	start("fifo", 1, STINT_MS(1));
	CHECK_INT(stint_policy_set(&spy), ==, 0);
	CHECK_INT(stint_thread_create(&t, NULL, joins, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(told_wrong, ==, 0);
}

/* made for a version that had no such operation: what lies behind its table is not looked at */
static void is_not_known(void)
{
	stint_thread_t *t;

	start("fair", 1, STINT_MS(1));
	base.yield_to = NULL;
	spy.size = offsetof(struct stint_policy, yield_to);
	spy.yield_to = wrong;
	CHECK_INT(stint_policy_set(&spy), ==, 0);
	came = 0;
	CHECK_INT(stint_thread_create(&t, NULL, grow, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(told_wrong, ==, 0);
	CHECK_INT(came, ==, 21);
}

/* --- what time it is ----------------------------------------------------------------------------- */

static stint_ns woken_at, spawned_at, picked_at;
static stint_sem_t sem = STINT_SEM_INIT(0);

static void keep_spawn(void *rq, struct stint_task *t, stint_ns now)
{
	spawned_at = now;
	picked_at = clocks[clock_of(rq)].picked;
	spy_spawn(rq, t, now);
}

static void keep_wakeup(void *rq, struct stint_task *t, stint_ns now)
{
	woken_at = now;
	base.wakeup(rq, t, now);
}

static void *waits(void *arg)
{
	CHECK_INT(stint_sem_wait(&sem), ==, 0);
	return arg;
}

/* While a turn's end is set what the running thread makes ready is dated to when its turn began; where none is, to now. */
static void *makes(void *arg)
{
	stint_thread_t *t[3];
	stint_ns first;

	CHECK_INT(stint_thread_create(&t[0], NULL, waits, NULL), ==, 0);
	stint_thread_yield();
	stint_thread_sleep(STINT_MS(30));       /* a tick finds it alone, or nobody: no turn has an end */
	spin_ns(STINT_MS(2));
	CHECK_INT(stint_thread_create(&t[1], NULL, nothing, NULL), ==, 0);
	CHECK_INT(spawned_at - picked_at, >=, STINT_MS(2));
	first = spawned_at;
	CHECK_INT(stint_thread_create(&t[2], NULL, nothing, NULL), ==, 0);
	CHECK_INT(spawned_at, ==, first);
	CHECK_INT(stint_sem_post(&sem), ==, 0);
	CHECK_INT(woken_at, ==, first);
	for (int i = 0; i < 3; i++)
		CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	return arg;
}

static void is_dated(void)
{
	stint_thread_t *t;

	start("fair", 1, STINT_MS(100));
	spy.spawn = keep_spawn;
	spy.wakeup = keep_wakeup;
	CHECK_INT(stint_policy_set(&spy), ==, 0);
	CHECK_INT(stint_thread_create(&t, NULL, makes, NULL), ==, 0);
	CHECK_INT(stint_thread_join(t, NULL), ==, 0);
	CHECK_INT(backwards, ==, 0);
}

/* --- at once ----------------------------------------------------------------------------------- */

static _Atomic unsigned leaves;

static void *part(void *arg)
{
	unsigned long depth = (unsigned long)arg;
	stint_thread_t *t[CHILDREN];
	struct rng rng;

	if (!depth) {
		leaves++;
		return NULL;
	}
	rng_seed(&rng, (uint64_t)(uintptr_t)&rng + leaves);
	for (int c = 0; c < CHILDREN; c++)
		CHECK_INT(stint_thread_create(&t[c], NULL, part, (void *)(depth - 1)), ==, 0);
	for (int left = CHILDREN; left;) {
		int c = (int)rng_below(&rng, CHILDREN);

		switch (t[c] ? rng_below(&rng, 4) : 9) {
		case 0:
			stint_thread_yield();
			break;
		case 1:
			if (stint_thread_join_timed(t[c], NULL, STINT_US(5)) == 0) {
				t[c] = NULL;
				left--;
			}
			break;
		case 9:
			break;
		default:
			CHECK_INT(stint_thread_join(t[c], NULL), ==, 0);
			t[c] = NULL;
			left--;
		}
	}
	return NULL;
}

/* Threads are stolen, wait in inboxes, and are joined from kernel threads meanwhile. */
static void at_once(const char *name, unsigned workers)
{
	stint_thread_t *t[4];
	unsigned each = 1;

	start(name, workers, STINT_US(200));
	CHECK_INT(stint_policy_set(&spy), ==, 0);
	leaves = 0;
	for (unsigned tree = 0; tree < TREES; tree++) {
		for (int i = 0; i < 4; i++)
			CHECK_INT(stint_thread_create(&t[i], NULL, part, (void *)(unsigned long)DEPTH), ==, 0);
		for (int i = 0; i < 4; i++)
			CHECK_INT(stint_thread_join(t[i], NULL), ==, 0);
	}
	for (int d = 0; d < DEPTH; d++)
		each *= CHILDREN;
	CHECK_INT(leaves, ==, TREES * 4 * each);
	CHECK_INT(told, >, TREES);
	CHECK_INT(told_wrong, ==, 0);
	CHECK_INT(backwards, ==, 0);
}

int main(void)
{
	test_watchdog();
	depth_first();
	is_told();
	is_not_known();
	is_dated();
	at_once("fair", 1);
	at_once("fair", 2);
	at_once("fair", 8);
	at_once("rr", 4);
	return 0;
}
