/*
 * preempt.c - taking the CPU back
 *
 * The tick's handler runs on the call's own stack. If the call's time is up and it may be stopped here, the handler
 * switches to the caller and stays where it is, with the kernel's signal frame above it; resuming the call
 * continues the handler, which returns, and rt_sigreturn restores every register the processor has.
 *
 * May it be stopped here? In this order:
 *
 *   stack     the stack pointer lies in the call's own stack: not in a switch, on an alternate stack, in a
 *             foreign coroutine
 *   depth     preemption is not disabled; if it is, the deadline is noted and preempt_enable() takes it
 *   handler   no signal handler of the program is running on the call
 *   text      the program counter is not in libc or ld.so, bar functions known to be safe that the program
 *             called, nor at the end of this handler (a tick there would leave one signal frame under another,
 *             and with ticks that come fast enough the stack would fill)
 *
 * A tick that is refused has been consumed, so the timer is set to try again; all but depth, which is sure to
 * be taken. How long deadlines waited is counted where they are taken, so that it costs nothing where none did. In a wait
 * for a lock, or in a blocking call that acquires something, depth is set but the call may
 * be stopped at the system call instruction itself: the kernel puts the program counter back there exactly
 * when it has done nothing yet.
 *
 * A call that was stopped with a lock of libc's would deadlock its caller, so for calls depth has no limit. A stint whose
 * driver uses none of what it locks (a worker between threads) may have one, defer_limit: deferred for longer, it is
 * stopped inside libc when it went there through a plain wrapper of the class "locked", which has nothing of ours in hand.
 * Who wants the lock meanwhile waits for it as for any thread's.
 *
 * Signals: all are blocked while the handler decides (ticks that come faster than the handler gets going would
 * nest until the stack overflows; a handler of the program might jump out of ours), so it unblocks them before
 * it switches. The signal mask belongs to the kernel thread: a call that never changed it runs with its
 * resumer's. If the resumer's may have changed in between, the mask in the signal frame is brought up to date
 * before rt_sigreturn installs it. A call that did change it has a mask of its own, swapped at each switch.
 * The frame also holds the alternate stack of the kernel thread that took the signal; rt_sigreturn would
 * install it on whichever thread executes it. It is made invalid, which the kernel ignores silently.
 *
 * Tried and rejected: SA_NODEFER in place of the system call that unblocks (see above); switching from a
 * trampoline that the handler returns into, which must save the whole extended state by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>

#include "arch/x86_64/arch-wait.h"
#include "arch/x86_64/unwind.h"
#include "clock.h"
#include "kthread.h"
#include "ledger.h"
#include "preempt.h"
#include "signals.h"
#include "sys.h"
#include "text.h"
#include "tick.h"

#define INVALID_SS_FLAGS 0x40000000
/* part of the handler: in its section, and fewer returns after a switch, each of which is mispredicted */
#define INSIG __attribute__((always_inline)) inline

struct preempt_thread_ops preempt_thread;

/* the outermost call of the chain that ends in @s whose time is up at @now, or NULL */
static struct stint *expired(struct stint *s, uint64_t now)
{
	struct stint *l = NULL;

	if (kthread_due(s->kt, s) > now)
		return NULL;
	for (; s; s = s->parent) {
		if (s->deadline <= now || (s->is_thread && s->kt->turn_end <= now))
			l = s;
		if (s->parent && s->parent->user_depth)
			break;          /* whoever launched it must not be stopped */
	}
	return l;
}

/* The same, and if it is a thread, its turn is over indeed: the policy has been asked, which may have set another end. */
static struct stint *to_stop(struct stint *s, uint64_t now)
{
	struct stint *l = expired(s, now);

	while (l && unlikely(l->is_thread) && !preempt_thread.turn_over(l, now))
		l = expired(s, now);
	return l;
}

/* who continues when the chain from @l inwards is left; arrive() follows the switch back */
static inline const struct arch_context *next_of(struct stint *l, int how)
{
	return unlikely(l->is_thread) ? preempt_thread.left(l, how) : &l->ret;
}

static inline void back(struct stint *l)
{
	if (unlikely(l->is_thread))
		preempt_thread.back();
}

static inline void arrive(struct stint *l)
{
	if (unlikely(l->is_thread))
		preempt_thread.arrived();
}

