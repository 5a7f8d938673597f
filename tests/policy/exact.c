/*
 * exact.c - what each policy promises, measured in virtual time: turns, shares, deadlines, nobody starved
 *
 * The simulator runs the policies of the library; nothing here depends on a clock, so the figures are exact.
 */
#include "../test.h"

#include <math.h>

#include "../../sched/sim/sim.h"

#define MS STINT_MS(1)
#define GROUPS 16

static struct sim_group *groups;
static size_t ngroups;
static struct sim_account accounts[GROUPS];
static struct sim_options options;
static struct rng rng;

static void simulate(const char *policy, const char *workload, stint_ns length)
{
	char why[200] = "";

	free(groups);
	groups = NULL;
	if (sim_workload_parse(workload, &groups, &ngroups, why, sizeof(why)))
		test_fail(__FILE__, __LINE__, "%s", why);
	CHECK(ngroups <= GROUPS);
	CHECK_INT(stint_policy_load(policy, &options.policy, NULL, 0), ==, 0);
	options.workers = options.workers ? options.workers : 1;
	options.quantum = MS;
	options.length = length;
	CHECK_INT(sim_run(&options, groups, ngroups, accounts), ==, 0);
}

static void with_hook(void (*ran)(void *, const struct sim_stretch *))
{
	options.ran = ran;
}

static double share(unsigned group)
{
	return (double)accounts[group].cpu / (double)options.length;
}

static void check_share(unsigned group, double wanted, double tolerance)
{
	if (fabs(share(group) - wanted) > tolerance)
		test_fail(__FILE__, __LINE__, "%s under %s: %s got %.4f, not %.4f", options.policy->name, "test",
		          groups[group].name, share(group), wanted);
}

/* ------------------------------------------------------------------------------------------- rr and fifo */

static unsigned stretches;

/* three hogs and one that yields after 300 us, in turn: nothing but whole turns */
static void whole_turns(void *arg, const struct sim_stretch *s)
{
	(void)arg;
	CHECK_INT(s->group, ==, stretches % 4);
	if (s->end != SIM_CUT)
		CHECK_INT(s->to - s->from, ==, s->group == 2 ? STINT_US(300) : MS);
	CHECK(s->end == SIM_CUT || s->end == (s->group == 2 ? SIM_YIELDED : SIM_PREEMPTED));
	stretches++;
}

static void rr_turns(void)
{
	stretches = 0;
	with_hook(whole_turns);
	simulate("rr", "a run=forever\nb run=forever\nc run=forever yield=300us\nd run=forever\n", STINT_S(1));
	with_hook(NULL);
	CHECK_INT(stretches, >=, 1000);
}

static void never_stopped(void *arg, const struct sim_stretch *s)
{
	(void)arg;
	CHECK(s->end != SIM_PREEMPTED);
	if (ngroups == 3 && s->from < STINT_MS(50))     /* the first round: in the order in which they came */
		CHECK_INT(s->group, ==, stretches++);
}

static void fifo_runs_on(void)
{
	stretches = 0;
	with_hook(never_stopped);
	simulate("fifo", "a run=10ms sleep=1ms\nb run=20ms sleep=1ms\nc run=20ms..30ms yield=20ms sleep=1us\n",
	         STINT_S(1));
	CHECK_INT(accounts[0].jobs, >, 10);
	simulate("fifo", "hog run=forever\nsleeper n=5 run=1us sleep=1ms\n", STINT_S(1));
	with_hook(NULL);
	check_share(0, 1, 0);
}

/* -------------------------------------------------------------------------------------------------- fair */

/*
 * The ideal machine: all active tasks at once, each at its share. Each task's lag is followed through arrivals
 * and ends; what one that ends was owed or owes is spread over the others by weight, as the paper has it.
 */
struct ideal {
	double lag[GROUPS];
	bool active[GROUPS], ended[GROUPS];
	stint_ns at;
	double worst;
};

static double weights_of(const struct ideal *ideal)
{
	double sum = 0;

	for (size_t i = 0; i < ngroups; i++)
		sum += ideal->active[i] ? groups[i].weight : 0;
	return sum;
}

static void ideal_runs(struct ideal *ideal, unsigned running, stint_ns to)
{
	double weights = weights_of(ideal), span = (double)(to - ideal->at);

	for (size_t i = 0; i < ngroups; i++) {
		if (!ideal->active[i])
			continue;
		ideal->lag[i] += span * groups[i].weight / weights - (i == running ? span : 0);
		if (fabs(ideal->lag[i]) > ideal->worst)
			ideal->worst = fabs(ideal->lag[i]);
	}
	ideal->at = to;
}

