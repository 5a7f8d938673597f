/*
 * words.h - a table of words and how often each was seen; plain code for one thread at a time
 *
 * Functions that return int return 0, or -1 when there is no memory.
 */
#ifndef EXAMPLES_WORDS_H
#define EXAMPLES_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words {
	struct entry {
		const char *at;         /* points into the text, which must stay */
		size_t length;
		uint64_t hash;
		long count;             /* 0: no word here */
	} *entries;
	size_t used, size;              /* size: a power of two, or 0 */
};

uint64_t words_hash(const char *at, size_t length);
int words_add(struct words *w, const char *at, size_t length, uint64_t hash, long count);
int words_merge(struct words *into, struct words *from);        /* frees @from */
void words_print(struct words *w, long most);                   /* most frequent first, then by the alphabet; reorders @w */
void words_free(struct words *w);

#endif
