/*
 * blocking.c - every function that waits, in a call and beside one
 *
 * Each row of the table is tried in five ways:
 *
 *      stopped         in a call, which is stopped while it waits, several times, and goes on waiting; then what it waits
 *                      for happens, or its time is over, and never before
 *      noticed not     the same, and a handler of the program runs in the caller while the call is stopped: not the call's
 *                      business
 *      cancelled       in a call that is ended while it waits
 *      interrupted     in a call into which a handler of the program comes: EINTR where POSIX says so, or it waits on
 *      after a call    outside, while the timer that a call left armed fires
 */
#include "../test.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <threads.h>
#include <wchar.h>

#include <stint.h>

#define SLICE STINT_MS(2)
#define STOPS 4
#define TRIES 20
#define SPAN STINT_MS(30)               /* of timed waits: more than is used up by then */
#define LONG_WRITE ((size_t)1 << 20)

/* --- what is waited for ------------------------------------------------------------------------ */

static int in, out;                     /* the two ends of whatever it is */
static int extra[64], extras;           /* more descriptors to close */
static FILE *stream;
static pid_t child;
static pthread_t thread;
static sem_t sem;
static pthread_mutex_t mutex;
static pthread_cond_t cond;
static int told;                        /* the condition; also what futexes wait on */
static pthread_rwlock_t rwlock;
static pthread_barrier_t barrier;
static int queue;
static char *data;
static char path[64];

static void no_setup(void)
{
}

static void no_cleanup(void)
{
}

static void make_pipe(void)
{
	int fds[2];

	CHECK_INT(pipe(fds), ==, 0);
	in = fds[0];
	out = fds[1];
}

static void make_sockets(void)
{
	int fds[2];

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	in = fds[0];
	out = fds[1];
}

static void close_both(void)
{
	close(in);
	close(out);
	while (extras)
		close(extra[--extras]);
}

static void write_byte(void)
{
	CHECK_INT(write(out, "z\n", 2), ==, 2);
}

static struct timespec span_of(int64_t ns)
{
	return (struct timespec){ ns / 1000000000, ns % 1000000000 };
}

static struct timespec time_in(clockid_t clock, int64_t span)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return span_of(t.tv_sec * INT64_C(1000000000) + t.tv_nsec + span);
}

/* of functions that return -1 and set errno: 0 or the error */
#define ERR(expression) ((expression) < 0 ? errno : 0)

/* --- time -------------------------------------------------------------------------------------- */

static int w_nanosleep(void)
{
	struct timespec t = span_of(SPAN);

	return ERR(nanosleep(&t, NULL));
}

static int w_usleep(void)
{
	return ERR(usleep(SPAN / 1000));
}

static int w_sleep(void)
{
	return sleep(1) ? EINTR : 0;
}

static int w_clock_nanosleep(void)
{
	struct timespec t = span_of(SPAN);

	return clock_nanosleep(CLOCK_BOOTTIME, 0, &t, NULL);
}

static int w_clock_nanosleep_until(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);

	return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

static int w_thrd_sleep(void)
{
	struct timespec t = span_of(SPAN);

	return thrd_sleep(&t, NULL) ? EINTR : 0;
}

static int w_nanosleep_by_number(void)
{
	struct timespec t = span_of(SPAN);

	return ERR(syscall(SYS_nanosleep, &t, NULL));
}

/* --- readiness --------------------------------------------------------------------------------- */

static struct pollfd polled(void)
{
	return (struct pollfd){ .fd = in, .events = POLLIN };
}

static int w_poll(void)
{
	struct pollfd fd = polled();

	return ERR(poll(&fd, 1, -1));
}

static int w_poll_timed(void)
{
	struct pollfd fd = polled();

	return ERR(poll(&fd, 1, SPAN / 1000000));
}

static int w_poll_by_number(void)
{
	struct pollfd fd = polled();

	return ERR(syscall(SYS_poll, &fd, 1, SPAN / 1000000));
}

static int w_ppoll(void)
{
	struct pollfd fd = polled();

	return ERR(ppoll(&fd, 1, NULL, NULL));
}

static int w_ppoll_timed(void)
{
	struct pollfd fd = polled();
	struct timespec t = span_of(SPAN);

	return ERR(ppoll(&fd, 1, &t, NULL));
}

static sigset_t all_but_usr1(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, SIGUSR1);
	return set;
}

static int w_ppoll_masked(void)
{
	struct pollfd fd = polled();
	struct timespec t = span_of(SPAN);
	sigset_t set = all_but_usr1();

	return ERR(ppoll(&fd, 1, &t, &set));
}

static int w_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(in, &set);
	return ERR(select(in + 1, &set, NULL, NULL, NULL));
}

static int w_select_timed(void)
{
	struct timeval t = { 0, SPAN / 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(in, &set);
	return ERR(select(in + 1, &set, NULL, NULL, &t));
}

static int w_pselect_masked(void)
{
	struct timespec t = span_of(SPAN);
	sigset_t mask = all_but_usr1();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(in, &set);
	return ERR(pselect(in + 1, &set, NULL, NULL, &t, &mask));
}

static void make_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(0);

	make_pipe();
	CHECK_INT(fd, >=, 0);
	CHECK_INT(epoll_ctl(fd, EPOLL_CTL_ADD, in, &event), ==, 0);
	extra[extras++] = in;
	in = fd;
}

static int w_epoll_wait(void)
{
	struct epoll_event event;

	return ERR(epoll_wait(in, &event, 1, -1));
}

static int w_epoll_wait_timed(void)
{
	struct epoll_event event;

	return ERR(epoll_wait(in, &event, 1, SPAN / 1000000));
}

static int w_epoll_pwait_masked(void)
{
	struct epoll_event event;
	sigset_t set = all_but_usr1();

	return ERR(epoll_pwait(in, &event, 1, SPAN / 1000000, &set));
}

static int w_epoll_pwait2(void)
{
	struct epoll_event event;
	struct timespec t = span_of(SPAN);

	return ERR(epoll_pwait2(in, &event, 1, &t, NULL));
}

/* --- semaphores -------------------------------------------------------------------------------- */

static void make_sem(void)
{
	CHECK_INT(sem_init(&sem, 0, 0), ==, 0);
}

static void post_sem(void)
{
	CHECK_INT(sem_post(&sem), ==, 0);
}

