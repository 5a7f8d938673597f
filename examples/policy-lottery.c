/*
 * policy-lottery.c - a scheduling policy from outside: turns are drawn by lot, the weight is the number of tickets
 *
 * After Waldspurger and Weihl, "Lottery Scheduling", 1994. It is compiled against one header and linked with nothing:
 *
 *      cc -shared -fPIC -I PREFIX/include -o policy-lottery.so policy-lottery.c
 *      stint sim --policy ./policy-lottery.so --workload mixed
 *      STINT_POLICY=./policy-lottery.so ./program
 *
 * Nothing is kept over a sleep, nothing is owed: in the long run, and only there, shares are as the weights. A
 * draw walks the list of ready tasks; winners are put back at its front, where the heavy ones gather, so the
 * walk is short.
 */
#include <stint/sched.h>

struct ready {
	struct stint_task *next;
	uint64_t tickets;               /* the weight may change while it runs; this is what was counted */
} __attribute__((may_alias));

struct pot {
	struct stint_task *first;
	uint64_t tickets;               /* of all in the list */
	uint64_t chance;                /* state of the random numbers */
	stint_ns quantum;
};

static struct ready *ready_of(struct stint_task *t)
{
	return (struct ready *)t->priv;
}

/* xorshift (Marsaglia, 2003): good enough for lots */
static uint64_t draw(struct pot *pot, uint64_t below)
{
	pot->chance ^= pot->chance << 13;
	pot->chance ^= pot->chance >> 7;
	pot->chance ^= pot->chance << 17;
	return (pot->chance >> 11) % below;
}

static int init(void *rq, stint_ns quantum)
{
	struct pot *pot = rq;

	pot->quantum = quantum;
	pot->chance = UINT64_C(88172645463325252);      /* the same each time, so that runs can be repeated */
	return 0;
}

/* any task that is ready now: new, woken, stopped, yielding, from elsewhere */
static void add(void *rq, struct stint_task *t, stint_ns now)
{
	struct pot *pot = rq;

	(void)now;
	ready_of(t)->tickets = t->weight;
	ready_of(t)->next = pot->first;
	pot->first = t;
	pot->tickets += t->weight;
}

static struct stint_task *winner(void *rq, stint_ns now)
{
	struct pot *pot = rq;
	struct stint_task *t = pot->first, *before = NULL;
	uint64_t lot;

	(void)now;
	if (!t)
		return NULL;
	lot = draw(pot, pot->tickets);
	while (lot >= ready_of(t)->tickets) {
		lot -= ready_of(t)->tickets;
		before = t;
		t = ready_of(t)->next;
	}
	if (before)
		ready_of(before)->next = ready_of(t)->next;
	else
		pot->first = ready_of(t)->next;
	pot->tickets -= ready_of(t)->tickets;
	return t;
}

static stint_ns slice(void *rq, struct stint_task *t, stint_ns now)
{
	(void)t;
	(void)now;
	return ((struct pot *)rq)->quantum;
}

static stint_ns tick(void *rq, struct stint_task *t, stint_ns now)
{
	(void)rq;
	(void)t;
	(void)now;
	return 0;                       /* its turn is over */
}

const struct stint_policy stint_policy = {
	.size = sizeof(struct stint_policy),
	.name = "lottery",
	.rq_size = sizeof(struct pot),
	.init = init,
	.spawn = add,
	.wakeup = add,
	.attach = add,
	.pick_next = winner,
	.slice = slice,
	.tick = tick,
	.preempt = add,
	.yield = add,
	.balance = winner,
};
