/*
 * signals.c - see signals.h
 *
 * actions[] holds what the program asked for. It is read in signal context without a lock: an entry is two
 * copies and an index that is published with release, so a handler sees the old action or the new one, never
 * half of each. The writers' lock is held with all signals blocked, because sigaction() is async-signal-safe.
 *
 * Before stint has started, and in programs that never launch a call, handlers go to the kernel as they are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "kthread.h"
#include "signals.h"
#include "sys.h"

#define SIGNAL_SET_IDS 33       /* __SIGRTMIN + 1 */

struct action {
	struct sigaction copy[2];
	unsigned current;               /* release by the writer, acquire by handlers */
	signal_handler *ours;           /* we own the signal */
	int our_flags;
	bool alone;
	bool wrapped;                   /* the kernel has the trampoline */
};

uint64_t signals_handled;
static struct action actions[SIGNALS_MAX + 1];
static struct sys_lock actions_lock;

static struct sigaction *current_action(int signo)
{
	struct action *a = &actions[signo];

	return &a->copy[__atomic_load_n(&a->current, __ATOMIC_ACQUIRE) & 1];
}

static void publish(int signo, const struct sigaction *act)
{
	struct action *a = &actions[signo];
	unsigned next = a->current + 1;

	a->copy[next & 1] = *act;
	__atomic_store_n(&a->current, next, __ATOMIC_RELEASE);
}

static bool has_handler(const struct sigaction *act)
{
	return act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN;
}

bool signals_any_handler(void)
{
	const uint64_t faults = UINT64_C(1) << SIGSEGV | UINT64_C(1) << SIGBUS | UINT64_C(1) << SIGFPE | UINT64_C(1) << SIGILL |
	                        UINT64_C(1) << SIGTRAP | UINT64_C(1) << SIGSYS;

	for (int signo = 1; signo <= SIGNALS_MAX; signo++)
		if ((signo == SIGNALS_MAX || !(faults >> signo & 1)) && has_handler(current_action(signo)))
			return true;
	return false;
}

static void run_handler(const struct sigaction *act, int signo, siginfo_t *info, void *uc)
{
	struct kthread *kt = kthread_here();
	struct stint *s = self();
	bool breaks = !(act->sa_flags & SA_RESTART);
	uintptr_t before = 0;

	__atomic_fetch_add(&signals_handled, 1, __ATOMIC_RELAXED);
	if (kt) {
		kt->user_signals++;
		kt->user_breaks += breaks;
	}
	if (s) {
		s->handled++;
		s->broken_into += breaks;
		before = s->handler_sp;
		s->handler_sp = (uintptr_t)__builtin_frame_address(0);
	}
	if (act->sa_flags & SA_SIGINFO)
		act->sa_sigaction(signo, info, uc);
	else
		act->sa_handler(signo);
	if (s)
		s->handler_sp = before;
}

static void trampoline(int signo, siginfo_t *info, void *uc)
{
	struct sigaction act = *current_action(signo);

	if (has_handler(&act))
		run_handler(&act, signo, info, uc);
}

bool signals_forward_insig(int signo, siginfo_t *info, void *uc)
{
	struct sigaction act = *current_action(signo);

	if (act.sa_handler == SIG_DFL)
		return false;
	if (act.sa_handler == SIG_IGN)
		return true;
	if (act.sa_flags & SA_RESETHAND) {
		struct sigaction dfl = { .sa_handler = SIG_DFL };

		publish(signo, &dfl);
	}
	run_handler(&act, signo, info, uc);
	return true;
}

/* what the kernel is to have for the program's @act */
static void kernel_action(const struct action *a, const struct sigaction *act, struct sigaction *out)
{
	*out = *act;
	if (a->ours) {
		out->sa_sigaction = a->ours;
		out->sa_flags = ((act->sa_flags & ~SA_RESETHAND) | a->our_flags | SA_SIGINFO);
		if (!has_handler(act)) {
			out->sa_flags = a->our_flags | SA_SIGINFO;
			sigemptyset(&out->sa_mask);
		}
		if (a->alone) {
			out->sa_flags = a->our_flags | SA_SIGINFO;
			sigfillset(&out->sa_mask);
		}
	} else if (has_handler(act)) {
		out->sa_sigaction = trampoline;
		out->sa_flags |= SA_SIGINFO;
	}
}

static void lock(uint64_t *mask)
{
	uint64_t all = ~(uint64_t)0;

	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &all, mask, sizeof(*mask));
	sys_lock(&actions_lock);
}

