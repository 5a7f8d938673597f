/*
 * order.c - who is picked, compared at each pick with a look at all tasks: fifo, rr, prio, edf
 *
 * The reference keeps for each ready task a key and a running number; the least one must come next. It is as
 * slow as it is plain. Those of fair and lifo are in files of their own, mlfq's rule is about time: exact.c.
 */
#include "../test.h"

#include <stint/sched.h>

#define TASKS 300
#define STEPS 60000

struct slot {
	struct stint_task task;
	enum { NOBODY, READY, RUNNING, BLOCKED } state;
	int64_t key;
	uint64_t number;
};

static const struct stint_policy *p;
static struct slot slots[TASKS], *running;
static void *rq;
static stint_ns now;
static uint64_t numbers;
static struct rng rng;

static bool is(const char *name)
{
	return !strcmp(p->name, name);
}

static stint_ns policy_time(void)
{
	return p->flags & STINT_POLICY_TIMED ? now : 0;
}

/* the least key first; with a new number it goes behind its equals */
static void ready(struct slot *s, bool new_job, bool behind)
{
	s->state = READY;
	if (is("prio"))
		s->key = -s->task.priority;
	else if (is("edf") && new_job)
		s->key = s->task.deadline ? now + s->task.deadline : STINT_FOREVER;
	if (behind)
		s->number = numbers++;
}

static struct slot *least(void)
{
	struct slot *best = NULL;

	for (struct slot *s = slots; s < slots + TASKS; s++)
		if (s->state == READY &&
		    (!best || s->key < best->key || (s->key == best->key && s->number < best->number)))
			best = s;
	return best;
}

/* The running one stops in one of the four ways. */
static void stops(uint64_t how)
{
	struct slot *s = running;
	bool keeps_place = is("edf") && s->key != STINT_FOREVER;

	running = NULL;
	switch (how) {
	case 0:
		p->preempt(rq, &s->task, policy_time());
		ready(s, false, !keeps_place);
		break;
	case 1:
		p->yield(rq, &s->task, policy_time());
		ready(s, false, true);
		break;
	case 2:
		if (p->block)
			p->block(rq, &s->task, policy_time());
		s->state = BLOCKED;
		break;
	default:
		if (p->done)
			p->done(rq, &s->task, policy_time());
		s->state = NOBODY;
	}
}

static void comes(struct slot *s)
{
	bool displaces;

	if (s->state == NOBODY) {
		memset(&s->task, 0, sizeof(s->task));
		s->task.weight = STINT_WEIGHT_NORMAL;
		s->task.priority = (int)rng_below(&rng, 5) * 40 - 80;
		s->task.deadline = (stint_ns)rng_below(&rng, 5) * 700;
		p->spawn(rq, &s->task, policy_time());
	} else {
		p->wakeup(rq, &s->task, policy_time());
	}
	ready(s, true, true);
	if (!running || !p->preempts)
		return;
	displaces = p->preempts(rq, &s->task, &running->task, policy_time());
	CHECK_INT(displaces, ==, s->key < running->key);
	if (displaces)
		stops(0);
}

static void pick(bool by_balance)
{
	struct stint_task *t = by_balance ? p->balance(rq, policy_time()) : p->pick_next(rq, policy_time());
	struct slot *s = least();

	CHECK(t == (s ? &s->task : NULL));
	if (!s)
		return;
	if (!by_balance) {
		running = s;
		s->state = RUNNING;
		return;
	}
	p->attach(rq, t, policy_time());
	ready(s, false, true);
}

/* A tick ends a turn when an equal waits; in fifo there are none, and a job of edf has no end. */
static void ticks(void)
{
	const struct slot *next = least();
	bool ends;

	if (!next)
		return;
	if (!p->tick) {
		CHECK(is("fifo"));
		return;
	}
	ends = is("edf") ? running->key == STINT_FOREVER : is("prio") ? next->key <= running->key : true;
	CHECK_INT(p->slice(rq, &running->task, policy_time()), ==, ends ? 1000 : STINT_FOREVER);
	CHECK_INT(p->tick(rq, &running->task, now), ==, ends ? 0 : STINT_FOREVER);
	if (ends)
		stops(0);
}

static void order(const char *name)
{
	memset(slots, 0, sizeof(slots));
	running = NULL;
	CHECK_INT(stint_policy_load(name, &p, NULL, 0), ==, 0);
	rq = aligned_alloc(64, (p->rq_size + 63) / 64 * 64);
	CHECK(rq);
	memset(rq, 0, p->rq_size);
	if (p->init)
		CHECK_INT(p->init(rq, 1000), ==, 0);
	for (unsigned i = 0; i < STEPS; i++) {
		struct slot *s = &slots[rng_below(&rng, TASKS)];

		now += (stint_ns)rng_below(&rng, 100);
		if (s->state == NOBODY || s->state == BLOCKED)
			comes(s);
		if (running && rng_below(&rng, 4) == 0)
			ticks();
		if (running && rng_below(&rng, 2))
			stops(rng_below(&rng, 8) % 4);
		else if (rng_below(&rng, 8) == 0)
			pick(true);
		if (!running)
			pick(false);
	}
	while (running) {
		stops(3);
		pick(false);
	}
	free(rq);
	printf("%s keeps its order\n", name);
}

int main(void)
{
	test_watchdog();
	rng_seed(&rng, test_seed());
	order("fifo");
	order("rr");
	order("prio");
	order("edf");
	return 0;
}
