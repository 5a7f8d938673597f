/*
 * stdio.c - streams
 *
 * Every function that locks a stream, or the list of all streams, runs with preemption disabled: a call stopped
 * with stdout locked would stop its caller at the next printf. So a call waits for input before it goes there (await.h), and
 * a thread is parked while it waits in there (stream.h).
 * The functions behind the macros (__overflow and so on) rearrange the buffer, so they
 * are here, too. Unlocked functions and older names are in stdio-variants.c.
 *
 * Functions that make a stream enter it in the ledger, fclose() and pclose() strike it, on whatever thread. A
 * stream made by fdopen() takes the descriptor's entry over; where the descriptor was not the call's,
 * cancelling closes the stream but leaves the descriptor open.
 *
 * Not entered: what scanf's %m allocates.
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline, nor turn the scanf family into its C99 variants: both are wrapped */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#define scanf header_scanf
#define fscanf header_fscanf
#define vscanf header_vscanf
#define vfscanf header_vfscanf
#define wscanf header_wscanf
#define fwscanf header_fwscanf
#define vwscanf header_vwscanf
#define vfwscanf header_vfwscanf
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "../ledger.h"
#include "../poller.h"
#include "../sys.h"
#include "parks.h"
#include "stream.h"

/* exported by libc and called by compiled programs, but not declared in its headers as such */
#undef scanf
#undef fscanf
#undef vscanf
#undef vfscanf
#undef wscanf
#undef fwscanf
#undef vwscanf
#undef vfwscanf
#undef getc
#undef putc
#undef getchar
#undef putchar
int _IO_getc(FILE *f);
int _IO_putc(int c, FILE *f);
char *gets(char *buf);
char *__gets_chk(char *buf, size_t size);
char *__fgets_chk(char *buf, size_t size, int n, FILE *f);
size_t __fread_chk(void *buf, size_t size, size_t len, size_t n, FILE *f);
wchar_t *__fgetws_chk(wchar_t *buf, size_t size, int n, FILE *f);
int __underflow(FILE *f);
wint_t __wuflow(FILE *f);
wint_t __wunderflow(FILE *f);
wint_t __woverflow(FILE *f, wint_t c);
int __printf_chk(int flag, const char *format, ...);
int __fprintf_chk(FILE *f, int flag, const char *format, ...);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vprintf_chk(int flag, const char *format, va_list ap);
int __vfprintf_chk(FILE *f, int flag, const char *format, va_list ap);
int __vdprintf_chk(int fd, int flag, const char *format, va_list ap);
int __wprintf_chk(int flag, const wchar_t *format, ...);
int __fwprintf_chk(FILE *f, int flag, const wchar_t *format, ...);
int __vwprintf_chk(int flag, const wchar_t *format, va_list ap);
int __vfwprintf_chk(FILE *f, int flag, const wchar_t *format, va_list ap);
int scanf(const char *format, ...);
int fscanf(FILE *f, const char *format, ...);
int vscanf(const char *format, va_list ap);
int vfscanf(FILE *f, const char *format, va_list ap);
int wscanf(const wchar_t *format, ...);
int fwscanf(FILE *f, const wchar_t *format, ...);
int vwscanf(const wchar_t *format, va_list ap);
int vfwscanf(FILE *f, const wchar_t *format, va_list ap);
int __isoc99_scanf(const char *format, ...);
int __isoc99_fscanf(FILE *f, const char *format, ...);
int __isoc99_vscanf(const char *format, va_list ap);
int __isoc99_vfscanf(FILE *f, const char *format, va_list ap);
int __isoc99_wscanf(const wchar_t *format, ...);
int __isoc99_fwscanf(FILE *f, const wchar_t *format, ...);
int __isoc99_vwscanf(const wchar_t *format, va_list ap);
int __isoc99_vfwscanf(FILE *f, const wchar_t *format, va_list ap);
int _IO_fclose(FILE *f);
FILE *_IO_fdopen(int fd, const char *mode);
FILE *_IO_fopen(const char *path, const char *mode);
FILE *_IO_popen(const char *command, const char *mode);

