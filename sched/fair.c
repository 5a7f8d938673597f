/*
 * fair.c - shares by weight, and low latency for those that need little: earliest eligible virtual deadline first
 *
 * After Stoica and Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995. Virtual time advances by real
 * time over the weights of all active tasks (ready or running), so an ideal machine gives each task its
 * weight's worth for each unit. v is the virtual time up to which a task has been served; it runs ahead of or
 * lags behind the queue's
 *
 *      V = sum(weight * v) / sum(weight)               lag = V - v, positive: the CPU owes it
 *
 * A task asks for the CPU in requests of r ns, due at v + r / weight. Of the eligible ones, those with v <= V,
 * the one whose request is due first runs until the request is served. Then no task is ever further from its
 * ideal share than one request. A task that becomes ready displaces the running one when it is eligible and due
 * earlier, or when of the running one's long request no more than half a quantum is left.
 *
 * What is decided here and not in the paper:
 * - A rest of half a quantum and less counts as served where its task is stopped. The runtime does not look at a turn
 *   earlier than that, so who wants a moment's work would wait as long, each time that it comes when a request ends or
 *   a hog that was behind has the CPU; of a server's requests, every fiftieth that came while others computed.
 * - r is at most the quantum. A task that becomes ready asks for a 64th of it, and for twice as much each time
 *   that it has used its request up. So those that run briefly are due early and wait little, without being
 *   told, and with no more CPU than their share; also at the first time after they have run for long. (To have
 *   the request follow what was used, halved at most from one time to the next, made a server's short answers
 *   slow whenever a long one had come before on the same connection.) Among n hogs the one that is furthest
 *   behind lacks nearly a quantum * (n - 1) / n, so r must be below quantum / n to displace it. A new task asks
 *   for an eighth. It comes soon, but does not displace anyone: mostly that would be its maker, at each one that
 *   it makes.
 * - A task that becomes ready is due a quantum earlier, until it runs, to those that wait; not to the running one. Or one that computes and is
 *   due a little earlier would have the CPU, for half a quantum at least, and all that came for a moment would wait, although they have
 *   displaced somebody. So while others come and go a task may be behind by a quantum more than its request.
 * - While a task is away its lag is kept, at most one request. A debt is paid off by V going on, as if it had
 *   stayed and not been picked; it is gone when the queue was empty in the meantime, or the task wakes up in
 *   another queue.
 * - Of new tasks, which all ask for the same, the first to come is the first to run, so none has to be searched for; unless V has stepped
 *   back meanwhile, because one left that had had more than its share, so that they may not run and later ones may. But while somebody
 *   waits for the end of one that has not begun (yield_to), or has waited for it and given up, the last to come is the first. That is how
 *   a tree of tasks that wait for each other is done depth first, few begun at once; the other way all leaves have their stacks, and a tree of 111 110
 *   took 60 times as long. After a quantum of that the eldest come all the same, for another: strangers to the tree would wait as long as
 *   it takes, or another tree would, and V, held back by them, would let no hog run either. But one that then waits for parts of its own
 *   ends the row, or those of a large tree would all be begun. (To have the eldest come when it is due would not do: V stands still where
 *   all that run end.)
 * - A task that becomes ready while new ones wait, and owes no more than a 64th of a quantum, comes as if it owed nothing, and is charged
 *   when it runs: what a parent owes for making its parts it works off best by going on. Rejected: the same also where no new ones
 *   wait. Threads that had just computed for milliseconds came before those that wanted microseconds.
 * - In the paper V moves when a task leaves that owes or is owed, as if that were spread over the others. Here V mostly stays where it is, and
 *   what is owed to those who are there in all, beyond what they owe, is noted: the carry. New ones begin at V. So when one that ends has had
 *   more than its share, the others, now owed that much, come before new ones; and when it was owed something, new ones come before the
 *   others. Otherwise a task that has all its work done by new ones would have what it likes, or next to nothing. The same holds for what a
 *   task is owed that goes away to come back. (Or V would move ahead by it while many share it, and back for the few that are there then: a
 *   hog beside a tree of tasks got a tenth of its share.) Not for a debt that one goes away with: V steps back for that, and ahead when it
 *   comes back in time.
 *   The carry is at most 4 quanta of service either way, so a new one waits that long for it at most; what is beyond that moves V, as in the
 *   paper. It is gone when the queue is empty. While no new one has come in place of one that has ended, a debt is paid off by V going on, as
 *   above: or one that makes a short-lived task now and then would have the next ones wait, although they need less than their share. One that
 *   wakes up is not made to wait by what new ones are to wait for: it is due earlier by it, and has no more CPU.
 *   Rejected: new ones that begin with what the last one that ended has had too much (they are out of order then, and the debt of a light
 *   task takes a heavy one's request); new ones ahead of a V without the carry (a heavy maker hides all).
 *   It is not exact where a new task comes long after the last reading of the clock: it counts as there since then. A hog beside a
 *   row of tasks each of which makes the next at its end has down to little more than half of its share.
 * - At most 16 quanta are charged at once. A longer span is mostly one in which nobody ran: the process was stopped, or the
 *   machine. Who happened to be running would have to wait until all others had had as much.
 * - A task that yields is not picked next when another one is ready, eligible or not: it may be waiting for
 *   that one. What it gives away so comes back to it as lag, of which one request is kept.
 *
 * Numbers: virtual time is in units of 2^-20 ns at weight 1, so that one nanosecond counts at the greatest
 * weight too. It is compared by differences and may wrap. A quantum, a span and a debt count at most LONGEST,
 * thus differences stay below 2^62. base is near all v; sum and total are those of weight * (v - base) and
 * weight, the running task and one that yielded included, and sum contains the carry. That is in units of 2^-20 ns: 2^58 at most, and so
 * V is no further than 2^58 from where it would be.
 *
 * The ready tasks are in three places. Those that come in order, neither v nor due before those of the last one, or after those of the first,
 * wait in line: there the first one is both the first due and eligible if any is, so nothing is searched. That
 * is where tasks of the same weight are that compute, or that yield, or that sleep beside one that computes. Long requests of light tasks are
 * kept out, or one would stand at the end of the line for long, and nobody could join it. New ones that ask for the same have a line of their
 * own, and stand there in the order in which they came. All others are in an AVL tree
 * by due time, in which each node knows the least v below it; so the first eligible one is found in one way
 * down. Rejected: a tree by v (the way is as long, and most insertions go into the middle); two heaps (V can
 * step back when tasks come, then they are churned); new ones into the tree while V is behind that of the last in line (it may stay there for
 * long, a tree of tasks is then done breadth first, and two workers took as long for it as one).
 */
