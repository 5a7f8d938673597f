/*
 * signal.c - signal handlers and masks
 *
 * Handlers get a trampoline (signals.h), so that a call is not stopped inside one and our EINTR can be told
 * from theirs. The preemption signal cannot be blocked once stint runs: a call that blocks all signals, as
 * libraries like to do around critical sections, can still be stopped; its own mask goes with it and does not
 * leak into its caller.
 *
 * The functions here are async-signal-safe before us and after us.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>

#include "../call.h"
#include "../kthread.h"
#include "../settings.h"
#include "../signals.h"
#include "../sys.h"
#include "interpose.h"

/* the part of a sigset_t that the kernel knows */
static uint64_t *bits(sigset_t *set)
{
	return (uint64_t *)set;
}

/* settings.signo is 0 until stint starts */
WRAPPER int sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct stint *s = self();
	int r;

	if (!settings.signo || !sys.sigaction)
		return REAL(sigaction)(signo, act, old);
	if (!s)
		return signals_action(signo, act, old);
	preempt_disable(s);
	r = signals_action(signo, act, old);
	preempt_enable(s, caller_address());
	return r;
}

static sighandler_t set_handler(int signo, sighandler_t fn, int flags)
{
	struct sigaction act = { .sa_handler = fn, .sa_flags = flags }, old;

	if (fn == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	sigemptyset(&act.sa_mask);
	if (!(flags & SA_RESETHAND))
		sigaddset(&act.sa_mask, signo);
	return sigaction(signo, &act, &old) ? SIG_ERR : old.sa_handler;
}

/* signals for which siginterrupt() asked that system calls be interrupted, by their bits; signal() heeds it later on */
static uint64_t interrupting;

static uint64_t bit_of(int signo)
{
	return signo > 0 && signo < NSIG ? (uint64_t)1 << (signo - 1) : 0;
}

WRAPPER sighandler_t signal(int signo, sighandler_t fn)
{
	bool interrupts = __atomic_load_n(&interrupting, __ATOMIC_RELAXED) & bit_of(signo);

	return settings.signo ? set_handler(signo, fn, interrupts ? 0 : SA_RESTART) : REAL(signal)(signo, fn);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* the handler stays, only what it does to system calls changes */
WRAPPER int siginterrupt(int signo, int interrupts)
{
	struct sigaction act;

	if (interrupts)
		__atomic_or_fetch(&interrupting, bit_of(signo), __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&interrupting, ~bit_of(signo), __ATOMIC_RELAXED);
	if (!settings.signo)
		return REAL(siginterrupt)(signo, interrupts);
	if (sigaction(signo, NULL, &act))
		return -1;
	act.sa_flags = interrupts ? act.sa_flags & ~SA_RESTART : act.sa_flags | SA_RESTART;
	return sigaction(signo, &act, NULL);
}

/* __sysv_signal is what signal() is under -std=c11 -D_XOPEN_SOURCE: one shot, and not restarting */
WRAPPER sighandler_t __sysv_signal(int signo, sighandler_t fn)
{
	return settings.signo ? set_handler(signo, fn, SA_RESETHAND | SA_NODEFER) : REAL(__sysv_signal)(signo, fn);
}

static void note_mask(struct stint *s, uint64_t before)
{
	uint64_t now;

	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, sizeof(now));
	if (s->own_mask || now == before)
		return;
	s->caller_mask = before;
	s->own_mask = true;
}

/* 0 or an errno value, as pthread_sigmask */
static int change_mask(int how, const sigset_t *set, sigset_t *old)
{
	struct kthread *kt = kthread_here();
	struct stint *s = self();
	sigset_t wanted, before;
	int err;

	if (!set || !kt)
		return REAL(pthread_sigmask)(how, set, old);
	wanted = *set;
	if (how != SIG_UNBLOCK)
		*bits(&wanted) &= ~((uint64_t)1 << (settings.signo - 1));
	if (s)
		preempt_disable(s);
	err = REAL(pthread_sigmask)(how, &wanted, &before);
	if (!err && s)
		note_mask(s, *bits(&before));
	else
		kt->mask_gen++;
	if (s)
		preempt_enable(s, caller_address());
	if (!err && old)
		*old = before;
	return err;
}

WRAPPER int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return change_mask(how, set, old);
}

