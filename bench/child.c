/*
 * child.c - running other programs, with a limit
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define LIMIT_S 120.0

/* Where @name is. False: its path is too long, or unknown. */
static bool find(const char *name, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n < 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	n = slash + 1 - path;
	return snprintf(path + n, size - (size_t)n, "%s", name) < (int)(size - (size_t)n);
}

bool child_exists(const char *name)
{
	char path[4096];

	return find(name, path, sizeof(path)) && !access(path, X_OK);
}

static void choose_cpus(enum child_cpus cpus)
{
	cpu_set_t set = options.allowed;

	if (cpus == CHILD_SAME || options.cpu < 0)
		return;
	if (cpus == CHILD_OTHER && CPU_COUNT(&set) > 1)
		CPU_CLR(options.cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* In the child, after a fork of a process that may have other threads: nothing here takes a lock. */
static void __attribute__((noreturn))
become(const char *path, const char *const *argv, enum child_cpus cpus, int out, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	choose_cpus(cpus);
	dup2(out, STDOUT_FILENO);
	execv(path, (char *const *)argv);
	_exit(127);
}

int child_start(struct child *c, const char *const *argv, enum child_cpus cpus)
{
	char path[4096];
	pid_t self = getpid();
	int ends[2];

	if (!find(argv[0], path, sizeof(path)) || access(path, X_OK))
		return ENOENT;
	if (pipe2(ends, O_CLOEXEC))
		return errno;
	c->pid = fork();
	if (c->pid == 0)
		become(path, argv, cpus, ends[1], self);
	close(ends[1]);
	c->out = ends[0];
	if (c->pid < 0) {
		close(c->out);
		return EAGAIN;
	}
	return 0;
}

/* Bytes read; 0: the end, or the moment @end has come. */
static size_t read_some(struct child *c, char *to, size_t room, double end)
{
	struct pollfd p = { .fd = c->out, .events = POLLIN };
	double left;
	ssize_t n;

	do {
		left = end - now_ns();
		if (left <= 0 || (poll(&p, 1, (int)(left / 1e6) + 1) < 0 && errno != EINTR))
			return 0;
	} while (!(p.revents & (POLLIN | POLLHUP)));
	n = read(c->out, to, room);
	return n > 0 ? (size_t)n : 0;
}

bool child_read_line(struct child *c, char *line, size_t size, double limit_s)
{
	double end = now_ns() + limit_s * 1e9;
	size_t have;

	for (have = 0; have + 1 < size; have++) {
		if (!read_some(c, line + have, 1, end))
			return false;
		if (line[have] == '\n') {
			line[have] = '\0';
			return true;
		}
	}
	return false;
}

int child_finish(struct child *c, char *text, size_t size, double limit_s)
{
	double end = now_ns() + limit_s * 1e9;
	char rest[4096];
	size_t have = 0, n;
	int status;

	do {
		bool room = have + 1 < size;

		n = read_some(c, room ? text + have : rest, room ? size - 1 - have : sizeof(rest), end);
		have += room ? n : 0;
	} while (n);
	if (size)
		text[have] = '\0';
	if (now_ns() >= end)
		kill(c->pid, SIGKILL);
	close(c->out);
	if (waitpid(c->pid, &status, 0) != c->pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

void child_kill(struct child *c)
{
	kill(c->pid, SIGKILL);
	child_finish(c, NULL, 0, 10);
}

int child_peer(const char *name, const char *measurement, unsigned long n, unsigned workers, char *text, size_t size)
{
	char count[32], width[16];
	const char *const argv[] = { name, measurement, count, width, NULL };
	struct child c;

	snprintf(count, sizeof(count), "%lu", n);
	snprintf(width, sizeof(width), "%u", workers);
	errno = child_start(&c, argv, workers > 1 ? CHILD_ALL : CHILD_SAME);
	if (errno)
		return -1;
	return child_finish(&c, text, size, LIMIT_S);
}

double child_value(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, name, len) && (text[len] == ' ' || text[len] == '='))
			return strtod(text + len + 1, NULL);
	}
	return NAN;
}