#include <stint/sched.h>

#define UNIT    20                              /* bits */
#define LONGEST (INT64_C(1) << 36)              /* ns: about a minute */
#define QUANTA_AT_ONCE 16
#define CARRY_QUANTA 4
#define STEP_ASIDE 4                            /* of the fresh, at a time */
#define FAR     (INT64_C(1) << 40)              /* base follows when it is further than this from v */
#define DEPTH   64                              /* an AVL tree of 2^32 nodes is not deeper than 46 */

typedef __int128 wide;

struct node {
	struct node *left, *right;              /* in line, left is the next one, right the one before; the first one's is not valid */
	int64_t v, due, least;                  /* least: of all v in this subtree */
	uint32_t weight;
	uint8_t height;
	bool known;                             /* request and what is kept while away are valid */
	bool begun;                             /* has run */
	bool awaited : 1;                       /* somebody waits for its end; valid while it is fresh and in line */
	bool in_row : 1;                        /* it began because it was the eldest and those had waited a quantum, and has not blocked */
	bool quick : 1;                         /* due a quantum earlier, until it runs */
	int64_t request;                        /* ns */
	int64_t loan;                           /* of a ready one: v is that much less than what it is charged with */
} __attribute__((may_alias));

/*
 * The same while the task is away, instead of the first fields: its lag, and by how much less the carry is for that; or, when it has had
 * more than its share, the v at which it left.
 */
struct away {
	const struct queue *from;               /* where held and v mean something; only compared, or NULL */
	uint64_t idles;                         /* the queue's, then */
	int64_t v;
	int64_t lag;                            /* below 0: v counts */
	int64_t held;
} __attribute__((may_alias));

_Static_assert(sizeof(struct node) <= sizeof(((struct stint_task *)0)->priv), "fits");
_Static_assert(sizeof(struct away) <= offsetof(struct node, weight), "leaves weight and what follows alone");

struct line {
	struct node *first, *last;              /* last is valid while first is not NULL */
};

struct queue {
	struct line line, fresh;                /* of those that have begun, and have not */
	struct node *root;                      /* of the tree */
	unsigned awaited;                       /* of the fresh in line */
	bool row_leaver;                        /* who has blocked last was in_row */
	struct node *running;
	struct node *yielded;                   /* until the next pick */
	stint_ns since;                         /* the running one is charged up to here */
	stint_ns patient_since;                 /* from here on the eldest of the fresh in line wait for a quantum, and come for another */
	int64_t base;
	int64_t total;
	wide sum;
	int64_t carry, most_carry;              /* what those who are active are owed in all, in service; the bound */
	stint_ns quantum, least_request, least_turn, little, most;
	int64_t usual;                          /* a quantum in virtual time, at the normal weight */
	uint64_t idles;                         /* times that nobody was active any more */
	int64_t ended_v;                        /* V when the last one ended, or was looked at since, */
	uint32_t ended_weight;                  /* and its weight; 0: a new one has taken its place */
	bool made;                              /* while the running one runs, new ones have come */
};

