/*
 * modes.c - what changes how a descriptor waits, so that threads of the runtime do not go by what they remember of it
 *
 * And functions between two descriptors, in which the kernel cannot be told not to wait. In a thread they come when both are
 * ready, and with no more than there is likely room for; so they wait only where somebody else comes in between.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "parks.h"

#define SHARE 65536

static bool changes(int level, int option)
{
	return level == SOL_SOCKET ? option == SO_RCVTIMEO || option == SO_SNDTIMEO || option == SO_RCVTIMEO_NEW ||
	                                     option == SO_SNDTIMEO_NEW || option == SO_RCVLOWAT :
	                             level == IPPROTO_TCP && option == TCP_ULP;
}

WRAPPER int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	int r;

	park_option_set(level, option);
	r = REAL(setsockopt)(fd, level, option, value, len);
	if (unlikely(changes(level, option)))
		poller_modes_changed();
	return r;
}

/* there always is a third word, of whatever type; the kernel knows which requests read it */
WRAPPER int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int r;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (likely(request != FIONBIO))
		return REAL(ioctl)(fd, request, arg);
	r = REAL(ioctl)(fd, request, arg);
	poller_modes_changed();
	return r;
}

/* --- from one descriptor to another ----------------------------------------------------------------- */

static void between(struct stint *s, int from, int to, size_t *n, const void *caller)
{
	park_until_ready(s, from, POLLER_IN, caller);
	park_until_ready(s, to, POLLER_OUT, caller);
	if (*n > SHARE)
		*n = SHARE;
}

/* all of it, as it would be without us, but for an end or an error */
static ssize_t send_shares(struct stint *s, int to, int from, off64_t *at, size_t n, const void *caller)
{
	size_t done = 0;

	do {
		size_t share = n - done;
		ssize_t r;

		between(s, from, to, &share, caller);
		r = REAL(sendfile64)(to, from, at, share);
		if (r <= 0)
			return done ? (ssize_t)done : r;
		done += (size_t)r;
	} while (done < n);
	return (ssize_t)done;
}

WRAPPER ssize_t sendfile64(int to, int from, off64_t *at, size_t n)
{
	struct stint *s = parks();

	return likely(!s) || !n ? REAL(sendfile64)(to, from, at, n) : send_shares(s, to, from, at, n, caller_address());
}

WRAPPER ssize_t sendfile(int to, int from, off_t *at, size_t n)
{
	struct stint *s = parks();

	return likely(!s) || !n ? REAL(sendfile)(to, from, at, n) :
	                          send_shares(s, to, from, (off64_t *)at, n, caller_address());
}

/* these may always move less than they were asked for */
WRAPPER ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t n, unsigned flags)
{
	struct stint *s = parks();

	if (unlikely(s) && !(flags & SPLICE_F_NONBLOCK))
		between(s, from, to, &n, caller_address());
	return REAL(splice)(from, from_at, to, to_at, n, flags);
}

WRAPPER ssize_t tee(int from, int to, size_t n, unsigned flags)
{
	struct stint *s = parks();

	if (unlikely(s) && !(flags & SPLICE_F_NONBLOCK))
		between(s, from, to, &n, caller_address());
	return REAL(tee)(from, to, n, flags);
}
