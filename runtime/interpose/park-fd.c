/*
 * park-fd.c - reading, writing, accepting and connecting in threads
 *
 * Each function tries without waiting, and when there is nothing to be had parks the thread in the poller until there may be, by
 * the protocol of poller.h. How to try without waiting, though the program has not made the descriptor non-blocking:
 *
 *      socket          MSG_DONTWAIT; for read() and write(), too, which are the same there
 *      pipe            RWF_NOWAIT, where the kernel knows that for pipes
 *      others          poll() with no time before it (FIFOs, terminals, eventfd and the like; accept()). Who comes in between and
 *                      takes what there was has us wait in the kernel: at the system call instruction, where a tick can stop the
 *                      thread (wait_begin()), so that the worker is not lost for longer than a turn. What the program has made
 *                      non-blocking is read without asking.
 *      files           not at all: they do not wait for anybody. The real function is called.
 *
 * A blocking write() returns when all is written; so does ours, unless an error or the socket's own timeout comes in between:
 * then it returns how much was, as the kernel's does. What the program has made non-blocking fails with EAGAIN. That, the kind and
 * a socket's timeouts are asked for where there is nothing to be had, and remembered (struct fd_facts).
 *
 * Of the descriptor's own flags only connect() changes one, O_NONBLOCK, for the moment of one system call on a socket that
 * is not connected yet; there is no other way to begin a connection without waiting for it.
 *
 * Tried and rejected: poll() before each read on sockets, one system call more; O_NONBLOCK on everything that a thread opens,
 * because descriptors are shared with other processes, which do not expect it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "../ledger.h"
#include "../sys.h"
#include "parks.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
#define MAJOR_MEM 1             /* /dev/null and its kin never wait */
#define USEC 1000L
#define NSEC 1000000000L
#define SHARE 4096              /* written at once where there is room for something: what a pipe has room for, then */

/* one that waits for one descriptor */
struct transfer {
	struct stint *s;
	const void *caller;
	int fd;
	enum poller_dir dir;
	bool known;                     /* facts are */
	bool timed;                     /* deadline is set */
	bool over;                      /* and has passed */
	unsigned seen;
	struct fd_facts facts;
	uint64_t ticket;
	uint64_t deadline;
	struct again again;
};

static void begin(struct transfer *t, struct stint *s, int fd, enum poller_dir dir, const void *caller)
{
	park_begin(s);
	t->s = s;
	t->caller = caller;
	t->fd = fd;
	t->dir = dir;
	t->timed = t->over = false;
	t->again.pause = 0;
	t->known = poller_facts(fd, &t->facts, &t->ticket);
}

/* @r as the kernel gave it: errno is set, and the wrapper's result returned */
static ssize_t end(struct transfer *t, long r)
{
	park_end(t->s, t->caller);
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static bool give_up(struct transfer *t)
{
	park_end(t->s, t->caller);
	return false;
}

/* --- what a descriptor is ------------------------------------------------------------------------- */

static uint64_t timeout_of(int fd, int option)
{
	struct timeval span = { 0, 0 };
	socklen_t len = sizeof(span);
	int64_t ns;

	if (arch_syscall(SYS_getsockopt, fd, SOL_SOCKET, option, (long)&span, (long)&len, 0) || !(span.tv_sec || span.tv_usec))
		return NEVER;
	if (__builtin_mul_overflow(span.tv_sec, NSEC, &ns) || __builtin_add_overflow(ns, span.tv_usec * USEC, &ns))
		return NEVER;
	return clock_cycles(ns);
}

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return arch_syscall(SYS_getsockopt, fd, SOL_SOCKET, option, (long)&value, (long)&len, 0) ? -1 : value;
}

/* not so where the kernel encrypts: a record may end a read, and the next be there */
static bool is_plain_tcp(int fd)
{
	char protocol[16] = "";
	socklen_t len = sizeof(protocol);

	return socket_option(fd, SO_PROTOCOL) == IPPROTO_TCP &&
	       !(arch_syscall(SYS_getsockopt, fd, IPPROTO_TCP, TCP_ULP, (long)protocol, (long)&len, 0) == 0 && len && protocol[0]);
}

/* SO_RCVLOWAT has been set on some socket of this process. Until then nobody asks for it. */
static bool least_is_set;

void park_option_set(int level, int option)
{
	if (unlikely(level == SOL_SOCKET && option == SO_RCVLOWAT))
		__atomic_store_n(&least_is_set, true, __ATOMIC_RELAXED);        /* poller_modes_changed() follows */
}

