/*
 * fifo.c - first in, first out: who became ready first runs, until it blocks, yields or ends
 *
 * The cheapest policy, and the one that adds no preemption of its own: there is no slice and no tick. Right for tasks
 * that trust one another.
 */
#include <stint/sched.h>

struct link {
	struct stint_task *next;
} __attribute__((may_alias));

struct queue {
	struct stint_task *first, *last;        /* last is valid while first is not NULL */
};

static struct link *link_of(struct stint_task *t)
{
	return (struct link *)t->priv;
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

const struct stint_policy stint_policy_fifo = {
	.size = sizeof(struct stint_policy),
	.name = "fifo",
	.rq_size = sizeof(struct queue),
	.spawn = put,
	.wakeup = put,
	.attach = put,
	.pick_next = take,
	.preempt = put,
	.yield = put,
	.balance = take,
};
