/*
 * mlfq.c - multi-level feedback queue: those that use little CPU run first, without being told who they are
 *
 * A task begins on level 0. On each level it has an allowance, the quantum doubled with each level; when it is
 * used up, in one go or in pieces, the task goes down one level. What it sleeps is taken off what it used, so a
 * task that sleeps at least half of its time stays where it is, and giving the CPU back shortly before the
 * allowance ends gains nothing. The highest level with a ready task runs; within a level they take turns, each
 * as long as its allowance lasts. Every BOOST quanta all tasks begin again on level 0: so nobody starves, and a
 * task that has changed its ways is judged anew.
 *
 * A boost joins the lists and counts an era: a task that is found in an older era is on level 0. Eras count on one
 * queue; a task that comes from another one keeps its level.
 */
#include <stint/sched.h>

#define LEVELS 6
#define BOOST  128
#define LONGEST (INT64_C(1) << 50)      /* a quantum, so that nothing overflows */

struct entry {
	struct stint_task *next;
	stint_ns used;          /* on this level */
	stint_ns slept_from;
	uint64_t era;
	const struct queue *home;       /* the queue that era and slept_from belong to; only compared */
	unsigned level;
} __attribute__((may_alias));

struct queue {
	unsigned ready;                 /* bit l: level l has someone */
	bool over;                      /* the running one has used up an allowance in this turn */
	uint64_t era;
	stint_ns quantum;
	stint_ns since;                 /* the running one is charged up to here */
	stint_ns boost_at;
	struct stint_task *last[LEVELS];        /* circular: last's next is the first; valid while the bit is set */
};

static struct entry *entry_of(const struct stint_task *t)
{
	return (struct entry *)(uintptr_t)t->priv;
}

static stint_ns allowance(const struct queue *q, unsigned level)
{
	return q->quantum << level;
}

static int init(void *rq, stint_ns quantum)
{
	struct queue *q = rq;

	q->quantum = quantum < LONGEST ? quantum : LONGEST;
	q->boost_at = INT64_MIN;
	return 0;
}

/* Bring the task's level up to date. */
static struct entry *refresh(const struct queue *q, const struct stint_task *t)
{
	struct entry *e = entry_of(t);

	if (e->home == q && e->era != q->era) {
		e->level = 0;
		e->used = 0;
	}
	e->home = q;
	e->era = q->era;
	return e;
}

static void put_last(struct queue *q, struct stint_task *t, unsigned level)
{
	if (q->ready & 1u << level) {
		entry_of(t)->next = entry_of(q->last[level])->next;
		entry_of(q->last[level])->next = t;
	} else {
		entry_of(t)->next = t;
		q->ready |= 1u << level;
	}
	q->last[level] = t;
}

static void put_first(struct queue *q, struct stint_task *t, unsigned level)
{
	struct stint_task *last = q->last[level];
	bool others = q->ready & 1u << level;

	put_last(q, t, level);
	if (others)
		q->last[level] = last;          /* in a circle, behind the last is before the first */
}

/* All lists become one, the higher levels first. */
static void boost(struct queue *q, stint_ns now)
{
	struct stint_task *first;

	q->era++;
	q->boost_at = now > INT64_MAX - BOOST * q->quantum ? INT64_MAX : now + BOOST * q->quantum;
	for (unsigned level = 1; level < LEVELS; level++) {
		if (!(q->ready & 1u << level))
			continue;
		if (q->ready & 1u) {
			first = entry_of(q->last[0])->next;
			entry_of(q->last[0])->next = entry_of(q->last[level])->next;
			entry_of(q->last[level])->next = first;
		}
		q->ready |= 1u;
		q->last[0] = q->last[level];
	}
	q->ready &= 1u;
}

/*
 * The running task has run until @now: down it goes when an allowance is used up. By one level, however long that is: where others
 * wait, its turn would have ended, and nobody has run, since the process or the machine stood still. Who was alone goes on down, turn by turn.
 */
static struct entry *charge(struct queue *q, struct stint_task *t, stint_ns now)
{
	struct entry *e = refresh(q, t);
	bool lowest;

	if (now > q->since) {
		e->used += now - q->since;
		q->since = now;
	}
	if (e->used < allowance(q, e->level))
		return e;
	q->over = true;
	e->used -= allowance(q, e->level);
	lowest = e->level + 1 == LEVELS;
	e->level += !lowest;
	if (lowest || e->used >= allowance(q, e->level))
		e->used = 0;
	return e;
}

static void spawn(void *rq, struct stint_task *t, stint_ns now)
{
	(void)now;
	put_last(rq, t, refresh(rq, t)->level);
}

static void wakeup(void *rq, struct stint_task *t, stint_ns now)
{
	struct entry *e = entry_of(t);
	bool known = e->home == rq;

	e = refresh(rq, t);
	if (known && now > e->slept_from)
		e->used = e->used > now - e->slept_from ? e->used - (now - e->slept_from) : 0;
	put_last(rq, t, e->level);
}

/* the highest level with someone ready; LEVELS: nobody */
static unsigned highest(const struct queue *q)
{
	return q->ready ? (unsigned)__builtin_ctz(q->ready) : LEVELS;
}

static struct stint_task *take(struct queue *q)
{
	unsigned level = highest(q);
	struct stint_task *t;

	if (level == LEVELS)
		return NULL;
	t = entry_of(q->last[level])->next;
	if (t == q->last[level])
		q->ready &= ~(1u << level);
	else
		entry_of(q->last[level])->next = entry_of(t)->next;
	refresh(q, t);
	return t;
}

static struct stint_task *pick_next(void *rq, stint_ns now)
{
	struct queue *q = rq;

	if (now >= q->boost_at)
		boost(q, now);
	q->over = false;
	q->since = now;
	return take(q);
}

static struct stint_task *balance(void *rq, stint_ns now)
{
	(void)now;
	return take(rq);
}

static stint_ns slice(void *rq, struct stint_task *t, stint_ns now)
{
	const struct entry *e = charge(rq, t, now);

	return allowance(rq, e->level) - e->used;
}

static stint_ns tick(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct entry *e = charge(q, t, now);

	if (now >= q->boost_at) {
		boost(q, now);
		e = refresh(q, t);
	}
	if (highest(q) < e->level || (q->over && highest(q) == e->level))
		return 0;
	q->over = false;                /* it has gone down, and is still above the others */
	return allowance(q, e->level) - e->used;
}

static void preempt(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	const struct entry *e = charge(q, t, now);

	if (q->over)
		put_last(q, t, e->level);
	else
		put_first(q, t, e->level);      /* it was displaced, and has the rest of its turn to come */
}

static void yield(void *rq, struct stint_task *t, stint_ns now)
{
	put_last(rq, t, charge(rq, t, now)->level);
}

static void block(void *rq, struct stint_task *t, stint_ns now)
{
	charge(rq, t, now)->slept_from = now;
}

static bool preempts(void *rq, const struct stint_task *woken, const struct stint_task *running, stint_ns now)
{
	(void)now;
	return refresh(rq, woken)->level < refresh(rq, running)->level;
}

const struct stint_policy stint_policy_mlfq = {
	.size = sizeof(struct stint_policy),
	.name = "mlfq",
	.flags = STINT_POLICY_TIMED | STINT_POLICY_EVEN,
	.rq_size = sizeof(struct queue),
	.init = init,
	.spawn = spawn,
	.wakeup = wakeup,
	.attach = spawn,
	.pick_next = pick_next,
	.slice = slice,
	.tick = tick,
	.preempt = preempt,
	.yield = yield,
	.block = block,
	.preempts = preempts,
	.balance = balance,
};
