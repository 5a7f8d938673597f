/*
 * join.c - many short threads, joined by threads, calls and kernel threads, while signals, kicks and cancels come at random; on 1, 2, 4
 * and 16 workers, under all policies
 *
 * Who waits for a thread's end becomes ready in the few instructions in which that thread leaves for good (heir, in worker.h). Some
 * children go there step by step; at one of the steps, at random, something happens: a kick, a cancel of the one who waits, a fork.
 * The storm's signals land there, too, now and then. Links the library's objects, to look.
 *
 * Each join gives the right result, and once: every child that was made has run once and has been joined once. A join that was cut
 * short by a cancel has either been done and has stored the result, or has left the child to be joined; never both, never none.
 */
#include "../steps.h"
#include "crew.h"

#include <ucontext.h>

#include "worker.h"

#define CHILDREN_MAX 4                  /* processes at a time */
#define STEPS_MAX 20000

struct job {
	stint_thread_t *child;          /* not known to have been joined */
	void *id, *result;              /* what it is to return; what the join gave */
};

static const char *const policies[] = { "fifo", "rr", "fair", "prio", "edf", "mlfq", "lifo" };
static struct job jobs[CREW];
static unsigned long made, ran, joined; /* atomic; in this round */
static unsigned long last_id;           /* atomic */
static unsigned long landed, kicks, heirs_cancelled, forks, calls_cancelled, timed_out;    /* atomic; in all */
static int child_processes;             /* atomic */
static int calm;                        /* the storm is to end */
static pid_t process;

/* --- what happens at an end --------------------------------------------------------------------- */

static void fork_here(void)
{
	pid_t pid;

	if (ADD(child_processes, 1) > CHILDREN_MAX) {
		ADD(child_processes, -1);
		return;
	}
	ADD(forks, 1);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid)
		_exit(0);
}

static void at_end(struct worker *w, struct stint_thread *heir)
{
	switch (ADD(landed, 1) % 4) {
	case 0:
		break;
	case 1:
		worker_kick(w);
		ADD(kicks, 1);
		break;
	case 2:
		if (!LOAD(over) && stint_thread_cancel(heir) == 0)
			ADD(heirs_cancelled, 1);
		break;
	default:
		fork_here();
	}
}

static void on_signal(int signo)
{
	struct worker *w = worker_here();

	(void)signo;
	if (w && w->heir)
		at_end(w, w->heir);
}

/* --- step by step ------------------------------------------------------------------------------ */

static struct hunt {
	stint_thread_t *thread;
	unsigned steps;
	unsigned seen, at;              /* with an heir; at which of these something happens */
} hunts[WORKERS_MAX];
static unsigned longest;                /* seen so far; racy, and need not be right */

/* true: go on */
static bool step(struct hunt *h, struct worker *w)
{
	if (!w->heir) {
		if (h->seen > longest)
			longest = h->seen;
		return !h->seen && ++h->steps < STEPS_MAX && stint_thread_self() == h->thread;
	}
	if (h->seen++ != h->at)
		return true;
	at_end(w, w->heir);
	return false;
}

static void on_step(int signo, siginfo_t *info, void *uc)
{
	struct worker *w = worker_here();

	(void)signo;
	(void)info;
	if (!w || !step(&hunts[w->id], w))
		((ucontext_t *)uc)->uc_mcontext.gregs[REG_EFL] &= ~STEP_FLAG;
}

/* preemption stays disabled until it ends, so that it stays where it is */
static void go_on_in_steps(struct rng *r)
{
	stint_preempt_disable();
	hunts[worker_here()->id] = (struct hunt){ .thread = stint_thread_self(), .at = (unsigned)rng_below(r, longest + 1) };
	set_step_flag(true);
}

/* --- a joiner ---------------------------------------------------------------------------------- */

static void *child(void *arg)
{
	struct rng r;

	rng_seed(&r, (uint64_t)arg);
	switch (rng_below(&r, 8)) {
	case 0:
		stint_thread_yield();
		break;
	case 1:
		stint_thread_sleep(STINT_US(rng_below(&r, 20)));
		break;
	case 2:
		spin_ns((int64_t)rng_below(&r, 20000));
		break;
	}
	ADD(ran, 1);
	if (rng_below(&r, 128) == 0)
		go_on_in_steps(&r);
	return arg;
}

/* preemption disabled: made and noted in one */
static void have_child(struct job *j)
{
	stint_preempt_disable();
	j->id = (void *)ADD(last_id, 1);
	j->result = NULL;
	CHECK_INT(stint_thread_create(&j->child, NULL, child, j->id), ==, 0);
	ADD(made, 1);
	stint_preempt_enable();
}

static void note_joined(struct job *j)
{
	stint_preempt_disable();
	CHECK(j->result == j->id);
	CHECK_INT(getpid(), ==, process);
	j->child = NULL;
	ADD(joined, 1);
	stint_preempt_enable();
	crew_did();
}

/* whoever had the job has been cancelled, perhaps in the join */
static void settle(struct place *p)
{
	struct job *j = p->job;

	if (!j->child)
		return;
	if (!j->result)
		CHECK_INT(stint_thread_join(j->child, &j->result), ==, 0);
	note_joined(j);
}

