/*
 * lifo.c - last in, first out: who became ready last runs first; for programs that divide their work and wait for the parts
 *
 * The order is depth first: a part that was just made is done before its elder siblings, so few are begun at once, and what they use
 * is still in the caches. First in first out is breadth first, and has all leaves of a tree waiting at once, each with
 * its stack. An idle worker takes from the other end, where the large parts are.
 *
 * Ready tasks are in two lists. New ones and those that wake up come on top of the stack. Who gives way, by a yield or because its
 * turn is over, goes to the end of the line, which is served when the stack is empty: so it lets all others go first.
 *
 * Nobody starves, although others may come on top for ever. Once in PATIENCE turns it is the line's turn, and every BOTTOM-th time
 * that of the stack's bottom. Nobody comes in before these, so the n-th of the line runs within PATIENCE * 2 * n turns, and the
 * n-th from the bottom within PATIENCE * BOTTOM * n. That is no long time, for turns are short where threads wait for each
 * other; where they are not, one that was used up counts as WORN. The bottom comes seldom because each time a large part is begun
 * before those that are under way are done: with PATIENCE alone a tree of 111 110 threads took 8 % more time, and three times
 * the memory.
 *
 * An idle worker gets the stack's bottom, few at a time (STINT_POLICY_FEW): at the end of a tree half of the stack is many small
 * parts, each of which costs the thief more than it does. That made up to 13 % where the CPUs share no cache, and 5 where they do.
 *
 * Rejected: a number for each entry, to find who has waited longest in both lists (costs a little at each entry, and gains
 * nothing); the line before the stack for idle workers (who yields until something happens would keep one busy); a thief
 * that runs the eldest first (the same speed, so the order stays as it was); one that waits until the bottom is a few
 * microseconds old (no gain).
 */
#include <stint/sched.h>

#define PATIENCE 1024
#define BOTTOM   16
#define WORN     (PATIENCE / 4)

enum place { ELSEWHERE, STACK, LINE };  /* ELSEWHERE: with another policy */

struct link {
	struct stint_task *next;        /* the one above, valid unless it is the top; or behind it in the line */
	struct stint_task *below;       /* on the stack; valid unless it is the bottom */
	enum place place;               /* also while it is away: attach() puts it back there */
} __attribute__((may_alias));

struct queue {
	struct stint_task *top, *bottom;        /* both NULL, or neither */
	struct stint_task *first, *last;        /* last is valid while first is not NULL */
	unsigned turns;                         /* since somebody was picked out of order */
	unsigned times;                         /* that this was so, or could have been */
	stint_ns quantum;
};

static struct link *link_of(struct stint_task *t)
{
	return (struct link *)t->priv;
}

static int init(void *rq, stint_ns quantum)
{
	((struct queue *)rq)->quantum = quantum;
	return 0;
}

static void push(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct link *link = link_of(t);

	(void)now;
	link->below = q->top;
	link->place = STACK;
	if (q->top)
		link_of(q->top)->next = t;
	else
		q->bottom = t;
	q->top = t;
}

static void stand_in_line(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct link *link = link_of(t);

	(void)now;
	link->next = NULL;
	link->place = LINE;
	if (q->first)
		link_of(q->last)->next = t;
	else
		q->first = t;
	q->last = t;
}

static void preempt(void *rq, struct stint_task *t, stint_ns now)
{
	((struct queue *)rq)->turns += WORN;
	stand_in_line(rq, t, now);
}

/* A thief's come in the order of balance(), so what was at the bottom is there again. */
static void attach(void *rq, struct stint_task *t, stint_ns now)
{
	if (link_of(t)->place == STACK)
		push(rq, t, now);
	else
		stand_in_line(rq, t, now);
}

static struct stint_task *take_top(struct queue *q)
{
	struct stint_task *t = q->top;

	if (t == q->bottom)
		q->top = q->bottom = NULL;
	else
		q->top = link_of(t)->below;
	return t;
}

static struct stint_task *take_bottom(struct queue *q)
{
	struct stint_task *t = q->bottom;

	if (t == q->top)
		q->top = q->bottom = NULL;
	else
		q->bottom = link_of(t)->next;
	return t;
}

static struct stint_task *take_first(struct queue *q)
{
	struct stint_task *t = q->first;

	q->first = link_of(t)->next;
	return t;
}

static struct stint_task *take_in_order(struct queue *q)
{
	if (q->top)
		return take_top(q);
	return q->first ? take_first(q) : NULL;
}

static struct stint_task *take_out_of_order(struct queue *q)
{
	q->turns = 0;
	if (++q->times % BOTTOM == 0)
		return q->bottom ? take_bottom(q) : take_in_order(q);
	return q->first ? take_first(q) : take_in_order(q);
}

static struct stint_task *pick_next(void *rq, stint_ns now)
{
	struct queue *q = rq;

	(void)now;
	return ++q->turns < PATIENCE ? take_in_order(q) : take_out_of_order(q);
}

static struct stint_task *balance(void *rq, stint_ns now)
{
	struct queue *q = rq;

	(void)now;
	return q->bottom ? take_bottom(q) : take_in_order(q);
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

const struct stint_policy stint_policy_lifo = {
	.size = sizeof(struct stint_policy),
	.name = "lifo",
	.flags = STINT_POLICY_FEW,
	.rq_size = sizeof(struct queue),
	.init = init,
	.spawn = push,
	.wakeup = push,
	.attach = attach,
	.pick_next = pick_next,
	.slice = slice,
	.tick = tick,
	.preempt = preempt,
	.yield = stand_in_line,
	.balance = balance,
};
