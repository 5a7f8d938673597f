/*
 * suspend.c - waiting for a signal handler to have run
 *
 * A tick is a signal, too, and would end pause(), and the same happening again would be missed: a handler of the program may
 * run before the function could be called anew. But each handler of the program is counted (signals.c), on the call it came
 * into, or on the kernel thread. So these wait for the count to change, in a futex, which looks at it before it sleeps. A call
 * is stopped in there like in any system call, and a handler that runs in its caller meanwhile is none of its business.
 *
 * sigsuspend() is made of that and of two changes of the mask. A signal that the new mask lets through is handled in the
 * first of these, or later; either way it counts.
 *
 * In a thread they park (park-poll.c).
 *
 * Async-signal-safe, as the originals are.
 */
#define _GNU_SOURCE
/* the header calls __xpg_sigpause by this name */
#define sigpause header_sigpause
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../kthread.h"
#include "parks.h"

#undef sigpause
int __sigsuspend(const sigset_t *mask);
int __sigpause(int signo_or_mask, int is_signo);
int __xpg_sigpause(int signo);
int sigpause(int mask);

/* libc's syscall() is one of the functions that a call may be stopped in; our own text is not */
static void wait_for_handler(const struct eintr_mark *m)
{
	struct stint *s = self();
	const uint64_t *count = s ? &s->handled : &kthread_here()->user_signals;

	while (__atomic_load_n(count, __ATOMIC_RELAXED) == m->users) {
		long r = REAL(syscall)(SYS_futex, count, FUTEX_WAIT_PRIVATE, (uint32_t)m->users, NULL, NULL, 0);

		if (r < 0 && errno == EINTR && !eintr_was_ours(m))
			break;          /* also by a handler that the program installed past us */
	}
	errno = EINTR;
}

WRAPPER int pause(void)
{
	struct stint *s = parks();
	struct eintr_mark mark;

	if (unlikely(s)) {
		park_pause(s, caller_address());
		errno = EINTR;
		return -1;
	}
	if (!kthread_here())
		return REAL(pause)();
	eintr_mark(&mark);
	wait_for_handler(&mark);
	return -1;
}

static int suspend(const sigset_t *mask, int (*real)(const sigset_t *mask), const void *caller)
{
	struct stint *s = parks();
	struct eintr_mark mark;
	sigset_t before, copy;
	int err;

	if (!kthread_here())
		return real(mask);
	if (unlikely(s) && mask) {
		park_suspend(s, without_ours(mask, &copy), caller);
		errno = EINTR;
		return -1;
	}
	eintr_mark(&mark);
	err = pthread_sigmask(SIG_SETMASK, mask, &before);
	if (err) {
		errno = err;
		return -1;
	}
	wait_for_handler(&mark);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = EINTR;
	return -1;
}

WRAPPER int sigsuspend(const sigset_t *mask)
{
	return suspend(mask, REAL(sigsuspend), caller_address());
}

WRAPPER int __sigsuspend(const sigset_t *mask)
{
	return suspend(mask, REAL(__sigsuspend), caller_address());
}

/* --- older ways -------------------------------------------------------------------------------- */

/* System V: with the one signal open */
WRAPPER int __xpg_sigpause(int signo)
{
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	return sigdelset(&mask, signo) ? -1 : sigsuspend(&mask);
}

/* BSD: with a mask of one word; all other signals count as not in it */
WRAPPER int sigpause(int word)
{
	sigset_t mask;

	sigemptyset(&mask);
	for (int signo = 1; signo <= 32; signo++)
		if ((unsigned)word >> (signo - 1) & 1)
			sigaddset(&mask, signo);
	return sigsuspend(&mask);
}

WRAPPER int __sigpause(int signo_or_mask, int is_signo)
{
	return is_signo ? __xpg_sigpause(signo_or_mask) : sigpause(signo_or_mask);
}
