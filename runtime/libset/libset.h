/*
 * libset.h - what the rest of the library needs of library sets beyond <stint/libset.h>
 */
#ifndef STINT_LIBSET_INTERNAL_H
#define STINT_LIBSET_INTERNAL_H

#include <stdbool.h>

#include "../context.h"

struct stint_libset;

bool libset_is_open(const struct stint_libset *set);

/* @s, which does not run yet and has a fresh control block, will run in @set: one store into its own memory */
void libset_install(struct stint *s, struct stint_libset *set);

/* a call in it was cancelled */
void libset_soiled(struct stint_libset *set);

/* after dlopen(), outside ld.so's lock: lead the calls of what was loaded, too */
void libset_modules_changed(void);

/* the same for others: @fn is called after a set has loaded libraries for the process */
void libset_when_loaded(void (*fn)(void));

/* Above 0: this thread is in ld.so, with its lock held, and in constructors or destructors: no set may be opened. */
extern __thread int libset_loading __attribute__((tls_model("initial-exec"), visibility("hidden")));

void libset_fork_prepare(void);
void libset_fork_done(void);

#endif