static void *joins_in_call(void *arg)
{
	struct job *j = arg;

	CHECK_INT(stint_thread_join(j->child, &j->result), ==, 0);
	return arg;
}

/* the deadline stops the wait, which begins anew; or the call is cancelled, in the wait or behind it */
static void join_in_call(struct place *p)
{
	stint_t *call = stint_launch(joins_in_call, p->job, STINT_US(1 + below(p, 30)));
	bool drop = below(p, 4) == 0;

	CHECK(call);
	while (!stint_is_complete(call) && !drop) {
		int err = stint_resume(call, STINT_US(1 + below(p, 30)));

		CHECK(err == 0 || err == ETIMEDOUT);
		drop = below(p, 16) == 0;
	}
	if (!stint_is_complete(call))
		ADD(calls_cancelled, 1);
	stint_free(call);
	settle(p);
}

static void join_timed(struct place *p)
{
	struct job *j = p->job;
	int err;

	while ((err = stint_thread_join_timed(j->child, &j->result, STINT_US(below(p, 50)))) == ETIMEDOUT)
		ADD(timed_out, 1);
	CHECK_INT(err, ==, 0);
	note_joined(j);
}

static void at_cancel(void *p)
{
	settle(p);
}

/* of a thread that is cancelled, itself joins what is left, in its cleanup; of a call, whoever has cancelled it */
static void *joins(void *arg)
{
	struct place *p = arg;
	struct job *j = p->job;

	if (p->kind == GREEN)
		CHECK_INT(stint_defer(at_cancel, p), ==, 0);
	while (!LOAD(over)) {
		have_child(j);
		switch (below(p, 4)) {
		case 0:
			join_in_call(p);
			break;
		case 1:
			join_timed(p);
			break;
		default:
			CHECK_INT(stint_thread_join(j->child, &j->result), ==, 0);
			note_joined(j);
		}
	}
	return NULL;
}

/* --- the storm --------------------------------------------------------------------------------- */

static void reap(int flags)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, flags)) > 0) {
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			test_fail(__FILE__, __LINE__, "a child ended with status %#x", status);
		ADD(child_processes, -1);
	}
}

static void *storm(void *arg)
{
	struct rng r;

	rng_seed(&r, (uint64_t)arg);
	while (!LOAD(ran) && !LOAD(calm))       /* then there are workers, until the storm is over */
		sleep_ns(100000);
	while (!LOAD(calm)) {
		struct worker *w = workers[rng_below(&r, nregular)];

		if (rng_below(&r, 8) == 0)
			worker_kick(w);
		else
			CHECK_INT(tgkill(process, w->kt->tid, SIGUSR1), ==, 0);
		reap(WNOHANG);
		for (volatile int turn = (int)rng_below(&r, 1000); turn > 0; turn--)
			;
	}
	return NULL;
}

/* --- rounds ------------------------------------------------------------------------------------ */

static pthread_t stormer;

static void finish(void)
{
	STORE(calm, 1);
	CHECK_INT(pthread_join(stormer, NULL), ==, 0);
}

static void round_with(unsigned workers, const char *policy, uint64_t seed, int64_t span)
{
	char quantum[16];
	struct rng r;

	rng_seed(&r, seed);
	snprintf(quantum, sizeof(quantum), "%dus", 10 + (int)rng_below(&r, 41));
	setenv("STINT_QUANTUM", quantum, 1);
	setenv("STINT_POLICY", policy, 1);
	STORE(calm, 0);
	made = ran = joined = 0;
	CHECK_INT(pthread_create(&stormer, NULL, storm, (void *)seed), ==, 0);
	crew_round(workers, seed, span, joins, settle, finish);
	for (int i = 0; i < CREW; i++)
		CHECK(!jobs[i].child);
	CHECK_INT(joined, ==, made);
	CHECK_INT(ran, ==, made);
	reap(0);
	printf("%u workers, %s, %s: %lu joined\n", workers, policy, quantum, joined);
}

int main(void)
{
	static const unsigned workers[] = { 1, 2, 4, 16 };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction stepping = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	int64_t span = test_seconds(4) * 1000000000 / 28;
	uint64_t seed = test_seed();

	test_watchdog();
	process = getpid();
	CHECK(!stint_unsupported());
	CHECK_INT(sigaction(SIGUSR1, &action, NULL), ==, 0);
	sigaddset(&stepping.sa_mask, SIGUSR1);          /* which would fork in the midst of a fork */
	CHECK_INT(sigaction(SIGTRAP, &stepping, NULL), ==, 0);
	for (int i = 0; i < CREW; i++)
		crew[i].job = &jobs[i];
	for (int i = 0; i < 28; i++)
		round_with(workers[i % 4], policies[i / 4], seed + (uint64_t)i * 10000, span);
	printf("%lu signals at an end: %lu kicks, %lu cancels, %lu forks; %lu cancels, %lu of calls, %lu joins timed out\n",
	       landed, kicks, heirs_cancelled, forks, cancels, calls_cancelled, timed_out);
	return 0;
}
