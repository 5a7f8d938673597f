/*
 * misc.c - what is left: the environment, exit handlers
 *
 * Both are the process's.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "interpose.h"

LOCKED(int, setenv, (const char *name, const char *value, int overwrite), (name, value, overwrite))
LOCKED(int, unsetenv, (const char *name), (name))
LOCKED(int, putenv, (char *entry), (entry))
LOCKED(int, clearenv, (void), ())
LOCKED(int, on_exit, (void (*fn)(int, void *), void *arg), (fn, arg))

extern int __cxa_atexit(void (*fn)(void *), void *arg, void *dso);
extern int __cxa_at_quick_exit(void (*fn)(void *), void *dso);
LOCKED(int, __cxa_atexit, (void (*fn)(void *), void *arg, void *dso), (fn, arg, dso))
LOCKED(int, __cxa_at_quick_exit, (void (*fn)(void *), void *dso), (fn, dso))
