/*
 * runq.c - see runq.h
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <linux/membarrier.h>
#include <string.h>

#include "runq.h"

#include "monitor.h"
#include "rank.h"
#include "sys.h"
#include "tick.h"
#include "trace.h"

#define STALE_NS 1000           /* a lone ready thread that its worker has not run for so long may be taken */
#define WAIT_NS 2000            /* a worker that switches is seen to stand outside the lock by then */
#define STEAL_MAX 64
#define STEAL_FEW 4
#define NO_GEN (~0U)            /* no policy's, whatever others have been replaced by now */
#define OFFER_LATER_NS 1000000
#define BRIEF_NS 500000         /* at most, and half a quantum */
#define LEAST_PART 16           /* of that; about what a tick takes where the quantum was chosen by it (config.c) */

bool runq_biased;
stint_ns runq_quantum;
uint64_t runq_brief_cycles, runq_least_cycles;
static stint_ns least_turn;
static uint64_t stale_cycles, wait_cycles, later_cycles, often_cycles;

void runq_setup(stint_ns quantum)
{
	runq_biased = !sys_raw(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0);
	runq_quantum = quantum;
	least_turn = quantum / 2;
	runq_brief_cycles = clock_cycles(least_turn < BRIEF_NS ? least_turn : BRIEF_NS);
	runq_least_cycles = runq_brief_cycles / LEAST_PART;
	often_cycles = clock_cycles(RUNQ_OFTEN_NS);
	stale_cycles = clock_cycles(STALE_NS);
	wait_cycles = clock_cycles(WAIT_NS);
	later_cycles = clock_cycles(OFFER_LATER_NS);
}

/* --- the lock ---------------------------------------------------------------------------------- */

void runq_lock_slow(struct worker *w)
{
	unsigned turns = 0;

	if (!runq_biased) {
		spin_lock(&w->lock);
		return;
	}
	do {
		__atomic_store_n(&w->inside, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&w->waits, 1, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&w->wanted, __ATOMIC_ACQUIRE))
			spin_pause(&turns);
		__atomic_store_n(&w->waits, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&w->inside, 1, __ATOMIC_SEQ_CST);
	} while (__atomic_load_n(&w->wanted, __ATOMIC_SEQ_CST));
}

/* by another kernel thread; false: yet another one has it */
static bool trylock_other(struct worker *w)
{
	unsigned turns = 0;

	if (!spin_trylock(&w->lock))
		return false;
	if (!runq_biased)
		return true;
	__atomic_store_n(&w->wanted, 1, __ATOMIC_SEQ_CST);
	/* Seq_cst throughout: an owner that we do not see inside sees wanted, so a stale waits is not seen either. */
	for (uint64_t until = clock_now() + wait_cycles; clock_now() < until; arch_relax())
		if (__atomic_load_n(&w->waits, __ATOMIC_SEQ_CST))
			return true;
	sys_raw(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0);
	while (__atomic_load_n(&w->inside, __ATOMIC_ACQUIRE))
		spin_pause(&turns);
	return true;
}

static void unlock_other(struct worker *w)
{
	if (runq_biased)
		__atomic_store_n(&w->wanted, 0, __ATOMIC_RELEASE);
	spin_unlock(&w->lock);
}

/* --- when the running thread is looked at ------------------------------------------------------ */

static void set_turn_end_locked(struct worker *w, uint64_t now, uint64_t cycles)
{
	w->turn_of = w->turns;
	w->turn_set = now;
	w->turn_end = clock_after(now, cycles);
}

bool runq_are_brief(uint64_t turns, uint64_t cycles)
{
	return turns >= RUNQ_OFTEN && cycles < turns * often_cycles;
}

/* Since an end was set last threads have left by themselves, long before they would have been asked to. The next ones probably will, too. */
static bool leave_often_locked(const struct worker *w, uint64_t now)
{
	return runq_are_brief(w->turns - w->turn_of, now - w->turn_set);
}

/* A tick for less than the least span costs more than it gives to those who wait. */
void runq_begin_turn_locked(struct worker *w, struct stint_task *task, stint_ns now)
{
	stint_ns slice = w->policy->slice(w->rq, task, now), least = least_turn;

	if (!w->timed)
		runq_clock_locked(w);
	if (leave_often_locked(w, w->now_cycles))
		least = runq_quantum;
	set_turn_end_locked(w, w->now_cycles, clock_cycles(slice > least ? slice : least));
}

