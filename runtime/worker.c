/*
 * worker.c - see worker.h
 *
 * A thread leaves the CPU in left(), called on its own stack with preemption disabled: it is filed, the next one is picked, and
 * whoever is switched to calls worker_arrived(), which lets go of the queue and of the stack that was left. In between the
 * worker's lock is held.
 *
 * A kick is a signal to a worker's kernel thread, from who has put something into the inbox of a worker that runs a thread, or
 * has another reason to have it looked at. The flag kicked keeps it at one on its way; it is cleared before the inbox and the
 * rest are looked at, so nothing is missed. The flag is what counts: where a tick is pending already, the kernel drops the signal.
 *
 * Signal context: turn_over(), left(), arrived() and back(), where nobody on this kernel thread holds any of our locks, because
 * preemption was enabled; worker_ready_insig(), where somebody may.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "worker.h"

#include "checker.h"
#include "clock.h"
#include "even.h"
#include "handoff.h"
#include "idle.h"
#include "monitor.h"
#include "poller.h"
#include "preempt.h"
#include "rank.h"
#include "relief.h"
#include "replace.h"
#include "runq.h"
#include "sys.h"
#include "tick.h"
#include "trace.h"

#define FEW_TURNS 8             /* of those that displaced one, and wanted a moment */

struct worker *workers[WORKERS_MAX];
unsigned nworkers, nregular;
static uint64_t signal_mask;            /* of who has started them: they begin with all blocked */

/* --- becoming ready ---------------------------------------------------------------------------- */

void worker_kick(struct worker *w)
{
	if (!__atomic_exchange_n(&w->post.kicked, 1, __ATOMIC_SEQ_CST)) {
		__atomic_fetch_add(&w->stats.kicks, 1, __ATOMIC_RELAXED);
		tick_kick(worker_kthread(w));
	}
	monitor_attend();               /* it may sit in the kernel */
}

/* @by_running: by the thread that runs here, not by an event that has been found in its turn */
static inline void ready_here(struct worker *w, struct stint_thread *t, enum ready_op op, bool by_running)
{
	struct stint *s = self();

	runq_lock(w);
	runq_file_at_locked(w, t, op, by_running ? runq_turn_began_locked(w) : runq_now_locked(w), by_running);
	if (s) {
		if (w->resched)
			s->pending = true;      /* taken where preemption is enabled again */
		else if (likely(!s->pending))  /* what is noted is looked at there, too */
			runq_ensure_tick_locked(w, w->running, s);
	}
	runq_unlock(w);
	idle_offer(w);
}

/* into the inbox of @w, any kernel thread; true: it runs something */
static bool put_into_inbox(struct worker *w, struct stint_thread *t)
{
	cds_wfcq_node_init(&t->in_inbox);
	cds_wfcq_enqueue(&w->inbox_head, &w->inbox_tail, &t->in_inbox);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !idle_wake(w);
}

static void put_kicking(struct worker *w, struct stint_thread *t)
{
	if (put_into_inbox(w, t))
		worker_kick(w);
}

/* for a thread that ran at a relief last */
static struct worker *regular_of(const struct stint_thread *t)
{
	return workers[t->task.id % nregular];
}

/* from a kernel thread of the program's, or the watch: into an inbox. True: its worker runs something. */
static bool ready_elsewhere(struct stint_thread *t, struct worker **at)
{
	struct worker *w = t->worker, *other;

	if (unlikely(w->relief))
		w = regular_of(t);
	if (!__atomic_load_n(&w->asleep, __ATOMIC_RELAXED) && (other = idle_sleeper()))
		w = other;
	else if (unlikely(w->ranked) && (other = rank_elsewhere(w, t)))
		w = other;
	*at = w;
	return put_into_inbox(w, t);
}

/* where @t, which becomes ready at @w, belongs, if that is elsewhere */
static struct worker *sent_from(struct worker *w, struct stint_thread *t)
{
	struct worker *sleeper;

	if (!w->relief)
		return rank_elsewhere(w, t);
	if (!relief_over(w))
		return NULL;
	sleeper = idle_sleeper();
	return sleeper ? sleeper : regular_of(t);
}

/* @w: worker_here() */
static inline __attribute__((always_inline)) void ready(struct worker *w, struct stint_thread *t, enum ready_op op,
                                                        bool by_running)
{
	struct worker *other;

	fiber_release(t);
	thread_wait_off_cpu(t);
	if (w && unlikely(w->sends) && (other = sent_from(w, t)))
		put_kicking(other, t);
	else if (likely(w))
		ready_here(w, t, op, by_running);
	else if (ready_elsewhere(t, &w))
		worker_kick(w);
}

