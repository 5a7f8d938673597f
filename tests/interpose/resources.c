/*
 * resources.c - cancelling a call gives back what it holds, whichever way it was stopped; what changed hands is never
 * closed wrongly; a call that waits for a resource can be stopped and cancelled there; a handler of the program
 * still interrupts waits
 */
#include "calls.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <threads.h>

#include <stint.h>

#define PAGE 4096
#define MANY 40

static int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int is_mapped(void *p)
{
	unsigned char vec;

	return mincore(p, PAGE, &vec) == 0;
}

/* --- descriptors ------------------------------------------------------------------------------- */

static int last[64], nlast;

static int note(int fd)
{
	CHECK_INT(fd, >=, 0);
	CHECK_INT(nlast, <, 64);
	return last[nlast++] = fd;
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		            .msg_controllen = sizeof(control) };
	int fd;

	CHECK_INT(recvmsg(socket, &m, 0), ==, 1);
	CHECK(CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		            .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	CHECK_INT(sendmsg(socket, &m, 0), ==, 1);
}

static void *opens_all(void *arg)
{
	struct stint_usage usage;
	char path[] = "/tmp/resources.XXXXXX";
	int pair[2], before = *(int *)arg;

	nlast = 0;
	note(open("/dev/null", O_RDONLY));
	note(openat(AT_FDCWD, "/dev/null", O_RDONLY));
	note(creat("/dev/null", 0600));
	note(dup(0));
	note(dup2(0, before + 30));
	note(dup3(0, before + 31, O_CLOEXEC));
	note(fcntl(0, F_DUPFD, 100));
	note(fcntl(0, F_DUPFD_CLOEXEC, 100));
	note(mkstemp(path));
	unlink(path);
	note(memfd_create("x", 0));
	CHECK_INT(pipe(pair), ==, 0);
	note(pair[0]);
	note(pair[1]);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	note(pair[0]);
	note(pair[1]);
	send_fd(pair[0], 0);
	note(receive_fd(pair[1]));
	CHECK_INT(stint_usage(stint_self(), &usage), ==, 0);
	CHECK_INT(usage.fds_held, ==, nlast);
	/* given back by hand: not twice */
	close(last[--nlast]);
	CHECK_INT(stint_usage(stint_self(), &usage), ==, 0);
	CHECK_INT(usage.fds_held, ==, nlast);
	stint_pause();
	return NULL;
}

static void descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY), before = count_fds();

	close(fd);
	cancelled(opens_all, &fd);
	for (int i = 0; i < nlast; i++)
		CHECK(!is_open(last[i]));
	CHECK_INT(count_fds(), ==, before - 1);
}

/* the caller closes a descriptor of the stopped call, and gets its number for something of its own */
static void *opens_one(void *arg)
{
	*(int *)arg = open("/dev/null", O_RDONLY);
	stint_pause();
	return NULL;
}

static void reused_number(void)
{
	int fd, mine;
	stint_t *s = stint_launch(opens_one, &fd, STINT_S(100));

	close(fd);
	mine = open("/dev/null", O_RDONLY);
	CHECK_INT(mine, ==, fd);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK(is_open(mine));
	stint_free(s);

	s = stint_launch(opens_one, &fd, STINT_S(100));
	CHECK_INT(dup2(mine, fd), ==, fd);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK(is_open(fd));
	stint_free(s);
	close(fd);
	close(mine);

	/* close_range and fclose strike, too */
	s = stint_launch(opens_one, &fd, STINT_S(100));
	CHECK_INT(close_range((unsigned)fd, (unsigned)fd, 0), ==, 0);
	mine = open("/dev/null", O_RDONLY);
	CHECK_INT(mine, ==, fd);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK(is_open(mine));
	stint_free(s);
	close(mine);

	s = stint_launch(opens_one, &fd, STINT_S(100));
	CHECK_INT(fclose(fdopen(fd, "r")), ==, 0);
	mine = open("/dev/null", O_RDONLY);
	CHECK_INT(mine, ==, fd);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK(is_open(mine));
	stint_free(s);
	close(mine);
}

/* what a completed call opened belongs to its caller: the call around it, or nobody */
static void *launches_opener(void *arg)
{
	stint_t *inner = stint_launch(opens_one, arg, STINT_S(100));

	CHECK_INT(stint_resume(inner, STINT_S(100)), ==, 0);
	CHECK(is_open(*(int *)arg));
	stint_pause();
	return NULL;
}