static void ideal_starts(struct ideal *ideal, stint_ns now)
{
	for (size_t i = 0; i < ngroups; i++)
		if (!ideal->ended[i] && groups[i].start <= now)
			ideal->active[i] = true;
}

static stint_ns next_start(const struct ideal *ideal, stint_ns before)
{
	for (size_t i = 0; i < ngroups; i++)
		if (!ideal->active[i] && !ideal->ended[i] && groups[i].start < before)
			before = groups[i].start;
	return before;
}

static void ideal_ends(struct ideal *ideal, unsigned which)
{
	double weights;

	ideal->active[which] = false;
	ideal->ended[which] = true;
	weights = weights_of(ideal);
	for (size_t i = 0; i < ngroups; i++)
		if (ideal->active[i])
			ideal->lag[i] += ideal->lag[which] * groups[i].weight / weights;
}

static void follow(void *arg, const struct sim_stretch *s)
{
	struct ideal *ideal = arg;

	if (!weights_of(ideal))
		ideal->at = s->from;
	CHECK_INT(ideal->at, ==, s->from);      /* never idle while someone is ready */
	ideal_starts(ideal, s->from);
	while (ideal->at < s->to) {
		ideal_runs(ideal, s->group, next_start(ideal, s->to));
		if (ideal->at < s->to)
			ideal_starts(ideal, ideal->at);
	}
	if (s->end == SIM_DONE)
		ideal_ends(ideal, s->group);
}

/*
 * No task is ever further from its share than one request, here a quantum, and the eighth that a new one may start late. The
 * proof of that is for tasks that end with nothing owed; where others end, what they leave behind comes on top, and here it is not spread at
 * once.
 */
static void fair_bound(const char *workload, double quanta)
{
	struct ideal ideal = { .at = 0 };

	options.arg = &ideal;
	with_hook(follow);
	simulate("fair", workload, STINT_S(2));
	with_hook(NULL);
	if (ideal.worst > quanta * (double)MS + (double)MS / 8 + 10)
		test_fail(__FILE__, __LINE__, "%.0f ns from the ideal share with\n%s", ideal.worst, workload);
}

static void fair_random_bound(void)
{
	char text[4096];
	size_t used = 0;
	uint64_t n = 2 + rng_below(&rng, GROUPS - 2);
	bool ends = rng_below(&rng, 2);

	for (uint64_t i = 0; i < n; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "t%llu weight=%llu start=%lluns jobs=1 run=",
		                         (unsigned long long)i,
		                         (unsigned long long)(1 + rng_below(&rng, rng_below(&rng, 2) ? 4096 : 100000)),
		                         (unsigned long long)rng_below(&rng, rng_below(&rng, 2) ? STINT_S(2) : MS));
		if (!ends || rng_below(&rng, 2))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "forever\n");
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%lluns\n",
			                         (unsigned long long)(1 + rng_below(&rng, STINT_MS(200))));
	}
	fair_bound(text, ends ? 3 : 1);
}

static void fair_shares(void)
{
	fair_bound("a weight=1024 run=forever\nb weight=2048 run=forever\nc weight=3072 run=forever\n", 1);
	check_share(0, 1 / 6., 0.001);
	check_share(1, 2 / 6., 0.001);
	check_share(2, 3 / 6., 0.001);
	fair_bound("least weight=1 run=forever\nmost weight=1048576 run=forever\n", 1);
	for (int i = 0; i < 100; i++)
		fair_random_bound();
	/* nothing is gained by sleeping for a moment; who yields to a hog lets it have a turn */
	simulate("fair", "hog run=forever\nsly run=990us sleep=1us\n", STINT_S(10));
	check_share(1, 0.5, 0.01);
	simulate("fair", "hog n=3 run=forever\npolite run=forever yield=10us\n", STINT_S(10));
	check_share(0, 1 - share(1), 1e-9);
	CHECK_INT(accounts[1].turns, >=, 9900);
	simulate("fair", "polite n=4 run=forever yield=10us\n", STINT_S(1));
	CHECK_INT(accounts[0].turns, >=, 99999);
	CHECK_INT(accounts[0].wait_max, <=, STINT_US(30));
	/* a long sleep earns no more than one request: a second after it all have had the same again */
	simulate("fair", "hog run=forever\nlate run=forever start=1s\n", STINT_S(3));
	check_share(1, 1 / 3., 0.001);
	/* those that need little wait little, however many hogs there are */
	simulate("fair", "hog n=16 run=forever\nsleeper n=2 run=10us sleep=1ms\n", STINT_S(10));
	CHECK_INT(accounts[1].waits, >, 15000);
	CHECK_INT(sim_wait_quantile(&accounts[1], 0.99), <=, MS / 8);
	simulate("fair", "hog n=2 weight=256 run=forever\nbig weight=1024 run=50ms sleep=50ms\n", STINT_S(10));
	CHECK(accounts[0].cpu > 0 && accounts[1].jobs > 50);
}

