/*
 * fair.c - the inside of the fair policy: the tree, the sums, and that the pick is exact
 *
 * Compiled together with sched/fair.c. After each operation line and tree are walked: ordered, balanced, each
 * node's least v right; V's sums are computed anew, and contain the carry; and each pick is compared with a look at all nodes.
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
	unsigned ready = 0, awaited = 0;

	walk(q.root, &s, &last);
	for (const struct node *n = q.line.first; n; n = n->left) {
		add(&s, n);
		CHECK(n->begun);
		if (n->left)
			CHECK(ahead(n->left->due, n->due) >= 0 && ahead(n->left->v, n->v) >= 0);
		else
			CHECK(n == q.line.last);
	}
	for (const struct node *n = q.fresh.first; n; n = n->left) {
		add(&s, n);
		awaited += n->awaited;
		CHECK(!n->begun && !n->height);
		CHECK(ahead(n->due, n->v) == ahead(q.fresh.first->due, q.fresh.first->v));
		if (n->left)
			CHECK(n->left->right == n);
		else
			CHECK(n == q.fresh.last);
	}
	CHECK_INT(awaited, ==, q.awaited);
	for (unsigned i = 0; i < TASKS; i++)
		ready += ready_now[i];
	CHECK_INT(s.nodes + (q.yielded != NULL), ==, ready);
	if (q.yielded)
		add(&s, q.yielded);
	if (q.running)
		add(&s, q.running);
	CHECK_INT(s.total, ==, q.total);
	CHECK(s.sum + q.carry == q.sum);
	CHECK(q.carry <= q.most_carry && q.carry >= -q.most_carry && (q.total || !q.carry));
}

/* The one of the fresh in line whose turn it is among them, NULL: there is none; those that step aside are not in line any more. */
static const struct node *first_fresh(bool in_line[])
{
	struct node *n = q.fresh.first;

	if (!n)
		return NULL;
	if (q.awaited && now - q.patient_since < q.quantum)
		return q.fresh.last;
	for (int i = 0; i < STEP_ASIDE && n != q.fresh.last && !eligible(&q, n->v) && eligible(&q, q.fresh.last->v); i++) {
		in_line[task_of(n) - tasks] = false;
		n = n->left;
	}
	return n;
}

/*
 * By definition: of those with v <= sum / total the first to be due; or of all. Of the fresh in line only one counts. Several may be
 * due at once.
 */
static bool is_best(const struct node *chosen, const struct queue *then, const struct node *fresh, const bool in_line[],
                    const int64_t v_then[], const int64_t due_then[])
{
	int64_t due = due_then[task_of((struct node *)chosen) - tasks], best_due = 0;
	const struct node *best = NULL;
	bool best_may = false;

	for (unsigned i = 0; i < TASKS; i++) {
		const struct node *n = node_of(&tasks[i]);
		bool may = (wide)ahead(v_then[i], then->base) * then->total <= then->sum;

		if (!ready_now[i] || n == then->yielded || (in_line[i] && n != fresh))
			continue;
		if (!best || (may && !best_may) || (may == best_may && ahead(due_then[i], best_due) < 0)) {
			best = n;
			best_due = due_then[i];
			best_may = may;
		}
	}
	return best && (chosen == best || (due == best_due && best_may ==
	       ((wide)ahead(v_then[task_of((struct node *)chosen) - tasks], then->base) * then->total <= then->sum)));
}

static void pick(void)
{
	const struct node *fresh;
	bool in_line[TASKS] = { false };
	int64_t v_then[TASKS], due_then[TASKS];
	struct queue before = q;
	struct stint_task *t;

	for (unsigned i = 0; i < TASKS; i++)
		v_then[i] = node_of(&tasks[i])->v;
	for (unsigned i = 0; i < TASKS; i++)
		due_then[i] = node_of(&tasks[i])->due;
	for (const struct node *n = q.fresh.first; n; n = n->left)
		in_line[task_of((struct node *)n) - tasks] = true;
	fresh = first_fresh(in_line);
	t = pick_next(&q, now);
	if (!t) {
		CHECK(!before.root && !before.line.first && !before.fresh.first && !before.yielded);
		return;
	}
	if (before.root || before.line.first || before.fresh.first)
		CHECK(node_of(t) != before.yielded && is_best(node_of(t), &before, fresh, in_line, v_then, due_then));
	else
		CHECK(node_of(t) == before.yielded);
	ready_now[t - tasks] = false;
}