static struct node *node_of(const struct stint_task *t)
{
	return (struct node *)(uintptr_t)t->priv;
}

static struct stint_task *task_of(struct node *n)
{
	return (struct stint_task *)((char *)n - offsetof(struct stint_task, priv));
}

/* ----------------------------------------------------------------------------------------- virtual time */

static int64_t ahead(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t virtual_span(stint_ns span, uint32_t weight)
{
	if (__builtin_expect(weight == STINT_WEIGHT_NORMAL, 1))
		return span << (UNIT - 10);
	return (int64_t)(((uint64_t)span << UNIT) / weight);
}

static bool eligible(const struct queue *q, int64_t v)
{
	return (wide)ahead(v, q->base) * q->total <= q->sum;
}

static __attribute__((noinline, cold)) int64_t average_far(const struct queue *q)
{
	int64_t part = (int64_t)(q->sum / q->total);

	return plus(q->base, part - ((wide)part * q->total > q->sum));
}

/* V, rounded down, so that a task put there is eligible */
static inline __attribute__((always_inline)) int64_t average(const struct queue *q)
{
	int64_t sum = (int64_t)q->sum, part;

	if (__builtin_expect(sum != q->sum, 0))
		return average_far(q);
	if (!q->total)
		return q->base;
	if (!(q->total & (q->total - 1)))       /* a few tasks of the normal weight: no division */
		return plus(q->base, sum >> __builtin_ctzll((uint64_t)q->total));
	part = sum / q->total;
	return plus(q->base, part - (part * q->total > sum));
}

static void move_base(struct queue *q, int64_t to)
{
	q->sum -= (wide)ahead(to, q->base) * q->total;
	q->base = to;
}

static void ask(struct node *n)
{
	n->due = plus(n->v, virtual_span(n->request, n->weight));
}

static void step(struct queue *q, struct node *n, int64_t by)
{
	n->v = plus(n->v, by);
	q->sum += (wide)by * n->weight;
}

/* @n's v has gone on so far that the base must follow. */
static __attribute__((noinline, cold)) void catch_up(struct queue *q, struct node *n)
{
	int64_t excess;

	move_base(q, average(q));
	excess = ahead(n->v, q->base) - virtual_span(LONGEST, n->weight);
	if (excess > 0)
		step(q, n, -excess);
}

/* @n's v goes on by @by; it is active. */
static inline void advance(struct queue *q, struct node *n, int64_t by)
{
	step(q, n, by);
	if (__builtin_expect(ahead(n->v, q->base) > FAR || ahead(n->v, q->base) < -FAR, 0))
		catch_up(q, n);
}

/* The running one has run until @now. */
static inline __attribute__((always_inline)) void charge(struct queue *q, stint_ns now)
{
	struct node *n = q->running;
	stint_ns span = now - q->since;

	if (!n || span <= 0)
		return;
	q->since = now;
	if (span > q->most)
		span = q->most;
	advance(q, n, virtual_span(span, n->weight));
}

/* The running one asks again when its request is served. */
static bool served(const struct queue *q, struct node *n)
{
	if (ahead(n->v, n->due) < 0)
		return false;
	n->request = 2 * n->request < q->quantum ? 2 * n->request : q->quantum;
	ask(n);
	return true;
}

/* the rest of @n's request in nanoseconds, rounded up */
static stint_ns rest(const struct node *n)
{
	wide left = (wide)ahead(n->due, n->v) * n->weight + ((1 << UNIT) - 1);

	return (stint_ns)(left >> UNIT);
}

/* The running one has been served, or what is left of a long request is little: it asks anew (renew()). */
static bool as_good_as_served(const struct queue *q, const struct node *n)
{
	return ahead(n->v, n->due) >= 0 || (n->request > q->least_turn && rest(n) < q->little);
}

/*
 * The running one asks again when its request is served, and a rest that is not worth a tick counts as served.
 * Not while it runs and is not eligible: then others come first. One that is stopped asks again also where what is
 * left is little.
 */
static void renew(const struct queue *q, struct node *n, bool runs)
{
	if (!served(q, n) && (runs ? rest(n) < q->least_turn && eligible(q, n->v) : rest(n) < q->little))
		ask(n);
}

/* A turn may be longer than a small request, as long as that is no more than a quantum in all. */
static stint_ns turn(const struct queue *q, const struct node *n)
{
	stint_ns span = rest(n), least = q->quantum - n->request;

	if (least > q->least_turn)
		least = q->least_turn;
	return span > least ? span : least;
}

/* ------------------------------------------------------------------------------------------------- tree */

static unsigned height(const struct node *n)
{
	return n ? n->height : 0;
}

/* height and least from the children; whether they changed */
static bool refresh(struct node *n)
{
	unsigned left = height(n->left), right = height(n->right), tall = 1 + (left > right ? left : right);
	int64_t least = n->v;
	bool changed;

	if (n->left && ahead(n->left->least, least) < 0)
		least = n->left->least;
	if (n->right && ahead(n->right->least, least) < 0)
		least = n->right->least;
	changed = n->height != tall || n->least != least;
	n->height = (uint8_t)tall;
	n->least = least;
	return changed;
}

static struct node *rotate_right(struct node *n)
{
	struct node *top = n->left;

	n->left = top->right;
	top->right = n;
	refresh(n);
	refresh(top);
	return top;
}

static struct node *rotate_left(struct node *n)
{
	struct node *top = n->right;

	n->right = top->left;
	top->left = n;
	refresh(n);
	refresh(top);
	return top;
}

/* One child is deeper by two. */
static struct node *level(struct node *n)
{
	if (height(n->left) > height(n->right)) {
		if (height(n->left->left) < height(n->left->right))
			n->left = rotate_left(n->left);
		return rotate_right(n);
	}
	if (height(n->right->right) < height(n->right->left))
		n->right = rotate_right(n->right);
	return rotate_left(n);
}

/* Below the @depth links of @path something has changed: up to number @at_least, and on until nothing does any more. */
static void mend(struct node **path[], int depth, int at_least)
{
	struct node *n;
	unsigned left, right;

	while (depth--) {
		n = *path[depth];
		left = height(n->left);
		right = height(n->right);
		if (left > right + 1 || right > left + 1)
			*path[depth] = level(n);
		else if (!refresh(n) && depth <= at_least)
			return;
	}
}

static void insert(struct queue *q, struct node *n)
{
	struct node **path[DEPTH], **at = &q->root;
	int depth = 0;

	n->left = NULL;
	n->right = NULL;
	n->height = 1;
	n->least = n->v;
	while (*at) {
		path[depth++] = at;
		at = ahead(n->due, (*at)->due) < 0 ? &(*at)->left : &(*at)->right;
	}
	*at = n;
	mend(path, depth, depth);
}

/* The way to the eligible node that is due first, its own link last; or to the one that is due first of all. */
static int find(struct queue *q, struct node **path[])
{
	struct node **at = &q->root;
	bool any = eligible(q, q->root->least);
	int depth = 0;

	for (;;) {
		struct node *n = *at;

		path[depth++] = at;
		if (n->left && (!any || eligible(q, n->left->least)))
			at = &n->left;
		else if (!any || eligible(q, n->v))
			return depth;
		else
			at = &n->right;
	}
}

/* Take out the node to which @path leads. */
static struct node *extract(struct node **path[], int depth)
{
	int place = depth - 1;
	struct node *n = *path[place], *next;

	if (!n->left || !n->right) {
		*path[place] = n->left ? n->left : n->right;
		mend(path, place, place);
		return n;
	}
	/* the next in order takes its place */
	path[depth++] = &n->right;
	while ((*path[depth - 1])->left) {
		path[depth] = &(*path[depth - 1])->left;
		depth++;
	}
	next = *path[--depth];
	*path[depth] = next->right;
	next->left = n->left;
	next->right = n->right;
	next->height = 0;                       /* it has changed, whatever it was */
	*path[place] = next;
	if (place + 1 < depth)
		path[place + 1] = &next->right;
	mend(path, depth, place);
	return n;
}

/* ------------------------------------------------------------------------------------------- ready tasks */

static void append(struct line *line, struct node *n)
{
	n->left = NULL;
	n->height = 0;
	if (line->first) {
		n->right = line->last;
		line->last->left = n;
	} else {
		line->first = n;
	}
	line->last = n;
}

static bool fits_line(const struct line *line, const struct node *n)
{
	return !line->first || (ahead(n->due, line->last->due) >= 0 && ahead(n->v, line->last->v) >= 0);
}

static bool fits_front(const struct line *line, const struct node *n)
{
	return ahead(n->due, line->first->due) < 0 && ahead(n->v, line->first->v) <= 0;
}

static void prepend(struct line *line, struct node *n)
{
	n->left = line->first;
	n->height = 0;
	line->first->right = n;
	line->first = n;
}

/* asks for the same as those there */
static bool fits_fresh(const struct line *line, const struct node *n)
{
	return !line->first || ahead(n->due, n->v) == ahead(line->last->due, line->last->v);
}

/* It is ready, and is not in order after those in line that have begun. */
static __attribute__((noinline)) void put_elsewhere(struct queue *q, struct node *n)
{
	if (ahead(n->due, n->v) > q->usual) {
		insert(q, n);
	} else if (n->begun) {
		if (fits_front(&q->line, n))
			prepend(&q->line, n);
		else
			insert(q, n);
	} else if (fits_fresh(&q->fresh, n)) {
		n->awaited = n->in_row = false;
		append(&q->fresh, n);
	} else {
		insert(q, n);
	}
}

static inline void put(struct queue *q, struct node *n)
{
	if (n->begun && ahead(n->due, n->v) <= q->usual && fits_line(&q->line, n))
		append(&q->line, n);
	else
		put_elsewhere(q, n);
}

/*
 * The first of the fresh in line; there is one. V may have stepped back since it came, and the last ones may run, but it may not: then it and
 * others like it go into the tree. A few at a time, each but once.
 */
static struct node *eldest(struct queue *q)
{
	struct node *n = q->fresh.first;

	for (int i = 0; i < STEP_ASIDE && n != q->fresh.last && !eligible(q, n->v) && eligible(q, q->fresh.last->v); i++) {
		q->fresh.first = n->left;
		q->awaited -= n->awaited;
		insert(q, n);
		n = q->fresh.first;
	}
	return n;
}

static void take_eldest(struct queue *q, stint_ns now)
{
	struct node *n = q->fresh.first;

	n->in_row = q->awaited;
	if (!q->awaited || now - q->patient_since >= 2 * q->quantum)
		q->patient_since = now;
	q->awaited -= n->awaited;
	q->fresh.first = n->left;
}

static void take_youngest(struct queue *q)
{
	struct node *n = q->fresh.last;

	if (n == q->fresh.first)
		q->fresh.first = NULL;
	else
		n->right->left = NULL;
	q->fresh.last = n->right;
	q->awaited -= n->awaited;
}

/* Whether @n, in line, comes before the one in the tree to which @path leads; the tree is not empty. */
static bool line_comes_first(struct queue *q, const struct node *n, struct node **path[], int *depth)
{
	bool line = eligible(q, n->v), tree = eligible(q, q->root->least);

	if (line && !tree)
		return true;
	*depth = find(q, path);
	return line == tree && ahead(n->due, (*path[*depth - 1])->due) <= 0;
}

/* Whether @a, in line, comes before @fresh. Where neither may, who is due. */
static bool comes_before_fresh(const struct queue *q, const struct node *a, const struct node *fresh)
{
	bool may = eligible(q, a->v);

	return may == eligible(q, fresh->v) ? ahead(a->due, fresh->due) < 0 : may;
}

/* Where there are fresh ones in line. Of them only the eldest is looked at, or only the youngest. */
static __attribute__((noinline)) struct node *take_among_fresh(struct queue *q, stint_ns now, bool youngest)
{
	struct node **path[DEPTH], *n = youngest ? q->fresh.last : eldest(q);
	bool fresh = !q->line.first || !comes_before_fresh(q, q->line.first, n);
	int depth = 0;

	if (!fresh)
		n = q->line.first;
	if (q->root && !line_comes_first(q, n, path, &depth))
		return extract(path, depth);
	if (!fresh)
		q->line.first = n->left;
	else if (youngest)
		take_youngest(q);
	else
		take_eldest(q, now);
	return n;
}

/* Where not all that are ready have begun and are in line. */
static __attribute__((noinline)) struct node *take_among_all(struct queue *q, stint_ns now, bool youngest)
{
	struct node **path[DEPTH], *n = q->line.first;
	int depth = 0;

	if (q->fresh.first)
		return take_among_fresh(q, now, youngest);
	if (!n || !line_comes_first(q, n, path, &depth))
		return extract(path, depth ? depth : find(q, path));
	q->line.first = n->left;
	return n;
}

/*
 * The eligible one that is due first, or of all when none is eligible; NULL when nobody is ready. @runs: here, at once, so the youngest of
 * those that have not begun comes first where there is a row.
 */
static inline struct node *take(struct queue *q, stint_ns now, bool runs)
{
	struct node *n = q->line.first;

	if (q->fresh.first || q->root)
		return take_among_all(q, now, runs && q->awaited && now - q->patient_since < q->quantum);
	if (n)
		q->line.first = n->left;
	return n;
}

/* Whether one of those that have begun is eligible, and due no later than @due. */
static bool someone_due(struct queue *q, int64_t due)
{
	struct node **path[DEPTH];

	if (q->line.first && eligible(q, q->line.first->v) && ahead(q->line.first->due, due) <= 0)
		return true;
	return q->root && eligible(q, q->root->least) && ahead((*path[find(q, path) - 1])->due, due) <= 0;
}

/* ...or of all that are ready */
static bool anyone_due(struct queue *q, int64_t due)
{
	const struct node *n = q->fresh.first ? eldest(q) : NULL;

	return (n && eligible(q, n->v) && ahead(n->due, due) <= 0) || someone_due(q, due);
}

/* --------------------------------------------------------------------------------------- coming and going */

static void count(struct queue *q, struct node *n)
{
	q->sum += (wide)ahead(n->v, q->base) * n->weight;
	q->total += n->weight;
}

/* It is not active any more. Of what was owed to the others in all, @less is not. */
static inline void leave(struct queue *q, struct node *n, int64_t less)
{
	q->sum -= (wide)ahead(n->v, q->base) * n->weight + less;
	q->carry -= less;
	q->total -= n->weight;
	if (!q->total) {
		q->base = n->v;
		q->sum = 0;
		q->carry = 0;
		q->idles++;
	}
}

/* @carry as far as there may be one */
static inline int64_t bounded(const struct queue *q, wide carry)
{
	if (__builtin_expect(carry > q->most_carry, 0))
		return q->most_carry;
	if (__builtin_expect(carry < -q->most_carry, 0))
		return -q->most_carry;
	return (int64_t)carry;
}

/* What those who are active are owed in all is @carry from now on: V goes with it. */
static void set_carry(struct queue *q, int64_t carry)
{
	q->sum += carry - q->carry;
	q->carry = carry;
}

/* It leaves with that lag, and V stays where it is. By how much less the carry is then. */
static inline int64_t leave_holding(struct queue *q, struct node *n, int64_t lag)
{
	int64_t less = q->carry - bounded(q, q->carry - (wide)lag * n->weight);

	leave(q, n, less);
	return less;
}

static __attribute__((noinline)) int64_t pay_off(struct queue *q, int64_t v)
{
	wide paid = (wide)ahead(v, q->ended_v) * q->ended_weight;

	q->ended_v = v;
	set_carry(q, paid < q->carry ? q->carry - (int64_t)paid : 0);
	return average(q);
}

/* V; the debt of the last one that ended is paid off as far as that has gone on, by steps of a nanosecond or so. */
static inline int64_t settle(struct queue *q)
{
	int64_t v = average(q);

	return q->carry > 0 && q->ended_weight && ahead(v, q->ended_v) > INT64_C(1) << (UNIT - 10) ? pay_off(q, v) : v;
}

/* its lag as far as it is kept */
static inline __attribute__((always_inline)) int64_t owed(const struct queue *q, const struct node *n)
{
	int64_t most = virtual_span(n->request, n->weight), lag;

	if (q->total == n->weight)
		return 0;                       /* it is alone: a shortcut */
	lag = ahead(average(q), n->v);
	return lag > most ? most : lag < -most ? -most : lag;
}

static void go_away_lagging(struct queue *q, struct node *n, int64_t lag)
{
	uint64_t idles = q->idles;
	int64_t held = 0;
	struct away *a = (struct away *)n;

	if (lag)
		held = leave_holding(q, n, lag);
	else
		leave(q, n, 0);
	a->from = q;
	a->idles = idles;
	a->lag = lag;
	a->held = held;
}

/* As if it stayed and were not picked: when V has come to @v, or the queue has been empty, the debt is paid. */
static void go_away_in_debt(struct queue *q, struct node *n, int64_t v)
{
	struct away *a = (struct away *)n;
	uint64_t idles = q->idles;

	leave(q, n, 0);
	a->from = q;
	a->idles = idles;
	a->v = v;
	a->lag = -1;
}

/* The weight is that of now; whether it is the one with which the task left. */
static bool same_weight(struct node *n, unsigned weight)
{
	uint32_t before = n->weight;

	if (before && weight == before)
		return true;
	n->weight = weight < STINT_WEIGHT_MIN ? STINT_WEIGHT_MIN : weight > STINT_WEIGHT_MAX ? STINT_WEIGHT_MAX : weight;
	return n->weight == before;
}

/* It becomes active with that v, and is due that much earlier than others would be. */
static inline __attribute__((always_inline)) void enter(struct queue *q, struct node *n, int64_t v, int64_t early)
{
	n->v = v;
	count(q, n);
	ask(n);
	n->due = plus(n->due, -early);
	put(q, n);
}

/*
 * ...or with that lag behind V, which is @v. Of it @held has been taken out of the carry when it left; for the rest V moves when it is
 * counted, so it starts as much further back as makes its lag right then.
 */
static inline __attribute__((always_inline)) void enter_lagging(struct queue *q, struct node *n, int64_t v, int64_t lag,
                                                                int64_t held, int64_t early)
{
	int64_t rest = lag * (int64_t)n->weight - held;

	enter(q, n, plus(v, -(rest ? lag + rest / q->total : lag)), early);
	if (held)
		set_carry(q, bounded(q, (wide)q->carry + held));
}

/* ------------------------------------------------------------------------------------------- operations */

static int init(void *rq, stint_ns quantum)
{
	struct queue *q = rq;

	q->quantum = quantum < LONGEST ? quantum : LONGEST;
	q->least_request = q->quantum / 64 ? q->quantum / 64 : 1;
	q->most_carry = (q->quantum * CARRY_QUANTA) << UNIT;
	q->usual = virtual_span(q->quantum, STINT_WEIGHT_NORMAL);
	q->least_turn = q->quantum / 16 ? q->quantum / 16 : 1;
	q->little = q->quantum / 2;
	q->most = q->quantum < LONGEST / QUANTA_AT_ONCE ? q->quantum * QUANTA_AT_ONCE : LONGEST;
	return 0;
}

/* new, or from another queue with its lag */
static void attach(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);
	int64_t lag = ((struct away *)n)->lag, v;

	charge(q, now);
	if (!q->fresh.first)
		q->patient_since = now;
	if (!same_weight(n, t->weight))
		lag = 0;                        /* it is new, or what was counted was in another weight */
	if (n->known) {
		if (q->total)
			enter_lagging(q, n, average(q), lag, 0, 0);
		else
			enter(q, n, q->base, 0);
		return;
	}
	n->known = true;
	n->request = q->quantum / 8 ? q->quantum / 8 : 1;
	v = settle(q);
	q->ended_weight = 0;
	q->made = true;
	enter(q, n, v, 0);
}

