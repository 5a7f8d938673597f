/*
 * edf.c - the earliest deadline first
 *
 * Each wake-up of a task with a deadline is a job that should be done that long after. Of the jobs that are
 * ready the one with the earliest absolute deadline runs, and displaces one with a later deadline at once. On
 * one worker this meets all deadlines whenever any order does: for periodic jobs due before the next, whenever
 * they need at most all of the CPU (Liu and Layland, 1973). When they need more, it does not say who is late. A
 * job that is late keeps its deadline and with it its place in front. Tasks without a deadline run, round
 * robin, when no job is ready.
 *
 * Equal deadlines run in the order in which they became ready; one that yields goes behind its equals. A job that is
 * displaced keeps its place.
 *
 * The jobs are a pairing heap (Fredman, Sedgewick, Sleator, Tarjan, 1986): putting in takes a few instructions,
 * taking out the first O(log n) on average over many, and nothing else is asked of it. The key is the deadline,
 * then a running number. While a job is on its way to another queue its deadline is kept relative, since clocks
 * may differ.
 */
#include <stint/sched.h>

enum place { UNKNOWN, ABSOLUTE, RELATIVE };

struct job {
	struct job *child, *sibling;    /* in the heap; sibling also links those without a deadline */
	stint_ns due;                   /* STINT_FOREVER: no deadline */
	uint64_t turn;
	uint64_t how;                   /* enum place: what due is; UNKNOWN when it comes from another policy */
} __attribute__((may_alias));

struct queue {
	struct job *heap;
	struct job *first, *last;       /* those without a deadline; last is valid while first is not NULL */
	uint64_t turns;
	stint_ns quantum;
};

static struct job *job_of(const struct stint_task *t)
{
	return (struct job *)(uintptr_t)t->priv;
}

static struct stint_task *task_of(struct job *j)
{
	return (struct stint_task *)((char *)j - offsetof(struct stint_task, priv));
}

static stint_ns later(stint_ns now, stint_ns span)
{
	stint_ns sum;

	if (__builtin_add_overflow(now, span, &sum))
		return span < 0 ? INT64_MIN : STINT_FOREVER - 1;
	return sum == STINT_FOREVER ? STINT_FOREVER - 1 : sum;
}

static bool before(const struct job *a, const struct job *b)
{
	return a->due != b->due ? a->due < b->due : a->turn < b->turn;
}

/* two heaps made one; neither has a sibling */
static struct job *meld(struct job *a, struct job *b)
{
	struct job *first = before(a, b) ? a : b, *second = first == a ? b : a;

	second->sibling = first->child;
	first->child = second;
	return first;
}

/* The heap without its root: pairs melded from left to right, then all of them from right to left. */
static struct job *without_root(struct job *root)
{
	struct job *a = root->child, *b, *rest, *pairs = NULL, *heap;

	for (; a; a = rest) {
		b = a->sibling;
		rest = b ? b->sibling : NULL;
		a->sibling = NULL;
		if (b) {
			b->sibling = NULL;
			a = meld(a, b);
		}
		a->sibling = pairs;
		pairs = a;
	}
	heap = pairs;
	if (!heap)
		return NULL;
	pairs = heap->sibling;
	heap->sibling = NULL;
	for (; pairs; pairs = rest) {
		rest = pairs->sibling;
		pairs->sibling = NULL;
		heap = meld(heap, pairs);
	}
	return heap;
}

static int init(void *rq, stint_ns quantum)
{
	((struct queue *)rq)->quantum = quantum;
	return 0;
}

static void put(struct queue *q, struct job *j)
{
	j->child = NULL;
	j->sibling = NULL;
	if (j->due != STINT_FOREVER) {
		q->heap = q->heap ? meld(q->heap, j) : j;
		return;
	}
	if (q->first)
		q->last->sibling = j;
	else
		q->first = j;
	q->last = j;
}

/* a new job */
static void wakeup(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct job *j = job_of(t);

	j->due = t->deadline > 0 ? later(now, t->deadline) : STINT_FOREVER;
	j->how = ABSOLUTE;
	j->turn = q->turns++;
	put(q, j);
}

static void attach(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct job *j = job_of(t);

	if (j->how != RELATIVE) {
		wakeup(rq, t, now);
		return;
	}
	if (j->due != STINT_FOREVER)
		j->due = later(now, j->due);
	j->how = ABSOLUTE;
	j->turn = q->turns++;
	put(q, j);
}

static struct stint_task *pick_next(void *rq, stint_ns now)
{
	struct queue *q = rq;
	struct job *j = q->heap;

	(void)now;
	if (j) {
		q->heap = without_root(j);
		return task_of(j);
	}
	j = q->first;
	if (!j)
		return NULL;
	q->first = j->sibling;
	return task_of(j);
}

/* The most urgent one goes: it would be the next here, and can run there at once. */
static struct stint_task *balance(void *rq, stint_ns now)
{
	struct stint_task *t = pick_next(rq, now);
	struct job *j;

	if (!t)
		return NULL;
	j = job_of(t);
	j->how = RELATIVE;
	if (j->due != STINT_FOREVER)
		j->due = later(j->due, -now);
	return t;
}

/* A job's turn has no end; those without a deadline take turns when there are only such. */
static stint_ns slice(void *rq, struct stint_task *t, stint_ns now)
{
	const struct queue *q = rq;

	(void)now;
	return job_of(t)->due == STINT_FOREVER && q->first ? q->quantum : STINT_FOREVER;
}

static stint_ns tick(void *rq, struct stint_task *t, stint_ns now)
{
	const struct queue *q = rq;

	(void)now;
	return job_of(t)->due == STINT_FOREVER && q->first ? 0 : STINT_FOREVER;
}

static void preempt(void *rq, struct stint_task *t, stint_ns now)
{
	(void)now;
	put(rq, job_of(t));
}

static void yield(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;

	(void)now;
	job_of(t)->turn = q->turns++;
	put(q, job_of(t));
}

static bool preempts(void *rq, const struct stint_task *woken, const struct stint_task *running, stint_ns now)
{
	(void)rq;
	(void)now;
	return job_of(woken)->due < job_of(running)->due;
}

const struct stint_policy stint_policy_edf = {
	.size = sizeof(struct stint_policy),
	.name = "edf",
	.flags = STINT_POLICY_TIMED | STINT_POLICY_EAGER | STINT_POLICY_DEADLINE,
	.rq_size = sizeof(struct queue),
	.init = init,
	.spawn = wakeup,
	.wakeup = wakeup,
	.attach = attach,
	.pick_next = pick_next,
	.slice = slice,
	.tick = tick,
	.preempt = preempt,
	.yield = yield,
	.preempts = preempts,
	.balance = balance,
};