void worker_ready_from(struct worker *w, struct stint_thread *t, enum ready_op op)
{
	ready(w, t, op, self() != NULL);
}

void worker_ready(struct stint_thread *t, enum ready_op op)
{
	worker_ready_from(worker_here(), t, op);
}

/*
 * In a signal handler, which may have interrupted anything here, with a queue locked or in the middle of the switch away from @t itself.
 * So: an inbox, and no waiting for @t to be off its stack.
 */
void worker_ready_insig(struct stint_thread *t)
{
	struct worker *w;

	if (ready_elsewhere(t, &w))
		worker_kick(w);
}

void workers_hand_out(struct stint_thread *list)
{
	struct stint_thread *next;
	struct worker *w;

	for (; list; list = next) {
		next = list->next;
		thread_wait_off_cpu(list);
		ready_elsewhere(list, &w);
	}
}

void workers_hand_out_kicking(struct stint_thread *list)
{
	struct stint_thread *next;

	for (; list; list = next) {
		next = list->next;
		worker_ready_insig(list);
	}
}

static void ready_all(struct stint_thread *list, bool by_running)
{
	struct worker *w = worker_here();
	struct stint_thread *next;

	for (; list; list = next) {
		next = list->next;
		ready(w, list, READY_WAKEUP, by_running);
	}
}

void worker_ready_all(struct stint_thread *list)
{
	ready_all(list, self() != NULL);
}

/* A relief's time is up before the thread's is. The other one sleeps until its first timer, or has its running thread looked at by then. */
void worker_add_timer_elsewhere(struct worker *w, struct stint_thread *t, uint64_t when)
{
	struct worker *v = regular_of(t);
	bool first = when < __atomic_load_n(&v->timers.first, __ATOMIC_RELAXED);

	timers_add(&v->timers, &t->timer, when, w->now_cycles);
	if (first && v != w->relieves && !idle_wake(v))         /* else we look after them */
		worker_kick(v);
}

/* --- switching --------------------------------------------------------------------------------- */

/*
 * The innermost of the calls in a thread that goes on. What they use is counted without the time that it was away: from and to the
 * same moments as what the thread uses, or theirs could become more.
 */
static struct stint *back_in_calls_locked(struct worker *w, struct stint *s)
{
	struct stint *leaf = s;
	uint64_t away;

	runq_clock_locked(w);
	away = w->now_cycles - s->stopped;
	for (; leaf->inner; leaf->kt = w->kt) {
		leaf = leaf->inner;
		leaf->switched_in += away;
	}
	return leaf;
}

/* @t goes on, here: what to switch to. It is out of the queue. What it uses counts from @since, a reading of the clock. */
static inline __attribute__((always_inline)) const struct arch_context *run_locked(struct worker *w, struct stint_thread *t,
                                                                                   stint_ns now, uint64_t since)
{
	struct stint *s = stint_of(t), *leaf = s;
	struct kthread *kt = w->kt;

	w->turns++;
	w->running = t;
	w->resched = w->displaced = false;
	t->worker = w;
	__atomic_store_n(&t->on_cpu, 1, __ATOMIC_RELAXED);
	/* not while we stand on its stack (leave_locked()), though it be cancelled this very moment: that is seen below */
	if (unlikely(t->cancel) && t != w->prev && thread_divert(s))
		goto set;
	if (unlikely(s->inner != NULL))
		leaf = back_in_calls_locked(w, s);
set:
	rank_runs_locked(w, t);
	leaf->kt = s->kt = kt;          /* what is being ended keeps its inner ones, but does not go on with them */
	s->switched_in = since;
	s->resumes++;
	runq_limit_turn_locked(w, &t->task, now);
	runq_put_timers_off_locked(w, !t->started || s->how != STATE_TIMED_OUT);
	runq_set_due_early(w, kt);
	kt->current = leaf;
	barrier();
	if (unlikely(__atomic_load_n(&w->post.kicked, __ATOMIC_RELAXED)) || unlikely(thread_cancels(t)))
		kt->turn_end = 0;       /* a kick that came in between has left no other trace */
	runq_ensure_tick_locked(w, t, leaf);
	if (w->ready)
		monitor_attend();       /* @t may sit in the kernel next */
	trace(w, TRACE_RUN, t, 0, t->started ? s->how : STATE_PAUSED);
	return &leaf->ctx;
}