/* A parent that owes for making its parts, with v not yet due, comes before others' that have not begun: v as long as it is ready */
static int64_t lend(const struct queue *q, struct node *n, int64_t v, int64_t average)
{
	int64_t debt = ahead(v, average);

	if (!q->fresh.first || debt > virtual_span(q->least_request, n->weight))
		return v;
	n->loan = debt;
	return average;
}

static void pay_back(struct queue *q, struct node *n)
{
	if (n->loan)
		advance(q, n, n->loan);
	n->loan = 0;
}

static int64_t due_if_it_runs(const struct queue *q, const struct node *n)
{
	return n->quick ? plus(n->due, q->usual) : n->due;
}

static void begin(struct queue *q, struct node *n)
{
	pay_back(q, n);
	n->due = due_if_it_runs(q, n);
	n->quick = false;
}

/*
 * How much earlier, in virtual time, one that wakes up is due than it would be. It is for new ones to wait until the others have got what they
 * are owed for those that have ended.
 */
static int64_t headstart(struct queue *q)
{
	if (q->carry <= 0 || !(q->running || q->line.first || q->root))
		return 0;                       /* there is nobody whom it helps: a shortcut */
	settle(q);
	return q->carry / q->total;
}

static void wakeup(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);
	const struct away *a = (struct away *)n;
	bool same = same_weight(n, t->weight), here = a->from == q && a->idles == q->idles;
	int64_t early, v;

	charge(q, now);
	n->request = q->least_request;
	if (!q->total) {
		enter(q, n, q->base, 0);
		return;
	}
	early = headstart(q) + q->usual;
	n->quick = true;
	v = average(q);
	if (same && a->lag > 0)
		enter_lagging(q, n, v, a->lag, here ? a->held : 0, early);
	else if (same && here && a->lag < 0 && ahead(a->v, v) > 0)
		enter(q, n, lend(q, n, a->v, v), early);
	else
		enter(q, n, v, early);
}

