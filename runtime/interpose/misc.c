/*
 * misc.c - the rest of libc that takes locks: names and addresses, users and groups, time zones, environment, random
 * numbers, locales and messages, exit handlers, the system log, regular expressions
 *
 * String formatting and scanning take no lock, but run long inside libc, where a tick is refused; wrapped, they take
 * the deadline exactly where they return. So does qsort, which is not deferred: its comparison function belongs
 * to the program.
 *
 * What these functions keep in static memory is still shared between calls.
 */
#define _GNU_SOURCE
/* the header would turn these into their C99 variants; both are wrapped */
#define sscanf header_sscanf
#define vsscanf header_vsscanf
#include <grp.h>
#include <iconv.h>
#include <libintl.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <wchar.h>

#include "interpose.h"

#undef sscanf
#undef vsscanf
int sscanf(const char *text, const char *format, ...);
int vsscanf(const char *text, const char *format, va_list args);

/* <libintl.h> has macros of these names */
#undef gettext
#undef dgettext
#undef dcgettext
#undef ngettext
#undef dngettext

/* --- names and addresses ----------------------------------------------------------------------- */

LOCKED(int, getaddrinfo, (const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out),
       (node, service, hints, out))
LOCKED_VOID(freeaddrinfo, (struct addrinfo *list), (list))
LOCKED(int, getnameinfo, (const struct sockaddr *sa, socklen_t len, char *host, socklen_t hostlen, char *serv,
                          socklen_t servlen, int flags), (sa, len, host, hostlen, serv, servlen, flags))
LOCKED(struct hostent *, gethostbyname, (const char *name), (name))
LOCKED(struct hostent *, gethostbyname2, (const char *name, int af), (name, af))
LOCKED(struct hostent *, gethostbyaddr, (const void *addr, socklen_t len, int type), (addr, len, type))
LOCKED(struct servent *, getservbyname, (const char *name, const char *proto), (name, proto))
LOCKED(struct servent *, getservbyport, (int port, const char *proto), (port, proto))
LOCKED(struct protoent *, getprotobyname, (const char *name), (name))
LOCKED(struct protoent *, getprotobynumber, (int number), (number))

/* --- users and groups -------------------------------------------------------------------------- */

LOCKED(struct passwd *, getpwnam, (const char *name), (name))
LOCKED(struct passwd *, getpwuid, (uid_t uid), (uid))
LOCKED(struct passwd *, getpwent, (void), ())
LOCKED_VOID(setpwent, (void), ())
LOCKED_VOID(endpwent, (void), ())
LOCKED(int, getpwnam_r, (const char *name, struct passwd *pw, char *buf, size_t n, struct passwd **out),
       (name, pw, buf, n, out))
LOCKED(int, getpwuid_r, (uid_t uid, struct passwd *pw, char *buf, size_t n, struct passwd **out),
       (uid, pw, buf, n, out))
LOCKED(struct group *, getgrnam, (const char *name), (name))
LOCKED(struct group *, getgrgid, (gid_t gid), (gid))
LOCKED(struct group *, getgrent, (void), ())
LOCKED_VOID(setgrent, (void), ())
LOCKED_VOID(endgrent, (void), ())
LOCKED(int, getgrnam_r, (const char *name, struct group *gr, char *buf, size_t n, struct group **out),
       (name, gr, buf, n, out))
LOCKED(int, getgrgid_r, (gid_t gid, struct group *gr, char *buf, size_t n, struct group **out),
       (gid, gr, buf, n, out))
LOCKED(int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *n), (user, group, groups, n))
LOCKED(int, initgroups, (const char *user, gid_t group), (user, group))

/* --- time zones -------------------------------------------------------------------------------- */