static bool may_have_least(void)
{
	return unlikely(__atomic_load_n(&least_is_set, __ATOMIC_RELAXED));
}

/* A local stream may stop where descriptors lie in it, and have more; so may streams with boundaries (SCTP). */
static void learn_socket(int fd, struct fd_facts *f)
{
	f->kind = socket_option(fd, SO_TYPE) == SOCK_STREAM ? FD_STREAM : FD_SOCKET;
	f->dries = f->kind == FD_STREAM && is_plain_tcp(fd);
	if (f->kind == FD_STREAM && may_have_least())
		f->least = socket_option(fd, SO_RCVLOWAT);
	f->timeout[POLLER_IN] = timeout_of(fd, SO_RCVTIMEO);
	f->timeout[POLLER_OUT] = timeout_of(fd, SO_SNDTIMEO);
}

/* Pipes without a name are all on one device, which is remembered once one has been seen. */
static bool has_name(int fd, const struct stat *st)
{
	static dev_t nameless;
	struct statfs fs;

	if (st->st_dev == __atomic_load_n(&nameless, __ATOMIC_RELAXED))
		return false;
	if (sys_raw(SYS_fstatfs, fd, &fs, 0, 0) || fs.f_type != PIPEFS_MAGIC)
		return true;
	__atomic_store_n(&nameless, st->st_dev, __ATOMIC_RELAXED);
	return false;
}

/* how long a read from a terminal waits for the first byte, cycles; NEVER; false: it is none. libc's termios begins as the kernel's. */
static bool terminal_waits(int fd, uint64_t *span)
{
	struct termios t;

	if (sys_raw(SYS_ioctl, fd, TCGETS, &t, 0))
		return false;
	*span = (t.c_lflag & ICANON) || t.c_cc[VMIN] ? NEVER : clock_cycles(t.c_cc[VTIME] * (NSEC / 10));
	return true;
}

static int device_kind(int fd, const struct stat *st)
{
	uint64_t span;

	if (major(st->st_rdev) == MAJOR_MEM)
		return FD_FILE;
	return terminal_waits(fd, &span) ? FD_TERMINAL : FD_OTHER;
}

static int kind_of(int fd, const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFSOCK:
		return FD_SOCKET;
	case S_IFIFO:
		return has_name(fd, st) ? FD_FIFO : FD_PIPE;
	case S_IFREG:
	case S_IFDIR:
	case S_IFBLK:
		return FD_FILE;
	case S_IFCHR:
		return device_kind(fd, st);
	default:
		return FD_OTHER;        /* eventfd and the like have no type */
	}
}

/* 0 or a negative error */
static long learn(struct transfer *t)
{
	struct fd_facts f = { .timeout = { NEVER, NEVER } };
	struct stat st;
	long flags;

	if (t->known)
		return 0;
	flags = sys_raw(SYS_fcntl, t->fd, F_GETFL, 0, 0);
	if (flags < 0 || (flags & O_PATH))
		return -EBADF;
	if (sys_raw(SYS_fstat, t->fd, &st, 0, 0))
		return -EBADF;
	f.kind = kind_of(t->fd, &st);
	f.nonblocking = flags & O_NONBLOCK;
	if (f.kind == FD_SOCKET)
		learn_socket(t->fd, &f);
	else
		f.dries = f.kind == FD_PIPE && !(flags & O_DIRECT);     /* see note_emptied() */
	poller_learn(t->fd, &f, t->ticket);
	t->facts = f;
	t->known = true;
	return 0;
}

static bool is_socket(const struct transfer *t)
{
	return t->known && (t->facts.kind == FD_SOCKET || t->facts.kind == FD_STREAM);
}

/* --- waiting -------------------------------------------------------------------------------------- */

enum verdict { TRY, FAIL, BLOCK };

static void set_deadline(struct transfer *t)
{
	uint64_t span = t->facts.timeout[t->dir];

	if (t->timed)
		return;
	t->timed = true;
	t->deadline = span == NEVER ? NEVER : clock_after(clock_now(), span);
}

/*
 * A datagram socket counts as ready to be written to although the one at the other end is full, and then no edge tells when
 * it is not any more.
 */
