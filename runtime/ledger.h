/*
 * ledger.h - what a call holds, so that cancelling it gives everything back
 *
 * The wrappers enter what a call acquires and strike what anyone gives back; stint_cancel() releases the
 * rest; a call that completes passes its entries to the call around it, or drops them where there is
 * none. Ownership that moves is the hard part: a block freed by someone else, a descriptor closed elsewhere
 * and its number used again, must never be released a second time. So an entry is only a hint, and the
 * moment of release is decided by one atomic step on a shared word that any giver-back takes too:
 * the heap entry's slot, the owner table of descriptors, the tree of the rest under its lock. Where
 * it cannot be known whose a thing is, the entry is struck: a leak is better than a second release.
 *
 * Context: all with preemption disabled, or outside a call. ledger_fd_* are async-signal-safe, because open
 * and close are; ledger_map_* and ledger_thing_* block all signals while they hold their lock.
 */
#ifndef STINT_LEDGER_H
#define STINT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>

#include "ledger-types.h"
#include "private.h"

struct stint;

enum thing_kind {
	THING_STREAM, THING_PIPE_STREAM, THING_DIR, THING_LIBRARY, THING_MAPPING,
	/* handles, each kind with a function of its own that gives it back */
	THING_LOCALE, THING_CONVERSION, THING_CATALOGUE, THING_ADDRESSES, THING_INTERFACES, THING_INTERFACE_NAMES,
	THING_WALK, THING_SEMAPHORE, THING_TIMER
};
enum lock_kind { LOCK_MUTEX, LOCK_RWLOCK, LOCK_SPIN, LOCK_CXX_MUTEX };        /* the last: the C++ library's own */

/* an empty one, in zeroed or released memory: nearly all is so already, and fds.held may still be on its way to 0, see ledger-fd.c */
static inline void ledger_init(struct ledger *l)
{
	l->locks.streams = 0;
}

void ledger_release(struct stint *s);           /* give everything back; on the stint itself, depth > 0 */
void ledger_pass(struct stint *s, struct stint *to);    /* @to NULL: drop. @s is complete, depth > 0 */

/* descriptors now held, those of streams and directories included; approximate while the call runs */
size_t ledger_fds_held(const struct ledger *l);

/* heap (ledger-heap.c). A block entered here has LEDGER_TRAILER extra bytes at the end of its usable size. */
#define LEDGER_TRAILER 8
extern PRIVATE bool ledger_under_valgrind;              /* the last bytes of a block must not be looked at without telling it */
extern PRIVATE unsigned ledger_heap_live;               /* calls with heap entries; relaxed: 0 means no block is entered */
void ledger_block_add(struct stint *s, void *p, size_t usable);
bool ledger_block_drop(struct stint *self, void *p, size_t usable);     /* true: it was entered (by whomever) */
bool ledger_block_known(void *p, size_t usable);
/* a part of the last eight bytes of a block that is entered; by it the most of those that are not are told at once */
static inline uint32_t ledger_block_mark(const void *p)
{
	return (uint32_t)((uintptr_t)p >> 4) ^ 0x73746e74u;
}
bool ledger_block_mine(const struct stint *s, void *p, size_t usable);
size_t ledger_heap_bytes(const struct ledger *l);
size_t ledger_heap_blocks(const struct ledger *l);
void ledger_heap_release(struct stint *s);
void ledger_heap_pass(struct stint *s, struct stint *to);
void ledger_heap_fork_prepare(void);
void ledger_heap_fork_done(void);

/* descriptors (ledger-fd.c) */
void ledger_fd_opened(struct stint *s, int fd); /* @s NULL: outside a call; forgets a stale owner */
void ledger_fd_closed(int fd);                  /* call it before the close itself */
void ledger_fd_closed_range(unsigned lo, unsigned hi);
bool ledger_fd_owned(const struct stint *s, int fd);
uintptr_t ledger_fd_take(int fd);               /* as closed, but says what to give to ledger_fd_restore() */
void ledger_fd_restore(int fd, uintptr_t owner);        /* the close did not happen after all */
void ledger_fd_release(struct stint *s);
extern void (*ledger_fd_was_closed)(int fd);    /* told by who gives back; NULL: nobody wants to know */
void ledger_fd_pass(struct stint *s, struct stint *to);

