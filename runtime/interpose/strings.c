/*
 * strings.c - functions that hand out a block from the heap, to be freed by their caller
 *
 * libc gets such blocks from its own malloc, and there the layer cannot tell them from those that libc keeps.
 * So they are entered in the call's ledger here, when they are handed out. In between preemption is disabled,
 * so none is lost.
 *
 * Context: any. Signal context: none.
 */
#define _GNU_SOURCE
/* the headers must not define any of these inline */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "stream.h"

#undef strdup
#undef strndup
char *__strdup(const char *str);
char *__strndup(const char *str, size_t n);
char *__realpath_chk(const char *path, char *out, size_t size);
char *__getcwd_chk(char *buf, size_t size, size_t len);
int __asprintf(char **out, const char *format, ...);
int __asprintf_chk(char **out, int flag, const char *format, ...);
int __vasprintf_chk(char **out, int flag, const char *format, va_list ap);

/* the result is a new block unless it is the buffer @given */
#define HANDS_OUT(type, name, params, args, given)                            \
	WRAPPER type *name params                                             \
	{                                                                     \
		struct stint *s_ = self();                                    \
		type *p_;                                                     \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		preempt_disable(s_);                                          \
		p_ = REAL(name) args;                                         \
		if (p_ && p_ != (given))                                      \
			p_ = heap_adopt(s_, p_);                              \
		preempt_enable(s_, caller_address());                         \
		return p_;                                                    \
	}

HANDS_OUT(char, strdup, (const char *str), (str), NULL)
HANDS_OUT(char, __strdup, (const char *str), (str), NULL)
HANDS_OUT(char, strndup, (const char *str, size_t n), (str, n), NULL)
HANDS_OUT(char, __strndup, (const char *str, size_t n), (str, n), NULL)
HANDS_OUT(wchar_t, wcsdup, (const wchar_t *str), (str), NULL)
HANDS_OUT(char, realpath, (const char *path, char *out), (path, out), out)
HANDS_OUT(char, __realpath_chk, (const char *path, char *out, size_t size), (path, out, size), out)
HANDS_OUT(char, canonicalize_file_name, (const char *path), (path), NULL)
HANDS_OUT(char, getcwd, (char *buf, size_t size), (buf, size), buf)
HANDS_OUT(char, __getcwd_chk, (char *buf, size_t size, size_t len), (buf, size, len), buf)
HANDS_OUT(char, get_current_dir_name, (void), (), NULL)
HANDS_OUT(char, tempnam, (const char *dir, const char *prefix), (dir, prefix), NULL)

/* @r is what a function returned that put a new block to *@out, or is negative */
static int handed_out(struct stint *s, char **out, int r)
{
	if (r >= 0)
		*out = heap_adopt(s, *out);
	return r;
}

#define PRINTS_OUT(name, params, args) \
	DEFERRED(, int, name, params, REAL(name) args, handed_out(s_, out, REAL(name) args))

PRINTS_OUT(vasprintf, (char **out, const char *format, va_list ap), (out, format, ap))
PRINTS_OUT(__vasprintf_chk, (char **out, int flag, const char *format, va_list ap), (out, flag, format, ap))

FORMATS(asprintf, vasprintf, (char **out, const char *format, ...), (out, format, ap))
FORMATS(__asprintf, vasprintf, (char **out, const char *format, ...), (out, format, ap))
FORMATS(__asprintf_chk, __vasprintf_chk, (char **out, int flag, const char *format, ...), (out, flag, format, ap))

typedef ssize_t read_line(char **line, size_t *size, int delimiter, FILE *f);

/*
 * libc grows the caller's block with realloc, in which an entered block loses its entry. A block that libc
 * made, and one that was the call's before, are the call's; one that came in as somebody else's remains that.
 */
static ssize_t line_into(struct stint *s, read_line *read, char **line, size_t *size, int delimiter, FILE *f)
{
	char *old = line ? *line : NULL;
	bool mine = !old || heap_is_mine(s, old);
	ssize_t r = read(line, size, delimiter, f);

	if (line && *line && mine && !heap_is_mine(s, *line))
		*line = heap_adopt(s, *line);
	return r;
}

#define READS_LINE(name)                                                                \
	WRAPPER ssize_t name(char **line, size_t *size, int delimiter, FILE *f)         \
	{                                                                               \
		struct stint *s = self();                                               \
		void *outer;                                                            \
		ssize_t r;                                                              \
                                                                                        \
		if (likely(!s))                                                         \
			return REAL(name)(line, size, delimiter, f);                    \
		if (!has_input(f) && !await_input(s, f))                                \
			return -1;                                                      \
		outer = stream_enter(s, f, caller_address());                           \
		r = line_into(s, REAL(name), line, size, delimiter, f);                 \
		stream_leave(s, f, outer, caller_address());                            \
		return r;                                                               \
	}

READS_LINE(getdelim)
READS_LINE(__getdelim)

WRAPPER ssize_t getline(char **line, size_t *size, FILE *f)
{
	struct stint *s = self();
	void *outer;
	ssize_t r;

	if (likely(!s))
		return REAL(getline)(line, size, f);
	if (!has_input(f) && !await_input(s, f))
		return -1;
	outer = stream_enter(s, f, caller_address());
	r = line_into(s, REAL(getdelim), line, size, '\n', f);
	stream_leave(s, f, outer, caller_address());
	return r;
}
