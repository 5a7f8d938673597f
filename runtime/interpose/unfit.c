/*
 * unfit.c - what changes the thread, its stack or the process under a call
 *
 * pthread_exit   ends the call: libc unwinds its frames, as it does those of a thread, and runs what
 *                pthread_cleanup_push() has pushed; where a thread would end, at the call's first frame, the call is complete.
 *                In libc's list of pushed buffers the first has none before it, and libc would not know where to go from there;
 *                so its last step (__pthread_unwind_next) is ours.
 * pthread_cancel refused for a call (ENOTSUP): libc would mark the call, and the mark would take effect in its next read(). Of a thread
 *                that runs a call it takes effect outside the call, since libc looks at the call for a mark.
 * contexts       Coroutines in a call work; it is not stopped while it is on the stack of one. Refused (ENOTSUP) is to go
 *                to the stack of somebody around the call, with the call's identity.
 * clone          refused (ENOTSUP): the new thread or process would be the same call.
 * sigaltstack    refused (ENOTSUP): it would be the kernel thread's, and stay so when the call goes elsewhere or is gone. To ask is
 *                allowed. Handlers that want it run on the one that the kernel thread has.
 *
 * vfork and fork are in process.c, jumps in signal.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <threads.h>
#include <ucontext.h>
#include <unwind.h>

#include "../call.h"
#include "../checker.h"
#include "../kthread.h"
#include "../sys.h"
#include "../tcb.h"
#include "interpose.h"

/* --- ending ------------------------------------------------------------------------------------ */

void __pthread_register_cancel(__pthread_unwind_buf_t *buf);
void __pthread_unregister_cancel(__pthread_unwind_buf_t *buf);
void __pthread_unwind_next(__pthread_unwind_buf_t *buf) __attribute__((noreturn));

/* where libc links a pushed buffer to the one before */
static __pthread_unwind_buf_t *before(const __pthread_unwind_buf_t *buf)
{
	return buf->__pad[0];
}

static _Unwind_Reason_Code at_frame(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                    struct _Unwind_Exception *exception, struct _Unwind_Context *context, void *s)
{
	(void)version;
	(void)class;
	(void)exception;
	(void)context;
	if (actions & _UA_END_OF_STACK)
		call_exit(s, ((struct stint *)s)->result);
	return _URC_NO_REASON;
}

_Static_assert(sizeof(struct _Unwind_Exception) <= sizeof(((struct stint *)0)->exception), "room for it");

/* Nothing is pushed any more: past the frames that are left. Destructors in them run over our own frame. */
static void __attribute__((noreturn)) unwind_rest(struct stint *s)
{
	struct _Unwind_Exception *exception = (struct _Unwind_Exception *)s->exception;

	memset(exception, 0, sizeof(*exception));
	_Unwind_ForcedUnwind(exception, at_frame, s);
	call_exit(s, s->result);        /* there is a frame that cannot be unwound */
}

WRAPPER void __pthread_unwind_next(__pthread_unwind_buf_t *buf)
{
	struct stint *s = self();

	if (s && !before(buf))
		unwind_rest(s);
	REAL(__pthread_unwind_next)(buf);
	__builtin_unreachable();
}

WRAPPER void pthread_exit(void *result)
{
	struct stint *s = self();
	__pthread_unwind_buf_t mine;

	if (!s) {
		REAL(pthread_exit)(result);
		__builtin_unreachable();
	}
	s->result = result;
	checker_unwound((void *)s->stack_lo, s->stack_hi - s->stack_lo);
	__pthread_register_cancel(&mine);
	__pthread_unregister_cancel(&mine);
	__pthread_unwind_next(&mine);
}

WRAPPER void thrd_exit(int result)
{
	if (!self()) {
		REAL(thrd_exit)(result);
		__builtin_unreachable();
	}
	pthread_exit((void *)(intptr_t)result);
}

/* libc's handle of a thread is the address of its control block */
WRAPPER int pthread_cancel(pthread_t t)
{
	struct stint *s = self();
	int err;

	if (tcb_is_of_call((const void *)t))
		return ENOTSUP;
	if (likely(!s))
		return REAL(pthread_cancel)(t);
	preempt_disable(s);
	err = REAL(pthread_cancel)(t);
	preempt_enable(s, caller_address());
	return err;
}

/* --- other stacks ------------------------------------------------------------------------------ */

static int refuse(void)
{
	errno = ENOTSUP;
	return -1;
}

/* Whether @to is on a stack around the running call. Outside calls the signal mask changes past our functions. */
static bool leads_out(const ucontext_t *to)
{
	struct stint *s = self();

	if (s)
		return call_left_by(s, arch_uc_sp(to));
	if (kthread_native)
		kthread_native->mask_gen++;
	return false;
}

WRAPPER int setcontext(const ucontext_t *to)
{
	return leads_out(to) ? refuse() : REAL(setcontext)(to);
}

WRAPPER int swapcontext(ucontext_t *from, const ucontext_t *to)
{
	return leads_out(to) ? refuse() : REAL(swapcontext)(from, to);
}

WRAPPER int sigaltstack(const stack_t *new, stack_t *old)
{
	return self() && new ? refuse() : REAL(sigaltstack)(new, old);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

WRAPPER int sigstack(struct sigstack *new, struct sigstack *old)
{
	return self() && new ? refuse() : REAL(sigstack)(new, old);
}

/* --- processes and threads past libc ------------------------------------------------------------ */

typedef int clone_fn(void *);

/* the last three are there only if the flags say so, and looked at only then */
#define CLONES(name)                                                                                      \
	WRAPPER int name(clone_fn *fn, void *stack, int flags, void *arg, ...)                            \
	{                                                                                                 \
		void *parent_tid, *tls, *child_tid;                                                       \
		va_list ap;                                                                               \
                                                                                                          \
		if (self())                                                                               \
			return refuse();                                                                  \
		va_start(ap, arg);                                                                        \
		parent_tid = va_arg(ap, void *);                                                          \
		tls = va_arg(ap, void *);                                                                 \
		child_tid = va_arg(ap, void *);                                                           \
		va_end(ap);                                                                               \
		if ((flags & (CLONE_VM | CLONE_THREAD)) == CLONE_VM)                                      \
			sys_vforked = 1;                                                                  \
		return REAL(name)(fn, stack, flags, arg, parent_tid, tls, child_tid);                     \
	}

int __clone(clone_fn *fn, void *stack, int flags, void *arg, ...);

CLONES(clone)
CLONES(__clone)