/*
 * The running thread leaves. What it has used is counted with policies that are not told the time as well, where the clock can be read for
 * nothing: nobody waits, so mostly the worker has nothing to do next.
 */
static inline stint_ns leaving_at_locked(struct worker *w)
{
	if (w->timed || (!w->ready && !w->heir))
		runq_clock_locked(w);
	return runq_told_locked(w);
}

/* for the running thread @t, which leaves as @how says: tell the policy */
static inline stint_ns file_leaving_locked(struct worker *w, struct stint_thread *t, int how)
{
	stint_ns now = leaving_at_locked(w);

	w->running = NULL;
	switch (how) {
	case STATE_TIMED_OUT:
		w->policy->preempt(w->rq, &t->task, now);
		w->ready++;
		w->stats.preemptions++;
		break;
	case STATE_READY:
		w->policy->yield(w->rq, &t->task, now);
		w->ready++;
		break;
	case STATE_PAUSED:
		w->load -= t->task.weight;
		if (w->policy->block)
			w->policy->block(w->rq, &t->task, now);
		break;
	default:
		w->load -= t->task.weight;
		if (w->policy->done)
			w->policy->done(w->rq, &t->task, now);
		stint_of(t)->ended = w->now_cycles;
		break;
	}
	return now;
}

/* in a trace: why the running thread @t is preempted */
static enum trace_why why_preempted(struct worker *w, const struct stint_thread *t)
{
	if (thread_cancels(t))
		return TRACE_CANCELLED;
	if (w->resched || w->displaced)
		return TRACE_DISPLACED;
	if (w->policy_gen != replace_gen())
		return TRACE_OTHER_POLICY;
	return w->relief && relief_over(w) ? TRACE_RELIEF_OVER : TRACE_TURN_OVER;
}

/* in the same section as the leaving: one lock, one reading of the clock, and nobody runs whom it could displace */
static void file_heir_locked(struct worker *w, stint_ns now)
{
	struct stint_thread *heir = w->heir;

	w->heir = NULL;
	runq_file_at_locked(w, heir, READY_WAKEUP, now, false);
}

/*
 * The running thread has gone away until @joined ends. Where that is ready here, nobody else takes it from the queue; who has it in
 * another's or in a list writes no w into fresh_in.
 */
static void yield_to_locked(struct worker *w, struct stint_thread *joined, stint_ns now)
{
	if (w->yield_to && __atomic_load_n(&joined->fresh_in, __ATOMIC_RELAXED) == w)
		w->yield_to(w->rq, &joined->task, now);
}

/* the running thread @t leaves as @how says: what to switch to */
static inline __attribute__((always_inline)) const struct arch_context *leave_locked(struct worker *w, struct stint_thread *t, int how)
{
	struct stint *s = stint_of(t);
	struct stint_thread *next;
	bool heir = how != STATE_READY && how != STATE_PAUSED && w->heir;
	uint64_t counted;
	stint_ns now;

	w->prev = t;
	now = file_leaving_locked(w, t, how);
	if (unlikely(s->inner != NULL)) {
		runq_clock_locked(w);
		s->stopped = w->now_cycles;
	}
	counted = w->now_cycles;                /* below it may be read anew; what is between counts for the next one */
	s->cpu += counted - s->switched_in;
	if (unlikely(trace_on))
		trace_note(w, TRACE_LEAVE, t, how == STATE_TIMED_OUT ? why_preempted(w, t) : 0, how);
	if (heir)
		file_heir_locked(w, now);
	runq_collect_locked(w);
	replace_locked(w);
	now = runq_told_locked(w);              /* by those two it may be later */
	if (how == STATE_PAUSED && t->joins)
		yield_to_locked(w, t->joins, now);
	next = runq_pick_locked(w, now);
	if (unlikely(w->relief) && relief_over(w)) {
		if (next) {                     /* it goes back with the others */
			w->policy->preempt(w->rq, &next->task, now);
			w->ready++;
		}
	} else if (unlikely(next == t) && thread_cancels(t)) {
		w->handed = next;       /* it is to be diverted, but not while we stand on its stack */
	} else if (likely(next != NULL)) {
		const struct arch_context *to = run_locked(w, next, now, counted);

		if (heir)
			idle_offer(w);
		return to;
	}
	rank_idle_locked(w);
	w->turn_end = w->offer_at = w->kt->turn_end = NEVER;
	return &w->native;
}

