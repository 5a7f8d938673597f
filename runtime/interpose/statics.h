/*
 * statics.h - what libc's functions keep in static memory, one of each for every call
 *
 * A wrapper of class STATIC_FN works, inside a call, on state that belongs to the call; outside, on libc's own. A
 * call gets each piece at its first use, zeroed, and keeps it until its handle is freed, so a result that points
 * into it may be read once the call is over. A fresh call starts as a fresh program does: rand() as after srand(1),
 * strtok() with nothing to go on with.
 *
 * Not in __thread variables: those are set back at every launch, which costs by their size, and most calls use none.
 *
 * Context: the call itself, with preemption disabled; not in a signal handler.
 */
#ifndef STINT_STATICS_H
#define STINT_STATICS_H

#include <stddef.h>

#include "../context.h"

enum static_kind {
	STATIC_STRTOK,
	STATIC_RANDOM,
	STATIC_RAND48,
	STATIC_TIME,
	STATIC_DATE,
	STATIC_TEXTS,
	STATIC_DIGITS,
	STATIC_LONG_DIGITS,
	STATIC_TABLE,
	STATIC_SHIFTS,
	STATIC_LCONV,
	STATIC_TTY,
	STATIC_MNTENT,
	STATIC_PATTERN,
	STATIC_GETOPT,
	STATIC_LOGINS,
	/* one answer for each function (lookups.c), one walk for each table (walks.c) */
	STATIC_getpwnam, STATIC_getpwuid, STATIC_getgrnam, STATIC_getgrgid, STATIC_getspnam,
	STATIC_getsgnam, STATIC_fgetpwent, STATIC_fgetgrent, STATIC_fgetspent, STATIC_fgetsgent,
	STATIC_sgetspent, STATIC_sgetsgent, STATIC_gethostbyname, STATIC_gethostbyname2,
	STATIC_gethostbyaddr, STATIC_getnetbyname, STATIC_getnetbyaddr, STATIC_getservbyname,
	STATIC_getservbyport, STATIC_getprotobyname, STATIC_getprotobynumber, STATIC_getrpcbyname,
	STATIC_getrpcbynumber, STATIC_getaliasbyname,
	STATIC_pwent, STATIC_grent, STATIC_spent, STATIC_sgent, STATIC_aliasent, STATIC_hostent,
	STATIC_netent, STATIC_servent, STATIC_protoent, STATIC_rpcent, STATIC_netgrent, STATIC_ttyent,
	STATIC_fsent, STATIC_usershell,
	STATIC_KINDS
};

struct pieces {
	struct statics statics;                 /* first */
	struct {
		void *state;
		void (*destroy)(void *state);   /* gives back what it holds, not itself; or NULL */
	} at[STATIC_KINDS];
};

/* the slow half of statics() */
void *statics_new(struct stint *s, enum static_kind kind, size_t size, void (*destroy)(void *));

/* The piece @kind of the call @s, @size bytes, made if need be. NULL and errno ENOMEM: there is no memory for it. */
static inline void *statics(struct stint *s, enum static_kind kind, size_t size, void (*destroy)(void *))
{
	struct pieces *p = (struct pieces *)s->statics;

	if (likely(p && p->at[kind].state))
		return p->at[kind].state;
	return statics_new(s, kind, size, destroy);
}

/* from libc's heap past the wrappers, as sys_alloc(), but also before the library has started; zeroed */
void *piece_alloc(size_t size);
void piece_free(void *p);

/*
 * A buffer that grows until a result fits, as a piece or the beginning of one. buffer_grow() returns false with errno ENOMEM
 * when it cannot; what was in it is gone either way.
 */
struct buffer {
	char *at;
	size_t size;
};
bool buffer_grow(struct buffer *b);
void buffer_free(void *b);

/* a message of libc's in the language of the locale */
char *libc_message(const char *message);

/* outside a call libc's function, in one (s_) the expression @in_call */
#define OWN_STATE(ret, name, params, args, in_call) DEFERRED(, ret, name, params, REAL(name) args, in_call)
#define OWN_STATE_VOID(name, params, args, in_call) DEFERRED_VOID(, name, params, REAL(name) args, in_call)

#endif
