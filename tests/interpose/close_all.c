/*
 * close_all.c - programs that close all descriptors, or open others in their place, while threads wait
 *
 * The runtime's own are among them, and stay; the program's are closed, around them. Threads that wait for a socket, the time or a
 * child go on, and so do those that come later. A child made by fork() or vfork() closes everything, the runtime's too, and becomes
 * another program; its parent's threads and calls do not notice.
 */
#include "park.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define OWN_MAX 16
#define TRACE "/tmp/stint-close-all-"
#define LATER 40                /* opened after all was closed */

static int null;                /* below all that is closed */
static int limit;

/* --- which are the runtime's ------------------------------------------------------------------- */

static bool is_runtimes(int fd)
{
	char path[64], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return !strncmp(target, "anon_inode:[event", 17) || !strncmp(target, TRACE, sizeof(TRACE) - 1) || !strcmp(target, "anon_inode:[pidfd]") ||
	       !strncmp(target, "pidfd:", 6);
}

/* the three of the poller, and the one by which a thread waits for a child */
static int find_own(int *own)
{
	int n = 0;

	for (int fd = 0; fd < limit && n < OWN_MAX; fd++)
		if (is_runtimes(fd))
			own[n++] = fd;
	return n;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/*
 * It is one of those that we have opened: all are the same file. Where one was closed there may for a moment be a file of /proc, by which
 * the runtime looks what a kernel thread does.
 */
static bool is_ours(int fd)
{
	struct stat ours, is;

	CHECK_INT(fstat(null, &ours), ==, 0);
	return !fstat(fd, &is) && is.st_dev == ours.st_dev && is.st_ino == ours.st_ino;
}

/* --- ways to close all from @lo on --------------------------------------------------------------- */

static void by_closefrom(int lo)
{
	closefrom(lo);
}

static void by_range(int lo)
{
	CHECK_INT(close_range((unsigned)lo, ~0U, 0), ==, 0);
}

static void by_range_number(int lo)
{
	CHECK_INT(syscall(SYS_close_range, lo, ~0U, 0), ==, 0);
}

static void by_loop(int lo)
{
	for (int fd = lo; fd < limit; fd++)
		if (close(fd))
			CHECK_INT(errno, ==, EBADF);
}

static void by_loop_of_numbers(int lo)
{
	for (int fd = limit - 1; fd >= lo; fd--)
		syscall(SYS_close, fd);
}

static void by_list(int lo)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	CHECK(dir);
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd >= lo && fd != dirfd(dir))
			close(fd);
	}
	closedir(dir);
}

static int dup_by_number(int from, int to)
{
	return (int)syscall(SYS_dup2, from, to);
}

static int dup_by_three(int from, int to)
{
	return dup3(from, to, O_CLOEXEC);
}

static void by_dup(int lo, int (*dup)(int, int))
{
	int refused = 0;

	for (int fd = lo; fd < limit; fd++) {
		int r;

		/* some are the runtime's for a moment */
		while ((r = dup(null, fd)) < 0 && errno == EBADF && !is_runtimes(fd))
			;
		if (r < 0) {
			CHECK_INT(errno, ==, EBADF);
			refused++;
			continue;
		}
		CHECK_INT(r, ==, fd);
		CHECK_INT(close(fd), ==, 0);
	}
	CHECK_INT(refused, >=, 2);
}

static void by_dup2(int lo)
{
	by_dup(lo, dup2);
}

static void by_dup3(int lo)
{
	by_dup(lo, dup_by_three);
}

static void by_dup2_number(int lo)
{
	by_dup(lo, dup_by_number);
}

static void (*const ways[])(int) = { by_closefrom, by_range, by_range_number, by_loop, by_loop_of_numbers, by_list, by_dup2,
	                             by_dup3, by_dup2_number };

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* --- what goes on meanwhile ---------------------------------------------------------------------- */

