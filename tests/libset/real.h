/*
 * real.h - work for real libraries: each gives a number that depends on all that the library did
 */
#ifndef REAL_H
#define REAL_H

#include <stddef.h>
#include <stdint.h>

struct real_work {
	const char *name;
	const char *const *libraries;   /* to have copies of */
	size_t n;
	uint64_t (*run)(unsigned variant);
};

extern const struct real_work real_works[];     /* to one without a name */

#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	while (n--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

#endif
