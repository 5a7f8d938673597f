/*
 * rr.c - round robin: all take turns of one quantum, in the order in which they became ready
 *
 * A turn that ends early by a block or a yield gives nothing back: the next one is a whole quantum again. So
 * the time is not needed.
 */
#include <stint/sched.h>

struct link {
	struct stint_task *next;
} __attribute__((may_alias));

struct queue {
	struct stint_task *first, *last;        /* last is valid while first is not NULL */
	stint_ns quantum;
};

static struct link *link_of(struct stint_task *t)
{
	return (struct link *)t->priv;
}

static int init(void *rq, stint_ns quantum)
{
	struct queue *q = rq;

	q->quantum = quantum;
	return 0;
}

static void put(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;

	(void)now;
	link_of(t)->next = NULL;
	if (q->first)
		link_of(q->last)->next = t;
	else
		q->first = t;
	q->last = t;
}

/* also for an idle worker: who has waited longest goes */
static struct stint_task *take(void *rq, stint_ns now)
{
	struct queue *q = rq;
	struct stint_task *t = q->first;

	(void)now;
	if (t)
		q->first = link_of(t)->next;
	return t;
}

static stint_ns slice(void *rq, struct stint_task *t, stint_ns now)
{
	(void)t;
	(void)now;
	return ((struct queue *)rq)->quantum;
}

static stint_ns tick(void *rq, struct stint_task *t, stint_ns now)
{
	(void)rq;
	(void)t;
	(void)now;
	return 0;
}

const struct stint_policy stint_policy_rr = {
	.size = sizeof(struct stint_policy),
	.name = "rr",
	.flags = STINT_POLICY_EVEN,
	.rq_size = sizeof(struct queue),
	.init = init,
	.spawn = put,
	.wakeup = put,
	.attach = put,
	.pick_next = take,
	.slice = slice,
	.tick = tick,
	.preempt = put,
	.yield = put,
	.balance = take,
};