static uint64_t look_again_at(struct transfer *t)
{
	uint64_t soon;

	if (t->dir == POLLER_IN || t->facts.kind != FD_SOCKET)
		return t->deadline;
	t->again.pause = t->again.pause ? 2 * t->again.pause : 50000;
	if (t->again.pause > 5000000)
		t->again.pause = 5000000;
	soon = park_deadline(t->again.pause);
	return soon < t->deadline ? soon : t->deadline;
}

/* There was nothing to be had. TRY: there may be now. FAIL: with EAGAIN. BLOCK: it cannot be waited for here. */
static enum verdict wait_ready(struct transfer *t)
{
	uint64_t until;
	int err;

	if (learn(t))
		return TRY;             /* which will tell what is wrong with it */
	if (t->facts.nonblocking)
		return FAIL;
	if (t->facts.kind == FD_FILE)
		return BLOCK;
	set_deadline(t);
	until = look_again_at(t);
	err = poller_wait(t->s, t->fd, t->dir, t->seen, until);
	if (!err)
		return TRY;
	if (err == ETIMEDOUT) {
		t->over = until == t->deadline;
		return t->over ? FAIL : TRY;
	}
	if (err != EINTR)
		return BLOCK;
	if (unlikely(t->s->stream))
		return FAIL;            /* which is locked: its wrapper stops the thread */
	park_stop(t->s, t->caller);
	t->known = poller_facts(t->fd, &t->facts, &t->ticket);  /* things may have changed while it was stopped */
	return TRY;
}

static void look(struct transfer *t)
{
	t->seen = poller_seen(t->fd, t->dir);
}

/* nothing has come since somebody read less than there could have been: not worth a system call */
static bool is_empty(const struct transfer *t)
{
	return t->known && t->facts.dries && !t->facts.nonblocking && poller_is_empty(t->fd, t->seen);
}

/*
 * A pipe into which somebody writes packets (O_DIRECT) gives one at each read, and is not empty then. The flag is that of the end for
 * writing, which may be another descriptor than the one that is read, or have been closed since. So once any pipe of the process has it,
 * none is taken for empty. Set before the first packet is written, and read after what may have been one.
 */
static bool packets;

void park_packets(void)
{
	__atomic_store_n(&packets, true, __ATOMIC_RELEASE);
}

void park_flags_set(int fd, long flags)
{
	struct stat st;

	if (unlikely(flags & O_DIRECT) && !sys_raw(SYS_fstat, fd, &st, 0, 0) && S_ISFIFO(st.st_mode))
		park_packets();
}

static void note_emptied(const struct transfer *t, long got, size_t wanted)
{
	if (got <= 0 || (size_t)got >= wanted || !t->known || !t->facts.dries)
		return;
	if (t->facts.kind != FD_PIPE || !__atomic_load_n(&packets, __ATOMIC_ACQUIRE))
		poller_emptied(t->fd, t->seen);
}

/* whether the system call that says so now would not wait: 1, 0, or a negative error */
static long ready_now(int fd, enum poller_dir dir)
{
	struct pollfd p = { fd, dir == POLLER_IN ? POLLIN : POLLOUT, 0 };
	long r = poll_now(&p, 1);

	return r > 0 && (p.revents & POLLNVAL) ? -EBADF : r;
}

/*
 * A FIFO that nobody has opened for writing yet is at its end, and poll() does not say so. What can be stored nowhere is not taken
 * out: this only says whether there is something, will be something, or nothing (0). At an end for writing nothing comes of it, either.
 */
static bool has_no_writer(const struct transfer *t)
{
	struct iovec nowhere = { (void *)1, 1 };

	return t->facts.kind == FD_FIFO && sys_raw(SYS_vmsplice, t->fd, &nowhere, 1, SPLICE_F_NONBLOCK) == 0;
}

/* a system call that may wait all the same if somebody else was quicker */
static long call_stoppable(struct stint *s, long nr, long a, long b, long c, long d, long e, long f)
{
	bool stoppable = !s->stream;
	long r;

	if (stoppable)
		wait_begin(s, NULL, 0);
	do
		r = arch_syscall(nr, a, b, c, d, e, f);
	while (r == -EINTR);
	if (stoppable)
		ledger_wait_end(s);
	return r;
}

/* --- receiving ------------------------------------------------------------------------------------ */

#define NOT_FOR_US (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)

/*
 * Of sockets for datagrams the kernel says only to who would wait that they have been shut down; to others, EAGAIN. No shutdown is
 * taken back: so who would wait does not. It is asked for no sooner than an event has told of it.
 */
