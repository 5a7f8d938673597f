/*
 * set.h - struct stint_libset
 */
#ifndef STINT_LIBSET_SET_H
#define STINT_LIBSET_SET_H

#include <pthread.h>

#include <stint/libset.h>

#include "../sys.h"
#include "copy.h"
#include "libset.h"
#include "table.h"

enum { SET_CLOSED, SET_OPENING, SET_OPEN, SET_CLOSING };

/* what a copy has registered for its end */
struct set_handler {
	void (*fn)(void *);
	void *arg;
	void *dso;              /* an address in the copy */
};

struct stint_libset {
	struct stint_libset *next;      /* in the list of open ones, or of unused ones: handles stay readable */
	int state;                      /* release/acquire */
	int backend;
	struct table table;
	unsigned ncopies;
	struct copy *copies;            /* in the order in which they are constructed */
	int threads;                    /* kernel threads that its copies have started; atomic */
	uint64_t table_cycles;          /* that making it took */
	bool soiled;                    /* a call in it was cancelled since it was clean */

	struct sys_lock lock;           /* for what follows; nests in nothing, with preemption disabled */
	struct set_handler *handlers;
	size_t nhandlers, handlers_room;
	pthread_key_t *keys;
	size_t nkeys, keys_room;
};

/* how the libraries of the process are loaded; functions may be NULL */
extern PRIVATE struct set_loader {
	libset_open_fn *open;
	void (*loaded)(void);
} set_loader;

/* Run @fn as the kernel thread, if this is a call; @caller: of the public function. */
typedef void work_fn(void *arg);
void set_as_kernel_thread(work_fn *fn, void *arg, const void *caller);

/* Under libset's lock: memory for one that is being opened; put it, and what it has, back; it is open now. */
struct stint_libset *set_get(unsigned ncopies);
void set_put(struct stint_libset *set);
void set_list(struct stint_libset *set);

bool set_has_tls(const struct stint_libset *set);
void set_construct(struct stint_libset *set);   /* outside the lock */

#endif
