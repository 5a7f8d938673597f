/*
 * settings.c - the environment variables (see settings.h)
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stint/libset.h>

#include "arch/x86_64/arch.h"
#include "settings.h"

struct settings settings;

/* signals that the kernel does not let a handler have, or whose handler must return to the fault */
bool settings_signal_usable(int signo)
{
	switch (signo) {
	case SIGKILL:
	case SIGSTOP:
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGTRAP:
		return false;
	}
	return (signo > 0 && signo < 32) || (signo >= SIGRTMIN && signo <= SIGRTMAX);
}

static int parse_number(const char *text, long *n)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return EINVAL;
	errno = 0;
	*n = strtol(text, &end, 10);
	return errno || *end ? EINVAL : 0;
}

static int named_signal(const char *name)
{
	for (int i = 1; i < 32; i++)
		if (sigabbrev_np(i) && !strcmp(sigabbrev_np(i), name))
			return i;
	return 0;
}

int settings_parse_signal(const char *text, int *signo)
{
	long n = 0;

	if (!strncmp(text, "SIG", 3))
		text += 3;
	if (!strcmp(text, "RTMIN"))
		n = SIGRTMIN;
	else if (!strncmp(text, "RTMIN+", 6) && !parse_number(text + 6, &n) && n < 64)
		n += SIGRTMIN;
	else if (parse_number(text, &n))
		n = named_signal(text);
	if (n > INT32_MAX || !settings_signal_usable((int)n))
		return EINVAL;
	*signo = (int)n;
	return 0;
}

int settings_parse_size(const char *text, size_t *size)
{
	unsigned long long n;
	int shift = 0;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (errno || end[shift ? 1 : 0] || n > (unsigned long long)STACK_SIZE_MAX >> shift)
		return EINVAL;
	n <<= shift;
	if (n < ARCH_PAGE_SIZE)
		return EINVAL;
	*size = (size_t)n;
	return 0;
}

int settings_parse_libset(const char *text, int *backend)
{
	static const char *const names[] = { "auto", "copy", "namespace" };     /* as enum stint_libset_backend */

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]))
			continue;
		*backend = i;
		return 0;
	}
	return EINVAL;
}

int settings_read(struct settings *out, char *why, size_t size, int signo)
{
	const char *text;

	*out = (struct settings){ .signo = SIGURG, .stack_size = STACK_SIZE_DEFAULT };
	text = secure_getenv("STINT_SIGNAL");
	if (signo)
		out->signo = signo;
	else if (text && settings_parse_signal(text, &out->signo)) {
		snprintf(why, size, "STINT_SIGNAL=%s: not a signal that can preempt; "
		         "give a name or number such as SIGURG, SIGUSR2 or RTMIN+3", text);
		return EINVAL;
	}
	text = secure_getenv("STINT_STACK");
	if (text && settings_parse_size(text, &out->stack_size)) {
		snprintf(why, size, "STINT_STACK=%s: not a stack size; "
		         "give bytes from 4096 up to 1G, with K, M or G if you like, such as 256K", text);
		return EINVAL;
	}
	text = secure_getenv("STINT_LIBSET");
	if (text && settings_parse_libset(text, &out->libset)) {
		snprintf(why, size, "STINT_LIBSET=%s: not a way to load libraries; give auto, copy or namespace", text);
		return EINVAL;
	}
	return 0;
}
