/*
 * replace.c - see replace.h
 *
 * Each worker's next queue is made beforehand, so changing over cannot fail. A worker does it where it has no running thread; all are
 * asked to switch at once. Threads that are away are recognised by their policy_gen when they come back.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <errno.h>

#include "replace.h"

#include "idle.h"
#include "rank.h"
#include "relief.h"
#include "runq.h"
#include "sys.h"

#define BEGUN 1
#define HELD 2

unsigned replace_wanted_gen;

/* the policy that all are to have */
static struct {
	const struct stint_policy *policy;
	int busy;                       /* BEGUN: one is being begun; HELD: the number of workers changes, soon over */
	int left;                       /* workers that have not changed over; who waits sleeps on it */
	void *rq[WORKERS_MAX];
	void *memory[WORKERS_MAX];
} wanted;

void *replace_make_rq(const struct stint_policy *policy, void **memory, int *err)
{
	size_t size = policy->rq_size + 64;
	void *rq;

	*memory = sys_alloc(size);
	if (!*memory) {
		*err = ENOMEM;
		return NULL;
	}
	rq = (void *)(((uintptr_t)*memory + 63) & ~(uintptr_t)63);
	*err = policy->init ? policy->init(rq, runq_quantum) : 0;
	if (*err) {
		if (*err < 0)           /* as kernels do it: no errno value, which is what our caller's caller is to get */
			*err = EINVAL;
		sys_free(*memory);
		return NULL;
	}
	return rq;
}

void replace_drop_rq(const struct stint_policy *policy, void *rq, void *memory)
{
	if (rq && policy->fini)
		policy->fini(rq);
	sys_free(memory);
}

void replace_adopt_rq(struct worker *w, const struct stint_policy *policy, void *rq, void *memory, unsigned gen)
{
	w->policy = policy;
	w->timed = policy->flags & STINT_POLICY_TIMED;
	w->ranked = policy->flags & (STINT_POLICY_PRIORITY | STINT_POLICY_DEADLINE);
	w->sends = w->ranked || w->relief;
	rank_idle_locked(w);            /* until somebody does */
	w->yield_to = policy->size > offsetof(struct stint_policy, yield_to) ? policy->yield_to : NULL;
	w->rq = rq;
	w->rq_memory = memory;
	w->policy_gen = gen;
}

void replace_slow_locked(struct worker *w)
{
	const struct stint_policy *old = w->policy;
	void *rq = w->rq, *memory = w->rq_memory;
	unsigned gen = replace_gen();
	struct stint_task *task;
	stint_ns before;

	before = runq_now_locked(w);
	fiber_acquire(&wanted);
	replace_adopt_rq(w, wanted.policy, wanted.rq[w->id], wanted.memory[w->id], gen);
	w->ready = 0;
	w->load = 0;                    /* nobody runs */
	while ((task = old->balance(rq, before)))
		runq_file_locked(w, thread_of_task(task), READY_WAKEUP);     /* its gen differs: attached */
	replace_drop_rq(old, rq, memory);
	__atomic_sub_fetch(&wanted.left, 1, __ATOMIC_ACQ_REL);
	sys_wake(&wanted.left);
}

/* true: nobody else begins one, and all workers have the last one */
static bool enter(int as, int *was)
{
	*was = 0;
	if (!__atomic_compare_exchange_n(&wanted.busy, was, as, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	if (__atomic_load_n(&wanted.left, __ATOMIC_ACQUIRE) <= 0)
		return true;
	replace_let_go();
	return false;
}

bool replace_hold(void)
{
	int was;

	return enter(HELD, &was);
}

/* The monitor's affairs are not the caller's, who would take it for another's replacing. */
static bool begin(void)
{
	unsigned turns = 0;
	int was;

	while (!enter(BEGUN, &was)) {
		if (was != HELD)
			return false;
		spin_pause(&turns);
	}
	return true;
}

void replace_let_go(void)
{
	__atomic_store_n(&wanted.busy, 0, __ATOMIC_RELEASE);
}

/* a worker that sleeps has an empty queue, but must change over all the same */
static void have_all_replace(void)
{
	for (unsigned i = 0; i < nworkers; i++) {
		if (workers[i]->relief)
			relief_wake(workers[i]);
		if (!idle_wake(workers[i]))
			worker_kick(workers[i]);
	}
}

int workers_set_policy(const struct stint_policy *policy)
{
	void *rq[WORKERS_MAX], *memory[WORKERS_MAX];
	unsigned made;
	int err = 0;

	if (!begin())
		return EBUSY;
	for (made = 0; made < nworkers; made++) {
		rq[made] = replace_make_rq(policy, &memory[made], &err);
		if (err)
			goto drop_made;
	}
	wanted.policy = policy;
	for (unsigned i = 0; i < nworkers; i++) {
		wanted.rq[i] = rq[i];
		wanted.memory[i] = memory[i];
	}
	__atomic_store_n(&wanted.left, (int)nworkers, __ATOMIC_RELAXED);
	fiber_release(&wanted);
	__atomic_store_n(&replace_wanted_gen, replace_wanted_gen + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	have_all_replace();
	goto not_busy;
drop_made:
	while (made-- > 0)
		replace_drop_rq(policy, rq[made], memory[made]);
not_busy:
	replace_let_go();
	return err;
}

/* the workers have ended, and some before they changed over */
void replace_drop(void)
{
	for (unsigned i = 0; i < nworkers; i++)
		if (workers[i]->policy_gen != replace_wanted_gen)
			replace_drop_rq(wanted.policy, wanted.rq[i], wanted.memory[i]);
	__atomic_store_n(&wanted.left, 0, __ATOMIC_RELEASE);
	sys_wake(&wanted.left);
}

int *workers_replacing(void)
{
	return &wanted.left;
}

void replace_forget(unsigned gen)
{
	replace_wanted_gen = gen;
	wanted.left = wanted.busy = 0;
}
