/*
 * park_wait.c - threads that wait for time, processes, file locks, queues and signals do not take their worker with them
 */
#include "park.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <threads.h>

#define SPAN 10000000

/* --- time ---------------------------------------------------------------------------------------- */

static struct timespec later(clockid_t clock, int64_t ns)
{
	struct timespec at;

	clock_gettime(clock, &at);
	ns += at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
	at.tv_sec = ns / 1000000000;
	at.tv_nsec = ns % 1000000000;
	return at;
}

static bool is_over(clockid_t clock, const struct timespec *at)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec > at->tv_sec || (now.tv_sec == at->tv_sec && now.tv_nsec >= at->tv_nsec);
}

static void *sleeps(void *arg)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME };
	struct timespec span = { 0, SPAN }, bad = { 0, 1000000000 }, at, left = { 7, 7 };
	int64_t before = now_ns();

	CHECK_INT(nanosleep(&span, &left), ==, 0);
	CHECK_INT(now_ns() - before, >=, SPAN);
	CHECK_INT(left.tv_sec, ==, 7);          /* nothing interrupts a thread */
	before = now_ns();
	CHECK_INT(usleep(SPAN / 1000), ==, 0);
	CHECK_INT(now_ns() - before, >=, SPAN);
	before = now_ns();
	CHECK_INT(thrd_sleep(&span, NULL), ==, 0);
	CHECK_INT(now_ns() - before, >=, SPAN);
	for (int i = 0; i < 3; i++) {
		before = now_ns();
		CHECK_INT(clock_nanosleep(clocks[i], 0, &span, NULL), ==, 0);
		CHECK_INT(now_ns() - before, >=, SPAN);
		at = later(clocks[i], SPAN);
		CHECK_INT(clock_nanosleep(clocks[i], TIMER_ABSTIME, &at, NULL), ==, 0);
		CHECK(is_over(clocks[i], &at));
		CHECK_INT(clock_nanosleep(clocks[i], TIMER_ABSTIME, &at, NULL), ==, 0);
	}
	CHECK_INT(nanosleep(&bad, NULL), ==, -1);
	CHECK_INT(errno, ==, EINVAL);
	CHECK_INT(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &bad, NULL), ==, EINVAL);
	CHECK_INT(clock_nanosleep(12345, 0, &span, NULL), ==, EINVAL);
	CHECK_INT(sleep(0), ==, 0);
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* it ends only when all those that sleep have slept */
static void *computes(void *arg)
{
	while (__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE) < 20)
		;
	return NULL;
}

static void time_passes(void)
{
	stint_thread_t *hog, *t[20];
	int done = 0;

	hog = thread(computes, &done);
	for (int i = 0; i < 20; i++)
		t[i] = thread(sleeps, &done);
	joined(hog);
	for (int i = 0; i < 20; i++)
		joined(t[i]);
}