/* returns when the chain goes on */
static inline void switch_away(struct stint *s, struct stint *l, int how)
{
	const struct arch_context *to = next_of(l, how);

	fiber_leave(s->tp, to->tp, l->is_thread ? FIBER_NO_SYNC : FIBER_SYNC);
	arch_switch(&s->ctx, to);
	arrive(l);
}

/* --- signal masks ------------------------------------------------------------------------------ */

/* the outermost call from @l inwards that has a mask of its own: its caller's mask is what @l's caller had */
static struct stint *mask_owner(struct stint *l)
{
	while (l && !l->own_mask)
		l = l->inner;
	return l;
}

void preempt_mask_out(struct stint *s)
{
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &s->caller_mask, &s->mask, sizeof(s->mask));
}

void preempt_mask_in(struct stint *s)
{
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &s->mask, &s->caller_mask, sizeof(s->mask));
}

/* --- leaving ----------------------------------------------------------------------------------- */

/* a call is switched out, or, the outer ones first, back in */
static inline void swap_vars(struct stint *s)
{
	if (unlikely(s->own_vars))
		s->statics->swap_vars(s->statics);
}

static void vars_in(struct stint *l)
{
	for (; l; l = l->inner)
		swap_vars(l);
}

/* link the chain @l .. @s so that a resume finds its innermost */
static void stop_chain(struct stint *s, struct stint *l, int how)
{
	s->inner = NULL;
	swap_vars(s);
	for (; s != l; s = s->parent) {
		s->parent->inner = s;
		swap_vars(s->parent);
	}
	l->how = how;
	l->kt->current = l->parent;
}

void preempt_leave(struct stint *s, struct stint *l, int how)
{
	struct stint *m;

	stop_chain(s, l, how);
	m = mask_owner(l);
	if (unlikely(m)) {
		preempt_mask_out(m);
		switch_away(s, l, how);
		preempt_mask_in(m);
	} else {
		switch_away(s, l, how);
	}
	vars_in(l);
}

/* a pending deadline is being taken */
static void count_deferral(struct stint *s, uint64_t now)
{
	if (s->deferred_since && now > s->deferred_since + s->deferred_longest)
		s->deferred_longest = now - s->deferred_since;
}

/* in a handler of the program's: of one that it jumped out of, nothing is left on the stack */
static bool in_handler(struct stint *s, uintptr_t sp)
{
	if (!s->handler_sp || !on_own_stack(s, s->handler_sp))
		return false;
	if (sp < s->handler_sp)
		return true;
	s->handler_sp = 0;
	return false;
}

/*
 * A handler's own functions of libc do not stop it either: its signal would stay blocked on the kernel thread, and what it interrupted
 * may be a function of libc's that has something locked. It may run on an alternate stack.
 */
static bool called_by_handler(struct stint *s)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	return unlikely(s->handler_sp) && (!on_own_stack(s, sp) || in_handler(s, sp));
}

/* Libc may have called itself, with a lock. A tick that lands before depth is down again is noted, not taken: hence the outer loop. */
STINT_TEXT void preempt_point(struct stint *s, const void *caller)
{
	if (text_is_runtime(caller) || called_by_handler(s)) {      /* pending stays, a tick tries again */
		uint64_t now = clock_now();

		if (s->kt->armed > clock_after(now, s->kt->retry))
			tick_retry_insig(s->kt, now);
		return;
	}
	do {
		uint64_t now = clock_now();
		struct stint *l;

		preempt_disable(s);
		s->pending = false;
		l = to_stop(s, now);
		if (l) {
			count_deferral(s, now);
			l->preemptions++;
			tick_retry_reset(s->kt);
			preempt_leave(s, l, STATE_TIMED_OUT);
			back(l);
		} else {
			tick_ensure(s->kt, now, kthread_due(s->kt, s));
		}
		barrier();
		s->depth--;
		barrier();
	} while (s->pending);
}

/* Not to be stopped in the system call that arms: it might be issued again elsewhere. A tick that came meanwhile is noted, too. */
void preempt_tick_again(struct stint *s)
{
	do {
		preempt_disable(s);
		tick_retry_insig(s->kt, clock_now());
		barrier();
		s->depth--;
		barrier();
	} while (s->pending && s->kt->armed == NEVER);
}