/* --- opening and closing ----------------------------------------------------------------------- */

/* libc opened a descriptor past us: if the number was a call's, it closed that past us, too */
static FILE *unowned(FILE *f)
{
	int saved = errno, fd = f ? fileno_unlocked(f) : -1;

	errno = saved;
	if (fd >= 0)
		ledger_fd_closed(fd);
	return f;
}

/* Enter @f for @s, or close it again. */
static FILE *entered(struct stint *s, FILE *f, enum thing_kind kind, int fds, char **buffer)
{
	if (!unowned(f) || !ledger_stream_add(s, kind, f, fds, buffer))
		return f;
	if (kind == THING_PIPE_STREAM)
		sys.pclose(f);
	else
		sys.fclose(f);
	errno = ENOMEM;
	return NULL;
}

/* a function that makes a stream, which holds @fds descriptors */
#define OPENS(name, params, args, kind, fds, buffer)                          \
	DEFERRED(, FILE *, name, params, unowned(REAL(name) args),            \
	         entered(s_, REAL(name) args, kind, fds, buffer))

OPENS(fopen, (const char *path, const char *mode), (path, mode), THING_STREAM, 1, NULL)
OPENS(fopen64, (const char *path, const char *mode), (path, mode), THING_STREAM, 1, NULL)
OPENS(_IO_fopen, (const char *path, const char *mode), (path, mode), THING_STREAM, 1, NULL)
OPENS(tmpfile, (void), (), THING_STREAM, 1, NULL)
OPENS(tmpfile64, (void), (), THING_STREAM, 1, NULL)
OPENS(popen, (const char *command, const char *mode), (command, mode), THING_PIPE_STREAM, 1, NULL)
OPENS(_IO_popen, (const char *command, const char *mode), (command, mode), THING_PIPE_STREAM, 1, NULL)
OPENS(fmemopen, (void *buf, size_t len, const char *mode), (buf, len, mode), THING_STREAM, 0, NULL)
OPENS(open_memstream, (char **buf, size_t *len), (buf, len), THING_STREAM, 0, buf)
OPENS(open_wmemstream, (wchar_t **buf, size_t *len), (buf, len), THING_STREAM, 0, (char **)buf)
OPENS(fopencookie, (void *cookie, const char *mode, cookie_io_functions_t io), (cookie, mode, io),
      THING_STREAM, 0, NULL)

/* the stream owns the descriptor from now on, in a call and outside */
static FILE *took_over(struct stint *s, FILE *f, int fd)
{
	bool borrowed = s && !ledger_fd_owned(s, fd);

	if (!f)
		return NULL;
	if (!s) {
		ledger_fd_closed(fd);
		return f;
	}
	if (ledger_stream_add(s, THING_STREAM, f, borrowed ? -1 : 1, NULL)) {
		/* only the descriptor is given back, then: by its own entry */
		return f;
	}
	if (!borrowed)
		ledger_fd_closed(fd);
	return f;
}

#define TAKES_OVER(name)                                                      \
	DEFERRED(, FILE *, name, (int fd, const char *mode), took_over(NULL, REAL(name)(fd, mode), fd), \
	         took_over(s_, REAL(name)(fd, mode), fd))

TAKES_OVER(fdopen)
TAKES_OVER(_IO_fdopen)

/*
 * Strike first, then close: once closed, another thread may get the same address or number. A borrowed descriptor
 * may have an entry of its own.
 */
static int closed(struct stint *s, FILE *f, int (*close)(FILE *))
{
	int saved = errno, fd = fileno_unlocked(f), r;
	char **buffer;

	errno = saved;
	ledger_fd_closed(fd);
	ledger_stream_drop(f, &buffer);
	r = close(f);
	if (fd >= 0)
		poller_closed(fd);
	if (s && buffer)
		*buffer = heap_adopt(s, *buffer);
	return r;
}