static bool is_shut(const struct transfer *t)
{
	struct pollfd p = { t->fd, POLLRDHUP, 0 };

	return t->known && t->facts.kind == FD_SOCKET && !t->facts.nonblocking && poller_is_shut(t->fd) &&
	       poll_now(&p, 1) > 0 && (p.revents & POLLRDHUP);
}

/* All that was asked for must come (MSG_WAITALL), or some of it (SO_RCVLOWAT); not of a datagram. @got came just now, @done before. */
static bool wants_more(struct transfer *t, int flags, long got, size_t done, size_t n)
{
	bool all = flags & MSG_WAITALL;

	if (got <= 0 || (size_t)got >= n - done || !(all || may_have_least()) || (flags & MSG_PEEK))
		return false;
	if (learn(t) || t->facts.kind != FD_STREAM)
		return false;
	return all || (t->facts.least > 0 && done + (size_t)got < (size_t)t->facts.least);
}

static bool receive(struct transfer *t, void *buf, size_t n, int flags, struct sockaddr *address, socklen_t *len,
                    ssize_t *r)
{
	size_t done = 0;
	long got;

	for (;;) {
		enum verdict v;

		look(t);
		got = is_empty(t) ? -EAGAIN :
		                    arch_syscall(SYS_recvfrom, t->fd, (long)buf + (long)done, (long)(n - done),
		                                 flags | MSG_DONTWAIT, (long)address, (long)len);
		if (got == -EAGAIN && is_shut(t))
			got = call_stoppable(t->s, SYS_recvfrom, t->fd, (long)buf, (long)n, flags, (long)address,
			                     (long)len);
		if (wants_more(t, flags, got, done, n)) {
			done += (size_t)got;
			continue;
		}
		if (got != -EAGAIN)
			break;
		v = wait_ready(t);
		if (v == FAIL || (v == BLOCK && done))
			break;
		if (v == BLOCK)
			return give_up(t);
	}
	if (!(flags & (MSG_PEEK | MSG_TRUNC)))
		note_emptied(t, got, n - done);
	*r = end(t, done ? (long)done + (got > 0 ? got : 0) : got);
	return true;
}

bool park_recv(struct stint *s, int fd, void *buf, size_t n, int flags, struct sockaddr *address, socklen_t *len,
               ssize_t *r, const void *caller)
{
	struct transfer t;

	if ((flags & NOT_FOR_US) || ((flags & MSG_WAITALL) && (flags & MSG_PEEK)))
		return false;
	begin(&t, s, fd, POLLER_IN, caller);
	return receive(&t, buf, n, flags, address, len, r);
}

bool park_recvmsg(struct stint *s, int fd, struct msghdr *message, int flags, ssize_t *r, const void *caller)
{
	struct transfer t;
	long got;

	if (flags & (NOT_FOR_US | MSG_WAITALL))
		return false;
	begin(&t, s, fd, POLLER_IN, caller);
	for (;;) {
		enum verdict v;

		look(&t);
		got = sys_raw(SYS_recvmsg, fd, message, flags | MSG_DONTWAIT, 0);
		if (got == -EAGAIN && is_shut(&t))
			got = call_stoppable(s, SYS_recvmsg, fd, (long)message, flags, 0, 0, 0);
		if (got != -EAGAIN)
			break;
		v = wait_ready(&t);
		if (v == FAIL)
			break;
		if (v == BLOCK)
			return give_up(&t);
	}
	if (got >= 0 && message->msg_control)
		enter_rights(s, message);
	*r = end(&t, got);
	return true;
}