static int w_sem_wait(void)
{
	return ERR(sem_wait(&sem));
}

static int w_sem_timedwait(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);

	return ERR(sem_timedwait(&sem, &t));
}

static int w_sem_clockwait(void)
{
	struct timespec t = time_in(CLOCK_MONOTONIC, SPAN);

	return ERR(sem_clockwait(&sem, CLOCK_MONOTONIC, &t));
}

/* --- mutexes, conditions ------------------------------------------------------------------------ */

static void make_mutex(void)
{
	pthread_mutex_init(&mutex, NULL);
	pthread_cond_init(&cond, NULL);
	told = 0;
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
}

static void unlock_mutex(void)
{
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
}

static int w_mutex(void)
{
	int err = pthread_mutex_lock(&mutex);

	return err ? err : pthread_mutex_unlock(&mutex);
}

static int w_mutex_timed(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);

	return pthread_mutex_timedlock(&mutex, &t);
}

static int w_mutex_clock(void)
{
	struct timespec t = time_in(CLOCK_MONOTONIC, SPAN);

	return pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &t);
}

static int w_mtx(void)
{
	if (mtx_lock((mtx_t *)&mutex) != thrd_success)
		return EIO;
	return mtx_unlock((mtx_t *)&mutex) == thrd_success ? 0 : EIO;
}

static int w_mtx_timed(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);

	return mtx_timedlock((mtx_t *)&mutex, &t) == thrd_timedout ? ETIMEDOUT : EIO;
}

static void make_cond(void)
{
	make_mutex();
	unlock_mutex();
}

static void tell(void)
{
	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	told = 1;
	CHECK_INT(pthread_cond_broadcast(&cond), ==, 0);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
}

static int w_cond(void)
{
	int err = 0;

	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	while (!told && !err)
		err = pthread_cond_wait(&cond, &mutex);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return err;
}

static int w_cond_timed(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);
	int err = 0;

	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	while (!told && !err)
		err = pthread_cond_timedwait(&cond, &mutex, &t);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return err;
}

static int w_cond_clock(void)
{
	struct timespec t = time_in(CLOCK_MONOTONIC, SPAN);
	int err = 0;

	CHECK_INT(pthread_mutex_lock(&mutex), ==, 0);
	while (!told && !err)
		err = pthread_cond_clockwait(&cond, &mutex, CLOCK_MONOTONIC, &t);
	CHECK_INT(pthread_mutex_unlock(&mutex), ==, 0);
	return err;
}

static int w_cnd(void)
{
	CHECK_INT(mtx_lock((mtx_t *)&mutex), ==, thrd_success);
	while (!told)
		CHECK_INT(cnd_wait((cnd_t *)&cond, (mtx_t *)&mutex), ==, thrd_success);
	CHECK_INT(mtx_unlock((mtx_t *)&mutex), ==, thrd_success);
	return 0;
}

static void make_rwlock(void)
{
	pthread_rwlock_init(&rwlock, NULL);
	CHECK_INT(pthread_rwlock_wrlock(&rwlock), ==, 0);
}

static void unlock_rwlock(void)
{
	CHECK_INT(pthread_rwlock_unlock(&rwlock), ==, 0);
}

static int w_rdlock(void)
{
	int err = pthread_rwlock_rdlock(&rwlock);

	return err ? err : pthread_rwlock_unlock(&rwlock);
}

static int w_wrlock(void)
{
	int err = pthread_rwlock_wrlock(&rwlock);

	return err ? err : pthread_rwlock_unlock(&rwlock);
}

static int w_rdlock_timed(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);

	return pthread_rwlock_timedrdlock(&rwlock, &t);
}

static int w_wrlock_clock(void)
{
	struct timespec t = time_in(CLOCK_MONOTONIC, SPAN);

	return pthread_rwlock_clockwrlock(&rwlock, CLOCK_MONOTONIC, &t);
}

/* --- other threads ------------------------------------------------------------------------------ */

static void *waits_to_be_told(void *arg)
{
	while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &told, FUTEX_WAIT_PRIVATE, 0, NULL);
	return arg;
}

static void make_thread(void)
{
	told = 0;
	CHECK_INT(pthread_create(&thread, NULL, waits_to_be_told, &told), ==, 0);
}

static void wake_thread(void)
{
	__atomic_store_n(&told, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &told, FUTEX_WAKE_PRIVATE, 100);
}

/* it was not joined */
static void drop_thread(void)
{
	wake_thread();
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

static int w_join(void)
{
	void *result;
	int err = pthread_join(thread, &result);

	return err ? err : result == &told ? 0 : EIO;
}

static int w_join_timed(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);

	return pthread_timedjoin_np(thread, NULL, &t);
}

static int w_join_clock(void)
{
	struct timespec t = time_in(CLOCK_MONOTONIC, SPAN);

	return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &t);
}

static int w_thrd_join(void)
{
	return thrd_join(thread, NULL) == thrd_success ? 0 : EIO;
}

static void make_barrier(void)
{
	CHECK_INT(pthread_barrier_init(&barrier, NULL, 2), ==, 0);
}

static void *arrives(void *arg)
{
	pthread_barrier_wait(&barrier);
	return arg;
}

/* from another thread, or it would wait for the call to take note; a call that was cancelled has arrived, too */
static void arrive(void)
{
	CHECK_INT(pthread_create(&thread, NULL, arrives, NULL), ==, 0);
}

static void arrived(void)
{
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

static int w_barrier(void)
{
	int r = pthread_barrier_wait(&barrier);

	return r == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : r;
}

static void set_told_0(void)
{
	told = 0;
}

static int w_futex(void)
{
	while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE))
		if (syscall(SYS_futex, &told, FUTEX_WAIT_PRIVATE, 0, NULL) && errno != EAGAIN)
			return errno;
	return 0;
}

static int w_futex_timed(void)
{
	struct timespec t = span_of(SPAN);

	return ERR(syscall(SYS_futex, &told, FUTEX_WAIT_PRIVATE, 0, &t));
}

static int w_futex_until(void)
{
	struct timespec t = time_in(CLOCK_MONOTONIC, SPAN);

	return ERR(syscall(SYS_futex, &told, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY));
}

/* --- reading and writing -------------------------------------------------------------------------- */

static char byte[2];

static int w_read(void)
{
	return ERR(read(in, byte, 1));
}