static struct stint_task *pick_next(void *rq, stint_ns now)
{
	struct queue *q = rq;
	struct node *yielded = q->yielded, *n = take(q, now, true);

	if (yielded) {
		q->yielded = NULL;
		if (n)
			put(q, yielded);
		else
			n = yielded;
	}
	q->running = n;
	q->since = now;
	if (!n)
		return NULL;
	begin(q, n);
	n->begun = true;
	if (__builtin_expect(q->made, 0))
		q->made = false;
	return task_of(n);
}

static stint_ns slice(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);

	charge(q, now);
	if (ahead(n->v, n->due) >= 0 && !eligible(q, n->v))
		return 1;                       /* it has had enough while it was alone */
	renew(q, n, true);
	return turn(q, n);
}

static stint_ns tick(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);

	charge(q, now);
	if (!served(q, n))
		return turn(q, n);
	if (!eligible(q, n->v))
		return q->root || q->line.first || q->fresh.first ? 0 : turn(q, n);
	return anyone_due(q, n->due) ? 0 : turn(q, n);
}

static void preempt(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);

	charge(q, now);
	q->running = NULL;
	renew(q, n, false);
	put(q, n);
}

static void yield(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);
	int64_t most;

	charge(q, now);
	q->running = NULL;
	most = virtual_span(n->request, n->weight);
	if (__builtin_expect(eligible(q, plus(n->v, most)), 0)) /* further behind than it may be */
		advance(q, n, ahead(plus(average(q), -most), n->v));
	n->due = plus(n->v, most);
	q->yielded = n;
}

