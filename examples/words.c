/*
 * words.c - the table of words: open addressing, at most half full
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

/* FNV-1a, then mixed, because the low bits choose the counter and the place */
uint64_t words_hash(const char *at, size_t length)
{
	uint64_t h = UINT64_C(14695981039346656037);

	while (length--)
		h = (h ^ (unsigned char)*at++) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

/* where the word is, or the empty place where it belongs */
static struct entry *find(const struct words *w, const char *at, size_t length, uint64_t hash)
{
	for (size_t i = hash >> 8;; i++) {
		struct entry *e = &w->entries[i & (w->size - 1)];
		if (!e->count || (e->hash == hash && e->length == length && !memcmp(e->at, at, length)))
			return e;
	}
}

static int grow(struct words *w)
{
	struct words larger = { .size = w->size ? 2 * w->size : 64 };

	larger.entries = calloc(larger.size, sizeof *larger.entries);
	if (!larger.entries)
		return -1;
	for (size_t i = 0; i < w->size; i++) {
		struct entry *e = &w->entries[i];
		if (e->count)
			*find(&larger, e->at, e->length, e->hash) = *e;
	}
	larger.used = w->used;
	free(w->entries);
	*w = larger;
	return 0;
}

int words_add(struct words *w, const char *at, size_t length, uint64_t hash, long count)
{
	if (2 * w->used >= w->size && grow(w))
		return -1;
	struct entry *e = find(w, at, length, hash);
	if (!e->count) {
		*e = (struct entry){ .at = at, .length = length, .hash = hash };
		w->used++;
	}
	e->count += count;
	return 0;
}

int words_merge(struct words *into, struct words *from)
{
	int err = 0;

	for (size_t i = 0; i < from->size; i++) {
		struct entry *e = &from->entries[i];
		if (e->count && words_add(into, e->at, e->length, e->hash, e->count))
			err = -1;
	}
	words_free(from);
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t shorter = x->length < y->length ? x->length : y->length;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (!x->count)
		return 0;
	int order = memcmp(x->at, y->at, shorter);
	return order ? order : (x->length > y->length) - (x->length < y->length);
}

void words_print(struct words *w, long most)
{
	if (w->size)
		qsort(w->entries, w->size, sizeof *w->entries, compare);
	for (size_t i = 0; i < w->used && (long)i < most; i++)
		printf("%7ld %.*s\n", w->entries[i].count, (int)w->entries[i].length, w->entries[i].at);
}

void words_free(struct words *w)
{
	free(w->entries);
	*w = (struct words){ 0 };
}