void preempt_jumped(struct stint *s)
{
	s->kt->current = s;     /* it may have been on its way out, unblocking signals */
	s->handler_sp = 0;
	s->lock_wait = false;
	s->stream = NULL;
	barrier();
	s->depth = s->user_depth;
	for (const struct callout *c = s->callouts; c; c = c->outer)
		s->depth += c->closed;
	barrier();
	if (kthread_due(s->kt, s) != NEVER)     /* arming may have been interrupted halfway */
		tick_arm_slow(s->kt, clock_now(), kthread_due(s->kt, s));
}

/* --- the handler ------------------------------------------------------------------------------- */

enum verdict { STOP, NOTED, RETRY };

static struct frame frame_of(const struct stint *s, const ucontext_t *uc)
{
	return (struct frame){ arch_uc_pc(uc), arch_uc_sp(uc), arch_uc_bp(uc), s->stack_lo, s->stack_hi };
}

/* deferred for longer than it may be; not where the program itself asked for it, nor in anything of ours */
static enum verdict past_limit(struct stint *s, const ucontext_t *uc, uint64_t now)
{
	struct frame f = frame_of(s, uc);

	if (!s->pending || now - s->deferred_since < s->defer_limit)
		return RETRY;
	if (s->depth > 1 || s->user_depth || s->ledger.locks.streams || in_handler(s, f.sp) || !text_under_locked_insig(&f))
		return RETRY;
	s->limited++;
	return STOP;
}

/*
 * With a stream in hand (stream.c) preemption may be enabled for a moment in a wait, but the stream is locked by libc: a cancel is
 * taken by the wrapper, and not, say, in a function of libc's that is exempt and that our reading calls.
 */
static enum verdict may_stop(struct stint *s, const ucontext_t *uc, uint64_t now)
{
	struct frame f = frame_of(s, uc);

	if (!on_own_stack(s, f.sp))
		return RETRY;
	if (s->depth > 0) {
		if (s->depth == 1 && s->lock_wait)
			return !s->stream && ledger_wait_insig(s, uc) ? STOP : RETRY;
		return unlikely(s->defer_limit) ? past_limit(s, uc, now) : NOTED;
	}
	return !s->stream && !in_handler(s, f.sp) && text_may_stop_insig(&f) ? STOP : RETRY;
}

/* the frame's mask and alternate stack are those of the thread that took the signal; make them this one's */
static void mend_frame(struct stint *s, struct stint *l, const struct kthread *before, uint64_t gen, ucontext_t *uc)
{
	struct stint *m = mask_owner(l);
	uint64_t now;

	uc->uc_stack.ss_flags = INVALID_SS_FLAGS;
	if (likely(!m && s->kt == before && s->kt->mask_gen == gen))
		return;
	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, sizeof(now));
	if (m)
		m->caller_mask = now;
	else
		*(uint64_t *)&uc->uc_sigmask = now;
}

static INSIG void leave_insig(struct stint *s, struct stint *l, ucontext_t *uc)
{
	struct kthread *kt = s->kt;
	uint64_t gen = kt->mask_gen;
	struct stint *m;

	l->preemptions++;
	tick_retry_reset(kt);
	stop_chain(s, l, STATE_TIMED_OUT);
	m = mask_owner(l);
	if (unlikely(m)) {
		m->mask = *(uint64_t *)&uc->uc_sigmask;         /* for its end, if it is cancelled; else the frame's counts */
		sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &m->caller_mask, NULL, sizeof(uint64_t));
	} else {
		sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &uc->uc_sigmask, NULL, sizeof(uint64_t));
	}
	switch_away(s, l, STATE_TIMED_OUT);
	vars_in(l);
	mend_frame(s, l, kt, gen, uc);
	back(l);
}

static bool keeps_kthread(struct stint *l, const ucontext_t *uc)
{
	return unlikely(l->is_thread) && preempt_thread.keeps_kthread(l, arch_uc_at_syscall(uc) || arch_uc_interrupted(uc));
}

/* Ticks that land before depth is down again are noted, and taken here, in the same frame. */
static INSIG void take_insig(struct stint *s, uint64_t now, ucontext_t *uc)
{
	struct stint *l;

	do {
		preempt_disable(s);
		s->pending = false;
		l = to_stop(s, now);
		if (l && !keeps_kthread(l, uc))
			leave_insig(s, l, uc);
		else
			tick_ensure(s->kt, clock_now(), kthread_due(s->kt, s));
		barrier();
		s->depth--;
		barrier();
		now = s->pending ? clock_now() : 0;
	} while (s->pending);
}

