/*
 * layout.c - a C library that is not as we know it: every constructor says ENOTSUP, stint_unsupported() says what is
 * wrong, and it stays so; the n-th thing looked at is the odd one, for every n until none is
 *
 * Linked with the library's objects, as launch.c. Each n in a process of its own: the verdict is for good.
 */
#include "../test.h"

#include <sys/wait.h>
#include <unistd.h>

#include <stint.h>

#include "sys.h"

static void *returns(void *arg)
{
	return arg;
}

/* exit status of the child: 0 refused as it should be, 1 wrong, 2 the call worked, nothing was odd */
static int try_with(int n)
{
	stint_t *s;

	sys_fault_after[SYS_LAYOUT] = n;
	s = stint_launch(returns, &s, STINT_S(100));
	if (s)
		return stint_is_complete(s) && !stint_unsupported() ? 2 : 1;
	if (errno != ENOTSUP || !stint_unsupported() || strlen(stint_unsupported()) < 20)
		return 1;
	printf("%d: %s\n", n, stint_unsupported());
	fflush(stdout);
	return !stint_launch(returns, NULL, 0) && errno == ENOTSUP ? 0 : 1;
}

int main(void)
{
	int refused = 0;

	for (int n = 1;; n++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid)
			_exit(try_with(n));
		CHECK_INT(waitpid(pid, &status, 0), ==, pid);
		CHECK(WIFEXITED(status));
		if (WEXITSTATUS(status) == 2)
			break;
		CHECK_INT(WEXITSTATUS(status), ==, 0);
		refused++;
	}
	CHECK_INT(refused, >=, 5);
	return 0;
}