/*
 * The runtime's own descriptors (ledger-own.c). The program's close() of one fails, and who closes many leaves it open. Where we are
 * asked in a process that has only a copy of ours, or shares our memory, none is.
 */
long ledger_own_open(bool waits, long nr, long a, long b, long c);      /* as the system call @nr; not @waits: maybe -EBUSY */
long ledger_own_close(long fd);
uint64_t ledger_own_hold(void);                 /* none is opened or closed until: */
void ledger_own_let_go(uint64_t mask);
void ledger_own_make_room(void);                 /* so that the next to be opened need not */
void ledger_own_after_fork(void);               /* in the child, _Fork()'s as well: there are none */
bool ledger_fd_is_own(int fd);
void ledger_fd_set_own(int fd, bool is);
bool ledger_fd_next_own(unsigned *fd, unsigned hi);     /* the first from @fd to @hi; false: none */

/* streams, directories, libraries, mappings, handles (ledger-things.c) */
extern PRIVATE unsigned long ledger_things_live;        /* entries; relaxed: 0 means there is nothing to strike */
int ledger_thing_add(struct stint *s, enum thing_kind kind, void *p);   /* 0 or ENOMEM */
bool ledger_thing_drop(enum thing_kind kind, void *p);  /* of equal ones, the caller's own first */
struct stint *ledger_thing_take(enum thing_kind kind, void *p); /* the same; whose it was, or NULL */
/* @fds: descriptors that closing it gives back; -1: its descriptor is not the call's and stays open.
 * @buffer: of a stream into memory, where its user finds the block. Both kinds of stream are struck by either. */
int ledger_stream_add(struct stint *s, enum thing_kind kind, FILE *f, int fds, char **buffer);
bool ledger_stream_drop(FILE *f, char ***buffer);
int ledger_map_add(struct stint *s, void *p, size_t len);               /* replaces what it overlaps */
void ledger_map_drop(void *p, size_t len);                              /* may cut entries in two */
void ledger_map_drop_at(void *p);                                       /* the whole entry that starts there */
/* Move a mapping: @move(arg) does it, under the lock, and returns where it is now or MAP_FAILED. The entry
 * follows, whosever it is; the old range stays entered as well if @keep. */
void *ledger_map_move(void *p, size_t len, size_t new_len, bool keep, void *(*move)(void *), void *arg);
void ledger_things_release(struct stint *s, enum thing_kind kind);      /* THING_STREAM: pipe streams, too; a handle: all */
void ledger_things_pass(struct stint *s, struct stint *to);

/* locks (ledger-locks.c): only the call itself enters and strikes them */
int ledger_lock_add(struct stint *s, enum lock_kind kind, void *lock);  /* 0 or ENOMEM */
bool ledger_lock_drop(struct stint *s, enum lock_kind kind, void *lock);        /* whether it was entered */
void ledger_locks_release(struct stint *s);
extern void (*ledger_lock_was_released)(int kind, void *lock);  /* told of each; NULL: nobody wants to know */
void ledger_locks_pass(struct stint *s);        /* forgets them: their owner's identity ends with it */

/*
 * A wait in a system call with preemption disabled, in which the call may be stopped all the same: exactly where
 * the interrupted instruction is the system call, about to be issued (again), or has just failed with
 * EINTR; then nothing has been acquired, and nothing can be lost between the kernel and the ledger.
 * With @size > 0 only a futex wait on a word in [@lock, @lock + @size) counts. ledger_wait_insig() is what the
 * tick handler asks when it finds lock_wait set.
 */
void ledger_wait_begin(struct stint *s, const void *lock, size_t size);
void ledger_wait_end(struct stint *s);
bool ledger_wait_insig(const struct stint *s, const ucontext_t *uc);

/* Whether giving back may read or write the call's frames: locks, buffers and results of streams can be there. */
bool ledger_needs_frames(const struct stint *s);

void ledger_fork_prepare(void);
void ledger_fork_done(void);                    /* in parent and child */

#endif