#define CLOSES(name)                                                          \
	WRAPPER int name(FILE *f)                                             \
	{                                                                     \
		struct stint *s = self();                                     \
		void *outer;                                                  \
		int r;                                                        \
                                                                              \
		if (likely(!s))                                               \
			return closed(NULL, f, REAL(name));                   \
		outer = stream_enter(s, f, caller_address());                 \
		r = closed(s, f, REAL(name));                                 \
		stream_leave(s, f, outer, caller_address());                  \
		return r;                                                     \
	}

CLOSES(fclose)
CLOSES(_IO_fclose)

/* as libc has it since popen() began (iopopen.c) */
struct command_stream {
	FILE stream;
	const void *table;
	pid_t pid;
};

/*
 * Before a thread has libc wait for the command of @f: until that has ended. The pipe is closed first, or it might never end, by
 * opening something else under its number. Where anything is not as expected, libc waits, and its worker with it.
 */
static void await_command(FILE *f)
{
	pid_t pid = ((const struct command_stream *)f)->pid;
	int saved = errno, fd = fileno_unlocked(f);
	siginfo_t info;
	long null;

	if (pid <= 0 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || (__fpending(f) && fflush(f)))
		goto restore_errno;
	null = ledger_own_open(false, SYS_open, (long)"/dev/null", O_RDWR | O_CLOEXEC, 0);
	if (null < 0)
		goto restore_errno;
	sys_raw(SYS_dup3, null, fd, O_CLOEXEC, 0);
	poller_closed(fd);
	ledger_own_close(null);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
restore_errno:
	errno = saved;
}

WRAPPER int pclose(FILE *f)
{
	struct stint *s = self();
	void *outer;
	int r;

	if (likely(!s))
		return closed(NULL, f, REAL(pclose));
	if (parks_in(s))
		await_command(f);
	outer = stream_enter(s, f, caller_address());
	r = closed(s, f, REAL(pclose));
	stream_leave(s, f, outer, caller_address());
	return r;
}

/* the stream stays the same and so does its entry */
ON_STREAM(FILE *, freopen, (const char *path, const char *mode, FILE *f), (path, mode, f), f)
ON_STREAM(FILE *, freopen64, (const char *path, const char *mode, FILE *f), (path, mode, f), f)
LOCKED(int, fcloseall, (void), ())

/* --- locking by hand: preemption stays disabled in between ------------------------------------- */

WRAPPER void flockfile(FILE *f)
{
	struct stint *s = self();

	if (unlikely(s)) {
		s->stream = stream_enter(s, f, caller_address());        /* libc is not in it */
		s->ledger.locks.streams++;
	}
	REAL(flockfile)(f);
}

WRAPPER int ftrylockfile(FILE *f)
{
	struct stint *s = self();
	int r;

	if (likely(!s))
		return REAL(ftrylockfile)(f);
	preempt_disable(s);
	r = REAL(ftrylockfile)(f);
	if (r == 0)
		s->ledger.locks.streams++;
	else
		preempt_enable(s, caller_address());
	return r;
}

WRAPPER void funlockfile(FILE *f)
{
	struct stint *s = self();

	REAL(funlockfile)(f);
	if (unlikely(s) && s->ledger.locks.streams) {
		s->ledger.locks.streams--;
		stream_leave(s, f, s->stream, caller_address());
	}
}

/* --- bytes ------------------------------------------------------------------------------------- */