static int w_readv(void)
{
	struct iovec v = { byte, 1 };

	return ERR(readv(in, &v, 1));
}

static int w_recv(void)
{
	return ERR(recv(in, byte, 1, 0));
}

static int w_recvfrom(void)
{
	return ERR(recvfrom(in, byte, 1, 0, NULL, NULL));
}

static int w_recvmsg(void)
{
	struct iovec v = { byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	return ERR(recvmsg(in, &m, 0));
}

static int w_recvmmsg(void)
{
	struct iovec v = { byte, 1 };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &v, .msg_iovlen = 1 } };

	return ERR(recvmmsg(in, &m, 1, 0, NULL));
}

/* both bytes or none: the second comes later */
static int w_recv_all(void)
{
	ssize_t n = recv(in, byte, 2, MSG_WAITALL);

	return n == 2 ? 0 : n < 0 ? errno : EIO;
}

static void make_impatient_sockets(void)
{
	struct timeval t = { 0, SPAN / 1000 };
	ssize_t n;

	make_sockets();
	CHECK_INT(setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), ==, 0);
	CHECK_INT(setsockopt(in, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)), ==, 0);
	do
		n = send(in, data, 4096, MSG_DONTWAIT);
	while (n > 0);
	CHECK_INT(errno, ==, EAGAIN);
}

static int w_send_timed(void)
{
	return ERR(send(in, data, 4096, 0));
}

static int w_write_timed(void)
{
	return ERR(write(in, data, 4096));
}

static int w_accept_timed(void)
{
	return ERR(accept(in, NULL, NULL));
}

/* written in one call of the function, all of it, although it is stopped halfway */
static int all_of(ssize_t n)
{
	return n < 0 ? errno : (size_t)n == LONG_WRITE ? 0 : EIO;
}

static int w_write(void)
{
	return all_of(write(out, data, LONG_WRITE));
}

static int w_writev(void)
{
	struct iovec v[3] = { { data, 10 }, { data + 10, LONG_WRITE / 2 }, { data + 10 + LONG_WRITE / 2, LONG_WRITE / 2 - 10 } };

	return all_of(writev(out, v, 3));
}

static int w_send(void)
{
	return all_of(send(out, data, LONG_WRITE, 0));
}

static int w_sendto(void)
{
	return all_of(sendto(out, data, LONG_WRITE, 0, NULL, 0));
}

static int w_sendmsg(void)
{
	struct iovec v[3] = { { data, 10 }, { data + 10, LONG_WRITE / 2 }, { data + 10 + LONG_WRITE / 2, LONG_WRITE / 2 - 10 } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 3 };

	return all_of(sendmsg(out, &m, 0));
}

/* what is left in it is looked at: each byte once, in order */
static void *drains(void *arg)
{
	static char got[LONG_WRITE];
	size_t n = 0;

	while (n < LONG_WRITE) {
		ssize_t r = read(in, got + n, LONG_WRITE - n);

		CHECK(r > 0 || errno == EINTR);
		n += r > 0 ? (size_t)r : 0;
	}
	CHECK_INT(memcmp(got, data, LONG_WRITE), ==, 0);
	return arg;
}

static void drain(void)
{
	CHECK_INT(pthread_create(&thread, NULL, drains, NULL), ==, 0);
}

static void drained(void)
{
	CHECK_INT(pthread_join(thread, NULL), ==, 0);
	close_both();
}

static void make_terminal(void)
{
	CHECK_INT(openpty(&out, &in, NULL, NULL, NULL), ==, 0);
}

static void make_eventfd(void)
{
	in = eventfd(0, 0);
	CHECK_INT(in, >=, 0);
	out = dup(in);
}

static void bump_eventfd(void)
{
	uint64_t one = 1;

	CHECK_INT(write(out, &one, sizeof(one)), ==, sizeof(one));
}

static int w_eventfd(void)
{
	uint64_t value;

	return ERR(read(in, &value, sizeof(value)));
}

static int w_timerfd(void)
{
	struct itimerspec t = { .it_value = span_of(SPAN) };
	uint64_t value;
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), err;

	CHECK_INT(timerfd_settime(fd, 0, &t, NULL), ==, 0);
	err = ERR(read(fd, &value, sizeof(value)));
	close(fd);
	return err;
}

/* --- connections ----------------------------------------------------------------------------------- */

static struct sockaddr_un address;
static socklen_t address_len;

static void make_listener(void)
{
	static int n;

	in = socket(AF_UNIX, SOCK_STREAM, 0);
	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "stint-blocking-%d-%d", getpid(), n++);
	address_len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1);
	CHECK_INT(bind(in, (struct sockaddr *)&address, address_len), ==, 0);
	CHECK_INT(listen(in, 0), ==, 0);
	out = socket(AF_UNIX, SOCK_STREAM, 0);
}

static void make_impatient_listener(void)
{
	struct timeval t = { 0, SPAN / 1000 };

	make_listener();
	CHECK_INT(setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), ==, 0);
}

static void connect_it(void)
{
	CHECK_INT(connect(out, (struct sockaddr *)&address, address_len), ==, 0);
}

static int closed(int fd)
{
	return fd < 0 ? errno : close(fd);
}

static int w_accept(void)
{
	return closed(accept(in, NULL, NULL));
}

static int w_accept4(void)
{
	return closed(accept4(in, NULL, NULL, SOCK_CLOEXEC));
}

/* its queue is full */
static void make_busy_listener(void)
{
	int fd;

	make_listener();
	do {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		extra[extras++] = fd;
	} while (!connect(fd, (struct sockaddr *)&address, address_len));
	CHECK_INT(errno, ==, EAGAIN);
}

static void accept_one(void)
{
	extra[extras++] = accept(in, NULL, NULL);
}

static int w_connect(void)
{
	return ERR(connect(out, (struct sockaddr *)&address, address_len));
}

/* --- files ----------------------------------------------------------------------------------------- */

static void make_fifo(void)
{
	snprintf(path, sizeof(path), "/tmp/stint-blocking-%d", getpid());
	unlink(path);
	CHECK_INT(mkfifo(path, 0600), ==, 0);
	in = out = -1;
}

/* both ends, or nobody may be there when a call was cancelled */
static void open_fifo(void)
{
	out = open(path, O_RDWR);
	CHECK_INT(out, >=, 0);
}