/* The clock is read only where the timer must be armed. A turn_end that was kept and has passed is not this thread's. */
void runq_arm_tick_locked(struct worker *w, struct stint_thread *t, struct stint *leaf)
{
	struct kthread *kt = w->kt;
	uint64_t now = clock_now();

	if (w->turn_end <= now && kt->turn_end && !w->displaced) {
		if (w->ready && w->policy->slice)
			runq_begin_turn_locked(w, &t->task, runq_now_locked(w));
		else
			w->turn_end = NEVER;
		runq_set_due(w);
	}
	if (kt->armed > kthread_due(kt, leaf))
		tick_arm_slow(kt, now, kthread_due(kt, leaf));
}

/* Turns that are soon over look after it themselves: mostly that is seen without a reading of the clock. */
void runq_offer_later_slow(struct worker *w)
{
	uint64_t at;

	if (w->turn_end <= w->now_cycles + later_cycles)
		return;
	at = clock_now() + later_cycles;
	if (at < w->turn_end)
		w->offer_at = at;
}

/*
 * The tick was set for an earlier turn. This one's least span counts from where it began, where that is known. Where threads leave often, a
 * whole quantum may pass until the next look.
 */
static void begin_turn_late_locked(struct worker *w, struct stint_thread *t, uint64_t now)
{
	uint64_t began = stint_of(t)->switched_in, ran = w->timed && began < now ? now - began : 0, least = clock_cycles(least_turn);
	bool often = leave_often_locked(w, now) && w->timed && ran < least / 4;
	uint64_t span = clock_cycles(w->policy->slice(w->rq, &t->task, w->now));

	least = often ? clock_cycles(runq_quantum) : least > ran ? least - ran : 0;
	set_turn_end_locked(w, now, span > least ? span : least);
}

bool runq_turn_over_locked(struct worker *w, struct stint_thread *t, uint64_t now)
{
	stint_ns more;

	if (!w->ready || !w->policy->tick) {
		w->turn_end = NEVER;
		return false;
	}
	if (!w->displaced && (w->turn_end == NEVER || w->turn_of != w->turns)) {
		begin_turn_late_locked(w, t, now);
		return w->turn_end <= now;
	}
	if (now < w->turn_end)
		return false;
	if (w->displaced) {
		w->stats.displaced++;
		return true;
	}
	more = w->policy->tick(w->rq, &t->task, w->now);
	if (more > 0 && more < least_turn)
		more = least_turn;
	set_turn_end_locked(w, now, clock_cycles(more));
	return more <= 0;
}

/* --- threads in it ----------------------------------------------------------------------------- */

void thread_wait_off_cpu_slow(const struct stint_thread *t)
{
	unsigned turns = 0;

	while (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE))
		spin_pause(&turns);
}

static void resched_locked(struct worker *w)
{
	w->resched = true;
	w->kt->turn_end = 0;
}

/*
 * Who is made ready by the running thread is mostly waited for by it next: then it goes on without being displaced, and saves a
 * switch each way. At the latest it is displaced a least turn after the clock was read last, mostly when its turn began: at once, if
 * that is long ago.
 */
static void end_turn_soon_locked(struct worker *w, struct stint_task *task, stint_ns now)
{
	uint64_t latest;

	if (w->displaced)
		return;
	w->displaced = true;
	if (w->turn_end == NEVER && w->policy->slice)
		runq_begin_turn_locked(w, task, now);
	latest = clock_after(w->now_cycles, clock_cycles(least_turn));
	if (latest < w->turn_end)
		w->turn_end = latest;
	runq_set_due(w);
}

/* @t has come to @w, and is in its queue */
static inline void came_locked(struct worker *w, const struct stint_thread *t)
{
	w->ready++;
	w->load += t->task.weight;
	rank_ready_locked(w, t);
}

static void count_ready(struct worker *w, struct stint_thread *t, enum ready_op op, const struct worker *from)
{
	came_locked(w, t);
	if (op == READY_MOVED) {
		w->stats.steals++;
		trace(w, TRACE_STEAL, t, from->id, 0);
	} else {
		w->stats.wakeups++;
		trace(w, op == READY_SPAWN ? TRACE_SPAWN : TRACE_WAKE, t, 0, 0);
	}
}

