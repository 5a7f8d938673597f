/*
 * preempt.h - may the CPU be taken back here? and taking it
 */
#ifndef STINT_PREEMPT_H
#define STINT_PREEMPT_H

#include "context.h"
#include "fiber.h"
#include "kthread.h"

/*
 * The pair around everything that must not be stopped halfway. They nest. A deadline that passes in between
 * sets pending and is taken in the outermost enable, unless @caller (the return address of the wrapper that
 * is about to return) lies in libc or ld.so: then libc called itself, may hold a lock, and the tick tries again.
 * A tick between the decrement and the test of pending finds depth 0, takes the deadline itself and clears pending.
 */
static inline void preempt_disable(struct stint *s)
{
	s->depth++;
	barrier();
}

void preempt_point(struct stint *s, const void *caller);        /* take a pending deadline, if still due */

static inline void preempt_enable(struct stint *s, const void *caller)
{
	barrier();
	if (--s->depth == 0 && unlikely(s->pending))
		preempt_point(s, caller);
}

void preempt_tick_again(struct stint *s);       /* a tick that was noted is to come once more, soon */

#define caller_address() __builtin_extract_return_addr(__builtin_return_address(0))

int preempt_init(int signo);            /* installs the handler; 0 or an errno value */

/*
 * What a worker does where a thread, the outermost of its chain, leaves the CPU. All with preemption disabled in the innermost
 * and signals open; turn_over() and back() also in the handler.
 */
struct preempt_thread_ops {
	/* its turn_end has passed: is the turn over? false: turn_end is another one now */
	bool (*turn_over)(struct stint *thread, uint64_t now);
	/* it is, in the handler; @waits: in a system call. true: it need not leave, its kernel thread is its own now */
	bool (*keeps_kthread)(struct stint *thread, bool waits);
	/* file it by @how; whom to switch to */
	const struct arch_context *(*left)(struct stint *thread, int how);
	/* it is over (pthread_exit(), a cancel), on its own stack; whom to switch to */
	const struct arch_context *(*ended)(struct stint *thread, int how);
	/* after the switch, on the stack that was switched to */
	void (*arrived)(void);
	/* it was stopped at the end of its turn, or displaced, and goes on; in the handler, too. What it makes pending is taken at once. */
	void (*back)(void);
};
extern PRIVATE struct preempt_thread_ops preempt_thread;

/*
 * preempt_leave - switch from the running call @s to whoever launched or resumed @l, which is @s or a call
 * around it; returns when @l's chain is resumed, with depth as it was
 *
 * The caller has disabled preemption in @s. Voluntary: from a function call, not from the handler.
 */
void preempt_leave(struct stint *s, struct stint *l, int how);

/* the same for @l == @s, the innermost itself: a pause */
static inline void preempt_leave_alone(struct stint *s, int how)
{
	if (unlikely(s->own_mask || s->own_vars)) {
		preempt_leave(s, s, how);
		return;
	}
	s->inner = NULL;
	s->how = how;
	s->kt->current = s->parent;
	fiber_leave(s->tp, s->ret.tp, FIBER_SYNC);
	arch_switch(&s->ctx, &s->ret);
}

/*
 * The program jumps out of its signal handler, which may have interrupted one of our wrappers (an accept that
 * it wants to give up) or the end of our own handler: what they had disabled is enabled again.
 */
void preempt_jumped(struct stint *s);

/* a call with a signal mask of its own is being switched in or out by a function call, not by the handler */
void preempt_mask_out(struct stint *s);
void preempt_mask_in(struct stint *s);

#endif
