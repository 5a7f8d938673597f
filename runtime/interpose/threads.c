/*
 * threads.c - the parts of pthreads and C11 threads that neither wait nor are held: keys, attributes, once; and what a thread asks the kernel about itself
 *
 * A call is a thread to libc, but its id is made up, and where libc hands that to the kernel (scheduling parameters,
 * affinity, the CPU clock, a queued signal) the answer would be ESRCH. Asked by a call about itself, these are about
 * the kernel thread that runs it, and what they set stays with that one.
 *
 * once: the function runs with preemption disabled, because whoever comes second waits for it, the call's caller
 * too. It may throw; so preemption is enabled by a cleanup. If it pauses, and the call is cancelled, the once is set back as
 * by a throw: somebody else may do it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <threads.h>

#include "../kthread.h"
#include "../sys.h"
#include "lot.h"

/* --- keys -------------------------------------------------------------------------------------- */

int __pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int __pthread_setspecific(pthread_key_t key, const void *value);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso);
int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *dso);

LOCKED(int, pthread_key_create, (pthread_key_t *key, void (*destroy)(void *)), (key, destroy))
LOCKED(int, __pthread_key_create, (pthread_key_t *key, void (*destroy)(void *)), (key, destroy))
LOCKED(int, pthread_key_delete, (pthread_key_t key), (key))
LOCKED(int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value))
LOCKED(int, tss_create, (tss_t *key, tss_dtor_t destroy), (key, destroy))
LOCKED_VOID(tss_delete, (tss_t key), (key))
LOCKED(int, tss_set, (tss_t key, void *value), (key, value))
LOCKED(int, __register_atfork, (void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso),
       (prepare, parent, child, dso))
LOCKED(int, __cxa_thread_atexit_impl, (void (*fn)(void *), void *arg, void *dso), (fn, arg, dso))

/* of this name only for programs linked before glibc 2.34 */
WRAPPER int __pthread_setspecific(pthread_key_t key, const void *value)
{
	return pthread_setspecific(key, value);
}

/* --- once -------------------------------------------------------------------------------------- */

int __pthread_once(pthread_once_t *once, void (*fn)(void));

struct section {
	struct callout callout;         /* first */
	struct stint *s;
	pthread_once_t *once;
	const void *caller;
};

/* it has run, or is as if it had not been begun: threads that wait look */
static void wake_waiting(pthread_once_t **once)
{
	if (lot_crowded(*once))
		lot_wake_all(*once);
}

static void leave_section(struct section *section)
{
	wake_waiting(&section->once);
	if (section->s->callouts == &section->callout)
		section->s->callouts = section->callout.outer;
	preempt_enable(section->s, section->caller);
}

/* on cancel */
static void give_up_section(struct callout *callout)
{
	struct section *section = (struct section *)callout;

	section->s->callouts = callout->outer;
	__atomic_store_n(section->once, PTHREAD_ONCE_INIT, __ATOMIC_RELEASE);
	sys_wake(section->once);
	wake_waiting(&section->once);
}

/* the function of a once that was done long ago is not run, and nothing is held: then there is nothing to give up */
static int once_in_call(struct stint *s, pthread_once_t *once, void (*fn)(void), const void *caller)
{
	struct section section __attribute__((cleanup(leave_section), unused)) = {
		{ NULL, give_up_section, true }, s, once, caller
	};

	preempt_disable(s);
	if (parks_within(s))
		park_once(s, once, caller);
	if (on_own_stack(s, (uintptr_t)&section)) {
		callouts_jumped(s, (uintptr_t)&section);
		section.callout.outer = s->callouts;
		s->callouts = &section.callout;
	}
	return REAL(pthread_once)(once, fn);
}

WRAPPER int pthread_once(pthread_once_t *once, void (*fn)(void))
{
	if (likely(!self())) {
		pthread_once_t *waited __attribute__((cleanup(wake_waiting), unused)) = once;   /* the function may throw */

		return REAL(pthread_once)(once, fn);
	}
	return once_in_call(self(), once, fn, caller_address());
}

WRAPPER int __pthread_once(pthread_once_t *once, void (*fn)(void))
{
	return pthread_once(once, fn);
}

WRAPPER void call_once(once_flag *once, void (*fn)(void))
{
	pthread_once((pthread_once_t *)once, fn);       /* C11 threads are pthreads, down to the flag */
}

/* --- attributes and objects whose functions allocate or lock ----------------------------------- */

LOCKED(int, pthread_attr_init, (pthread_attr_t *attr), (attr))
LOCKED(int, pthread_attr_destroy, (pthread_attr_t *attr), (attr))
LOCKED(int, pthread_attr_getstacksize, (const pthread_attr_t *attr, size_t *size), (attr, size))
LOCKED(int, pthread_attr_setaffinity_np, (pthread_attr_t *attr, size_t n, const cpu_set_t *set), (attr, n, set))
LOCKED(int, pthread_attr_setsigmask_np, (pthread_attr_t *attr, const sigset_t *mask), (attr, mask))
LOCKED(int, pthread_getattr_default_np, (pthread_attr_t *attr), (attr))
LOCKED(int, pthread_setattr_default_np, (const pthread_attr_t *attr), (attr))
LOCKED(int, pthread_mutex_setprioceiling, (pthread_mutex_t *m, int ceiling, int *old), (m, ceiling, old))
LOCKED(int, thrd_create, (thrd_t *t, thrd_start_t fn, void *arg), (t, fn, arg))
LOCKED_VOID(cnd_destroy, (cnd_t *c), (c))
LOCKED(int, sem_trywait, (sem_t *sem), (sem))
LOCKED(int, sem_unlink, (const char *name), (name))

/* --- what the kernel is asked about a thread --------------------------------------------------- */

/* libc's handle of a thread is the address of its control block */
static pthread_t known_to_kernel(struct stint *s, pthread_t t)
{
	return pthread_equal(t, (pthread_t)s->tp) ? (pthread_t)s->kt->tp : t;
}

#define ASKS_KERNEL(name, params, args)                                       \
	WRAPPER int name params                                               \
	{                                                                     \
		struct stint *s = self();                                     \
		int r;                                                        \
                                                                              \
		if (likely(!s))                                               \
			return REAL(name) args;                               \
		preempt_disable(s);                                           \
		t = known_to_kernel(s, t);                                    \
		r = REAL(name) args;                                          \
		preempt_enable(s, caller_address());                          \
		return r;                                                     \
	}

ASKS_KERNEL(pthread_getschedparam, (pthread_t t, int *policy, struct sched_param *param), (t, policy, param))
ASKS_KERNEL(pthread_setschedparam, (pthread_t t, int policy, const struct sched_param *param), (t, policy, param))
ASKS_KERNEL(pthread_setschedprio, (pthread_t t, int priority), (t, priority))
ASKS_KERNEL(pthread_getaffinity_np, (pthread_t t, size_t n, cpu_set_t *set), (t, n, set))
ASKS_KERNEL(pthread_setaffinity_np, (pthread_t t, size_t n, const cpu_set_t *set), (t, n, set))
ASKS_KERNEL(pthread_getcpuclockid, (pthread_t t, clockid_t *clock), (t, clock))
ASKS_KERNEL(pthread_sigqueue, (pthread_t t, int signo, const union sigval value), (t, signo, value))
LOCKED(int, pthread_getname_np, (pthread_t t, char *name, size_t n), (t, name, n))
LOCKED(int, pthread_setname_np, (pthread_t t, const char *name), (t, name))
