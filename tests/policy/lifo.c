/*
 * lifo.c - the order of the lifo policy, pick by pick; that nobody starves, within its bounds; that a tree is walked depth first
 *
 * Compiled together with sched/lifo.c, whose constants the bounds are made of.
 */
#include "../test.h"

#include "../../sched/lifo.c"

#define TASKS 200
#define STEPS 200000

static const struct stint_policy *const p = &stint_policy_lifo;
static struct stint_task tasks[TASKS];
static struct queue q;
static struct rng rng;

static void fresh(void)
{
	memset(tasks, 0, sizeof(tasks));
	memset(&q, 0, sizeof(q));
	CHECK_INT(p->init(&q, 1000), ==, 0);
}

static void spawn(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		p->spawn(&q, &tasks[i], 0);
}

static void picks(unsigned n)
{
	const struct stint_task *t = p->pick_next(&q, 0);

	CHECK(t);
	CHECK_INT(t - tasks, ==, n);
}

static void empty(void)
{
	CHECK(!p->pick_next(&q, 0) && !p->balance(&q, 0));
}

/* --- order ------------------------------------------------------------------------------------- */

static void last_comes_first(void)
{
	fresh();
	spawn(0, 3);
	picks(2);
	p->wakeup(&q, &tasks[3], 0);
	spawn(4, 5);
	picks(4);
	picks(3);
	picks(1);
	picks(0);
	empty();
	CHECK_INT(p->slice(&q, &tasks[0], 0), ==, 1000);
	CHECK_INT(p->tick(&q, &tasks[0], 12345), ==, 0);
	CHECK(!p->preempts);
}

/* who yields, or has used its turn, lets all others go first, also those that come later */
static void gives_way(void)
{
	fresh();
	spawn(0, 4);
	picks(3);
	p->yield(&q, &tasks[3], 0);
	picks(2);
	p->preempt(&q, &tasks[2], 0);
	spawn(4, 5);
	picks(4);
	picks(1);
	p->yield(&q, &tasks[1], 0);
	picks(0);
	picks(3);
	p->wakeup(&q, &tasks[0], 0);
	picks(0);
	picks(2);
	picks(1);
	empty();
}

/* An idle worker gets the eldest, and with its queue goes on as this one would have done. */
static void goes_to_idle(void)
{
	struct queue other = q;

	fresh();
	CHECK_INT(p->init(&other, 1000), ==, 0);
	spawn(0, 8);
	picks(7);
	p->yield(&q, &tasks[7], 0);
	picks(6);
	p->preempt(&q, &tasks[6], 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(p->balance(&q, 0) == &tasks[i]);
		p->attach(&other, &tasks[i], 0);
	}
	CHECK(p->pick_next(&other, 0) == &tasks[2]);
	CHECK(p->balance(&other, 0) == &tasks[0]);
	CHECK(p->pick_next(&other, 0) == &tasks[1]);
	CHECK(!p->pick_next(&other, 0));
	for (unsigned i = 3; i < 6; i++)
		CHECK(p->balance(&q, 0) == &tasks[i]);
	CHECK(p->balance(&q, 0) == &tasks[7]);  /* stays one that gives way */
	p->attach(&other, &tasks[7], 0);
	p->spawn(&other, &tasks[0], 0);
	CHECK(p->pick_next(&other, 0) == &tasks[0]);
	CHECK(p->pick_next(&other, 0) == &tasks[7]);
	picks(6);
	empty();
	/* from another policy: in that one's order */
	memset(tasks, 0, sizeof(tasks));
	for (unsigned i = 0; i < 3; i++)
		p->attach(&q, &tasks[i], 0);
	for (unsigned i = 0; i < 3; i++)
		picks(i);
	empty();
}

/* --- compared with a list that is looked through ------------------------------------------------ */

/* rank: above 0 on the stack, below in the line, the greatest goes first; 0: away */
static int64_t ranks[TASKS];
static int64_t number;
static unsigned turns, times;

static unsigned count(bool stack)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TASKS; i++)
		n += stack ? ranks[i] > 0 : ranks[i] < 0;
	return n;
}

/* of those on the stack or in the line: the first to be picked, or the last; TASKS: none */
static unsigned find(bool stack, bool first)
{
	unsigned found = TASKS;

	for (unsigned i = 0; i < TASKS; i++)
		if ((stack ? ranks[i] > 0 : ranks[i] < 0) &&
		    (found == TASKS || (ranks[i] > ranks[found]) == first))
			found = i;
	return found;
}

static unsigned expected_pick(void)
{
	bool line = false, bottom = false;

	if (++turns >= PATIENCE) {
		turns = 0;
		bottom = ++times % BOTTOM == 0;
		line = !bottom;
	}
	if ((line && count(false)) || !count(true))
		return find(false, true);
	return find(true, !bottom);
}

static void leaves(unsigned running, uint64_t how)
{
	switch (how) {
	case 0:
		p->preempt(&q, &tasks[running], 0);
		turns += WORN;
		ranks[running] = -++number;
		break;
	case 1:
		p->yield(&q, &tasks[running], 0);
		ranks[running] = -++number;
	}
}

static void comes(void)
{
	unsigned i = (unsigned)rng_below(&rng, TASKS);

	if (ranks[i])
		return;
	if (rng_below(&rng, 2))
		p->spawn(&q, &tasks[i], 0);
	else
		p->wakeup(&q, &tasks[i], 0);
	ranks[i] = ++number;
}

static void goes_and_comes_back(void)
{
	struct stint_task *t = p->balance(&q, 0);
	unsigned i = count(true) ? find(true, false) : find(false, true);

	CHECK(t == (i < TASKS ? &tasks[i] : NULL));
	if (!t)
		return;
	p->attach(&q, t, 0);
	ranks[i] = ranks[i] > 0 ? ++number : -++number;
}

