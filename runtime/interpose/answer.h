/*
 * answer.h - an entry of one of libc's tables (users, hosts, ...), in a call's own memory
 *
 * Context: as statics.h.
 */
#ifndef STINT_ANSWER_H
#define STINT_ANSWER_H

#include "statics.h"

#define ENTRY_SIZE 96           /* the largest is struct spwd */

struct answer {
	struct buffer buffer;           /* first; what the entry points to */
	_Alignas(16) char entry[ENTRY_SIZE];
};

/* the piece @kind, with a buffer to begin with; NULL and errno ENOMEM */
struct answer *answer_of(struct stint *s, enum static_kind kind);

#endif
