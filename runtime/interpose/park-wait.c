/*
 * park-wait.c - in threads: waiting for processes, kernel threads, file locks, FIFOs, message queues, semaphores of System V, signals
 *
 * A process is a descriptor (pidfd), and so is a POSIX message queue: there the poller wakes. For the rest the kernel tells nobody
 * but a thread that it has put to sleep. So these try without waiting, again and again: after 50 us, then at growing distances up
 * to 5 ms (park_again()). Waiting for any child, for one that stops or goes on, and for the end of a kernel thread is such, too.
 *
 * Rejected: a kernel thread for each that waits. It would know at once, but costs more than the looking does, and a cancel could
 * not end it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>

#include "../ledger.h"
#include "../sys.h"
#include "parks.h"

#define OPS_MAX 64

pid_t __wait(int *status);
pid_t __waitpid(pid_t pid, int *status, int options);
int __sched_yield(void);

static const struct until forever = { CLOCK_MONOTONIC, NEVER_NS };

/* what the kernel says in the end, and errno, in a wrapper's result */
static long result_of(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

/* one that tries without waiting: @would when it would have had to */
typedef long try_fn(void *arg);

static long until_done(struct stint *s, try_fn *try, void *arg, long would, long would_too, const struct until *u,
                       const void *caller)
{
	struct again again = { 0 };
	long r;

	park_begin(s);
	do
		r = try(arg);
	while ((r == would || r == would_too) && park_again(s, &again, u, caller));
	park_end(s, caller);
	return r;
}

/* --- children -------------------------------------------------------------------------------------- */

/* until @pid has ended, or for a moment */
static void await_process(struct stint *s, pid_t pid, struct again *again, const void *caller)
{
	long fd = pid > 0 ? ledger_own_open(false, SYS_pidfd_open, pid, 0, 0) : -1;
	unsigned seen;
	int err = 0;

	if (fd < 0) {
		park_again(s, again, &forever, caller);
		return;
	}
	poller_closed((int)fd);         /* what was known of the number */
	err = poller_register((int)fd);
	seen = poller_seen((int)fd, POLLER_IN);
	if (!err) {
		struct pollfd p = { (int)fd, POLLIN, 0 };

		if (!poll_now(&p, 1))
			err = poller_wait(s, (int)fd, POLLER_IN, seen, NEVER);
	}
	ledger_own_close(fd);
	poller_closed((int)fd);
	if (err == EINTR)
		park_stop(s, caller);
	else if (err)
		park_again(s, again, &forever, caller);
}

static pid_t await_child(struct stint *s, pid_t pid, int *status, int options, struct rusage *usage, const void *caller)
{
	bool ends = !(options & (WUNTRACED | WCONTINUED));
	struct again again = { 0 };
	long r;

	park_begin(s);
	while (!(r = sys_raw(SYS_wait4, pid, status, options | WNOHANG, usage)))
		await_process(s, ends ? pid : -1, &again, caller);
	park_end(s, caller);
	return (pid_t)result_of(r);
}

#define WAITS_CHILD(name, params, args, pid, options, usage)                  \
	WRAPPER pid_t name params                                             \
	{                                                                     \
		struct stint *s = parks();                                    \
                                                                              \
		if (unlikely(s) && !((options) & WNOHANG))                    \
			return await_child(s, pid, status, options, usage, caller_address()); \
		return REAL(name) args;                                       \
	}

WAITS_CHILD(wait, (int *status), (status), -1, 0, NULL)
WAITS_CHILD(__wait, (int *status), (status), -1, 0, NULL)
WAITS_CHILD(waitpid, (pid_t pid, int *status, int options), (pid, status, options), pid, options, NULL)
WAITS_CHILD(__waitpid, (pid_t pid, int *status, int options), (pid, status, options), pid, options, NULL)
WAITS_CHILD(wait3, (int *status, int options, struct rusage *usage), (status, options, usage), -1, options, usage)
WAITS_CHILD(wait4, (pid_t pid, int *status, int options, struct rusage *usage), (pid, status, options, usage), pid,
            options, usage)

/* nothing yet is told by a pid of 0 */
static int await_any(struct stint *s, idtype_t type, id_t id, siginfo_t *info, int options, const void *caller)
{
	pid_t pid = type == P_PID && !(options & (WSTOPPED | WCONTINUED)) ? (pid_t)id : -1;
	struct again again = { 0 };
	siginfo_t own;
	long r;

	if (!info)
		info = &own;
	park_begin(s);
	for (;;) {
		info->si_pid = 0;
		r = arch_syscall(SYS_waitid, type, id, (long)info, options | WNOHANG, 0, 0);
		if (r || info->si_pid)
			break;
		await_process(s, pid, &again, caller);
	}
	park_end(s, caller);
	return (int)result_of(r);
}

WRAPPER int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	struct stint *s = parks();

	if (unlikely(s) && !(options & WNOHANG))
		return await_any(s, type, id, info, options, caller_address());
	return REAL(waitid)(type, id, info, options);
}

