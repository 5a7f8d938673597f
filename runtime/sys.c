/*
 * sys.c - the seam to the system (see sys.h)
 *
 * Nothing here is called in signal context except through sys_raw() and sys_gettid().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>

#include "sys.h"

struct sys_functions sys;
int sys_fault_after[SYS_FAULT_KINDS];

bool sys_fault(enum sys_fault kind)
{
	return __builtin_expect(sys_fault_after[kind] > 0, 0) && --sys_fault_after[kind] == 0;
}

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

void *sys_next(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (p)
		return p;
	p = dlsym(RTLD_DEFAULT, name);
	return (uintptr_t)p - (uintptr_t)__ehdr_start < (uintptr_t)_end - (uintptr_t)__ehdr_start ? NULL : p;
}

/* 0, or ENOTSUP in a C library that lacks it */
static int find(void *slot, const char *name)
{
	void *p = sys_next(name);

	if (!p)
		return ENOTSUP;
	memcpy(slot, &p, sizeof(p));
	return 0;
}

int sys_init(void)
{
	int missing = 0;

#define FIND(name) missing |= find(&sys.name, #name)
	FIND(malloc);
	FIND(calloc);
	FIND(realloc);
	FIND(free);
	FIND(malloc_usable_size);
	FIND(close);
	FIND(fclose);
	FIND(pclose);
	FIND(closedir);
	FIND(dlopen);
	FIND(dlsym);
	FIND(dlmopen);
	FIND(dlclose);
	FIND(pthread_mutex_unlock);
	FIND(pthread_rwlock_unlock);
	FIND(pthread_spin_unlock);
	FIND(exit);
	FIND(sigaction);
	FIND(dl_iterate_phdr);
	FIND(pthread_create);
	FIND(pthread_join);
	FIND(thrd_create);
	FIND(pthread_attr_init);
	FIND(pthread_attr_destroy);
	FIND(pthread_key_create);
	FIND(pthread_key_delete);
	FIND(pthread_setspecific);
	FIND(__cxa_atexit);
	FIND(__cxa_finalize);
	FIND(__register_atfork);
	FIND(fflush_unlocked);
	FIND(__fpurge);
	FIND(freelocale);
	FIND(iconv_close);
	FIND(catclose);
	FIND(freeaddrinfo);
	FIND(freeifaddrs);
	FIND(if_freenameindex);
	FIND(fts_close);
	FIND(sem_close);
	FIND(timer_delete);
	FIND(__res_nclose);
#undef FIND
	return missing;
}

void *sys_alloc(size_t size)
{
	void *p;

	if (sys_fault(SYS_MALLOC))
		return NULL;
	sys_enter();
	p = sys.calloc(1, size);
	sys_leave();
	return p;
}

void sys_free(void *p)
{
	sys_enter();
	sys.free(p);
	sys_leave();
}

void *sys_mmap(size_t len, int extra_flags)
{
	long r;

	if (sys_fault(SYS_MMAP))
		return NULL;
	r = arch_syscall(SYS_mmap, 0, (long)len, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
	return r < 0 && r >= -4095 ? NULL : (void *)r;
}

int sys_munmap(void *p, size_t len)
{
	return (int)-sys_raw(SYS_munmap, p, len, 0, 0);
}

int sys_madvise(void *p, size_t len, int advice)
{
	return (int)-sys_raw(SYS_madvise, p, len, advice, 0);
}

int sys_mprotect(void *p, size_t len, int prot)
{
	return (int)-sys_raw(SYS_mprotect, p, len, prot, 0);
}

int sys_gettid(void)
{
	return (int)sys_raw(SYS_gettid, 0, 0, 0, 0);
}

int sys_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	uint64_t block = ~(((uint64_t)1 << (32 - 1)) | ((uint64_t)1 << (33 - 1))), old;
	int err;

	if (sys_fault(SYS_THREAD_CREATE))
		return EAGAIN;
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &block, &old, sizeof(old));
	err = sys.pthread_create(thread, attr, run, arg);
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	return err;
}

__thread unsigned sys_at_locks;
__thread unsigned sys_vforked;

static int process;             /* 0: nobody has noted it yet, in a constructor that comes before ours */

void sys_note_process(void)
{
	process = (int)sys_raw(SYS_getpid, 0, 0, 0, 0);
}

bool sys_in_process(void)
{
	return !process || sys_raw(SYS_getpid, 0, 0, 0, 0) == process;
}

void sys_lock(struct sys_lock *l)
{
	int seen = 0;

	sys_enter();
	if (__atomic_compare_exchange_n(&l->state, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&l->state, 2, __ATOMIC_ACQUIRE))
		sys_raw(SYS_futex, &l->state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 2, NULL);
}

bool sys_trylock(struct sys_lock *l)
{
	int free = 0;

	sys_enter();
	if (__atomic_compare_exchange_n(&l->state, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	sys_leave();
	return false;
}

void sys_unlock(struct sys_lock *l)
{
	if (__atomic_exchange_n(&l->state, 0, __ATOMIC_RELEASE) == 2)
		sys_raw(SYS_futex, &l->state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0);
	sys_leave();
}

void sys_wait(int *word, int value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		sys_raw(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, NULL);
}

void sys_wake(int *word)
{
	sys_raw(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX, 0);
}