/* a loop that waits for another by giving the CPU away */
static void *yields(void *arg)
{
	int *turn = arg, me = __atomic_fetch_add(&turn[1], 1, __ATOMIC_RELAXED);

	for (int i = 0; i < 300; i++) {
		while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != me) {
			if (i % 2)
				sched_yield();
			else
				thrd_yield();
		}
		__atomic_store_n(turn, !me, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* --- one waits for what another does afterwards ---------------------------------------------------- */

static pid_t child(int status)
{
	pid_t pid = fork();

	CHECK_INT(pid, >=, 0);
	if (!pid) {
		char c;

		close(go[1]);
		test_child();
		(void)!read(go[0], &c, 1);
		usleep(3000);
		_exit(status);
	}
	return pid;
}

/* the parent waits in one of these ways, while another of its threads must be able to let the child go */
static void *awaits_children(void *arg)
{
	int fds[2], status;
	struct rusage usage;
	siginfo_t info;
	pid_t pid;

	CHECK_INT(waitpid(-1, &status, 0), ==, -1);
	CHECK_INT(errno, ==, ECHILD);
	CHECK_INT(waitpid(getppid(), &status, 0), ==, -1);
	CHECK_INT(errno, ==, ECHILD);
	for (int how = 0; how < 7; how++) {
		CHECK_INT(pipe(fds), ==, 0);
		go[0] = fds[0];
		go[1] = fds[1];
		pid = child(how + 1);
		CHECK_INT(waitpid(pid, &status, WNOHANG), ==, 0);
		__atomic_store_n((int *)arg, (how + 1) << 16 | fds[1], __ATOMIC_RELEASE);
		memset(&info, 0, sizeof(info));
		switch (how) {
		case 0:
			CHECK_INT(waitpid(pid, &status, 0), ==, pid);
			break;
		case 1:
			CHECK_INT(wait(&status), ==, pid);
			break;
		case 2:
			CHECK_INT(waitpid(-1, &status, 0), ==, pid);
			break;
		case 3:
			CHECK_INT(wait4(pid, &status, 0, &usage), ==, pid);
			CHECK_INT(usage.ru_maxrss, >, 0);
			break;
		case 4:
			CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), ==, 0);
			CHECK_INT(info.si_pid, ==, pid);
			CHECK_INT(waitid(P_PID, (id_t)pid, &info, WEXITED), ==, 0);
			status = info.si_status << 8;
			break;
		case 5:
			CHECK_INT(waitid(P_ALL, 0, &info, WEXITED), ==, 0);
			status = info.si_status << 8;
			break;
		default:
			CHECK_INT(waitpid(pid, &status, WUNTRACED), ==, pid);
		}
		CHECK_INT(WEXITSTATUS(status), ==, how + 1);
		__atomic_store_n((int *)arg, 0, __ATOMIC_RELEASE);
		close(fds[0]);
		close(fds[1]);
	}
	__atomic_store_n((int *)arg, -1, __ATOMIC_RELEASE);
	return NULL;
}

static void *lets_them_go(void *arg)
{
	int n, last = 0;

	while ((n = __atomic_load_n((int *)arg, __ATOMIC_ACQUIRE)) >= 0) {
		if (n && n != last) {
			stint_thread_sleep(STINT_MS(2));
			CHECK_INT(write(n & 0xffff, "g", 1), ==, 1);
		}
		last = n;
		stint_thread_sleep(STINT_US(200));
	}
	return NULL;
}

static void children(void)
{
	int word = 0, fds = count_fds();
	stint_thread_t *one = thread(awaits_children, &word), *other = thread(lets_them_go, &word);

	joined(one);
	joined(other);
	CHECK_INT(count_fds(), ==, fds);
}

/* a command that ends when another thread lets it */
static void *runs_commands(void *arg)
{
	char command[64];
	FILE *f;

	snprintf(command, sizeof(command), "read x <&%d; exit 7", *(int *)arg);
	about_to_wait();
	CHECK_INT(WEXITSTATUS(system(command)), ==, 7);
	waited();
	f = popen(command, "r");
	CHECK(f);
	about_to_wait();
	CHECK_INT(WEXITSTATUS(pclose(f)), ==, 7);
	waited();
	/* what is still to be written is, and its end is what ends the command */
	f = popen("read x; [ \"$x\" = last ] && ! read y && exit 8", "w");
	CHECK(f);
	CHECK_INT(fputs("last\n", f), >=, 0);
	CHECK_INT(WEXITSTATUS(pclose(f)), ==, 8);
	/* somebody else has waited for it */
	f = popen("exit 9", "r");
	CHECK(f);
	CHECK_INT(wait(NULL), >, 0);
	CHECK_INT(pclose(f), ==, -1);
	CHECK_INT(errno, ==, ECHILD);
	return NULL;
}

static void *ends_commands(void *arg)
{
	for (int i = 0; i < 2; i++) {
		after_it_waits();
		CHECK_INT(write(((int *)arg)[1], "\n", 1), ==, 1);
	}
	return NULL;
}

