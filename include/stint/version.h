/*
 * stint/version.h - which stint this is, and whether it can work on this machine
 */
#ifndef STINT_VERSION_H
#define STINT_VERSION_H

#define STINT_VERSION_MAJOR 0
#define STINT_VERSION_MINOR 1
#define STINT_VERSION_PATCH 0
#define STINT_VERSION "0.1.0"

/*
 * Calls go through the GOT, without the stub of the PLT: of locking and unlocking a free mutex that would be a fifth. So the library is
 * bound when the program is loaded, never lazily. Compilers that do not know it have -fno-plt for all functions.
 */
#ifdef __has_attribute
#if __has_attribute(noplt)
#define STINT_API __attribute__((visibility("default"), noplt))
#endif
#endif
#ifndef STINT_API
#define STINT_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * stint_version - the version of the library that is loaded, as "MAJOR.MINOR.PATCH"
 *
 * Return:  a string that lives as long as the library. Compare it with STINT_VERSION, what the
 *          program was compiled against.
 * Context: any thread, any call; async-signal-safe. Does not switch.
 */
STINT_API const char *stint_version(void);

/*
 * stint_unsupported - why stint cannot run calls in this process
 *
 * Starts the library where no call has done so yet, so that a program can ask before it relies on it.
 *
 * Return:  NULL when calls work; else one English sentence that says what is in the way and what to
 *          do, for example about an environment variable that names no signal. While this is not
 *          NULL, every constructor fails with the matching errno: ENOTSUP (unknown C library, shadow
 *          stacks), EINVAL (environment), EAGAIN or ENOMEM (no timer, no thread, no memory).
 * Context: any thread, any call; not from a signal handler. Does not switch.
 */
STINT_API const char *stint_unsupported(void);

#ifdef __cplusplus
}
#endif

#endif
