/*
 * call.c - preemptible function calls: the public interface of <stint/call.h>
 *
 * The calls running on a kernel thread form a chain: the kernel thread's own code launched the first, which
 * launched the next, and so on to the innermost, which has the CPU. Each link has a deadline; eff is the
 * earliest of its own and those around it. When one passes, the chain is cut in front of the outermost link
 * that is out of time: its caller continues, and the cut chain is one stopped call, whose inner links go on
 * with it when it is resumed.
 *
 * A call's clock stands still while it is stopped: resuming moves the deadlines of its inner links by the time
 * in between.
 *
 * State: READY, TIMED_OUT and PAUSED can be moved to RUNNING, by one compare-and-swap that makes the mover the
 * owner; only the owner writes it again, with release, when the call is off its stack. So a call is never
 * resumed on one kernel thread while another is still leaving its stack.
 *
 * Everything here that runs in a call runs with preemption disabled in that call, from the first look at shared
 * things to the last; the switch carries depth along in the stint.
 *
 * Locks: children_lock protects the children lists; nests inside nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include <stint.h>

#include "attr.h"
#include "call.h"
#include "checker.h"
#include "clock.h"
#include "init.h"
#include "kthread.h"
#include "ledger.h"
#include "libset/libset.h"
#include "preempt.h"
#include "settings.h"
#include "stack.h"
#include "sys.h"
#include "tcb.h"
#include "tick.h"

#define JUMPED (-1)             /* in place of an errno value: the program jumps to a frame around this one */

static struct sys_lock children_lock;

static void jump_on(struct stint *s, struct stint *up, bool launched) __attribute__((noinline, noreturn));

void call_fork_prepare(void)
{
	sys_lock(&children_lock);
}

void call_fork_done(void)
{
	sys_unlock(&children_lock);
}

static struct kthread *start_here(int *err)
{
	struct kthread *kt = NULL;
	int saved = errno;

	*err = init_start();
	if (!*err)
		kt = kthread_get(err);
	errno = saved;
	return kt;
}

static struct kthread *kthread_of(struct stint *up, int *err)
{
	struct kthread *kt = up ? up->kt : kthread_native;

	return likely(kt && kt->timer >= 0) ? kt : start_here(err);
}