static void *receives(void *arg)
{
	char c = 0;

	CHECK_INT(recv(*(int *)arg, &c, 1, 0), ==, 1);
	CHECK_INT(c, ==, 'x');
	return arg;
}

static void *sleeps(void *arg)
{
	do
		sleep_ns(1000000);
	while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE));
	return arg;
}

static void *waits_for_child(void *arg)
{
	int status;

	CHECK_INT(waitpid(*(pid_t *)arg, &status, 0), ==, *(pid_t *)arg);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return arg;
}

struct meanwhile {
	int pair[2], to_child[2];
	pid_t child;
	int over;
	stint_thread_t *receiver, *sleeper, *waiter;
};

static pid_t child_that_waits(int fds[2])
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (pid == 0) {
		char c;

		dup2(fds[0], 0);
		closefrom(3);           /* the other children's, too */
		_exit(read(0, &c, 1) == 0 ? 7 : 8);
	}
	return pid;
}

static void begin(struct meanwhile *m)
{
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, m->pair), ==, 0);
	CHECK_INT(pipe(m->to_child), ==, 0);
	m->child = child_that_waits(m->to_child);
	m->receiver = thread(receives, &m->pair[0]);
	m->over = 0;
	m->sleeper = thread(sleeps, &m->over);
	m->waiter = thread(waits_for_child, &m->child);
	settle();
}

static void end(struct meanwhile *m)
{
	CHECK_INT(write(m->pair[1], "x", 1), ==, 1);
	joined(m->receiver);
	__atomic_store_n(&m->over, 1, __ATOMIC_RELEASE);
	joined(m->sleeper);
	close(m->to_child[1]);
	joined(m->waiter);
	close(m->to_child[0]);
	close(m->pair[0]);
	close(m->pair[1]);
}

static int above(const struct meanwhile *m)
{
	int max = m->to_child[1];

	for (int i = 0; i < 2; i++)
		max = m->pair[i] > max ? m->pair[i] : max;
	return max + 1;
}

/* --- closing, on all sorts of threads ------------------------------------------------------------ */

struct closing {
	void (*way)(int);
	int lo;
};

static void *closes(void *arg)
{
	struct closing *c = arg;

	c->way(c->lo);
	return NULL;
}

static void on_this(struct closing *c)
{
	closes(c);
}

static void on_thread(struct closing *c)
{
	joined(thread(closes, c));
}

static void on_kernel_thread(struct closing *c)
{
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, closes, c), ==, 0);
	CHECK_INT(pthread_join(t, NULL), ==, 0);
}

static void *closes_in_call(void *arg)
{
	CHECK(stint_launch(closes, arg, STINT_FOREVER));
	return NULL;
}

static void in_call(struct closing *c)
{
	closes_in_call(c);
}

static void (*const places[])(struct closing *) = { on_this, on_thread, on_kernel_thread, in_call };

/* the program's, before and behind each of the runtime's */
static int surround(const int *own, int n, int *others)
{
	int k = 0;

	for (int i = 0; i < n; i++) {
		others[k++] = fcntl(null, F_DUPFD, own[i] + 1);
		if (!is_open(own[i] - 1))
			others[k++] = dup2(null, own[i] - 1);
	}
	for (int i = 0; i < k; i++)
		CHECK_INT(others[i], >=, 0);
	return k;
}

/* what is opened now must not be taken for one that is gone */
static void open_later(int *fds)
{
	for (int i = 0; i < LATER; i++)
		CHECK_INT(fds[i] = dup(null), >=, 0);
}

static void close_later(const int *fds)
{
	for (int i = 0; i < LATER; i++)
		CHECK_INT(close(fds[i]), ==, 0);
}

