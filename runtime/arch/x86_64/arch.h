/*
 * arch.h - the architecture seam: all that stint knows of x86-64
 *
 * Everything else in the tree is written against the names here. A port supplies this header, switch.S
 * and resolve.S. Shared with assembly: plain #defines first.
 *
 * What a switch moves: stack pointer, thread pointer, frame pointer, mxcsr, x87 control word. What it leaves to the function
 * around it: every other register that the ABI does not let a call destroy. A context stopped by a signal keeps all of them,
 * AVX-512 included, in the kernel's frame on its own stack.
 */
#ifndef STINT_ARCH_H
#define STINT_ARCH_H

#define ARCH_CTX_SP 0
#define ARCH_CTX_TP 8
#define ARCH_CTX_PC 16
#define ARCH_CTX_BP 24
#define ARCH_CTX_MXCSR 32
#define ARCH_CTX_FCW 36

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

/* where a context that is not running continues. Its other registers it has saved on its stack. */
struct arch_context {
	void *sp;
	void *tp;
	void *pc;
	void *bp;
	uint32_t mxcsr;
	uint16_t fcw;
};
#define ARCH_AT(field, macro) _Static_assert(offsetof(struct arch_context, field) == ARCH_CTX_##macro, "switch.S")
ARCH_AT(sp, SP);
ARCH_AT(tp, TP);
ARCH_AT(pc, PC);
ARCH_AT(bp, BP);
ARCH_AT(mxcsr, MXCSR);
ARCH_AT(fcw, FCW);
#undef ARCH_AT

/* 1 where user code may write the thread pointer (wrfsbase); else the kernel is asked. Set once at start, before the first switch. */
extern int arch_user_tp __attribute__((visibility("hidden")));

/*
 * The parts of a switch. It is inline and says that it destroys all registers: so the function around it saves those that its own
 * caller wants kept, once, where it has mostly done so already, and unwinders know where. Only rbp, which may be that function's
 * frame pointer, is ours to save.
 *
 * It goes on by a jump into the middle of the function that had left, not by a return to it: the processor's stack of return
 * addresses is the other context's. Where both have left in the same function, and their callers are the same, the returns
 * that follow are predicted all the same.
 *
 * A signal may land between the change of the thread pointer and that of the stack pointer, in either order: its handler finds a
 * stack pointer outside the stack of the call whose identity it runs under, and defers.
 */
#define ARCH_STR2(x) #x
#define ARCH_STR(x) ARCH_STR2(x)
#define ARCH_CTX(field, reg) ARCH_STR(ARCH_CTX_##field) "(" reg ")"

/*
 * Between these the stack is not that of the frame around it, and a handler of the program's that lands there may ask for a backtrace:
 * it ends there, instead of going on with whatever lies on the other stack. The nop is where who is called returns to, less 1, by which
 * unwinders look up what has left here.
 */
#ifdef __GCC_HAVE_DWARF2_CFI_ASM
#define ARCH_GONE \
	".cfi_remember_state\n\t" \
	".cfi_undefined rip\n\t"
#define ARCH_BACK \
	".cfi_restore_state\n\t" \
	"nop\n"
#else
#define ARCH_GONE ""
#define ARCH_BACK ""
#endif

#define ARCH_SAVE /* into what rdi points at; goes on at 9 */ \
	"lea	9f(%%rip), %%rbx\n\t" \
	"mov	%%rbx, " ARCH_CTX(PC, "%%rdi") "\n\t" \
	"mov	%%rsp, " ARCH_CTX(SP, "%%rdi") "\n\t" \
	"mov	%%rbp, " ARCH_CTX(BP, "%%rdi") "\n\t"

#define ARCH_SET_TP /* to rax; keeps rdi, rsi */ \
	"cmpl	$0, %[user_tp]\n\t" \
	"je	1f\n\t" \
	"wrfsbase	%%rax\n" \
	"2:\n\t" \
	".subsection 1\n" \
	"1:	mov	%%rsi, %%rbx\n\t" \
	"mov	%%rdi, %%r12\n\t" \
	"mov	%%rax, %%rsi\n\t" \
	"mov	$0x1002, %%edi\n\t"           /* ARCH_SET_FS */ \
	"mov	$158, %%eax\n\t"              /* SYS_arch_prctl */ \
	"syscall\n\t" \
	"mov	%%rbx, %%rsi\n\t" \
	"mov	%%r12, %%rdi\n\t" \
	"jmp	2b\n\t" \
	".previous\n\t"

