/*
 * transfer.c - reading, writing, connecting
 *
 * A thread of the runtime is parked (park-fd.c). Else the kernel takes these up again after a tick, because the preemption signal has SA_RESTART, and a call may be stopped in
 * them; but for two things, which a program that has no signal handlers would never meet.
 *
 *  - A signal that comes when a part has been transferred has the function return with that part. Many programs take a short
 *    write for an error. So what is left is written as well, unless a handler of the program ran. A read is short for many
 *    reasons, and programs know; but MSG_WAITALL and getrandom() promise all.
 *  - On a socket with a timeout of its own EINTR comes for any signal. It goes on for the rest of that time.
 *
 * The same holds outside calls on a kernel thread that has run one, for a late tick. On other threads a wrapper is a test and
 * a jump. Async-signal-safe, as the originals are.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../clock.h"
#include "../kthread.h"
#include "parks.h"

#define NSEC 1000000000L
#define USEC 1000L

ssize_t __read(int fd, void *buf, size_t n);
ssize_t __write(int fd, const void *buf, size_t n);
ssize_t __send(int fd, const void *buf, size_t n, int flags);
int __connect(int fd, const struct sockaddr *address, socklen_t len);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *restrict buf, size_t n, size_t size, int flags, struct sockaddr *restrict address,
                       socklen_t *restrict len);

/* --- the timeouts of sockets ------------------------------------------------------------------- */

void socket_wait(struct socket_wait *w)
{
	eintr_mark(&w->mark);
	w->since = w->mark.kt ? clock_now() : 0;
}

/* what a timeout ends with; a connection over a network is on its way then */
static int timeout_error(int fd, bool connecting)
{
	socklen_t len = sizeof(int);
	int domain = AF_UNIX;

	if (connecting)
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	return domain == AF_UNIX ? EAGAIN : EINPROGRESS;
}

/* The next round has the socket's whole time again, so it is begun only when there is something for it. */
static bool wait_for_rest(const struct socket_wait *w, int fd, int option, bool connecting)
{
	struct pollfd ready = { .fd = fd, .events = option == SO_RCVTIMEO ? POLLIN : POLLOUT };
	socklen_t len = sizeof(struct timeval);
	struct timeval whole;
	struct timespec left;
	stint_ns ns;
	int r;

	if (getsockopt(fd, SOL_SOCKET, option, &whole, &len) || (!whole.tv_sec && !whole.tv_usec))
		return true;
	ns = whole.tv_sec * NSEC + whole.tv_usec * USEC - clock_ns(clock_now() - w->since);
	left = (struct timespec){ ns / NSEC, ns % NSEC };
	r = ns > 0 ? ppoll(&ready, 1, &left, NULL) : 0;
	if (r == 0)
		errno = timeout_error(fd, connecting);
	return r > 0;
}

static bool again(const struct socket_wait *w, int fd, int option, bool connecting)
{
	int saved = errno;

	if (saved != EINTR || !eintr_was_ours(&w->mark))
		return false;
	if (!wait_for_rest(w, fd, option, connecting))
		return false;
	errno = saved;
	return true;
}

bool socket_again(const struct socket_wait *w, int fd, int option)
{
	return again(w, fd, option, false);
}

/* --- reading ----------------------------------------------------------------------------------- */

/* @park: in a thread; false: not parked. @all: what is returned when @r came. */
#define READS_ALL(name, params, args, park, all)                              \
	WRAPPER ssize_t name params                                           \
	{                                                                     \
		struct stint *s = parks();                                    \
		struct socket_wait w;                                         \
		ssize_t r;                                                    \
                                                                              \
		if (unlikely(s) && (park))                                    \
			return r;                                             \
		if (!kthread_here())                                          \
			return REAL(name) args;                               \
		socket_wait(&w);                                              \
		do                                                            \
			r = REAL(name) args;                                  \
		while (r < 0 && socket_again(&w, fd, SO_RCVTIMEO));           \
		return all;                                                   \
	}

#define READS(name, params, args, park) READS_ALL(name, params, args, park, r)

READS(read, (int fd, void *buf, size_t n), (fd, buf, n), park_read(s, fd, buf, n, &r, caller_address()))
READS(__read, (int fd, void *buf, size_t n), (fd, buf, n), park_read(s, fd, buf, n, &r, caller_address()))
READS(__read_chk, (int fd, void *buf, size_t n, size_t size), (fd, buf, n, size),
      n <= size && park_read(s, fd, buf, n, &r, caller_address()))
READS(readv, (int fd, const struct iovec *v, int n), (fd, v, n), park_readv(s, fd, v, n, &r, caller_address()))

/* whether what came is not all that must */
static bool short_of(ssize_t r, size_t n, int flags, const struct socket_wait *w)
{
	return r > 0 && (size_t)r < n && (flags & MSG_WAITALL) && !(flags & (MSG_PEEK | MSG_TRUNC)) &&
	       eintr_was_ours(&w->mark);
}

