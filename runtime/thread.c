/*
 * thread.c - the public functions of <stint/thread.h>, but starting and stopping
 *
 * A thread's end. It writes ended under its lock, and who finds it so afterwards (join, detach) frees it; who came before
 * is woken, or, if the thread was detached, the worker frees it once it has left its stack.
 *
 * A cancel is a flag, and a push: a thread that is parked where it may be interrupted is made ready; one that runs is kicked. It
 * takes effect where the thread is stopped by the end of its turn (worker.c: the flag is looked at when it is picked next), so at
 * any instruction, but never with preemption disabled. Then, in place of going on, it runs cancel_main() on its stack under its
 * last frame, as a thread like any other: its cleanups may be preempted and may wait.
 *
 * Locks: a thread's lock protects ended, detached, joined, joiner; nests in nothing, and nothing in it.
 */
#define _GNU_SOURCE
#include <errno.h>

#include <stint.h>

#include "attr.h"
#include "call.h"
#include "checker.h"
#include "clock.h"
#include "config.h"
#include "kthread.h"
#include "libset/libset.h"
#include "park.h"
#include "preempt.h"
#include "settings.h"
#include "stack.h"
#include "sys.h"
#include "tcb.h"
#include "thread.h"
#include "worker.h"

#define MEMBARRIER_GLOBAL 1
#define MEMBARRIER_PRIVATE_EXPEDITED 8

#define IDS 1024                        /* that a worker takes at once */

static uint64_t last_id;                /* atomic */
static uint64_t made, freed;            /* outside workers, which count for themselves; atomic */

/* Made less freed lives, or has not been joined. Freed is read first: what comes in between is counted at most as too much. */
uint64_t threads_live(void)
{
	uint64_t f = __atomic_load_n(&freed, __ATOMIC_ACQUIRE), m;

	for (unsigned i = 0; i < nworkers; i++)
		f += __atomic_load_n(&workers[i]->freed, __ATOMIC_ACQUIRE);
	m = __atomic_load_n(&made, __ATOMIC_ACQUIRE);
	for (unsigned i = 0; i < nworkers; i++)
		m += __atomic_load_n(&workers[i]->made, __ATOMIC_ACQUIRE);
	return m - f;
}

void threads_hold(int n)
{
	__atomic_fetch_add(n > 0 ? &made : &freed, 1, __ATOMIC_SEQ_CST);
}

/* It is not in this process. Who has its handle is told so. */
static void forget(struct stint *s, void *survivor)
{
	struct stint_thread *t = thread_of(s);

	if (!s->is_thread || t == survivor)
		return;
	t->ended = t->joined = true;
	t->joiner = NULL;
	t->lock = 0;
}

void threads_after_fork(struct worker *w)
{
	stack_each(forget, w ? w->running : NULL);
	freed = 0;
	made = w != NULL;
	if (w)
		w->made = w->freed = 0;
}

/* the counters of a worker that ends go to the common ones */
void threads_worker_ends(const struct worker *w)
{
	made += w->made;
	freed += w->freed;
}

static uint64_t count_made(struct worker *w)
{
	if (unlikely(!w)) {
		__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
		return __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&w->made, w->made + 1, __ATOMIC_RELAXED);
	if (w->next_id == w->ids_end) {
		w->ids_end = __atomic_add_fetch(&last_id, IDS, __ATOMIC_RELAXED) + 1;
		w->next_id = w->ids_end - IDS;
	}
	return w->next_id++;
}

/* --- its life ---------------------------------------------------------------------------------- */

void thread_free(struct stint_thread *t, struct kthread *kt)
{
	struct stint *s = stint_of(t);

	thread_wait_off_cpu(t);
	if (s->how == STATE_CANCELLED)
		checker_scratch((void *)s->stack_lo, s->stack_hi - s->stack_lo);        /* frames that were given up */
	call_release(s, kt);
	if (likely(kt && kt->worker))
		__atomic_store_n(&kt->worker->freed, kt->worker->freed + 1, __ATOMIC_RELEASE);
	else
		__atomic_fetch_add(&freed, 1, __ATOMIC_RELEASE);
}

/* the last that runs on the thread, with preemption disabled: whoever waits for it may have it from here on */
static void ends(struct stint *s)
{
	struct stint_thread *t = thread_of(s);
	struct stint_waiter *joiner;

	call_ended(s);
	spin_lock(&t->lock);
	t->ended = true;
	joiner = t->joiner;
	t->joiner = NULL;
	if (t->detached)
		s->kt->worker->gone = t;
	spin_unlock(&t->lock);
	if (joiner)
		unpark_at_end(joiner);
}

