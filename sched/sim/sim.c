/*
 * sim.c - the simulator (see sim.h)
 *
 * Three kinds of events: a job ends (or its task yields), a task wakes up, a tick comes. Sleeping tasks are in
 * a heap; workers are few and are looked through. At one point in time jobs end first, then tasks wake up, then
 * ticks come. An idle worker takes from the one with the most ready tasks; a task that wakes up goes to an idle
 * worker or else where it ran last. So a worker is idle only when nobody is ready anywhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define NEVER STINT_FOREVER

struct task {
	struct stint_task task;
	unsigned group, member;
	stint_ns wakes;                 /* asleep until then */
	stint_ns released;              /* its job began then, or should have */
	stint_ns ready_since;           /* NEVER: has run since it woke up */
	stint_ns needs;                 /* CPU until its job is done */
	stint_ns until_yield;
	uint64_t jobs;
	unsigned worker;                /* where it ran last */
	double share_from, received;    /* since it woke up: the common measure then, and CPU */
	stint_ns active_since;
};

struct worker {
	void *rq;
	struct task *running;
	stint_ns since, tick;           /* the running one began; its tick is due, or NEVER */
	unsigned ready;
};

struct sim {
	const struct sim_options *options;
	const struct stint_policy *policy;
	const struct sim_group *groups;
	struct sim_account *accounts;
	struct task *tasks;
	struct task **asleep;           /* heap by wakes */
	size_t nasleep;
	struct worker *workers;
	unsigned nworkers;              /* that are set up */
	stint_ns now;
	uint64_t chance, ids;
	double measure, weights;        /* integral of workers / weights; of the active */
};

/* ------------------------------------------------------------------------------------------------ chance */

