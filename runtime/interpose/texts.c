/*
 * texts.c - short texts in static memory: strtok's place, messages, numbers and addresses as text, names of terminals and users
 *
 * Each function has a text of its own, as in libc. Where libc has a reentrant twin, that is called on the call's text; the
 * others are done here: l64a(), whose digits POSIX gives, and the messages for signals, put together of libc's parts.
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <netinet/ether.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "interpose.h"
#include "statics.h"

#undef strtok

#define MESSAGE_SIZE 256
#define DIGITS_SIZE 512         /* 308 and 17 digits of a double, and a sign */
#define LONG_DIGITS_SIZE 5120   /* 4932 and 21 of a long double */

struct texts {
	char error[MESSAGE_SIZE], error_l[MESSAGE_SIZE], signal[MESSAGE_SIZE];
	char base64[7];
	char ether[18];
	struct ether_addr address;
	char nsap[2 + 255 * 3];
	char tmpnam[L_tmpnam];
	char pts[32];
	char login[LOGIN_NAME_MAX + 1];
	char cuserid[L_cuserid];
};

static struct texts *texts_of(struct stint *s)
{
	return statics(s, STATIC_TEXTS, sizeof(struct texts), NULL);
}

/* --- strtok ------------------------------------------------------------------------------------ */

/* The program itself calls strtok_r() here, by a jump: it only touches its arguments, and may be stopped. */
static __attribute__((noinline)) char *own_strtok(struct stint *s, char *text, const char *delimiters, const void *caller)
{
	char **place;

	preempt_disable(s);
	place = statics(s, STATIC_STRTOK, sizeof(*place), NULL);
	if (place && unlikely(!*place))
		*place = (char *)"";    /* nothing to go on with; libc would look at NULL */
	preempt_enable(s, caller);
	return place ? strtok_r(text, delimiters, place) : NULL;
}

WRAPPER char *strtok(char *text, const char *delimiters)
{
	if (likely(!self()))
		return REAL(strtok)(text, delimiters);
	return own_strtok(self(), text, delimiters, caller_address());
}

/* --- messages ---------------------------------------------------------------------------------- */

static char *error_message(struct stint *s, int err)
{
	struct texts *own = texts_of(s);

	return own ? REAL(strerror_r)(err, own->error, sizeof(own->error)) : NULL;
}

static char *error_message_in(struct stint *s, int err, locale_t locale)
{
	struct texts *own = texts_of(s);
	locale_t before;
	char *message;

	if (!own)
		return NULL;
	before = uselocale(locale);
	message = REAL(strerror_r)(err, own->error_l, sizeof(own->error_l));
	uselocale(before);
	return message;
}

static char *signal_message(struct stint *s, int signo)
{
	struct texts *own = texts_of(s);
	const char *message = sigdescr_np(signo);

	if (message)
		return libc_message(message);
	if (!own)
		return NULL;
	if (signo >= SIGRTMIN && signo <= SIGRTMAX)
		REAL(snprintf)(own->signal, sizeof(own->signal), libc_message("Real-time signal %d"), signo - SIGRTMIN);
	else
		REAL(snprintf)(own->signal, sizeof(own->signal), libc_message("Unknown signal %d"), signo);
	return own->signal;
}

OWN_STATE(char *, strerror, (int err), (err), error_message(s_, err))
OWN_STATE(char *, strerror_l, (int err, locale_t locale), (err, locale), error_message_in(s_, err, locale))
OWN_STATE(char *, strsignal, (int signo), (signo), signal_message(s_, signo))

/* --- numbers ----------------------------------------------------------------------------------- */

static char *to_base64(struct stint *s, long n)
{
	static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct texts *own = texts_of(s);
	uint32_t rest = (uint32_t)n;
	char *to;

	if (!own)
		return NULL;
	for (to = own->base64; rest; rest >>= 6)
		*to++ = digits[rest & 63];
	*to = '\0';
	return own->base64;
}

OWN_STATE(char *, l64a, (long n), (n), to_base64(s_, n))

struct digits {
	char e[DIGITS_SIZE], f[DIGITS_SIZE];
};

struct long_digits {
	char e[LONG_DIGITS_SIZE], f[LONG_DIGITS_SIZE];
};