static int w_open_fifo(void)
{
	return closed(open(path, O_RDONLY));
}

static void remove_fifo(void)
{
	close(out);
	unlink(path);
}

static void make_file(void)
{
	snprintf(path, sizeof(path), "/tmp/stint-blocking-%d", getpid());
	in = open(path, O_RDWR | O_CREAT, 0600);
	out = open(path, O_RDWR);
	unlink(path);
}

static void make_flocked(void)
{
	make_file();
	CHECK_INT(flock(out, LOCK_EX), ==, 0);
}

static void unlock_file(void)
{
	CHECK_INT(flock(out, LOCK_UN), ==, 0);
}

static int w_flock(void)
{
	return ERR(flock(in, LOCK_EX));
}

/* record locks are a process's: another must hold it */
static void make_record_locked(void)
{
	int ready[2];
	char c;

	make_file();
	CHECK_INT(pipe(ready), ==, 0);
	child = fork();
	if (!child) {
		struct flock lock = { .l_type = F_WRLCK };

		test_child();
		CHECK_INT(fcntl(out, F_SETLK, &lock), ==, 0);
		CHECK_INT(write(ready[1], "r", 1), ==, 1);
		for (;;)
			pause();
	}
	CHECK_INT(read(ready[0], &c, 1), ==, 1);
	close(ready[0]);
	close(ready[1]);
}

static void end_child(void)
{
	kill(child, SIGKILL);
}

static void reap_child(void)
{
	end_child();
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void reap_and_close(void)
{
	reap_child();
	close_both();
}

static int w_setlkw(void)
{
	struct flock lock = { .l_type = F_WRLCK };

	return ERR(fcntl(in, F_SETLKW, &lock));
}

static int w_ofd_setlkw(void)
{
	struct flock lock = { .l_type = F_WRLCK };

	return ERR(fcntl(in, F_OFD_SETLKW, &lock));
}

static int w_lockf(void)
{
	return ERR(lockf(in, F_LOCK, 0));
}

/* --- processes -------------------------------------------------------------------------------------- */

static void make_child(void)
{
	child = fork();
	if (!child) {
		test_child();
		for (;;)
			pause();
	}
}

static int w_waitpid(void)
{
	return ERR(waitpid(child, NULL, 0));
}

static int w_wait(void)
{
	return ERR(wait(NULL));
}

static int w_wait3(void)
{
	return ERR(wait3(NULL, 0, NULL));
}

static int w_wait4(void)
{
	return ERR(wait4(child, NULL, 0, NULL));
}

static int w_waitid(void)
{
	siginfo_t info;

	return ERR(waitid(P_PID, child, &info, WEXITED));
}

static void make_shell(void)
{
	make_pipe();
	snprintf(path, sizeof(path), "read x <&%d; exit 3", in);
}

static int w_system(void)
{
	int status = system(path);

	return status < 0 ? errno : WIFEXITED(status) && WEXITSTATUS(status) == 3 ? 0 : EIO;
}

/* --- signals ---------------------------------------------------------------------------------------- */

static void to_this(int signo)
{
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), signo);
}

static void on_signal(int signo)
{
	(void)signo;
}

static void block_usr2(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_INT(pthread_sigmask(SIG_BLOCK, &set, NULL), ==, 0);
}

static void unblock_usr2(void)
{
	struct timespec none = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	while (sigtimedwait(&set, NULL, &none) > 0)
		;
	CHECK_INT(pthread_sigmask(SIG_UNBLOCK, &set, NULL), ==, 0);
}

static void send_usr2(void)
{
	kill(getpid(), SIGUSR2);
}

static sigset_t all_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGURG);        /* ours, which it does not get */
	return set;
}

static int w_sigwait(void)
{
	sigset_t set = all_signals();
	int signo, err = sigwait(&set, &signo);

	return err ? err : signo == SIGUSR2 ? 0 : EIO;
}

static int w_sigwaitinfo(void)
{
	sigset_t set = all_signals();
	siginfo_t info;
	int signo = sigwaitinfo(&set, &info);

	return signo < 0 ? errno : signo == SIGUSR2 && info.si_pid == getpid() ? 0 : EIO;
}

static int w_sigtimedwait(void)
{
	struct timespec t = span_of(SPAN);
	sigset_t set = all_signals();

	return sigtimedwait(&set, NULL, &t) < 0 ? errno : EIO;
}

/* these wait for a handler: EINTR is how they end, but not before */
static int w_pause(void)
{
	return ERR(pause());
}

static int w_sigsuspend(void)
{
	sigset_t set;

	sigfillset(&set);
	sigdelset(&set, SIGUSR2);
	return ERR(sigsuspend(&set));
}

static void catch_usr2(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	block_usr2();
	CHECK_INT(sigaction(SIGUSR2, &act, NULL), ==, 0);
}

static void drop_usr2(void)
{
	unblock_usr2();
	signal(SIGUSR2, SIG_DFL);
}

/* --- queues ------------------------------------------------------------------------------------------- */

struct message {
	long type;
	char text[8];
};

static void make_msg(void)
{
	queue = msgget(IPC_PRIVATE, 0600);
	CHECK_INT(queue, >=, 0);
}

static void remove_msg(void)
{
	msgctl(queue, IPC_RMID, NULL);
}

static void send_msg(void)
{
	struct message m = { 1, "hello" };

	CHECK_INT(msgsnd(queue, &m, sizeof(m.text), 0), ==, 0);
}

static int w_msgrcv(void)
{
	struct message m;

	return ERR(msgrcv(queue, &m, sizeof(m.text), 0, 0));
}

static void fill_msg(void)
{
	struct message m = { 1, "hello" };

	make_msg();
	while (!msgsnd(queue, &m, sizeof(m.text), IPC_NOWAIT))
		;
}

static void receive_msg(void)
{
	struct message m;

	for (int i = 0; i < 100; i++)
		CHECK_INT(msgrcv(queue, &m, sizeof(m.text), 0, 0), >=, 0);
}

static int w_msgsnd(void)
{
	struct message m = { 1, "hello" };

	return ERR(msgsnd(queue, &m, sizeof(m.text), 0));
}

static void make_semaphores(void)
{
	queue = semget(IPC_PRIVATE, 1, 0600);
	CHECK_INT(queue, >=, 0);
}