static void unlock(const uint64_t *mask)
{
	sys_unlock(&actions_lock);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, mask, NULL, sizeof(*mask));
}

/* the program's view of what the kernel said it had */
static void program_view(int signo, struct sigaction *kernel)
{
	const struct action *a = &actions[signo];

	if (a->ours || (a->wrapped && kernel->sa_sigaction == trampoline))
		*kernel = *current_action(signo);
}

static int set_locked(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct action *a = &actions[signo];
	struct sigaction before, kernel, seen;

	if (sys.sigaction(signo, NULL, &seen))
		return -1;
	program_view(signo, &seen);
	if (act) {
		before = *current_action(signo);
		kernel_action(a, act, &kernel);
		publish(signo, act);
		if (sys.sigaction(signo, &kernel, NULL)) {
			publish(signo, &before);
			return -1;
		}
		a->wrapped = kernel.sa_sigaction == trampoline;
	}
	if (old)
		*old = seen;
	return 0;
}

int signals_action(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction wanted;
	uint64_t mask;
	int r;

	if (signo <= 0 || signo > SIGNALS_MAX)
		return sys.sigaction(signo, act, old);
	if (act)
		wanted = *act;          /* act and old may be the same object, and either may be a bad pointer: fault here */
	lock(&mask);
	r = set_locked(signo, act ? &wanted : NULL, old);
	unlock(&mask);
	return r;
}

/* struct sigaction as the kernel has it; libc hides its own signals from sigaction() */
struct kernel_action {
	signal_handler *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};


#ifdef STINT_TSAN
/* The sanitizer, whose sigaction() that was, would keep the signal back until the program calls something. */
static void past_sanitizer(int signo, signal_handler *fn)
{
	struct kernel_action act;

	if (sys_raw(SYS_rt_sigaction, signo, NULL, &act, sizeof(act.mask)))
		return;
	act.handler = fn;
	sys_raw(SYS_rt_sigaction, signo, &act, NULL, sizeof(act.mask));
}
#else
#define past_sanitizer(signo, fn) ((void)0)
#endif

int signals_own(int signo, signal_handler *fn, int flags, bool alone)
{
	struct action *a = &actions[signo];
	struct sigaction seen, kernel;
	uint64_t mask;
	int err = 0;

	if (sys_fault(SYS_SIGACTION))
		return EAGAIN;
	lock(&mask);
	if (a->ours)
		goto out;
	if (sys.sigaction(signo, NULL, &seen)) {
		err = EINVAL;
		goto out;
	}
	program_view(signo, &seen);
	publish(signo, &seen);
	a->ours = fn;
	a->our_flags = flags;
	a->alone = alone;
	kernel_action(a, &seen, &kernel);
	if (sys.sigaction(signo, &kernel, NULL)) {
		a->ours = NULL;
		err = EINVAL;
		goto out;
	}
	past_sanitizer(signo, fn);
out:
	unlock(&mask);
	return err;
}

void signals_adopt(void)
{
	struct sigaction seen;
	uint64_t mask;

	lock(&mask);
	for (int signo = 1; signo <= SIGNALS_MAX; signo++)
		if (!actions[signo].ours && !sys.sigaction(signo, NULL, &seen) && has_handler(&seen) &&
		    seen.sa_sigaction != trampoline)
			set_locked(signo, &seen, NULL);
	unlock(&mask);
}

/* --- libc's own signal for changing user and group ids in all threads --------------------------- */

static signal_handler *libc_set_ids;

/*
 * libc's handler looks for a mark in the control block of the thread that it sent the signal to, and clears it there: without
 * that, the thread waits for ever when it ends. On a call it would look at the call.
 */
static void on_set_ids(int signo, siginfo_t *info, void *uc)
{
	struct stint *s = self();

	if (s)
		arch_set_tp(s->kt->tp);
	libc_set_ids(signo, info, uc);
	if (s)
		arch_set_tp(s->tp);
}

void signals_adopt_set_ids(void)
{
	struct kernel_action act;

	if (libc_set_ids || sys_raw(SYS_rt_sigaction, SIGNAL_SET_IDS, NULL, &act, sizeof(act.mask)) || !act.handler)
		return;
	libc_set_ids = act.handler;
	barrier();
	act.handler = on_set_ids;
	sys_raw(SYS_rt_sigaction, SIGNAL_SET_IDS, &act, NULL, sizeof(act.mask));
}

void signals_fork_prepare(void)
{
	sys_lock(&actions_lock);
}

void signals_fork_done(void)
{
	sys_unlock(&actions_lock);
}