#define TO_DIGITS(name, type, piece, kind, text)                                                          \
	static char *own_##name(struct stint *s, type value, int n, int *point, int *sign)                \
	{                                                                                                 \
		struct piece *own = statics(s, kind, sizeof(*own), NULL);                                 \
                                                                                                          \
		if (!own)                                                                                 \
			return NULL;                                                                      \
		REAL(name##_r)(value, n, point, sign, own->text, sizeof(own->text));                      \
		return own->text;                                                                         \
	}                                                                                                 \
	OWN_STATE(char *, name, (type value, int n, int *point, int *sign), (value, n, point, sign),      \
	          own_##name(s_, value, n, point, sign))

TO_DIGITS(ecvt, double, digits, STATIC_DIGITS, e)
TO_DIGITS(fcvt, double, digits, STATIC_DIGITS, f)
TO_DIGITS(qecvt, long double, long_digits, STATIC_LONG_DIGITS, e)
TO_DIGITS(qfcvt, long double, long_digits, STATIC_LONG_DIGITS, f)

/* --- addresses --------------------------------------------------------------------------------- */

static char *ether_text(struct stint *s, const struct ether_addr *address)
{
	struct texts *own = texts_of(s);

	return own ? ether_ntoa_r(address, own->ether) : NULL;
}

static struct ether_addr *ether_address(struct stint *s, const char *text)
{
	struct texts *own = texts_of(s);

	return own ? ether_aton_r(text, &own->address) : NULL;
}

static char *nsap_text(struct stint *s, int len, const unsigned char *address, char *buf)
{
	struct texts *own = buf ? NULL : texts_of(s);

	if (own)
		buf = own->nsap;
	return buf ? REAL(inet_nsap_ntoa)(len, address, buf) : NULL;
}

OWN_STATE(char *, ether_ntoa, (const struct ether_addr *address), (address), ether_text(s_, address))
OWN_STATE(struct ether_addr *, ether_aton, (const char *text), (text), ether_address(s_, text))
OWN_STATE(char *, inet_nsap_ntoa, (int len, const unsigned char *address, char *buf), (len, address, buf),
          nsap_text(s_, len, address, buf))

/* --- terminals, users, temporary files --------------------------------------------------------- */

static char *terminal_name(struct stint *s, int fd)
{
	struct buffer *own = statics(s, STATIC_TTY, sizeof(*own), buffer_free);
	int err = 0;

	if (!own || (!own->size && !buffer_grow(own)))
		return NULL;
	while (err = REAL(ttyname_r)(fd, own->at, own->size), err == ERANGE)
		if (!buffer_grow(own))
			return NULL;
	return err ? NULL : own->at;
}

static char *pseudo_terminal_name(struct stint *s, int fd)
{
	struct texts *own = texts_of(s);

	return own && !ptsname_r(fd, own->pts, sizeof(own->pts)) ? own->pts : NULL;
}

static char *login_name(struct stint *s)
{
	struct texts *own = texts_of(s);
	int err = own ? REAL(getlogin_r)(own->login, sizeof(own->login)) : ENOMEM;

	if (!err)
		return own->login;
	errno = err;
	return NULL;
}

/* with a buffer of the caller's it says that there is no such user by an empty name */
static char *effective_user(struct stint *s, char *buf)
{
	struct texts *own = buf ? NULL : texts_of(s);

	if (buf || !own)
		return buf ? REAL(cuserid)(buf) : NULL;
	REAL(cuserid)(own->cuserid);
	return own->cuserid[0] ? own->cuserid : NULL;
}

/* the compiler warns of these wherever they are named */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static char *temporary_name(struct stint *s, char *buf)
{
	struct texts *own = buf ? NULL : texts_of(s);

	if (own)
		buf = own->tmpnam;
	return buf ? REAL(tmpnam)(buf) : NULL;
}

OWN_STATE(char *, ttyname, (int fd), (fd), terminal_name(s_, fd))
OWN_STATE(char *, ptsname, (int fd), (fd), pseudo_terminal_name(s_, fd))
OWN_STATE(char *, getlogin, (void), (), login_name(s_))
OWN_STATE(char *, cuserid, (char *buf), (buf), effective_user(s_, buf))
OWN_STATE(char *, tmpnam, (char buf[L_tmpnam]), (buf), temporary_name(s_, buf))
