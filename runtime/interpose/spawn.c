/*
 * spawn.c - system(); and what a new process made by posix_spawn() is to do first: lists that libc allocates
 *
 * libc's system() ignores SIGINT and SIGQUIT for the process while a command runs, and counts how many do, under a lock of its
 * own. A call could not be stopped while it waits in there, since nobody would put that right if it was cancelled. So once the
 * library has started system() is made here, in calls and outside, of functions that a call may be stopped in. A call that is
 * cancelled, and a thread, kills the command.
 *
 * commands_lock protects the count and the two actions; with preemption disabled; actions_lock nests in it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../settings.h"
#include "../sys.h"
#include "interpose.h"

#define NOT_RUN (127 << 8)      /* the status of a shell that cannot be run */

static struct sys_lock commands_lock;
static unsigned commands;       /* running */
static struct sigaction on_int, on_quit;        /* what the program had before the first */

struct command {
	struct callout callout;         /* first */
	struct stint *s;
	sigset_t mask;
	pid_t pid;                      /* 0: not begun, or over */
	bool counted;
};

/* a handler of the program may come in between, and not find the lock taken by what it interrupted */
static uint64_t lock_commands(struct stint *s)
{
	uint64_t all = UINT64_MAX, mask;

	if (s)
		preempt_disable(s);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof(mask));
	sys_lock(&commands_lock);
	return mask;
}

static void unlock_commands(struct stint *s, uint64_t mask)
{
	sys_unlock(&commands_lock);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	if (s)
		preempt_enable(s, NULL);
}

/* the child has none of the threads that run commands; what they had changed stays, as with libc's own */
void commands_fork_prepare(void)
{
	sys_lock(&commands_lock);
}

void commands_fork_done(bool in_child)
{
	if (in_child)
		commands = 0;
	sys_unlock(&commands_lock);
}

static void count_command(struct command *c)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	uint64_t mask = lock_commands(c->s);

	if (commands++ == 0) {
		sigaction(SIGINT, &ignore, &on_int);
		sigaction(SIGQUIT, &ignore, &on_quit);
	}
	c->counted = true;
	unlock_commands(c->s, mask);
}

static void uncount_command(struct command *c)
{
	uint64_t mask;

	if (!c->counted)
		return;
	mask = lock_commands(c->s);
	if (--commands == 0) {
		sigaction(SIGINT, &on_int, NULL);
		sigaction(SIGQUIT, &on_quit, NULL);
	}
	c->counted = false;
	unlock_commands(c->s, mask);
}

static void kill_command(struct command *c)
{
	int status;

	if (!c->pid)
		return;
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}

/* on cancel of the call; its mask goes with it */
static void give_up_command(struct callout *callout)
{
	struct command *c = (struct command *)callout;

	c->s->callouts = callout->outer;
	kill_command(c);
	uncount_command(c);
}

/* on return, and when a thread is cancelled in there */
static void end_command(struct command *c)
{
	int saved = errno;

	if (c->s && c->s->callouts == &c->callout)
		c->s->callouts = c->callout.outer;
	kill_command(c);
	uncount_command(c);
	pthread_sigmask(SIG_SETMASK, &c->mask, NULL);
	errno = saved;
}

/* the command has the mask that the program had, and what it does not ignore itself is as usual */
static int start_command(struct command *c, const char *text)
{
	const char *const argv[] = { "sh", "-c", text, NULL };
	posix_spawnattr_t attr;
	sigset_t usual;
	int err;

	sigemptyset(&usual);
	if (on_int.sa_handler != SIG_IGN)
		sigaddset(&usual, SIGINT);
	if (on_quit.sa_handler != SIG_IGN)
		sigaddset(&usual, SIGQUIT);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &c->mask);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (c->s)
		preempt_disable(c->s);
	err = posix_spawn(&c->pid, "/bin/sh", NULL, &attr, (char *const *)argv, environ);
	if (err)
		c->pid = 0;
	if (c->s)
		preempt_enable(c->s, NULL);
	posix_spawnattr_destroy(&attr);
	return err;
}

static int wait_for_command(struct command *c)
{
	int status;
	pid_t r;

	do
		r = waitpid(c->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	c->pid = 0;             /* or it is not ours to wait for any more */
	return r < 0 ? -1 : status;
}

static int run_command(const char *text)
{
	struct command c __attribute__((cleanup(end_command))) = { { NULL, give_up_command, false }, self(), { { 0 } }, 0, false };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &child, &c.mask);
	if (c.s && on_own_stack(c.s, (uintptr_t)&c)) {
		callouts_jumped(c.s, (uintptr_t)&c);
		c.callout.outer = c.s->callouts;
		c.s->callouts = &c.callout;
	}
	count_command(&c);
	return start_command(&c, text) ? NOT_RUN : wait_for_command(&c);
}

WRAPPER int system(const char *text)
{
	if (!settings.signo)
		return REAL(system)(text);
	return text ? run_command(text) : run_command("exit 0") == 0;
}

LOCKED(int, posix_spawn_file_actions_destroy, (posix_spawn_file_actions_t *list), (list))
LOCKED(int, posix_spawn_file_actions_addopen, (posix_spawn_file_actions_t *list, int fd, const char *path, int flags,
                                               mode_t mode), (list, fd, path, flags, mode))
LOCKED(int, posix_spawn_file_actions_addclose, (posix_spawn_file_actions_t *list, int fd), (list, fd))
LOCKED(int, posix_spawn_file_actions_adddup2, (posix_spawn_file_actions_t *list, int from, int to), (list, from, to))
LOCKED(int, posix_spawn_file_actions_addchdir_np, (posix_spawn_file_actions_t *list, const char *path), (list, path))
LOCKED(int, posix_spawn_file_actions_addfchdir_np, (posix_spawn_file_actions_t *list, int fd), (list, fd))
LOCKED(int, posix_spawn_file_actions_addclosefrom_np, (posix_spawn_file_actions_t *list, int from), (list, from))
LOCKED(int, posix_spawn_file_actions_addtcsetpgrp_np, (posix_spawn_file_actions_t *list, int fd), (list, fd))