LOCKED_VOID(tzset, (void), ())
LOCKED(struct tm *, localtime, (const time_t *t), (t))
LOCKED(struct tm *, localtime_r, (const time_t *t, struct tm *tm), (t, tm))
LOCKED(struct tm *, gmtime, (const time_t *t), (t))
LOCKED(struct tm *, gmtime_r, (const time_t *t, struct tm *tm), (t, tm))
LOCKED(time_t, mktime, (struct tm *tm), (tm))
LOCKED(time_t, timegm, (struct tm *tm), (tm))
LOCKED(char *, ctime, (const time_t *t), (t))
LOCKED(char *, ctime_r, (const time_t *t, char *buf), (t, buf))
LOCKED(size_t, strftime, (char *buf, size_t n, const char *format, const struct tm *tm), (buf, n, format, tm))
LOCKED(size_t, wcsftime, (wchar_t *buf, size_t n, const wchar_t *format, const struct tm *tm), (buf, n, format, tm))

/* --- environment, exit handlers ---------------------------------------------------------------- */

LOCKED(int, setenv, (const char *name, const char *value, int overwrite), (name, value, overwrite))
LOCKED(int, unsetenv, (const char *name), (name))
LOCKED(int, putenv, (char *entry), (entry))
LOCKED(int, clearenv, (void), ())
LOCKED(int, on_exit, (void (*fn)(int, void *), void *arg), (fn, arg))

extern int __cxa_atexit(void (*fn)(void *), void *arg, void *dso);
extern int __cxa_at_quick_exit(void (*fn)(void *), void *dso);
LOCKED(int, __cxa_atexit, (void (*fn)(void *), void *arg, void *dso), (fn, arg, dso))
LOCKED(int, __cxa_at_quick_exit, (void (*fn)(void *), void *dso), (fn, dso))

/* --- random numbers ---------------------------------------------------------------------------- */

LOCKED(long, random, (void), ())
LOCKED_VOID(srandom, (unsigned seed), (seed))
LOCKED(char *, initstate, (unsigned seed, char *state, size_t n), (seed, state, n))
LOCKED(char *, setstate, (char *state), (state))
LOCKED(int, rand, (void), ())
LOCKED_VOID(srand, (unsigned seed), (seed))

/* --- locales and messages ---------------------------------------------------------------------- */

LOCKED(char *, setlocale, (int category, const char *locale), (category, locale))
LOCKED(locale_t, newlocale, (int mask, const char *locale, locale_t base), (mask, locale, base))
LOCKED(locale_t, duplocale, (locale_t locale), (locale))
LOCKED_VOID(freelocale, (locale_t locale), (locale))
LOCKED(char *, gettext, (const char *id), (id))
LOCKED(char *, dgettext, (const char *domain, const char *id), (domain, id))
LOCKED(char *, dcgettext, (const char *domain, const char *id, int category), (domain, id, category))
LOCKED(char *, ngettext, (const char *one, const char *many, unsigned long n), (one, many, n))
LOCKED(char *, dngettext, (const char *domain, const char *one, const char *many, unsigned long n),
       (domain, one, many, n))
LOCKED(char *, textdomain, (const char *domain), (domain))
LOCKED(char *, bindtextdomain, (const char *domain, const char *dir), (domain, dir))
LOCKED(char *, strerror, (int err), (err))
LOCKED(char *, strerror_r, (int err, char *buf, size_t n), (err, buf, n))
LOCKED(char *, strerror_l, (int err, locale_t locale), (err, locale))
LOCKED(char *, strsignal, (int signo), (signo))
LOCKED(iconv_t, iconv_open, (const char *to, const char *from), (to, from))
LOCKED(int, iconv_close, (iconv_t cd), (cd))

extern int __xpg_strerror_r(int err, char *buf, size_t n);
LOCKED(int, __xpg_strerror_r, (int err, char *buf, size_t n), (err, buf, n))

/* --- the system log, regular expressions ------------------------------------------------------- */

extern void __vsyslog_chk(int priority, int flag, const char *format, va_list args);

LOCKED_VOID(openlog, (const char *ident, int options, int facility), (ident, options, facility))
LOCKED_VOID(closelog, (void), ())
LOCKED_VOID(vsyslog, (int priority, const char *format, va_list args), (priority, format, args))
LOCKED_VOID(__vsyslog_chk, (int priority, int flag, const char *format, va_list args), (priority, flag, format, args))