static void commands(void)
{
	int fds[2], before = count_fds();

	CHECK_INT(pipe(fds), ==, 0);
	together(runs_commands, ends_commands, fds, fds);
	close(fds[0]);
	close(fds[1]);
	CHECK_INT(count_fds(), ==, before);
}

/* --- locks of files ---------------------------------------------------------------------------------- */

struct file_lock {
	int held, mine;         /* two open descriptions of one file */
};

static void *waits_for_locks(void *arg)
{
	struct file_lock *l = arg;
	struct flock record = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };

	about_to_wait();
	CHECK_INT(flock(l->mine, LOCK_EX), ==, 0);
	waited();
	CHECK_INT(flock(l->mine, LOCK_UN), ==, 0);
	about_to_wait();
	CHECK_INT(fcntl(l->mine, F_OFD_SETLKW, &record), ==, 0);
	waited();
	return NULL;
}

static void *gives_locks_back(void *arg)
{
	struct file_lock *l = arg;
	struct flock record = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_len = 10 };

	after_it_waits();
	CHECK_INT(flock(l->held, LOCK_UN), ==, 0);
	after_it_waits();
	CHECK_INT(fcntl(l->held, F_OFD_SETLK, &record), ==, 0);
	return NULL;
}

/* --- queues and semaphores ----------------------------------------------------------------------------- */

struct queues {
	int sem, msg;
	mqd_t mq;
};

struct letter {
	long type;
	char text[8];
};