static const struct arch_context *left(struct stint *s, int how)
{
	struct stint_thread *t = thread_of(s);

	runq_lock(t->worker);
	return leave_locked(t->worker, t, how);
}

static inline void arrived(struct worker *w)
{
	struct stint_thread *prev = w->prev, *gone = w->gone;

	w->prev = w->gone = NULL;
	if (prev && prev != w->running)
		__atomic_store_n(&prev->on_cpu, 0, __ATOMIC_RELEASE);   /* before others can take it from the queue */
	runq_unlock(w);
	if (unlikely(gone != NULL))
		thread_free(gone, w->kt);
	if (w->running)
		fiber_acquire(w->running);
}

void worker_arrived(void)
{
	arrived(worker_here());
}

static inline __attribute__((always_inline)) void leave(struct stint *s, struct stint *root, int how)
{
	struct stint_thread *t = thread_of(root);
	const struct arch_context *to;
	struct worker *w = t->worker;

	if (unlikely(s != root || s->own_mask || s->own_vars)) {
		preempt_leave(s, root, how);
		return;
	}
	s->inner = NULL;
	s->how = how;
	s->kt->current = NULL;
	runq_lock(w);
	to = leave_locked(w, t, how);
	fiber_leave(s->tp, to->tp, FIBER_NO_SYNC);
	arch_switch(&s->ctx, to);
	arrived(t->worker);             /* perhaps another one than before */
}

void worker_yield(struct stint *s, struct stint *root)
{
	leave(s, root, STATE_READY);
}

void worker_block(struct stint *s, struct stint *root)
{
	leave(s, root, STATE_PAUSED);
}

/* --- the end of a turn ------------------------------------------------------------------------- */

/*
 * The watch has been woken for what is found here, and has not come to run: its CPU is ours, and the kernel thinks that it has had its
 * share. Let it run now, or it stays like this, and is not woken for anything, until the kernel's own tick some milliseconds later.
 */
static void look_for_events(void)
{
	bool any;

	ready_all(poller_look(&any), false);
	if (any)
		sys_raw(SYS_sched_yield, 0, 0, 0, 0);
}

/*
 * Who was stopped goes on. Those few that ran instead wanted a moment, mostly; what comes in that does not always get the watch its CPU at
 * once, which has just used it for them. Then it would be seen at the end of the turn that begins. Where many have run it wants a moment
 * itself, more likely than not; there to look costs more than it gives, and what is found stops it, and so on.
 */
static void back(void)
{
	struct worker *w = worker_here();

	if (w->turns - w->running->stopped_at <= FEW_TURNS && !poller_claimed())
		look_for_events();
}

/* @t, which was ready here, goes on at @w. Its worker is another one from there on, so it is not looked at any more. */
static void move_to(struct worker *w, struct stint_thread *t)
{
	t->moved = true;
	put_kicking(w, t);
}

static bool turn_over(struct stint *s, uint64_t now)
{
	struct stint_thread *t = thread_of(s), *moves = NULL;
	struct worker *w = t->worker, *to;
	bool over;

	if (w->turns - w->turns_looked < RUNQ_OFTEN && !poller_claimed() && !__atomic_load_n(&w->post.kicked, __ATOMIC_RELAXED))
		look_for_events();
	w->turns_looked = w->turns;
	if (unlikely(w->relief))
		relief_look(w);
	runq_lock(w);
	runq_clock_locked(w);
	runq_collect_locked(w);
	if (unlikely(w->offer_at <= now))
		w->offer_at = NEVER;
	over = w->resched || (w->relief && relief_over(w)) || thread_cancels(t) || w->policy_gen != replace_gen() ||
	       runq_turn_over_locked(w, t, now);
	if (over) {
		if (!w->resched || w->ready > 1)        /* else the only one who waits runs here, now */
			moves = even_give_locked(w, now, &to);
	} else {
		if (w->ready)
			runq_offer_later(w);
		runq_put_timers_off_locked(w, false);
		runq_set_due(w);
		if (w->kt->turn_end <= now)     /* the next timer is as good as due */
			w->kt->turn_end = now + 1;
	}
	if (unlikely(w->ranked) && !moves && !w->resched)       /* else the first of those who wait runs here, now */
		moves = rank_give_locked(w, &to);
	runq_unlock(w);
	if (unlikely(moves != NULL))
		move_to(to, moves);
	idle_offer_at_tick(w);
	t->stopped_at = w->turns;       /* if it is */
	return over;
}