/* the kernel looks at its timeout only when a message has come; here it ends the wait as well */
bool park_recvmmsg(struct stint *s, int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout,
                   int *r, const void *caller)
{
	struct until u = timeout ? until_after(timeout->tv_sec, timeout->tv_nsec) : until_at(CLOCK_MONOTONIC, NULL);
	struct transfer t;
	unsigned done = 0;
	long got;

	if ((flags & (NOT_FOR_US | MSG_WAITALL)) || !n)
		return false;
	begin(&t, s, fd, POLLER_IN, caller);
	if (timeout) {
		t.timed = true;
		t.deadline = until_deadline(&u);
	}
	for (;;) {
		enum verdict v;

		look(&t);
		got = sys_raw(SYS_recvmmsg, fd, messages + done, n - done, (flags & ~MSG_WAITFORONE) | MSG_DONTWAIT);
		if (got == -EAGAIN && is_shut(&t))
			got = call_stoppable(s, SYS_recvmmsg, fd, (long)(messages + done), n - done, flags, 0, 0);
		for (unsigned i = done; got > 0 && i < done + (unsigned)got; i++)
			if (messages[i].msg_hdr.msg_control)
				enter_rights(s, &messages[i].msg_hdr);
		done += got > 0 ? (unsigned)got : 0;
		if (done == n || (done && (flags & MSG_WAITFORONE)) || (got < 0 && got != -EAGAIN))
			break;
		if (got != -EAGAIN)
			continue;
		v = wait_ready(&t);
		if (v == FAIL || (v == BLOCK && done))
			break;
		if (v == BLOCK)
			return give_up(&t);
	}
	*r = (int)end(&t, done ? (long)done : got);
	return true;
}

/* --- reading -------------------------------------------------------------------------------------- */

/* cleared where the kernel says that it does not know how for pipes */
static bool pipes_nowait = true;

/*
 * There is nothing. Of a terminal, VMIN and VTIME may say that a read does not wait, or not for long; for which poll() has no word. They
 * are changed past us, by tcsetattr(), so they are asked for in each read, once.
 */
static bool may_wait(struct transfer *t)
{
	uint64_t *span = &t->facts.timeout[POLLER_IN];

	return t->facts.kind != FD_TERMINAL || t->timed || !terminal_waits(t->fd, span) || *span;
}

static long read_now(struct transfer *t, const struct iovec *v, int n)
{
	long r;

	if (t->facts.kind == FD_PIPE && __atomic_load_n(&pipes_nowait, __ATOMIC_RELAXED)) {
		r = arch_syscall(SYS_preadv2, t->fd, (long)v, n, -1, -1, RWF_NOWAIT);
		if (r != -EOPNOTSUPP)
			return r;
		__atomic_store_n(&pipes_nowait, false, __ATOMIC_RELAXED);
	}
	r = t->facts.nonblocking ? 1 : ready_now(t->fd, POLLER_IN);
	if (r > 0 || (r == 0 && !may_wait(t)))
		return call_stoppable(t->s, SYS_readv, t->fd, (long)v, n, 0, 0, 0);
	return r || has_no_writer(t) ? r : -EAGAIN;
}

static bool read_other(struct transfer *t, const struct iovec *v, int n, size_t size, ssize_t *r)
{
	long got;

	for (;;) {
		enum verdict verdict;

		look(t);
		got = is_empty(t) ? -EAGAIN : read_now(t, v, n);
		if (got != -EAGAIN)
			break;
		verdict = wait_ready(t);
		if (verdict == BLOCK)
			return give_up(t);
		if (verdict == FAIL) {
			got = t->over ? 0 : got;        /* a terminal's time: no error */
			break;
		}
	}
	note_emptied(t, got, size);
	*r = end(t, got);
	return true;
}

/* most often it is a socket; else the system call says so, and does nothing */
static bool try_as_socket(struct transfer *t, void *buf, size_t n, long *got)
{
	look(t);
	*got = arch_syscall(SYS_recvfrom, t->fd, (long)buf, (long)n, MSG_DONTWAIT, 0, 0);
	return *got != -EAGAIN && *got != -ENOTSOCK;
}

bool park_read(struct stint *s, int fd, void *buf, size_t n, ssize_t *r, const void *caller)
{
	struct iovec v = { buf, n };
	struct transfer t;
	int before = errno;
	long got;

	if (!n)
		return false;
	begin(&t, s, fd, POLLER_IN, caller);
	if (!t.known && !may_have_least() && try_as_socket(&t, buf, n, &got)) {
		*r = end(&t, got);
		return true;
	}
	if (learn(&t) || t.facts.kind == FD_FILE)
		return give_up(&t);
	if (!is_socket(&t))
		return read_other(&t, &v, 1, n, r);
	if (!receive(&t, buf, n, 0, NULL, NULL, r))
		return false;
	if (*r >= 0 || errno != ENOTSOCK)
		return true;
	errno = before;
	poller_closed(fd);      /* it was closed past us, and is another one */
	return false;
}

static size_t size_of(const struct iovec *v, int n)
{
	size_t size = 0;

	for (int i = 0; i < n; i++)
		size += v[i].iov_len;
	return size;
}