#ifdef __AVX512F__
#define ARCH_REGISTERS_512 \
	"xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", \
	"xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7",
#else
#define ARCH_REGISTERS_512
#endif
#define ARCH_REGISTERS /* but rax, rdi, rsi */ \
	"rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", \
	ARCH_REGISTERS_512 \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
	"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", \
	"st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "cc", "memory"

/*
 * Leave the running context in @save, continue @to. Returns when something continues @save; nobody may before the first access
 * to memory by what continues.
 *
 * The control words are read as the last: that waits for all instructions before, as changing the thread pointer does, and so
 * both wait once. They are loaded only where they differ, which costs as much as all the rest.
 */
static inline __attribute__((always_inline)) void arch_switch(struct arch_context *save, const struct arch_context *to)
{
	__asm__ volatile(ARCH_SAVE
	                 "mov	" ARCH_CTX(TP, "%%rsi") ", %%rax\n\t"
	                 ARCH_GONE
	                 "mov	" ARCH_CTX(BP, "%%rsi") ", %%rbp\n\t"
	                 "mov	" ARCH_CTX(SP, "%%rsi") ", %%rsp\n\t"
	                 ARCH_SET_TP
	                 "stmxcsr	" ARCH_CTX(MXCSR, "%%rdi") "\n\t"
	                 "fnstcw	" ARCH_CTX(FCW, "%%rdi") "\n\t"
	                 "mov	" ARCH_CTX(MXCSR, "%%rdi") ", %%edx\n\t"
	                 "movzwl	" ARCH_CTX(FCW, "%%rdi") ", %%r8d\n\t"
	                 "cmp	" ARCH_CTX(MXCSR, "%%rsi") ", %%edx\n\t"
	                 "jne	3f\n\t"
	                 "4:	cmpw	" ARCH_CTX(FCW, "%%rsi") ", %%r8w\n\t"
	                 "jne	5f\n\t"
	                 "6:	jmp	*" ARCH_CTX(PC, "%%rsi") "\n\t"
	                 ".subsection 1\n"
	                 "3:	ldmxcsr	" ARCH_CTX(MXCSR, "%%rsi") "\n\t"
	                 "jmp	4b\n"
	                 "5:	fldcw	" ARCH_CTX(FCW, "%%rsi") "\n\t"
	                 "jmp	6b\n\t"
	                 ".previous\n\t"
	                 ARCH_BACK
	                 "9:"
	                 : "+D"(save), "+S"(to)
	                 : [user_tp] "m"(arch_user_tp)
	                 : "rax", ARCH_REGISTERS);
}

/*
 * Leave the running context in @save and call @entry(@arg) on the empty stack that ends at @top, with thread pointer
 * @tp. The floating-point control words are inherited, as by a new thread. @entry returns the context to continue;
 * its own is gone.
 */
typedef const struct arch_context *arch_entry(struct stint *arg);

/* what arch_begin (switch.S) finds there */
static inline void **arch_first_frame(void *top, arch_entry *entry, struct stint *arg)
{
	void **sp = (void **)top - 2;

	sp[0] = (void *)entry;
	sp[1] = arg;
	return sp;
}

static inline __attribute__((always_inline)) void arch_start(struct arch_context *save, void *top, void *tp, arch_entry *entry,
                                                             struct stint *arg)
{
	void **sp = arch_first_frame(top, entry, arg);

	__asm__ volatile(ARCH_SAVE
	                 ARCH_GONE
	                 "mov	%%rsi, %%rsp\n\t"
	                 ARCH_SET_TP
	                 "stmxcsr	" ARCH_CTX(MXCSR, "%%rdi") "\n\t"
	                 "fnstcw	" ARCH_CTX(FCW, "%%rdi") "\n\t"
	                 "jmp	arch_begin\n\t"
	                 ARCH_BACK
	                 "9:"
	                 : "+D"(save), "+S"(sp), "+a"(tp)
	                 : [user_tp] "m"(arch_user_tp)
	                 : ARCH_REGISTERS);
}

/* Make @ctx one that, when continued, calls @entry(@arg) on the empty stack that ends at @top, as arch_start() does. */
static inline void arch_prepare(struct arch_context *ctx, void *top, void *tp, arch_entry *entry, struct stint *arg)
{
	void arch_begin(void) __attribute__((visibility("hidden")));

	ctx->sp = arch_first_frame(top, entry, arg);
	ctx->tp = tp;
	ctx->pc = (void *)arch_begin;
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(ctx->mxcsr), "=m"(ctx->fcw));
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