static const struct arch_context *leave_for_good(struct stint *s, int how)
{
	ends(s);
	return call_leave_for_good(s, how);
}

const struct arch_context *thread_over(struct stint *s, int how)
{
	if (how == STATE_CANCELLED)
		s->result = NULL;
	return leave_for_good(s, how);
}

const struct arch_context *thread_main(struct stint *s)
{
	worker_arrived();
	thread_of(s)->started = true;
	if (unlikely(s->own_mask))
		preempt_mask_in(s);
	s->started = s->kt->worker->now_cycles;
	tcb_begin(s);
	preempt_enable(s, NULL);
	s->result = s->fn(s->arg);
	tcb_finish();
	preempt_disable(s);
	s->depth = 1;
	s->ending = true;
	return leave_for_good(s, STATE_COMPLETE);
}

/* in place of what the thread was doing */
static const struct arch_context *cancel_main(struct stint *s)
{
	worker_arrived();
	thread_of(s)->started = true;
	tcb_begin(s);           /* it may not have begun */
	return call_cancel_diverted(s);
}

bool thread_divert(struct stint *s)
{
	if (s->ending || s->user_depth || (s->how != STATE_TIMED_OUT && thread_of(s)->started))
		return false;
	call_divert(s, cancel_main);
	return true;
}

/* --- making one -------------------------------------------------------------------------------- */

static int check_attr(const struct stint_thread_attr *attr)
{
	int err = attr_check(attr, sizeof(*attr), sizeof(*attr));

	if (err)
		return err;
	if (attr->stack_size && (attr->stack_size < ARCH_PAGE_SIZE || attr->stack_size > STACK_SIZE_MAX))
		return EINVAL;
	if (attr->weight && (attr->weight < STINT_WEIGHT_MIN || attr->weight > STINT_WEIGHT_MAX))
		return EINVAL;
	if (attr->priority < STINT_PRIORITY_MIN || attr->priority > STINT_PRIORITY_MAX || attr->deadline < 0)
		return EINVAL;
	if (attr->libset && attr->libset != STINT_LIBSET_NONE && !libset_is_open(attr->libset))
		return EINVAL;
	return 0;
}

static void set_up(struct stint_thread *t, struct worker *w, const struct stint_thread_attr *attr)
{
	struct stint *s = stint_of(t);

	for (unsigned i = 0; i < sizeof(t->task.priv) / sizeof(t->task.priv[0]); i++)
		t->task.priv[i] = 0;
	t->on_cpu = t->lock = 0;
	t->park_state = PARK_NOT;
	t->cancel = t->started = t->ended = t->detached = t->joined = t->moved = false;
	t->waits_on = NULL;
	t->fresh_in = NULL;
	t->joiner = NULL;
	t->joins = NULL;
	t->timer.in = NULL;
	t->task.weight = attr && attr->weight ? attr->weight : STINT_WEIGHT_NORMAL;
	t->task.priority = attr ? attr->priority : STINT_PRIORITY_NORMAL;
	t->task.deadline = attr ? attr->deadline : 0;
	t->task.id = count_made(w);
	s->is_thread = true;
	s->deadline = s->eff = NEVER;
	s->state = STATE_RUNNING;       /* as a call it is nobody's to resume */
	s->how = STATE_READY;
	s->depth = 1;
	arch_prepare(&s->ctx, (void *)s->stack_hi, s->tp, thread_main, s);
}

/* What the maker has now is only in the kernel. */
static void inherit_mask(struct stint *s, const struct stint *maker)
{
	while (maker && !maker->own_mask)
		maker = maker->parent;
	if (unlikely(maker != NULL)) {
		s->own_mask = true;
		sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &s->mask, sizeof(s->mask));
	}
}

static int create(struct stint *s, struct kthread *kt, stint_thread_t **out, const struct stint_thread_attr *attr,
                  stint_fn *fn, void *arg, bool detached)
{
	struct stint *made_of = stack_get(kt, attr && attr->stack_size ? attr->stack_size : config_stack_size());
	struct stint_thread *t;
	struct worker *w = kt->worker;

	if (!made_of)
		return ENOMEM;
	call_set_up(made_of, attr ? attr->name : NULL, fn, arg);
	call_choose_set(made_of, attr ? attr->libset : NULL, s);
	t = thread_of(made_of);
	set_up(t, w, attr);
	t->detached = detached;
	t->worker = w ? w : config_next_worker();
	t->policy_gen = w ? w->policy_gen : t->worker->policy_gen;
	inherit_mask(made_of, s);
	if (out)
		*out = t;
	worker_ready(t, READY_SPAWN);
	return 0;
}