WRAPPER int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int err = change_mask(how, set, old);

	if (!err)
		return 0;
	errno = err;
	return -1;
}

/* Out of functions of libc that were calling back; of those that had not enabled preemption, it is enabled now. */
static void leave_callouts(struct stint *s, uintptr_t sp)
{
	while (s->callouts && (uintptr_t)s->callouts < sp) {
		bool closed = s->callouts->closed;

		s->callouts = s->callouts->outer;
		if (closed && !s->handler_sp)
			preempt_enable(s, NULL);
	}
}

static void __attribute__((noreturn)) jump_from_there(const struct call_jump *jump)
{
	struct __jmp_buf_tag env = jump->env;

	siglongjmp(&env, jump->value);
}

/* Out of calls: to a frame of the program's that is around them. */
static void jump_out(struct stint *s, struct stint *left, const struct __jmp_buf_tag *env, int value)
{
	const struct call_jump jump = { jump_from_there, *env, value };

	if (s->handler_sp)
		preempt_jumped(s);
	call_jump_out(s, left, &jump);
}

/* A jump may restore a signal mask without a function that we see; in a call it can only be one the call had. */
static void before_jump(const struct __jmp_buf_tag *env, int value)
{
	struct stint *s = self(), *left;

	if (s && (left = call_left_by(s, arch_jump_sp(env->__jmpbuf)), unlikely(left)))
		jump_out(s, left, env, value);
	if (s && unlikely(s->callouts))
		leave_callouts(s, arch_jump_sp(env->__jmpbuf));
	if (s && s->handler_sp)
		preempt_jumped(s);
	else if (!s && kthread_native)
		kthread_native->mask_gen++;
}

WRAPPER void longjmp(jmp_buf env, int value)
{
	before_jump(env, value);
	REAL(longjmp)(env, value);
	__builtin_unreachable();
}

WRAPPER void _longjmp(jmp_buf env, int value)
{
	before_jump(env, value);
	REAL(_longjmp)(env, value);
	__builtin_unreachable();
}

WRAPPER void siglongjmp(sigjmp_buf env, int value)
{
	before_jump(env, value);
	REAL(siglongjmp)(env, value);
	__builtin_unreachable();
}

extern void __longjmp_chk(sigjmp_buf env, int value) __attribute__((noreturn));

WRAPPER void __longjmp_chk(sigjmp_buf env, int value)
{
	before_jump(env, value);
	REAL(__longjmp_chk)(env, value);
	__builtin_unreachable();
}

static uint64_t handled_here(const struct kthread *kt)
{
	const struct stint *s = self();

	return s ? s->handled : kt ? kt->user_signals : 0;
}

static uint64_t breaks_here(const struct kthread *kt)
{
	const struct stint *s = self();

	return s ? s->broken_into : kt ? kt->user_breaks : 0;
}

void eintr_mark(struct eintr_mark *m)
{
	m->kt = kthread_here();
	m->ours = m->kt ? m->kt->ticks : 0;
	m->users = handled_here(m->kt);
	m->breaks = breaks_here(m->kt);
}

/* a call that went on elsewhere was interrupted by us, or it would not be elsewhere */
bool eintr_was_ours(const struct eintr_mark *m)
{
	const struct kthread *kt = kthread_here();

	if (!kt || handled_here(kt) != m->users)
		return false;
	return kt != m->kt || kt->ticks != m->ours;
}

bool eintr_restarts(const struct eintr_mark *m)
{
	const struct kthread *kt = kthread_here();

	if (!kt || breaks_here(kt) != m->breaks)
		return false;
	return kt != m->kt || kt->ticks != m->ours || handled_here(kt) != m->users;
}

const sigset_t *without_ours(const sigset_t *set, sigset_t *copy)
{
	if (!set || !settings.signo)
		return set;
	*copy = *set;
	*bits(copy) &= ~((uint64_t)1 << (settings.signo - 1));
	return copy;
}
