/*
 * settings.h - what the environment says (stint(7) lists the variables)
 */
#ifndef STINT_SETTINGS_H
#define STINT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "private.h"

struct settings {
	int signo;              /* STINT_SIGNAL; default SIGURG */
	size_t stack_size;      /* STINT_STACK; default 64 KiB */
	int libset;             /* STINT_LIBSET; a backend, default STINT_LIBSET_AUTO */
};

extern PRIVATE struct settings settings;         /* as read at start; constant afterwards */

#define STACK_SIZE_DEFAULT (64 * 1024)
#define STACK_SIZE_MAX ((size_t)1 << 30)

/*
 * settings_read - read the environment into @out; @signo, if not 0 and then usable, comes before what it says
 *
 * Return: 0; EINVAL, with a sentence in @why (of @size bytes) that names the variable, its value, and what
 *         it should be.
 */
int settings_read(struct settings *out, char *why, size_t size, int signo);

bool settings_signal_usable(int signo);         /* as the one that preempts */

/* the parsers; 0 or EINVAL */
int settings_parse_signal(const char *text, int *signo);        /* "23", "URG", "SIGURG", "RTMIN+3" */
int settings_parse_size(const char *text, size_t *size);        /* "65536", "64K", "1M" */
int settings_parse_libset(const char *text, int *backend);      /* "auto", "copy", "namespace" */

#endif
