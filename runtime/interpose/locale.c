/*
 * locale.c - what follows the locale: conversions of characters and dates, messages
 *
 * The first conversion in a locale loads its converter under a lock of libc's; strptime() and strftime_l() look at the
 * time zone under another. times.c and shifts.c have those that keep something in static memory.
 *
 * A message catalogue that a call opened stays open when it is cancelled.
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#include <iconv.h>
#include <langinfo.h>
#include <libintl.h>
#include <limits.h>
#include <locale.h>
#include <nl_types.h>
#include <stdlib.h>
#include <time.h>
#include <wchar.h>

#include "../tcb.h"
#include "interpose.h"
#include "statics.h"

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

/* What begins from now on goes by it, in blocks that others have used before, too. */
static char *set_locale(int category, const char *locale)
{
	char *now = REAL(setlocale)(category, locale);

	if (now && locale)
		tcb_locale_changed();
	return now;
}

DEFERRED(STINT_LOCKED_TEXT, char *, setlocale, (int category, const char *locale), set_locale(category, locale),
         set_locale(category, locale))
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

/* --- how numbers are written: libc fills in one structure, from what nl_langinfo() tells -------- */

static const struct {
	nl_item item;
	size_t at;
} number_texts[] = {
	{ RADIXCHAR, offsetof(struct lconv, decimal_point) },
	{ THOUSEP, offsetof(struct lconv, thousands_sep) },
	{ __GROUPING, offsetof(struct lconv, grouping) },
	{ __INT_CURR_SYMBOL, offsetof(struct lconv, int_curr_symbol) },
	{ __CURRENCY_SYMBOL, offsetof(struct lconv, currency_symbol) },
	{ __MON_DECIMAL_POINT, offsetof(struct lconv, mon_decimal_point) },
	{ __MON_THOUSANDS_SEP, offsetof(struct lconv, mon_thousands_sep) },
	{ __MON_GROUPING, offsetof(struct lconv, mon_grouping) },
	{ __POSITIVE_SIGN, offsetof(struct lconv, positive_sign) },
	{ __NEGATIVE_SIGN, offsetof(struct lconv, negative_sign) },
}, number_bytes[] = {
	{ __INT_FRAC_DIGITS, offsetof(struct lconv, int_frac_digits) },
	{ __FRAC_DIGITS, offsetof(struct lconv, frac_digits) },
	{ __P_CS_PRECEDES, offsetof(struct lconv, p_cs_precedes) },
	{ __P_SEP_BY_SPACE, offsetof(struct lconv, p_sep_by_space) },
	{ __N_CS_PRECEDES, offsetof(struct lconv, n_cs_precedes) },
	{ __N_SEP_BY_SPACE, offsetof(struct lconv, n_sep_by_space) },
	{ __P_SIGN_POSN, offsetof(struct lconv, p_sign_posn) },
	{ __N_SIGN_POSN, offsetof(struct lconv, n_sign_posn) },
	{ __INT_P_CS_PRECEDES, offsetof(struct lconv, int_p_cs_precedes) },
	{ __INT_P_SEP_BY_SPACE, offsetof(struct lconv, int_p_sep_by_space) },
	{ __INT_N_CS_PRECEDES, offsetof(struct lconv, int_n_cs_precedes) },
	{ __INT_N_SEP_BY_SPACE, offsetof(struct lconv, int_n_sep_by_space) },
	{ __INT_P_SIGN_POSN, offsetof(struct lconv, int_p_sign_posn) },
	{ __INT_N_SIGN_POSN, offsetof(struct lconv, int_n_sign_posn) },
};

/* a byte without a value is 255 in the locale, and CHAR_MAX here; a grouping that begins with one is none */
static struct lconv *number_format(struct stint *s)
{
	struct lconv *own = statics(s, STATIC_LCONV, sizeof(*own), NULL);

	if (!own)
		return NULL;
	for (size_t i = 0; i < sizeof(number_texts) / sizeof(number_texts[0]); i++)
		*(char **)((char *)own + number_texts[i].at) = nl_langinfo(number_texts[i].item);
	for (size_t i = 0; i < sizeof(number_bytes) / sizeof(number_bytes[0]); i++) {
		char value = *nl_langinfo(number_bytes[i].item);

		*((char *)own + number_bytes[i].at) = value == (char)UCHAR_MAX ? CHAR_MAX : value;
	}
	if (*own->grouping == CHAR_MAX || *own->grouping == (char)UCHAR_MAX)
		own->grouping = (char *)"";
	if (*own->mon_grouping == CHAR_MAX || *own->mon_grouping == (char)UCHAR_MAX)
		own->mon_grouping = (char *)"";
	return own;
}

OWN_STATE(struct lconv *, localeconv, (void), (), number_format(s_))