/* @r came; the rest, where all must come */
static ssize_t receive_rest(ssize_t r, int fd, void *buf, size_t n, int flags, const struct socket_wait *w)
{
	size_t done = 0;

	while (short_of(r, n - done, flags, w)) {
		int saved = errno;

		done += (size_t)r;
		do
			r = REAL(recv)(fd, (char *)buf + done, n - done, flags);
		while (r < 0 && socket_again(w, fd, SO_RCVTIMEO));
		if (r < 0)
			errno = saved;
	}
	return done && r < 0 ? (ssize_t)done : r + (ssize_t)done;
}

#define RECEIVES(name, params, args, park) READS_ALL(name, params, args, park, receive_rest(r, fd, buf, n, flags, &w))

RECEIVES(recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags),
         park_recv(s, fd, buf, n, flags, NULL, NULL, &r, caller_address()))
RECEIVES(__recv_chk, (int fd, void *buf, size_t n, size_t size, int flags), (fd, buf, n, size, flags),
         n <= size && park_recv(s, fd, buf, n, flags, NULL, NULL, &r, caller_address()))
RECEIVES(recvfrom,
         (int fd, void *restrict buf, size_t n, int flags, struct sockaddr *restrict address, socklen_t *restrict len),
         (fd, buf, n, flags, address, len),
         park_recv(s, fd, buf, n, flags, address, len, &r, caller_address()))
RECEIVES(__recvfrom_chk,
         (int fd, void *restrict buf, size_t n, size_t size, int flags, struct sockaddr *restrict address,
          socklen_t *restrict len),
         (fd, buf, n, size, flags, address, len),
         n <= size && park_recv(s, fd, buf, n, flags, address, len, &r, caller_address()))

WRAPPER ssize_t getrandom(void *buf, size_t n, unsigned flags)
{
	struct eintr_mark mark;
	size_t done = 0;
	ssize_t r;

	if (!kthread_here())
		return REAL(getrandom)(buf, n, flags);
	eintr_mark(&mark);
	for (;;) {
		r = REAL(getrandom)((char *)buf + done, n - done, flags);
		if (r > 0)
			done += (size_t)r;
		if (r == 0 || (r < 0 && errno != EINTR) || done == n || !eintr_was_ours(&mark))
			return done ? (ssize_t)done : r;
	}
}

/* --- writing ----------------------------------------------------------------------------------- */

/* where a transfer is: what was written, and at which piece the rest begins */
struct output {
	int fd;
	const struct iovec *v;
	size_t n, i, offset, done;
};

/* write the rest from @out's piece on, or of this piece alone */
typedef ssize_t put_rest(const struct output *out, const struct iovec *v, size_t n, void *arg);

/* whether something is left */
static bool advance(struct output *out, size_t by)
{
	out->done += by;
	out->offset += by;
	while (out->i < out->n && out->offset >= out->v[out->i].iov_len)
		out->offset -= out->v[out->i++].iov_len;
	return out->i < out->n;
}

static ssize_t put_some(struct output *out, put_rest *put, void *arg)
{
	struct iovec rest;

	if (!out->offset)
		return put(out, out->v + out->i, out->n - out->i, arg);
	rest.iov_base = (char *)out->v[out->i].iov_base + out->offset;
	rest.iov_len = out->v[out->i].iov_len - out->offset;
	return put(out, &rest, 1, arg);
}

/* on a thread that runs calls */
static ssize_t put_all(struct output *out, put_rest *put, void *arg)
{
	struct socket_wait w;
	int saved = errno;

	socket_wait(&w);
	for (;;) {
		ssize_t r = put_some(out, put, arg);

		if (r < 0 && socket_again(&w, out->fd, SO_SNDTIMEO))
			continue;
		if (r < 0 && !out->done)
			return r;
		if (r <= 0 || !advance(out, (size_t)r) || !eintr_was_ours(&w.mark)) {
			errno = saved;
			return (ssize_t)out->done;
		}
	}
}

static ssize_t put_by_write(const struct output *out, const struct iovec *v, size_t n, void *arg)
{
	(void)n;
	(void)arg;
	return REAL(write)(out->fd, v->iov_base, v->iov_len);
}

#define WRITES(name)                                                          \
	WRAPPER ssize_t name(int fd, const void *buf, size_t n)               \
	{                                                                     \
		struct iovec v = { (void *)buf, n };                          \
		struct output out = { .fd = fd, .v = &v, .n = 1 };            \
		struct stint *s = parks();                                    \
		ssize_t r;                                                    \
                                                                              \
		if (unlikely(s) && park_write(s, fd, buf, n, &r, caller_address())) \
			return r;                                             \
		if (!kthread_here())                                          \
			return REAL(name)(fd, buf, n);                        \
		return put_all(&out, put_by_write, NULL);              \
	}

