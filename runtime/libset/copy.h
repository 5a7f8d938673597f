/*
 * copy.h - one private copy of a library
 */
#ifndef STINT_LIBSET_COPY_H
#define STINT_LIBSET_COPY_H

#include "library.h"

/* a word of initialised data that is not what the file says: relocated, for the most part */
struct copy_word {
	uint32_t offset;
	uint32_t high, low;             /* unaligned numbers would make a third of it padding */
};

struct copy {
	struct library *library;
	void *handle;
	uintptr_t base;
	struct copy_word *words;
	size_t nwords;
	struct copy *next;              /* in its bucket of all */
};

/* Under libset's lock, outside ld.so's, if not said otherwise. */

/*
 * copy_load - load another copy of @l, without running anything of it
 *
 * @ns: NULL: beside the library. Else the namespace that it is loaded to; LM_ID_NEWLM: a new one, which is then in @ns.
 *
 * Return: 0; an errno value with an explanation.
 */
int copy_load(struct copy *c, struct library *l, long *ns, struct complaint *why);
void copy_unload(struct copy *c);

int copy_bind(struct copy *c, const struct table *t);   /* to the other copies of @t's set; 0 or EACCES */
int copy_remember(struct copy *c);                      /* how its variables are now, for copy_restore(); 0 or ENOMEM */

/* By whoever has the set to himself, without the lock. The second and third run code of the copy. */
void copy_restore(struct copy *c);
void copy_construct(struct copy *c);
void copy_destruct(struct copy *c);

bool copy_is_at(uintptr_t base);        /* whether an object there is a copy */
size_t copy_writable(const struct copy *c);     /* bytes of its own that the program may write, in whole pages */

static inline bool copy_has(const struct copy *c, uintptr_t at)
{
	return at - c->base - (c->library->image.begin - c->library->image.base) <
	       c->library->image.end - c->library->image.begin;
}

/* what ld.so can be made to believe of two loads of one file; tests set it */
enum copy_way { COPY_WAY_UNKNOWN, COPY_WAY_SAME_FILE, COPY_WAY_OWN_FILE };
extern PRIVATE enum copy_way copy_way;

#endif