/* --- kernel threads -------------------------------------------------------------------------------- */

struct join {
	pthread_t t;
	void *value;
};

static long try_join(void *arg)
{
	struct join *j = arg;

	return REAL(pthread_tryjoin_np)(j->t, &j->value);
}

/* who joins itself is told so by libc */
bool park_join(struct stint *s, pthread_t t, void **value, const struct until *u, int *r, const void *caller)
{
	struct join j = { t, NULL };

	if (pthread_equal(t, pthread_self()))
		return false;
	*r = (int)until_done(s, try_join, &j, EBUSY, EBUSY, u, caller);
	if (*r == EBUSY)
		*r = ETIMEDOUT;
	if (!*r && value)
		*value = j.value;
	return true;
}

/* --- file locks ------------------------------------------------------------------------------------ */

struct lock {
	int fd, how;
	void *record;
	off64_t len;
};

static long try_flock(void *arg)
{
	struct lock *l = arg;

	return sys_raw(SYS_flock, l->fd, l->how | LOCK_NB, 0, 0);
}

WRAPPER int flock(int fd, int how)
{
	struct stint *s = parks();
	struct lock l = { .fd = fd, .how = how };

	if (likely(!s) || (how & (LOCK_NB | LOCK_UN)))
		return REAL(flock)(fd, how);
	return (int)result_of(until_done(s, try_flock, &l, -EWOULDBLOCK, -EWOULDBLOCK, &forever, caller_address()));
}

static long try_record(void *arg)
{
	struct lock *l = arg;

	return sys_raw(SYS_fcntl, l->fd, l->how, l->record, 0);
}

bool park_record_lock(struct stint *s, int fd, int command, void *record, int *r, const void *caller)
{
	struct lock l = { .fd = fd, .how = command == F_SETLKW ? F_SETLK : F_OFD_SETLK, .record = record };

	*r = (int)result_of(until_done(s, try_record, &l, -EAGAIN, -EACCES, &forever, caller));
	return true;
}

/* libc makes a record of it */
static long try_lockf(void *arg)
{
	struct lock *l = arg;
	int saved = errno;
	long r = REAL(lockf64)(l->fd, F_TLOCK, l->len) ? -errno : 0;

	errno = saved;
	return r;
}

static int lock_rest(struct stint *s, int fd, off64_t len, const void *caller)
{
	struct lock l = { .fd = fd, .len = len };

	return (int)result_of(until_done(s, try_lockf, &l, -EAGAIN, -EACCES, &forever, caller));
}

WRAPPER int lockf(int fd, int command, off_t len)
{
	struct stint *s = parks();

	return likely(!s) || command != F_LOCK ? REAL(lockf)(fd, command, len) : lock_rest(s, fd, len, caller_address());
}

WRAPPER int lockf64(int fd, int command, off64_t len)
{
	struct stint *s = parks();

	return likely(!s) || command != F_LOCK ? REAL(lockf64)(fd, command, len) : lock_rest(s, fd, len, caller_address());
}

/* --- FIFOs ------------------------------------------------------------------------------------------ */

/*
 * Opened without waiting, for reading it is open at once, as for others it is while one waits in the kernel; only that
 * somebody has it open for writing must be found out. A read to where nothing can be stored takes nothing: it says that there is
 * nothing and will be nothing (0), or not. If such a one has come and gone meanwhile, poll() says so.
 */
static bool has_writer(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return sys_raw(SYS_read, fd, 1, 1, 0) || poll_now(&p, 1);
}

