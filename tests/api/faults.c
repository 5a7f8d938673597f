/*
 * faults.c - an application's own SIGSEGV handler gets its own faults, inside calls and outside, whether it
 * was installed before the first launch or after
 */
#include "../test.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <stint.h>

static volatile int *volatile wild_address = (volatile int *)16;
static char *page;
static volatile int mended, jumped;
static sigjmp_buf *volatile target;
static stint_t *volatile faulted_in;

static void mend(int signo, siginfo_t *info, void *context)
{
	CHECK_INT(signo, ==, SIGSEGV);
	CHECK(context);
	CHECK(info->si_addr == page + 123);
	CHECK_INT(info->si_code, ==, SEGV_ACCERR);
	faulted_in = stint_self();
	mended++;
	CHECK_INT(mprotect(page, 4096, PROT_READ | PROT_WRITE), ==, 0);
}

static void jump_out(int signo, siginfo_t *info, void *context)
{
	(void)context;
	CHECK_INT(signo, ==, SIGSEGV);
	CHECK(info->si_addr == (void *)wild_address);
	faulted_in = stint_self();
	jumped++;
	siglongjmp(*target, 1);
}

static void install(void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action, old;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = fn;
	action.sa_flags = SA_SIGINFO | flags;
	sigemptyset(&action.sa_mask);
	CHECK_INT(sigaction(SIGSEGV, &action, NULL), ==, 0);
	/* and the application sees its own handler there, not another */
	CHECK_INT(sigaction(SIGSEGV, NULL, &old), ==, 0);
	CHECK(old.sa_sigaction == fn);
	CHECK(old.sa_flags & SA_SIGINFO);
}

static void *touches(void *arg)
{
	CHECK_INT(mprotect(page, 4096, PROT_NONE), ==, 0);
	*(volatile char *)(page + 123) = 'x';
	CHECK_INT(page[123], ==, 'x');
	return arg;
}

static void *derefs(void *arg)
{
	sigjmp_buf here;

	target = &here;
	if (!sigsetjmp(here, 1)) {
		*wild_address = 1;
		CHECK(!"the store went through");
	}
	target = NULL;
	return arg;
}

static void *derefs_and_loops(void *arg)
{
	derefs(arg);
	for (;;)
		;
	return arg;
}

static void inside(stint_fn *fn)
{
	stint_t *s = stint_launch(fn, "", STINT_S(100));

	CHECK(s);
	CHECK(stint_is_complete(s));
	CHECK(faulted_in == s);
	stint_free(s);
}

static void outside(stint_fn *fn)
{
	faulted_in = (stint_t *)1;
	fn(NULL);
	CHECK(!faulted_in);
}

static void both(int flags)
{
	mended = jumped = 0;
	install(mend, flags);
	outside(touches);
	inside(touches);
	outside(touches);
	CHECK_INT(mended, ==, 3);
	install(jump_out, flags);
	for (int i = 0; i < 50; i++) {
		stint_t *s;

		inside(derefs);
		outside(derefs);
		/* having jumped out of a handler, it can still be stopped and cancelled */
		s = stint_launch(derefs_and_loops, NULL, STINT_MS(1));
		CHECK(s);
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		stint_free(s);
	}
	CHECK_INT(jumped, ==, 150);
}

/* the default action is left alone too: a wild store in a call kills the process with SIGSEGV */
static void *wild(void *arg)
{
	*wild_address = 1;
	return arg;
}

static void by_default(bool in_call)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t pid = fork();
	int status;

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		test_child();
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		if (in_call)
			stint_launch(wild, NULL, STINT_S(100));
		else
			wild(NULL);
		_exit(0);
	}
	status = wait_for(pid);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), ==, SIGSEGV);
}

static void alternate_stack(void)
{
	static char memory[64 << 10];
	stack_t ss = { .ss_sp = memory, .ss_size = sizeof(memory) };

	CHECK_INT(sigaltstack(&ss, NULL), ==, 0);
}

int main(void)
{
	test_watchdog();
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);

	by_default(true);               /* forked before the first launch */
	install(mend, 0);               /* before the first launch */
	outside(touches);
	inside(touches);
	both(0);
	both(SA_RESTART);
	alternate_stack();
	both(SA_ONSTACK);
	by_default(true);
	by_default(false);
	return 0;
}
