/*
 * lookups.c - one entry of a table of users, groups, hosts, ... in static memory: looked up by a key, or read from a stream
 *
 * In a call the reentrant twin writes to an answer of the call's own, which grows until the entry fits; each function has
 * one, as in libc. walks.c has those that give one entry after another.
 *
 * A look-up may ask a service and take long. These are plain wrappers, in the section of those of class "locked" (text.h):
 * when libc is at work, only the call's own answer is in our hands.
 */
#define _GNU_SOURCE
#include <aliases.h>
#include <errno.h>
#include <grp.h>
#include <gshadow.h>
#include <netdb.h>
#include <pwd.h>
#include <rpc/netdb.h>
#include <shadow.h>
#include <stdio.h>

#include "answer.h"
#include "interpose.h"
#include "statics.h"

/* what the twin takes besides the key */
#define INTO(type) (type *)a_->entry, a_->buffer.at, a_->buffer.size, &r_

#define LOOKS_UP(type, name, params, args, twin_args)                         \
	_Static_assert(sizeof(type) <= ENTRY_SIZE, "room for an answer");     \
	WRAPPER STINT_LOCKED_TEXT type *name params                           \
	{                                                                     \
		struct stint *s_ = self();                                    \
		struct answer *a_;                                            \
		type *r_ = NULL;                                              \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		preempt_disable(s_);                                          \
		a_ = answer_of(s_, STATIC_##name);                            \
		while (a_ && REAL(name##_r) twin_args == ERANGE)              \
			if (!buffer_grow(&a_->buffer))                        \
				a_ = NULL;                                    \
		preempt_enable(s_, caller_address());                         \
		return a_ ? r_ : NULL;                                        \
	}

/* the same, with h_errno, which libc sets only when there is something to say */
#define LOOKS_UP_HOST(type, name, params, args, twin_args)                    \
	_Static_assert(sizeof(type) <= ENTRY_SIZE, "room for an answer");     \
	WRAPPER STINT_LOCKED_TEXT type *name params                           \
	{                                                                     \
		struct stint *s_ = self();                                    \
		struct answer *a_;                                            \
		type *r_ = NULL;                                              \
		int e_ = 0;                                                   \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		preempt_disable(s_);                                          \
		a_ = answer_of(s_, STATIC_##name);                            \
		while (a_ && REAL(name##_r) twin_args == ERANGE && e_ == NETDB_INTERNAL) \
			if (!buffer_grow(&a_->buffer))                        \
				a_ = NULL;                                    \
		if (e_)                                                       \
			h_errno = e_;                                         \
		preempt_enable(s_, caller_address());                         \
		return a_ ? r_ : NULL;                                        \
	}

/* --- users and groups -------------------------------------------------------------------------- */

LOOKS_UP(struct passwd, getpwnam, (const char *name), (name), (name, INTO(struct passwd)))
LOOKS_UP(struct passwd, getpwuid, (uid_t uid), (uid), (uid, INTO(struct passwd)))
LOOKS_UP(struct group, getgrnam, (const char *name), (name), (name, INTO(struct group)))
LOOKS_UP(struct group, getgrgid, (gid_t gid), (gid), (gid, INTO(struct group)))
LOOKS_UP(struct spwd, getspnam, (const char *name), (name), (name, INTO(struct spwd)))
LOOKS_UP(struct sgrp, getsgnam, (const char *name), (name), (name, INTO(struct sgrp)))

/* on a stream that cannot seek, an entry too long for the first buffer is lost, as in libc */
LOOKS_UP(struct passwd, fgetpwent, (FILE *f), (f), (f, INTO(struct passwd)))
LOOKS_UP(struct group, fgetgrent, (FILE *f), (f), (f, INTO(struct group)))
LOOKS_UP(struct spwd, fgetspent, (FILE *f), (f), (f, INTO(struct spwd)))
LOOKS_UP(struct sgrp, fgetsgent, (FILE *f), (f), (f, INTO(struct sgrp)))
LOOKS_UP(struct spwd, sgetspent, (const char *line), (line), (line, INTO(struct spwd)))
LOOKS_UP(struct sgrp, sgetsgent, (const char *line), (line), (line, INTO(struct sgrp)))

/* --- hosts, networks, services, protocols, programs, aliases ----------------------------------- */

LOOKS_UP_HOST(struct hostent, gethostbyname, (const char *name), (name), (name, INTO(struct hostent), &e_))
LOOKS_UP_HOST(struct hostent, gethostbyname2, (const char *name, int af), (name, af),
              (name, af, INTO(struct hostent), &e_))
LOOKS_UP_HOST(struct hostent, gethostbyaddr, (const void *addr, socklen_t len, int type), (addr, len, type),
              (addr, len, type, INTO(struct hostent), &e_))
LOOKS_UP_HOST(struct netent, getnetbyname, (const char *name), (name), (name, INTO(struct netent), &e_))
LOOKS_UP_HOST(struct netent, getnetbyaddr, (uint32_t net, int type), (net, type), (net, type, INTO(struct netent), &e_))
LOOKS_UP(struct servent, getservbyname, (const char *name, const char *proto), (name, proto),
         (name, proto, INTO(struct servent)))
LOOKS_UP(struct servent, getservbyport, (int port, const char *proto), (port, proto),
         (port, proto, INTO(struct servent)))
LOOKS_UP(struct protoent, getprotobyname, (const char *name), (name), (name, INTO(struct protoent)))
LOOKS_UP(struct protoent, getprotobynumber, (int number), (number), (number, INTO(struct protoent)))
LOOKS_UP(struct rpcent, getrpcbyname, (const char *name), (name), (name, INTO(struct rpcent)))
LOOKS_UP(struct rpcent, getrpcbynumber, (int number), (number), (number, INTO(struct rpcent)))
LOOKS_UP(struct aliasent, getaliasbyname, (const char *name), (name), (name, INTO(struct aliasent)))