/* --- with another kernel thread (handoff.c) ---------------------------------------------------- */

void worker_leave_behind(struct worker *w, struct stint_thread *t)
{
	runq_lock(w);
	file_leaving_locked(w, t, STATE_PAUSED);
	runq_clock_locked(w);
	stint_of(t)->cpu += w->now_cycles - stint_of(t)->switched_in;
	trace(w, TRACE_LEAVE, t, TRACE_IN_KERNEL, STATE_TIMED_OUT);
	rank_idle_locked(w);
	w->turn_end = w->offer_at = NEVER;
	runq_unlock(w);
}

/* It never was off the CPU. The relief's queue is empty but for it. */
void worker_go_on(struct worker *w, struct stint_thread *t)
{
	runq_lock(w);
	runq_clock_locked(w);
	stint_of(t)->switched_in = w->now_cycles;
	runq_attach_locked(w, t);
	runq_pick_locked(w, runq_told_locked(w));
	w->turns++;
	w->stats.reliefs++;
	w->running = t;
	w->resched = w->displaced = false;
	rank_runs_locked(w, t);
	w->kt->turn_end = NEVER;
	trace(w, TRACE_RUN, t, 0, STATE_TIMED_OUT);
	runq_unlock(w);
}

/* --- a worker's life --------------------------------------------------------------------------- */

bool worker_run_one(struct worker *w)
{
	struct stint_thread *t;
	const struct arch_context *to;
	stint_ns now;

	runq_lock(w);
	runq_collect_locked(w);
	if (!w->handed)
		replace_locked(w);
	runq_clock_locked(w);                   /* whatever the policy: the time in which nobody ran is not its first one's */
	now = runq_told_locked(w);
	t = w->handed ? w->handed : runq_pick_locked(w, now);
	w->handed = NULL;
	if (!t) {
		runq_unlock(w);
		return false;
	}
	to = run_locked(w, t, now, w->now_cycles);
	if (w->ready)
		idle_offer(w);
	fiber_leave(w->native.tp, to->tp, FIBER_NO_SYNC);
	arch_switch(&w->native, to);
	worker_arrived();
	return true;
}

/* NULL: it cannot run threads */
static struct kthread *begin_life(struct worker *w)
{
	char name[16] = "stint-worker-";
	struct kthread *kt;
	int err = 0;

	name[13] = (char)('0' + w->id / 10 % 10);
	name[14] = (char)('0' + w->id % 10);
	sys_raw(SYS_prctl, 15 /* PR_SET_NAME */, name, 0, 0);
	sys_raw(SYS_prctl, 29 /* PR_SET_TIMERSLACK */, 1, 0, 0);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &signal_mask, NULL, sizeof(signal_mask));
	w->kt = kt = kthread_get(&err);
	if (kt) {
		w->native.tp = kt->tp;
		kt->worker = w;
		kt->post = &w->post;
		if (w->relief)
			relief_is_made(kt);
	}
	__atomic_store_n(&w->up, kt ? 1 : -err, __ATOMIC_RELEASE);
	sys_wake(&w->up);
	return kt;
}

/* With each round the worker may be another one (handoff.c). */
static void *worker_main(void *arg)
{
	struct kthread *kt;
	struct worker *w;

	checker_begins_kthread();
	kt = begin_life(arg);
	if (!kt)
		return NULL;
	relief_await(kt);
	while (!__atomic_load_n(&idle_stopping, __ATOMIC_ACQUIRE)) {
		w = kt->worker;
		if (unlikely(w->relief))
			relief_round(w);
		else if (!worker_run_one(w) && !idle_look_around(w))
			idle_sleep(w);
	}
	kt->worker = NULL;
	kt->post = &kt->own_post;
	return NULL;
}

static void free_worker(struct worker *w)
{
	trace_ring_free(&w->trace);
	replace_drop_rq(w->policy, w->rq, w->rq_memory);
	sys_free(w->memory);
}

static struct worker *make_worker(unsigned id, const struct stint_policy *policy, int *err)
{
	char *memory = sys_alloc(sizeof(struct worker) + 64);
	struct worker *w;
	void *rq, *rq_memory;

