/*
 * await.c - see await.h
 *
 * The bits of FILE that are looked at have been the same since libio began, and are compiled into programs with it. Where they
 * say that libc will not read, or has something else to do first, nothing is waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio_ext.h>
#include <unistd.h>
#include <wchar.h>

#include "../sys.h"
#include "stream.h"

#define LOOK_MIN_MS 1
#define LOOK_MAX_MS 128

/* in _flags */
#define UNBUFFERED 0x0002
#define NO_READS 0x0004
#define EOF_SEEN 0x0010
#define ERR_SEEN 0x0020
#define IN_BACKUP 0x0100        /* characters were put back */
#define LINE_BUFFERED 0x0200
#define PUTTING 0x0800          /* written last: is flushed first */

/* a wide stream has a second buffer, of what is converted already; it begins with where reading is and where it ends */
static bool has_wide_input(const FILE *f)
{
	wchar_t *const *buffer = (wchar_t *const *)f->_wide_data;

	return f->_mode > 0 && buffer && buffer[0] < buffer[1];
}

static bool will_read(const FILE *f)
{
	return f->_fileno >= 0 && !(f->_flags & (NO_READS | EOF_SEEN | IN_BACKUP | PUTTING)) && !has_wide_input(f);
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return sys_raw(SYS_poll, &p, 1, 0, 0) != 0;
}

/* else reading fails at once, and that is what the program wants */
static bool would_block(int fd)
{
	long flags = sys_raw(SYS_fcntl, fd, F_GETFL, 0, 0);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

/* as libc does before it reads from a terminal: a prompt must be seen. What kind of stream it is, libc finds out then. */
static void show_prompt(const FILE *f)
{
	bool interactive = f->_flags & (LINE_BUFFERED | UNBUFFERED) || (!f->_IO_buf_base && isatty(f->_fileno));

	if (interactive && stdout && stdout != f && __flbf(stdout))
		fflush(stdout);
}

/*
 * True: it can be read, or reading will fail. Another one that reads the stream meanwhile may take what comes and leave the rest in the
 * buffer, for us, and nothing tells; so we look there, less and less often.
 */
static bool wait_for(const FILE *f)
{
	struct pollfd p = { .fd = f->_fileno, .events = POLLIN };
	struct eintr_mark mark;
	int look = LOOK_MIN_MS, r;

	eintr_mark(&mark);
	while ((r = poll(&p, 1, look)) <= 0) {
		if (r < 0 && errno != EINTR)
			return true;
		if (r < 0 && !eintr_restarts(&mark))
			return false;
		if (has_input(f) || !will_read(f))
			return true;
		if (!r && look < LOOK_MAX_MS)
			look *= 2;
	}
	return true;
}

bool await_input(struct stint *s, FILE *f)
{
	int saved = errno;

	if (s->depth || !f || stream_parks(s) || !will_read(f) || is_ready(f->_fileno) || !would_block(f->_fileno))
		return true;
	show_prompt(f);
	if (!wait_for(f)) {
		f->_flags |= ERR_SEEN;
		errno = EINTR;
		return false;
	}
	errno = saved;
	return true;
}