static void *waits_for_queues(void *arg)
{
	struct queues *q = arg;
	struct sembuf down = { 0, -1, 0 };
	struct timespec at = later(CLOCK_REALTIME, SPAN), span = { 0, SPAN };
	struct letter l;
	char text[8];
	int64_t before;

	before = now_ns();
	CHECK_INT(semtimedop(q->sem, &down, 1, &span), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	CHECK_INT(now_ns() - before, >=, SPAN);
	about_to_wait();
	CHECK_INT(semop(q->sem, &down, 1), ==, 0);
	waited();
	about_to_wait();
	CHECK_INT(msgrcv(q->msg, &l, sizeof(l.text), 3, 0), ==, 4);
	waited();
	CHECK_STR(l.text, "abc");
	if (q->mq < 0)
		return NULL;
	CHECK_INT(mq_timedreceive(q->mq, text, sizeof(text), NULL, &at), ==, -1);
	CHECK_INT(errno, ==, ETIMEDOUT);
	CHECK(is_over(CLOCK_REALTIME, &at));
	about_to_wait();
	CHECK_INT(mq_receive(q->mq, text, sizeof(text), NULL), ==, 4);
	waited();
	/* two fit, the third waits until one is taken */
	for (int i = 0; i < 2; i++)
		CHECK_INT(mq_send(q->mq, "xyz", 4, 0), ==, 0);
	about_to_wait();
	CHECK_INT(mq_send(q->mq, "xyz", 4, 0), ==, 0);
	waited();
	return NULL;
}

static void *fills_queues(void *arg)
{
	struct queues *q = arg;
	struct sembuf up = { 0, 1, 0 };
	struct letter l = { 3, "abc" };
	char text[8];

	after_it_waits();
	CHECK_INT(semop(q->sem, &up, 1), ==, 0);
	after_it_waits();
	CHECK_INT(msgsnd(q->msg, &l, 4, 0), ==, 0);
	if (q->mq < 0)
		return NULL;
	after_it_waits();
	CHECK_INT(mq_send(q->mq, "abc", 4, 0), ==, 0);
	after_it_waits();
	CHECK_INT(mq_receive(q->mq, text, sizeof(text), NULL), ==, 4);
	return NULL;
}

/* --- signals --------------------------------------------------------------------------------------------- */

static void *waits_for_signals(void *arg)
{
	struct timespec span = { 0, SPAN };
	int64_t before = now_ns();
	siginfo_t info;
	int signo = 0;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_INT(sigtimedwait(&set, &info, &span), ==, -1);
	CHECK_INT(errno, ==, EAGAIN);
	CHECK_INT(now_ns() - before, >=, SPAN);
	about_to_wait();
	CHECK_INT(sigwait(&set, &signo), ==, 0);
	CHECK_INT(signo, ==, SIGUSR2);
	waited();
	about_to_wait();
	CHECK_INT(sigwaitinfo(&set, &info), ==, SIGUSR2);
	CHECK_INT(info.si_pid, ==, getpid());
	waited();
	return arg;
}

/* raise() looks like kill(), as it does with libc's. It is for this worker, so where it is another one in between it is raised again. */
static void *raises(void *arg)
{
	struct timespec span = { 0, SPAN };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	do
		CHECK_INT(raise(SIGUSR2), ==, 0);
	while (sigtimedwait(&set, &info, &span) != SIGUSR2);
	CHECK_INT(info.si_code, ==, SI_USER);
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void *sends_signals(void *arg)
{
	after_it_waits();
	CHECK_INT(kill(getpid(), SIGUSR2), ==, 0);
	after_it_waits();
	CHECK_INT(kill(getpid(), SIGUSR2), ==, 0);
	return arg;
}

/* --- FIFOs ------------------------------------------------------------------------------------------------ */

#define FIFO_ROUNDS 5

static char fifo[64];
static pthread_barrier_t round_over;

/* opens its end before the other does, then after it */
static void *opens_to_read(void *arg)
{
	char c = 0;
	int fd;

	for (int i = 0; i < FIFO_ROUNDS; i++) {
		if (i % 2)
			after_it_waits();
		else
			about_to_wait();
		fd = i == 4 ? openat(*(int *)arg, fifo + 5, O_RDONLY | O_CLOEXEC) : open(fifo, O_RDONLY | O_CLOEXEC);
		CHECK_INT(fd, >=, 0);
		if (i % 2 == 0)
			waited();
		CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, ==, 0);
		CHECK_INT(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
		CHECK_INT(read(fd, &c, 1), ==, i == 0 ? 0 : 1);        /* the first one has come and gone */
		CHECK_INT(read(fd, &c, 1), ==, 0);
		CHECK_INT(close(fd), ==, 0);
		pthread_barrier_wait(&round_over);
	}
	return NULL;
}

static void *opens_to_write(void *arg)
{
	int fd;

	(void)arg;
	for (int i = 0; i < FIFO_ROUNDS; i++) {
		if (i % 2)
			about_to_wait();
		else
			after_it_waits();
		fd = i == 3 ? creat(fifo, 0600) : open(fifo, O_WRONLY);
		CHECK_INT(fd, >=, 0);
		if (i % 2)
			waited();
		CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, ==, 0);
		if (i)
			CHECK_INT(write(fd, "x", 1), ==, 1);
		CHECK_INT(close(fd), ==, 0);
		pthread_barrier_wait(&round_over);
	}
	return NULL;
}

static void *never_opens(void *arg)
{
	about_to_wait();
	open(fifo, *(int *)arg);
	test_fail(__FILE__, __LINE__, "went on");
}

static void fifos(void)
{
	static int how[] = { O_RDONLY, O_WRONLY };
	char directory[] = "/tmp/stint-park-XXXXXX", c;
	int before = count_fds(), at = open("/tmp", O_PATH | O_DIRECTORY);
	stint_thread_t *t;

	CHECK(mkdtemp(directory));
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	CHECK_INT(mkfifo(fifo, 0600), ==, 0);
	pthread_barrier_init(&round_over, NULL, 2);
	together(opens_to_read, opens_to_write, &at, NULL);
	close(at);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(pipe(go), ==, 0);
		t = thread(never_opens, &how[i]);
		CHECK_INT(read(go[0], &c, 1), ==, 1);
		settle();
		CHECK_INT(stint_thread_cancel(t), ==, 0);
		joined(t);
		close(go[0]);
		close(go[1]);
	}
	CHECK_INT(count_fds(), ==, before);
	unlink(fifo);
	rmdir(directory);
}

