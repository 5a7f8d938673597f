/*
 * file.c - descriptors
 *
 * What hands out a descriptor enters it; what closes one strikes it first, on whatever thread, because the number may
 * be another's the moment it is closed. From the system call to the entry the call must not be stopped, or
 * a cancel would lose the descriptor. Some of these wait (open() of a FIFO, accept(), a record lock), and must be
 * stoppable all the same: they run as a wait (wait_begin), in which the call is stopped only where the system
 * call is about to be issued, or has failed with EINTR: where it has nothing yet.
 *
 * Async-signal-safe, as the originals are. Not tracked: numbers from 2^20, and descriptors that libc opens for itself
 * (those of streams and directories are held by their streams and directories).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <pty.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "own.h"
#include "parks.h"
#include "../ledger.h"

#undef mq_open
#undef open
#undef open64
#undef openat
#undef openat64
#undef creat
#undef creat64
int __open(const char *path, int flags, ...);
int __open64(const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
mqd_t __mq_open_2(const char *name, int flags);
int __close(int fd);
int __dup2(int from, int to);
int __pipe(int fds[2]);
int __fcntl(int fd, int command, ...);
int memfd_create(const char *name, unsigned flags);
int fsopen(const char *fs_name, unsigned flags);
int fspick(int dir, const char *path, unsigned flags);
int fsmount(int fd, unsigned flags, unsigned ms_flags);
int open_tree(int dir, const char *path, unsigned flags);

/* what is known of the number is of one that was closed past us */
static int enter(struct stint *s, int fd)
{
	if (fd >= 0) {
		ledger_fd_opened(s, fd);
		poller_closed(fd);
	}
	return fd;
}

static int enter_pair(struct stint *s, int r, const int fds[2])
{
	if (r == 0) {
		enter(s, fds[0]);
		enter(s, fds[1]);
	}
	return r;
}

/* hands out a descriptor, or -1, at once */
#define OPENS(name, params, args) DEFERRED(, int, name, params, enter(NULL, REAL(name) args), enter(s_, REAL(name) args))

/*
 * Hands out a descriptor, or -1, and may have to wait for it. SA_RESTART has the system call issued again
 * after a stop. In a thread it may have been @parked for it.
 */
#define WAITS(name, params, args, parked)                                     \
	WRAPPER int name params                                               \
	{                                                                     \
		struct stint *s_ = self();                                    \
		int r_;                                                       \
                                                                              \
		if (likely(!s_))                                              \
			return enter(NULL, REAL(name) args);                  \
		if (parks_in(s_) && (parked))                                 \
			return r_;                                            \
		preempt_disable(s_);                                          \
		wait_begin(s_, NULL, 0);                               \
		r_ = REAL(name) args;                                         \
		ledger_wait_end(s_);                                          \
		enter(s_, r_);                                                \
		preempt_enable(s_, caller_address());                         \
		return r_;                                                    \
	}

/* --- opening by name --------------------------------------------------------------------------- */

