/*
 * lookup.h - dlsym() for objects whose calls are rerouted
 */
#ifndef STINT_LIBSET_LOOKUP_H
#define STINT_LIBSET_LOOKUP_H

#include <stdint.h>

/* A slot that leads to libc's dlsym() is to lead to what this returns; others, 0, are left. */
uintptr_t lookup_for(uintptr_t target);

/* for thunks.S */
extern void *(*libset_real_dlsym)(void *, const char *);
void *libset_lookup(void *handle, const char *name);

#endif
