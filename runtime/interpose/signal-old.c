/*
 * signal-old.c - older ways to set signal handlers and masks
 *
 * libc makes them of sigaction() and sigprocmask() without coming by our wrappers, so the program's handler would run
 * without the trampoline, and the mask could block the preemption signal. They are made of the wrappers here.
 *
 * Async-signal-safe, as the originals are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>

#include "interpose.h"

#undef sigmask

int __sigaction(int signo, const struct sigaction *act, struct sigaction *old);
sighandler_t bsd_signal(int signo, sighandler_t fn);
sighandler_t sysv_signal(int signo, sighandler_t fn);
sighandler_t __sysv_signal(int signo, sighandler_t fn);

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

WRAPPER int __sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
	return sigaction(signo, act, old);
}

WRAPPER sighandler_t bsd_signal(int signo, sighandler_t fn)
{
	return signal(signo, fn);
}

WRAPPER sighandler_t ssignal(int signo, sighandler_t fn)
{
	return signal(signo, fn);
}

WRAPPER sighandler_t sysv_signal(int signo, sighandler_t fn)
{
	return __sysv_signal(signo, fn);
}

/* --- one signal at a time (System V) ----------------------------------------------------------- */

/* 1: it was blocked before, 0: it was not, -1 and errno: no such signal */
static int mask_one(int how, int signo)
{
	sigset_t set, before;

	sigemptyset(&set);
	if (sigaddset(&set, signo) || sigprocmask(how, &set, &before))
		return -1;
	return sigismember(&before, signo);
}

WRAPPER int sighold(int signo)
{
	return mask_one(SIG_BLOCK, signo) < 0 ? -1 : 0;
}

WRAPPER int sigrelse(int signo)
{
	return mask_one(SIG_UNBLOCK, signo) < 0 ? -1 : 0;
}

WRAPPER int sigignore(int signo)
{
	struct sigaction act = { .sa_handler = SIG_IGN };

	return sigaction(signo, &act, NULL);
}

WRAPPER sighandler_t sigset(int signo, sighandler_t fn)
{
	struct sigaction act = { .sa_handler = fn }, old;
	int blocked;

	if (fn == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	if (sigaction(signo, fn == SIG_HOLD ? NULL : &act, &old))
		return SIG_ERR;
	blocked = mask_one(fn == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, signo);
	if (blocked < 0)
		return SIG_ERR;
	return blocked ? SIG_HOLD : old.sa_handler;
}

/* --- masks of one word (BSD): the signals from 1 to 32, all others count as not in it ---------- */

static sigset_t wide_mask(int mask)
{
	sigset_t set;

	sigemptyset(&set);
	for (int signo = 1; signo <= 32; signo++)
		if ((unsigned)mask >> (signo - 1) & 1)
			sigaddset(&set, signo);
	return set;
}

static int change(int how, int mask)
{
	sigset_t set = wide_mask(mask), before;
	unsigned word = 0;

	if (sigprocmask(how, &set, &before))
		return -1;
	for (int signo = 1; signo <= 32; signo++)
		if (sigismember(&before, signo) == 1)
			word |= 1U << (signo - 1);
	return (int)word;
}

WRAPPER int sigblock(int mask)
{
	return change(SIG_BLOCK, mask);
}

WRAPPER int sigsetmask(int mask)
{
	return change(SIG_SETMASK, mask);
}

WRAPPER int siggetmask(void)
{
	return change(SIG_BLOCK, 0);
}
