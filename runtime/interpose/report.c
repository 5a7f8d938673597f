/*
 * report.c - reporting errors, in the words of the program or of libc, to the log, and ending with them
 *
 * Those that end the process run to its end, as exit() does (process.c).
 *
 * error() has no twin that takes a va_list. In a call its message is formatted first and then handed over whole.
 *
 * Not entered in the ledger: the block that backtrace_symbols() returns. It points into itself, so it must not move.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <error.h>
#include <execinfo.h>
#include <fmtmsg.h>
#include <netdb.h>
#include <regex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "interpose.h"

int __xpg_strerror_r(int err, char *buf, size_t n);
char *__strerror_r(int err, char *buf, size_t n);
int __vsnprintf_chk(char *buf, size_t n, int flag, size_t size, const char *format, va_list ap);
char **__backtrace_symbols(void *const *at, int n);
void __backtrace_symbols_fd(void *const *at, int n, int fd);

LOCKED_VOID(herror, (const char *str), (str))
LOCKED(const char *, hstrerror, (int err), (err))
LOCKED(const char *, gai_strerror, (int err), (err))
LOCKED(size_t, regerror, (int err, const regex_t *re, char *buf, size_t n), (err, re, buf, n))
LOCKED(char *, strerror_r, (int err, char *buf, size_t n), (err, buf, n))
LOCKED(int, __xpg_strerror_r, (int err, char *buf, size_t n), (err, buf, n))
LOCKED(char *, __strerror_r, (int err, char *buf, size_t n), (err, buf, n))
LOCKED(int, fmtmsg, (long class, const char *label, int severity, const char *text, const char *action, const char *tag),
       (class, label, severity, text, action, tag))
LOCKED(int, addseverity, (int severity, const char *str), (severity, str))
LOCKED(char **, backtrace_symbols, (void *const *at, int n), (at, n))
LOCKED(char **, __backtrace_symbols, (void *const *at, int n), (at, n))
LOCKED_VOID(backtrace_symbols_fd, (void *const *at, int n, int fd), (at, n, fd))
LOCKED_VOID(__backtrace_symbols_fd, (void *const *at, int n, int fd), (at, n, fd))

/* --- the system log ---------------------------------------------------------------------------- */

void __vsyslog_chk(int priority, int flag, const char *format, va_list ap);
void __syslog_chk(int priority, int flag, const char *format, ...);

LOCKED_VOID(openlog, (const char *ident, int options, int facility), (ident, options, facility))
LOCKED_VOID(closelog, (void), ())
LOCKED_VOID(vsyslog, (int priority, const char *format, va_list ap), (priority, format, ap))
LOCKED_VOID(__vsyslog_chk, (int priority, int flag, const char *format, va_list ap), (priority, flag, format, ap))

FORMATS_VOID(syslog, vsyslog, (int priority, const char *format, ...), (priority, format, ap))
FORMATS_VOID(__syslog_chk, __vsyslog_chk, (int priority, int flag, const char *format, ...), (priority, flag, format, ap))

/* --- those that end the process ---------------------------------------------------------------- */

static void to_the_end(void)
{
	if (self())
		preempt_disable(self());
}

WRAPPER void verr(int status, const char *format, va_list ap)
{
	to_the_end();
	REAL(verr)(status, format, ap);
	__builtin_unreachable();
}

WRAPPER void verrx(int status, const char *format, va_list ap)
{
	to_the_end();
	REAL(verrx)(status, format, ap);
	__builtin_unreachable();
}

WRAPPER void err(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verr(status, format, ap);
}

WRAPPER void errx(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verrx(status, format, ap);
}

/* --- error(): prints, and ends the process if its status is not 0 ------------------------------ */

int format_text(char **text, int flag, const char *format, va_list ap)
{
	int saved = errno, n, now;
	va_list again;

	*text = NULL;
	va_copy(again, ap);
	n = REAL(__vsnprintf_chk)(NULL, 0, flag, SIZE_MAX, format, again);
	va_end(again);
	if (n >= 0)
		*text = REAL(malloc)((size_t)n + 1);
	if (!*text)
		return -1;
	errno = saved;          /* the format may ask for it */
	now = REAL(__vsnprintf_chk)(*text, (size_t)n + 1, flag, SIZE_MAX, format, ap);
	return now < n ? now : n;       /* somebody else may change what is printed */
}

#define REPORTS(name, params, ...)                                            \
	WRAPPER void name params                                              \
	{                                                                     \
		struct stint *s = self();                                     \
		char *text;                                                   \
		va_list ap;                                                   \
                                                                              \
		if (s)                                                        \
			preempt_disable(s);                                   \
		va_start(ap, format);                                         \
		format_text(&text, 0, format, ap);                            \
		va_end(ap);                                                   \
		REAL(name)(__VA_ARGS__, "%s", text ? text : format);          \
		REAL(free)(text);                                             \
		if (s)                                                        \
			preempt_enable(s, caller_address());                  \
	}

REPORTS(error, (int status, int errnum, const char *format, ...), status, errnum)
REPORTS(error_at_line, (int status, int errnum, const char *file, unsigned line, const char *format, ...),
        status, errnum, file, line)
