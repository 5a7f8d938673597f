/*
 * arch.h - the architecture seam: all that stint knows of x86-64
 *
 * Everything else in the tree is written against the names here. A port supplies this header, switch.S
 * and resolve.S. Shared with assembly: plain #defines first.
 *
 * What a switch moves: callee-saved registers, mxcsr, x87 control word, stack pointer, thread pointer.
 * What it leaves to the caller: everything the ABI lets a function call destroy. A context stopped by a
 * signal keeps the rest, AVX-512 included, in the kernel's frame on its own stack.
 */
#ifndef STINT_ARCH_H
#define STINT_ARCH_H

#define ARCH_CTX_SP 0
#define ARCH_CTX_TP 8

#define ARCH_STACK_ALIGN 16
#define ARCH_RED_ZONE 128
#define ARCH_PAGE_SIZE 4096

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>

struct stint;

/* where a context that is not running continues */
struct arch_context {
	void *sp;
	void *tp;
};
_Static_assert(offsetof(struct arch_context, sp) == ARCH_CTX_SP, "switch.S");
_Static_assert(offsetof(struct arch_context, tp) == ARCH_CTX_TP, "switch.S");

/* 1 where user code may write the thread pointer (wrfsbase); else switch.S asks the kernel. Set once at
 * start, before the first switch. */
extern int arch_user_tp __attribute__((visibility("hidden")));

/* Leave the running context in @save, continue @to. Returns when something continues @save. */
void arch_switch(struct arch_context *save, const struct arch_context *to);

/* The same; quicker where what @to continues has most likely been left by the same call as this one, slower elsewhere. */
void arch_switch_alike(struct arch_context *save, const struct arch_context *to);

/*
 * Leave the running context in @save and call @entry(@arg) on the empty stack that ends at @top, with thread pointer
 * @tp. The floating-point control words are inherited, as by a new thread. @entry returns the context to continue;
 * its own is gone.
 */
typedef const struct arch_context *arch_entry(struct stint *arg);
void arch_start(struct arch_context *save, void *top, void *tp, arch_entry *entry, struct stint *arg);

/*
 * Make @ctx one that, when continued, calls @entry(@arg) on the empty stack that ends at @top, as arch_start() does.
 */
static inline void arch_prepare(struct arch_context *ctx, void *top, void *tp, arch_entry *entry, struct stint *arg)
{
	void arch_bottom(void) __attribute__((visibility("hidden")));
	uint64_t *sp = (uint64_t *)top - 8;     /* in the order of switch.S */
	uint32_t mxcsr;
	uint16_t fcw;

	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	sp[0] = mxcsr | (uint64_t)fcw << 32;
	sp[1] = sp[2] = sp[3] = 0;
	sp[4] = (uintptr_t)arg;         /* r12 */
	sp[5] = (uintptr_t)entry;       /* rbx */
	sp[6] = 0;
	sp[7] = (uintptr_t)arch_bottom;
	ctx->sp = sp;
	ctx->tp = tp;
}

/*
 * Returns @r, but by an indirect jump. For the tail of a function that has switched: what the processor's stack of return
 * addresses has on top is the other context's, and a ret there would cost a mispredicted branch.
 */
int arch_return(int r);

/* Point the thread pointer of this kernel thread at @tp. */
void arch_set_tp(void *tp);

/* volatile: the compiler takes the thread pointer for a constant, and would read it again after a switch */
static inline void *arch_tp(void)
{
	void *tp;

	__asm__ volatile("mov %%fs:0, %0" : "=r"(tp) : : "memory");
	return tp;
}

static inline uint64_t arch_cycles(void)
{
	return __builtin_ia32_rdtsc();
}

static inline void arch_relax(void)
{
	__builtin_ia32_pause();
}

/* A system call that leaves errno alone: a result in [-4095, -1] is a negative errno value. */
static inline long arch_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}

/* the stack pointer that libc's setjmp() noted, which it hides by the pointer guard; an address of the stack, at the least */
static inline uintptr_t arch_jump_sp(const long *jump)
{
	uintptr_t sp = (uintptr_t)jump[6];

	__asm__("ror $17, %0\n\txor %%fs:0x30, %0" : "+r"(sp) : : "cc");
	return sp;
}

/* <sys/ucontext.h> has these as REG_RBP, REG_RSP and REG_RIP, for _GNU_SOURCE only */
enum { ARCH_REG_BP = 10, ARCH_REG_SP = 15, ARCH_REG_PC = 16 };

static inline uintptr_t arch_uc_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[ARCH_REG_PC];
}

static inline uintptr_t arch_uc_bp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[ARCH_REG_BP];
}

static inline uintptr_t arch_uc_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[ARCH_REG_SP];
}

/* Whether the instruction at @pc is a system call: the kernel set the PC back to have it issued again. */
static inline int arch_is_syscall(uintptr_t pc)
{
	const unsigned char *p = (const unsigned char *)pc;

	return p[0] == 0x0f && p[1] == 0x05;
}

int arch_shadow_stack(void);    /* whether user shadow stacks are on for this thread */
int arch_init(void);            /* finds out what the CPU and kernel allow */

#endif
#endif
