/*
 * complaint.h - in words, why something is refused or has failed, for whoever asked
 */
#ifndef STINT_COMPLAINT_H
#define STINT_COMPLAINT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct complaint {
	char *text;             /* may be NULL */
	size_t size;
};

/* returns @err */
static inline int __attribute__((format(printf, 3, 4)))
complain(const struct complaint *why, int err, const char *format, ...)
{
	va_list ap;

	if (why->text && why->size) {
		va_start(ap, format);
		vsnprintf(why->text, why->size, format, ap);
		va_end(ap);
	}
	return err;
}

#endif