static void remove_semaphores(void)
{
	semctl(queue, 0, IPC_RMID);
}

static void add_to_semaphore(void)
{
	struct sembuf op = { 0, 1, 0 };

	CHECK_INT(semop(queue, &op, 1), ==, 0);
}

static int w_semop(void)
{
	struct sembuf op = { 0, -1, 0 };

	return ERR(semop(queue, &op, 1));
}

static int w_semtimedop(void)
{
	struct sembuf op = { 0, -1, 0 };
	struct timespec t = span_of(SPAN);

	return ERR(semtimedop(queue, &op, 1, &t));
}

static void make_mq(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };

	snprintf(path, sizeof(path), "/stint-blocking-%d", getpid());
	queue = mq_open(path, O_RDWR | O_CREAT, 0600, &attr);
	CHECK_INT(queue, >=, 0);
	mq_unlink(path);
}

static void remove_mq(void)
{
	mq_close(queue);
}

static void send_mq(void)
{
	CHECK_INT(mq_send(queue, "hello", 5, 0), ==, 0);
}

static void fill_mq(void)
{
	make_mq();
	send_mq();
}

static void receive_mq(void)
{
	char text[8];

	CHECK_INT(mq_receive(queue, text, sizeof(text), NULL), ==, 5);
}

static int w_mq_receive(void)
{
	char text[8];

	return ERR(mq_receive(queue, text, sizeof(text), NULL));
}

static int w_mq_timedreceive(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);
	char text[8];

	return ERR(mq_timedreceive(queue, text, sizeof(text), NULL, &t));
}

static int w_mq_send(void)
{
	return ERR(mq_send(queue, "hello", 5, 0));
}

static int w_mq_timedsend(void)
{
	struct timespec t = time_in(CLOCK_REALTIME, SPAN);

	return ERR(mq_timedsend(queue, "hello", 5, 0, &t));
}

/* --- streams -------------------------------------------------------------------------------------------- */

static void make_stream(void)
{
	make_pipe();
	stream = fdopen(in, "r");
	CHECK(stream);
}

static void make_unbuffered(void)
{
	make_stream();
	setvbuf(stream, NULL, _IONBF, 0);
}

static void close_stream(void)
{
	fclose(stream);
	close(out);
}

static int w_getc(void)
{
	errno = 0;
	return getc(stream) == 'z' ? 0 : errno;
}

static int w_fgets(void)
{
	char line[8];

	errno = 0;
	return fgets(line, sizeof(line), stream) && !strcmp(line, "z\n") ? 0 : errno;
}

static int w_fread(void)
{
	char c[2];

	errno = 0;
	return fread(c, 1, 2, stream) == 2 && c[1] == '\n' ? 0 : errno;
}

static int w_getline(void)
{
	char *line = NULL;
	size_t size = 0;
	int err;

	errno = 0;
	err = getline(&line, &size, stream) == 2 && !strcmp(line, "z\n") ? 0 : errno;
	free(line);
	return err;
}

static int w_fscanf(void)
{
	char word[8];

	errno = 0;
	return fscanf(stream, "%7s", word) == 1 && !strcmp(word, "z") ? 0 : errno;
}

static int w_getwc(void)
{
	errno = 0;
	return getwc(stream) == L'z' ? 0 : errno;
}

static int w_fgetws(void)
{
	wchar_t line[8];

	errno = 0;
	return fgetws(line, 8, stream) && !wcscmp(line, L"z\n") ? 0 : errno;
}

static void make_command(void)
{
	make_pipe();
	snprintf(path, sizeof(path), "read x <&%d; echo $x", in);
	stream = popen(path, "r");
	CHECK(stream);
}

static void close_command(void)
{
	close(out);
	CHECK_INT(pclose(stream), >=, 0);
	close(in);
}

/* --- the table -------------------------------------------------------------------------------------------- */

enum how {
	EINTR_COMES,            /* when a handler of the program's ran that does not have system calls restarted */
	EINTR_NEVER
};

