/*
 * fair.c - the inside of the fair policy: the tree, the sums, and that the pick is exact
 *
 * Compiled together with sched/fair.c. After each operation the tree is walked: ordered, balanced, each node's least v right;
 * V's sums are computed anew; and each pick is compared with a look at all nodes.
 */
#include "../test.h"

#include "../../sched/fair.c"

#define TASKS 200
#define STEPS 20000

static struct stint_task tasks[TASKS];
static bool ready_now[TASKS], away_now[TASKS];
static struct queue q;
static struct rng rng;
static stint_ns now;

struct sums {
	wide sum;
	int64_t total;
	unsigned nodes;
};

static void add(struct sums *s, const struct node *n)
{
	s->sum += (wide)ahead(n->v, q.base) * n->weight;
	s->total += n->weight;
	s->nodes++;
}

static unsigned walk(const struct node *n, struct sums *s, const struct node **last)
{
	unsigned left, right;
	int64_t least;

	if (!n)
		return 0;
	left = walk(n->left, s, last);
	if (*last)
		CHECK(ahead((*last)->due, n->due) <= 0);
	*last = n;
	add(s, n);
	right = walk(n->right, s, last);
	CHECK(left <= right + 1 && right <= left + 1);
	CHECK_INT(n->height, ==, 1 + (left > right ? left : right));
	least = n->v;
	if (n->left && ahead(n->left->least, least) < 0)
		least = n->left->least;
	if (n->right && ahead(n->right->least, least) < 0)
		least = n->right->least;
	CHECK_INT(n->least, ==, least);
	return n->height;
}

static void check_tree(void)
{
	const struct node *last = NULL;
	struct sums s = { 0 };
	unsigned ready = 0;

	walk(q.root, &s, &last);
	for (unsigned i = 0; i < TASKS; i++)
		ready += ready_now[i];
	CHECK_INT(s.nodes + (q.yielded != NULL), ==, ready);
	if (q.yielded)
		add(&s, q.yielded);
	if (q.running)
		add(&s, q.running);
	CHECK_INT(s.total, ==, q.total);
	CHECK(s.sum == q.sum);
}

/* by definition: v <= sum / total, and the earliest due */
static bool best_of_all(struct stint_task *picked)
{
	const struct node *chosen = node_of(picked), *n;
	bool any = false;

	for (unsigned i = 0; i < TASKS; i++) {
		n = node_of(&tasks[i]);
		if (ready_now[i] && n != q.yielded && (wide)ahead(n->v, q.base) * q.total <= q.sum) {
			any = true;
			if (ahead(n->due, chosen->due) < 0)
				return false;
		}
	}
	return !any || (wide)ahead(chosen->v, q.base) * q.total <= q.sum;
}

/* The pick is repeated on a copy of what it needs, since it takes the task out. */
static void pick(void)
{
	struct node **path[DEPTH], *expected = q.yielded;
	struct stint_task *t;

	if (q.root)
		expected = *path[find(&q, path) - 1];
	if (expected && q.root)
		CHECK(best_of_all(task_of(expected)));
	t = pick_next(&q, now);
	CHECK(t == (expected ? task_of(expected) : NULL));
	if (t)
		ready_now[t - tasks] = false;
}

static void stop(void)
{
	struct stint_task *t = task_of(q.running);
	unsigned i = (unsigned)(t - tasks);

	switch (rng_below(&rng, 5)) {
	case 0:
		block(&q, t, now);
		away_now[i] = true;
		return;
	case 1:
		done(&q, t, now);
		return;
	case 2:
		yield(&q, t, now);
		break;
	default:
		if (tick(&q, t, now) && rng_below(&rng, 2))
			return;
		preempt(&q, t, now);
	}
	ready_now[i] = true;
}

static void come(unsigned i)
{
	struct stint_task *t = &tasks[i];

	if (ready_now[i] || (q.running && task_of(q.running) == t))
		return;
	if (away_now[i]) {
		wakeup(&q, t, now);
	} else {
		memset(t, 0, sizeof(*t));
		t->weight = rng_below(&rng, 2) ? STINT_WEIGHT_NORMAL : 1 + (unsigned)rng_below(&rng, 4096);
		attach(&q, t, now);
	}
	away_now[i] = false;
	ready_now[i] = true;
}

static void move_on(void)
{
	struct stint_task *t = balance(&q, now);

	if (t) {
		ready_now[t - tasks] = false;
		check_tree();
		attach(&q, t, now);
		ready_now[t - tasks] = true;
	}
}

int main(void)
{
	test_watchdog();
	rng_seed(&rng, test_seed());
	CHECK_INT(init(&q, STINT_MS(1)), ==, 0);
	for (unsigned i = 0; i < STEPS; i++) {
		now += (stint_ns)rng_below(&rng, i % 64 ? 300000 : 30000000);
		if (q.running)
			stop();
		check_tree();
		if (rng_below(&rng, 3))
			come((unsigned)rng_below(&rng, TASKS));
		if (rng_below(&rng, 16) == 0)
			move_on();
		check_tree();
		if (!q.running)
			pick();
		check_tree();
	}
	return 0;
}