bool park_readv(struct stint *s, int fd, const struct iovec *v, int n, ssize_t *r, const void *caller)
{
	struct msghdr message = { .msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)n };
	struct transfer t;

	if (n <= 0 || n > IOV_MAX || !size_of(v, n))
		return false;
	begin(&t, s, fd, POLLER_IN, caller);
	if (learn(&t) || t.facts.kind == FD_FILE)
		return give_up(&t);
	if (!is_socket(&t))
		return read_other(&t, v, n, size_of(v, n), r);
	park_end(s, caller);
	return park_recvmsg(s, fd, &message, 0, r, caller);
}

/* --- writing -------------------------------------------------------------------------------------- */

/* what is to be written, and how far that has come */
struct output {
	const struct iovec *v;
	size_t n;
	size_t i, offset;               /* the rest begins in piece i, after so many bytes */
	size_t done;
	struct iovec rest;
};

/* the pieces that are left; the first of them alone if a part of it is written */
static size_t pieces(struct output *o, const struct iovec **v)
{
	if (!o->offset) {
		*v = o->v + o->i;
		return o->n - o->i;
	}
	o->rest.iov_base = (char *)o->v[o->i].iov_base + o->offset;
	o->rest.iov_len = o->v[o->i].iov_len - o->offset;
	*v = &o->rest;
	return 1;
}

/* whether something is left */
static bool advance(struct output *o, size_t by)
{
	o->done += by;
	o->offset += by;
	while (o->i < o->n && o->offset >= o->v[o->i].iov_len)
		o->offset -= o->v[o->i++].iov_len;
	return o->i < o->n;
}

/* one that puts out the rest, or a part of it, without waiting */
typedef long put_fn(struct transfer *t, struct output *o, void *arg);

/* @got: what a first try gave */
static bool put_on(struct transfer *t, struct output *o, put_fn *put, void *arg, long got, ssize_t *r)
{
	for (;; look(t), got = put(t, o, arg)) {
		enum verdict v;

		if (got >= 0) {
			if (!advance(o, (size_t)got) || got == 0)
				break;
			continue;
		}
		if (got != -EAGAIN)
			break;
		v = wait_ready(t);
		if (v == FAIL || (v == BLOCK && o->done))
			break;
		if (v == BLOCK)
			return give_up(t);
	}
	*r = end(t, o->done || got >= 0 ? (long)o->done : got);
	return true;
}

static bool put_all(struct transfer *t, struct output *o, put_fn *put, void *arg, ssize_t *r)
{
	look(t);
	return put_on(t, o, put, arg, put(t, o, arg), r);
}

struct destination {
	int flags;
	const struct sockaddr *address;
	socklen_t len;
};

/* An error of a later part is not reported, so neither is a signal of it. */
static long put_by_send(struct transfer *t, struct output *o, void *arg)
{
	const struct destination *to = arg;
	const struct iovec *v;

	pieces(o, &v);
	return arch_syscall(SYS_sendto, t->fd, (long)v->iov_base, (long)v->iov_len,
	                    to->flags | MSG_DONTWAIT | (o->done ? MSG_NOSIGNAL : 0), (long)to->address, to->len);
}

bool park_send(struct stint *s, int fd, const void *buf, size_t n, int flags, const struct sockaddr *address,
               socklen_t len, ssize_t *r, const void *caller)
{
	struct destination to = { flags, address, len };
	struct iovec v = { (void *)buf, n };
	struct output o = { .v = &v, .n = 1 };
	struct transfer t;

	if (flags & (MSG_DONTWAIT | MSG_FASTOPEN))
		return false;
	begin(&t, s, fd, POLLER_OUT, caller);
	return put_all(&t, &o, put_by_send, &to, r);
}

struct sent {
	const struct msghdr *message;
	int flags;
};

/* what goes with a message went with its first part */
static long put_by_sendmsg(struct transfer *t, struct output *o, void *arg)
{
	const struct sent *sent = arg;
	struct msghdr rest = { .msg_iov = NULL };
	const struct iovec *v;
	size_t n;

	if (!o->done)
		return sys_raw(SYS_sendmsg, t->fd, sent->message, sent->flags | MSG_DONTWAIT, 0);
	n = pieces(o, &v);
	rest.msg_iov = (struct iovec *)v;
	rest.msg_iovlen = n;
	return sys_raw(SYS_sendmsg, t->fd, &rest, sent->flags | MSG_DONTWAIT | MSG_NOSIGNAL, 0);
}

