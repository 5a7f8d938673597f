/*
 * identity.c - who the process is: user and group ids
 *
 * To the kernel ids are a thread's own. libc changes them in all threads of the process: it sends a signal to all in its
 * list but the one that asks, and waits for them. A call is not in that list, the kernel thread under it is; asked by
 * a call, libc would count that thread among the others and leave a mark on it that holds it up when it ends. So
 * the call takes on the identity of the kernel thread, as it does for fork() (process.c).
 *
 * A signal that another thread sends this way to a kernel thread that is running a call is taken as that thread, too
 * (signals.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "../kthread.h"
#include "interpose.h"

/* errno is the kernel thread's own in between, and must not change. noinline: the compiler believes that errno does
 * not move within a function. */
static __attribute__((noinline)) int take_errno(int saved)
{
	int err = errno;

	errno = saved;
	return err;
}

static __attribute__((noinline)) int native_errno(void)
{
	return errno;
}

static __attribute__((noinline)) void give_errno(int r, int err)
{
	if (r < 0)
		errno = err;
}

#define AS_NATIVE(name, params, args)                                         \
	WRAPPER int name params                                               \
	{                                                                     \
		struct stint *s_ = self();                                    \
		int saved_, err_, r_;                                         \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		preempt_disable(s_);                                          \
		fiber_leave(s_->tp, s_->kt->tp, FIBER_NO_SYNC);               \
		arch_set_tp(s_->kt->tp);                                      \
		saved_ = native_errno();                                      \
		r_ = REAL(name) args;                                         \
		err_ = take_errno(saved_);                                    \
		fiber_leave(s_->kt->tp, s_->tp, FIBER_NO_SYNC);               \
		arch_set_tp(s_->tp);                                          \
		give_errno(r_, err_);                                         \
		preempt_enable(s_, caller_address());                         \
		return r_;                                                    \
	}

AS_NATIVE(setuid, (uid_t uid), (uid))
AS_NATIVE(seteuid, (uid_t uid), (uid))
AS_NATIVE(setreuid, (uid_t real, uid_t effective), (real, effective))
AS_NATIVE(setresuid, (uid_t real, uid_t effective, uid_t kept), (real, effective, kept))
AS_NATIVE(setgid, (gid_t gid), (gid))
AS_NATIVE(setegid, (gid_t gid), (gid))
AS_NATIVE(setregid, (gid_t real, gid_t effective), (real, effective))
AS_NATIVE(setresgid, (gid_t real, gid_t effective, gid_t kept), (real, effective, kept))
AS_NATIVE(initgroups, (const char *user, gid_t group), (user, group))
AS_NATIVE(setgroups, (size_t n, const gid_t *groups), (n, groups))
