/*
 * libset.h - what the rest of the library needs of library sets beyond <stint/libset.h>
 */
#ifndef STINT_LIBSET_INTERNAL_H
#define STINT_LIBSET_INTERNAL_H

#include <stdbool.h>

#include "../context.h"

struct stint_libset;

bool libset_is_open(const struct stint_libset *set);

/*
 * @s, which does not run yet, and has a fresh control block and no set, will run in @set, which is open. From then on calls
 * that it launches are in the set, and the set is busy until @s is over.
 */
void libset_install(struct stint *s, struct stint_libset *set);

/* a call in it was cancelled */
void libset_soiled(struct stint_libset *set);

/* after dlopen(), outside ld.so's lock: lead the calls of what was loaded, too */
void libset_modules_changed(void);

/* the same for others: @loaded is called after a set has loaded libraries for the process, by @open, for whoever @caller is */
typedef void *libset_open_fn(const char *name, int flags, const void *caller);
void libset_loader(libset_open_fn *open, void (*loaded)(void));

/* stint_libset_open_with() for somebody else */
struct stint_libset_attr;
struct stint_libset *libset_open_for(const struct stint_libset_attr *attr, const char *const *names, size_t n,
                                     const void *caller);

/* Above 0: this thread is in ld.so, with its lock held, and in constructors or destructors: no set may be opened. */
extern __thread int libset_loading __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* libset_lock, see set.c; with preemption disabled or outside calls */
void libset_enter(void);
void libset_leave(void);

void libset_fork_prepare(void);
void libset_fork_done(void);

#endif
