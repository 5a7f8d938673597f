/*
 * handles.c - what libc hands out by a handle of its own kind: locales, conversions, catalogues of messages, lists of
 * addresses and interfaces, walks through trees of files, semaphores with a name, timers
 *
 * Each is made by one function and given back by another, and cannot be told to the ledger as blocks and descriptors,
 * which libc got for itself; so it is entered as a handle. Where there is no memory for the entry it is handed out all the
 * same.
 *
 * newlocale() with a base takes that over: the result is whose the base was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <locale.h>
#include <net/if.h>
#include <netdb.h>
#include <nl_types.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>

#include "../ledger.h"
#include "interpose.h"

locale_t __newlocale(int mask, const char *locale, locale_t base);
locale_t __duplocale(locale_t locale);
void __freelocale(locale_t locale);

/* @p, or @bad, which was handed out instead of a handle */
static void *entered(struct stint *s, enum thing_kind kind, void *p, const void *bad)
{
	if (p != bad)
		ledger_thing_add(s, kind, p);
	return p;
}

#define HANDS_OUT(type, name, params, args, kind, bad) \
	DEFERRED(, type, name, params, REAL(name) args, entered(s_, kind, REAL(name) args, bad))

/* hands out by its last argument, and returns 0 or an error */
#define HANDS_OUT_AT(name, params, args, kind, out)                                     \
	WRAPPER int name params                                                         \
	{                                                                               \
		struct stint *s_ = self();                                              \
		int r_;                                                                 \
                                                                                        \
		if (likely(!s_))                                                        \
			return REAL(name) args;                                         \
		preempt_disable(s_);                                                    \
		r_ = REAL(name) args;                                                   \
		if (r_ == 0)                                                            \
			entered(s_, kind, *(out), NULL);                                \
		preempt_enable(s_, caller_address());                                   \
		return r_;                                                              \
	}

/* Strike first: once it is given back, another thread may be handed the same. */
#define TAKES_BACK(name, params, args, kind, p)                                         \
	WRAPPER int name params                                                         \
	{                                                                               \
		struct stint *s_ = self();                                              \
		int r_;                                                                 \
                                                                                        \
		if (unlikely(s_))                                                       \
			preempt_disable(s_);                                            \
		ledger_thing_drop(kind, p);                                             \
		r_ = REAL(name) args;                                                   \
		if (unlikely(s_))                                                       \
			preempt_enable(s_, caller_address());                           \
		return r_;                                                              \
	}

#define TAKES_BACK_VOID(name, params, args, kind, p)                                    \
	WRAPPER void name params                                                        \
	{                                                                               \
		struct stint *s_ = self();                                              \
                                                                                        \
		if (unlikely(s_))                                                       \
			preempt_disable(s_);                                            \
		ledger_thing_drop(kind, p);                                             \
		REAL(name) args;                                                        \
		if (unlikely(s_))                                                       \
			preempt_enable(s_, caller_address());                           \
	}

/* --- locales, conversions, messages ------------------------------------------------------------ */

HANDS_OUT(locale_t, duplocale, (locale_t locale), (locale), THING_LOCALE, NULL)
HANDS_OUT(locale_t, __duplocale, (locale_t locale), (locale), THING_LOCALE, NULL)
TAKES_BACK_VOID(freelocale, (locale_t locale), (locale), THING_LOCALE, locale)
TAKES_BACK_VOID(__freelocale, (locale_t locale), (locale), THING_LOCALE, locale)

typedef locale_t make_locale(int mask, const char *locale, locale_t base);

/* a base that is the global locale, or none, is nobody's */
static locale_t locale_from(struct stint *s, make_locale *make, int mask, const char *locale, locale_t base)
{
	struct stint *owner = base ? ledger_thing_take(THING_LOCALE, base) : s;
	locale_t made = make(mask, locale, base);

	if (owner && (made || base))
		ledger_thing_add(owner, THING_LOCALE, made ? made : base);
	return made;
}

static locale_t locale_in_call(struct stint *s, make_locale *make, int mask, const char *locale, locale_t base,
                               const void *caller)
{
	locale_t made;

	preempt_disable(s);
	made = locale_from(s, make, mask, locale, base);
	preempt_enable(s, caller);
	return made;
}