static void close_once(void (*way)(int), void (*place)(struct closing *), bool more)
{
	int own[OWN_MAX], still[OWN_MAX], others[2 * OWN_MAX], later[LATER], n, k;
	struct meanwhile before, after;
	struct closing c = { .way = way };

	begin(&before);
	c.lo = above(&before);
	/* the one for the child first has a low number, for a moment */
	while ((n = find_own(own)) < 4 || own[0] <= c.lo)
		sleep_ns(100000);
	k = surround(own, n, others);
	place(&c);
	CHECK_INT(find_own(still), ==, n);
	CHECK(!memcmp(own, still, (size_t)n * sizeof(own[0])));
	for (int i = 0; i < k; i++)
		CHECK(!is_ours(others[i]));
	if (more)
		open_later(later);
	begin(&after);
	end(&before);
	end(&after);
	if (more)
		close_later(later);
}

static void close_in_all_ways(bool more)
{
	for (size_t way = 0; way < WAYS; way++)
		for (size_t place = 0; place < sizeof(places) / sizeof(places[0]); place++)
			close_once(ways[way], places[place], more);
}

/* each by itself, and what else takes a range */
static void close_singly(void)
{
	int own[OWN_MAX], n = find_own(own);
	struct meanwhile m;

	CHECK_INT(n, ==, 3);
	for (int i = 0; i < n; i++) {
		unsigned fd = (unsigned)own[i];

		CHECK(fcntl(own[i], F_GETFD) & FD_CLOEXEC);
		errno = 0;
		CHECK(close(own[i]) == -1 && errno == EBADF);
		errno = 0;
		CHECK(syscall(SYS_close, own[i]) == -1 && errno == EBADF);
		CHECK(dup2(null, own[i]) == -1);
		CHECK_INT(dup2(own[i], own[i]), ==, own[i]);
		CHECK_INT(close_range(fd, fd, 0), ==, 0);
		CHECK_INT(close_range(fd, fd, CLOSE_RANGE_CLOEXEC), ==, 0);
		CHECK(close_range(fd, fd, 1 << 20) == -1 && errno == EINVAL);
		CHECK(close_range(fd, fd - 1, 0) == -1 && errno == EINVAL);
		CHECK(fcntl(own[i], F_GETFD) & FD_CLOEXEC);
	}
	CHECK_INT(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), ==, 0);
	begin(&m);
	end(&m);
}

/* --- children ------------------------------------------------------------------------------------ */

/* the program that they become: it has 0 to 2, and the one by which it looks */
static int is_left_with_three(void)
{
	return count_fds() == 4 ? 5 : 6;
}

static void become_another(void)
{
	execl("/proc/self/exe", "close_all", "left", (char *)NULL);
	_exit(9);
}

static void take_each(int lo)
{
	for (int fd = lo; fd < limit; fd++)
		if (dup2(0, fd) != fd || close(fd))
			_exit(10);
}

static void (*const child_ways[])(int) = { by_closefrom, by_range, by_range_number, by_loop, by_loop_of_numbers, take_each };

#define CHILD_WAYS (sizeof(child_ways) / sizeof(child_ways[0]))

static pid_t goes_its_way(pid_t pid, void (*way)(int))
{
	CHECK_INT(pid, >=, 0);
	if (pid == 0) {
		way(3);
		become_another();
	}
	return pid;
}

static pid_t by_fork(void (*way)(int))
{
	return goes_its_way(fork(), way);
}

static __attribute__((noinline)) pid_t by_vfork(void (*way)(int))
{
	pid_t pid = vfork();

	if (pid == 0) {
		way(3);
		become_another();
	}
	CHECK_INT(pid, >=, 0);
	return pid;
}

static int close_and_become(void *arg)
{
	(*(void (*const *)(int))arg)(3);
	become_another();
	return 9;
}

/* by clone(), which nobody takes for a vfork() but he who asks for the process */
static pid_t by_clone(void (*way)(int))
{
	static char stack[1 << 18] __attribute__((aligned(64)));
	pid_t pid = clone(close_and_become, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &way);

	CHECK_INT(pid, >=, 0);
	return pid;
}