void runq_file_at_locked(struct worker *w, struct stint_thread *t, enum ready_op op, stint_ns now, bool by_running)
{
	const struct worker *from = t->worker;
	uint64_t turn_end, offer_at;

	t->worker = w;
	if (op == READY_SPAWN || (op == READY_MOVED && !t->started))
		t->fresh_in = w;
	if (unlikely(t->policy_gen != w->policy_gen)) {
		memset(t->task.priv, 0, sizeof(t->task.priv));
		t->policy_gen = w->policy_gen;
		w->policy->attach(w->rq, &t->task, now);
	} else if (op == READY_SPAWN) {
		w->policy->spawn(w->rq, &t->task, now);
	} else if (op == READY_MOVED) {
		w->policy->attach(w->rq, &t->task, now);
	} else {
		w->policy->wakeup(w->rq, &t->task, now);
	}
	count_ready(w, t, op, from);
	if (!w->running)
		return;
	monitor_attend();
	if ((op != READY_MOVED || w->ranked) && w->policy->preempts && w->policy->preempts(w->rq, &t->task, &w->running->task, now)) {
		if (by_running && !(w->policy->flags & STINT_POLICY_EAGER)) {
			end_turn_soon_locked(w, &w->running->task, now);
			return;
		}
		w->stats.displaced++;
		trace(w, TRACE_DISPLACE, t, w->running->task.id, 0);
		resched_locked(w);
		return;
	}
	turn_end = w->turn_end;
	offer_at = w->offer_at;
	if (turn_end == NEVER && w->policy->slice)
		runq_begin_turn_locked(w, &w->running->task, now);
	runq_offer_later(w);
	if ((w->turn_end != turn_end || w->offer_at != offer_at) && !w->resched)
		runq_set_due(w);
}

static void attach_locked(struct worker *w, struct stint_thread *t, stint_ns now)
{
	if (!t->started)
		t->fresh_in = w;
	w->policy->attach(w->rq, &t->task, now);
	came_locked(w, t);
}

void runq_attach_locked(struct worker *w, struct stint_thread *t)
{
	const struct worker *from = t->worker;

	if (t->policy_gen != w->policy_gen) {
		memset(t->task.priv, 0, sizeof(t->task.priv));
		t->policy_gen = w->policy_gen;
	}
	t->worker = w;
	attach_locked(w, t, runq_now_locked(w));
	w->stats.steals++;
	trace(w, TRACE_STEAL, t, from->id, 0);
}

/*
 * Another worker is still leaving its stack, perhaps with a signal handler in between. That one must not be waited for: it may find
 * ours in its own inbox. So later; an idle worker looks again at once, and one that runs a thread when the kick has it look.
 */
static void put_back(struct worker *from, struct worker *to, struct stint_thread *t)
{
	cds_wfcq_node_init(&t->in_inbox);
	cds_wfcq_enqueue(&from->inbox_head, &from->inbox_tail, &t->in_inbox);
	worker_kick(to);
}

/* all that others have put into the inbox of @from, into the queue of @to, mostly the same */
static bool drain_locked(struct worker *from, struct worker *to)
{
	struct cds_wfcq_tail tail;
	struct __cds_wfcq_head head;
	struct cds_wfcq_node *node, *next;

	if (from == to)                 /* another one has not looked at the thread that runs there */
		__atomic_store_n(&from->post.kicked, 0, __ATOMIC_SEQ_CST);
	if (cds_wfcq_empty(&from->inbox_head, &from->inbox_tail))
		return false;
	__cds_wfcq_init(&head, &tail);
	for (;;) {
		enum cds_wfcq_ret r = __cds_wfcq_splice_nonblocking(&head, &tail, &from->inbox_head, &from->inbox_tail);

		if (r == CDS_WFCQ_RET_DEST_EMPTY || r == CDS_WFCQ_RET_SRC_EMPTY || r == CDS_WFCQ_RET_DEST_NON_EMPTY)
			break;
		arch_relax();   /* one who puts something in is between its two steps */
	}
	for (node = __cds_wfcq_first_nonblocking(&head, &tail); node; node = next) {
		struct stint_thread *t = caa_container_of(node, struct stint_thread, in_inbox);

		while ((next = __cds_wfcq_next_nonblocking(&head, &tail, node)) == CDS_WFCQ_WOULDBLOCK)
			arch_relax();
		if (unlikely(__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) && t != to->prev)) {
			put_back(from, to, t);
			continue;
		}
		if (unlikely(t->moved)) {
			t->moved = false;
			to->even_with = NULL;   /* that has changed */
			runq_file_locked(to, t, READY_MOVED);
			continue;
		}
		to->stats.remote_wakeups++;
		runq_file_locked(to, t, t->started ? READY_WAKEUP : READY_SPAWN);
	}
	return true;
}

struct expiry {
	bool own;                       /* the worker itself lets them expire */
	struct stint_thread *list, **end;
};

/*
 * A thread that is still leaving its stack is waited for later, by the worker itself: that is what this one waits for then. Another
 * one must not wait, since the leaver may want the lock that it has.
 */