static const struct wait {
	const char *name;
	int (*wait)(void);              /* 0 or an errno value */
	void (*setup)(void);
	void (*happen)(void);           /* what is waited for; NULL: time goes by */
	void (*cleanup)(void);
	enum how how;
	int result;
	int64_t span;                   /* it takes at least as long */
} waits[] = {
#define TIMED(name, fn, setup, cleanup, how, result) { name, fn, setup, NULL, cleanup, how, result, SPAN }
#define UNTIL(name, fn, setup, happen, cleanup, how) { name, fn, setup, happen, cleanup, how, 0, 0 }
	TIMED("nanosleep", w_nanosleep, no_setup, no_cleanup, EINTR_COMES, 0),
	TIMED("usleep", w_usleep, no_setup, no_cleanup, EINTR_COMES, 0),
	{ "sleep", w_sleep, no_setup, NULL, no_cleanup, EINTR_COMES, 0, 1000000000 },
	TIMED("clock_nanosleep", w_clock_nanosleep, no_setup, no_cleanup, EINTR_COMES, 0),
	TIMED("clock_nanosleep until", w_clock_nanosleep_until, no_setup, no_cleanup, EINTR_COMES, 0),
	TIMED("thrd_sleep", w_thrd_sleep, no_setup, no_cleanup, EINTR_COMES, 0),
	TIMED("nanosleep by number", w_nanosleep_by_number, no_setup, no_cleanup, EINTR_COMES, 0),
	UNTIL("poll", w_poll, make_pipe, write_byte, close_both, EINTR_COMES),
	TIMED("poll, timed", w_poll_timed, make_pipe, close_both, EINTR_COMES, 0),
	TIMED("poll by number", w_poll_by_number, make_pipe, close_both, EINTR_COMES, 0),
	UNTIL("ppoll", w_ppoll, make_pipe, write_byte, close_both, EINTR_COMES),
	TIMED("ppoll, timed", w_ppoll_timed, make_pipe, close_both, EINTR_COMES, 0),
	TIMED("ppoll, all masked", w_ppoll_masked, make_pipe, close_both, EINTR_COMES, 0),
	UNTIL("select", w_select, make_pipe, write_byte, close_both, EINTR_COMES),
	TIMED("select, timed", w_select_timed, make_pipe, close_both, EINTR_COMES, 0),
	TIMED("pselect, all masked", w_pselect_masked, make_pipe, close_both, EINTR_COMES, 0),
	UNTIL("epoll_wait", w_epoll_wait, make_epoll, write_byte, close_both, EINTR_COMES),
	TIMED("epoll_wait, timed", w_epoll_wait_timed, make_epoll, close_both, EINTR_COMES, 0),
	TIMED("epoll_pwait, all masked", w_epoll_pwait_masked, make_epoll, close_both, EINTR_COMES, 0),
	TIMED("epoll_pwait2", w_epoll_pwait2, make_epoll, close_both, EINTR_COMES, 0),
	UNTIL("sem_wait", w_sem_wait, make_sem, post_sem, no_cleanup, EINTR_COMES),
	TIMED("sem_timedwait", w_sem_timedwait, make_sem, no_cleanup, EINTR_COMES, ETIMEDOUT),
	TIMED("sem_clockwait", w_sem_clockwait, make_sem, no_cleanup, EINTR_COMES, ETIMEDOUT),
	UNTIL("pthread_mutex_lock", w_mutex, make_mutex, unlock_mutex, no_cleanup, EINTR_NEVER),
	TIMED("pthread_mutex_timedlock", w_mutex_timed, make_mutex, unlock_mutex, EINTR_NEVER, ETIMEDOUT),
	TIMED("pthread_mutex_clocklock", w_mutex_clock, make_mutex, unlock_mutex, EINTR_NEVER, ETIMEDOUT),
	UNTIL("mtx_lock", w_mtx, make_mutex, unlock_mutex, no_cleanup, EINTR_NEVER),
	TIMED("mtx_timedlock", w_mtx_timed, make_mutex, unlock_mutex, EINTR_NEVER, ETIMEDOUT),
	UNTIL("pthread_cond_wait", w_cond, make_cond, tell, no_cleanup, EINTR_NEVER),
	TIMED("pthread_cond_timedwait", w_cond_timed, make_cond, no_cleanup, EINTR_NEVER, ETIMEDOUT),
	TIMED("pthread_cond_clockwait", w_cond_clock, make_cond, no_cleanup, EINTR_NEVER, ETIMEDOUT),
	UNTIL("cnd_wait", w_cnd, make_cond, tell, no_cleanup, EINTR_NEVER),
	UNTIL("pthread_rwlock_rdlock", w_rdlock, make_rwlock, unlock_rwlock, no_cleanup, EINTR_NEVER),
	UNTIL("pthread_rwlock_wrlock", w_wrlock, make_rwlock, unlock_rwlock, no_cleanup, EINTR_NEVER),
	TIMED("pthread_rwlock_timedrdlock", w_rdlock_timed, make_rwlock, unlock_rwlock, EINTR_NEVER, ETIMEDOUT),
	TIMED("pthread_rwlock_clockwrlock", w_wrlock_clock, make_rwlock, unlock_rwlock, EINTR_NEVER, ETIMEDOUT),
	UNTIL("pthread_join", w_join, make_thread, wake_thread, no_cleanup, EINTR_NEVER),
	UNTIL("thrd_join", w_thrd_join, make_thread, wake_thread, no_cleanup, EINTR_NEVER),
	TIMED("pthread_timedjoin_np", w_join_timed, make_thread, drop_thread, EINTR_NEVER, ETIMEDOUT),
	TIMED("pthread_clockjoin_np", w_join_clock, make_thread, drop_thread, EINTR_NEVER, ETIMEDOUT),
	UNTIL("pthread_barrier_wait", w_barrier, make_barrier, arrive, arrived, EINTR_NEVER),
	UNTIL("futex", w_futex, set_told_0, wake_thread, no_cleanup, EINTR_COMES),
	TIMED("futex, timed", w_futex_timed, set_told_0, no_cleanup, EINTR_COMES, ETIMEDOUT),
	TIMED("futex until", w_futex_until, set_told_0, no_cleanup, EINTR_COMES, ETIMEDOUT),
	UNTIL("read", w_read, make_pipe, write_byte, close_both, EINTR_COMES),
	UNTIL("read of a terminal", w_read, make_terminal, write_byte, close_both, EINTR_COMES),
	UNTIL("read of a counter", w_eventfd, make_eventfd, bump_eventfd, close_both, EINTR_COMES),
	TIMED("read of a timer", w_timerfd, no_setup, no_cleanup, EINTR_COMES, 0),
	UNTIL("readv", w_readv, make_pipe, write_byte, close_both, EINTR_COMES),
	UNTIL("recv", w_recv, make_sockets, write_byte, close_both, EINTR_COMES),
	UNTIL("recvfrom", w_recvfrom, make_sockets, write_byte, close_both, EINTR_COMES),
	UNTIL("recvmsg", w_recvmsg, make_sockets, write_byte, close_both, EINTR_COMES),
	UNTIL("recvmmsg", w_recvmmsg, make_sockets, write_byte, close_both, EINTR_COMES),
	UNTIL("recv of all", w_recv_all, make_sockets, write_byte, close_both, EINTR_COMES),
	TIMED("recv, SO_RCVTIMEO", w_recv, make_impatient_sockets, close_both, EINTR_COMES, EAGAIN),
	TIMED("recvfrom, SO_RCVTIMEO", w_recvfrom, make_impatient_sockets, close_both, EINTR_COMES, EAGAIN),
	TIMED("recvmsg, SO_RCVTIMEO", w_recvmsg, make_impatient_sockets, close_both, EINTR_COMES, EAGAIN),
	TIMED("read, SO_RCVTIMEO", w_read, make_impatient_sockets, close_both, EINTR_COMES, EAGAIN),
	TIMED("readv, SO_RCVTIMEO", w_readv, make_impatient_sockets, close_both, EINTR_COMES, EAGAIN),
	TIMED("send, SO_SNDTIMEO", w_send_timed, make_impatient_sockets, close_both, EINTR_COMES, EAGAIN),
	TIMED("write, SO_SNDTIMEO", w_write_timed, make_impatient_sockets, close_both, EINTR_COMES, EAGAIN),
	TIMED("accept, SO_RCVTIMEO", w_accept_timed, make_impatient_listener, close_both, EINTR_COMES, EAGAIN),
	UNTIL("accept", w_accept, make_listener, connect_it, close_both, EINTR_COMES),
	UNTIL("accept4", w_accept4, make_listener, connect_it, close_both, EINTR_COMES),
	UNTIL("connect", w_connect, make_busy_listener, accept_one, close_both, EINTR_COMES),
	UNTIL("open of a FIFO", w_open_fifo, make_fifo, open_fifo, remove_fifo, EINTR_COMES),
	UNTIL("flock", w_flock, make_flocked, unlock_file, close_both, EINTR_COMES),
	UNTIL("F_SETLKW", w_setlkw, make_record_locked, end_child, reap_and_close, EINTR_COMES),
	UNTIL("F_OFD_SETLKW", w_ofd_setlkw, make_record_locked, end_child, reap_and_close, EINTR_COMES),
	UNTIL("lockf", w_lockf, make_record_locked, end_child, reap_and_close, EINTR_COMES),
	UNTIL("waitpid", w_waitpid, make_child, end_child, reap_child, EINTR_COMES),
	UNTIL("wait", w_wait, make_child, end_child, reap_child, EINTR_COMES),
	UNTIL("wait3", w_wait3, make_child, end_child, reap_child, EINTR_COMES),
	UNTIL("wait4", w_wait4, make_child, end_child, reap_child, EINTR_COMES),
	UNTIL("waitid", w_waitid, make_child, end_child, reap_child, EINTR_COMES),
	UNTIL("sigwait", w_sigwait, block_usr2, send_usr2, unblock_usr2, EINTR_NEVER),
	UNTIL("sigwaitinfo", w_sigwaitinfo, block_usr2, send_usr2, unblock_usr2, EINTR_COMES),
	TIMED("sigtimedwait", w_sigtimedwait, block_usr2, unblock_usr2, EINTR_COMES, EAGAIN),
	{ "sigsuspend", w_sigsuspend, catch_usr2, send_usr2, drop_usr2, EINTR_NEVER, EINTR, 0 },
	UNTIL("system", w_system, make_shell, write_byte, close_both, EINTR_NEVER),
	UNTIL("msgrcv", w_msgrcv, make_msg, send_msg, remove_msg, EINTR_COMES),
	UNTIL("msgsnd", w_msgsnd, fill_msg, receive_msg, remove_msg, EINTR_COMES),
	UNTIL("semop", w_semop, make_semaphores, add_to_semaphore, remove_semaphores, EINTR_COMES),
	TIMED("semtimedop", w_semtimedop, make_semaphores, remove_semaphores, EINTR_COMES, EAGAIN),
	UNTIL("mq_receive", w_mq_receive, make_mq, send_mq, remove_mq, EINTR_COMES),
	TIMED("mq_timedreceive", w_mq_timedreceive, make_mq, remove_mq, EINTR_COMES, ETIMEDOUT),
	UNTIL("mq_send", w_mq_send, fill_mq, receive_mq, remove_mq, EINTR_COMES),
	TIMED("mq_timedsend", w_mq_timedsend, fill_mq, remove_mq, EINTR_COMES, ETIMEDOUT),
	UNTIL("getc", w_getc, make_stream, write_byte, close_stream, EINTR_COMES),
	UNTIL("getc, unbuffered", w_getc, make_unbuffered, write_byte, close_stream, EINTR_COMES),
	UNTIL("fgets", w_fgets, make_stream, write_byte, close_stream, EINTR_COMES),
	UNTIL("fread", w_fread, make_stream, write_byte, close_stream, EINTR_COMES),
	UNTIL("getline", w_getline, make_stream, write_byte, close_stream, EINTR_COMES),
	UNTIL("fscanf", w_fscanf, make_stream, write_byte, close_stream, EINTR_COMES),
	UNTIL("getwc", w_getwc, make_stream, write_byte, close_stream, EINTR_COMES),
	UNTIL("fgetws", w_fgetws, make_stream, write_byte, close_stream, EINTR_COMES),
	UNTIL("fgets of a command", w_fgets, make_command, write_byte, close_command, EINTR_COMES),
};