READS_STREAM(int, fgetc, (FILE *f), (f), f, EOF)
READS_STREAM(int, getc, (FILE *f), (f), f, EOF)
READS_STREAM(int, _IO_getc, (FILE *f), (f), f, EOF)
READS_STREAM(int, getchar, (void), (), stdin, EOF)
READS_STREAM(int, getw, (FILE *f), (f), f, EOF)
ON_STREAM(int, fputc, (int c, FILE *f), (c, f), f)
ON_STREAM(int, putc, (int c, FILE *f), (c, f), f)
ON_STREAM(int, _IO_putc, (int c, FILE *f), (c, f), f)
ON_STREAM(int, putchar, (int c), (c), stdout)
ON_STREAM(int, putw, (int w, FILE *f), (w, f), f)
ON_STREAM(int, ungetc, (int c, FILE *f), (c, f), f)
READS_STREAM(char *, fgets, (char *buf, int n, FILE *f), (buf, n, f), n > 1 ? f : NULL, NULL)
READS_STREAM(char *, __fgets_chk, (char *buf, size_t size, int n, FILE *f), (buf, size, n, f), n > 1 ? f : NULL, NULL)
READS_STREAM(char *, gets, (char *buf), (buf), stdin, NULL)
READS_STREAM(char *, __gets_chk, (char *buf, size_t size), (buf, size), stdin, NULL)
ON_STREAM(int, fputs, (const char *str, FILE *f), (str, f), f)
ON_STREAM(int, puts, (const char *str), (str), stdout)
READS_STREAM(size_t, fread, (void *buf, size_t size, size_t n, FILE *f), (buf, size, n, f), size && n ? f : NULL, 0)
READS_STREAM(size_t, __fread_chk, (void *buf, size_t len, size_t size, size_t n, FILE *f),
             (buf, len, size, n, f), size && n ? f : NULL, 0)
ON_STREAM(size_t, fwrite, (const void *buf, size_t size, size_t n, FILE *f), (buf, size, n, f), f)
ON_STREAM(int, __overflow, (FILE *f, int c), (f, c), f)
READS_STREAM(int, __uflow, (FILE *f), (f), f, EOF)
READS_STREAM(int, __underflow, (FILE *f), (f), f, EOF)
ON_STREAM_VOID(perror, (const char *str), (str), stderr)
ON_STREAM_VOID(psignal, (int signo, const char *str), (signo, str), stderr)
ON_STREAM_VOID(psiginfo, (const siginfo_t *info, const char *str), (info, str), stderr)

/* --- wide characters --------------------------------------------------------------------------- */

READS_STREAM(wint_t, fgetwc, (FILE *f), (f), f, WEOF)
READS_STREAM(wint_t, getwc, (FILE *f), (f), f, WEOF)
READS_STREAM(wint_t, getwchar, (void), (), stdin, WEOF)
ON_STREAM(wint_t, fputwc, (wchar_t c, FILE *f), (c, f), f)
ON_STREAM(wint_t, putwc, (wchar_t c, FILE *f), (c, f), f)
ON_STREAM(wint_t, putwchar, (wchar_t c), (c), stdout)
ON_STREAM(wint_t, ungetwc, (wint_t c, FILE *f), (c, f), f)
READS_STREAM(wchar_t *, fgetws, (wchar_t *buf, int n, FILE *f), (buf, n, f), n > 1 ? f : NULL, NULL)
READS_STREAM(wchar_t *, __fgetws_chk, (wchar_t *buf, size_t size, int n, FILE *f), (buf, size, n, f), n > 1 ? f : NULL, NULL)
ON_STREAM(int, fputws, (const wchar_t *str, FILE *f), (str, f), f)
ON_STREAM(int, fwide, (FILE *f, int mode), (f, mode), f)
ON_STREAM(wint_t, __woverflow, (FILE *f, wint_t c), (f, c), f)
READS_STREAM(wint_t, __wuflow, (FILE *f), (f), f, WEOF)
READS_STREAM(wint_t, __wunderflow, (FILE *f), (f), f, WEOF)

/* --- positions, buffers, state ----------------------------------------------------------------- */

