/*
 * misc.c - what is left: functions whose results lie in static memory, random numbers, the environment, exit handlers
 *
 * What these functions keep in static memory is still shared between calls.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "interpose.h"

/* --- names and addresses ----------------------------------------------------------------------- */

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
LOCKED(struct group *, getgrnam, (const char *name), (name))
LOCKED(struct group *, getgrgid, (gid_t gid), (gid))
LOCKED(struct group *, getgrent, (void), ())

/* --- time zones -------------------------------------------------------------------------------- */

LOCKED(struct tm *, localtime, (const time_t *t), (t))
LOCKED(struct tm *, gmtime, (const time_t *t), (t))
LOCKED(char *, ctime, (const time_t *t), (t))

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

/* --- messages ---------------------------------------------------------------------------------- */

LOCKED(char *, strerror, (int err), (err))
LOCKED(char *, strerror_l, (int err, locale_t locale), (err, locale))
LOCKED(char *, strsignal, (int signo), (signo))
