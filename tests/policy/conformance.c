/*
 * conformance.c - what every policy owes: random operations over many tasks and run queues; nobody lost, nobody twice
 *
 * Runs over each built-in policy and over plug-ins named on the command line or by TEST_PLUGIN. The test plays
 * the runtime: it knows for each task whether it is ready, running or away, and compares. Clocks are integers,
 * of another origin for each run queue, and advance in steps from nothing to years. Around run queues and tasks
 * lie guard words; a task that is away moves to another place in memory, and where it was is overwritten.
 */
#include "../test.h"

#include <stint/sched.h>

#define TASKS    3000
#define QUEUES   4
#define STEPS    100000
#define GUARD    UINT64_C(0x5ca1ab1e0ddba115)
#define RUBBISH  0xa5

enum state { NOBODY, READY, RUNNING, BLOCKED, HOMELESS };       /* HOMELESS: taken out by balance() */

struct slot {
	uint64_t before;
	struct stint_task task;
	uint64_t after;
	enum state state;
	unsigned queue;
	struct stint_task as_made;
};

struct queue {
	void *memory, *rq;
	unsigned ready;
	struct slot *running;
	stint_ns now;
};

static const struct stint_policy *p;
static struct slot slots[TASKS];
static struct queue queues[QUEUES];
static uint64_t next_id;
static struct rng rng;

/* ------------------------------------------------------------------------------------------------ the model */

static stint_ns time_for(const struct queue *q)
{
	return p->flags & STINT_POLICY_TIMED ? q->now : 0;
}

static void open_queue(struct queue *q, stint_ns quantum)
{
	size_t size = (p->rq_size + 63) / 64 * 64;

	q->memory = aligned_alloc(64, size + 128);
	CHECK(q->memory);
	memset(q->memory, RUBBISH, size + 128);
	q->rq = (char *)q->memory + 64;
	memset(q->rq, 0, p->rq_size);
	q->ready = 0;
	q->running = NULL;
	if (p->init)
		CHECK_INT(p->init(q->rq, quantum), ==, 0);
}

static void close_queue(struct queue *q)
{
	const unsigned char *byte = q->memory;

	CHECK_INT(q->ready, ==, 0);
	CHECK(!p->pick_next(q->rq, time_for(q)));
	CHECK(!p->balance(q->rq, time_for(q)));
	if (p->fini)
		p->fini(q->rq);
	for (size_t i = 0; i < 64; i++) {
		CHECK_INT(byte[i], ==, RUBBISH);
		CHECK_INT(byte[64 + p->rq_size + i], ==, RUBBISH);
	}
	free(q->memory);
}

static unsigned random_weight(void)
{
	switch (rng_below(&rng, 4)) {
	case 0:
		return STINT_WEIGHT_NORMAL;
	case 1:
		return rng_below(&rng, 2) ? STINT_WEIGHT_MIN : STINT_WEIGHT_MAX;
	default:
		return STINT_WEIGHT_MIN + (unsigned)rng_below(&rng, rng_below(&rng, 2) ? 4096 : STINT_WEIGHT_MAX);
	}
}

static void make(struct slot *s)
{
	memset(&s->task, 0, sizeof(s->task));
	s->before = s->after = GUARD;
	s->task.weight = random_weight();
	s->task.priority = STINT_PRIORITY_MIN +
			   (int)rng_below(&rng, STINT_PRIORITY_MAX - STINT_PRIORITY_MIN + 1);
	if (rng_below(&rng, 8) == 0)
		s->task.priority = rng_below(&rng, 2) ? STINT_PRIORITY_MIN : STINT_PRIORITY_MAX;
	s->task.deadline = rng_below(&rng, 2) ? 0 : 1 + (stint_ns)rng_below(&rng, STINT_S(10));
	if (rng_below(&rng, 64) == 0)
		s->task.deadline = STINT_FOREVER;
	s->task.id = next_id++;
	s->as_made = s->task;
}

static void check_slot(const struct slot *s)
{
	CHECK(s->before == GUARD && s->after == GUARD);
	CHECK(!memcmp(&s->task, &s->as_made, offsetof(struct stint_task, priv)));
}

/* What the policy gave out of @q's queue: the slot, after making sure that it was there. */
static struct slot *given(struct queue *q, struct stint_task *t)
{
	struct slot *s;

	if (!t) {
		CHECK_INT(q->ready, ==, 0);
		return NULL;
	}
	s = (struct slot *)((char *)t - offsetof(struct slot, task));
	CHECK(s >= slots && s < slots + TASKS && &s->task == t);
	CHECK_INT(s->state, ==, READY);
	CHECK_INT(s->queue, ==, q - queues);
	check_slot(s);
	q->ready--;
	return s;
}

