/*
 * ledger-types.h - the part of the ledger that is embedded in each call (see ledger.h for what it does)
 *
 * All zero is an empty ledger, so a fresh slot needs no work, and a released one is empty again.
 */
#ifndef STINT_LEDGER_TYPES_H
#define STINT_LEDGER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_FDS_INLINE 6
#define LEDGER_LOCKS_INLINE 4

struct heap_ledger {
	uint32_t free;          /* first entry that was used and is free, 0: none */
	uint32_t fresh;         /* next entry never used, in the newest chunk; at its end or 0: none */
	uint32_t chunks;        /* newest chunk, 0: none */
	size_t swept_blocks;    /* of gone_blocks, those whose entries were found again */
	size_t bytes, blocks;
	size_t gone_bytes, gone_blocks; /* freed by others; atomic */
};

/* descriptors it may hold; the owner table decides (ledger-fd.c) */
struct fd_block;
struct fd_ledger {
	unsigned n;
	int at[LEDGER_FDS_INLINE];
	unsigned busy;          /* appends in progress, nested by signal handlers */
	struct fd_block *more;  /* newest first */
	long held;              /* words of the owner table that name this call; atomic, never reset */
};

struct held_lock {
	void *lock;
	int kind;               /* enum lock_kind */
};
struct lock_block;
struct lock_ledger {
	unsigned n;
	unsigned streams;       /* flockfile() without funlockfile() */
	struct held_lock at[LEDGER_LOCKS_INLINE];
	struct lock_block *more;        /* newest first */
	uintptr_t wait_lo, wait_hi;     /* see ledger_wait_begin() */
};

/* streams, directories, libraries, mappings, handles: a list of each, under things_lock */
#define LEDGER_THING_LISTS 5

struct thing;
struct ledger {
	struct heap_ledger heap;
	struct fd_ledger fds;
	struct lock_ledger locks;
	struct thing *things[LEDGER_THING_LISTS];
	size_t mapped;          /* bytes of the mappings */
	size_t thing_fds;       /* descriptors of the streams and directories */
};

#endif