static bool claim(struct stint *s, int from)
{
	return __atomic_compare_exchange_n(&s->state, &from, STATE_RUNNING, false,
	                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void publish(struct stint *s, int state)
{
	fiber_release(s);
	__atomic_store_n(&s->state, state, __ATOMIC_RELEASE);
}

/* --- whose call is it -------------------------------------------------------------------------- */

static __attribute__((noinline)) void adopt_slow(struct stint *s, struct stint *up)
{
	sys_lock(&children_lock);
	if (!cds_list_empty(&s->sibling))
		cds_list_del_init(&s->sibling);
	if (up)
		cds_list_add(&s->sibling, &up->children);
	sys_unlock(&children_lock);
}

/* calls launched or last resumed in a call belong to it, and go when it is cancelled */
static inline void adopt(struct stint *s, struct stint *up)
{
	if (unlikely(up || !cds_list_empty(&s->sibling)))
		adopt_slow(s, up);
}

static __attribute__((noinline)) void hand_children_slow(struct stint *s, struct stint *up)
{
	struct cds_list_head *pos, *next;

	sys_lock(&children_lock);
	cds_list_for_each_safe(pos, next, &s->children) {
		cds_list_del_init(pos);
		if (up)
			cds_list_add(pos, &up->children);
	}
	sys_unlock(&children_lock);
}

/* @s is over: its calls are its caller's now */
static inline void hand_children(struct stint *s, struct stint *up)
{
	if (unlikely(!cds_list_empty(&s->children)))
		hand_children_slow(s, up);
}

static struct stint *first_child(struct stint *s)
{
	struct stint *c = NULL;

	sys_lock(&children_lock);
	if (!cds_list_empty(&s->children))
		c = cds_list_first_entry(&s->children, struct stint, sibling);
	if (c)
		cds_list_del_init(&c->sibling);
	sys_unlock(&children_lock);
	return c;
}

/* --- running ----------------------------------------------------------------------------------- */

/* the end of every call and thread, on its own stack: what is to go on when that is left for good */
const struct arch_context *call_leave_for_good(struct stint *s, int how)
{
	const struct arch_context *to;

	if (unlikely(s->own_mask))
		preempt_mask_out(s);
	if (unlikely(s->own_vars))
		s->statics->swap_vars(s->statics);
	s->inner = NULL;
	s->how = how;
	s->kt->current = s->parent;
	fiber_release(s->tp);
	to = unlikely(s->is_thread) ? preempt_thread.left(s, how) : &s->ret;
	fiber_leave(s->tp, to->tp, s->is_thread ? FIBER_NO_SYNC : FIBER_SYNC);
	return to;
}

static const struct arch_context *call_main(struct stint *s)
{
	void *result;

	tcb_begin(s);
	preempt_enable(s, NULL);
	result = s->fn(s->arg);
	tcb_finish();
	preempt_disable(s);
	s->depth = 1;           /* whatever the function left disabled */
	s->ending = true;
	s->result = result;
	return call_leave_for_good(s, STATE_COMPLETE);
}

/* what a call launched in @up inherits; nothing while @up must not be stopped */
static inline uint64_t outer_deadline(const struct stint *up)
{
	return up && !up->user_depth ? up->eff : NEVER;
}

/* whether the end of the thread's turn must not stop what is launched in @up */
static inline bool in_shield(const struct stint *up)
{
	return up && (up->user_depth || up->shielded);
}

/* time begins, or goes on after a stop: for @s with a new deadline, for the links in it with what they had left */
static inline struct stint *set_deadlines(struct stint *s, struct stint *up, uint64_t now, uint64_t span)
{
	uint64_t shift = s->stopped ? now - s->stopped : 0;
	uint64_t eff;

	s->deadline = clock_after(now, span);
	for (struct stint *l = s;; l = l->inner) {
		if (l != s) {
			l->switched_in += shift;
			if (l->deadline != NEVER)
				l->deadline += shift;
		}
		eff = outer_deadline(l == s ? up : l->parent);
		l->eff = l->deadline < eff ? l->deadline : eff;
		l->shielded = in_shield(l == s ? up : l->parent);
		l->kt = s->kt;
		if (!l->inner)
			return l;
	}
}

/*
 * Put @leaf on the CPU; returns when @s is back. @sp: start @entry there; NULL: go on. Once current is
 * published a tick on either side of the switch keeps the timer right, and one that comes when the time is
 * already up is noted in the leaf, whose depth is above 0 until it has its own stack.
 */
static inline __attribute__((always_inline)) void switch_in(struct stint *s, struct stint *leaf, bool exact,
                                                            void *sp, arch_entry *entry)
{
	struct kthread *kt = s->kt;
	uint64_t now = s->switched_in;

	s->ret.tp = s->parent ? s->parent->tp : kt->tp;
	leaf->pending = false;
	barrier();
	kt->current = leaf;
	barrier();
	if (exact && leaf->eff != NEVER)
		tick_arm_exact(kt, now, kthread_due(kt, leaf));
	else
		tick_ensure(kt, now, kthread_due(kt, leaf));
	fiber_leave(s->ret.tp, leaf->tp, FIBER_SYNC);
	if (sp)
		arch_start(&s->ret, sp, s->tp, entry, s);
	else
		arch_switch(&s->ret, &leaf->ctx);
}

/* back from @s: the caller's own deadline may have been left without a tick */
static inline __attribute__((always_inline)) uint64_t switched_back(struct stint *s, struct stint *up)
{
	uint64_t now = clock_now();

	s->cpu += now - s->switched_in;
	if (up) {
		barrier();
		tick_ensure(up->kt, now, kthread_due(up->kt, up));
	}
	return now;
}

static inline __attribute__((always_inline)) int finish(struct stint *s, struct stint *up, uint64_t now)
{
	switch (s->how) {
	case STATE_COMPLETE:
		s->ended = now;
		ledger_pass(s, up);
		hand_children(s, up);
		publish(s, STATE_COMPLETE);
		return 0;
	case STATE_PAUSED:
		s->stopped = now;
		publish(s, STATE_PAUSED);
		return EAGAIN;
	case STATE_JUMPED:
		return JUMPED;
	default:
		s->stopped = now;
		publish(s, STATE_TIMED_OUT);
		return ETIMEDOUT;
	}
}

/* @s is RUNNING and ours, and @up (the call we are in, or NULL) has preemption disabled. 0, an errno value, or JUMPED. */
static inline __attribute__((always_inline)) int run(struct stint *s, struct kthread *kt, struct stint *up,
                                                      stint_ns timeout, int before)
{
	uint64_t now = clock_now();
	struct stint *leaf;

	s->kt = kt;
	s->parent = up;
	leaf = set_deadlines(s, up, now, clock_cycles(timeout));
	s->switched_in = now;
	s->resumes++;
	if (before == STATE_READY) {
		s->started = now;
		s->depth = 1;
		switch_in(s, leaf, false, (void *)s->stack_hi, call_main);
	} else {
		switch_in(s, leaf, before == STATE_TIMED_OUT, NULL, NULL);
	}
	return finish(s, up, switched_back(s, up));
}

/* --- launching --------------------------------------------------------------------------------- */

static void set_name(struct stint *s, const char *name)
{
	size_t n = 0;

	while (name && name[n] && n < STINT_NAME_SIZE - 1) {
		s->name[n] = name[n];
		n++;
	}
	s->name[n] = '\0';
}

/* everything that one use of a slot leaves behind */
void call_set_up(struct stint *s, const char *name, stint_fn *fn, void *arg)
{
	s->fn = fn;
	s->arg = arg;
	s->result = NULL;
	s->parent = s->inner = NULL;
	s->ctx.tp = s->tp;
	s->depth = s->user_depth = 0;
	s->pending = s->ending = s->lock_wait = s->own_mask = s->own_vars = false;
	s->is_thread = s->shielded = false;
	s->handler_sp = 0;
	s->started = s->ended = s->stopped = s->cpu = 0;
	s->resumes = s->preemptions = s->deferrals = 0;
	s->deferred_longest = s->defer_limit = s->limited = 0;
	s->ncleanups = 0;
	s->more_cleanups = NULL;
	s->callouts = NULL;
	s->stream = NULL;
	s->statics = NULL;
	s->libset = NULL;
	CDS_INIT_LIST_HEAD(&s->children);
	CDS_INIT_LIST_HEAD(&s->sibling);
	ledger_init(&s->ledger);
	set_name(s, name);
}

/* a call inherits the set of the one that it is launched in, a thread that of its maker */
void call_choose_set(struct stint *s, struct stint_libset *own, const struct stint *up)
{
	struct stint_libset *set = own ? own : up ? up->libset : NULL;

	if (unlikely(set && set != STINT_LIBSET_NONE))
		libset_install(s, set);
}

static struct stint *launch(const struct stint_attr *attr, stint_fn *fn, void *arg, stint_ns timeout, int *err)
{
	struct stint *up = self();
	struct kthread *kt = kthread_of(up, err);
	struct stint *s;

	if (!kt)
		return NULL;
	s = stack_get(kt, attr && attr->stack_size ? attr->stack_size : settings.stack_size);
	if (!s) {
		*err = ENOMEM;
		return NULL;
	}
	call_set_up(s, attr ? attr->name : NULL, fn, arg);
	call_choose_set(s, attr ? attr->libset : NULL, up);
	if (unlikely(up))
		adopt(s, up);
	if (timeout == 0) {
		publish(s, STATE_READY);
	} else {
		s->state = STATE_RUNNING;
		if (unlikely(run(s, kt, up, timeout, STATE_READY) == JUMPED))
			jump_on(s, up, true);
	}
	return s;
}

static stint_t *launch_checked(const struct stint_attr *attr, stint_fn *fn, void *arg, stint_ns timeout,
                               const void *caller)
{
	struct stint *up = self(), *s;
	int err = 0;

	if (!fn || timeout < 0) {
		errno = EINVAL;
		return NULL;
	}
	if (up)
		preempt_disable(up);
	s = launch(attr, fn, arg, timeout, &err);
	if (up)
		preempt_enable(up, caller);
	if (!s)
		errno = err;
	return s;
}

stint_t *stint_launch(stint_fn *fn, void *arg, stint_ns timeout)
{
	return launch_checked(NULL, fn, arg, timeout, caller_address());
}

static int check_attr(const struct stint_attr *attr)
{
	int err = attr_check(attr, sizeof(*attr), sizeof(*attr));

	if (err)
		return err;
	if (attr->flags)
		return EINVAL;
	if (attr->stack_size && (attr->stack_size < ARCH_PAGE_SIZE || attr->stack_size > STACK_SIZE_MAX))
		return EINVAL;
	if (attr->libset && attr->libset != STINT_LIBSET_NONE && !libset_is_open(attr->libset))
		return EINVAL;
	return 0;
}

stint_t *stint_launch_with(const struct stint_attr *attr, stint_fn *fn, void *arg, stint_ns timeout)
{
	int err = attr ? check_attr(attr) : 0;

	if (err) {
		errno = err;
		return NULL;
	}
	return launch_checked(attr, fn, arg, timeout, caller_address());
}

/* --- resuming and pausing ---------------------------------------------------------------------- */

static bool is_around(const struct stint *s, const struct stint *up)
{
	for (; up; up = up->parent)
		if (up == s)
			return true;
	return false;
}

/* make @s ours; 0 with the state it had in @before, or the error that resume and cancel return */
static inline __attribute__((always_inline)) int take(struct stint *s, int *before)
{
	*before = s ? __atomic_load_n(&s->state, __ATOMIC_RELAXED) : STATE_FREE;
	switch (*before) {
	case STATE_READY:
	case STATE_TIMED_OUT:
	case STATE_PAUSED:
		return claim(s, *before) ? 0 : EBUSY;
	case STATE_RUNNING:
		return EBUSY;
	default:
		return EINVAL;
	}
}

/* EAGAIN means that the call paused itself */
static int no_kthread(int err)
{
	return err == EAGAIN ? ENOMEM : err;
}

static inline __attribute__((always_inline)) int resume(struct stint *s, struct stint *up, stint_ns timeout)
{
	struct kthread *kt;
	int err, before;

	err = take(s, &before);
	if (err)
		return err == EBUSY && is_around(s, up) ? EDEADLK : err;
	kt = kthread_of(up, &err);
	if (!kt || timeout == 0) {
		publish(s, before);
		return kt ? ETIMEDOUT : no_kthread(err);
	}
	adopt(s, up);
	err = run(s, kt, up, timeout, before);
	if (unlikely(err == JUMPED))
		jump_on(s, up, false);
	return err;
}

int stint_resume(stint_t *s, stint_ns timeout)
{
	struct stint *up = self();
	int r;

	if (timeout < 0)
		return EINVAL;
	if (!up)
		return arch_return(resume(s, NULL, timeout));
	preempt_disable(up);
	r = resume(s, up, timeout);
	preempt_enable(up, caller_address());
	return r;
}

void stint_pause(void)
{
	struct stint *s = self();

	if (!s || s->ending || s->is_thread)
		return;
	preempt_disable(s);
	preempt_leave_alone(s, STATE_PAUSED);
	preempt_enable(s, caller_address());
	arch_return(0);
}

/* --- cancelling -------------------------------------------------------------------------------- */

static bool pop_cleanup(struct stint *s, struct cleanup *out)
{
	struct cleanup_block *b = s->more_cleanups;

	if (b) {
		*out = b->at[--b->n];
		if (!b->n) {
			s->more_cleanups = b->prev;
			sys_free(b);
		}
		return true;
	}
	if (!s->ncleanups)
		return false;
	*out = s->cleanups[--s->ncleanups];
	return true;
}

static __attribute__((noinline)) void drop_cleanups(struct stint *s)
{
	while (s->more_cleanups) {
		struct cleanup_block *b = s->more_cleanups;

		s->more_cleanups = b->prev;
		sys_free(b);
	}
	s->ncleanups = 0;
}

/*
 * The rest of a cancel, or of an exit (s->ends_as). Functions of libc that the call left in the middle come first, the innermost before the others: each
 * goes on in its own frame, above us, and its wrapper comes back here by call_wind_up().
 */
static const struct arch_context *wind_up(struct stint *s)
{
	s->depth = 1;
	while (s->callouts)
		s->callouts->end(s->callouts);
	if (s->ends_as == STATE_CANCELLED)
		ledger_release(s);
	return s->is_thread ? preempt_thread.ended(s, s->ends_as) : call_leave_for_good(s, s->ends_as);
}

void call_wind_up(struct stint *s)
{
	struct arch_context gone;

	arch_switch(&gone, wind_up(s));
	__builtin_unreachable();
}

void call_exit(struct stint *s, void *result)
{
	struct arch_context gone;

	tcb_finish();
	preempt_disable(s);
	tcb_forget_pushed();
	s->handler_sp = 0;
	if (!s->ending) {               /* else in a cleanup: the cancel goes on */
		s->ending = true;
		s->ends_as = STATE_COMPLETE;
		s->result = result;
	}
	checker_unwound((void *)s->stack_lo, s->stack_hi - s->stack_lo);
	arch_switch(&gone, wind_up(s));
	__builtin_unreachable();
}

/* on the stint's own stack, below its last frame: the cleanups may refer to its frames */
static const struct arch_context *cancel_main(struct stint *s)
{
	struct cleanup c;
	bool more;

	s->ends_as = STATE_CANCELLED;
	while (more = pop_cleanup(s, &c), more) {
		preempt_enable(s, NULL);
		c.fn(c.arg);
		preempt_disable(s);
	}
	preempt_enable(s, NULL);
	tcb_finish();
	preempt_disable(s);
	tcb_forget_pushed();
	return wind_up(s);
}

/* Where the end of @s may run. With nothing to refer to its frames they are given up, which leaves the most room. */
static void *cancel_sp(const struct stint *s)
{
	uintptr_t sp = (uintptr_t)s->ctx.sp;

	if (!s->ncleanups && !s->more_cleanups && !s->callouts && !ledger_needs_frames(s))
		sp = s->stack_hi;
	else
		sp -= ARCH_RED_ZONE;
	return (void *)(sp & ~(uintptr_t)(ARCH_STACK_ALIGN - 1));
}

static void end_children(struct stint *s, struct kthread *kt, struct stint *up);

/* what was running in @s is not going on: from now on it ends */
static void begin_end(struct stint *s)
{
	if (s->inner)
		s->ctx.sp = s->inner->ret.sp;   /* where it waits for the inner one */
	s->ending = true;
	s->lock_wait = s->own_vars = false;
	s->handler_sp = 0;
	s->depth = 1;
	s->deadline = NEVER;
}

void call_divert(struct stint *s, arch_entry *entry)
{
	void *sp;

	begin_end(s);
	s->eff = NEVER;
	callouts_jumped(s, (uintptr_t)s->ctx.sp);
	sp = cancel_sp(s);
	checker_scratch((void *)s->stack_lo, (uintptr_t)sp - s->stack_lo);
	arch_prepare(&s->ctx, sp, s->tp, entry, s);
}

const struct arch_context *call_cancel_diverted(struct stint *s)
{
	if (s->libset)
		libset_soiled(s->libset);
	if (s->own_mask)
		preempt_mask_in(s);
	end_children(s, s->kt, s);
	s->inner = NULL;
	return cancel_main(s);
}

void call_ended(struct stint *s)
{
	s->libset = NULL;
	ledger_pass(s, NULL);
	hand_children(s, NULL);
}

/* @s is RUNNING and ours, or a link of a stopped chain whose head is */
static void end_call(struct stint *s, struct kthread *kt, struct stint *up)
{
	uint64_t now;
	void *sp;

	begin_end(s);
	end_children(s, kt, up);
	now = clock_now();
	s->kt = kt;
	s->parent = up;
	s->inner = NULL;
	s->eff = outer_deadline(up);
	s->shielded = in_shield(up);
	s->switched_in = now;
	if (s->started) {
		if (s->libset)
			libset_soiled(s->libset);
		if (s->own_mask)
			preempt_mask_in(s);
		callouts_jumped(s, (uintptr_t)s->ctx.sp);
		sp = cancel_sp(s);
		checker_scratch((void *)s->stack_lo, (uintptr_t)sp - s->stack_lo);
		switch_in(s, s, false, sp, cancel_main);
		checker_scratch((void *)s->stack_lo, s->stack_hi - s->stack_lo);
		now = switched_back(s, up);
	}
	s->ended = now;
	publish(s, STATE_CANCELLED);
}

/* A child that another kernel thread is running right now is left to it: nobody frees it, but nothing breaks. */
static void end_children(struct stint *s, struct kthread *kt, struct stint *up)
{
	struct stint *inner = s->inner, *c;
	int before;

	while ((c = first_child(s))) {
		if (c == inner || !take(c, &before))
			end_call(c, kt, up);
		before = __atomic_load_n(&c->state, __ATOMIC_RELAXED);
		if ((before == STATE_COMPLETE || before == STATE_CANCELLED) && claim(c, before))
			call_release(c, kt);
	}
}

/* --- jumping out ------------------------------------------------------------------------------- */

struct stint *call_left_by(struct stint *s, uintptr_t sp)
{
	uintptr_t from;

	if (likely(on_own_stack(s, sp)) || !on_own_stack(s, (uintptr_t)__builtin_frame_address(0)))
		return NULL;
	for (; !s->ending && s->parent; s = s->parent)
		if (on_own_stack(s->parent, sp))
			return s;
	from = (uintptr_t)s->ret.sp;
	return !s->ending && sp >= from && tcb_native_stack_has(s->kt->tp, from, sp) ? s : NULL;
}

void call_jump_out(struct stint *s, struct stint *left, const struct call_jump *jump)
{
	preempt_disable(s);
	left->jump = jump;
	preempt_leave(s, left, STATE_JUMPED);
	__builtin_unreachable();
}

/* the program has jumped out of @s, to a frame around ours: it is cancelled first, and what it jumps with is in its memory */
static void jump_on(struct stint *s, struct stint *up, bool launched)
{
	struct call_jump jump = *s->jump;
	struct kthread *kt = s->kt;

	s->stopped = clock_now();
	end_call(s, kt, up);
	if (launched && claim(s, STATE_CANCELLED))
		call_release(s, kt);
	if (up)
		preempt_enable(up, NULL);
	jump.go(&jump);
}

static int cancel(struct stint *s, struct stint *up)
{
	struct kthread *kt;
	int err, before;

	err = take(s, &before);
	if (err)
		return err;
	kt = kthread_of(up, &err);
	if (!kt) {
		publish(s, before);
		return no_kthread(err);
	}
	end_call(s, kt, up);
	return 0;
}

int stint_cancel(stint_t *s)
{
	struct stint *up = self();
	int r;

	if (!up)
		return cancel(s, NULL);
	preempt_disable(up);
	r = cancel(s, up);
	preempt_enable(up, caller_address());
	return r;
}

/* --- freeing ----------------------------------------------------------------------------------- */

/* @s is over and ours (RUNNING) */
void call_release(struct stint *s, struct kthread *kt)
{
	if (unlikely(!cds_list_empty(&s->sibling)))
		adopt(s, NULL);
	if (unlikely(s->ncleanups))
		drop_cleanups(s);
	if (unlikely(s->statics))
		s->statics->free(s->statics);
	publish(s, STATE_FREE);
	stack_put(kt, s);
}

static void free_call(struct stint *s, struct stint *up)
{
	int err, state = __atomic_load_n(&s->state, __ATOMIC_RELAXED);
	struct kthread *kt = kthread_of(up, &err);

	if (state == STATE_READY || state == STATE_TIMED_OUT || state == STATE_PAUSED) {
		if (cancel(s, up))
			return;
		state = STATE_CANCELLED;
	}
	if ((state == STATE_COMPLETE || state == STATE_CANCELLED) && claim(s, state))
		call_release(s, kt);
}

void stint_free(stint_t *s)
{
	struct stint *up = self();

	if (!s)
		return;
	if (!up) {
		free_call(s, NULL);
		return;
	}
	preempt_disable(up);
	free_call(s, up);
	preempt_enable(up, caller_address());
}

/* --- asking ------------------------------------------------------------------------------------ */

enum stint_state stint_state(const stint_t *s)
{
	int state = s ? __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) : STATE_FREE;

	return state == STATE_FREE ? STINT_CANCELLED : (enum stint_state)(state - 1);
}

bool stint_is_complete(const stint_t *s)
{
	return stint_state(s) == STINT_COMPLETE;
}

void *stint_result(const stint_t *s)
{
	return stint_is_complete(s) ? s->result : NULL;
}

stint_t *stint_self(void)
{
	struct stint *s = self();

	return s && !s->is_thread ? s : NULL;
}

static void usage(const struct stint *s, int state, struct stint_usage *out)
{
	uint64_t now = clock_now(), end;

	memset(out, 0, sizeof(*out));
	end = s->ended ? s->ended : now;
	out->cpu_ns = clock_ns(s->cpu + (state == STATE_RUNNING && s->started ? now - s->switched_in : 0));
	out->wall_ns = s->started ? clock_ns(end - s->started) : 0;
	out->resumes = s->resumes;
	out->preemptions = s->preemptions;
	out->deferrals = s->deferrals;
	out->longest_deferral_ns = clock_ns(s->deferred_longest);
	out->stack_bytes = stack_size(s);
	out->bytes_held = ledger_heap_bytes(&s->ledger) + s->ledger.mapped;
	out->blocks_held = ledger_heap_blocks(&s->ledger);
	out->fds_held = ledger_fds_held(&s->ledger);
}

/* Not stopped in it: of itself it would read what is from before that, and from after it. */
int stint_usage(const stint_t *s, struct stint_usage *out)
{
	struct stint *me = self();
	int state = s ? __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) : STATE_FREE;

	if (state == STATE_FREE || !out)
		return EINVAL;
	if (me)
		preempt_disable(me);
	usage(s, state, out);
	if (me)
		preempt_enable(me, caller_address());
	return 0;
}