bool park_sendmsg(struct stint *s, int fd, const struct msghdr *message, int flags, ssize_t *r, const void *caller)
{
	struct sent sent = { message, flags };
	struct output o = { .n = 0 };
	struct transfer t;

	if (!message || (flags & (MSG_DONTWAIT | MSG_FASTOPEN)))
		return false;
	o.v = message->msg_iov;
	o.n = message->msg_iovlen;
	begin(&t, s, fd, POLLER_OUT, caller);
	return put_all(&t, &o, put_by_sendmsg, &sent, r);
}

/* each by itself, because of a part that may be left of one */
bool park_sendmmsg(struct stint *s, int fd, struct mmsghdr *messages, unsigned n, int flags, int *r, const void *caller)
{
	int before = errno;
	unsigned done;
	ssize_t sent;

	if (flags & (MSG_DONTWAIT | MSG_FASTOPEN))
		return false;
	for (done = 0; done < n && done < IOV_MAX; done++) {
		if (!park_sendmsg(s, fd, &messages[done].msg_hdr, flags, &sent, caller)) {
			if (!done)
				return false;
			break;
		}
		if (sent < 0)
			break;
		messages[done].msg_len = (unsigned)sent;
	}
	if (done)
		errno = before;
	*r = done || !n ? (int)done : -1;
	return true;
}

/* where only the first byte of room is known to be there, no more than a share */
static long put_by_write(struct transfer *t, struct output *o, void *arg)
{
	const struct iovec *v;
	size_t n = pieces(o, &v);
	struct iovec share;
	long r;

	(void)arg;
	if (t->facts.kind == FD_PIPE && __atomic_load_n(&pipes_nowait, __ATOMIC_RELAXED)) {
		r = arch_syscall(SYS_pwritev2, t->fd, (long)v, (long)n, -1, -1, RWF_NOWAIT);
		if (r != -EOPNOTSUPP)
			return r;
		__atomic_store_n(&pipes_nowait, false, __ATOMIC_RELAXED);
	}
	r = ready_now(t->fd, POLLER_OUT);
	if (r <= 0)
		return r ? r : -EAGAIN;
	share = *v;
	if (share.iov_len > SHARE)
		share.iov_len = SHARE;
	if (n > 1 && size_of(v, (int)n) <= SHARE)
		r = call_stoppable(t->s, SYS_writev, t->fd, (long)v, (long)n, 0, 0, 0);       /* in one piece, as a pipe promises */
	else
		r = call_stoppable(t->s, SYS_writev, t->fd, (long)&share, 1, 0, 0, 0);
	return r ? r : -EAGAIN;         /* a terminal that had no room after all */
}

static bool write_all(struct stint *s, int fd, const struct iovec *v, int n, ssize_t *r, const void *caller)
{
	struct output o = { .v = v, .n = (size_t)n };
	struct msghdr message = { .msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)n };
	struct destination peer = { 0, NULL, 0 };
	struct sent sent = { &message, 0 };
	put_fn *put = n == 1 ? put_by_send : put_by_sendmsg;    /* the kernel has less to fetch */
	void *how = n == 1 ? (void *)&peer : &sent;
	struct transfer t;
	long got;

	begin(&t, s, fd, POLLER_OUT, caller);
	if (!t.known || is_socket(&t)) {
		look(&t);
		got = put(&t, &o, how);
		if (got != -ENOTSOCK)
			return put_on(&t, &o, put, how, got, r);
		if (t.known)
			poller_closed(fd);      /* it was closed past us, and is another one */
		t.known = false;
	}
	if (learn(&t) || t.facts.kind == FD_FILE)
		return give_up(&t);
	return put_all(&t, &o, put_by_write, NULL, r);
}

bool park_writev(struct stint *s, int fd, const struct iovec *v, int n, ssize_t *r, const void *caller)
{
	return n > 0 && n <= IOV_MAX && size_of(v, n) && write_all(s, fd, v, n, r, caller);
}

bool park_write(struct stint *s, int fd, const void *buf, size_t n, ssize_t *r, const void *caller)
{
	struct iovec v = { (void *)buf, n };

	return n && write_all(s, fd, &v, 1, r, caller);
}

/* --- connections ---------------------------------------------------------------------------------- */

