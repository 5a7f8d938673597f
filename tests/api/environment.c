/*
 * environment.c - STINT_SIGNAL and STINT_STACK are obeyed, and what cannot be obeyed is refused by name
 */
#include "../test.h"

#include <stint.h>

static volatile int leave;

static void *loop(void *arg)
{
	while (!leave)
		;
	return arg;
}

static void *returns(void *arg)
{
	return arg;
}

/* in the child: the variable is bad */
static int refused(const char *variable)
{
	errno = 0;
	CHECK(!stint_launch(returns, NULL, STINT_S(1)));
	CHECK_INT(errno, ==, EINVAL);
	CHECK(stint_unsupported());
	if (!strstr(stint_unsupported(), variable))
		test_fail(__FILE__, __LINE__, "\"%s\" does not name %s", stint_unsupported(), variable);
	errno = 0;
	CHECK(!stint_launch(returns, NULL, 0));
	CHECK_INT(errno, ==, EINVAL);
	CHECK_INT(stint_cancel(NULL), ==, EINVAL);
	CHECK(!stint_self());
	return 0;
}

/* in the child: the variable is good */
static int obeyed(int signo, size_t stack)
{
	struct sigaction action;
	struct stint_usage usage;
	stint_t *s = stint_launch(loop, NULL, STINT_MS(1));

	CHECK_STR(stint_unsupported() ? stint_unsupported() : "supported", "supported");
	CHECK(s);
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_usage(s, &usage), ==, 0);
	if (stack) {
		CHECK_INT(usage.stack_bytes, >=, stack);
		CHECK_INT(usage.stack_bytes, <, stack + 4096);
	}
	if (signo) {
		CHECK_INT(sigaction(SIGURG, NULL, &action), ==, 0);
		CHECK(action.sa_handler == SIG_DFL);
	}
	stint_free(s);
	return 0;
}

static void again(const char *variable, const char *value, const char *what, const char *number)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		unsetenv("STINT_SIGNAL");
		unsetenv("STINT_STACK");
		if (variable)
			setenv(variable, value, 1);
		execl("/proc/self/exe", "environment", what, number, (char *)NULL);
		_exit(3);
	}
	int status = wait_for(pid);

	if (status)
		test_fail(__FILE__, __LINE__, "with %s=%s: status %#x", variable ? variable : "nothing", value, status);
}

int main(int argc, char **argv)
{
	test_watchdog();
	if (argc == 3 && !strcmp(argv[1], "refused"))
		return refused(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "signal"))
		return obeyed(atoi(argv[2]), 0);
	if (argc == 3 && !strcmp(argv[1], "stack"))
		return obeyed(0, atoi(argv[2]));

	again(NULL, "", "stack", "65536");
	again("STINT_SIGNAL", "nonsense", "refused", "STINT_SIGNAL");
	again("STINT_SIGNAL", "KILL", "refused", "STINT_SIGNAL");
	again("STINT_SIGNAL", "-1", "refused", "STINT_SIGNAL");
	again("STINT_SIGNAL", "0", "refused", "STINT_SIGNAL");
	again("STINT_SIGNAL", "9", "refused", "STINT_SIGNAL");
	again("STINT_SIGNAL", "11", "refused", "STINT_SIGNAL");
	again("STINT_SIGNAL", "65", "refused", "STINT_SIGNAL");
	again("STINT_SIGNAL", "12x", "refused", "STINT_SIGNAL");
	again("STINT_STACK", "nonsense", "refused", "STINT_STACK");
	again("STINT_STACK", "-64k", "refused", "STINT_STACK");
	again("STINT_STACK", "1", "refused", "STINT_STACK");
	again("STINT_STACK", "99999999999999999999", "refused", "STINT_STACK");
	again("STINT_STACK", "2000000000", "refused", "STINT_STACK");
	again("STINT_SIGNAL", "12", "signal", "12");
	again("STINT_SIGNAL", "USR2", "signal", "12");
	again("STINT_SIGNAL", "SIGUSR1", "signal", "10");
	again("STINT_STACK", "131072", "stack", "131072");
	again("STINT_STACK", "130000", "stack", "131072");
	again("STINT_STACK", "256k", "stack", "262144");
	again("STINT_STACK", "1m", "stack", "1048576");
	return 0;
}