static void passed_on(void)
{
	stint_t *s;
	int fd;

	cancelled(launches_opener, &fd);
	CHECK(!is_open(fd));

	s = stint_launch(launches_opener, &fd, STINT_S(100));
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	stint_free(s);
	CHECK(is_open(fd));
	close(fd);
}

/*
 * a call that opens and closes for ever while a handler of the program does, too. Each sets the next off, so that there is time in
 * between however slow the machine is.
 */
static volatile sig_atomic_t handled;
static const struct itimerspec soon = { .it_value = { 0, 70000 } };
static timer_t timer;

static void handler_opens(int signo)
{
	int saved = errno, fd = open("/dev/null", O_RDONLY);

	(void)signo;
	close(fd);
	handled++;
	timer_settime(timer, 0, &soon, NULL);
	errno = saved;
}

static void *opens_for_ever(void *arg)
{
	for (;;) {
		int fds[12];

		for (int i = 0; i < 12; i++)
			fds[i] = open("/dev/null", O_RDONLY);
		for (int i = 0; i < 12; i++)
			close(fds[i]);
	}
	return arg;
}

static void in_handlers(void)
{
	struct sigaction act = { .sa_handler = handler_opens, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	int before = count_fds();
	stint_t *s;

	CHECK_INT(sigaction(SIGUSR2, &act, NULL), ==, 0);
	CHECK_INT(timer_create(CLOCK_MONOTONIC, &event, &timer), ==, 0);
	CHECK_INT(timer_settime(timer, 0, &soon, NULL), ==, 0);
	for (int i = 0; i < 20 || handled < 200; i++) {
		s = stint_launch(opens_for_ever, NULL, STINT_MS(3));
		CHECK(s);
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
	}
	timer_delete(timer);
	signal(SIGUSR2, SIG_DFL);
	CHECK_INT(count_fds(), ==, before);
}

/* --- streams and directories ------------------------------------------------------------------- */

struct streams {
	FILE *file, *popen, *memory, *fdopened, *given;
	DIR *dir, *fddir;
	char *text;
	size_t size;
	int fd, fds[8];
	char path[32];
};

static void *opens_streams(void *arg)
{
	struct streams *t = arg;
	struct stint_usage usage;
	FILE *closed;
	int n = 0;

	t->file = fopen(t->path, "w");
	CHECK(t->file);
	CHECK(fputs("hello", t->file) >= 0);
	t->fds[n++] = fileno(t->file);
	closed = tmpfile();
	CHECK(closed);
	t->popen = popen("cat >/dev/null", "w");
	CHECK(t->popen);
	t->fds[n++] = fileno(t->popen);
	t->fdopened = fdopen(open("/dev/null", O_RDONLY), "r");
	CHECK(t->fdopened);
	t->fds[n++] = fileno(t->fdopened);
	t->memory = open_memstream(&t->text, &t->size);
	CHECK(t->memory);
	fprintf(t->memory, "%d", 42);
	t->dir = opendir("/");
	CHECK(t->dir && readdir(t->dir));
	t->fds[n++] = dirfd(t->dir);
	t->fddir = fdopendir(open("/", O_RDONLY | O_DIRECTORY));
	CHECK(t->fddir);
	t->fds[n++] = dirfd(t->fddir);
	CHECK_INT(fclose(closed), ==, 0);
	CHECK_INT(stint_usage(stint_self(), &usage), ==, 0);
	CHECK_INT(usage.fds_held, ==, n);
	/* over the caller's descriptor: that stays the caller's */
	t->given = fdopen(t->fd, "r");
	CHECK(t->given);
	CHECK_INT(stint_usage(stint_self(), &usage), ==, 0);
	CHECK_INT(usage.fds_held, ==, n);
	stint_pause();
	return NULL;
}

static void streams(void)
{
	struct streams t = { .path = "/tmp/resources.XXXXXX" };
	char text[16] = "";
	int fd = mkstemp(t.path), before;

	CHECK_INT(fd, >=, 0);
	t.fd = open("/dev/null", O_RDONLY);
	before = count_fds();
	cancelled(opens_streams, &t);
	CHECK_INT(count_fds(), ==, before);
	for (int i = 0; i < 5; i++)
		CHECK(!is_open(t.fds[i]));
	CHECK(is_open(t.fd));
	close(t.fd);
	/* what it had written is there */
	CHECK_INT(read(fd, text, sizeof(text)), ==, 5);
	CHECK_STR(text, "hello");
	close(fd);
	unlink(t.path);
	/* popen's command has been waited for */
	CHECK_INT(waitpid(-1, NULL, WNOHANG), ==, -1);
	CHECK_INT(errno, ==, ECHILD);
}

/* a stream that the caller closes while the call is stopped, and whose memory may be another stream by then */
static void *opens_stream(void *arg)
{
	*(FILE **)arg = fopen("/dev/null", "r");
	stint_pause();
	return NULL;
}

static void reused_stream(void)
{
	FILE *f, *mine[MANY];
	stint_t *s = stint_launch(opens_stream, &f, STINT_S(100));

	CHECK_INT(fclose(f), ==, 0);
	for (int i = 0; i < MANY; i++)
		mine[i] = fopen("/dev/null", "r");
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	for (int i = 0; i < MANY; i++) {
		CHECK_INT(fgetc(mine[i]), ==, EOF);
		CHECK_INT(fclose(mine[i]), ==, 0);
	}
}

/* flockfile keeps the call from being stopped until funlockfile */
static volatile int in_lock;

static void *locks_stream(void *arg)
{
	for (;;) {
		flockfile(arg);
		in_lock = true;
		spin_ns(3000000);
		in_lock = false;
		funlockfile(arg);
	}
	return NULL;
}

static void locked_stream(void)
{
	FILE *f = tmpfile();
	stint_t *s = stint_launch(locks_stream, f, STINT_MS(1));

	for (int i = 0; i < 10; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK(!in_lock);
		CHECK_INT(fputc('x', f), ==, 'x');
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	}
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK_INT(fclose(f), ==, 0);
}

/* --- mappings ---------------------------------------------------------------------------------- */

static char *mapped[8];

static char *map(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void *maps_memory(void *arg)
{
	struct stint_usage usage;
	int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
	char *hole, *moved;

	mapped[0] = map(4);
	CHECK_INT(munmap(mapped[0] + PAGE, PAGE), ==, 0);
	hole = map(2);
	CHECK_INT(munmap(hole, 2 * PAGE), ==, 0);
	moved = mremap(map(1), PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED);
	mapped[1] = moved;
	CHECK_INT(id, >=, 0);
	mapped[2] = shmat(id, NULL, 0);
	CHECK(mapped[2] != MAP_FAILED);
	CHECK_INT(shmctl(id, IPC_RMID, NULL), ==, 0);
	CHECK_INT(stint_usage(stint_self(), &usage), ==, 0);
	CHECK_INT(usage.bytes_held, >=, (3 + 64 + 3) * PAGE);
	CHECK_INT(usage.bytes_held, <, (3 + 64 + 4) * PAGE);
	/* somebody else's, resized in the call, stays somebody else's */
	mapped[3] = mremap(arg, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(mapped[3] != MAP_FAILED);
	stint_pause();
	return NULL;
}

static void mappings(void)
{
	char *mine = map(1), *fixed;
	stint_t *s;

	cancelled(maps_memory, mine);
	for (int i = 0; i < 3; i++)
		CHECK(!is_mapped(mapped[i]));
	CHECK(is_mapped(mapped[3]));
	CHECK_INT(munmap(mapped[3], 2 * PAGE), ==, 0);

	/* the caller puts something of its own in the middle */
	mine = map(1);
	s = stint_launch(maps_memory, mine, STINT_S(100));
	CHECK(s);
	fixed = mmap(mapped[1] + 10 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(fixed == mapped[1] + 10 * PAGE);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK(is_mapped(fixed));
	CHECK(!is_mapped(fixed - PAGE));
	CHECK(!is_mapped(fixed + PAGE));
	munmap(fixed, PAGE);
	munmap(mapped[3], 2 * PAGE);
}

/* --- blocks that libc hands out ---------------------------------------------------------------- */

static void *gets_strings(void *arg)
{
	struct dirent **list;
	size_t size = 0;
	char *line = NULL, *out, *volatile kept;
	FILE *f = fopen("/proc/self/maps", "r");
	struct stint_usage before, after;
	int n;

	CHECK_INT(stint_usage(stint_self(), &before), ==, 0);
	/* clang leaves out what is not used */
	kept = strdup("a string");
	CHECK(kept);
	kept = strndup("a string", 3);
	CHECK(kept);
	CHECK_INT(asprintf(&out, "%s %d", "a string", 1), ==, 10);
	CHECK_STR(out, "a string 1");
	CHECK(realpath("/proc/..", NULL));
	CHECK(getcwd(NULL, 0));
	CHECK(getline(&line, &size, f) > 0);
	while (getline(&line, &size, f) > 0)
		;
	CHECK_INT(stint_usage(stint_self(), &after), ==, 0);
	CHECK_INT(after.blocks_held - before.blocks_held, ==, 6);
	free(out);
	free(line);
	CHECK_INT(stint_usage(stint_self(), &after), ==, 0);
	CHECK_INT(after.blocks_held - before.blocks_held, ==, 4);
	n = scandir("/", &list, NULL, alphasort);
	CHECK_INT(n, >, 2);
	CHECK(strlen(list[0]->d_name) > 0);
	CHECK_INT(stint_usage(stint_self(), &after), ==, 0);
	CHECK_INT(after.blocks_held - before.blocks_held, ==, 4 + n + 1);
	stint_pause();
	return arg;
}

static void strings(void)
{
	size_t before;

	/* libc's caches fill up first, and count as in use; then nothing more may stay behind */
	for (int i = 0; i < 100; i++)
		cancelled(gets_strings, NULL);
	before = heap_in_use();
	for (int i = 0; i < 100; i++)
		cancelled(gets_strings, NULL);
	CHECK_INT((long)(heap_in_use() - before), <, 10000);
}

/* --- locks ------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER, readers = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_spinlock_t spin;
static mtx_t c11;
static sem_t sem;

static void *takes_locks(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_trylock(&recursive), ==, 0);
	CHECK_INT(pthread_mutex_lock(&recursive), ==, 0);
	CHECK_INT(pthread_mutex_lock(&other), ==, 0);
	CHECK_INT(pthread_rwlock_wrlock(&rwlock), ==, 0);
	CHECK_INT(pthread_rwlock_rdlock(&readers), ==, 0);
	CHECK_INT(pthread_spin_lock(&spin), ==, 0);
	CHECK_INT(mtx_lock(&c11), ==, thrd_success);
	CHECK_INT(pthread_mutex_unlock(&other), ==, 0);
	stint_pause();
	return arg;
}

static void locks_given_back(void)
{
	stint_t *s = stint_launch(takes_locks, NULL, STINT_S(100));

	CHECK(s);
	CHECK_INT(pthread_mutex_trylock(&mutex), ==, EBUSY);
	CHECK_INT(pthread_mutex_trylock(&other), ==, 0);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	CHECK_INT(pthread_mutex_trylock(&other), ==, EBUSY);
	CHECK_INT(pthread_mutex_unlock(&other), ==, 0);
	CHECK_INT(pthread_mutex_trylock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_trylock(&recursive), ==, 0);
	CHECK_INT(pthread_rwlock_trywrlock(&rwlock), ==, 0);
	CHECK_INT(pthread_rwlock_trywrlock(&readers), ==, 0);
	CHECK_INT(pthread_spin_trylock(&spin), ==, 0);
	CHECK_INT(mtx_trylock(&c11), ==, thrd_success);
}

/*
 * Every lock is held by the caller now. A call that waits for one must come back at its deadline, must be
 * cancelled without a trace in the lock, and if resumed after the unlock must get it.
 */
static void *wants_mutex(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void *wants_mutex_timed(void *arg)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 100;
	CHECK_INT(pthread_mutex_timedlock(&mutex, &at), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void *wants_recursive(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&recursive), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&recursive), ==, 0);
	return arg;
}

static void *wants_rd(void *arg)
{
	CHECK_INT(pthread_rwlock_rdlock(&rwlock), ==, 0);
	CHECK_INT(pthread_rwlock_unlock(&rwlock), ==, 0);
	return arg;
}

static void *wants_wr(void *arg)
{
	CHECK_INT(pthread_rwlock_wrlock(&readers), ==, 0);
	CHECK_INT(pthread_rwlock_unlock(&readers), ==, 0);
	return arg;
}

static void *wants_spin(void *arg)
{
	CHECK_INT(pthread_spin_lock(&spin), ==, 0);
	CHECK_INT(pthread_spin_unlock(&spin), ==, 0);
	return arg;
}

static void *wants_c11(void *arg)
{
	CHECK_INT(mtx_lock(&c11), ==, thrd_success);
	CHECK_INT(mtx_unlock(&c11), ==, thrd_success);
	return arg;
}

static void *wants_sem(void *arg)
{
	CHECK_INT(sem_wait(&sem), ==, 0);
	return arg;
}

static stint_t *stuck(stint_fn *fn)
{
	stint_t *s = stint_launch(fn, NULL, STINT_MS(2));

	CHECK(s);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	}
	return s;
}

static void unlock_all(void)
{
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&recursive), ==, 0);
	CHECK_INT(pthread_rwlock_unlock(&rwlock), ==, 0);
	CHECK_INT(pthread_rwlock_unlock(&readers), ==, 0);
	CHECK_INT(pthread_spin_unlock(&spin), ==, 0);
	CHECK_INT(mtx_unlock(&c11), ==, thrd_success);
	CHECK_INT(sem_post(&sem), ==, 0);
}

