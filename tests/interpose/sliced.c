/*
 * sliced.c - preloaded after libstint.so: the program's main() runs in a call that is stopped every 200 us
 *
 * For any dynamically linked program, unmodified. __libc_start_main() is given a main() of ours, which launches the program's
 * in a call and resumes it until the process ends: main() returning is exit() in the call, so that its end sees the identity,
 * thread variables and all, that main() saw. In between, outside, it takes locks of the C library's that a stopped call must
 * not have left: the heap's and stdout's. Where one is held the process is ended with status 99.
 *
 * Outside all signals are blocked. Else one that the program has just blocked, to look whether it has come and then to wait for it
 * with sigsuspend(), could be handled in between, while the call is stopped, and be waited for for ever.
 *
 *      STINT_SLICE_US          how long a slice is; 200
 *      STINT_SLICE_REPORT      a file to which each process appends a line at its end: its name, how often its main() was
 *                              stopped, and how often a stop was put off
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <stint.h>

#define STATUS_BROKEN 99
#define STACK_MIN ((size_t)8 << 20)
#define STACK_MAX ((size_t)512 << 20)

typedef int main_fn(int argc, char **argv, char **envp);

int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end);

static main_fn *program_main;
static int program_argc;
static char **program_argv, **program_envp;
static sigset_t program_mask;
static stint_t *call;
static unsigned long stops;

static void __attribute__((noreturn)) broken(const char *what, int err)
{
	dprintf(STDERR_FILENO, "sliced: %s: %s\n", what, strerror(err));
	_exit(STATUS_BROKEN);
}

static long slice_us(void)
{
	const char *text = getenv("STINT_SLICE_US");
	long us = text ? strtol(text, NULL, 10) : 0;

	return us > 0 ? us : 200;
}

static size_t stack_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) || limit.rlim_cur > STACK_MAX)
		return STACK_MAX;
	return limit.rlim_cur < STACK_MIN ? STACK_MIN : limit.rlim_cur;
}

/* a forked child goes on with the call; what its parent counted is its parent's */
static void forget_count(void)
{
	stops = 0;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("STINT_SLICE_REPORT");
	struct stint_usage usage = { 0 };
	int fd;

	if (!call || !path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	stint_usage(call, &usage);
	dprintf(fd, "%s %lu %llu\n", program_invocation_short_name, stops, (unsigned long long)usage.deferrals);
	close(fd);
}

/* errno is the kernel thread's here, not the call's: the program does not see it */
static void look_around(void)
{
	void *block = malloc(100 + stops % 1000);

	if (!block)
		broken("malloc", errno);
	free(block);
	if (stdout) {
		if (ftrylockfile(stdout))
			broken("stdout is locked", EBUSY);
		funlockfile(stdout);
	}
}

static void *run_main(void *arg)
{
	call = stint_self();
	pthread_sigmask(SIG_SETMASK, &program_mask, NULL);
	exit(program_main(program_argc, program_argv, program_envp));
	return arg;
}

static int sliced_main(int argc, char **argv, char **envp)
{
	const struct stint_attr attr = {
		.size = sizeof(attr), .name = program_invocation_short_name, .stack_size = stack_size()
	};
	stint_ns slice = STINT_US(slice_us());
	sigset_t all;
	stint_t *s;

	program_argc = argc;
	program_argv = argv;
	program_envp = envp;
	pthread_atfork(NULL, NULL, forget_count);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &program_mask);
	s = stint_launch_with(&attr, run_main, NULL, slice);
	if (!s)
		broken("stint_launch_with", errno);
	for (;;) {
		int err;

		stops++;
		look_around();
		err = stint_resume(s, slice);
		if (err != ETIMEDOUT)
			broken("stint_resume", err);
	}
}

__attribute__((visibility("default")))
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
	__typeof__(&__libc_start_main) next = (__typeof__(next))dlsym(RTLD_NEXT, "__libc_start_main");

	program_main = main;
	return next(sliced_main, argc, argv, init, fini, rtld_fini, stack_end);
}
