/*
 * launch.c - launch + complete + free of an empty function, with a timeout of 5 ms
 *
 * Against "the poster's way" to bound a function's time: a ucontext on a stack kept ready, a timer armed
 * before and disarmed after, its signal blocked while the context is switched. That one cannot be resumed
 * from the handler safely and shares errno and malloc's cache with its caller; it is the cheapest that
 * standard interfaces give. Then a thread and a process for each call.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <stint.h>

#include "bench.h"
#include "work.h"

#define TIMEOUT_MS 5
#define STACK_SIZE 65536

static double run_launch(void *arg, unsigned long n)
{
	double start = now_ns();
	unsigned long i;

	for (i = 0; i < n; i++) {
		stint_t *s = stint_launch(work_empty, arg, STINT_MS(TIMEOUT_MS));

		if (!s)
			return NAN;
		stint_free(s);
	}
	return (now_ns() - start) / (double)n;
}

static void call_empty(void)
{
	work_empty(NULL);
}

static double poster_loop(char *stack, unsigned long n)
{
	ucontext_t caller, callee;
	sigset_t signals, before;
	double start = now_ns();
	unsigned long i;

	sigemptyset(&signals);
	sigaddset(&signals, bare_signal());
	for (i = 0; i < n; i++) {
		if (getcontext(&callee))
			return NAN;
		callee.uc_stack.ss_sp = stack;
		callee.uc_stack.ss_size = STACK_SIZE;
		callee.uc_link = &caller;
		makecontext(&callee, call_empty, 0);
		pthread_sigmask(SIG_BLOCK, &signals, &before);
		bare_timer_at(now_ns() + TIMEOUT_MS * 1e6);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		swapcontext(&caller, &callee);
		pthread_sigmask(SIG_BLOCK, &signals, &before);
		bare_timer_every(0);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	return (now_ns() - start) / (double)n;
}

static double run_poster(void *arg, unsigned long n)
{
	char *stack = malloc(STACK_SIZE);
	double cost;

	(void)arg;
	if (!stack)
		return NAN;
	errno = bare_timer_open(NULL);
	if (errno) {
		free(stack);
		return NAN;
	}
	cost = poster_loop(stack, n);
	bare_timer_close();
	free(stack);
	return cost;
}

static double run_pthread(void *arg, unsigned long n)
{
	double start = now_ns();
	unsigned long i;
	pthread_t thread;

	for (i = 0; i < n; i++) {
		errno = pthread_create(&thread, NULL, work_empty, arg);
		if (errno)
			return NAN;
		pthread_join(thread, NULL);
	}
	return (now_ns() - start) / (double)n;
}

static double run_fork(void *arg, unsigned long n)
{
	double start = now_ns();
	unsigned long i;

	for (i = 0; i < n; i++) {
		pid_t child = fork();

		if (child < 0)
			return NAN;
		if (child == 0) {
			work_empty(arg);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	return (now_ns() - start) / (double)n;
}

static int launch(const struct subject *s)
{
	static const struct side sides[] = {
		{ "launch + complete + free", run_launch, NULL },
		{ "ucontext + timer + signal masks", run_poster, NULL },
		{ "pthread_create + join", run_pthread, NULL },
		{ "fork + wait", run_fork, NULL },
	};
	stint_t *probe = stint_launch(work_empty, NULL, STINT_S(1));
	bool complete = probe && stint_is_complete(probe);

	if (!probe)
		return errno;
	stint_free(probe);
	if (!complete)
		return EPROTO;
	return bench_compare(s, sides[0].name, (struct aim){ AIM_AT_MOST, 120 }, sides,
			     sizeof(sides) / sizeof(*sides));
}

const struct subject subject_launch = {
	"launch", "launch + complete + free of an empty function, 5 ms timeout", launch
};