/* written halfway, and nobody reads: no use in ending these by a signal */
static const struct wait transfers[] = {
	UNTIL("write", w_write, make_pipe, drain, drained, EINTR_NEVER),
	UNTIL("writev", w_writev, make_pipe, drain, drained, EINTR_NEVER),
	UNTIL("send", w_send, make_sockets, drain, drained, EINTR_NEVER),
	UNTIL("sendto", w_sendto, make_sockets, drain, drained, EINTR_NEVER),
	UNTIL("sendmsg", w_sendmsg, make_sockets, drain, drained, EINTR_NEVER),
	UNTIL("write to a socket", w_write, make_sockets, drain, drained, EINTR_NEVER),
};

/* --- the five ways ------------------------------------------------------------------------------------- */

static int result;

static void *in_call(void *arg)
{
	const struct wait *w = arg;
	int64_t start = now_ns();

	result = w->wait();
	if (result == w->result && now_ns() - start < w->span)
		test_fail(__FILE__, __LINE__, "%s: over after %lld ns", w->name, (long long)(now_ns() - start));
	return arg;
}

static stint_t *begin(const struct wait *w)
{
	int tries = 0;
	stint_t *s;

	for (;;) {
		w->setup();
		result = -1;
		s = stint_launch(in_call, (void *)w, SLICE);
		CHECK(s);
		if (stint_state(s) == STINT_TIMED_OUT)
			return s;
		/* the machine may have stood still until both were over */
		if (!w->span || result != w->result || ++tries == TRIES)
			test_fail(__FILE__, __LINE__, "%s: state %d, result %d", w->name, stint_state(s), result);
		stint_free(s);
		w->cleanup();
	}
}

static void finish(const struct wait *w, stint_t *s, int wanted)
{
	int err;

	do
		err = stint_resume(s, SLICE);
	while (err == ETIMEDOUT);
	if (err || result != wanted)
		test_fail(__FILE__, __LINE__, "%s: resume %d, result %d and not %d", w->name, err, result, wanted);
	stint_free(s);
	w->cleanup();
}

/* held off until the wait is over, it would be stopped once at the most. False: the machine is slow, and its time is over. */
static bool stopped_often(const struct wait *w, bool handled)
{
	stint_t *s = begin(w);
	int err, i;

	for (i = 1; i < STOPS; i++) {
		if (handled)
			to_this(SIGUSR1);
		err = stint_resume(s, SLICE);
		if (err == 0 && w->span && result == w->result)
			break;
		if (err != ETIMEDOUT)
			test_fail(__FILE__, __LINE__, "%s: resume %d, result %d after %d stops", w->name, err, result, i);
	}
	if (i == STOPS) {
		if (w->happen)
			w->happen();
		finish(w, s, w->result);
		return true;
	}
	stint_free(s);
	w->cleanup();
	return false;
}