static uint64_t random_number(struct sim *sim)
{
	uint64_t x;

	sim->chance += UINT64_C(0x9e3779b97f4a7c15);    /* splitmix64 (Steele, Lea, Flood, 2014) */
	x = sim->chance;
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static stint_ns between(struct sim *sim, stint_ns min, stint_ns max)
{
	return max > min ? min + (stint_ns)(random_number(sim) % ((uint64_t)(max - min) + 1)) : min;
}

static stint_ns later(stint_ns time, stint_ns span)
{
	return span >= NEVER - time ? NEVER : time + span;
}

/* ---------------------------------------------------------------------------------------------- sleepers */

/* at the same time: in the order of the workload */
static bool wakes_before(const struct task *a, const struct task *b)
{
	return a->wakes != b->wakes ? a->wakes < b->wakes : a < b;
}

static void sift_down(struct sim *sim, size_t i)
{
	struct task **heap = sim->asleep, *moving = heap[i];
	size_t child;

	while ((child = 2 * i + 1) < sim->nasleep) {
		if (child + 1 < sim->nasleep && wakes_before(heap[child + 1], heap[child]))
			child++;
		if (wakes_before(moving, heap[child]))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moving;
}

static void sleep_until(struct sim *sim, struct task *t, stint_ns when)
{
	size_t i = sim->nasleep++;

	t->wakes = when;
	while (i && wakes_before(t, sim->asleep[(i - 1) / 2])) {
		sim->asleep[i] = sim->asleep[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	sim->asleep[i] = t;
}

static struct task *wake_first(struct sim *sim)
{
	struct task *t = sim->asleep[0];

	sim->asleep[0] = sim->asleep[--sim->nasleep];
	if (sim->nasleep)
		sift_down(sim, 0);
	return t;
}

/* -------------------------------------------------------------------------------------------- accounting */

static const struct sim_group *group_of(const struct sim *sim, const struct task *t)
{
	return &sim->groups[t->group];
}

static void move_time(struct sim *sim, stint_ns to)
{
	if (sim->weights > 0)
		sim->measure += (double)(to - sim->now) * sim->options->workers / sim->weights;
	sim->now = to;
}

/* How far @t is behind its share since it woke up. A task cannot use more than one worker. */
static void note_lag(struct sim *sim, const struct task *t)
{
	struct sim_account *a = &sim->accounts[t->group];
	double share = t->task.weight * (sim->measure - t->share_from), lag;

	if (share > (double)(sim->now - t->active_since))
		share = (double)(sim->now - t->active_since);
	lag = share - t->received;
	if (lag > a->lag_max)
		a->lag_max = lag;
	if (lag < a->lag_min)
		a->lag_min = lag;
}

static unsigned bucket_of(stint_ns wait)
{
	unsigned octave;

	if (wait < SIM_OCTAVE)
		return (unsigned)wait;
	octave = 63 - (unsigned)__builtin_clzll((uint64_t)wait);
	return SIM_OCTAVE * (octave - 2) + (unsigned)(wait >> (octave - 3)) % SIM_OCTAVE;
}

static stint_ns bucket_end(unsigned bucket)
{
	unsigned octave = bucket / SIM_OCTAVE + 2;

	if (bucket < SIM_OCTAVE)
		return bucket;
	return (stint_ns)(((uint64_t)(SIM_OCTAVE + bucket % SIM_OCTAVE + 1) << (octave - 3)) - 1);
}

stint_ns sim_wait_quantile(const struct sim_account *a, double q)
{
	uint64_t wanted = (uint64_t)((double)a->waits * q), seen = 0;
	unsigned i;

	for (i = 0; i < 64 * SIM_OCTAVE; i++) {
		seen += a->wait[i];
		if (seen && seen >= wanted)
			return bucket_end(i) < a->wait_max ? bucket_end(i) : a->wait_max;
	}
	return 0;
}

static void note_wait(struct sim *sim, struct task *t)
{
	struct sim_account *a = &sim->accounts[t->group];
	stint_ns wait = sim->now - t->ready_since;

	t->ready_since = NEVER;
	a->waits++;
	a->wait[bucket_of(wait)]++;
	if (wait > a->wait_max)
		a->wait_max = wait;
}

static void note_job(struct sim *sim, struct task *t)
{
	const struct sim_group *g = group_of(sim, t);
	struct sim_account *a = &sim->accounts[t->group];
	stint_ns late = g->deadline ? sim->now - later(t->released, g->deadline) : 0;

	a->jobs++;
	t->jobs++;
	if (late > 0) {
		a->late++;
		if (late > a->worst_late)
			a->worst_late = late;
	}
}

/* ----------------------------------------------------------------------------------------------- workers */

static stint_ns policy_time(const struct sim *sim)
{
	return sim->policy->flags & STINT_POLICY_TIMED ? sim->now : 0;
}

static struct task *task_of(struct stint_task *t)
{
	return t ? (struct task *)((char *)t - offsetof(struct task, task)) : NULL;
}

static void stop(struct sim *sim, struct worker *w, enum sim_end end)
{
	struct task *t = w->running;
	struct sim_account *a = &sim->accounts[t->group];
	stint_ns ran = sim->now - w->since;

	t->needs -= ran;
	t->until_yield -= ran;
	t->received += (double)ran;
	a->cpu += ran;
	a->preempted += end == SIM_PREEMPTED;
	note_lag(sim, t);
	if (sim->options->ran && (ran || end != SIM_CUT))
		sim->options->ran(sim->options->arg, &(struct sim_stretch){ t->group, t->member, t->worker, w->since,
		                                                            sim->now, end });
	w->running = NULL;
	w->tick = NEVER;
}

/* Ask when the running one's turn is over, if anyone waits for that and it is not known. */
static void arm(struct sim *sim, struct worker *w)
{
	if (w->ready && w->tick == NEVER && sim->policy->slice)
		w->tick = later(sim->now, sim->policy->slice(w->rq, &w->running->task, policy_time(sim)));
}

static struct task *steal(struct sim *sim, struct worker *thief)
{
	struct worker *victim = NULL;
	struct stint_task *t;

	for (struct worker *w = sim->workers; w < sim->workers + sim->nworkers; w++)
		if (w->ready && (!victim || w->ready > victim->ready))
			victim = w;
	if (!victim)
		return NULL;
	t = sim->policy->balance(victim->rq, policy_time(sim));
	if (!t)
		return NULL;
	victim->ready--;
	sim->policy->attach(thief->rq, t, policy_time(sim));
	return task_of(sim->policy->pick_next(thief->rq, policy_time(sim)));
}

static void dispatch(struct sim *sim, struct worker *w)
{
	struct task *t = task_of(sim->policy->pick_next(w->rq, policy_time(sim)));

	if (t)
		w->ready--;
	else
		t = steal(sim, w);
	if (!t)
		return;
	w->running = t;
	w->since = sim->now;
	w->tick = NEVER;
	t->worker = (unsigned)(w - sim->workers);
	sim->accounts[t->group].turns++;
	note_lag(sim, t);
	if (t->ready_since != NEVER)
		note_wait(sim, t);
	arm(sim, w);
}

static void preempt(struct sim *sim, struct worker *w)
{
	struct task *t = w->running;

	sim->policy->preempt(w->rq, &t->task, policy_time(sim));
	w->ready++;
	stop(sim, w, SIM_PREEMPTED);
	dispatch(sim, w);
}

static void on_tick(struct sim *sim, struct worker *w)
{
	stint_ns more = sim->policy->tick(w->rq, &w->running->task, sim->now);

	if (more)
		w->tick = later(sim->now, more);
	else
		preempt(sim, w);
}

/* where it ran last, unless that is busy and another is idle; a new one where the fewest wait */
static struct worker *worker_for(struct sim *sim, const struct task *t)
{
	struct worker *home = &sim->workers[t->worker];

	if (!home->running)
		return home;
	for (struct worker *w = sim->workers; w < sim->workers + sim->nworkers; w++) {
		if (!w->running)
			return w;
		if (!t->task.id && w->ready < home->ready)
			home = w;
	}
	return home;
}

static void comes(struct sim *sim, struct task *t)
{
	const struct sim_group *g = group_of(sim, t);
	struct worker *w = worker_for(sim, t);
	bool is_new = !t->task.id;

	t->released = t->wakes;
	t->needs = between(sim, g->run_min, g->run_max);
	t->until_yield = g->yield_after ? g->yield_after : NEVER;
	t->ready_since = sim->now;
	t->active_since = sim->now;
	t->share_from = sim->measure;
	t->received = 0;
	sim->weights += t->task.weight;
	if (is_new)
		t->task.id = ++sim->ids;
	(is_new ? sim->policy->spawn : sim->policy->wakeup)(w->rq, &t->task, policy_time(sim));
	w->ready++;
	if (!w->running)
		dispatch(sim, w);
	else if (sim->policy->preempts &&
	         sim->policy->preempts(w->rq, &t->task, &w->running->task, policy_time(sim)))
		preempt(sim, w);
	else
		arm(sim, w);
}

static void leaves(struct sim *sim, struct worker *w, struct task *t)
{
	const struct sim_group *g = group_of(sim, t);
	bool ends = g->jobs && t->jobs + 1 >= g->jobs;
	void (*op)(void *, struct stint_task *, stint_ns) = ends ? sim->policy->done : sim->policy->block;

	if (op)
		op(w->rq, &t->task, policy_time(sim));
	stop(sim, w, ends ? SIM_DONE : SIM_BLOCKED);
	note_job(sim, t);
	sim->weights -= t->task.weight;
	if (ends)
		return;
	if (g->period)
		sleep_until(sim, t, later(t->released, g->period));
	else
		sleep_until(sim, t, later(sim->now, between(sim, g->sleep_min, g->sleep_max)));
}

/* The running task's job is done, or it yields. */
static void comes_to_its_end(struct sim *sim, struct worker *w)
{
	struct task *t = w->running;

	if (later(w->since, t->needs) == sim->now) {
		leaves(sim, w, t);
	} else {
		sim->policy->yield(w->rq, &t->task, policy_time(sim));
		w->ready++;
		stop(sim, w, SIM_YIELDED);
		t->until_yield = group_of(sim, t)->yield_after;
	}
	dispatch(sim, w);
}

/* ------------------------------------------------------------------------------------------------ events */

static stint_ns end_of(const struct worker *w)
{
	const struct task *t = w->running;

	return t ? later(w->since, t->needs < t->until_yield ? t->needs : t->until_yield) : NEVER;
}

static stint_ns next_event(const struct sim *sim)
{
	stint_ns next = sim->nasleep ? sim->asleep[0]->wakes : NEVER;

	for (const struct worker *w = sim->workers; w < sim->workers + sim->nworkers; w++) {
		if (end_of(w) < next)
			next = end_of(w);
		if (w->running && w->tick < next)
			next = w->tick;
	}
	return next;
}

/* All that happens at this point in time; each step may bring more, which the next round finds. */
static void happen(struct sim *sim)
{
	struct worker *w, *end = sim->workers + sim->nworkers;

	for (w = sim->workers; w < end; w++)
		if (end_of(w) <= sim->now)
			comes_to_its_end(sim, w);
	while (sim->nasleep && sim->asleep[0]->wakes <= sim->now)
		comes(sim, wake_first(sim));
	for (w = sim->workers; w < end; w++)
		if (w->running && w->tick <= sim->now && end_of(w) > sim->now)
			on_tick(sim, w);
}

static void run(struct sim *sim)
{
	stint_ns next;

	while ((next = next_event(sim)) < sim->options->length) {
		if (next > sim->now)
			move_time(sim, next);
		happen(sim);
	}
	move_time(sim, sim->options->length);
	for (struct worker *w = sim->workers; w < sim->workers + sim->nworkers; w++)
		if (w->running)
			stop(sim, w, SIM_CUT);
}

/* -------------------------------------------------------------------------------------- setting it up */

static int make_workers(struct sim *sim)
{
	size_t size = (sim->policy->rq_size + 63) / 64 * 64 + 64;
	int err;

	for (; sim->nworkers < sim->options->workers; sim->nworkers++) {
		struct worker *w = &sim->workers[sim->nworkers];

		w->tick = NEVER;
		w->rq = aligned_alloc(64, size);
		if (!w->rq)
			return ENOMEM;
		memset(w->rq, 0, size);
		err = sim->policy->init ? sim->policy->init(w->rq, sim->options->quantum) : 0;
		if (err) {
			free(w->rq);
			return err;
		}
	}
	return 0;
}

static void make_tasks(struct sim *sim, size_t n)
{
	struct task *t = sim->tasks;

	for (size_t i = 0; i < n; i++) {
		const struct sim_group *g = &sim->groups[i];

		for (unsigned member = 0; member < g->count; member++, t++) {
			t->task.weight = g->weight;
			t->task.priority = g->priority;
			t->task.deadline = g->deadline;
			t->group = (unsigned)i;
			t->member = member;
			t->ready_since = NEVER;
			sleep_until(sim, t, g->start + member * g->stagger);
		}
	}
}

/* The policy sees every task to its end, so that its queues are empty when they go. */
static void clean_up(struct sim *sim)
{
	for (struct worker *w = sim->workers; w < sim->workers + sim->nworkers; w++) {
		while (w->rq && sim->policy->balance(w->rq, policy_time(sim)))
			;
		if (sim->policy->fini)
			sim->policy->fini(w->rq);
		free(w->rq);
	}
}

int sim_run(const struct sim_options *options, const struct sim_group *groups, size_t n, struct sim_account *accounts)
{
	struct sim sim = { .options = options, .policy = options->policy, .groups = groups, .accounts = accounts,
		           .chance = options->seed };
	size_t count = 1;
	int err = ENOMEM;

	for (size_t i = 0; i < n; i++)
		count += groups[i].count;
	memset(accounts, 0, n * sizeof(*accounts));
	sim.tasks = calloc(count, sizeof(*sim.tasks));
	sim.asleep = calloc(count, sizeof(struct task *));
	sim.workers = calloc(options->workers, sizeof(*sim.workers));
	if (sim.tasks && sim.asleep && sim.workers)
		err = make_workers(&sim);
	if (!err) {
		make_tasks(&sim, n);
		run(&sim);
	}
	clean_up(&sim);
	free(sim.workers);
	free(sim.asleep);
	free(sim.tasks);
	return err;
}