ON_STREAM(int, fflush, (FILE *f), (f), f)
ON_STREAM(int, fseek, (FILE *f, long at, int whence), (f, at, whence), f)
ON_STREAM(int, fseeko, (FILE *f, off_t at, int whence), (f, at, whence), f)
ON_STREAM(int, fseeko64, (FILE *f, off64_t at, int whence), (f, at, whence), f)
ON_STREAM(long, ftell, (FILE *f), (f), f)
ON_STREAM(off_t, ftello, (FILE *f), (f), f)
ON_STREAM(off64_t, ftello64, (FILE *f), (f), f)
ON_STREAM(int, fgetpos, (FILE *f, fpos_t *at), (f, at), f)
ON_STREAM(int, fgetpos64, (FILE *f, fpos64_t *at), (f, at), f)
ON_STREAM(int, fsetpos, (FILE *f, const fpos_t *at), (f, at), f)
ON_STREAM(int, fsetpos64, (FILE *f, const fpos64_t *at), (f, at), f)
ON_STREAM_VOID(rewind, (FILE *f), (f), f)
ON_STREAM_VOID(setbuf, (FILE *f, char *buf), (f, buf), f)
ON_STREAM_VOID(setbuffer, (FILE *f, char *buf, size_t size), (f, buf, size), f)
ON_STREAM(int, setvbuf, (FILE *f, char *buf, int mode, size_t size), (f, buf, mode, size), f)
ON_STREAM_VOID(setlinebuf, (FILE *f), (f), f)
ON_STREAM_VOID(clearerr, (FILE *f), (f), f)
ON_STREAM(int, feof, (FILE *f), (f), f)
ON_STREAM(int, ferror, (FILE *f), (f), f)
ON_STREAM(int, fileno, (FILE *f), (f), f)

/* --- formatted --------------------------------------------------------------------------------- */

ON_STREAM(int, vprintf, (const char *format, va_list ap), (format, ap), stdout)
ON_STREAM(int, vfprintf, (FILE *f, const char *format, va_list ap), (f, format, ap), f)
ON_STREAM(int, __vprintf_chk, (int flag, const char *format, va_list ap), (flag, format, ap), stdout)
ON_STREAM(int, __vfprintf_chk, (FILE *f, int flag, const char *format, va_list ap), (f, flag, format, ap), f)
ON_STREAM(int, vwprintf, (const wchar_t *format, va_list ap), (format, ap), stdout)
ON_STREAM(int, vfwprintf, (FILE *f, const wchar_t *format, va_list ap), (f, format, ap), f)
ON_STREAM(int, __vwprintf_chk, (int flag, const wchar_t *format, va_list ap), (flag, format, ap), stdout)
ON_STREAM(int, __vfwprintf_chk, (FILE *f, int flag, const wchar_t *format, va_list ap),
          (f, flag, format, ap), f)
READS_STREAM(int, vscanf, (const char *format, va_list ap), (format, ap), stdin, EOF)
READS_STREAM(int, vfscanf, (FILE *f, const char *format, va_list ap), (f, format, ap), f, EOF)
READS_STREAM(int, __isoc99_vscanf, (const char *format, va_list ap), (format, ap), stdin, EOF)
READS_STREAM(int, __isoc99_vfscanf, (FILE *f, const char *format, va_list ap), (f, format, ap), f, EOF)
READS_STREAM(int, vwscanf, (const wchar_t *format, va_list ap), (format, ap), stdin, EOF)
READS_STREAM(int, vfwscanf, (FILE *f, const wchar_t *format, va_list ap), (f, format, ap), f, EOF)
READS_STREAM(int, __isoc99_vwscanf, (const wchar_t *format, va_list ap), (format, ap), stdin, EOF)
READS_STREAM(int, __isoc99_vfwscanf, (FILE *f, const wchar_t *format, va_list ap), (f, format, ap), f, EOF)
ON_STREAM_VOID(vwarn, (const char *format, va_list ap), (format, ap), stderr)
ON_STREAM_VOID(vwarnx, (const char *format, va_list ap), (format, ap), stderr)