/* on a kernel thread of the program's */
static __attribute__((noinline)) int start_and_create(struct stint *s, stint_thread_t **out, const struct stint_thread_attr *attr,
                                                      stint_fn *fn, void *arg, bool detached)
{
	struct kthread *kt;
	int saved = errno, err = config_enter();

	if (!err) {
		kt = kthread_get(&err);
		if (kt)
			err = create(s, kt, out, attr, fn, arg, detached);
		config_leave();
	}
	errno = saved;
	return err;
}

static int create_checked(stint_thread_t **out, const struct stint_thread_attr *attr, stint_fn *fn, void *arg,
                          bool detached, const void *caller)
{
	struct stint *s = self();
	struct kthread *kt;
	int err = !fn ? EINVAL : attr ? check_attr(attr) : 0;

	if (err)
		return err;
	park_begin(s);
	kt = kthread_here();
	err = likely(kt && kt->worker) ? create(s, kt, out, attr, fn, arg, detached)
	                               : start_and_create(s, out, attr, fn, arg, detached);
	park_end(s, caller);
	return err;
}

int stint_thread_create(stint_thread_t **t, const struct stint_thread_attr *attr, stint_fn *fn, void *arg)
{
	return t ? create_checked(t, attr, fn, arg, false, caller_address()) : EINVAL;
}

int stint_go(stint_fn *fn, void *arg)
{
	return create_checked(NULL, NULL, fn, arg, true, caller_address());
}

/* --- joining ----------------------------------------------------------------------------------- */

/* whether @t waits, through others, for the end of @by. The chain may change under us; then it is no deadlock. */
static bool waits_for(const struct stint_thread *t, const struct stint_thread *by)
{
	for (unsigned n = 0; t && n < 1000000; n++) {
		if (t == by)
			return true;
		t = __atomic_load_n(&t->joins, __ATOMIC_RELAXED);
	}
	return false;
}

enum joined { ENDED, TO_WAIT };

/* under @t's lock: 0 and whether there is anything to wait for, or an error */
static int begin_join(struct stint_thread *t, struct stint *s, struct stint_thread *me, struct stint_waiter *w,
                      enum joined *joined)
{
	if (t->detached)
		return EINVAL;
	if (me && waits_for(t, me))
		return EDEADLK;
	if (t->joined)
		return EINVAL;
	t->joined = true;
	*joined = t->ended ? ENDED : TO_WAIT;
	if (*joined == TO_WAIT) {
		waiter_init(w, s, PARK_JOIN, t);
		t->joiner = w;
	}
	return 0;
}

/* after a wait that nobody ended: true: it is given up. False: the thread has ended in the meantime. */
static bool end_join(struct stint_thread *t, struct stint_waiter *w)
{
	bool given_up;

	spin_lock(&t->lock);
	given_up = t->joiner == w;
	if (given_up) {
		t->joiner = NULL;
		t->joined = false;
	}
	spin_unlock(&t->lock);
	return given_up;
}

static int join_once(struct stint_thread *t, struct stint *s, uint64_t deadline)
{
	struct stint_thread *me = s ? thread_running(s) : NULL;
	enum joined joined = ENDED;
	struct stint_waiter w;
	int err;

	if (me)         /* before the lock, which is a barrier: of two that join each other one sees it */
		__atomic_store_n(&me->joins, t, __ATOMIC_RELAXED);
	spin_lock(&t->lock);
	err = begin_join(t, s, me, &w, &joined);
	spin_unlock(&t->lock);
	if (!err && joined == TO_WAIT)
		err = park(s, &w, deadline);
	if (me)
		__atomic_store_n(&me->joins, NULL, __ATOMIC_RELAXED);
	if (joined == ENDED)
		return err;
	if (err && !end_join(t, &w)) {
		park_taken(&w);
		err = 0;
	}
	return err;
}

static int join(struct stint_thread *t, struct stint *s, void **result, uint64_t deadline, const void *caller)
{
	int err;

	while ((err = join_once(t, s, deadline)) == EINTR)
		park_stop(s, caller);
	if (err)
		return err;
	if (result)
		*result = stint_of(t)->result;
	thread_free(t, kthread_here());
	return 0;
}

static int join_until(stint_thread_t *t, void **result, uint64_t deadline, const void *caller)
{
	struct stint *s = self();
	int err;

	park_begin(s);
	err = join(t, s, result, deadline, caller);
	park_end(s, caller);
	return err;
}

int stint_thread_join(stint_thread_t *t, void **result)
{
	return t ? join_until(t, result, NEVER, caller_address()) : EINVAL;
}