/* --------------------------------------------------------------------------------------------------- edf */

/* periodic tasks, each to be done before its next period, that need at most @load of the CPU together */
static void periodic_set(char *text, size_t size, double load)
{
	static const unsigned periods[] = { 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 45 };
	unsigned n = 2 + (unsigned)rng_below(&rng, 8);
	double parts[10], sum = 0;
	size_t used = 0;

	for (unsigned i = 0; i < n; i++)
		sum += parts[i] = 1 + (double)rng_below(&rng, 1000);
	for (unsigned i = 0; i < n; i++) {
		unsigned period = periods[rng_below(&rng, sizeof(periods) / sizeof(*periods))];

		used += (size_t)snprintf(text + used, size - used,
		                         "t%u period=%ums deadline=%ums start=%lluus run=%.0fns\n", i, period, period,
		                         (unsigned long long)rng_below(&rng, 20000),
		                         floor(parts[i] / sum * load * period * 1e6));
	}
}

static uint64_t all_late(void)
{
	uint64_t late = 0;

	for (size_t i = 0; i < ngroups; i++)
		late += accounts[i].late;
	return late;
}

static void edf_deadlines(void)
{
	uint64_t others = 0;
	char text[2048];

	for (int i = 0; i < 100; i++) {
		periodic_set(text, sizeof(text), 1);
		simulate("edf", text, STINT_S(2));
		if (all_late())
			test_fail(__FILE__, __LINE__, "late with\n%s", text);
		simulate("rr", text, STINT_S(2));
		others += all_late();
		periodic_set(text, sizeof(text), 1.05);
		simulate("edf", text, STINT_S(4));
		CHECK_INT(all_late(), >, 0);
	}
	CHECK_INT(others, >, 1000);             /* the sets are not such that anyone could do it */
	/* too much, once: the one that is due later is late, by what there is too much */
	simulate("edf", "b run=6ms deadline=11ms jobs=1 sleep=1s\na run=6ms deadline=10ms jobs=1 sleep=1s\n",
	         STINT_S(1));
	CHECK_INT(accounts[1].late, ==, 0);
	CHECK_INT(accounts[0].late, ==, 1);
	CHECK_INT(accounts[0].worst_late, ==, MS);
	/* without a deadline: turns in what is left over */
	simulate("edf", "job run=5ms period=10ms deadline=10ms\nhog n=2 run=forever\n", STINT_S(1));
	CHECK_INT(accounts[0].late, ==, 0);
	check_share(1, 0.5, 0.001);
	CHECK_INT(accounts[1].turns, >=, 400);
}

/* ---------------------------------------------------------------------------------------- prio and mlfq */

static void prio_levels(void)
{
	simulate("prio", "low run=forever\nhigh run=1ms sleep=1ms priority=5\n", STINT_S(1));
	CHECK_INT(accounts[1].wait_max, ==, 0);
	check_share(1, 0.5, 0.002);
	simulate("prio", "low run=forever priority=-1\nhigh n=3 run=forever\n", STINT_S(1));
	check_share(0, 0, 0);
	CHECK_INT(accounts[1].turns, >=, 999);
	/* displaced again and again, equals still take turns */
	simulate("prio", "low n=2 run=forever\nhigh run=10us sleep=400us priority=1\n", STINT_S(1));
	CHECK_INT(accounts[0].wait_max, <=, 2 * MS);
}

static stint_ns hog_ran, hog_gap;

static void watch_hog(void *arg, const struct sim_stretch *s)
{
	(void)arg;
	if (s->group)
		return;
	if (s->from - hog_ran > hog_gap)
		hog_gap = s->from - hog_ran;
	hog_ran = s->to;
}

