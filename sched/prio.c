/*
 * prio.c - strict priority; round robin among equals
 *
 * A task runs only when none of a higher priority is ready, and one of a higher priority that becomes ready
 * displaces it at once. Nothing guards the lower ones against starving.
 *
 * One list for each priority, a bit for each list that is not empty: all operations take the same few
 * instructions however many tasks there are. A task that is displaced goes behind its equals, not before them:
 * without a clock it is not known what is left of its turn, and with a fresh one each time it could keep its
 * equals out for ever.
 */
#include <stint/sched.h>

#define LEVELS (STINT_PRIORITY_MAX - STINT_PRIORITY_MIN + 1)
#define WORDS  ((LEVELS + 63) / 64)

struct link {
	struct stint_task *next;
} __attribute__((may_alias));

struct queue {
	uint64_t ready[WORDS];                  /* bit l of word w: list 64 * w + l has someone */
	stint_ns quantum;
	struct stint_task *last[LEVELS];        /* circular: last's next is the first; valid while the bit is set */
};

static struct link *link_of(struct stint_task *t)
{
	return (struct link *)t->priv;
}

static unsigned level_of(const struct stint_task *t)
{
	if (t->priority > STINT_PRIORITY_MAX)
		return LEVELS - 1;
	return t->priority < STINT_PRIORITY_MIN ? 0 : (unsigned)(t->priority - STINT_PRIORITY_MIN);
}

/* the highest list that is not empty, or -1 */
static int highest(const struct queue *q)
{
	for (int w = WORDS - 1; w >= 0; w--)
		if (q->ready[w])
			return 64 * w + 63 - __builtin_clzll(q->ready[w]);
	return -1;
}

static int init(void *rq, stint_ns quantum)
{
	((struct queue *)rq)->quantum = quantum;
	return 0;
}

static void put(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	unsigned level = level_of(t);
	uint64_t bit = UINT64_C(1) << level % 64;

	(void)now;
	if (q->ready[level / 64] & bit) {
		link_of(t)->next = link_of(q->last[level])->next;
		link_of(q->last[level])->next = t;
	} else {
		link_of(t)->next = t;
		q->ready[level / 64] |= bit;
	}
	q->last[level] = t;
}

static struct stint_task *take(void *rq, stint_ns now)
{
	struct queue *q = rq;
	int level = highest(q);
	struct stint_task *t;

	(void)now;
	if (level < 0)
		return NULL;
	t = link_of(q->last[level])->next;
	if (t == q->last[level])
		q->ready[level / 64] &= ~(UINT64_C(1) << level % 64);
	else
		link_of(q->last[level])->next = link_of(t)->next;
	return t;
}

/* Lower ones do not end its turn. */
static stint_ns slice(void *rq, struct stint_task *t, stint_ns now)
{
	const struct queue *q = rq;

	(void)now;
	return highest(q) >= (int)level_of(t) ? q->quantum : STINT_FOREVER;
}

static stint_ns tick(void *rq, struct stint_task *t, stint_ns now)
{
	(void)now;
	return highest(rq) >= (int)level_of(t) ? 0 : STINT_FOREVER;
}

static bool preempts(void *rq, const struct stint_task *woken, const struct stint_task *running, stint_ns now)
{
	(void)rq;
	(void)now;
	return level_of(woken) > level_of(running);
}

const struct stint_policy stint_policy_prio = {
	.size = sizeof(struct stint_policy),
	.name = "prio",
	.flags = STINT_POLICY_EAGER | STINT_POLICY_PRIORITY,
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
	.preempts = preempts,
	.balance = take,
};