	if (!memory) {
		*err = ENOMEM;
		return NULL;
	}
	w = (struct worker *)(((uintptr_t)memory + 63) & ~(uintptr_t)63);
	w->memory = memory;
	w->id = id;
	w->chance = id + 1;
	w->turn_end = w->offer_at = NEVER;
	w->now_cycles = clock_now();
	timers_init(&w->timers);
	__cds_wfcq_init(&w->inbox_head, &w->inbox_tail);
	*err = trace_ring_init(&w->trace);
	if (*err)
		goto free_memory;
	rq = replace_make_rq(policy, &rq_memory, err);
	if (*err)
		goto free_ring;
	replace_adopt_rq(w, policy, rq, rq_memory, replace_gen());
	return w;
free_ring:
	trace_ring_free(&w->trace);
free_memory:
	sys_free(memory);
	return NULL;
}

/* 0 or an errno value; it runs then */
static int start_worker(struct worker *w)
{
	int err = sys_thread_create(&w->thread, NULL, worker_main, w);

	if (err)
		return err;
	sys_wait(&w->up, 0);
	if (w->up > 0)
		return 0;
	sys.pthread_join(w->thread, NULL);
	return -w->up;
}

static void free_workers(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		threads_worker_ends(workers[i]);
		free_worker(workers[i]);
	}
}

static void end_workers(unsigned n)
{
	__atomic_store_n(&idle_stopping, true, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < n; i++)
		if (workers[i]->relief)
			relief_wake(workers[i]);
		else
			idle_wake(workers[i]);
	for (unsigned i = 0; i < n; i++)
		sys.pthread_join(workers[i]->thread, NULL);
}

int workers_start(unsigned n, const struct stint_policy *policy, stint_ns quantum)
{
	int err = 0;

	preempt_thread = (struct preempt_thread_ops){ turn_over, handoff, left, thread_over, worker_arrived, back };
	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &signal_mask, sizeof(signal_mask));
	runq_setup(quantum);
	idle_setup();
	even_setup();
	__atomic_store_n(&idle_stopping, false, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < n; i++) {
		workers[i] = make_worker(i, policy, &err);
		if (err) {
			free_workers(i);
			return err;
		}
	}
	nworkers = nregular = n;
	for (unsigned i = 0; i < n; i++) {
		err = start_worker(workers[i]);
		if (err) {
			end_workers(i);
			free_workers(n);
			nworkers = nregular = 0;
			return err;
		}
	}
	return 0;
}

/* by the monitor; not while the policy is replaced, which counts the workers */
struct worker *worker_add_relief(void)
{
	struct worker *w = NULL;
	int err = 0;

	if (nworkers == WORKERS_MAX || !replace_hold())
		return NULL;
	w = make_worker(nworkers, workers[0]->policy, &err);
	if (!err) {
		w->relief = w->sends = true;
		workers[nworkers] = w;
		err = start_worker(w);
		if (err)
			free_worker(w);
		else
			__atomic_store_n(&nworkers, nworkers + 1, __ATOMIC_RELEASE);
	}
	replace_let_go();
	return err ? NULL : w;
}

void workers_stop(void)
{
	end_workers(nworkers);
}

void workers_free(void)
{
	replace_drop();
	free_workers(nworkers);
	nworkers = nregular = 0;
}

void workers_forget(void)
{
	nworkers = nregular = 0;
	idle_setup();
	replace_forget(0);
}

/* The queue begins anew, and has the running thread run again. What else was in it is not in this process. */
void workers_after_fork(struct worker *w)
{
	stint_ns now = runq_told_locked(w);

	workers_forget();
	workers[0] = w;
	nworkers = nregular = 1;
	w->id = 0;
	w->relief = false;
	w->relieves = NULL;
	w->sends = w->ranked;
	w->lock = w->wanted = w->inside = w->post.kicked = w->asleep = 0;
	w->ready = 0;
	w->load = w->running->task.weight;
	w->heir = NULL;
	timers_init(&w->timers);
	__cds_wfcq_init(&w->inbox_head, &w->inbox_tail);
	replace_forget(w->policy_gen);
	memset(w->rq, 0, w->policy->rq_size);
	if (w->policy->init)
		w->policy->init(w->rq, runq_quantum);
	memset(w->running->task.priv, 0, sizeof(w->running->task.priv));
	w->policy->attach(w->rq, &w->running->task, now);
	w->policy->pick_next(w->rq, now);
	w->turn_end = w->offer_at = w->kt->turn_end = NEVER;
}
