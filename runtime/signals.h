/*
 * signals.h - the program's signal handlers and ours, side by side
 *
 * For a few signals (the preemption signal, SIGSEGV, SIGBUS) the kernel calls us and we pass on what is not
 * ours. For all others a small trampoline is put around the program's handler: it notes that a handler runs on the
 * call (which must not be stopped inside one: the handler's signal mask would stay with the caller), and it counts,
 * so that EINTR from our tick can be told from EINTR that the program asked for.
 */
#ifndef STINT_SIGNALS_H
#define STINT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "private.h"

typedef void signal_handler(int signo, siginfo_t *info, void *uc);

#define SIGNALS_MAX 64

extern PRIVATE uint64_t signals_handled;        /* handlers of the program that have run, anywhere; atomic */

/* take @signo over; what the program had for it is kept and forwarded to. @alone: with all signals blocked.
 * 0 or an errno value */
int signals_own(int signo, signal_handler *fn, int flags, bool alone);

/* put the trampoline around the handlers that the program has already; at start */
void signals_adopt(void);

/* put ours in front of libc's handler of the signal by which it has all threads change their ids; once libc has it, that is
 * when it has made a thread */
void signals_adopt_set_ids(void);

/* in the handler of a signal we own: do what the program wants done with it. Returns false when that is the
 * default action, which the caller then has to bring about. */
bool signals_forward_insig(int signo, siginfo_t *info, void *uc);

bool signals_any_handler(void);         /* the program has one for what comes from outside, not by what somebody who runs does */

/* sigaction() as the program sees it: 0 or -1 with errno */
int signals_action(int signo, const struct sigaction *act, struct sigaction *old);

void signals_fork_prepare(void);
void signals_fork_done(void);

#endif
