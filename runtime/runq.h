/*
 * runq.h - a worker's run queue: the policy's queue of ready threads, its lock, its inbox, and the end of the running thread's turn
 *
 * The lock is biased: the worker itself says that it is inside and looks whether somebody else wants to be, with plain instructions;
 * who else wants in says so, and has all kernel threads pass a barrier (membarrier(2), some microseconds), after which either it
 * sees the worker inside, or the worker sees it. Thieves are rare, and take several threads at once.
 *
 * Turns. While others wait in the queue, turn_end says when the policy is to be asked whether the running thread's turn is over. The first few
 * turns after each tick have ends of their own. Where more follow, threads leave by themselves, and leave turn_end as it is, which saves the
 * next one a look at the clock; the tick that comes for it begins a new turn then, or where the policy has the time, finds out how much of the
 * running one's has passed. So then a turn lasts its time, or up to twice that. Where it finds that nobody waits there is no turn_end from then on,
 * until another becomes ready: then a thread that is alone costs no tick.
 *
 * kt->turn_end is the earlier of that and of the first timer, so a thread that sleeps is woken in time although the running one
 * computes, by the one tick that it costs. But who begins to run is left alone by timers for a moment (timers_from): for half a turn, half a
 * millisecond at most, if it left by itself the last time, for most of those will before that, and timers are looked at whenever threads
 * switch; else for a sixteenth of that. Or with many that sleep there would be a tick for each, and nothing else.
 *
 * Context: _locked: the worker itself, with the lock. Also in the handler, once it has found that it may stop the thread: then nobody
 * on this kernel thread has the lock, because preemption was enabled.
 */
#ifndef STINT_RUNQ_H
#define STINT_RUNQ_H

#include "clock.h"
#include "idle.h"
#include "spin.h"

#define RUNQ_EXACT 8                    /* turns after a tick: each has an end of its own */
#define RUNQ_OFTEN 32                   /* turns between two ticks: threads leave by themselves soon enough, */
#define RUNQ_OFTEN_NS 40000             /* if they last so long */

extern PRIVATE bool runq_biased;        /* the kernel has that barrier; constant while workers run */
extern PRIVATE stint_ns runq_quantum;   /* what turns should last; constant while workers run */
extern PRIVATE uint64_t runq_brief_cycles, runq_least_cycles;   /* for which timers leave alone who begins to run; constant likewise */

void runq_setup(stint_ns quantum);      /* before workers are made */

/* --- the lock --- */

void runq_lock_slow(struct worker *w);

static inline void runq_lock(struct worker *w)
{
	if (likely(runq_biased)) {
		__atomic_store_n(&w->inside, 1, __ATOMIC_RELAXED);
		barrier();
		if (likely(!__atomic_load_n(&w->wanted, __ATOMIC_ACQUIRE)))
			return;
	}
	runq_lock_slow(w);
}

static inline void runq_unlock(struct worker *w)
{
	if (likely(runq_biased))
		__atomic_store_n(&w->inside, 0, __ATOMIC_RELEASE);
	else
		spin_unlock(&w->lock);
}

/* --- time --- */

static inline uint64_t runq_clock_locked(struct worker *w)
{
	uint64_t now = clock_now();

	if (now > w->now_cycles) {
		w->now += clock_ns(now - w->now_cycles);
		w->now_cycles = now;
	}
	return now;
}

/* what a policy operation gets */
static inline stint_ns runq_now_locked(struct worker *w)
{
	if (!w->timed)
		return 0;
	runq_clock_locked(w);
	return w->now;
}

/* the same reading again, for what belongs together */
static inline stint_ns runq_told_locked(const struct worker *w)
{
	return w->timed ? w->now : 0;
}

/*
 * The same for what the running thread makes ready: as if that were so since the clock was read last, mostly when its turn began. That
 * spares it a reading of the clock, and is no longer ago than the tick that ends the turn allows.
 */
static inline stint_ns runq_turn_began_locked(struct worker *w)
{
	return w->timed && w->turn_end == NEVER ? runq_now_locked(w) : runq_told_locked(w);
}

/* --- when the running thread is looked at --- */

/* without a look at kicked, which must follow */
static inline void runq_set_due_early(struct worker *w, struct kthread *kt)
{
	uint64_t timer = __atomic_load_n(&w->timers.first, __ATOMIC_RELAXED);

	if (unlikely(timer < w->timers_from))
		timer = w->timers_from;
	if (unlikely(w->offer_at < timer))
		timer = w->offer_at;
	kt->turn_end = w->turn_end < timer ? w->turn_end : timer;
	barrier();
}