static void at_random(void)
{
	fresh();
	for (unsigned step = 0; step < STEPS; step++) {
		struct stint_task *t;
		unsigned i;

		for (uint64_t n = rng_below(&rng, 4); n; n--)
			comes();
		if (rng_below(&rng, 8) == 0)
			goes_and_comes_back();
		i = expected_pick();
		t = p->pick_next(&q, 0);
		CHECK(t == (i < TASKS ? &tasks[i] : NULL));
		if (!t)
			continue;
		ranks[i] = 0;
		leaves(i, rng_below(&rng, step / 1000 % 2 ? 400 : 4));
	}
	CHECK_INT(times, >, 4 * BOTTOM);
}

/* --- nobody starves ---------------------------------------------------------------------------- */

/* two that wake each other, on top of all others, for ever: turns until @whom is picked */
static unsigned long until_picked(unsigned whom)
{
	unsigned long n;

	p->wakeup(&q, &tasks[TASKS - 1], 0);
	for (n = 1;; n++) {
		struct stint_task *t = p->pick_next(&q, 0);

		CHECK(t);
		if (t == &tasks[whom])
			return n;
		if (t == &tasks[TASKS - 1] || t == &tasks[TASKS - 2])
			p->wakeup(&q, t == &tasks[TASKS - 1] ? &tasks[TASKS - 2] : &tasks[TASKS - 1], 0);
	}
}

/* @n at the bottom of the stack, or at the head of the line: when has the last of them its turn? */
static unsigned long waits(bool in_line, unsigned n)
{
	fresh();
	for (unsigned i = 0; i < n; i++) {
		spawn(i, i + 1);
		if (!in_line)
			continue;
		picks(i);
		p->yield(&q, &tasks[i], 0);
	}
	q.turns = (unsigned)rng_below(&rng, PATIENCE);
	q.times = (unsigned)rng_below(&rng, BOTTOM);
	return until_picked(n - 1);
}

/* used up turns end a wait sooner: a stream of new ones that compute */
static void hogs_come(void)
{
	unsigned n;

	fresh();
	spawn(0, 1);
	picks(0);
	p->yield(&q, &tasks[0], 0);
	for (n = 1; n < TASKS; n++) {
		struct stint_task *t;

		spawn(n, n + 1);
		t = p->pick_next(&q, 0);
		if (t == &tasks[0])
			break;
		p->preempt(&q, t, 0);
	}
	CHECK_INT(n, ==, PATIENCE / WORN + 1);
}

static void nobody_starves(void)
{
	for (unsigned i = 0; i < 300; i++) {
		unsigned n = 1 + (unsigned)rng_below(&rng, 40);
		unsigned long turns_line = waits(true, n), turns_stack;

		CHECK_INT(turns_line, <=, PATIENCE * (n + (n + BOTTOM - 2) / (BOTTOM - 1)));
		CHECK_INT(turns_line, >, PATIENCE * (n - 1));
		if (i % 10)
			continue;
		turns_stack = waits(false, n);
		CHECK_INT(turns_stack, <=, PATIENCE * BOTTOM * n);
		CHECK_INT(turns_stack, >, PATIENCE * BOTTOM * (n - 1));
	}
	hogs_come();
}

/* --- a tree ------------------------------------------------------------------------------------ */

#define CHILDREN 10
#define LEVELS   4

struct node {
	struct stint_task task;
	struct node *parent;
	unsigned level, unfinished;     /* levels of children under it; children that it waits for */
	bool waited;
};

static unsigned alive, most, ended;

/* it makes its children and waits for them; the last one wakes it */
static void runs(const struct stint_policy *policy, void *rq, struct node *node)
{
	if (node->level && !node->waited) {
		for (unsigned i = 0; i < CHILDREN; i++) {
			struct node *child = calloc(1, sizeof(*child));

			CHECK(child);
			child->parent = node;
			child->level = node->level - 1;
			policy->spawn(rq, &child->task, 0);
		}
		alive += CHILDREN;
		most = alive > most ? alive : most;
		node->unfinished = CHILDREN;
		node->waited = true;
		return;
	}
	if (node->parent && !--node->parent->unfinished)
		policy->wakeup(rq, &node->parent->task, 0);
	free(node);
	alive--;
	ended++;
}

/* the most threads that live at once */
static unsigned walks(const char *name)
{
	struct node *root = calloc(1, sizeof(*root));
	const struct stint_policy *policy;
	struct stint_task *t;
	void *rq;

	CHECK(root);
	CHECK_INT(stint_policy_load(name, &policy, NULL, 0), ==, 0);
	rq = aligned_alloc(64, (policy->rq_size + 63) / 64 * 64);
	CHECK(rq);
	memset(rq, 0, policy->rq_size);
	CHECK_INT(policy->init(rq, 1000), ==, 0);
	alive = most = 1;
	ended = 0;
	root->level = LEVELS;
	policy->spawn(rq, &root->task, 0);
	while ((t = policy->pick_next(rq, 0)))
		runs(policy, rq, (struct node *)t);
	CHECK_INT(ended, ==, 11111);
	CHECK_INT(alive, ==, 0);
	free(rq);
	return most;
}

int main(void)
{
	test_watchdog();
	rng_seed(&rng, test_seed());
	last_comes_first();
	gives_way();
	goes_to_idle();
	at_random();
	nobody_starves();
	CHECK_INT(walks("lifo"), <=, CHILDREN * LEVELS + 1);
	CHECK_INT(walks("rr"), >, 10000);
	return 0;
}
