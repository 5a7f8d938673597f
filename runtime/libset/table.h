/*
 * table.h - the tables that rerouted calls jump through
 *
 * Each function of a library that something outside calls has a number, a thunk (arch/.../thunks.h), and at that number an
 * entry in every table. The default table leads to the libraries of the process; a set's leads to its copies. A thread or
 * call looks only at its own libset_table, so installing a set is storing one pointer.
 */
#ifndef STINT_LIBSET_TABLE_H
#define STINT_LIBSET_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "../context.h"

#define TABLE_ENTRIES 16384             /* functions, of all libraries together */
#define TABLE_LIBRARIES 128

/* the first entry; the word before it is the set, NULL in the default table. Its initial value is the default table. */
extern __thread void **libset_table __attribute__((tls_model("initial-exec"), visibility("hidden")));

struct table {
	struct table *next;
	void **entries;
	intptr_t delta[TABLE_LIBRARIES];        /* of each library's copy from the library; 0: there is no copy */
};

/*
 * Under libset's lock. table_add() makes the entries and sees to it that later ones get there too; ENOMEM. What
 * table_remove() gives back may be another's at once.
 */
int table_add(struct table *t, struct stint_libset *set);
void table_remove(struct table *t);

/* The thunk that leads to @target, a function of the library @library, which need not be known yet. 0: there are no more. */
uintptr_t table_thunk(uintptr_t target, unsigned library);

uintptr_t table_known(uintptr_t target);        /* the same, if there is one already; needs no lock */

/* where the thunk at @at leads in the default table; @at itself if it is none */
uintptr_t table_behind(uintptr_t at);

unsigned table_used(void);              /* entries */

static inline struct stint_libset *table_owner(void **entries)
{
	return entries[-1];
}

/* tests: no more thunks than that in the text, for the others to be tried */
extern PRIVATE unsigned table_thunks_in_text;

#endif
