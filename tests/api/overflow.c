/*
 * overflow.c - a call that runs out of stack ends the process with a diagnosis: which call, how much stack
 */
#include "../test.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <stint.h>

#define STACK (128 << 10)

static volatile int depth;

static int recurse(int n)
{
	volatile char frame[200];

	frame[n % 200] = (char)n;
	depth = n;
	if (depth < 0)
		return 0;
	return recurse(n + 1) + frame[(n + 1) % 200];
}

static void *overflows(void *arg)
{
	recurse(0);
	return arg;
}

static void *overflows_later(void *arg)
{
	stint_pause();
	recurse(0);
	return arg;
}

static void *uses_most(void *arg)
{
	volatile char frame[STACK - (24 << 10)];

	for (size_t i = 0; i < sizeof(frame); i += 512)
		frame[i] = 1;
	return arg;
}

static void *launches_overflowing(void *arg)
{
	struct stint_attr attr = { .size = sizeof(attr), .name = "greedy", .stack_size = STACK };

	stint_launch_with(&attr, overflows, arg, STINT_S(100));
	return arg;
}

static void plain(void)
{
	struct stint_attr attr = { .size = sizeof(attr), .name = "greedy", .stack_size = STACK };

	stint_launch_with(&attr, overflows, NULL, STINT_S(100));
}

static void resumed(void)
{
	struct stint_attr attr = { .size = sizeof(attr), .name = "greedy", .stack_size = STACK };
	stint_t *s = stint_launch_with(&attr, overflows_later, NULL, STINT_S(100));

	stint_resume(s, STINT_S(100));
}

static void nested(void)
{
	stint_launch(launches_overflowing, NULL, STINT_S(100));
}

static void not_ours(int signo)
{
	(void)signo;
	_exit(99);
}

/* an application's handler cannot run on a stack that is full; it must not hide the diagnosis either */
static void with_a_handler(void)
{
	signal(SIGSEGV, not_ours);
	plain();
}

static void with_a_handler_later(void)
{
	struct stint_attr attr = { .size = sizeof(attr), .name = "greedy", .stack_size = STACK };
	stint_t *s = stint_launch_with(&attr, overflows_later, NULL, STINT_S(100));

	signal(SIGSEGV, not_ours);
	stint_resume(s, STINT_S(100));
}

/* "... 134144 bytes of stack ...": what it had, a little more than asked for */
static bool names_size(const char *text)
{
	const char *end = strstr(text, " bytes of stack"), *begin = end;
	long size;

	if (!end)
		return false;
	while (begin > text && begin[-1] >= '0' && begin[-1] <= '9')
		begin--;
	size = strtol(begin, NULL, 10);
	return size >= STACK && size < STACK + 8192;
}

static void check_diagnosis(const char *what, void (*fn)(void))
{
	const struct rlimit no_core = { 0, 0 };
	char text[4096];
	size_t n = 0;
	ssize_t got;
	int p[2], status;
	pid_t pid;

	CHECK_INT(pipe(p), ==, 0);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		setrlimit(RLIMIT_CORE, &no_core);
		dup2(p[1], 2);
		close(p[0]);
		close(p[1]);
		fn();
		_exit(98);
	}
	close(p[1]);
	while (n < sizeof(text) - 1 && (got = read(p[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += got;
	text[n] = 0;
	close(p[0]);
	status = wait_for(pid);
	if (!WIFSIGNALED(status))
		test_fail(__FILE__, __LINE__, "%s: status %#x, said \"%s\"", what, status, text);
	if (!strstr(text, "\"greedy\"") || !names_size(text))
		test_fail(__FILE__, __LINE__, "%s: said only \"%s\"", what, text);
}

static void deep_enough(void)
{
	struct stint_attr attr = { .size = sizeof(attr), .name = "modest", .stack_size = STACK };
	stint_t *s = stint_launch_with(&attr, uses_most, NULL, STINT_S(100));

	CHECK(s);
	CHECK(stint_is_complete(s));
	stint_free(s);
}

int main(void)
{
	test_watchdog();
	check_diagnosis("plain", plain);
	check_diagnosis("resumed", resumed);
	check_diagnosis("nested", nested);
	check_diagnosis("with a handler", with_a_handler);
	check_diagnosis("with a handler installed later", with_a_handler_later);
	deep_enough();
	return 0;
}