static inline void runq_set_due(struct worker *w)
{
	runq_set_due_early(w, w->kt);
	if (unlikely(__atomic_load_n(&w->post.kicked, __ATOMIC_RELAXED)))
		w->kt->turn_end = 0;    /* as the kick had said */
}

/* @brief: who begins to run will soon leave by itself, it seems. The clock has just been read, if there is a timer. */
static inline void runq_put_timers_off_locked(struct worker *w, bool brief)
{
	if (unlikely(__atomic_load_n(&w->timers.first, __ATOMIC_RELAXED) != NEVER))
		w->timers_from = w->now_cycles + (brief ? runq_brief_cycles : runq_least_cycles);
}

void runq_offer_later_slow(struct worker *w);

/* somebody waits here although a worker sleeps: most are run within a microsecond, but the turn may also be a long one */
static inline void runq_offer_later(struct worker *w)
{
	if (unlikely(__atomic_load_n(&idle_nasleep, __ATOMIC_RELAXED)) && w->offer_at == NEVER)
		runq_offer_later_slow(w);
}

bool runq_are_brief(uint64_t turns, uint64_t cycles);  /* so many in that time: they end by themselves before they would have to */
void runq_begin_turn_locked(struct worker *w, struct stint_task *task, stint_ns now);
void runq_arm_tick_locked(struct worker *w, struct stint_thread *t, struct stint *leaf);
bool runq_turn_over_locked(struct worker *w, struct stint_thread *t, uint64_t now);    /* the policy is asked */

/* the timer is to fire when @leaf, which runs next, is to be looked at, or before */
static inline void runq_ensure_tick_locked(struct worker *w, struct stint_thread *t, struct stint *leaf)
{
	if (unlikely(w->kt->armed > kthread_due(w->kt, leaf)))
		runq_arm_tick_locked(w, t, leaf);
}

/* somebody waits, or the running one has just begun: see that its turn has an end */
static inline void runq_limit_turn_locked(struct worker *w, struct stint_task *task, stint_ns now)
{
	if (!w->ready)
		return;
	if ((w->turn_end == NEVER || w->turns - w->turns_looked <= RUNQ_EXACT) && w->policy->slice)
		runq_begin_turn_locked(w, task, now);
	runq_offer_later(w);
}

/* --- threads in it --- */

/* it becomes ready, now as runq_now_locked() has just said; @by_running: made so by the running thread, which goes on */
void runq_file_at_locked(struct worker *w, struct stint_thread *t, enum ready_op op, stint_ns now, bool by_running);

static inline void runq_file_locked(struct worker *w, struct stint_thread *t, enum ready_op op)
{
	runq_file_at_locked(w, t, op, runq_now_locked(w), false);
}

void runq_attach_locked(struct worker *w, struct stint_thread *t);     /* it was ready elsewhere */
void runq_collect_slow_locked(struct worker *w);

/* what became ready meanwhile, by others or by time, goes into the queue before the next one is picked */
static inline void runq_collect_locked(struct worker *w)
{
	if (unlikely(__atomic_load_n(&w->post.kicked, __ATOMIC_RELAXED)) ||
	    unlikely(__atomic_load_n(&w->inbox_tail.p, __ATOMIC_RELAXED) != &w->inbox_head.node) ||
	    unlikely(__atomic_load_n(&w->timers.first, __ATOMIC_RELAXED) != NEVER))
		runq_collect_slow_locked(w);
}

/* the policy has given @task out of the queue; it may be NULL */
static inline struct stint_thread *runq_taken_locked(struct worker *w, struct stint_task *task)
{
	if (!task)
		return NULL;
	w->ready--;
	thread_of_task(task)->fresh_in = NULL;
	return thread_of_task(task);
}

static inline struct stint_thread *runq_pick_locked(struct worker *w, stint_ns now)
{
	return runq_taken_locked(w, w->ready ? w->policy->pick_next(w->rq, now) : NULL);
}

/* by another worker: half of what is ready at @v, or a few, in a list by next; a lone one only if @v is not about to run it */
struct stint_thread *runq_take_some(struct worker *v);
struct stint_thread *runq_take_all_locked(struct worker *w);
struct stint_thread *runq_give_locked(struct worker *w, stint_ns now);  /* one that is ready there, for another worker; NULL: none */

void runq_keep_locked(struct worker *w, struct stint_thread *t, stint_ns now);  /* that one stays after all */

/* @w takes what waits for @stuck: ready there, in its inbox, due by its timers; false: nothing */
bool runq_relieve(struct worker *w, struct worker *stuck);

#endif
