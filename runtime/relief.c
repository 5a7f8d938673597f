/*
 * relief.c - see relief.h
 *
 * A relief is a worker like the others, with a queue and a kernel thread; it is made when it is first needed and kept. Nobody
 * wakes it but the monitor, and nothing is put into its inbox, nor among its timers. While it relieves another worker it takes what is ready
 * there, in the inbox, or due by the other's timers: when it has nothing to do, at the ends of turns, and when the monitor, which sees that
 * somebody waits there, kicks it. If it sits in the kernel itself the monitor brings in another one for the same worker. When the relieved
 * one has switched, has nothing to do, or is seen to compute, it hands its ready threads to that one's inbox and rests.
 *
 * Who has something to do for one that rests claims it first, by rests, from RESTS to CLAIMED; relief_begin() ends that. Its kernel thread, if
 * it wakes up meanwhile, waits for it, and may find that it has another worker then (handoff.c). So rests and the word on which it sleeps
 * are the kernel thread's.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include "relief.h"

#include "clock.h"
#include "deadlock.h"
#include "replace.h"
#include "runq.h"
#include "sys.h"
#include "tick.h"

#define NAP_NS 500000           /* between two looks at a worker that has nothing to take */

enum { AWAKE, RESTS, CLAIMED };

static void wake(struct kthread *kt)
{
	__atomic_fetch_add(&kt->rest_word, 1, __ATOMIC_SEQ_CST);
	sys_wake(&kt->rest_word);
}

void relief_wake(struct worker *w)
{
	wake(worker_kthread(w));
}

/* --- those that rest --------------------------------------------------------------------------- */

struct worker *relief_claim(void)
{
	unsigned n = __atomic_load_n(&nworkers, __ATOMIC_ACQUIRE);

	for (unsigned i = nregular; i < n; i++) {
		struct kthread *kt = worker_kthread(workers[i]);
		int rests = RESTS;

		if (__atomic_compare_exchange_n(&kt->rests, &rests, CLAIMED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return kt->worker;      /* workers[i], if that is still so */
	}
	return NULL;
}

void relief_begin(struct kthread *kt)
{
	__atomic_store_n(&kt->rests, AWAKE, __ATOMIC_RELEASE);
	wake(kt);
}

void relief_is_made(struct kthread *kt)
{
	kt->rests = CLAIMED;
}

void relief_await(struct kthread *kt)
{
	unsigned turns = 0;
	int rests;

	while (rests = RESTS, !__atomic_compare_exchange_n(&kt->rests, &rests, AWAKE, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE) &&
	       rests == CLAIMED)
		spin_pause(&turns);
}

/* --- by the monitor ---------------------------------------------------------------------------- */

struct worker *relief_of(const struct worker *stuck, unsigned *from)
{
	while (*from < nworkers) {
		struct worker *w = workers[(*from)++];

		if (__atomic_load_n(&w->relieves, __ATOMIC_RELAXED) == stuck)
			return w;
	}
	return NULL;
}

/* without memory or a kernel thread for one, the others wait on */
void relief_bring(struct worker *stuck, uint64_t turns)
{
	struct worker *w = relief_claim();

	if (!w && !(w = worker_add_relief()))
		return;
	w->stats.reliefs++;
	__atomic_store_n(&w->relieved_turns, turns, __ATOMIC_RELAXED);
	__atomic_store_n(&w->relieves, stuck, __ATOMIC_RELEASE);
	relief_begin(w->kt);
}

void relief_end(struct worker *w)
{
	__atomic_store_n(&w->relieved_turns, NEVER, __ATOMIC_RELAXED);
}

/* --- the relief -------------------------------------------------------------------------------- */

bool relief_over(const struct worker *w)
{
	const struct worker *stuck = __atomic_load_n(&w->relieves, __ATOMIC_ACQUIRE);

	return !stuck || __atomic_load_n(&stuck->turns, __ATOMIC_RELAXED) != __atomic_load_n(&w->relieved_turns, __ATOMIC_RELAXED) ||
	       !__atomic_load_n(&stuck->running, __ATOMIC_RELAXED);
}

void relief_look(struct worker *w)
{
	struct worker *stuck = __atomic_load_n(&w->relieves, __ATOMIC_ACQUIRE);

	if (!relief_over(w))
		runq_relieve(w, stuck);
}

static void nap(struct kthread *kt, int before, uint64_t until)
{
	if (!__atomic_load_n(&idle_stopping, __ATOMIC_SEQ_CST))         /* after the word, which is bumped after that */
		clock_sleep_on(&kt->rest_word, before, until);
}

/* all that is ready here, for others to run */
static void hand_back(struct worker *w)
{
	struct stint_thread *list;

	runq_lock(w);
	runq_collect_locked(w);
	replace_locked(w);
	list = runq_take_all_locked(w);
	runq_unlock(w);
	workers_hand_out_kicking(list);
}

/* As it may be the last to have run a thread, it looks whether all wait for each other, like one that has nothing to do (idle_sleep()). */
static void rest(struct kthread *kt, int before)
{
	uint64_t look;

	__atomic_store_n(&kt->rests, RESTS, __ATOMIC_RELEASE);
	look = deadlock_look_worker();
	nap(kt, before, look);
	if (look != NEVER)
		deadlock_awake(look);
	relief_await(kt);
}

/* Until the next look. Timers of the one that it relieves are on time. */
static void nap_a_while(struct kthread *kt, int before, const struct worker *stuck)
{
	uint64_t until = clock_after(clock_now(), clock_cycles(NAP_NS)), first = __atomic_load_n(&stuck->timers.first, __ATOMIC_RELAXED);

	nap(kt, before, first < until ? first : until);
}

void relief_round(struct worker *w)
{
	struct kthread *kt = w->kt;
	int before = __atomic_load_n(&kt->rest_word, __ATOMIC_SEQ_CST);
	struct worker *stuck = __atomic_load_n(&w->relieves, __ATOMIC_ACQUIRE);

	if (relief_over(w)) {
		hand_back(w);
		__atomic_store_n(&w->relieves, NULL, __ATOMIC_RELEASE);
		tick_burst_off(kt);
		if (!stuck)
			rest(kt, before);
		return;
	}
	if (worker_run_one(w) || runq_relieve(w, stuck))
		return;
	nap_a_while(kt, before, stuck);
}