static void locks_waited_for(void)
{
	static stint_fn *const wants[] = { wants_mutex, wants_mutex_timed, wants_recursive, wants_rd,
		                           wants_wr,    wants_spin,        wants_c11,       wants_sem };
	enum { N = sizeof(wants) / sizeof(wants[0]) };
	stint_t *waiting[N];

	for (int i = 0; i < N; i++) {
		stint_t *s = stuck(wants[i]);

		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		waiting[i] = stuck(wants[i]);
	}
	unlock_all();
	for (int i = 0; i < N; i++) {
		CHECK_INT(stint_resume(waiting[i], STINT_S(100)), ==, 0);
		stint_free(waiting[i]);
	}
	CHECK_INT(sem_trywait(&sem), ==, -1);
	/* nobody is left in any of them */
	CHECK_INT(pthread_mutex_trylock(&mutex), ==, 0);
	CHECK_INT(pthread_mutex_trylock(&recursive), ==, 0);
	CHECK_INT(pthread_rwlock_trywrlock(&rwlock), ==, 0);
	CHECK_INT(pthread_rwlock_trywrlock(&readers), ==, 0);
	CHECK_INT(pthread_spin_trylock(&spin), ==, 0);
	CHECK_INT(mtx_trylock(&c11), ==, thrd_success);
	unlock_all();
	CHECK_INT(sem_wait(&sem), ==, 0);
}

