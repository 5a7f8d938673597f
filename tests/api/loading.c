/*
 * loading.c - the same whichever way the library came: linked, preloaded, behind the C library, or by dlopen() when all else
 * is bound already
 *
 * Is built twice, linked with the library (LINKED) and not. The one that is not runs itself in each way. TEST_LIBRARY is
 * the library, TEST_MODULE an object to be loaded later still, TEST_LINKED_MODULE one that is linked with the library: where
 * the program has such a one, the C library comes first, since the program itself is linked with it.
 */
#include "../test.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <pty.h>
#include <sys/syscall.h>
#include <threads.h>

#include <stint.h>

static struct {
	stint_t *(*launch)(stint_fn *, void *, stint_ns);
	int (*resume)(stint_t *, stint_ns);
	int (*cancel)(stint_t *);
	void (*free)(stint_t *);
	enum stint_state (*state)(const stint_t *);
	int (*usage)(const stint_t *, struct stint_usage *);
	stint_t *(*self)(void);
	void (*pause)(void);
	int (*thread_create)(stint_thread_t **, const struct stint_thread_attr *, stint_fn *, void *);
	int (*thread_join)(stint_thread_t *, void **);
} api;

static void find(void *slot, void *handle, const char *name)
{
	void *p = dlsym(handle, name);

	CHECK(p);
	memcpy(slot, &p, sizeof(p));
}

static void find_all(void *handle)
{
	find(&api.launch, handle, "stint_launch");
	find(&api.resume, handle, "stint_resume");
	find(&api.cancel, handle, "stint_cancel");
	find(&api.free, handle, "stint_free");
	find(&api.state, handle, "stint_state");
	find(&api.usage, handle, "stint_usage");
	find(&api.self, handle, "stint_self");
	find(&api.pause, handle, "stint_pause");
	find(&api.thread_create, handle, "stint_thread_create");
	find(&api.thread_join, handle, "stint_thread_join");
}

/* --- the body ---------------------------------------------------------------------------------- */

static FILE *shared;
static int (*volatile through_data)(FILE *) = fflush;

static void *computes(void *arg)
{
	struct timespec t = { 0, 20000000 };
	long sum = 0;

	for (int i = 0; i < 3000; i++) {
		char *p = malloc(100 + (size_t)i), *q;

		snprintf(p, 100, "%d", i);
		q = strdup(p);
		sum += atoi(q);
		free(p);
		free(q);
		CHECK_INT(fprintf(shared, "%d\n", i), >, 0);
		through_data(shared);
	}
	CHECK_INT(nanosleep(&t, NULL), ==, 0);
	CHECK_INT(sum, ==, 3000L * 2999 / 2);
	return arg;
}

static void *volatile held;     /* or the compiler makes nothing of an allocation that nobody uses */

static void *holds(void *arg)
{
	struct stint_usage usage;
	int *fd = arg;

	held = malloc(1000);
	held = strdup("a string");
	fd[0] = open("/dev/null", O_RDONLY);
	fd[1] = dup(fd[0]);
	CHECK(fopen("/dev/null", "r"));
	CHECK_INT(api.usage(api.self(), &usage), ==, 0);
	CHECK_INT(usage.blocks_held, ==, 2);
	CHECK_INT(usage.fds_held, ==, 3);
	api.pause();
	return arg;
}

static void *forks(void *arg)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (pid == 0) {
		test_child();
		free(malloc(10));
		_exit(3);
	}
	CHECK_EXIT(pid, 3);
	return arg;
}

static void body(void)
{
	int fd[2], fds = count_fds(), err;
	long stops = 0;
	stint_t *s;

	shared = fopen("/dev/null", "w");
	s = api.launch(computes, NULL, STINT_US(20));
	CHECK(s);
	while ((err = api.resume(s, STINT_US(100))) == ETIMEDOUT) {
		stops++;
		CHECK_INT(fprintf(shared, "x\n"), >, 0);        /* the stream is not locked when it is stopped */
		free(malloc(100));
	}
	CHECK_INT(err, ==, 0);
	CHECK_INT(stops, >, 1);
	api.free(s);
	fclose(shared);

	s = api.launch(holds, fd, STINT_S(100));
	CHECK(s);
	CHECK_INT(api.state(s), ==, STINT_PAUSED);
	CHECK_INT(api.cancel(s), ==, 0);
	api.free(s);
	CHECK_INT(fcntl(fd[0], F_GETFD), ==, -1);
	CHECK_INT(fcntl(fd[1], F_GETFD), ==, -1);
	CHECK_INT(count_fds(), ==, fds);

	s = api.launch(forks, NULL, STINT_S(100));
	CHECK(s);
	CHECK_INT(api.state(s), ==, STINT_COMPLETE);
	api.free(s);
}

/* --- wrappers that are made of other wrappers -------------------------------------------------- */

static void *vforks(void *arg)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(4);
	CHECK_INT(pid, >, 0);
	CHECK_EXIT(pid, 4);
	return arg;
}

static void *forks_at_terminal(void *arg)
{
	int master;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	if (pid == 0)
		_exit(5);
	if (pid < 0)
		return arg;             /* there are no terminals here */
	CHECK_EXIT(pid, 5);
	CHECK_INT(close(master), ==, 0);
	return arg;
}

static void *ends(void *arg)
{
	thrd_exit(*(int *)arg);
}

static void *result_of_thread(stint_fn *fn, void *arg)
{
	stint_thread_t *t;
	void *result;

	CHECK_INT(api.thread_create(&t, NULL, fn, arg), ==, 0);
	CHECK_INT(api.thread_join(t, &result), ==, 0);
	return result;
}

