/*
 * attr.h - structures that the program fills in: they begin with their size as the program knows it, and grow at the end
 */
#ifndef STINT_ATTR_H
#define STINT_ATTR_H

#include <errno.h>
#include <stddef.h>

#define ATTR_MOST 4096         /* what no version will have; more is what nobody has set, and is not read beyond the end of */

/*
 * 0; EINVAL: smaller than @least; E2BIG: fields beyond the @known bytes that we know are not 0: a newer program asks an older library
 * for something.
 */
static inline int attr_check(const void *attr, size_t least, size_t known)
{
	const unsigned char *p = attr;
	size_t size = *(const size_t *)attr;

	if (size < least)
		return EINVAL;
	if (size > ATTR_MOST)
		return E2BIG;
	for (size_t i = known; i < size; i++)
		if (p[i])
			return E2BIG;
	return 0;
}

#endif