/* Who has just blocked waits for one that has not begun; or was picked, and put back before it could begin. */
static void join_someone(void)
{
	unsigned i = (unsigned)rng_below(&rng, TASKS);
	bool put_back = rng_below(&rng, 8) == 0;

	for (unsigned n = 0; n < TASKS; n++, i = (i + 1) % TASKS) {
		if (ready_now[i] && (put_back || !node_of(&tasks[i])->begun)) {
			yield_to(&q, &tasks[i], now);
			return;
		}
	}
}

static void stop(void)
{
	struct stint_task *t = task_of(q.running);
	unsigned i = (unsigned)(t - tasks);

	switch (rng_below(&rng, 5)) {
	case 0:
		block(&q, t, now);
		away_now[i] = true;
		join_someone();
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

static bool extreme;                    /* weights, and steps of time */

static unsigned some_weight(void)
{
	if (extreme && rng_below(&rng, 3))
		return rng_below(&rng, 2) ? STINT_WEIGHT_MIN : STINT_WEIGHT_MAX;
	return rng_below(&rng, 2) ? STINT_WEIGHT_NORMAL : 1 + (unsigned)rng_below(&rng, 4096);
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
		t->weight = some_weight();
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

/* It may stand still, or jump by years. */
static void let_time_pass(unsigned i)
{
	if (extreme && rng_below(&rng, 2))
		now += rng_below(&rng, 500) ? 0 : STINT_S(3600) * (stint_ns)rng_below(&rng, 20000);
	else
		now += (stint_ns)rng_below(&rng, i % 64 ? 300000 : 30000000);
}

static void random_operations(stint_ns quantum)
{
	memset(&q, 0, sizeof(q));
	memset(ready_now, 0, sizeof(ready_now));
	memset(away_now, 0, sizeof(away_now));
	now = 0;
	CHECK_INT(init(&q, quantum), ==, 0);
	for (unsigned i = 0; i < STEPS; i++) {
		let_time_pass(i);
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
}

/* Two tasks of normal weight in an empty queue; the first one runs. */
static void begin_with_two(void)
{
	memset(&q, 0, sizeof(q));
	memset(tasks, 0, 2 * sizeof(*tasks));
	now = 0;
	CHECK_INT(init(&q, STINT_MS(1)), ==, 0);
	tasks[0].weight = tasks[1].weight = STINT_WEIGHT_NORMAL;
	attach(&q, &tasks[0], now);
	attach(&q, &tasks[1], now);
	CHECK(pick_next(&q, now) == &tasks[0]);
}

/* the other one is picked, is owed something, and blocks at once */
static void other_sleeps_unserved(void)
{
	begin_with_two();
	now += STINT_US(100);
	preempt(&q, &tasks[0], now);
	CHECK(pick_next(&q, now) == &tasks[1]);
	block(&q, &tasks[1], now);
	CHECK(pick_next(&q, now) == &tasks[0]);
}

/* A task that ran alone for long has had its request and more: who is owed something need not wait for a new one. */
static void alone_for_long(void)
{
	other_sleeps_unserved();
	now += STINT_S(1);
	wakeup(&q, &tasks[1], now);
	CHECK(preempts(&q, &tasks[1], &tasks[0], now));
	CHECK_INT(slice(&q, &tasks[0], now), ==, 1);
	now++;
	CHECK_INT(tick(&q, &tasks[0], now), ==, 0);
	preempt(&q, &tasks[0], now);
	CHECK(pick_next(&q, now) == &tasks[1]);
	/* the same where only the tick was late */
	begin_with_two();
	preempt(&q, &tasks[0], now);
	CHECK(pick_next(&q, now) == &tasks[1]);
	block(&q, &tasks[1], now);
	CHECK(pick_next(&q, now) == &tasks[0]);
	now += STINT_MS(5);
	wakeup(&q, &tasks[1], now);
	CHECK(preempts(&q, &tasks[1], &tasks[0], now));
}

/* One that has run for long, and asks for whole quanta, is as quick as ever once it has waited: it displaces in mid-request. */
static void short_after_long(void)
{
	unsigned running = 0;

	begin_with_two();
	for (int turn = 0; turn < 20 || running != 1; turn++) {
		now += STINT_MS(1);
		preempt(&q, &tasks[running], now);
		running = pick_next(&q, now) == &tasks[1];
	}
	CHECK_INT(node_of(&tasks[1])->request, ==, STINT_MS(1));
	block(&q, &tasks[1], now);
	CHECK(pick_next(&q, now) == &tasks[0]);
	now += STINT_MS(10);            /* it owes nothing any more */
	preempt(&q, &tasks[0], now);
	CHECK(pick_next(&q, now) == &tasks[0]);
	now += STINT_US(300);
	wakeup(&q, &tasks[1], now);
	CHECK_INT(node_of(&tasks[1])->request, ==, STINT_MS(1) / 64);
	CHECK(preempts(&q, &tasks[1], &tasks[0], now));
}

/*
 * One that asks for long is owed something, and what is left of its request would be due before the little that another one wants when it
 * wakes up. That one comes first all the same, where the rest is no more than half a quantum; and the one that it has displaced asks anew.
 */
static void little_before_the_rest(stint_ns left, bool comes)
{
	struct node *n = node_of(&tasks[0]);

	begin_with_two();
	preempt(&q, &tasks[0], now);
	CHECK(pick_next(&q, now) == &tasks[1]);
	block(&q, &tasks[1], now);
	CHECK(pick_next(&q, now) == &tasks[0]);
	memset(&tasks[2], 0, sizeof(tasks[2]));
	tasks[2].weight = STINT_WEIGHT_NORMAL;
	attach(&q, &tasks[2], now);     /* V is between the two */
	n->request = STINT_MS(1);
	advance(&q, n, -virtual_span(STINT_MS(2), STINT_WEIGHT_NORMAL));
	n->due = plus(n->v, virtual_span(left, STINT_WEIGHT_NORMAL));
	wakeup(&q, &tasks[1], now);
	CHECK(ahead(due_if_it_runs(&q, node_of(&tasks[1])), n->due) > 0);
	CHECK_INT(preempts(&q, &tasks[1], &tasks[0], now), ==, comes);
	preempt(&q, &tasks[0], now);
	CHECK(ahead(n->due, n->v) == virtual_span(comes ? STINT_MS(1) : left, STINT_WEIGHT_NORMAL));
}

/* The process stood still for an hour. Who was running then runs again soon. */
/* One that wakes up and displaces another runs then, and not one that computes, which waits and is due a little earlier; @after: or not so little */
static void woken_before_hogs(stint_ns after, bool comes)
{
	begin_with_two();
	memset(&tasks[2], 0, sizeof(tasks[2]));
	tasks[2].weight = STINT_WEIGHT_NORMAL;
	attach(&q, &tasks[2], now);
	now += STINT_US(300);
	preempt(&q, &tasks[0], now);
	CHECK(pick_next(&q, now) == &tasks[1]);
	now += STINT_US(150);
	block(&q, &tasks[1], now);              /* it has had its share */
	CHECK(pick_next(&q, now) == &tasks[2]);
	now += STINT_US(780) + after;
	wakeup(&q, &tasks[1], now);
	CHECK(ahead(node_of(&tasks[0])->due, due_if_it_runs(&q, node_of(&tasks[1]))) < 0);
	CHECK(preempts(&q, &tasks[1], &tasks[2], now));
	preempt(&q, &tasks[2], now);
	CHECK(pick_next(&q, now) == &tasks[comes ? 1 : 0]);
}

static void stopped_for_long(void)
{
	stint_ns since;

	begin_with_two();
	now += STINT_S(3600);
	CHECK_INT(tick(&q, &tasks[0], now), ==, 0);
	since = now;
	do {
		preempt(&q, task_of(q.running), now);
		CHECK(pick_next(&q, now));
		now += STINT_MS(1);
	} while (task_of(q.running) == &tasks[1] && now - since < STINT_S(1));
	CHECK(task_of(q.running) == &tasks[0]);
	CHECK_INT(now - since, >, STINT_MS(8));
	CHECK_INT(now - since, <, STINT_MS(20));
}

/* how far behind V, in nanoseconds at the normal weight */
static int64_t behind(const struct stint_task *t)
{
	return ahead(average(&q), node_of(t)->v) >> (UNIT - 10);
}

/* The first one runs for 10 ms although the other waits, and blocks: both are away with what they owe or are owed. */
static void ten_too_many(void)
{
	begin_with_two();
	now += STINT_MS(10);
	block(&q, &tasks[0], now);
	CHECK(pick_next(&q, now) == &tasks[1]);
}

static void what_is_kept(void)
{
	/* V was at 5 ms, one request further is kept, and paid when the other has come there */
	ten_too_many();
	now += STINT_MS(4);
	wakeup(&q, &tasks[0], now);
	CHECK(!eligible(&q, node_of(&tasks[0])->v));
	ten_too_many();
	now += STINT_MS(7);
	wakeup(&q, &tasks[0], now);
	CHECK_INT(behind(&tasks[0]), ==, 0);
	/* or when nobody was there any more */
	ten_too_many();
	block(&q, &tasks[1], now);
	wakeup(&q, &tasks[1], now);
	wakeup(&q, &tasks[0], now);
	CHECK_INT(behind(&tasks[0]), ==, 0);
	/* what is owed is kept up to one request, and not when it is in another weight */
	for (int changed = 0; changed < 2; changed++) {
		begin_with_two();
		now += STINT_MS(10);
		preempt(&q, &tasks[0], now);
		CHECK(pick_next(&q, now) == &tasks[1]);
		CHECK_INT(behind(&tasks[1]), ==, STINT_MS(5));
		block(&q, &tasks[1], now);
		CHECK(pick_next(&q, now) == &tasks[0]);
		tasks[1].weight <<= changed;
		wakeup(&q, &tasks[1], now);
		CHECK_INT(behind(&tasks[1]), >=, changed ? 0 : STINT_US(124));
		CHECK_INT(behind(&tasks[1]), <=, changed ? 0 : STINT_US(125));
	}
}

/* Who yields a thousand times has not saved up a thousand turns. */
static void yields_are_not_saved(void)
{
	stint_ns ran = 0, turn_ns;

	begin_with_two();
	for (unsigned i = 0; i < 1000; i++) {
		now += STINT_US(10);
		yield(&q, &tasks[0], now);
		CHECK(pick_next(&q, now) == &tasks[1]);
		turn_ns = slice(&q, &tasks[1], now);
		do {
			now += turn_ns;
			turn_ns = tick(&q, &tasks[1], now);
		} while (turn_ns);
		preempt(&q, &tasks[1], now);
		CHECK(pick_next(&q, now) == &tasks[0]);
	}
	do {
		turn_ns = slice(&q, &tasks[0], now);
		CHECK_INT(turn_ns, <=, STINT_MS(1));
		now += turn_ns;
		ran += turn_ns;
		if (tick(&q, &tasks[0], now))
			continue;
		preempt(&q, &tasks[0], now);
		if (pick_next(&q, now) == &tasks[1])
			break;
	} while (ran < STINT_S(1));
	CHECK_INT(ran, <=, STINT_MS(4));
}

/*
 * A hog beside threads that run for @span each, one after the other: each makes the next; or with @maker one of that weight makes one and
 * waits for its end. How much of 1000 parts of two seconds the hog gets.
 */
static int64_t hog_gets(unsigned hog, unsigned maker, unsigned weight, stint_ns span, stint_ns quantum)
{
	stint_ns ran = 0, turn_ns;
	unsigned next = 2;
	struct stint_task *t;

	memset(&q, 0, sizeof(q));
	memset(tasks, 0, sizeof(tasks));
	now = 0;
	CHECK_INT(init(&q, quantum), ==, 0);
	tasks[0].weight = hog;
	tasks[1].weight = maker ? maker : weight;
	attach(&q, &tasks[0], now);
	attach(&q, &tasks[1], now);
	while (now < STINT_S(2)) {
		t = pick_next(&q, now);
		CHECK(t);
		if (t == &tasks[0]) {
			for (turn_ns = slice(&q, t, now); turn_ns; turn_ns = tick(&q, t, now)) {
				now += turn_ns;
				ran += turn_ns;
			}
			preempt(&q, t, now);
			continue;
		}
		now += t == &tasks[1] && maker ? 100 : span;
		charge(&q, now);
		if (t == &tasks[1] || !maker) {
			next = 5 - next;
			memset(&tasks[next], 0, sizeof(tasks[next]));
			tasks[next].weight = weight;
			attach(&q, &tasks[next], now);
		}
		if (t == &tasks[1] && maker) {
			block(&q, t, now);
			yield_to(&q, &tasks[next], now);
			continue;
		}
		done(&q, t, now);
		if (maker)
			wakeup(&q, &tasks[1], now);
	}
	return ran * 1000 / now;
}

static void check_gets(int64_t parts, int64_t from, int64_t to)
{
	CHECK_INT(parts, >=, from);
	CHECK_INT(parts, <=, to);
}

/* What one that ends was owed, or has had beyond its share, is not lost: others get theirs, and those that come after it theirs. */
static void shares_beside_short_ones(void)
{
	static const stint_ns spans[] = { STINT_US(1), STINT_US(20), STINT_US(350) };

	for (unsigned i = 0; i < 3; i++) {
		check_gets(hog_gets(1024, 0, 128, spans[i], STINT_MS(1)), 870, 910);
		check_gets(hog_gets(1024, 0, 1024, spans[i], STINT_MS(1)), 480, 520);
		check_gets(hog_gets(128, 0, 1024, spans[i], STINT_MS(4)), 95, 125);
		if (!i)
			continue;               /* of those the maker needs a part that counts */
		check_gets(hog_gets(128, 1048576, 128, spans[i], STINT_MS(4)), 480, 520);
		check_gets(hog_gets(1024, 1024, 1024, spans[i], STINT_MS(1)), 480, 520);
		check_gets(hog_gets(1024, 128, 128, spans[i], STINT_MS(1)), 870, 910);
	}
}

#define CHILDREN 5
static void make(unsigned i)
{
	memset(&tasks[i], 0, sizeof(tasks[i]));
	tasks[i].weight = STINT_WEIGHT_NORMAL;
	attach(&q, &tasks[i], now);
}

static unsigned in_tree = TASKS;

/* The running one, number @i of a tree, makes its children, and waits for the eldest first; @stack: those that are to come, last in first out */
static unsigned grow(unsigned i, unsigned stack[], unsigned depth)
{
	unsigned first = CHILDREN * i + 1;

	for (unsigned c = first; c < first + CHILDREN && c < in_tree; c++) {
		make(c);
		stack[depth++] = c;
	}
	now += STINT_US(1);
	if (first < in_tree) {
		block(&q, &tasks[i], now);
		yield_to(&q, &tasks[first], now);
		yield_to(&q, &tasks[first], now);       /* for one that has tried before */
	} else {
		done(&q, &tasks[i], now);
	}
	return depth;
}

/* Those beyond in_tree do not belong to it, and are elder than its parts. */
static void begin_tree(unsigned stack[], unsigned *depth)
{
	memset(&q, 0, sizeof(q));
	now = STINT_S(1);
	CHECK_INT(init(&q, STINT_MS(1)), ==, 0);
	make(0);
	CHECK(pick_next(&q, now) == &tasks[0]);
	for (unsigned i = in_tree; i < TASKS; i++)
		make(i);
	*depth = grow(0, stack, 0);
}

/* what was made last is done first, with all that it makes */
static void depth_first(void)
{
	unsigned stack[TASKS], depth, seen = 1;

	begin_tree(stack, &depth);
	for (; depth; seen++) {
		unsigned i = stack[--depth];

		CHECK(pick_next(&q, now) == &tasks[i]);
		depth = grow(i, stack, depth);
	}
	CHECK_INT(seen, ==, TASKS);
	CHECK_INT(q.awaited, ==, 0);
	CHECK(!pick_next(&q, now));
}

/* the running one ends after @span; the next is number @i */
static void then_comes(stint_ns span, unsigned i)
{
	now += span;
	done(&q, task_of(q.running), now);
	CHECK(pick_next(&q, now) == &tasks[i]);
}

/*
 * Only while somebody waits for one of them. And in vain others may come for ever, and end: after a quantum, for another, the eldest come,
 * until one of them has parts itself.
 */
static void eldest_first(void)
{
	unsigned stack[TASKS], depth;

	begin_tree(stack, &depth);
	CHECK_INT(depth, ==, CHILDREN);
	CHECK(pick_next(&q, now) == &tasks[stack[4]]);
	then_comes(STINT_MS(1), stack[0]);      /* the one that was awaited */
	for (unsigned i = 1; i < 4; i++)
		then_comes(STINT_US(1), stack[i]);
	done(&q, &tasks[stack[3]], now);
	CHECK(!pick_next(&q, now));

	begin_tree(stack, &depth);
	CHECK(pick_next(&q, now) == &tasks[stack[4]]);
	CHECK_INT(grow(stack[4], stack, 4), ==, 9);
	CHECK(pick_next(&q, now) == &tasks[stack[8]]);
	then_comes(STINT_MS(1), stack[0]);
	then_comes(STINT_US(500), stack[1]);
	then_comes(STINT_US(500), stack[2]);
	then_comes(STINT_US(999), stack[7]);
	then_comes(STINT_US(1), stack[3]);
	CHECK_INT(grow(stack[3], stack, 7), ==, 12);
	CHECK(pick_next(&q, now) == &tasks[stack[11]]);
	then_comes(STINT_US(1), stack[10]);
	CHECK(balance(&q, now) == &tasks[stack[4]]);    /* an idle worker gets the eldest */
	then_comes(STINT_US(1), stack[9]);
}

/* the next one is number @i, and ends at once */
static void comes_and_ends(unsigned i)
{
	pick();
	CHECK(q.running == node_of(&tasks[i]));
	done(&q, &tasks[i], now);
	check_tree();
}

/*
 * V steps back because one blocks that has had half a quantum too much. New ones that come then stand in line all the same, behind those that
 * were there, and run before them. @awaited: somebody waits for the last one, so that comes first.
 */
static void after_a_step_back(bool awaited)
{
	memset(ready_now, 0, sizeof(ready_now));
	begin_with_two();
	ready_now[1] = true;
	now += STINT_MS(1);
	for (unsigned i = 2; i < 4; i++, ready_now[i - 1] = true)
		make(i);
	block(&q, &tasks[0], now);
	pick();
	CHECK(q.running == node_of(&tasks[1]));
	for (unsigned i = 4; i < 7; i++, ready_now[i - 1] = true)
		make(i);
	CHECK(q.fresh.first == node_of(&tasks[2]) && q.fresh.last == node_of(&tasks[6]));
	if (awaited)
		yield_to(&q, &tasks[6], now);
	done(&q, &tasks[1], now);
	if (awaited)
		comes_and_ends(6);
	comes_and_ends(4);
	comes_and_ends(5);
	if (!awaited)
		comes_and_ends(6);
	comes_and_ends(2);
	comes_and_ends(3);
	CHECK(!pick_next(&q, now));
}

/* Others that are new and short are done long before a tree of tasks is, which takes 15 quanta here. */
static void strangers_come_too(void)
{
	unsigned stack[TASKS], depth, strangers = 50, seen = 1;
	struct stint_task *t;

	in_tree = TASKS - strangers;
	begin_tree(stack, &depth);
	while (seen < in_tree / 3) {
		t = pick_next(&q, now);
		CHECK(t);
		now += STINT_US(t < &tasks[in_tree] ? 99 : 10);
		if (t < &tasks[in_tree]) {
			grow((unsigned)(t - tasks), stack, 0);
			seen++;
		} else {
			done(&q, t, now);
			strangers--;
		}
	}
	CHECK_INT(strangers, ==, 0);
	in_tree = TASKS;
}

/* Where new ones wait who owes little comes before them, and is charged when it runs; elsewhere it waits. */
static void small_debts(void)
{
	for (int fresh = 0; fresh < 2; fresh++) {
		begin_with_two();
		now += STINT_US(1);
		block(&q, &tasks[0], now);
		CHECK(pick_next(&q, now) == &tasks[1]);
		if (fresh) {
			memset(&tasks[2], 0, sizeof(tasks[2]));
			tasks[2].weight = STINT_WEIGHT_NORMAL;
			attach(&q, &tasks[2], now);
		}
		wakeup(&q, &tasks[0], now);
		preempt(&q, &tasks[1], now);
		CHECK(pick_next(&q, now) == &tasks[fresh ? 0 : 1]);
		CHECK_INT(node_of(&tasks[0])->v, ==, STINT_US(1) << (UNIT - 10));
		CHECK_INT(node_of(&tasks[0])->loan, ==, 0);
	}
}

/* The picked one runs until it has done @left, or its turn is over; true: it has done it. */
static bool runs(struct stint_task *t, stint_ns *left)
{
	stint_ns turn_ns = q.total == STINT_WEIGHT_NORMAL ? *left : slice(&q, t, now), step;

	for (; turn_ns; turn_ns = tick(&q, t, now)) {
		step = *left < turn_ns ? *left : turn_ns;
		now += step;
		*left -= step;
		if (!*left)
			return true;
	}
	preempt(&q, t, now);
	return false;
}

/*
 * One that has others do its work, each for @span, and waits for each: the time is not its own, and they are gone when it is
 * counted. Beside it is a hog. What the hog gets of all.
 */
static double beside_short_lived(stint_ns span)
{
	struct stint_task *hog = &tasks[0], *parent = &tasks[1], *child = &tasks[2], *t;
	stint_ns child_left = 0, hog_left, hog_ns = 0, begin;

	begin_with_two();
	preempt(&q, hog, now);
	for (begin = now; now < begin + STINT_S(2);) {
		t = pick_next(&q, now);
		CHECK(t);
		if (t == hog) {
			hog_left = STINT_S(10);
			CHECK(!runs(hog, &hog_left));
			hog_ns += STINT_S(10) - hog_left;
		} else if (t == parent) {
			memset(child, 0, sizeof(*child));
			child->weight = STINT_WEIGHT_NORMAL;
			attach(&q, child, now);         /* as of when its turn began */
			child_left = span;
			now += 200;
			block(&q, parent, now);
			yield_to(&q, child, now);
		} else if (t == child && runs(child, &child_left)) {
			done(&q, child, now);
			wakeup(&q, parent, now);
		}
	}
	return (double)hog_ns / (double)(now - begin);
}

/* Two want to run at any time, so each should have half; those that begin anew have less, for what they are owed is forgotten. */
static void nothing_is_had_by_ending(void)
{
	for (stint_ns span = STINT_US(1); span <= STINT_MS(20); span *= 3) {
		double share = beside_short_lived(span);

		if (share < 0.45)
			test_fail(__FILE__, __LINE__, "a hog has %.2f beside threads of %lld ns", share, (long long)span);
	}
}

/*
 * A hog, a maker, which waits for each of its short ones, and two that talk to each other, of which one wants to run at any time. Those that
 * end are owed something each time, so all who are there are ahead of V; but the talkers, whose debts are forgiven as often as they
 * go away, must not have the CPU for that.
 */
static void talkers_leave_the_others_theirs(stint_ns word)
{
	struct stint_task *hog = &tasks[0], *maker = &tasks[1], *child = &tasks[2], *talkers[2] = { &tasks[3], &tasks[4] }, *t;
	stint_ns hog_ns = 0, maker_ns = 0, left, began;
	bool both = true;               /* are ready, at first */

	memset(&q, 0, sizeof(q));
	memset(tasks, 0, sizeof(tasks));
	now = 0;
	CHECK_INT(init(&q, STINT_MS(1)), ==, 0);
	for (int i = 0; i < 5; i++) {
		tasks[i].weight = STINT_WEIGHT_NORMAL;
		if (&tasks[i] != child)
			attach(&q, &tasks[i], now);
	}
	while (now < STINT_S(2)) {
		t = pick_next(&q, now);
		CHECK(t);
		began = now;
		if (t == hog) {
			left = STINT_S(10);
			CHECK(!runs(hog, &left));
			hog_ns += now - began;
		} else if (t == maker) {
			memset(child, 0, sizeof(*child));
			child->weight = STINT_WEIGHT_NORMAL;
			attach(&q, child, now);
			now += 100;
			block(&q, maker, now);
			yield_to(&q, child, now);
			maker_ns += now - began;
		} else if (t == child) {
			now += 100;
			done(&q, child, now);
			wakeup(&q, maker, now);
			maker_ns += now - began;
		} else {
			if (!both)
				wakeup(&q, talkers[t == talkers[0]], now);
			both = false;
			now += word;
			block(&q, t, now);
		}
	}
	check_gets(hog_ns * 1000 / now, 250, 1000);
	check_gets(maker_ns * 1000 / now, 30, 1000);     /* it is not there for long enough to be owed much */
}

int main(void)
{
	test_watchdog();
	rng_seed(&rng, test_seed());
	random_operations(STINT_MS(1));
	extreme = true;
	random_operations(1);
	random_operations(STINT_MS(1));
	random_operations(STINT_S(60));
	alone_for_long();
	short_after_long();
	little_before_the_rest(STINT_US(400), true);
	little_before_the_rest(STINT_US(600), false);
	woken_before_hogs(0, true);
	woken_before_hogs(STINT_MS(3), false);
	stopped_for_long();
	what_is_kept();
	yields_are_not_saved();
	shares_beside_short_ones();
	depth_first();
	eldest_first();
	after_a_step_back(false);
	after_a_step_back(true);
	strangers_come_too();
	small_debts();
	nothing_is_had_by_ending();
	talkers_leave_the_others_theirs(60);
	talkers_leave_the_others_theirs(STINT_US(5));
	return 0;
}