static bool fire(struct timer *timer, void *arg)
{
	struct stint_thread *t = caa_container_of(timer, struct stint_thread, timer);
	struct expiry *e = arg;
	int state = __atomic_load_n(&t->park_state, __ATOMIC_RELAXED);

	if (!e->own && __atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE))
		return false;
	/* from either kind of waiting; the other may be the case only when somebody else was first */
	if (state != PARK_WAITS && state != PARK_WAITS_HARD)
		return true;
	if (__atomic_compare_exchange_n(&t->park_state, &state, PARK_TIMED_OUT, false, __ATOMIC_ACQ_REL,
	                                __ATOMIC_RELAXED)) {
		*e->end = t;
		e->end = &t->next;
	}
	return true;
}

static bool expire_locked(struct worker *from, struct worker *to)
{
	struct expiry e = { from == to, NULL, &e.list };
	struct stint_thread *t, *next;

	if (likely(__atomic_load_n(&from->timers.first, __ATOMIC_RELAXED) == NEVER))
		return false;
	timers_expire(&from->timers, runq_clock_locked(to), fire, &e);
	*e.end = NULL;
	for (t = e.list; t; t = next) {
		next = t->next;
		if (t != to->prev)
			thread_wait_off_cpu(t);
		runq_file_locked(to, t, READY_WAKEUP);
	}
	return e.list != NULL;
}

void runq_collect_slow_locked(struct worker *w)
{
	drain_locked(w, w);
	expire_locked(w, w);
}

/*
 * Each thread that is taken brings some thirty cache lines with it, while @v may stand outside its lock. What costs that much must be
 * more than a leaf of a tree of threads: of these half would be many, and the few eldest are as much work.
 */
static unsigned share_of(const struct worker *v)
{
	unsigned half = v->ready > 1 ? v->ready / 2 : v->ready;
	unsigned most = v->policy->flags & STINT_POLICY_FEW ? STEAL_FEW : STEAL_MAX;

	return half < most ? half : most;
}

/* one of those that are ready at @w, for another worker or policy */
static struct stint_thread *give_locked(struct worker *w, stint_ns now)
{
	struct stint_thread *t = runq_taken_locked(w, w->policy->balance(w->rq, now));

	if (t)
		w->load -= t->task.weight;
	return t;
}

struct stint_thread *runq_give_locked(struct worker *w, stint_ns now)
{
	struct stint_thread *t = give_locked(w, now);

	if (t)
		w->stats.stolen++;
	return t;
}

void runq_keep_locked(struct worker *w, struct stint_thread *t, stint_ns now)
{
	attach_locked(w, t, now);
	w->stats.stolen--;
}

struct stint_thread *runq_take_some(struct worker *v)
{
	struct stint_thread *list = NULL, **end = &list;
	unsigned ready = __atomic_load_n(&v->ready, __ATOMIC_RELAXED), n;
	stint_ns now;

	if (!ready)
		return NULL;
	if (ready == 1) {
		uint64_t turns = __atomic_load_n(&v->turns, __ATOMIC_RELAXED), until = clock_now() + stale_cycles;

		while (clock_now() < until)
			arch_relax();
		if (__atomic_load_n(&v->turns, __ATOMIC_RELAXED) != turns)
			return NULL;
	}
	if (!trylock_other(v))
		return NULL;
	now = runq_now_locked(v);
	for (n = share_of(v); n && (*end = runq_give_locked(v, now)); n--)
		end = &(*end)->next;
	*end = NULL;
	unlock_other(v);
	return list;
}

struct stint_thread *runq_take_all_locked(struct worker *w)
{
	struct stint_thread *list = NULL, **end = &list;

	while (w->ready && (*end = give_locked(w, runq_now_locked(w)))) {
		(*end)->policy_gen = NO_GEN;    /* from an inbox it is attached, then: it was not blocked */
		end = &(*end)->next;
	}
	*end = NULL;
	return list;
}

/* Nobody else locks two queues at once, and nobody waits for a relief's. */
bool runq_relieve(struct worker *w, struct worker *stuck)
{
	struct stint_thread *t;
	bool any;

	runq_lock(w);
	if (!trylock_other(stuck)) {
		runq_unlock(w);
		return false;
	}
	any = drain_locked(stuck, w);
	any |= expire_locked(stuck, w);
	for (unsigned n = 0; n < STEAL_MAX && stuck->ready; n++) {
		t = runq_give_locked(stuck, runq_now_locked(stuck));
		if (!t)
			break;
		runq_attach_locked(w, t);
		any = true;
	}
	unlock_other(stuck);
	runq_unlock(w);
	return any;
}