/* Not due yet: see to it that a tick comes when it is. True: it was cheaper to wait, and now it is due. */
static bool wait_or_arm_insig(struct kthread *kt, uint64_t *now, uint64_t eff)
{
	if (eff - *now > tick_slack) {
		tick_ensure(kt, *now, eff);
		return false;
	}
	do {
		arch_relax();
		*now = clock_now();
	} while (*now < eff);
	return true;
}

static INSIG void on_call_insig(struct stint *s, struct kthread *kt, uint64_t now, ucontext_t *uc)
{
	uint64_t due = kthread_due(kt, s);
	enum verdict v;

	if (due > now && (due == NEVER || !wait_or_arm_insig(kt, &now, due))) {
		if (due == NEVER && kt->armed != NEVER)
			tick_off_insig(kt);
		return;
	}
	v = may_stop(s, uc, now);
	if (v == STOP) {
		if (unlikely(s->pending))
			count_deferral(s, now);
		take_insig(s, now, uc);
		return;
	}
	s->deferrals++;
	if (v == RETRY)
		tick_retry_insig(kt, now);
	else if (s->pending && kt->armed != NEVER)
		tick_off_insig(kt);     /* already noted: enable will take it */
	if (!s->pending)
		s->deferred_since = now;
	s->pending = true;
}

/* outside calls, or on the way into one or out of one: only keep the timer right for what kt->current says */
static void between_insig(struct kthread *kt, uint64_t now)
{
	struct stint *s = kt->current;
	uint64_t due = s ? kthread_due(kt, s) : NEVER;

	if (due == NEVER) {
		if (kt->armed != NEVER)
			tick_off_insig(kt);
	} else if (due <= now) {
		tick_retry_insig(kt, now);      /* not pending: however short its time, it gets to run */
	} else if (kt->armed > due) {
		tick_arm_slow(kt, now, due);
	}
}

static bool is_ours(const siginfo_t *info, const struct kthread *kt)
{
	return (info->si_code == SI_TIMER || (tick_by_peer && info->si_code == SI_QUEUE)) && info->si_value.sival_ptr == kt;
}

/* the timer of the kernel thread's CPU time */
static bool is_burst(const siginfo_t *info, const struct kthread *kt)
{
	return info->si_code == SI_TIMER && info->si_value.sival_ptr == &kt->burst;
}

/* from another kernel thread: the worker has got something; kicked says so, too, where a tick has swallowed this */
static bool is_kick(const siginfo_t *info, const struct kthread *kt)
{
	return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &kt->post;
}

/*
 * A peer's tick is lost where another signal of that number is pending: the kernel keeps one of a kind, while each timer's has a
 * place of its own. And what says whose it is may be missing, where no more can be queued. So any that comes when a tick is due
 * is one; the peer sends none a second time.
 */
static bool stands_for_tick(const struct kthread *kt, uint64_t now)
{
	return tick_by_peer && kt->worker && kt->armed <= now;
}

STINT_TEXT static void on_tick(int signo, siginfo_t *info, void *uc)
{
	struct stint *s = self();
	struct kthread *kt = kthread_here();
	uint64_t now;

	if (!kt || !(is_ours(info, kt) || is_kick(info, kt) || is_burst(info, kt))) {
		signals_forward_insig(signo, info, uc);
		kt = kthread_here();    /* the handler may have waited */
	}
	if (!kt)
		return;
	if (unlikely(__atomic_load_n(&kt->post->kicked, __ATOMIC_RELAXED)))
		kt->turn_end = 0;
	now = clock_now();
	if (unlikely(is_burst(info, kt)) && tick_burst_over_insig(kt, now))
		kt->turn_end = 0;
	kt->ticks++;
	kt->post->ticks++;
	if (is_ours(info, kt) || unlikely(stands_for_tick(kt, now)))
		tick_fired_insig(kt);
	if (s && kt->current == s)
		on_call_insig(s, kt, now, uc);
	else
		between_insig(kt, now);
}

int preempt_init(int signo)
{
	return signals_own(signo, on_tick, SA_RESTART, true);
}
