/*
 * locale.c - what follows the locale: conversions of characters and dates, messages
 *
 * The first conversion in a locale loads its converter under a lock of libc's; strptime() and strftime_l() look at the
 * time zone under another. misc.c has those that answer in static memory.
 *
 * A message catalogue that a call opened stays open when it is cancelled.
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#include <iconv.h>
#include <libintl.h>
#include <locale.h>
#include <nl_types.h>
#include <stdlib.h>
#include <time.h>
#include <wchar.h>

#include "interpose.h"

/* <libintl.h> has macros of these names */
#undef gettext
#undef dgettext
#undef dcgettext
#undef ngettext
#undef dngettext
#undef dcngettext

#undef btowc
#undef wctob
#undef mbstowcs
#undef wcstombs

/* --- characters -------------------------------------------------------------------------------- */

size_t __mbstowcs_chk(wchar_t *to, const char *from, size_t n, size_t size);
size_t __wcstombs_chk(char *to, const wchar_t *from, size_t n, size_t size);

LOCKED(size_t, mbstowcs, (wchar_t *to, const char *from, size_t n), (to, from, n))
LOCKED(size_t, __mbstowcs_chk, (wchar_t *to, const char *from, size_t n, size_t size), (to, from, n, size))
LOCKED(size_t, wcstombs, (char *to, const wchar_t *from, size_t n), (to, from, n))
LOCKED(size_t, __wcstombs_chk, (char *to, const wchar_t *from, size_t n, size_t size), (to, from, n, size))
LOCKED(wint_t, btowc, (int c), (c))
LOCKED(int, wctob, (wint_t c), (c))
LOCKED(size_t, iconv, (iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left),
       (cd, in, in_left, out, out_left))

/* --- dates ------------------------------------------------------------------------------------- */

size_t __strftime_l(char *buf, size_t n, const char *format, const struct tm *tm, locale_t locale);
size_t __wcsftime_l(wchar_t *buf, size_t n, const wchar_t *format, const struct tm *tm, locale_t locale);
struct tm *__gmtime_r(const time_t *t, struct tm *tm);

LOCKED_VOID(tzset, (void), ())
LOCKED(struct tm *, localtime_r, (const time_t *t, struct tm *tm), (t, tm))
LOCKED(struct tm *, gmtime_r, (const time_t *t, struct tm *tm), (t, tm))
LOCKED(time_t, mktime, (struct tm *tm), (tm))
LOCKED(time_t, timegm, (struct tm *tm), (tm))
LOCKED(char *, ctime_r, (const time_t *t, char *buf), (t, buf))
LOCKED(size_t, strftime, (char *buf, size_t n, const char *format, const struct tm *tm), (buf, n, format, tm))
LOCKED(size_t, wcsftime, (wchar_t *buf, size_t n, const wchar_t *format, const struct tm *tm), (buf, n, format, tm))
LOCKED(char *, strptime, (const char *text, const char *format, struct tm *tm), (text, format, tm))
LOCKED(char *, strptime_l, (const char *text, const char *format, struct tm *tm, locale_t locale),
       (text, format, tm, locale))
LOCKED(size_t, strftime_l, (char *buf, size_t n, const char *format, const struct tm *tm, locale_t locale),
       (buf, n, format, tm, locale))
LOCKED(size_t, __strftime_l, (char *buf, size_t n, const char *format, const struct tm *tm, locale_t locale),
       (buf, n, format, tm, locale))
LOCKED(size_t, wcsftime_l, (wchar_t *buf, size_t n, const wchar_t *format, const struct tm *tm, locale_t locale),
       (buf, n, format, tm, locale))
LOCKED(size_t, __wcsftime_l, (wchar_t *buf, size_t n, const wchar_t *format, const struct tm *tm, locale_t locale),
       (buf, n, format, tm, locale))
LOCKED(char *, asctime_r, (const struct tm *tm, char *buf), (tm, buf))
LOCKED(struct tm *, __gmtime_r, (const time_t *t, struct tm *tm), (t, tm))
LOCKED(time_t, timelocal, (struct tm *tm), (tm))
LOCKED(int, getdate_r, (const char *text, struct tm *tm), (text, tm))
LOCKED(int, rpmatch, (const char *answer), (answer))

/* --- locales and messages ---------------------------------------------------------------------- */

char *__dgettext(const char *domain, const char *id);
char *__dcgettext(const char *domain, const char *id, int category);

LOCKED(char *, setlocale, (int category, const char *locale), (category, locale))
LOCKED(char *, gettext, (const char *id), (id))
LOCKED(char *, dgettext, (const char *domain, const char *id), (domain, id))
LOCKED(char *, dcgettext, (const char *domain, const char *id, int category), (domain, id, category))
LOCKED(char *, ngettext, (const char *one, const char *many, unsigned long n), (one, many, n))
LOCKED(char *, dngettext, (const char *domain, const char *one, const char *many, unsigned long n),
       (domain, one, many, n))
LOCKED(char *, textdomain, (const char *domain), (domain))
LOCKED(char *, bindtextdomain, (const char *domain, const char *dir), (domain, dir))
LOCKED(char *, __dgettext, (const char *domain, const char *id), (domain, id))
LOCKED(char *, __dcgettext, (const char *domain, const char *id, int category), (domain, id, category))
LOCKED(char *, dcngettext, (const char *domain, const char *one, const char *many, unsigned long n, int category),
       (domain, one, many, n, category))
LOCKED(char *, bind_textdomain_codeset, (const char *domain, const char *codeset), (domain, codeset))
