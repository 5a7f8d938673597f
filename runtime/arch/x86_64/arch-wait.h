/*
 * arch-wait.h - what a signal handler can see of the system call that its signal came into
 */
#ifndef STINT_ARCH_WAIT_H
#define STINT_ARCH_WAIT_H

#include <errno.h>
#include <stdbool.h>

#include "arch.h"

/* about to issue a system call: for the first time, or again after the signal */
static inline bool arch_uc_at_syscall(const ucontext_t *uc)
{
	return arch_is_syscall(arch_uc_pc(uc));
}

/* a system call has just returned EINTR */
static inline bool arch_uc_interrupted(const ucontext_t *uc)
{
	uintptr_t pc = arch_uc_pc(uc);

	/* not across a page boundary: the page before may not be there */
	return (int)uc->uc_mcontext.gregs[REG_RAX] == -EINTR && (pc & (ARCH_PAGE_SIZE - 1)) >= 2 &&
	       arch_is_syscall(pc - 2);
}

/* where arch_uc_at_syscall() */
static inline long arch_uc_syscall_nr(const ucontext_t *uc)
{
	return (long)uc->uc_mcontext.gregs[REG_RAX];
}

/* @i: 0 or 1; the kernel leaves them as they were */
static inline uintptr_t arch_uc_syscall_arg(const ucontext_t *uc, int i)
{
	return (uintptr_t)uc->uc_mcontext.gregs[i ? REG_RSI : REG_RDI];
}

#endif