static void stopped(const struct wait *w, bool handled)
{
	int tries = 0;

	while (!stopped_often(w, handled))
		if (++tries == TRIES)
			test_fail(__FILE__, __LINE__, "%s: never stopped %d times", w->name, STOPS);
}

static void cancelled(const struct wait *w)
{
	stint_t *s = begin(w);

	CHECK_INT(stint_cancel(s), ==, 0);
	stint_free(s);
	if (w->happen)
		w->happen();
	w->cleanup();
}

struct sender {
	pthread_t thread;
	pid_t to;
	void (*happen)(void);
	int64_t after;
	int over;                       /* with a signal that is to end a wait: it has */
};

/* A signal that comes before the wait, on a slow machine, does not end it. So more than one is sent. */
static void *sends(void *arg)
{
	struct sender *sender = arg;

	sleep_ns(sender->after);
	if (sender->to)
		syscall(SYS_tgkill, getpid(), sender->to, SIGUSR1);
	if (sender->happen) {
		if (sender->to)
			sleep_ns(STINT_MS(5));
		sender->happen();
		return arg;
	}
	while (sleep_ns(sender->after), !__atomic_load_n(&sender->over, __ATOMIC_ACQUIRE))
		syscall(SYS_tgkill, getpid(), sender->to, SIGUSR1);
	return arg;
}

static void end_sender(struct sender *sender)
{
	__atomic_store_n(&sender->over, 1, __ATOMIC_RELEASE);
	CHECK_INT(pthread_join(sender->thread, NULL), ==, 0);
}

static void start_sender(struct sender *sender)
{
	sigset_t set, old;

	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	CHECK_INT(pthread_create(&sender->thread, NULL, sends, sender), ==, 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* false: its time was over first */
static bool interrupted_once(const struct wait *w)
{
	struct sender sender = { .to = (pid_t)syscall(SYS_gettid), .after = STINT_MS(8) };
	bool comes = w->how == EINTR_COMES;
	stint_t *s = begin(w);

	/* a wait that EINTR would not end must be ended in the usual way, and that is not this thread's business while it runs a call */
	if (!comes)
		sender.happen = w->happen;
	start_sender(&sender);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	end_sender(&sender);
	stint_free(s);
	if (comes && w->happen)
		w->happen();
	w->cleanup();
	if (comes && w->span && result == w->result)
		return false;
	if (result != (comes ? EINTR : w->result))
		test_fail(__FILE__, __LINE__, "%s: result %d", w->name, result);
	return true;
}

static void interrupted(const struct wait *w)
{
	int tries = 0;

	while (!interrupted_once(w))
		if (++tries == TRIES)
			test_fail(__FILE__, __LINE__, "%s: never interrupted", w->name);
}

/* pause() ends by a handler that runs in the call, and by nothing else */
static void pausing(void)
{
	static const struct wait w = { "pause", w_pause, no_setup, NULL, no_cleanup, EINTR_COMES, EINTR, 0 };
	struct sender sender = { .to = (pid_t)syscall(SYS_gettid), .after = STINT_MS(8) };
	stint_t *s = begin(&w);

	for (int i = 1; i < STOPS; i++) {
		to_this(SIGUSR1);
		CHECK_INT(stint_resume(s, SLICE), ==, ETIMEDOUT);
	}
	start_sender(&sender);
	CHECK_INT(stint_resume(s, STINT_S(100)), ==, 0);
	end_sender(&sender);
	CHECK_INT(result, ==, EINTR);
	stint_free(s);
	cancelled(&w);

	/* outside, when a late tick comes into it */
	stint_free(stint_launch(in_call, (void *)&waits[0], STINT_MS(4)));
	start_sender(&sender);
	CHECK_INT(ERR(pause()), ==, EINTR);
	end_sender(&sender);
}

static void *returns(void *arg)
{
	return arg;
}

/* the timer of a call that has completed is disarmed lazily; the caller's own waiting must not notice */
static void after_a_call(const struct wait *w)
{
	struct sender sender = { .happen = w->happen, .after = STINT_MS(8) };
	stint_t *s;

	w->setup();
	s = stint_launch(returns, NULL, STINT_MS(4));
	CHECK(stint_is_complete(s));
	stint_free(s);
	if (w->happen)
		start_sender(&sender);
	in_call((void *)w);
	if (w->happen)
		end_sender(&sender);
	if (result != w->result)
		test_fail(__FILE__, __LINE__, "%s, after a call: result %d", w->name, result);
	w->cleanup();
}

/* a mutex or lock that this thread holds cannot be given up by another */
static bool held_by_thread(const struct wait *w)
{
	return w->setup == make_mutex || w->setup == make_rwlock;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_signal };     /* no SA_RESTART */

	test_watchdog();
#ifdef __SANITIZE_ADDRESS__
	test_skip("the sanitizer's functions come between");
#endif
	data = malloc(LONG_WRITE);
	CHECK(data);
	for (size_t i = 0; i < LONG_WRITE; i++)
		data[i] = (char)(i % 251);
	CHECK_INT(sigaction(SIGUSR1, &act, NULL), ==, 0);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		const struct wait *w = &waits[i];

		if (argc > 1 && !strstr(w->name, argv[1]))
			continue;
		printf("%s\n", w->name);
		stopped(w, false);
		if (w->span > STINT_MS(100))
			continue;
		stopped(w, true);
		cancelled(w);
		if (!held_by_thread(w) || !w->happen)
			interrupted(w);
		if (!held_by_thread(w))
			after_a_call(w);
	}
	if (argc == 1 || strstr("pause", argv[1])) {
		printf("pause\n");
		pausing();
	}
	for (size_t i = 0; i < sizeof(transfers) / sizeof(transfers[0]); i++) {
		const struct wait *w = &transfers[i];

		if (argc > 1 && !strstr(w->name, argv[1]))
			continue;
		printf("%s, all of it\n", w->name);
		stopped(w, false);
		stopped(w, true);
		after_a_call(w);
	}
	return 0;
}
