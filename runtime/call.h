/*
 * call.h - what the rest of the library needs of calls beyond <stint/call.h>
 */
#ifndef STINT_CALL_INTERNAL_H
#define STINT_CALL_INTERNAL_H

#include <setjmp.h>
#include <stdint.h>

#include "context.h"

struct kthread;

/* what calls and threads have in common */
void call_set_up(struct stint *s, const char *name, stint_fn *fn, void *arg);   /* in a fresh slot */
void call_choose_set(struct stint *s, struct stint_libset *own, const struct stint *up);        /* @own, or what @up has */
void call_ended(struct stint *s);               /* it has returned or been cancelled: what it holds is nobody's */
const struct arch_context *call_leave_for_good(struct stint *s, int how);
void call_release(struct stint *s, struct kthread *kt);         /* it is over and ours: give its slot back */

/*
 * Cancelling a thread: call_divert() has it call @entry when it is continued, under its last frame, in place of what it was
 * doing; and that ends with call_cancel_diverted(), which ends its calls, runs its cleanups, and gives back what it holds.
 */
void call_divert(struct stint *s, arch_entry *entry);
const struct arch_context *call_cancel_diverted(struct stint *s);

/* For a wrapper whose function of libc has returned because of a cancel (struct callout): the cancel goes on. */
void call_wind_up(struct stint *s) __attribute__((noreturn));

/*
 * The call @s is over, with @result, though its function has not returned (pthread_exit). On its own stack, below all that
 * is of interest there.
 */
void call_exit(struct stint *s, void *result) __attribute__((noreturn));

/* a jump of the program's: @go does it, with @env and @value */
struct call_jump {
	void (*go)(const struct call_jump *jump) __attribute__((noreturn));
	struct __jmp_buf_tag env;
	int value;
};

/* The outermost call that a jump from the running call @s to where the stack pointer is @sp would leave; NULL: none. */
struct stint *call_left_by(struct stint *s, uintptr_t sp);

/*
 * The program jumps from @s out of @left: whoever launched or resumed @left cancels it, and then does @jump. If that was
 * stint_launch(), which does not return now, @left is freed as well.
 */
void call_jump_out(struct stint *s, struct stint *left, const struct call_jump *jump) __attribute__((noreturn));

void call_fork_prepare(void);
void call_fork_done(void);

#endif