bool park_accept(struct stint *s, int fd, struct sockaddr *address, socklen_t *len, int flags, int *r,
                 const void *caller)
{
	struct transfer t;
	long got;

	begin(&t, s, fd, POLLER_IN, caller);
	for (;;) {
		enum verdict v;

		look(&t);
		got = ready_now(fd, POLLER_IN);
		if (got > 0)
			got = call_stoppable(s, SYS_accept4, fd, (long)address, (long)len, flags, 0, 0);
		else if (got == 0)
			got = -EAGAIN;
		if (got != -EAGAIN)
			break;
		v = wait_ready(&t);
		if (v == FAIL)
			break;
		if (v == BLOCK)
			return give_up(&t);
	}
	if (got >= 0)
		ledger_fd_opened(s, (int)got);
	*r = (int)end(&t, got);
	return true;
}

/*
 * What has come of a connection, by the events that told that it is decided. Over the internet a second connect() says so, and leaves the
 * socket as a first one that waited would have: after SO_ERROR it would stay halfway, and the next one fail. It does not wait, unless
 * somebody has taken the connection back meanwhile, so that it begins another. Where that shows, in that the socket is closed and not
 * shut (shutdown() has that done), it is not called. Nor for other families, of which some do not know it.
 */
static long outcome(struct transfer *t, const struct sockaddr *address, socklen_t len, short events)
{
	bool internet = address->sa_family == AF_INET || address->sa_family == AF_INET6;
	bool taken_back = internet && (events & (POLLHUP | POLLRDHUP)) == POLLHUP;
	long r;

	if (internet && !taken_back) {
		r = call_stoppable(t->s, SYS_connect, t->fd, (long)address, len, 0, 0, 0);
		return r == -EISCONN ? 0 : r;   /* another thread's was the second */
	}
	r = socket_option(t->fd, SO_ERROR);
	if (r < 0)
		return -EBADF;
	return r == 0 && taken_back ? -ECONNABORTED : -r;
}

/* begun, and under way: until it is decided */
static long await_connection(struct transfer *t, const struct sockaddr *address, socklen_t len)
{
	for (;;) {
		struct pollfd p = { t->fd, POLLOUT | POLLRDHUP, 0 };
		enum verdict v;
		long r;

		look(t);
		r = poll_now(&p, 1);
		if (r < 0 || (p.revents & POLLNVAL))
			return r < 0 ? r : -EBADF;
		if (r > 0)
			return outcome(t, address, len, p.revents);
		v = wait_ready(t);
		if (v == FAIL)
			return -EINPROGRESS;
		if (v == BLOCK)
			park_again(t->s, &t->again, &(struct until){ CLOCK_MONOTONIC, NEVER_NS }, t->caller);
	}
}

static long connect_now(int fd, const struct sockaddr *address, socklen_t len)
{
	long flags = sys_raw(SYS_fcntl, fd, F_GETFL, 0, 0), r;

	if (flags < 0)
		return flags;
	sys_raw(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK, 0);
	r = sys_raw(SYS_connect, fd, address, len, 0);
	sys_raw(SYS_fcntl, fd, F_SETFL, flags, 0);
	return r;
}

/* EAGAIN of a local socket: the one that listens has no room for more, and nothing tells when it has */
bool park_connect(struct stint *s, int fd, const struct sockaddr *address, socklen_t len, int *r, const void *caller)
{
	struct transfer t;
	long got;

	begin(&t, s, fd, POLLER_OUT, caller);
	if (learn(&t) || !is_socket(&t) || t.facts.nonblocking)
		return give_up(&t);
	set_deadline(&t);
	while ((got = connect_now(fd, address, len)) == -EAGAIN) {
		t.facts.kind = FD_SOCKET;
		if (t.deadline <= clock_now())
			break;
		park_again(s, &t.again, &(struct until){ CLOCK_MONOTONIC, NEVER_NS }, caller);
	}
	if (got == -EINPROGRESS || got == -EALREADY)
		got = await_connection(&t, address, len);
	*r = (int)end(&t, got);
	return true;
}

void park_until_ready(struct stint *s, int fd, enum poller_dir dir, const void *caller)
{
	struct transfer t;

	begin(&t, s, fd, dir, caller);
	if (!learn(&t) && t.facts.kind != FD_FILE && !t.facts.nonblocking) {
		do
			look(&t);
		while (ready_now(fd, dir) == 0 && !(dir == POLLER_IN && has_no_writer(&t)) && wait_ready(&t) == TRY);
	}
	park_end(s, caller);
}