/* --- in the call ------------------------------------------------------------------------------- */

static struct cleanup *new_cleanup(struct stint *s)
{
	struct cleanup_block *b = s->more_cleanups;

	if (!b && s->ncleanups < CLEANUPS_INLINE)
		return &s->cleanups[s->ncleanups++];
	if (!b || b->n == sizeof(b->at) / sizeof(b->at[0])) {
		b = sys_alloc(sizeof(*b));
		if (!b)
			return NULL;
		b->prev = s->more_cleanups;
		s->more_cleanups = b;
	}
	return &b->at[b->n++];
}

int stint_defer(void (*fn)(void *), void *arg)
{
	struct stint *s = self();
	struct cleanup *c;

	if (!fn)
		return EINVAL;
	if (!s)
		return EPERM;
	preempt_disable(s);
	c = new_cleanup(s);
	if (c)
		*c = (struct cleanup){ fn, arg };
	preempt_enable(s, caller_address());
	return c ? 0 : ENOMEM;
}

void stint_preempt_disable(void)
{
	struct stint *s = self();

	if (!s)
		return;
	preempt_disable(s);
	s->user_depth++;
}

void stint_preempt_enable(void)
{
	struct stint *s = self();

	if (!s || !s->user_depth)
		return;
	s->user_depth--;
	preempt_enable(s, caller_address());
}

const char *stint_version(void)
{
	return STINT_VERSION;
}

const char *stint_unsupported(void)
{
	return init_why_not();
}