/*
 * Of the debt with which @n goes away only that is kept which it has at @v. What is forgiven it may have owed to those who have ended: then
 * these are owed that much less. Or V would step back by all that is forgiven, and those who go away again and again would have all of the CPU, as
 * long as everybody is ahead of V.
 */
static void forgive(struct queue *q, const struct node *n, int64_t v)
{
	wide carry = q->carry + (wide)ahead(n->v, v) * n->weight;

	if (q->carry < 0)
		set_carry(q, carry < 0 ? (int64_t)carry : 0);
}

static void block(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);
	int64_t most = virtual_span(n->request, n->weight), v;

	charge(q, now);
	q->running = NULL;
	q->row_leaver = n->in_row;
	if (__builtin_expect(q->row_leaver, 0))
		n->in_row = false;
	v = n->v;
	if (eligible(q, v)) {
		go_away_lagging(q, n, owed(q, n));
	} else {
		if (!eligible(q, plus(v, -most))) {
			v = plus(average(q), most);     /* one request of debt is kept */
			forgive(q, n, v);
		}
		go_away_in_debt(q, n, v);
	}
}

static void done(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);

	charge(q, now);
	q->running = NULL;
	if (!q->line.first && !q->root) {       /* nobody but new ones is there, to whom nothing is owed: a shortcut */
		leave(q, n, 0);
		return;
	}
	q->ended_v = settle(q);
	q->ended_weight = q->made || q->fresh.first ? 0 : n->weight;
	leave_holding(q, n, ahead(q->ended_v, n->v));
}