/* --- handlers, and masks for the time of a wait ---------------------------------------------------------- */

static int handled;

static void on_signal(int signo)
{
	(void)signo;
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELEASE);
}

struct masked {
	int fds[2], set;
	sigset_t open;          /* blocks all but SIGUSR1, which every kernel thread blocks */
};

/* in way @way; with a timespec, @span */
static int wait_masked(struct masked *w, int way, const struct timespec *span)
{
	struct pollfd p = { .fd = w->fds[0], .events = POLLIN };
	struct epoll_event e;
	fd_set in;

	FD_ZERO(&in);
	FD_SET(w->fds[0], &in);
	switch (way) {
	case 0:
		return ppoll(&p, 1, span, &w->open);
	case 1:
		return pselect(w->fds[0] + 1, &in, NULL, NULL, span, &w->open);
	case 2:
		return epoll_pwait(w->set, &e, 1, span ? (int)(span->tv_nsec / 1000000) : -1, &w->open);
	case 3:
		return epoll_pwait2(w->set, &e, 1, span, &w->open);
	default:
		return ppoll(NULL, 0, span, &w->open);
	}
}

static void *waits_masked(void *arg)
{
	const struct timespec span = { 0, SPAN };
	struct masked *w = arg;
	int64_t before;
	char c;

	for (int way = 0; way < 5; way++) {
		before = now_ns();
		CHECK_INT(wait_masked(w, way, &span), ==, 0);
		CHECK_INT(now_ns() - before, >=, SPAN);
		if (way < 4) {
			about_to_wait();
			CHECK_INT(wait_masked(w, way, NULL), ==, 1);
			waited();
			CHECK_INT(read(w->fds[0], &c, 1), ==, 1);
		}
		handled = 0;
		about_to_wait();
		CHECK_INT(wait_masked(w, way, NULL), ==, -1);
		CHECK_INT(errno, ==, EINTR);
		CHECK_INT(handled, ==, 1);
		waited();
	}
	handled = 0;
	about_to_wait();
	CHECK_INT(sigsuspend(&w->open), ==, -1);
	CHECK_INT(errno, ==, EINTR);
	CHECK_INT(handled, ==, 1);
	waited();
	about_to_wait();
	CHECK_INT(pause(), ==, -1);
	CHECK_INT(errno, ==, EINTR);
	CHECK_INT(handled, ==, 2);
	waited();
	return NULL;
}

static void *ends_masked(void *arg)
{
	struct masked *w = arg;
	sigset_t before;

	for (int way = 0; way < 5; way++) {
		if (way < 4) {
			after_it_waits();
			CHECK_INT(write(w->fds[1], "x", 1), ==, 1);
		}
		after_it_waits();
		CHECK_INT(kill(getpid(), SIGUSR1), ==, 0);
	}
	after_it_waits();
	CHECK_INT(kill(getpid(), SIGUSR1), ==, 0);
	/* handled here, and yet it ends the other's pause() */
	after_it_waits();
	CHECK_INT(kill(getpid(), SIGUSR1), ==, 0);
	CHECK_INT(pthread_sigmask(SIG_SETMASK, &w->open, &before), ==, 0);
	while (__atomic_load_n(&handled, __ATOMIC_ACQUIRE) < 2)
		;
	CHECK_INT(pthread_sigmask(SIG_SETMASK, &before, NULL), ==, 0);
	return NULL;
}

static void *is_cancelled(void *arg)
{
	struct masked *w = arg;

	about_to_wait();
	sigsuspend(&w->open);
	test_fail(__FILE__, __LINE__, "went on");
}

