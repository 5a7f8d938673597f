/*
 * init.c - starting the library, told in order
 *
 * At load time only the clock takes its first sample. The rest happens at the first launch:
 *
 *   1. the environment is read: a wrong variable must be an error, not a surprise
 *   2. the seam to libc is resolved (its wrappers may be called before, and resolve themselves)
 *   3. the architecture looks what the CPU and the kernel allow
 *   4. the clock takes its second sample and has a rate
 *   5. what a process with one thread gets at once, and one with several waits for, is asked for
 *   6. the anchor thread confirms glibc's layout, and makes the process multi-threaded for good
 *   7. stacks find out how guards are made
 *   8. the ranges of text where a call may be stopped are computed
 *   9. the signal handlers are installed: preemption, faults, and a trampoline around the program's own
 *
 * A failure is remembered, with a sentence that says why, and is what every later constructor returns, unless it was
 * for lack of something that may be there next time (memory, a thread): then the next one tries again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "guard.h"
#include "init.h"
#include "kthread.h"
#include "ledger.h"
#include "preempt.h"
#include "settings.h"
#include "signals.h"
#include "stack.h"
#include "sys.h"
#include "tcb.h"
#include "text.h"
#include "tick.h"

enum { NOT_STARTED, STARTED, FAILED };

static struct sys_lock start_lock;
static int state;               /* release when started, acquire by readers */
static int failure;
static char why[256];
static int wanted_signo;
static unsigned done;           /* steps of start() that succeeded and are not to be repeated */
static bool anchor_gone;        /* a forked child has only the thread that forked */

static const char *const *exempt_names;
static unsigned nexempt_names;

__attribute__((constructor)) static void at_load(void)
{
	clock_begin();
}

void init_exempt(const char *const *names, unsigned n)
{
	exempt_names = names;
	nexempt_names = n;
}

static int fail(int err, const char *sentence)
{
	snprintf(why, sizeof(why), "%s: %s", sentence, strerrordesc_np(err));
	return err;
}

static int step_settings(void)
{
	return settings_read(&settings, why, sizeof(why), wanted_signo);
}

static int step_sys(void)
{
	int err = sys_init();

	return err ? fail(err, "this C library lacks functions that stint needs") : 0;
}

static int step_machine(void)
{
	int err = arch_init();

	clock_init();
	tick_init();
	return err ? fail(err, "this CPU or kernel lacks what stint needs") : 0;
}

/*
 * The kernel would have all CPUs pass through it first, which takes it 10 ms for each of the two. Who needs them asks again, and sees
 * what comes of it. A child made by fork() has them.
 */
static int step_alone(void)
{
	sys_raw(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0);
	ledger_own_make_room();
	return 0;
}

static int step_tcb(void)
{
	return tcb_init(why, sizeof(why));
}

static int step_memory(void)
{
	int err = stack_init();

	if (!err)
		err = text_init(exempt_names, nexempt_names);
	return err ? fail(err, "no memory to start with") : 0;
}

static int step_kthread(void)
{
	int err = kthread_init();

	return err ? fail(err, "no pthread key left") : 0;
}

static int step_signals(void)
{
	int err = preempt_init(settings.signo);

	if (!err)
		err = guard_init();
	if (!err) {
		signals_adopt();
		signals_adopt_set_ids();
	}
	return err ? fail(err, "a signal handler cannot be installed") : 0;
}

static int start(void)
{
	static int (*const steps[])(void) = { step_settings, step_sys, step_machine, step_alone, step_tcb,
		                              step_memory, step_kthread, step_signals };

	for (; done < sizeof(steps) / sizeof(steps[0]); done++) {
		int err = steps[done]();

		if (err)
			return err;
	}
	return 0;
}

static int restart_anchor(void)
{
	int err = anchor_gone ? tcb_anchor_start() : 0;

	if (!err)
		anchor_gone = false;
	return err;
}

int init_start(void)
{
	return init_start_with(0);
}

/* errno is left alone: also functions that have nothing to do with it come here first */
int init_start_with(int signo)
{
	int err, saved = errno;

	if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == STARTED && likely(!anchor_gone))
		return 0;
	sys_lock(&start_lock);
	if (state == NOT_STARTED)
		wanted_signo = signo;
	if (state == FAILED)
		err = failure;
	else
		err = start();
	if (!err) {
		__atomic_store_n(&state, STARTED, __ATOMIC_RELEASE);
		err = restart_anchor();
	} else if (err == ENOTSUP || err == EINVAL) {
		state = FAILED;
		failure = err;
	}
	sys_unlock(&start_lock);
	errno = saved;
	return err;
}

const char *init_why_not(void)
{
	return init_start() ? why : NULL;
}

void init_after_fork(void)
{
	if (state != STARTED)
		return;
	anchor_gone = true;
	start_lock.state = 0;
	kthread_after_fork();
}