static void mlfq_levels(void)
{
	/* once the hogs have gone down, those that sleep more wait for them only after a boost */
	simulate("mlfq", "hog n=4 run=forever\nbrief n=4 run=50us sleep=2ms\n", STINT_S(20));
	CHECK_INT(accounts[1].waits, >, 20000);
	CHECK_INT(sim_wait_quantile(&accounts[1], 0.9), <=, STINT_US(200));
	CHECK_INT(accounts[0].cpu + accounts[1].cpu, ==, options.length);
	/* a third of the CPU, but it sleeps longer than it runs */
	simulate("mlfq", "hog n=8 run=forever\nhalf run=400us sleep=800us\n", STINT_S(20));
	CHECK_INT(sim_wait_quantile(&accounts[1], 0.9), ==, 0);
	CHECK(share(1) > 0.3);
	/* to stop just before the allowance is used up gains nothing */
	simulate("mlfq", "hog run=forever\nsly run=990us sleep=10us\n", STINT_S(20));
	CHECK(share(1) < 0.65);
	/* more than enough work for the CPU on the highest level: the hog still gets on, at each boost */
	hog_ran = hog_gap = 0;
	with_hook(watch_hog);
	simulate("mlfq", "hog run=forever\nbrief n=30 run=100us sleep=1ms\n", STINT_S(20));
	with_hook(NULL);
	CHECK_INT(accounts[0].turns, >, 100);
	CHECK_INT(hog_gap, <=, 140 * MS);
}

/* One that wants a moment, and happens to have the CPU when the machine stands still, does not go down to those that compute. */
static void mlfq_stands_still(void)
{
	const struct stint_policy *p;
	struct stint_task one = { .weight = STINT_WEIGHT_NORMAL }, other = { .weight = STINT_WEIGHT_NORMAL };
	stint_ns now = 0;
	void *rq;

	CHECK_INT(stint_policy_load("mlfq", &p, NULL, 0), ==, 0);
	rq = calloc(1, p->rq_size);
	CHECK(rq);
	CHECK_INT(p->init(rq, MS), ==, 0);
	p->spawn(rq, &one, now);
	p->spawn(rq, &other, now);
	CHECK(p->pick_next(rq, now) == &one);
	now += 30 * MS;
	CHECK_INT(p->tick(rq, &one, now), ==, 0);
	p->preempt(rq, &one, now);
	CHECK(p->pick_next(rq, now) == &other);
	p->block(rq, &other, now);
	CHECK(p->pick_next(rq, now) == &one);
	CHECK_INT(p->slice(rq, &one, now), ==, 2 * MS); /* that of the second level */
	free(rq);
}

/* ------------------------------------------------------------------------------------------ the simulator */

static void simulator(void)
{
	struct sim_group *g;
	char why[200];
	stint_ns span;
	size_t n;

	CHECK(sim_span("50us", &span) && span == 50000);
	CHECK(sim_span("1.5ms", &span) && span == 1500000);
	CHECK(sim_span("forever", &span) && span == STINT_FOREVER);
	CHECK(!sim_span("5", &span) && !sim_span("us", &span) && !sim_span("5us6", &span) && !sim_span("", &span));
	CHECK_INT(sim_workload_parse("a run=1us..2us # two\n\n# more\nb n=3 run=1us\n", &g, &n, why, sizeof(why)), ==,
	          0);
	CHECK(n == 2 && g[0].run_max == 2000 && g[1].count == 3 && g[1].weight == STINT_WEIGHT_NORMAL);
	free(g);
	CHECK_INT(sim_workload_parse("a run=1us\nb wait=2us run=1us\n", &g, &n, why, sizeof(why)), ==, EINVAL);
	CHECK(strstr(why, "line 2") && strstr(why, "wait"));
	CHECK_INT(sim_workload_parse("a n=3\n", &g, &n, why, sizeof(why)), ==, EINVAL);
	CHECK_INT(sim_workload_parse("a run=2us..1us\n", &g, &n, why, sizeof(why)), ==, EINVAL);
	CHECK_INT(sim_workload_parse("# nothing\n", &g, &n, why, sizeof(why)), ==, EINVAL);
	/* several workers: none idle while someone is ready */
	options.workers = 3;
	for (size_t i = 0; stint_policy_builtin(i); i++) {
		simulate(stint_policy_builtin(i)->name, "hog n=5 run=forever\nbrief n=9 run=50us sleep=1ms\n",
		         STINT_S(1));
		CHECK_INT(accounts[0].cpu + accounts[1].cpu, ==, 3 * options.length);
	}
	options.workers = 1;
}

int main(void)
{
	test_watchdog();
	rng_seed(&rng, test_seed());
	simulator();
	rr_turns();
	fifo_runs_on();
	fair_shares();
	edf_deadlines();
	prio_levels();
	mlfq_levels();
	mlfq_stands_still();
	free(groups);
	return 0;
}
