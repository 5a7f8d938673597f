/*
 * guard.c - a stack overflow in a call ends in a diagnosis
 *
 * The guard under every stack makes an overflow a SIGSEGV; the handler must run elsewhere, so each kernel
 * thread that runs calls gets an alternate signal stack unless the program gave it one. A fault in the guard
 * of the call running here is reported and then left to kill the process, as any overflow would; every other
 * fault is the program's.
 *
 * Everything but init, start and stop is signal context, on the alternate stack: only write(2) and arithmetic.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stint/sched.h>

#include "guard.h"
#include "signals.h"
#include "stack.h"
#include "sys.h"

#define ALTSTACK_SIZE (64 * 1024)

struct message {
	char text[320];
	size_t n;
};

static void put(struct message *m, const char *text)
{
	while (*text && m->n < sizeof(m->text))
		m->text[m->n++] = *text++;
}

static void put_number(struct message *m, size_t n)
{
	char digits[24];
	int i = sizeof(digits) - 1;

	digits[i] = '\0';
	do
		digits[--i] = (char)('0' + n % 10);
	while (n /= 10);
	put(m, digits + i);
}

static void report_overflow(const struct stint *s)
{
	struct message m = { .n = 0 };

	put(&m, s->is_thread ? "stint: stack overflow in thread " : "stint: stack overflow in call ");
	if (s->is_thread) {
		put_number(&m, ((const struct stint_task *)(s + 1))->id);
		put(&m, s->name[0] ? " " : "");
	}
	if (s->name[0]) {
		put(&m, "\"");
		put(&m, s->name);
		put(&m, "\"");
	} else if (!s->is_thread) {
		put(&m, "without a name");
	}
	put(&m, ": it had ");
	put_number(&m, stack_size(s));
	put(&m, " bytes of stack. Give it more with stack_size in struct ");
	put(&m, s->is_thread ? "stint_thread_attr, or all threads" : "stint_attr, or all calls");
	put(&m, " with STINT_STACK.\n");
	sys_raw(SYS_write, STDERR_FILENO, m.text, m.n, 0);
}

/* a fault comes again when the handler returns, and then has its default effect; a sent signal must be sent again */
static void die_by_default(int signo, const siginfo_t *info)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	sys.sigaction(signo, &dfl, NULL);
	if (info->si_code <= 0)
		sys_raw(SYS_tgkill, sys_raw(SYS_getpid, 0, 0, 0, 0), sys_gettid(), signo, 0);
}

static void on_fault(int signo, siginfo_t *info, void *uc)
{
	const struct stint *s = self();

	if (s && info->si_code > 0 && stack_in_guard(s, (uintptr_t)info->si_addr)) {
		report_overflow(s);
		die_by_default(signo, info);
	} else if (!signals_forward_insig(signo, info, uc)) {
		die_by_default(signo, info);
	}
}

int guard_init(void)
{
	int err = signals_own(SIGSEGV, on_fault, SA_ONSTACK, false);

	return err ? err : signals_own(SIGBUS, on_fault, SA_ONSTACK, false);
}

int guard_thread_start(struct kthread *kt)
{
	stack_t have, ours;

	kt->altstack = NULL;
	if (sys_raw(SYS_sigaltstack, NULL, &have, 0, 0) || !(have.ss_flags & SS_DISABLE))
		return 0;
	ours = (stack_t){ .ss_size = ALTSTACK_SIZE };
	ours.ss_sp = sys_mmap(ALTSTACK_SIZE, MAP_NORESERVE);
	if (!ours.ss_sp)
		return ENOMEM;
	sys_raw(SYS_sigaltstack, &ours, NULL, 0, 0);
	kt->altstack = ours.ss_sp;
	return 0;
}

void guard_thread_stop(struct kthread *kt)
{
	stack_t have, off = { .ss_flags = SS_DISABLE };

	if (!kt->altstack)
		return;
	if (!sys_raw(SYS_sigaltstack, NULL, &have, 0, 0) && have.ss_sp == kt->altstack)
		sys_raw(SYS_sigaltstack, &off, NULL, 0, 0);
	sys_munmap(kt->altstack, ALTSTACK_SIZE);
	kt->altstack = NULL;
}