WRITES(write)
WRITES(__write)

static ssize_t put_by_writev(const struct output *out, const struct iovec *v, size_t n, void *arg)
{
	(void)arg;
	return REAL(writev)(out->fd, v, (int)n);
}

/* what the kernel refuses, it is to refuse */
WRAPPER ssize_t writev(int fd, const struct iovec *v, int n)
{
	struct output out = { .fd = fd, .v = v, .n = (size_t)n };
	struct stint *s = parks();
	ssize_t r;

	if (unlikely(s) && park_writev(s, fd, v, n, &r, caller_address()))
		return r;
	if (!kthread_here() || n <= 0)
		return REAL(writev)(fd, v, n);
	return put_all(&out, put_by_writev, NULL);
}

struct destination {
	int flags;
	const struct sockaddr *address;
	socklen_t len;
};

static ssize_t put_by_send(const struct output *out, const struct iovec *v, size_t n, void *arg)
{
	const struct destination *to = arg;

	(void)n;
	return REAL(sendto)(out->fd, v->iov_base, v->iov_len, to->flags, to->address, to->len);
}

static ssize_t send_all(int fd, const void *buf, size_t n, struct destination *to)
{
	struct iovec v = { (void *)buf, n };
	struct output out = { .fd = fd, .v = &v, .n = 1 };

	return put_all(&out, put_by_send, to);
}

WRAPPER ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	struct destination to = { flags, NULL, 0 };
	struct stint *s = parks();
	ssize_t r;

	if (unlikely(s) && park_send(s, fd, buf, n, flags, NULL, 0, &r, caller_address()))
		return r;
	return kthread_here() ? send_all(fd, buf, n, &to) : REAL(send)(fd, buf, n, flags);
}

WRAPPER ssize_t __send(int fd, const void *buf, size_t n, int flags)
{
	return send(fd, buf, n, flags);
}

WRAPPER ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *address, socklen_t len)
{
	struct destination to = { flags, address, len };
	struct stint *s = parks();
	ssize_t r;

	if (unlikely(s) && park_send(s, fd, buf, n, flags, address, len, &r, caller_address()))
		return r;
	return kthread_here() ? send_all(fd, buf, n, &to) : REAL(sendto)(fd, buf, n, flags, address, len);
}

struct sent {
	const struct msghdr *message;
	int flags;
};

/* what goes with a message went with its first part */
static ssize_t put_by_sendmsg(const struct output *out, const struct iovec *v, size_t n, void *arg)
{
	const struct sent *sent = arg;
	struct msghdr rest;

	if (!out->done)
		return REAL(sendmsg)(out->fd, sent->message, sent->flags);
	rest = (struct msghdr){ .msg_iov = (struct iovec *)v, .msg_iovlen = n };
	return REAL(sendmsg)(out->fd, &rest, sent->flags);
}

WRAPPER ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct sent sent = { message, flags };
	struct output out = { .fd = fd };
	struct stint *s = parks();
	ssize_t r;

	if (unlikely(s) && park_sendmsg(s, fd, message, flags, &r, caller_address()))
		return r;
	if (!kthread_here() || !message)
		return REAL(sendmsg)(fd, message, flags);
	out.v = message->msg_iov;
	out.n = message->msg_iovlen;
	return put_all(&out, put_by_sendmsg, &sent);
}

WRAPPER int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	struct stint *s = parks();
	struct socket_wait w;
	int r;

	if (unlikely(s) && park_sendmmsg(s, fd, messages, n, flags, &r, caller_address()))
		return r;
	if (!kthread_here())
		return REAL(sendmmsg)(fd, messages, n, flags);
	socket_wait(&w);
	do
		r = REAL(sendmmsg)(fd, messages, n, flags);
	while (r < 0 && socket_again(&w, fd, SO_SNDTIMEO));
	return r;
}

/* --- connecting: the second round waits for what the first began ------------------------------- */

static int connect_(int (*real)(int, const struct sockaddr *, socklen_t), int fd, const struct sockaddr *address,
                    socklen_t len)
{
	struct stint *s = parks();
	struct socket_wait w;
	int r;

	if (unlikely(s) && park_connect(s, fd, address, len, &r, NULL))
		return r;
	if (!kthread_here())
		return real(fd, address, len);
	socket_wait(&w);
	do
		r = real(fd, address, len);
	while (r < 0 && again(&w, fd, SO_SNDTIMEO, true));
	return r;
}

WRAPPER int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	return connect_(REAL(connect), fd, address, len);
}

WRAPPER int __connect(int fd, const struct sockaddr *address, socklen_t len)
{
	return connect_(REAL(__connect), fd, address, len);
}