static void becomes_ready(struct queue *q, struct slot *s)
{
	s->state = READY;
	s->queue = (unsigned)(q - queues);
	q->ready++;
	check_slot(s);
}

static void leaves(struct queue *q, enum state state)
{
	q->running->state = state;
	check_slot(q->running);
	q->running = NULL;
}

/* ----------------------------------------------------------------------------------------------- operations */

static void advance(struct queue *q)
{
	static const stint_ns steps[] = { 1, 100, STINT_US(1), STINT_US(300), STINT_MS(1), STINT_MS(20), STINT_S(5) };
	uint64_t kind = rng_below(&rng, 1000);

	if (kind == 0 && q->now < INT64_C(1) << 61)
		q->now += (stint_ns)rng_below(&rng, UINT64_C(1) << 56);
	else if (kind < 800)
		q->now += (stint_ns)rng_below(&rng, (uint64_t)steps[kind % (sizeof(steps) / sizeof(*steps))]);
}

static void do_pick(struct queue *q)
{
	struct slot *s;

	if (q->running)
		return;
	s = given(q, p->pick_next(q->rq, time_for(q)));
	if (!s)
		return;
	s->state = RUNNING;
	q->running = s;
	if (q->ready && p->slice)
		CHECK_INT(p->slice(q->rq, &s->task, time_for(q)), >, 0);
}

static void do_preempt(struct queue *q)
{
	struct slot *s = q->running;

	p->preempt(q->rq, &s->task, time_for(q));
	leaves(q, READY);
	becomes_ready(q, s);
}

static void do_tick(struct queue *q)
{
	stint_ns more;

	if (!q->running || !q->ready || !p->tick)
		return;
	more = p->tick(q->rq, &q->running->task, q->now);
	CHECK_INT(more, >=, 0);
	if (!more) {
		if (rng_below(&rng, 4) == 0)            /* it cannot be stopped right now */
			advance(q);
		do_preempt(q);
	}
}

static void came(struct queue *q, struct slot *s)
{
	becomes_ready(q, s);
	if (!q->running)
		return;
	if (p->preempts && p->preempts(q->rq, &s->task, &q->running->task, time_for(q)))
		do_preempt(q);
	else if (p->slice)
		CHECK_INT(p->slice(q->rq, &q->running->task, time_for(q)), >, 0);
}

static void do_yield(struct queue *q)
{
	struct slot *s = q->running;

	if (!s)
		return;
	p->yield(q->rq, &s->task, time_for(q));
	leaves(q, READY);
	becomes_ready(q, s);
}

static void do_block(struct queue *q)
{
	if (!q->running)
		return;
	if (p->block)
		p->block(q->rq, &q->running->task, time_for(q));
	leaves(q, BLOCKED);
}

static void do_done(struct queue *q)
{
	struct slot *s = q->running;

	if (!s)
		return;
	if (p->done)
		p->done(q->rq, &s->task, time_for(q));
	leaves(q, NOBODY);
	memset(&s->task, RUBBISH, sizeof(s->task));
}

static void do_balance(struct queue *q)
{
	struct slot *s = given(q, p->balance(q->rq, time_for(q)));

	if (s)
		s->state = HOMELESS;
}

/* Somebody who is away comes to @q, or moves in memory. */
static void do_come(struct queue *q)
{
	struct slot *s = &slots[rng_below(&rng, TASKS)], *other = &slots[rng_below(&rng, TASKS)];

	if (s->state == READY || s->state == RUNNING)
		return;
	if (s->state != NOBODY && other->state == NOBODY && rng_below(&rng, 2)) {
		*other = *s;
		memset(&s->task, RUBBISH, sizeof(s->task));
		s->state = NOBODY;
		s = other;
	}
	switch (s->state) {
	case NOBODY:
		make(s);
		p->spawn(q->rq, &s->task, time_for(q));
		break;
	case BLOCKED:
		p->wakeup(q->rq, &s->task, time_for(q));
		break;
	default:
		p->attach(q->rq, &s->task, time_for(q));
	}
	came(q, s);
}

static void random_operation(void)
{
	struct queue *q = &queues[rng_below(&rng, QUEUES)];
	uint64_t what = rng_below(&rng, 100);

	advance(q);
	if (what < 30)
		do_come(q);
	else if (what < 60)
		do_pick(q);
	else if (what < 70)
		do_tick(q);
	else if (what < 80)
		do_yield(q);
	else if (what < 87)
		do_block(q);
	else if (what < 90)
		do_done(q);
	else if (what < 95)
		do_balance(q);
	else if (q->running)
		do_preempt(q);
}

/* -------------------------------------------------------------------------------------------------- the tests */

static unsigned count(enum state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TASKS; i++)
		n += slots[i].state == state;
	return n;
}