/* what the kernel has for the signal that preempts */
static uint64_t handler_in_kernel(void)
{
	uint64_t action[4] = { 0 };

	CHECK_INT(syscall(SYS_rt_sigaction, SIGURG, NULL, action, 8), ==, 0);
	return action[0];
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void keeps_handler(void)
{
	uint64_t ours = handler_in_kernel();

	CHECK(ours != (uintptr_t)SIG_DFL && ours != (uintptr_t)SIG_IGN);
	CHECK(signal(SIGURG, SIG_IGN) == SIG_DFL);
	CHECK_INT(handler_in_kernel(), ==, ours);
	CHECK(sigset(SIGURG, SIG_DFL) == SIG_IGN);
	CHECK_INT(handler_in_kernel(), ==, ours);
	CHECK_INT(sigignore(SIGURG), ==, 0);
	CHECK_INT(handler_in_kernel(), ==, ours);
	CHECK_INT(siginterrupt(SIGURG, 0), ==, 0);
	CHECK_INT(handler_in_kernel(), ==, ours);
	CHECK(signal(SIGURG, SIG_DFL) == SIG_IGN);
}

static void made_of_others(void)
{
	int seven = 7;

	CHECK(result_of_thread(vforks, &seven) == &seven);
	CHECK(result_of_thread(forks_at_terminal, &seven) == &seven);
	CHECK_INT((intptr_t)result_of_thread(ends, &seven), ==, 7);
	keeps_handler();
}

/* --- what is loaded after the library is led to it as well ------------------------------------- */

static void *calls_module(void *fn)
{
	struct stint_usage usage;

	((void (*)(void))fn)();
	CHECK_INT(api.usage(api.self(), &usage), ==, 0);
	CHECK_INT(usage.blocks_held, ==, 1);
	return fn;
}

static void module(void)
{
	void *handle = dlopen(TEST_MODULE, RTLD_NOW | RTLD_LOCAL), *fn;
	stint_t *s;

	if (!handle)
		test_fail(__FILE__, __LINE__, "%s", dlerror());
	fn = dlsym(handle, "module_allocates");
	CHECK(fn);
	s = api.launch(calls_module, fn, STINT_S(100));
	CHECK(s);
	CHECK_INT(api.state(s), ==, STINT_COMPLETE);
	api.free(s);
}

/* by its name alone, which has the program's run path searched, before the first launch */
static void by_name(const char *name, int flags)
{
	void *handle = dlopen(name, RTLD_NOW | flags);

	if (!handle)
		test_fail(__FILE__, __LINE__, "%s", dlerror());
	dlclose(handle);
}

static int run(void *handle)
{
	by_name(LIBC_SO, RTLD_NOLOAD);
	by_name(LIBRESOLV_SO, 0);
	find_all(handle);
	body();
	made_of_others();
	module();
	return 0;
}

#ifdef LINKED

int main(void)
{
	test_watchdog();
	CHECK(stint_version());         /* keeps the library linked */
	return run(RTLD_DEFAULT);
}

#else

static int opened(int flags)
{
	void *handle = dlopen(TEST_LIBRARY, flags);

	if (!handle)
		test_fail(__FILE__, __LINE__, "%s", dlerror());
	return run(handle);
}

/* by another name of its directory: the variable has no way to name a path with a space */
static void preload(const char *link, const char *path)
{
	const char *file = strrchr(path, '/');
	char directory[4096], name[128];

	snprintf(directory, sizeof(directory), "%.*s", (int)(file - path), path);
	CHECK_INT(symlink(directory, link), ==, 0);
	snprintf(name, sizeof(name), "%s%s", link, file);
	setenv("LD_PRELOAD", name, 1);
}

static void run_as(const char *self, const char *how)
{
	char directory[] = "/tmp/stint-loading-XXXXXX", link[64];
	pid_t pid;

	CHECK(mkdtemp(directory));
	snprintf(link, sizeof(link), "%s/link", directory);
	pid = fork();
	CHECK_INT(pid, >=, 0);
	if (pid == 0) {
		if (!strcmp(how, "preload"))
			preload(link, TEST_LIBRARY);
		if (!strcmp(how, "behind"))
			preload(link, TEST_LINKED_MODULE);
		execl("/proc/self/exe", self, how, (char *)NULL);
		_exit(2);
	}
	CHECK_EXIT(pid, 0);
	unlink(link);
	rmdir(directory);
	printf("%s\n", how);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	test_watchdog();
	if (dlsym(RTLD_DEFAULT, "__asan_init"))
		test_skip("a sanitizer's library comes with ours preloaded");
	if (!strcmp(how, "local"))
		return opened(RTLD_NOW | RTLD_LOCAL);
	if (!strcmp(how, "global"))
		return opened(RTLD_LAZY | RTLD_GLOBAL);
	if (!strcmp(how, "preload"))
		return opened(RTLD_NOW | RTLD_NOLOAD);
	if (!strcmp(how, "behind")) {
		void *libc = dlopen(LIBC_SO, RTLD_NOW | RTLD_NOLOAD);

		CHECK(libc);
		CHECK(dlsym(libc, "open") == dlsym(RTLD_DEFAULT, "open"));      /* or it is not behind */
		return opened(RTLD_NOW | RTLD_NOLOAD);
	}
	run_as(argv[0], "local");
	run_as(argv[0], "global");
	run_as(argv[0], "preload");
	run_as(argv[0], "behind");
	return 0;
}

#endif