WRAPPER void syslog(int priority, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsyslog(priority, format, args);
	va_end(args);
}

extern void __syslog_chk(int priority, int flag, const char *format, ...);

WRAPPER void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	__vsyslog_chk(priority, flag, format, args);
	va_end(args);
}

LOCKED(int, regcomp, (regex_t *re, const char *pattern, int flags), (re, pattern, flags))
LOCKED(int, regexec, (const regex_t *re, const char *text, size_t n, regmatch_t m[_Restrict_arr_ _REGEX_NELTS(n)], int flags),
       (re, text, n, m, flags))
LOCKED_VOID(regfree, (regex_t *re), (re))

/* --- formatting and scanning strings ----------------------------------------------------------- */

extern int __vsnprintf_chk(char *buf, size_t n, int flag, size_t size, const char *format, va_list args);
extern int __vsprintf_chk(char *buf, int flag, size_t size, const char *format, va_list args);
extern int __isoc99_vsscanf(const char *text, const char *format, va_list args);

LOCKED(int, vsnprintf, (char *buf, size_t n, const char *format, va_list args), (buf, n, format, args))
LOCKED(int, vsprintf, (char *buf, const char *format, va_list args), (buf, format, args))
LOCKED(int, __vsnprintf_chk, (char *buf, size_t n, int flag, size_t size, const char *format, va_list args),
       (buf, n, flag, size, format, args))
LOCKED(int, __vsprintf_chk, (char *buf, int flag, size_t size, const char *format, va_list args),
       (buf, flag, size, format, args))
LOCKED(int, vsscanf, (const char *text, const char *format, va_list args), (text, format, args))
LOCKED(int, __isoc99_vsscanf, (const char *text, const char *format, va_list args), (text, format, args))
LOCKED(int, vswprintf, (wchar_t *buf, size_t n, const wchar_t *format, va_list args), (buf, n, format, args))

WRAPPER int snprintf(char *buf, size_t n, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = vsnprintf(buf, n, format, args);
	va_end(args);
	return r;
}

WRAPPER int sprintf(char *buf, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = vsprintf(buf, format, args);
	va_end(args);
	return r;
}

extern int __snprintf_chk(char *buf, size_t n, int flag, size_t size, const char *format, ...);

WRAPPER int __snprintf_chk(char *buf, size_t n, int flag, size_t size, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = __vsnprintf_chk(buf, n, flag, size, format, args);
	va_end(args);
	return r;
}

extern int __sprintf_chk(char *buf, int flag, size_t size, const char *format, ...);

WRAPPER int __sprintf_chk(char *buf, int flag, size_t size, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = __vsprintf_chk(buf, flag, size, format, args);
	va_end(args);
	return r;
}

WRAPPER int sscanf(const char *text, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = vsscanf(text, format, args);
	va_end(args);
	return r;
}

extern int __isoc99_sscanf(const char *text, const char *format, ...);

WRAPPER int __isoc99_sscanf(const char *text, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = __isoc99_vsscanf(text, format, args);
	va_end(args);
	return r;
}

WRAPPER int swprintf(wchar_t *buf, size_t n, const wchar_t *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = vswprintf(buf, n, format, args);
	va_end(args);
	return r;
}

/* --- sorting: may be stopped in the program's function, and where it returns -------------------- */

static void leaving(struct stint *s, const void *caller)
{
	preempt_disable(s);
	preempt_enable(s, caller);
}

WRAPPER void qsort(void *base, size_t n, size_t size, __compar_fn_t compare)
{
	REAL(qsort)(base, n, size, compare);
	if (self())
		leaving(self(), caller_address());
}

WRAPPER void qsort_r(void *base, size_t n, size_t size, __compar_d_fn_t compare, void *arg)
{
	REAL(qsort_r)(base, n, size, compare, arg);
	if (self())
		leaving(self(), caller_address());
}