static void masks(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct sigaction act = { .sa_handler = on_signal };
	struct masked w;
	stint_thread_t *t;
	char c;

	CHECK_INT(sigaction(SIGUSR1, &act, NULL), ==, 0);
	sigfillset(&w.open);
	sigdelset(&w.open, SIGUSR1);
	CHECK_INT(pipe(w.fds), ==, 0);
	w.set = epoll_create1(0);
	CHECK_INT(epoll_ctl(w.set, EPOLL_CTL_ADD, w.fds[0], &e), ==, 0);
	together(waits_masked, ends_masked, &w, &w);
	CHECK_INT(pipe(go), ==, 0);
	t = thread(is_cancelled, &w);
	CHECK_INT(read(go[0], &c, 1), ==, 1);
	settle();
	CHECK_INT(stint_thread_cancel(t), ==, 0);
	joined(t);
	close(go[0]);
	close(go[1]);
	close(w.fds[0]);
	close(w.fds[1]);
	close(w.set);
}

/* --- lines from a pipe ------------------------------------------------------------------------------------- */

static void *reads_lines(void *arg)
{
	FILE *f = arg;
	char line[64];

	for (int i = 0; i < 5; i++) {
		about_to_wait();
		CHECK(fgets(line, sizeof(line), f));
		waited();
		CHECK_STR(line, "a line\n");
	}
	return NULL;
}

static void *writes_lines(void *arg)
{
	for (int i = 0; i < 5; i++) {
		after_it_waits();
		CHECK_INT(write((int)(intptr_t)arg, "a line\n", 7), ==, 7);
	}
	return NULL;
}

/* -------------------------------------------------------------------------------------------------------------- */

static void files(void)
{
	struct flock record = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	char name[] = "/tmp/stint-park-XXXXXX";
	struct file_lock l;

	l.held = mkstemp(name);
	CHECK_INT(l.held, >=, 0);
	l.mine = open(name, O_RDWR);
	CHECK_INT(unlink(name), ==, 0);
	CHECK_INT(flock(l.held, LOCK_EX), ==, 0);
	CHECK_INT(fcntl(l.held, F_OFD_SETLK, &record), ==, 0);
	together(waits_for_locks, gives_locks_back, &l, &l);
	close(l.held);
	close(l.mine);
}

static void queues(void)
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 8 };
	struct queues q;
	char name[64];

	snprintf(name, sizeof(name), "/stint-park-%d", getpid());
	q.sem = semget(IPC_PRIVATE, 1, 0600);
	q.msg = msgget(IPC_PRIVATE, 0600);
	q.mq = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
	if (q.mq >= 0)
		mq_unlink(name);
	CHECK_INT(q.sem, >=, 0);
	CHECK_INT(q.msg, >=, 0);
	together(waits_for_queues, fills_queues, &q, &q);
	CHECK_INT(semctl(q.sem, 0, IPC_RMID), ==, 0);
	CHECK_INT(msgctl(q.msg, IPC_RMID, NULL), ==, 0);
	if (q.mq >= 0)
		mq_close(q.mq);
}

static void lines(void)
{
	int fds[2];
	FILE *f;

	CHECK_INT(pipe(fds), ==, 0);
	f = fdopen(fds[0], "r");
	together(reads_lines, writes_lines, f, (void *)(intptr_t)fds[1]);
	fclose(f);
	close(fds[1]);
}

int main(void)
{
	sigset_t set;

	test_watchdog();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &set, NULL), ==, 0);       /* in all kernel threads that begin */
	for (size_t i = 0; i < sizeof(park_workers) / sizeof(park_workers[0]); i++) {
		int turns[2] = { 0, 0 };

		printf("%u workers\n", park_workers[i]);
		park_start(park_workers[i]);
		time_passes();
		puts("yields");
		together(yields, yields, turns, turns);
		puts("children");
		children();
		puts("commands");
		commands();
		puts("files");
		files();
		puts("queues");
		queues();
		puts("signals");
		together(waits_for_signals, sends_signals, NULL, NULL);
		together(raises, nothing, NULL, NULL);
		puts("fifos");
		fifos();
		puts("masks");
		masks();
		puts("lines");
		lines();
		park_stop_all();
	}
	return 0;
}
