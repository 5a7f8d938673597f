/*
 * search.c - the one hash table of hsearch()
 *
 * What libc allocates for a call's table is libc's, and given back with the call's other pieces. Keys and data are the
 * program's, as always.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <search.h>

#include "interpose.h"
#include "statics.h"

static void destroy_table(void *table)
{
	hdestroy_r(table);
}

static struct hsearch_data *table_of(struct stint *s)
{
	return statics(s, STATIC_TABLE, sizeof(struct hsearch_data), destroy_table);
}

static int create_table(struct stint *s, size_t n)
{
	struct hsearch_data *table = table_of(s);

	return table ? hcreate_r(n, table) : 0;
}

/* in a table that was not created libc would divide by its size */
static ENTRY *find(struct stint *s, ENTRY item, ACTION action)
{
	struct hsearch_data *table = table_of(s);
	ENTRY *found = NULL;

	if (!table)
		return NULL;
	if (!table->table) {
		errno = action == FIND ? ESRCH : ENOMEM;
		return NULL;
	}
	hsearch_r(item, action, &found, table);
	return found;
}

/* where there is none, there is none to make either */
static void give_back_table(struct stint *s)
{
	int saved = errno;
	struct hsearch_data *table = table_of(s);

	if (table)
		hdestroy_r(table);
	errno = saved;
}

OWN_STATE(int, hcreate, (size_t n), (n), create_table(s_, n))
OWN_STATE(ENTRY *, hsearch, (ENTRY item, ACTION action), (item, action), find(s_, item, action))
OWN_STATE_VOID(hdestroy, (void), (), give_back_table(s_))
