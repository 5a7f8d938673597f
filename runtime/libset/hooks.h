/*
 * hooks.h - functions of libc that copies are given others for
 */
#ifndef STINT_LIBSET_HOOKS_H
#define STINT_LIBSET_HOOKS_H

#include <stdint.h>

struct stint_libset;
struct copy;

uintptr_t hook_for(const char *name);   /* the function that a copy is to call by @name; 0: the one that others call */

/* By whoever has the set to himself. The first runs what @c has registered, the last one first. */
void hooks_run(struct stint_libset *set, const struct copy *c);
void hooks_drop(struct stint_libset *set);      /* what is registered and was not run; keys, handlers of fork() too */

#endif