static bool preempts(void *rq, const struct stint_task *woken, const struct stint_task *running, stint_ns now)
{
	struct queue *q = rq;
	const struct node *w = node_of(woken), *r = node_of(running);

	charge(q, now);
	return w->begun && eligible(q, w->v) && (ahead(due_if_it_runs(q, w), r->due) < 0 || as_good_as_served(q, r));
}

/* The one that would be the next here: it can run there at once. */
static struct stint_task *balance(void *rq, stint_ns now)
{
	struct queue *q = rq;
	struct node *n;
	int64_t lag;

	charge(q, now);
	n = take(q, now, false);
	if (!n) {
		n = q->yielded;
		q->yielded = NULL;
	}
	if (!n)
		return NULL;
	begin(q, n);
	lag = owed(q, n);
	leave(q, n, 0);
	*(struct away *)n = (struct away){ .lag = lag };
	return task_of(n);
}

static void yield_to(void *rq, struct stint_task *t, stint_ns now)
{
	struct queue *q = rq;
	struct node *n = node_of(t);

	if (q->row_leaver)              /* it has parts, too: the row is over */
		q->patient_since = now;
	if (n->begun || n->height || n->awaited)        /* it was put back before it could run, or is in the tree */
		return;
	n->awaited = true;
	q->awaited++;
}

const struct stint_policy stint_policy_fair = {
	.size = sizeof(struct stint_policy),
	.name = "fair",
	.flags = STINT_POLICY_TIMED | STINT_POLICY_EVEN | STINT_POLICY_WEIGHTS,
	.rq_size = sizeof(struct queue),
	.init = init,
	.spawn = attach,
	.wakeup = wakeup,
	.attach = attach,
	.pick_next = pick_next,
	.slice = slice,
	.tick = tick,
	.preempt = preempt,
	.yield = yield,
	.block = block,
	.done = done,
	.preempts = preempts,
	.balance = balance,
	.yield_to = yield_to,
};
