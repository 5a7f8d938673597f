/*
 * times.c - dates in static memory
 *
 * As in libc, localtime() and gmtime() share one struct tm, and asctime() and ctime() one text; ctime() uses both. The time
 * zone, which localtime() looks up in the environment each time, is the process's, and so is getdate_err.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "interpose.h"
#include "statics.h"

/* the longest text that asctime() can make, all numbers of as many digits as an int can have */
#define TEXT_SIZE (3 + 1 + 3 + 1 + 20 + 1 + 20 + 1 + 20 + 1 + 20 + 1 + 20 + 1 + 1)

struct times {
	struct tm tm;
	char text[TEXT_SIZE];
};

static struct times *times_of(struct stint *s)
{
	return statics(s, STATIC_TIME, sizeof(struct times), NULL);
}

static struct tm *local(struct stint *s, const time_t *t)
{
	struct times *own = times_of(s);

	if (!own)
		return NULL;
	REAL(tzset)();
	return REAL(localtime_r)(t, &own->tm);
}

static struct tm *universal(struct stint *s, const time_t *t)
{
	struct times *own = times_of(s);

	return own ? REAL(gmtime_r)(t, &own->tm) : NULL;
}

/* asctime_r() has no room for years of more than four digits */
static char *to_text(struct stint *s, const struct tm *tm)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct times *own = times_of(s);

	if (!own)
		return NULL;
	if (!tm) {
		errno = EINVAL;
		return NULL;
	}
	if (tm->tm_year > INT_MAX - 1900) {
		errno = EOVERFLOW;
		return NULL;
	}
	REAL(snprintf)(own->text, sizeof(own->text), "%.3s %.3s%3d %.2d:%.2d:%.2d %d\n",
	               tm->tm_wday < 0 || tm->tm_wday > 6 ? "???" : days + 3 * tm->tm_wday,
	               tm->tm_mon < 0 || tm->tm_mon > 11 ? "???" : months + 3 * tm->tm_mon, tm->tm_mday, tm->tm_hour,
	               tm->tm_min, tm->tm_sec, 1900 + tm->tm_year);
	return own->text;
}

static char *local_text(struct stint *s, const time_t *t)
{
	const struct tm *tm = local(s, t);

	return tm ? to_text(s, tm) : NULL;
}

static struct tm *parsed(struct stint *s, const char *text)
{
	struct tm *tm = statics(s, STATIC_DATE, sizeof(*tm), NULL);
	int err = tm ? REAL(getdate_r)(text, tm) : 6;   /* 6: no memory */

	if (!err)
		return tm;
	getdate_err = err;
	return NULL;
}

OWN_STATE(struct tm *, localtime, (const time_t *t), (t), local(s_, t))
OWN_STATE(struct tm *, gmtime, (const time_t *t), (t), universal(s_, t))
OWN_STATE(char *, asctime, (const struct tm *tm), (tm), to_text(s_, tm))
OWN_STATE(char *, ctime, (const time_t *t), (t), local_text(s_, t))
OWN_STATE(struct tm *, getdate, (const char *text), (text), parsed(s_, text))
