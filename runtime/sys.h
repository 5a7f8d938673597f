/*
 * sys.h - the one seam to the system for everything above arch and below interpose
 *
 * Raw system calls leave errno alone and return -errno; they may be used in signal context and on any thread
 * identity. The sys.* functions are libc's own, past our wrappers. Faults are injected here: a test arms
 * "the n-th of this kind fails" and the seam obeys.
 */
#ifndef STINT_SYS_H
#define STINT_SYS_H

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "arch/x86_64/arch.h"
#include "private.h"

#define sys_raw(nr, a, b, c, d) arch_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

struct dl_phdr_info;

/* libc's functions, not the wrappers; resolved by sys_init() before anything else starts */
struct sys_functions {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	size_t (*malloc_usable_size)(void *);
	int (*close)(int);
	int (*fclose)(FILE *);
	int (*pclose)(FILE *);
	int (*closedir)(DIR *);
	void *(*dlopen)(const char *, int);
	void *(*dlsym)(void *, const char *);
	void *(*dlmopen)(long, const char *, int);
	int (*dlclose)(void *);
	int (*pthread_mutex_unlock)(pthread_mutex_t *);
	int (*pthread_rwlock_unlock)(pthread_rwlock_t *);
	int (*pthread_spin_unlock)(pthread_spinlock_t *);
	void (*exit)(int);
	int (*sigaction)(int, const struct sigaction *, struct sigaction *);
	int (*dl_iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*pthread_join)(pthread_t, void **);
	int (*thrd_create)(pthread_t *, int (*)(void *), void *);
	int (*pthread_attr_init)(pthread_attr_t *);
	int (*pthread_attr_destroy)(pthread_attr_t *);
	int (*pthread_key_create)(pthread_key_t *, void (*)(void *));
	int (*pthread_key_delete)(pthread_key_t);
	int (*pthread_setspecific)(pthread_key_t, const void *);
	int (*__cxa_atexit)(void (*)(void *), void *, void *);
	void (*__cxa_finalize)(void *);
	int (*__register_atfork)(void (*)(void), void (*)(void), void (*)(void), void *);
	int (*fflush_unlocked)(FILE *);
	void (*__fpurge)(FILE *);
	/* what gives a handle back, whatever its type */
	void (*freelocale)(void *);
	int (*iconv_close)(void *);
	int (*catclose)(void *);
	void (*freeaddrinfo)(void *);
	void (*freeifaddrs)(void *);
	void (*if_freenameindex)(void *);
	int (*fts_close)(void *);
	int (*sem_close)(void *);
	int (*timer_delete)(void *);
	void (*__res_nclose)(void *);
};
extern PRIVATE struct sys_functions sys;

enum sys_fault {
	SYS_MALLOC, SYS_MMAP, SYS_TIMER_CREATE, SYS_THREAD_CREATE, SYS_SIGACTION,
	SYS_FAULTS,                     /* the ones above may work next time */
	SYS_LAYOUT = SYS_FAULTS,        /* the C library is not as we know it */
	SYS_FAULT_KINDS
};
extern PRIVATE int sys_fault_after[SYS_FAULT_KINDS];         /* n > 0: the n-th call from now fails; test programs set it */
bool sys_fault(enum sys_fault kind);            /* counts one call down; true: fail it */

/*
 * A lock between kernel threads, for short sections with preemption disabled (or outside calls). Not
 * recursive, no owner: it may be held across a change of thread identity. Not for signal handlers.
 */
struct sys_lock {
	int state;              /* 0 free, 1 held, 2 held and waited for; acquire/release */
};
void sys_lock(struct sys_lock *l);
bool sys_trylock(struct sys_lock *l);
void sys_unlock(struct sys_lock *l);

/*
 * How many locks, these and those of libc's memory functions, whoever runs on this identity holds or waits for: a signal handler of
 * the program's that has interrupted it, and forks, must not wait for them (interpose/process.c). Goes up first and down last.
 */
extern __thread unsigned sys_at_locks __attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline void sys_enter(void)
{
	sys_at_locks++;
	__asm__ volatile("" ::: "memory");
}

static inline void sys_leave(void)
{
	__asm__ volatile("" ::: "memory");
	sys_at_locks--;
}

/*
 * A child of vfork() has our memory until it becomes another program, but descriptors of its own: what it closes and opens says
 * nothing of ours. So who has called vfork() on this identity (or cloned what shares memory) asks for its process before it writes
 * to books of descriptors. The mark goes up before the call and stays: to take it back could come in between in a handler.
 */
extern __thread unsigned sys_vforked __attribute__((tls_model("initial-exec"), visibility("hidden")));
void sys_note_process(void);                    /* at load, and in a forked child */
bool sys_in_process(void);                      /* asks the kernel: whose memory this is, not who shares or has copied it */

static inline bool sys_in_vforked(void)
{
	return __builtin_expect(sys_vforked != 0, 0) && !sys_in_process();
}

/*
 * A kernel thread of ours, with all signals blocked but the two that libc sends to all threads, and waits for (setuid()). 0 or an errno
 * value; SYS_THREAD_CREATE.
 */
int sys_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);

/* wait until *@word is no longer @value; wake all who wait on it */
void sys_wait(int *word, int value);
void sys_wake(int *word);

int sys_init(void);                             /* 0 or ENOTSUP when a function is missing */
/*
 * The definition of a function of libc's behind ours, or NULL. Where the C library comes before us in the search (a program
 * is linked with a library that is linked with us), nothing is behind, and it is the first of all.
 */
void *sys_next(const char *name);
void *sys_alloc(size_t size);                   /* zeroed, or NULL; SYS_MALLOC */
void sys_free(void *p);
void *sys_mmap(size_t len, int extra_flags);    /* private anonymous read-write, or NULL; SYS_MMAP */
int sys_munmap(void *p, size_t len);
int sys_madvise(void *p, size_t len, int advice);
int sys_mprotect(void *p, size_t len, int prot);
int sys_gettid(void);

#endif
