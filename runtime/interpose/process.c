/*
 * process.c - fork and exit
 *
 * fork: glibc takes the calling thread for the one thread that lives on, writes the child's id into its
 * control block, and recycles the stacks of all others. So a call forks on the identity of the kernel thread
 * under it, not on its own. The child goes on with the same chain of calls; the POSIX timer was not inherited,
 * so it gets a new one, and the anchor thread is started again. Calls that other kernel threads were running
 * stay RUNNING in the child for ever: their threads are gone.
 *
 * daemon() and forkpty() fork inside libc, where we would not see it: in a call they are made of our fork().
 *
 * vfork() in a call is fork(): its child would work on the call's books, which its parent needs, and return from the wrapper
 * before the parent does. Outside it has to be passed on by a jump (vfork.S).
 *
 * _Fork() runs no handlers. What its child may do needs none; ticks it has none, so that a call runs on in it to its end.
 *
 * fork() in a handler of the program's, which may have interrupted anything on the same kernel thread: in the midst of the runtime, or
 * behind one of our wrappers in libc, that may hold a lock, ours or libc's, that fork() waits for, for ever. There fork() is _Fork(),
 * which waits for none; a handler's child can only end or become another program anyway. Rejected: leaving out of our locks those that
 * are held here, which needs owners of locks, and does nothing for libc's.
 *
 * exit: runs to the end of the process, whatever the call's deadline says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>
#include <utmp.h>

#include "../call.h"
#include "../clock.h"
#include "../config.h"
#include "../init.h"
#include "../kthread.h"
#include "../ledger.h"
#include "../libset/libset.h"
#include "../signals.h"
#include "../stack.h"
#include "../sys.h"
#include "../tcb.h"
#include "../tick.h"
#include "lot.h"

/* all our locks, so that the child finds whole data behind each; the ledger's also blocks all signals */
static void before_fork(void)
{
	config_fork_prepare();
	commands_fork_prepare();
	libset_fork_prepare();
	ledger_fork_prepare();
	signals_fork_prepare();
	call_fork_prepare();
	kthread_fork_prepare();
	tcb_fork_prepare();
	stack_fork_prepare();
	ledger_heap_fork_prepare();
}

static void release_all(bool in_child)
{
	ledger_heap_fork_done();
	stack_fork_done();
	tcb_fork_done();
	kthread_fork_done();
	call_fork_done();
	signals_fork_done();
	ledger_fork_done();
	libset_fork_done();
	commands_fork_done(in_child);
	config_fork_done();
}

static void after_fork_in_parent(void)
{
	release_all(false);
}

static void after_fork_in_child(void)
{
	ledger_own_after_fork();
	release_all(true);
	walks_after_fork();
	lot_after_fork();
	init_after_fork();
	config_after_fork();
}