int stint_thread_join_timed(stint_thread_t *t, void **result, stint_ns timeout)
{
	if (!t || timeout < 0)
		return EINVAL;
	return join_until(t, result, park_deadline(timeout), caller_address());
}

int stint_thread_detach(stint_thread_t *t)
{
	struct stint *s = self();
	bool ended = false;
	int err = 0;

	if (!t)
		return EINVAL;
	park_begin(s);
	spin_lock(&t->lock);
	if (t->detached || t->joined)
		err = EINVAL;
	else
		t->detached = true;
	ended = t->ended;
	spin_unlock(&t->lock);
	if (!err && ended)
		thread_free(t, kthread_here());
	park_end(s, caller_address());
	return err;
}

/* --- cancelling -------------------------------------------------------------------------------- */

/* from here on every thread sees what we wrote, or we see what it wrote (park.c) */
static void barrier_everywhere(void)
{
	if (sys_raw(SYS_membarrier, MEMBARRIER_PRIVATE_EXPEDITED, 0, 0, 0))
		sys_raw(SYS_membarrier, MEMBARRIER_GLOBAL, 0, 0, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void push(struct stint_thread *t)
{
	int state = PARK_WAITS;
	struct worker *w;

	if (__atomic_compare_exchange_n(&t->park_state, &state, PARK_INTERRUPTED, false, __ATOMIC_ACQ_REL,
	                                __ATOMIC_RELAXED)) {
		worker_ready(t, READY_WAKEUP);
		return;
	}
	w = __atomic_load_n(&t->worker, __ATOMIC_RELAXED);
	if (__atomic_load_n(&w->running, __ATOMIC_RELAXED) == t)
		worker_kick(w);
}

static void cancel_self(struct stint *s)
{
	s->kt->turn_end = 0;
	s->pending = true;
}

int stint_thread_cancel(stint_thread_t *t)
{
	struct stint *s = self();
	bool ended;

	if (!t)
		return EINVAL;
	park_begin(s);
	spin_lock(&t->lock);
	ended = t->ended;
	if (!ended)
		__atomic_store_n(&t->cancel, true, __ATOMIC_SEQ_CST);
	spin_unlock(&t->lock);
	if (!ended && s && thread_running(s) == t) {
		cancel_self(s);
	} else if (!ended) {
		barrier_everywhere();
		push(t);
	}
	park_end(s, caller_address());
	return ended ? EINVAL : 0;
}

/* --- the rest ---------------------------------------------------------------------------------- */

/*
 * A thread that yields all the time runs for less than it takes a tick to come, which then finds another one. So it looks itself whether it, or a
 * call in it, is to be stopped, when it goes on.
 */
static void look_whether_due(struct stint *s)
{
	struct kthread *kt = s->kt;
	uint64_t now = s->eff == NEVER ? kt->worker->now_cycles : clock_now();

	if (unlikely(kthread_due(kt, s) <= now))
		s->pending = true;
}

void stint_thread_yield(void)
{
	struct stint *s = self(), *root;

	if (!s || !(root = root_of(s))->is_thread) {
		sys_raw(SYS_sched_yield, 0, 0, 0, 0);
		return;
	}
	preempt_disable(s);
	if (worker_others_ready(root))
		worker_yield(s, root);
	look_whether_due(s);
	preempt_enable(s, caller_address());
}

int thread_sleep_until(struct stint *s, uint64_t deadline)
{
	struct stint_waiter w;

	waiter_init(&w, s, deadline == NEVER ? PARK_SLEEP_EVER : PARK_SLEEP, NULL);
	return park(s, &w, deadline);
}

void stint_thread_sleep(stint_ns span)
{
	struct stint *s = self();
	uint64_t deadline;

	if (span <= 0) {
		stint_thread_yield();
		return;
	}
	park_begin(s);
	deadline = park_deadline(span);
	while (thread_sleep_until(s, deadline) == EINTR)
		park_stop(s, caller_address());
	park_end(s, caller_address());
}

stint_thread_t *stint_thread_self(void)
{
	struct stint *s = self();

	return s ? thread_running(s) : NULL;
}

const char *stint_thread_name(const stint_thread_t *t)
{
	return t ? stint_of(t)->name : "";
}

uint64_t stint_thread_id(const stint_thread_t *t)
{
	return t ? t->task.id : 0;
}

int stint_thread_usage(const stint_thread_t *t, struct stint_usage *out)
{
	int err = t ? stint_usage(stint_of(t), out) : EINVAL;

	if (!err && !__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE))
		out->cpu_ns = clock_ns(stint_of(t)->cpu);       /* it looks as if it ran, and does not */
	return err;
}
