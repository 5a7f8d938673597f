/*
 * argz.c - vectors of strings in one block, which their functions allocate, grow and free for the caller
 *
 * As with getline(): libc resizes the caller's block with realloc, in which an entered block loses its entry. A vector
 * that libc made, and one that was the call's before, are the call's; one that came in as somebody else's remains
 * that.
 *
 * Context: any. Signal context: none.
 */
#define _GNU_SOURCE
#include <argz.h>
#include <envz.h>
#include <malloc.h>

#include "interpose.h"

#define GROWS(ret, name, vector, params, args)                                \
	WRAPPER ret name params                                               \
	{                                                                     \
		struct stint *s_ = self();                                    \
		bool mine_;                                                   \
		ret r_;                                                       \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		preempt_disable(s_);                                          \
		mine_ = !*(vector) || heap_is_mine(s_, *(vector));            \
		r_ = REAL(name) args;                                         \
		if (mine_ && *(vector) && !heap_is_mine(s_, *(vector)))       \
			*(vector) = heap_adopt(s_, *(vector));                \
		preempt_enable(s_, caller_address());                         \
		return r_;                                                    \
	}

/* these make a new one, whatever was there; where they fail nothing is */
#define MAKES(name, vector, params, args)                                     \
	WRAPPER error_t name params                                           \
	{                                                                     \
		struct stint *s_ = self();                                    \
		error_t err_;                                                 \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		preempt_disable(s_);                                          \
		err_ = REAL(name) args;                                       \
		if (!err_)                                                    \
			*(vector) = heap_adopt(s_, *(vector));                \
		preempt_enable(s_, caller_address());                         \
		return err_;                                                  \
	}

MAKES(argz_create, argz, (char *const argv[], char **argz, size_t *len), (argv, argz, len))
MAKES(argz_create_sep, argz, (const char *str, int sep, char **argz, size_t *len), (str, sep, argz, len))
GROWS(error_t, argz_append, argz, (char **argz, size_t *len, const char *buf, size_t n), (argz, len, buf, n))
GROWS(error_t, argz_add, argz, (char **argz, size_t *len, const char *str), (argz, len, str))
GROWS(error_t, argz_add_sep, argz, (char **argz, size_t *len, const char *str, int sep), (argz, len, str, sep))
GROWS(error_t, argz_insert, argz, (char **argz, size_t *len, char *before, const char *entry),
      (argz, len, before, entry))
GROWS(error_t, argz_replace, argz, (char **argz, size_t *len, const char *str, const char *with, unsigned *n),
      (argz, len, str, with, n))
GROWS(error_t, envz_add, envz, (char **envz, size_t *len, const char *name, const char *value),
      (envz, len, name, value))
GROWS(error_t, envz_merge, envz, (char **envz, size_t *len, const char *other, size_t n, int override),
      (envz, len, other, n, override))

/* these only take away, the last entry with the block */
LOCKED_VOID(argz_delete, (char **argz, size_t *len, char *entry), (argz, len, entry))
LOCKED_VOID(envz_remove, (char **envz, size_t *len, const char *name), (envz, len, name))