WRAPPER locale_t newlocale(int mask, const char *locale, locale_t base)
{
	if (likely(!self()))
		return base ? locale_from(NULL, REAL(newlocale), mask, locale, base) : REAL(newlocale)(mask, locale, base);
	return locale_in_call(self(), REAL(newlocale), mask, locale, base, caller_address());
}

WRAPPER locale_t __newlocale(int mask, const char *locale, locale_t base)
{
	return newlocale(mask, locale, base);
}

HANDS_OUT(iconv_t, iconv_open, (const char *to, const char *from), (to, from), THING_CONVERSION, (void *)-1)
TAKES_BACK(iconv_close, (iconv_t cd), (cd), THING_CONVERSION, cd)
HANDS_OUT(nl_catd, catopen, (const char *name, int flags), (name, flags), THING_CATALOGUE, (void *)-1)
TAKES_BACK(catclose, (nl_catd catalogue), (catalogue), THING_CATALOGUE, catalogue)

/* --- lists ------------------------------------------------------------------------------------- */

HANDS_OUT_AT(getaddrinfo, (const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out),
             (node, service, hints, out), THING_ADDRESSES, out)
TAKES_BACK_VOID(freeaddrinfo, (struct addrinfo *list), (list), THING_ADDRESSES, list)
HANDS_OUT_AT(getifaddrs, (struct ifaddrs **out), (out), THING_INTERFACES, out)
TAKES_BACK_VOID(freeifaddrs, (struct ifaddrs *list), (list), THING_INTERFACES, list)
HANDS_OUT(struct if_nameindex *, if_nameindex, (void), (), THING_INTERFACE_NAMES, NULL)
TAKES_BACK_VOID(if_freenameindex, (struct if_nameindex *list), (list), THING_INTERFACE_NAMES, list)

/* --- trees of files ---------------------------------------------------------------------------- */

HANDS_OUT(FTS *, fts_open, (char *const *paths, int options, int (*compare)(const FTSENT **, const FTSENT **)),
          (paths, options, compare), THING_WALK, NULL)
TAKES_BACK(fts_close, (FTS *walk), (walk), THING_WALK, walk)
HANDS_OUT(FTS64 *, fts64_open, (char *const *paths, int options, int (*compare)(const FTSENT64 **, const FTSENT64 **)),
          (paths, options, compare), THING_WALK, NULL)
TAKES_BACK(fts64_close, (FTS64 *walk), (walk), THING_WALK, walk)

/* --- semaphores with a name, timers ------------------------------------------------------------ */

/* whether there are a mode and a value as well depends on the flags; libc asks the same way */
WRAPPER sem_t *sem_open(const char *name, int flags, ...)
{
	struct stint *s = self();
	unsigned value = 0;
	mode_t mode = 0;
	sem_t *sem;
	va_list ap;

	va_start(ap, flags);
	if (flags & O_CREAT) {
		mode = va_arg(ap, mode_t);
		value = va_arg(ap, unsigned);
	}
	va_end(ap);
	if (likely(!s))
		return REAL(sem_open)(name, flags, mode, value);
	preempt_disable(s);
	sem = entered(s, THING_SEMAPHORE, REAL(sem_open)(name, flags, mode, value), SEM_FAILED);
	preempt_enable(s, caller_address());
	return sem;
}

TAKES_BACK(sem_close, (sem_t *sem), (sem), THING_SEMAPHORE, sem)

/* a timer's handle may be 0 */
WRAPPER int timer_create(clockid_t clock, struct sigevent *event, timer_t *out)
{
	struct stint *s = self();
	int r;

	if (likely(!s))
		return REAL(timer_create)(clock, event, out);
	preempt_disable(s);
	r = REAL(timer_create)(clock, event, out);
	if (r == 0)
		ledger_thing_add(s, THING_TIMER, *out);
	preempt_enable(s, caller_address());
	return r;
}

TAKES_BACK(timer_delete, (timer_t timer), (timer), THING_TIMER, timer)