__attribute__((constructor)) static void at_load(void)
{
	sys_note_process();
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* errno is the kernel thread's own while we are on its identity, and must not change; noinline, because the compiler
 * believes that errno does not move within a function */
static __attribute__((noinline)) pid_t fork_on_native(pid_t (*real)(void), int *err)
{
	int saved = errno;
	pid_t pid = real();

	*err = errno;
	errno = saved;
	return pid;
}

static __attribute__((noinline)) pid_t set_errno(pid_t pid, int err)
{
	if (pid < 0)
		errno = err;
	return pid;
}

/* a chain with a deadline needs its tick in the child too; without one (no memory) it runs to its end */
static void tick_in_child(struct stint *s)
{
	int err;

	if (!init_start() && kthread_get(&err))
		tick_ensure(s->kt, clock_now(), kthread_due(s->kt, s));
	config_in_child();
}

static pid_t fork_by(struct stint *s, pid_t (*real)(void), const void *caller)
{
	pid_t pid;
	int err;

	preempt_disable(s);
	fiber_leave(s->tp, s->kt->tp, FIBER_NO_SYNC);
	arch_set_tp(s->kt->tp);
	pid = fork_on_native(real, &err);
	fiber_leave(s->kt->tp, s->tp, FIBER_NO_SYNC);
	arch_set_tp(s->tp);
	if (pid == 0 && real == REAL(fork))
		tick_in_child(s);
	else if (pid == 0)
		ledger_own_after_fork();
	set_errno(pid, err);
	preempt_enable(s, caller);
	return pid;
}

/*
 * In a handler that has interrupted what may hold a lock? A worker that runs no thread is always taken for that; while a thread takes on
 * its identity, current tells them apart.
 */
static bool interrupts_locked(const struct stint *s)
{
	const struct kthread *kt = kthread_native;

	if (s)
		return s->handler_sp && (s->ending || s->depth > s->user_depth);        /* ending: depth is no sum any more */
	return sys_at_locks || (kt && kt->worker && !kt->current);
}

/* by _Fork(), whose child runs no handlers: outside calls */
static pid_t fork_bare(void)
{
	pid_t pid = REAL(_Fork)();

	if (pid == 0)
		ledger_own_after_fork();
	return pid;
}

WRAPPER pid_t fork(void)
{
	struct stint *s = self();
	bool bare = unlikely(interrupts_locked(s));

	if (likely(!s))
		return bare ? fork_bare() : REAL(fork)();
	return fork_by(s, bare ? REAL(_Fork) : REAL(fork), caller_address());
}

WRAPPER pid_t _Fork(void)
{
	return likely(!self()) ? fork_bare() : fork_by(self(), REAL(_Fork), caller_address());
}

/* vfork.S jumps here */
pid_t vfork_in_call(void);
pid_t vfork_in_call(void)
{
	return fork();
}

pid_t __fork(void);

WRAPPER pid_t __fork(void)
{
	return fork();
}

/* descriptors 0 to 2 are the process's and stay whose they were: past the ledger */
static int to_null(void)
{
	long fd = sys_raw(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);

	if (fd < 0) {
		errno = (int)-fd;
		return -1;
	}
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		sys_raw(SYS_dup2, fd, i, 0, 0);
	if (fd > STDERR_FILENO)
		sys_raw(SYS_close, fd, 0, 0, 0);
	return 0;
}

WRAPPER int daemon(int keep_dir, int keep_streams)
{
	pid_t pid;

	if (likely(!self()))
		return REAL(daemon)(keep_dir, keep_streams);
	pid = fork();
	if (pid > 0)
		_exit(0);
	if (pid < 0 || setsid() < 0)
		return -1;
	if (!keep_dir && chdir("/"))
		return -1;
	return keep_streams ? 0 : to_null();
}

/* the child's half: the terminal becomes its descriptors 0 to 2, and libc closes the number that it had */
static void enter_terminal(int master, int slave)
{
	close(master);
	ledger_fd_closed(slave);
	if (login_tty(slave))
		_exit(1);
}

WRAPPER int forkpty(int *master_out, char *name, const struct termios *term, const struct winsize *size)
{
	int master, slave;
	pid_t pid;

	if (likely(!self()))
		return REAL(forkpty)(master_out, name, term, size);
	if (openpty(&master, &slave, name, term, size))
		return -1;
	pid = fork();
	if (pid == 0) {
		enter_terminal(master, slave);
		return 0;
	}
	close(slave);
	if (pid < 0)
		close(master);
	else
		*master_out = master;
	return pid;
}

WRAPPER void exit(int status)
{
	if (self())
		preempt_disable(self());
	REAL(exit)(status);
	__builtin_unreachable();
}

WRAPPER void quick_exit(int status)
{
	if (self())
		preempt_disable(self());
	REAL(quick_exit)(status);
	__builtin_unreachable();
}

/*
 * libc asks the kernel about the thread's id, which for a call is made up. The stack is what sanitizers and garbage
 * collectors want to know; the rest is as a new thread has it.
 */
static int own_attributes(const struct stint *s, pthread_attr_t *attr)
{
	int err = pthread_attr_init(attr);
	size_t size = s->stack_hi - s->stack_lo;

	if (!err && size < (size_t)sysconf(_SC_THREAD_STACK_MIN))
		err = ENOTSUP;          /* libc does not let a thread have so little */
	if (!err)
		err = pthread_attr_setstack(attr, (void *)s->stack_lo, size);
	return err;
}

WRAPPER int pthread_getattr_np(pthread_t t, pthread_attr_t *attr)
{
	struct stint *s = self();
	int err;

	if (likely(!s) || !pthread_equal(t, pthread_self()))
		return REAL(pthread_getattr_np)(t, attr);
	preempt_disable(s);
	err = own_attributes(s, attr);
	preempt_enable(s, caller_address());
	return err;
}

LOCKED(int, pthread_create, (pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
       (t, attr, fn, arg))
