/*
 * stack.h - slots: guard, stack, thread control block and struct stint in one piece of memory
 */
#ifndef STINT_STACK_H
#define STINT_STACK_H

#include "context.h"

struct kthread;

int stack_init(void);

/*
 * stack_get - a slot with at least @size usable bytes of stack, its struct stint zeroed or as its last
 * user left it, its thread control block ready and fresh
 *
 * Return:  the stint; NULL: no memory. errno stays as it is.
 * Context: preemption disabled or outside calls.
 */
struct stint *stack_get(struct kthread *kt, size_t size);
void stack_put(struct kthread *kt, struct stint *s);    /* state is STATE_FREE */

void stack_flush(struct kthread *kt);   /* the kernel thread ends: its cache goes to the common pool */
void stack_each(void (*fn)(struct stint *s, void *arg), void *arg);    /* every slot with a ready block */

size_t stack_size(const struct stint *s);       /* usable bytes asked for, in whole pages; it may have a few more */

/* the guard under @s's stack: whether @addr lies in it */
bool stack_in_guard(const struct stint *s, uintptr_t addr);
/* which kind of guard is in use: "markers" or "mprotect" */
const char *stack_guard_kind(void);

void stack_fork_prepare(void);
void stack_fork_done(void);

#endif