/* whether open() with these flags has a third argument; reading one that is not there is harmless but untidy */
static bool takes_mode(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* Variable arguments: @mode is fetched first, then as WAITS. */
#define WAITS_MODE(name, dir, params, args)                                   \
	WRAPPER int name params                                               \
	{                                                                     \
		struct stint *s_ = self();                                    \
		mode_t mode = 0;                                              \
		va_list ap;                                                   \
		int r_;                                                       \
                                                                              \
		va_start(ap, flags);                                          \
		if (takes_mode(flags))                                        \
			mode = va_arg(ap, mode_t);                            \
		va_end(ap);                                                   \
		if (likely(!s_))                                              \
			return enter(NULL, REAL(name) args);                  \
		if (parks_in(s_) && park_open(s_, dir, path, flags, mode, &r_, caller_address())) \
			return r_;                                            \
		preempt_disable(s_);                                          \
		wait_begin(s_, NULL, 0);                               \
		r_ = REAL(name) args;                                         \
		ledger_wait_end(s_);                                          \
		enter(s_, r_);                                                \
		preempt_enable(s_, caller_address());                         \
		return r_;                                                    \
	}

WAITS_MODE(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WAITS_MODE(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WAITS_MODE(__open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WAITS_MODE(__open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WAITS_MODE(openat, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
WAITS_MODE(openat64, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
WAITS(__open_2, (const char *path, int flags), (path, flags),
      park_open(s_, AT_FDCWD, path, flags, 0, &r_, caller_address()))
WAITS(__open64_2, (const char *path, int flags), (path, flags),
      park_open(s_, AT_FDCWD, path, flags, 0, &r_, caller_address()))
WAITS(__openat_2, (int dir, const char *path, int flags), (dir, path, flags),
      park_open(s_, dir, path, flags, 0, &r_, caller_address()))
WAITS(__openat64_2, (int dir, const char *path, int flags), (dir, path, flags),
      park_open(s_, dir, path, flags, 0, &r_, caller_address()))
WAITS(creat, (const char *path, mode_t mode), (path, mode),
      park_open(s_, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, &r_, caller_address()))
WAITS(creat64, (const char *path, mode_t mode), (path, mode),
      park_open(s_, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, &r_, caller_address()))
WAITS(open_by_handle_at, (int mount, struct file_handle *handle, int flags), (mount, handle, flags), false)
OPENS(shm_open, (const char *name, int flags, mode_t mode), (name, flags, mode))
OPENS(posix_openpt, (int flags), (flags))
OPENS(getpt, (void), ())
OPENS(mkstemp, (char *pattern), (pattern))
OPENS(mkstemp64, (char *pattern), (pattern))
OPENS(mkostemp, (char *pattern, int flags), (pattern, flags))
OPENS(mkostemp64, (char *pattern, int flags), (pattern, flags))
OPENS(mkstemps, (char *pattern, int suffix), (pattern, suffix))
OPENS(mkstemps64, (char *pattern, int suffix), (pattern, suffix))
OPENS(mkostemps, (char *pattern, int suffix, int flags), (pattern, suffix, flags))
OPENS(mkostemps64, (char *pattern, int suffix, int flags), (pattern, suffix, flags))
OPENS(fsopen, (const char *fs_name, unsigned flags), (fs_name, flags))
OPENS(fspick, (int dir, const char *path, unsigned flags), (dir, path, flags))
OPENS(fsmount, (int fd, unsigned flags, unsigned ms_flags), (fd, flags, ms_flags))
OPENS(open_tree, (int dir, const char *path, unsigned flags), (dir, path, flags))

/* --- other ways to get one --------------------------------------------------------------------- */

OPENS(dup, (int fd), (fd))
OPENS(socket, (int domain, int type, int protocol), (domain, type, protocol))

/* a socket with a timeout (SO_RCVTIMEO) returns EINTR after a stop, which the caller must not see; outside, after a late tick */
#define ACCEPTS(name, params, args, flags)                                    \
	WRAPPER int name params                                               \
	{                                                                     \
		struct stint *s_ = self();                                    \
		struct socket_wait w;                                         \
		int r_;                                                       \
                                                                              \
		if (s_ && parks_in(s_) && park_accept(s_, fd, address, len, flags, &r_, caller_address())) \
			return r_;                                            \
		if (s_) {                                                     \
			preempt_disable(s_);                                  \
			wait_begin(s_, NULL, 0);                       \
		}                                                             \
		socket_wait(&w);                                              \
		do                                                            \
			r_ = REAL(name) args;                                 \
		while (r_ < 0 && socket_again(&w, fd, SO_RCVTIMEO));          \
		if (s_)                                                       \
			ledger_wait_end(s_);                                  \
		enter(s_, r_);                                                \
		if (s_)                                                       \
			preempt_enable(s_, caller_address());                 \
		return r_;                                                    \
	}

ACCEPTS(accept, (int fd, struct sockaddr *address, socklen_t *len), (fd, address, len), 0)
ACCEPTS(accept4, (int fd, struct sockaddr *address, socklen_t *len, int flags), (fd, address, len, flags), flags)
OPENS(epoll_create, (int size), (size))
OPENS(epoll_create1, (int flags), (flags))
OPENS(eventfd, (unsigned value, int flags), (value, flags))
OPENS(timerfd_create, (clockid_t clock, int flags), (clock, flags))
/* with an existing descriptor it returns that, which keeps its owner */
WRAPPER int signalfd(int fd, const sigset_t *mask, int flags)
{
	struct stint *s = self();
	int r;

	if (likely(!s)) {
		r = REAL(signalfd)(fd, mask, flags);
		return fd < 0 ? enter(NULL, r) : r;
	}
	preempt_disable(s);
	r = REAL(signalfd)(fd, mask, flags);
	if (fd < 0)
		enter(s, r);
	preempt_enable(s, caller_address());
	return r;
}
OPENS(memfd_create, (const char *name, unsigned flags), (name, flags))
OPENS(inotify_init, (void), ())
OPENS(inotify_init1, (int flags), (flags))
OPENS(fanotify_init, (unsigned flags, unsigned event_flags), (flags, event_flags))
OPENS(pidfd_open, (pid_t pid, unsigned flags), (pid, flags))
OPENS(pidfd_getfd, (int pidfd, int target, unsigned flags), (pidfd, target, flags))
OPENS(rresvport, (int *port), (port))
OPENS(rresvport_af, (int *port, sa_family_t af), (port, af))
OPENS(__mq_open_2, (const char *name, int flags), (name, flags))

/* a message queue is a descriptor */
WRAPPER mqd_t mq_open(const char *name, int flags, ...)
{
	struct stint *s = self();
	struct mq_attr *attr = NULL;
	mode_t mode = 0;
	va_list ap;
	int r;

	va_start(ap, flags);
	if (flags & O_CREAT) {
		mode = va_arg(ap, mode_t);
		attr = va_arg(ap, struct mq_attr *);
	}
	va_end(ap);
	if (likely(!s))
		return enter(NULL, REAL(mq_open)(name, flags, mode, attr));
	preempt_disable(s);
	r = enter(s, REAL(mq_open)(name, flags, mode, attr));
	preempt_enable(s, caller_address());
	return r;
}

/* the connection, and if asked for a second one for errors */
static int enter_connection(struct stint *s, int fd, const int *errors)
{
	if (fd >= 0 && errors)
		enter(s, *errors);
	return enter(s, fd);
}

#define CONNECTS(name, params, args)                                          \
	DEFERRED(, int, name, params, enter_connection(NULL, REAL(name) args, errors), \
	         enter_connection(s_, REAL(name) args, errors))

CONNECTS(rcmd, (char **host, unsigned short port, const char *here, const char *there, const char *command, int *errors),
         (host, port, here, there, command, errors))
CONNECTS(rcmd_af, (char **host, unsigned short port, const char *here, const char *there, const char *command,
                   int *errors, sa_family_t af), (host, port, here, there, command, errors, af))
CONNECTS(rexec, (char **host, int port, const char *user, const char *password, const char *command, int *errors),
         (host, port, user, password, command, errors))
CONNECTS(rexec_af, (char **host, int port, const char *user, const char *password, const char *command, int *errors,
                    sa_family_t af), (host, port, user, password, command, errors, af))

#define OPENS_PAIR(name, params, args) \
	DEFERRED(, int, name, params, enter_pair(NULL, REAL(name) args, fds), enter_pair(s_, REAL(name) args, fds))

OPENS_PAIR(pipe, (int fds[2]), (fds))
OPENS_PAIR(__pipe, (int fds[2]), (fds))

static int enter_pipe(struct stint *s, int r, const int *fds, int flags)
{
	if (flags & O_DIRECT)
		park_packets();
	return enter_pair(s, r, fds);
}

DEFERRED(, int, pipe2, (int fds[2], int flags), enter_pipe(NULL, REAL(pipe2)(fds, flags), fds, flags),
         enter_pipe(s_, REAL(pipe2)(fds, flags), fds, flags))

WRAPPER int openpty(int *master, int *slave, char *name, const struct termios *term, const struct winsize *size)
{
	struct stint *s = self();
	int r;

	if (s)
		preempt_disable(s);
	r = REAL(openpty)(master, slave, name, term, size);
	if (r == 0) {
		enter(s, *master);
		enter(s, *slave);
	}
	if (s)
		preempt_enable(s, caller_address());
	return r;
}

OPENS_PAIR(socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))

/* the descriptors that came with a message */
void enter_rights(struct stint *s, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = c->cmsg_len > CMSG_LEN(0) ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			enter(s, fd);
		}
	}
}

WRAPPER ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct stint *s = self();
	struct socket_wait w;
	ssize_t r;

	if (s && parks_in(s) && park_recvmsg(s, fd, message, flags, &r, caller_address()))
		return r;
	if (s) {
		preempt_disable(s);
		wait_begin(s, NULL, 0);
	}
	socket_wait(&w);
	do
		r = REAL(recvmsg)(fd, message, flags);
	while (r < 0 && socket_again(&w, fd, SO_RCVTIMEO));
	if (!s)
		return r;
	ledger_wait_end(s);
	if (r >= 0 && message->msg_control)
		enter_rights(s, message);
	preempt_enable(s, caller_address());
	return r;
}

WRAPPER int recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout)
{
	struct stint *s = self();
	struct socket_wait w;
	int r;

	if (s && parks_in(s) && park_recvmmsg(s, fd, messages, n, flags, timeout, &r, caller_address()))
		return r;
	if (s) {
		preempt_disable(s);
		wait_begin(s, NULL, 0);
	}
	socket_wait(&w);
	do
		r = REAL(recvmmsg)(fd, messages, n, flags, timeout);
	while (r < 0 && socket_again(&w, fd, SO_RCVTIMEO));
	if (!s)
		return r;
	ledger_wait_end(s);
	for (int i = 0; i < r; i++)
		if (messages[i].msg_hdr.msg_control)
			enter_rights(s, &messages[i].msg_hdr);
	preempt_enable(s, caller_address());
	return r;
}

/* fcntl always has a third word, of whatever type; the kernel knows which commands read it */
static int control(int (*real)(int, int, ...), struct stint *s, int fd, int command, void *arg, const void *caller)
{
	bool waits = command == F_SETLKW || command == F_OFD_SETLKW;
	int r;

	if (waits && parks() && park_record_lock(s, fd, command, arg, &r, caller))
		return r;
	preempt_disable(s);
	if (waits)
		wait_begin(s, NULL, 0);
	if (command == F_SETFL)
		park_flags_set(fd, (long)arg);
	r = real(fd, command, arg);
	if (waits)
		ledger_wait_end(s);
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		enter(s, r);
	if (command == F_SETFL)
		poller_modes_changed();
	preempt_enable(s, caller);
	return r;
}

static int set_flags(int (*real)(int, int, ...), int fd, void *arg)
{
	int r;

	park_flags_set(fd, (long)arg);
	r = real(fd, F_SETFL, arg);
	poller_modes_changed();
	return r;
}

#define CONTROLS(name)                                                        \
	WRAPPER int name(int fd, int command, ...)                            \
	{                                                                     \
		struct stint *s = self();                                     \
		va_list ap;                                                   \
		void *arg;                                                    \
                                                                              \
		va_start(ap, command);                                        \
		arg = va_arg(ap, void *);                                     \
		va_end(ap);                                                   \
		if (likely(!s))                                               \
			return command == F_SETFL ? set_flags(REAL(name), fd, arg) : REAL(name)(fd, command, arg); \
		return control(REAL(name), s, fd, command, arg, caller_address()); \
	}

CONTROLS(fcntl)
CONTROLS(fcntl64)
CONTROLS(__fcntl)

/* --- closing ----------------------------------------------------------------------------------- */

/* threads that wait for it are told afterwards: then they see it themselves */
#define CLOSES(name)                                                          \
	WRAPPER int name(int fd)                                              \
	{                                                                     \
		struct stint *s = self();                                     \
		int r = -1;                                                   \
                                                                              \
		if (unlikely(s))                                              \
			preempt_disable(s);                                   \
		if (likely(!own_refuses(fd))) {                               \
			ledger_fd_closed(fd);                                 \
			r = REAL(name)(fd);                                   \
			poller_closed(fd);                                    \
		}                                                             \
		if (unlikely(s))                                              \
			preempt_enable(s, caller_address());                  \
		return r;                                                     \
	}

CLOSES(close)
CLOSES(__close)
CLOSES(mq_close)

/* The target is closed on the way, unless it fails. The one who asks for it owns it then. */
static int duplicate(struct stint *s, int from, int to, int flags, int (*dup2)(int, int), int (*dup3)(int, int, int))
{
	uintptr_t owner;
	int r;

	if (from == to)
		return dup2 ? dup2(from, to) : dup3(from, to, flags);
	if (unlikely(own_refuses(to)))
		return -1;
	owner = ledger_fd_take(to);
	r = dup2 ? dup2(from, to) : dup3(from, to, flags);
	poller_closed(to);
	if (r < 0)
		ledger_fd_restore(to, owner);
	else if (s)
		ledger_fd_opened(s, to);
	return r;
}

#define DUPLICATES(name, params, flags, two, three)                           \
	DEFERRED(, int, name, params, duplicate(NULL, from, to, flags, two, three), \
	         duplicate(s_, from, to, flags, two, three))

DUPLICATES(dup2, (int from, int to), 0, REAL(dup2), NULL)
DUPLICATES(__dup2, (int from, int to), 0, REAL(__dup2), NULL)
DUPLICATES(dup3, (int from, int to, int flags), flags, NULL, REAL(dup3))

DEFERRED(, int, close_range, (unsigned lo, unsigned hi, int flags), own_close_range(lo, hi, flags),
         own_close_range(lo, hi, flags))
DEFERRED_VOID(, closefrom, (int lo), own_closefrom(lo), own_closefrom(lo))