static bool may_be_fifo(int flags)
{
	return !(flags & (O_NONBLOCK | O_PATH | O_DIRECTORY)) && (flags & O_ACCMODE) != O_RDWR &&
	       (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
}

bool park_open(struct stint *s, int dir, const char *path, int flags, mode_t mode, int *r, const void *caller)
{
	struct again again = { 0 };
	struct stat st;
	long fd;

	if (!may_be_fifo(flags) || sys_raw(SYS_newfstatat, dir, path, &st, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) ||
	    !S_ISFIFO(st.st_mode))
		return false;
	park_begin(s);
	while ((fd = sys_raw(SYS_openat, dir, path, flags | O_NONBLOCK, mode)) == -ENXIO)
		park_again(s, &again, &forever, caller);        /* nobody reads it yet */
	if (fd >= 0) {
		ledger_fd_opened(s, (int)fd);
		poller_closed((int)fd);         /* what was known of the number */
		while ((flags & O_ACCMODE) == O_RDONLY && !has_writer((int)fd))
			park_again(s, &again, &forever, caller);
		sys_raw(SYS_fcntl, fd, F_SETFL, sys_raw(SYS_fcntl, fd, F_GETFL, 0, 0) & ~O_NONBLOCK, 0);
	}
	park_end(s, caller);
	*r = (int)result_of(fd);
	return true;
}

/* --- System V -------------------------------------------------------------------------------------- */

struct operation {
	int id;
	void *what;
	size_t n;
	long type;
	int flags;
};

static long try_semop(void *arg)
{
	struct operation *o = arg;

	return sys_raw(SYS_semop, o->id, o->what, o->n, 0);
}

/* all operations or none: if one of them would have to wait, and none of those that must not */
bool park_semop(struct stint *s, int id, struct sembuf *ops, size_t n, const struct until *u, int *r, const void *caller)
{
	struct sembuf now[OPS_MAX];
	struct operation o = { .id = id, .what = now, .n = n };
	long got;

	if (!n || n > OPS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (ops[i].sem_flg & IPC_NOWAIT)
			return false;
		now[i] = ops[i];
		now[i].sem_flg |= IPC_NOWAIT;
	}
	got = until_done(s, try_semop, &o, -EAGAIN, -EAGAIN, u ? u : &forever, caller);
	*r = (int)result_of(got);
	return true;
}

static long try_msgsnd(void *arg)
{
	struct operation *o = arg;

	return sys_raw(SYS_msgsnd, o->id, o->what, o->n, o->flags | IPC_NOWAIT);
}

bool park_msgsnd(struct stint *s, int id, const void *message, size_t size, int flags, int *r, const void *caller)
{
	struct operation o = { .id = id, .what = (void *)message, .n = size, .flags = flags };

	if (flags & IPC_NOWAIT)
		return false;
	*r = (int)result_of(until_done(s, try_msgsnd, &o, -EAGAIN, -EAGAIN, &forever, caller));
	return true;
}

static long try_msgrcv(void *arg)
{
	struct operation *o = arg;

	return arch_syscall(SYS_msgrcv, o->id, (long)o->what, (long)o->n, o->type, o->flags | IPC_NOWAIT, 0);
}

bool park_msgrcv(struct stint *s, int id, void *message, size_t size, long type, int flags, ssize_t *r,
                 const void *caller)
{
	struct operation o = { .id = id, .what = message, .n = size, .type = type, .flags = flags };

	if (flags & IPC_NOWAIT)
		return false;
	*r = result_of(until_done(s, try_msgrcv, &o, -ENOMSG, -ENOMSG, &forever, caller));
	return true;
}

/* --- message queues of POSIX ----------------------------------------------------------------------- */

struct letter {
	long nr;
	mqd_t queue;
	void *text;
	size_t size;
	long priority;          /* or where it is to go */
};

/* with a time that is over the kernel does not wait; ETIMEDOUT: it would have had to. EAGAIN: the program's O_NONBLOCK. */
static long post_now(const struct letter *l)
{
	struct timespec over = { 0, 0 };

	return arch_syscall(l->nr, l->queue, (long)l->text, (long)l->size, l->priority, (long)&over, 0);
}

static ssize_t post(struct stint *s, const struct letter *l, const struct until *u, const void *caller)
{
	enum poller_dir dir = l->nr == SYS_mq_timedsend ? POLLER_OUT : POLLER_IN;
	struct again again = { 0 };
	long r;

	park_begin(s);
	for (;;) {
		unsigned seen = poller_seen(l->queue, dir);
		int err;

		r = post_now(l);
		if (r != -ETIMEDOUT || until_over(u))
			break;
		err = poller_wait(s, l->queue, dir, seen, until_deadline(u));
		if (err == EINTR)
			park_stop(s, caller);
		else if (err && err != ETIMEDOUT)
			park_again(s, &again, u, caller);
	}
	park_end(s, caller);
	return result_of(r);
}

/* the kernel is to say what is wrong with a time */
static bool is_time(const struct timespec *at)
{
	return !at || (at->tv_sec >= 0 && at->tv_nsec >= 0 && at->tv_nsec < 1000000000);
}

WRAPPER int mq_timedsend(mqd_t queue, const char *text, size_t size, unsigned priority, const struct timespec *at)
{
	struct letter l = { SYS_mq_timedsend, queue, (void *)text, size, priority };
	struct stint *s = parks();
	struct until u;

	if (likely(!s) || !is_time(at))
		return REAL(mq_timedsend)(queue, text, size, priority, at);
	u = until_at(CLOCK_REALTIME, at);
	return (int)post(s, &l, &u, caller_address());
}

WRAPPER int mq_send(mqd_t queue, const char *text, size_t size, unsigned priority)
{
	struct letter l = { SYS_mq_timedsend, queue, (void *)text, size, priority };
	struct stint *s = parks();

	return likely(!s) ? REAL(mq_send)(queue, text, size, priority) : (int)post(s, &l, &forever, caller_address());
}

WRAPPER ssize_t mq_timedreceive(mqd_t queue, char *restrict text, size_t size, unsigned *restrict priority,
                                const struct timespec *restrict at)
{
	struct letter l = { SYS_mq_timedreceive, queue, text, size, (long)priority };
	struct stint *s = parks();
	struct until u;

	if (likely(!s) || !is_time(at))
		return REAL(mq_timedreceive)(queue, text, size, priority, at);
	u = until_at(CLOCK_REALTIME, at);
	return post(s, &l, &u, caller_address());
}

WRAPPER ssize_t mq_receive(mqd_t queue, char *text, size_t size, unsigned *priority)
{
	struct letter l = { SYS_mq_timedreceive, queue, text, size, (long)priority };
	struct stint *s = parks();

	return likely(!s) ? REAL(mq_receive)(queue, text, size, priority) : post(s, &l, &forever, caller_address());
}

/* --- signals --------------------------------------------------------------------------------------- */

struct awaited {
	const sigset_t *set;
	siginfo_t *info;
};

static long try_sigwait(void *arg)
{
	struct awaited *a = arg;
	struct timespec none = { 0, 0 };
	long r = sys_raw(SYS_rt_sigtimedwait, a->set, a->info, &none, sizeof(uint64_t));

	if (r > 0 && a->info && a->info->si_code == SI_TKILL)
		a->info->si_code = SI_USER;     /* as libc does: raise() and pthread_kill() are no different from kill() */
	return r;
}

/* EINTR is of a handler that ran on this worker meanwhile: nobody's */
bool park_sigwait(struct stint *s, const sigset_t *set, siginfo_t *info, const struct until *u, int *r,
                  const void *caller)
{
	struct awaited a = { set, info };

	*r = (int)result_of(until_done(s, try_sigwait, &a, -EAGAIN, -EINTR, u, caller));
	return true;
}

/* --- the CPU --------------------------------------------------------------------------------------- */

#define YIELDS(name)                                                          \
	WRAPPER int name(void)                                                \
	{                                                                     \
		if (likely(!parks()))                                         \
			return REAL(name)();                                  \
		park_yield();                                                 \
		return 0;                                                     \
	}

YIELDS(sched_yield)
YIELDS(__sched_yield)

WRAPPER void thrd_yield(void)
{
	if (likely(!parks()))
		REAL(thrd_yield)();
	else
		park_yield();
}