static void check_counts(void)
{
	unsigned ready = 0, running = 0;

	for (unsigned i = 0; i < QUEUES; i++) {
		ready += queues[i].ready;
		running += queues[i].running != NULL;
	}
	CHECK_INT(count(READY), ==, ready);
	CHECK_INT(count(RUNNING), ==, running);
}

/* All that is in the queues comes out, once each: by pick_next() and what may follow it, or by balance(). */
static void drain(bool by_balance)
{
	for (struct queue *q = queues; q < queues + QUEUES; q++) {
		if (q->running)
			do_preempt(q);
		while (q->ready) {
			advance(q);
			if (by_balance) {
				do_balance(q);
				continue;
			}
			do_pick(q);
			CHECK(q->running);
			if (rng_below(&rng, 2))
				do_block(q);
			else
				do_done(q);
		}
		CHECK(!p->pick_next(q->rq, time_for(q)));
		CHECK(!p->balance(q->rq, time_for(q)));
	}
}

static void replace(const struct stint_policy *with, stint_ns quantum)
{
	unsigned before = TASKS - count(NOBODY);

	drain(true);
	for (unsigned i = 0; i < QUEUES; i++)
		close_queue(&queues[i]);
	p = with;
	for (unsigned i = 0; i < QUEUES; i++)
		open_queue(&queues[i], quantum);
	for (struct slot *s = slots; s < slots + TASKS; s++) {
		if (s->state == NOBODY)
			continue;
		memset(s->task.priv, 0, sizeof(s->task.priv));
		if (s->state == BLOCKED && rng_below(&rng, 2)) {
			s->state = HOMELESS;            /* comes when it wakes up */
			continue;
		}
		struct queue *q = &queues[rng_below(&rng, QUEUES)];

		p->attach(q->rq, &s->task, time_for(q));
		came(q, s);
	}
	check_counts();
	CHECK_INT(TASKS - count(NOBODY), ==, before);
}

static void random_operations(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		random_operation();
	check_counts();
}

static void conforms(const struct stint_policy *policy, const struct stint_policy *other)
{
	static const stint_ns quanta[] = { 1, STINT_US(50), STINT_MS(1), STINT_MS(100), STINT_S(3600), STINT_FOREVER };

	for (unsigned i = 0; i < sizeof(quanta) / sizeof(*quanta); i++) {
		memset(slots, 0, sizeof(slots));
		p = policy;
		for (unsigned j = 0; j < QUEUES; j++) {
			queues[j].now = (stint_ns)(j * rng_below(&rng, UINT64_C(1) << 60));
			open_queue(&queues[j], quanta[i]);
			CHECK(!p->pick_next(queues[j].rq, time_for(&queues[j])));
			CHECK(!p->balance(queues[j].rq, time_for(&queues[j])));
		}
		random_operations(STEPS);
		drain(false);
		random_operations(STEPS / 10);
		replace(other, quanta[i]);
		random_operations(STEPS / 10);
		replace(policy, quanta[i]);
		random_operations(STEPS / 10);
		drain(true);
		for (unsigned j = 0; j < QUEUES; j++)
			close_queue(&queues[j]);
	}
	printf("%s conforms\n", policy->name);
}

static void check_table(const struct stint_policy *policy)
{
	const struct stint_policy *found = NULL;
	char path[16];

	CHECK_INT(policy->size, ==, sizeof(*policy));
	CHECK(strlen(policy->name) < sizeof(path) && strspn(policy->name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
	                                                     strlen(policy->name));
	CHECK_INT(stint_policy_load(policy->name, &found, NULL, 0), ==, 0);
	CHECK(found == policy);
}

static void plug_in(const char *path)
{
	const struct stint_policy *policy = NULL, *again = NULL;
	char why[200] = "";

	if (stint_policy_load(path, &policy, why, sizeof(why)))
		test_fail(__FILE__, __LINE__, "%s", why);
	CHECK_INT(stint_policy_load(path, &again, NULL, 0), ==, 0);
	CHECK(policy == again);
	conforms(policy, stint_policy_builtin(0));
}

int main(int argc, char **argv)
{
	const struct stint_policy *policy;
	size_t n;

	test_watchdog();
	rng_seed(&rng, test_seed());
	for (int i = 1; i < argc; i++)
		plug_in(argv[i]);
	if (argc > 1)
		return 0;
	for (n = 0; (policy = stint_policy_builtin(n)); n++) {
		check_table(policy);
		conforms(policy, stint_policy_builtin(n ? 0 : 1));
	}
	CHECK_INT(n, ==, 7);
	CHECK(!stint_policy_builtin(n) && !stint_policy_builtin(SIZE_MAX));
	plug_in(TEST_PLUGIN);
	return 0;
}