/* by _Fork() as a handler's fork() may be */
static pid_t by_bare_fork(void (*way)(int))
{
	return goes_its_way(_Fork(), way);
}

static pid_t (*const forks[])(void (*)(int)) = { by_fork, by_vfork, by_clone, by_bare_fork };

static int held;

static void *holds(void *arg)
{
	held = dup(null);
	stint_pause();
	return arg;
}

/* a call keeps what it holds: its cancel closes it */
static void fork_once(pid_t (*how)(void (*)(int)), void (*way)(int))
{
	stint_t *s = stint_launch(holds, NULL, STINT_FOREVER);
	struct meanwhile m;

	CHECK_INT(stint_state(s), ==, STINT_PAUSED);
	begin(&m);
	CHECK_EXIT(how(way), 5);
	end(&m);
	CHECK(is_ours(held));
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK(!is_ours(held));
	stint_free(s);
}

static void fork_in_all_ways(void)
{
	for (size_t how = 0; how < sizeof(forks) / sizeof(forks[0]); how++)
		for (size_t way = 0; way < CHILD_WAYS; way++)
			fork_once(forks[how], child_ways[way]);
}

/* the child of a thread has threads, and a poller of its own */
static void *forks_and_goes_on(void *arg)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (pid == 0) {
		struct meanwhile m;

		null = open("/dev/null", O_RDWR);
		(*(void (*const *)(int))arg)(null + 1);
		begin(&m);
		end(&m);
		_exit(5);
	}
	CHECK_EXIT(pid, 5);
	return NULL;
}

static void *forks_to_become(void *arg)
{
	CHECK_EXIT(by_fork(*(void (*const *)(int))arg), 5);
	CHECK_EXIT(by_vfork(*(void (*const *)(int))arg), 5);
	return NULL;
}

static void fork_in_threads(void)
{
	for (size_t way = 0; way < WAYS; way++)
		joined(thread(forks_and_goes_on, (void *)&ways[way]));
	for (size_t way = 0; way < CHILD_WAYS - 1; way++)
		joined(thread(forks_to_become, (void *)&child_ways[way]));
}

/* --- the trace ----------------------------------------------------------------------------------- */

static void trace_through_it(void)
{
	char path[] = TRACE "XXXXXX", tail[4] = "";
	int fd = mkstemp(path);
	struct meanwhile m;

	CHECK_INT(fd, >=, 0);
	CHECK_INT(setenv("STINT_TRACE", path, 1), ==, 0);
	park_start(1);
	CHECK_INT(unsetenv("STINT_TRACE"), ==, 0);
	for (size_t way = 0; way < WAYS; way++)
		ways[way](fd + 1);
	begin(&m);
	end(&m);
	park_stop_all();
	CHECK_INT(pread(fd, tail, 3, lseek(fd, 0, SEEK_END) - 3), ==, 3);
	CHECK_STR(tail, "]}\n");
	close(fd);
	unlink(path);
}

/* --- */

/* with few, so that the runtime's are low, and as usual */
static void set_limit(int n)
{
	struct rlimit r;

	CHECK_INT(getrlimit(RLIMIT_NOFILE, &r), ==, 0);
	if (r.rlim_max < (rlim_t)n)
		n = (int)r.rlim_max;
	r.rlim_cur = (rlim_t)n;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &r), ==, 0);
	limit = n;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "left"))
		return is_left_with_three();
#ifdef __SANITIZE_ADDRESS__
	test_skip("the sanitizer's locks do not survive a fork amid other threads");
#endif
	test_watchdog();
	null = open("/dev/null", O_RDWR);
	CHECK_INT(null, >=, 0);
	closefrom(null + 1);
	for (int i = 0; i < 2; i++) {
		set_limit(i ? 1024 : 100);
		park_start(1u + (unsigned)i);
		close_singly();
		close_in_all_ways(i);
		fork_in_all_ways();
		fork_in_threads();
		park_stop_all();
	}
	trace_through_it();
	return 0;
}