static void *takes_inheriting(void *arg)
{
	CHECK_INT(pthread_mutex_lock(arg), ==, ENOTSUP);
	CHECK_INT(pthread_mutex_trylock(arg), ==, ENOTSUP);
	return NULL;
}

static void inheriting(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t m;

	pthread_mutexattr_init(&attr);
	CHECK_INT(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), ==, 0);
	CHECK_INT(pthread_mutex_init(&m, &attr), ==, 0);
	completes(takes_inheriting, &m);
	CHECK_INT(pthread_mutex_lock(&m), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&m), ==, 0);
}

/* --- conditions -------------------------------------------------------------------------------- */

static volatile int stage;

static void *waits_cond(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	stage = 1;
	while (stage < 2)
		CHECK_INT(pthread_cond_wait(&cond, &mutex), ==, 0);
	stage = 3;
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void *waits_cond_timed(void *arg)
{
	struct timespec at;
	int64_t begin = now_ns();
	int r;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 30000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	do
		r = pthread_cond_timedwait(&cond, &mutex, &at);
	while (r == 0);
	CHECK_INT(r, ==, ETIMEDOUT);
	CHECK_INT(now_ns() - begin, >=, 29000000);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

static void *signals_cond(void *arg)
{
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	stage = 2;
	CHECK_INT(pthread_cond_signal(&cond), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return arg;
}

/* One that waits; we have the mutex, which it gave back. On a slow machine it needs more slices than others to come so far. */
static stint_t *stuck_in_cond(void)
{
	stint_t *s;

	stage = 0;
	s = stuck(waits_cond);
	RESUME_UNTIL(s, stage == 1 && pthread_mutex_trylock(&mutex) == 0);
	return s;
}

static void conditions(void)
{
	pthread_t thread;
	stint_t *s, *t;

	/* cancelled waiters take nobody's wake-up, and do not keep the mutex */
	for (int i = 0; i < 20; i++) {
		s = stuck_in_cond();
		CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
		CHECK_INT(stint_cancel(s), ==, 0);
		stint_free(s);
		CHECK_INT(pthread_mutex_trylock(&mutex), ==, 0);
		CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	}
	/* stopped, it does not keep the mutex; resumed, it gets the signal */
	s = stuck_in_cond();
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	CHECK_INT(pthread_create(&thread, NULL, signals_cond, NULL), ==, 0);
	pthread_join(thread, NULL);
	CHECK_INT(stage, ==, 2);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	CHECK_INT(stage, ==, 3);
	stint_free(s);

	/* resumed while the mutex is held: the wait for it is stopped, resumed and cancelled as any other */
	for (int i = 0; i < 2; i++) {
		s = stuck_in_cond();
		for (int k = 0; k < 5; k++)
			CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		if (i == 0) {
			CHECK_INT(stint_cancel(s), ==, 0);
			CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
			stint_free(s);
		}
	}

	/* two calls of one thread; the other one is stuck at the mutex, too, until the caller lets go */
	t = stint_launch(signals_cond, NULL, STINT_MS(1));
	CHECK_INT(stint_state(t), ==, STINT_TIMED_OUT);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	while (stint_state(s) != STINT_COMPLETE) {
		stint_resume(t, STINT_US(500));
		stint_resume(s, STINT_US(500));
	}
	CHECK_INT(stint_state(t), ==, STINT_COMPLETE);
	CHECK_INT(stage, ==, 3);
	stint_free(s);
	stint_free(t);
	CHECK_INT(pthread_cond_destroy(&cond), ==, 0);
	CHECK_INT(pthread_cond_init(&cond, NULL), ==, 0);

	s = stint_launch(waits_cond_timed, NULL, STINT_MS(1));
	while (stint_resume(s, STINT_MS(1)) == ETIMEDOUT)
		;
	CHECK_INT(stint_state(s), ==, STINT_COMPLETE);
	stint_free(s);
}

/* --- waiting for a descriptor ------------------------------------------------------------------ */

static char fifo[32];

static void *opens_fifo(void *arg)
{
	*(int *)arg = open(fifo, O_RDONLY);
	CHECK_INT(*(int *)arg, >=, 0);
	stint_pause();
	return NULL;
}

static int listening;

static void *accepts(void *arg)
{
	*(int *)arg = accept(listening, NULL, NULL);
	CHECK_INT(*(int *)arg, >=, 0);
	stint_pause();
	return NULL;
}

static void blocking_opens(void)
{
	struct sockaddr address = { .sa_family = AF_UNIX };
	struct timeval patience = { 0, 20000 };
	socklen_t len = sizeof(address);
	struct sockaddr_storage bound;
	int fd = -1, peer;
	stint_t *s;

	snprintf(fifo, sizeof(fifo), "/tmp/resources.%d", getpid());
	CHECK_INT(mkfifo(fifo, 0600), ==, 0);
	s = stint_launch(opens_fifo, &fd, STINT_MS(2));
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	s = stint_launch(opens_fifo, &fd, STINT_MS(2));
	CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
	peer = open(fifo, O_RDWR);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, EAGAIN);
	CHECK_INT(stint_cancel(s), ==, 0);
	CHECK(!is_open(fd));
	stint_free(s);
	close(peer);
	unlink(fifo);

	/* with a timeout on the socket the system call is not restarted, and must not show EINTR */
	for (int timed = 0; timed < 2; timed++) {
		listening = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_INT(bind(listening, &address, sizeof(sa_family_t)), ==, 0);
		CHECK_INT(listen(listening, 5), ==, 0);
		len = sizeof(bound);
		CHECK_INT(getsockname(listening, (struct sockaddr *)&bound, &len), ==, 0);
		patience.tv_sec = 100;
		if (timed)
			CHECK_INT(setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), ==, 0);
		s = stint_launch(accepts, &fd, STINT_MS(2));
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		CHECK_INT(stint_resume(s, STINT_MS(1)), ==, ETIMEDOUT);
		peer = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_INT(connect(peer, (struct sockaddr *)&bound, len), ==, 0);
		CHECK_INT(stint_resume(s, STINT_S(100)), ==, EAGAIN);
		CHECK(is_open(fd));
		CHECK_INT(stint_cancel(s), ==, 0);
		CHECK(!is_open(fd));
		stint_free(s);
		close(peer);
		close(listening);
	}
}

/* --- waits and the program's own signals ------------------------------------------------------- */

static void nothing(int signo)
{
	(void)signo;
	handled++;
}

static void *naps(void *arg)
{
	struct timespec span = { 30, 0 }, left = { 0, 0 };
	int64_t begin = now_ns();

	(void)arg;
	CHECK_INT(nanosleep(&span, &left), ==, -1);
	CHECK_INT(errno, ==, EINTR);
	CHECK_INT(left.tv_sec * INT64_C(1000000000) + left.tv_nsec + (now_ns() - begin), >=, 29900000000);
	return NULL;
}

static void *polls(void *arg)
{
	CHECK_INT(poll(NULL, 0, 30000), ==, -1);
	CHECK_INT(errno, ==, EINTR);
	return arg;
}

static void *selects(void *arg)
{
	struct timeval span = { 30, 0 };
	int64_t begin = now_ns();

	CHECK_INT(select(0, NULL, NULL, NULL, &span), ==, -1);
	CHECK_INT(errno, ==, EINTR);
	CHECK_INT(span.tv_sec * INT64_C(1000000000) + span.tv_usec * 1000 + (now_ns() - begin), >=, 29900000000);
	return arg;
}

static void *sleeps(void *arg)
{
	unsigned left = sleep(30);

	CHECK_INT(left, >=, 1);
	CHECK_INT(left, <=, 30);
	return arg;
}

/* again and again: one that comes before the wait begins does not end it */
static int ended;

static void *after_a_while(void *arg)
{
	while (sleep_ns(20000000), !__atomic_load_n(&ended, __ATOMIC_ACQUIRE))
		CHECK_INT(pthread_kill(*(pthread_t *)arg, SIGUSR1), ==, 0);
	return NULL;
}

static void interrupter(pthread_t *thread, pthread_t *self)
{
	__atomic_store_n(&ended, 0, __ATOMIC_RELAXED);
	CHECK_INT(pthread_create(thread, NULL, after_a_while, self), ==, 0);
}

static void end_interrupter(pthread_t thread)
{
	__atomic_store_n(&ended, 1, __ATOMIC_RELEASE);
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

static void users_signal(void)
{
	static stint_fn *const waits[] = { naps, polls, selects, sleeps };
	struct sigaction act = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	pthread_t thread, self = pthread_self();

	CHECK_INT(sigaction(SIGUSR1, &act, NULL), ==, 0);
	for (int i = 0; i < 4; i++) {
		stint_t *s;

		handled = 0;
		s = stint_launch(waits[i], NULL, STINT_MS(2));
		CHECK(s);
		/* EINTR comes to the call if the signal comes while it runs; so let it run without a break */
		CHECK_INT(stint_state(s), ==, STINT_TIMED_OUT);
		interrupter(&thread, &self);
		CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
		CHECK_INT(handled, >=, 1);
		end_interrupter(thread);
		stint_free(s);

		/* and outside any call */
		interrupter(&thread, &self);
		waits[i](NULL);
		end_interrupter(thread);
	}
	signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
	test_watchdog();
	if (stint_unsupported())
		test_skip(stint_unsupported());
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	mtx_init(&c11, mtx_plain);
	sem_init(&sem, 0, 0);

#define RUN(what)                                  \
	do {                                       \
		if (getenv("VERBOSE"))             \
			fprintf(stderr, #what "\n"); \
		what();                            \
	} while (0)
	RUN(descriptors);
	RUN(reused_number);
	RUN(passed_on);
	RUN(in_handlers);
	RUN(streams);
	RUN(reused_stream);
	RUN(locked_stream);
	RUN(mappings);
	RUN(strings);
	RUN(locks_given_back);
	RUN(locks_waited_for);
	RUN(inheriting);
	RUN(conditions);
	RUN(blocking_opens);
	RUN(users_signal);
	return 0;
}