/* In the ledger of @s: a cancel gives the text back. */
static int text_for_call(struct stint *s, char **text, int flag, const char *format, va_list ap)
{
	int n;

	preempt_disable(s);
	n = format_text(text, flag, format, ap);
	*text = heap_enter(s, *text);
	preempt_enable(s, NULL);
	return n;
}

/* as libc's: all of it, or an error */
static int write_text(struct stint *s, int fd, int flag, const char *format, va_list ap)
{
	ssize_t done = 0, r = 0;
	char *text;
	int n = text_for_call(s, &text, flag, format, ap);

	while (r >= 0 && (done += r) < n)
		r = write(fd, text + done, (size_t)(n - done));
	free(text);
	return r < 0 ? -1 : n;
}

/*
 * To a descriptor. A thread writes by itself: libc goes by way of a stream of its own, but from 2.37 on past all streams, and nothing
 * leads here.
 */
#define WRITES_TO(name, params, args, flag)                                   \
	WRAPPER STINT_LOCKED_TEXT int name params                             \
	{                                                                     \
		struct stint *s_ = self();                                    \
		int r_;                                                       \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		if (parks_in(s_))                                             \
			return write_text(s_, fd, flag, format, ap);          \
		preempt_disable(s_);                                          \
		r_ = REAL(name) args;                                         \
		preempt_enable(s_, caller_address());                         \
		return r_;                                                    \
	}

WRITES_TO(vdprintf, (int fd, const char *format, va_list ap), (fd, format, ap), 0)
WRITES_TO(__vdprintf_chk, (int fd, int flag, const char *format, va_list ap), (fd, flag, format, ap), flag)

FORMATS(printf, vprintf, (const char *format, ...), (format, ap))
FORMATS(fprintf, vfprintf, (FILE *f, const char *format, ...), (f, format, ap))
FORMATS(dprintf, vdprintf, (int fd, const char *format, ...), (fd, format, ap))
FORMATS(__printf_chk, __vprintf_chk, (int flag, const char *format, ...), (flag, format, ap))
FORMATS(__fprintf_chk, __vfprintf_chk, (FILE *f, int flag, const char *format, ...), (f, flag, format, ap))
FORMATS(__dprintf_chk, __vdprintf_chk, (int fd, int flag, const char *format, ...), (fd, flag, format, ap))
FORMATS(wprintf, vwprintf, (const wchar_t *format, ...), (format, ap))
FORMATS(fwprintf, vfwprintf, (FILE *f, const wchar_t *format, ...), (f, format, ap))
FORMATS(__wprintf_chk, __vwprintf_chk, (int flag, const wchar_t *format, ...), (flag, format, ap))
FORMATS(__fwprintf_chk, __vfwprintf_chk, (FILE *f, int flag, const wchar_t *format, ...), (f, flag, format, ap))
FORMATS(scanf, vscanf, (const char *format, ...), (format, ap))
FORMATS(fscanf, vfscanf, (FILE *f, const char *format, ...), (f, format, ap))
FORMATS(__isoc99_scanf, __isoc99_vscanf, (const char *format, ...), (format, ap))
FORMATS(__isoc99_fscanf, __isoc99_vfscanf, (FILE *f, const char *format, ...), (f, format, ap))
FORMATS(wscanf, vwscanf, (const wchar_t *format, ...), (format, ap))
FORMATS(fwscanf, vfwscanf, (FILE *f, const wchar_t *format, ...), (f, format, ap))
FORMATS(__isoc99_wscanf, __isoc99_vwscanf, (const wchar_t *format, ...), (format, ap))
FORMATS(__isoc99_fwscanf, __isoc99_vfwscanf, (FILE *f, const wchar_t *format, ...), (f, format, ap))
FORMATS_VOID(warn, vwarn, (const char *format, ...), (format, ap))
FORMATS_VOID(warnx, vwarnx, (const char *format, ...), (format, ap))
