/*
 * switch.S - leave one context, continue another
 *
 * A saved context is its stack pointer, under which lie, low addresses first:
 *
 *      mxcsr (4)  x87 control word (2)  pad (2)  r15 r14 r13 r12 rbx rbp  return address
 *
 * The floating-point control words are loaded only where they differ: ldmxcsr costs as much as all the pushes.
 * It goes on by an indirect jump, not by ret: the processor's stack of return addresses is the other context's, so
 * ret would be predicted wrong every time, while the jump is remembered. Not so between threads, which mostly left by the same
 * calls: there ret is right, and keeps the returns after it right as well (arch_switch_alike).
 * A signal may land between the change of the thread pointer and that of the stack pointer, in either
 * order: its handler finds a stack pointer outside the stack of the call whose identity it runs under, and defers.
 *
 * There is no .note.gnu.property here on purpose: an object that cannot switch shadow stacks must not claim to.
 */
#include "arch.h"

#define SYS_arch_prctl 158
#define ARCH_SET_FS 0x1002

	.text

/* thread pointer := rax; clobbers rcx, r11, rax; keeps rdi, rsi, rdx */
.macro set_tp
	cmpl	$0, arch_user_tp(%rip)
	je	91f
	wrfsbase %rax
	jmp	92f
91:	push	%rdi
	push	%rsi
	mov	%rax, %rsi
	mov	$ARCH_SET_FS, %edi
	mov	$SYS_arch_prctl, %eax
	syscall
	pop	%rsi
	pop	%rdi
92:
.endm

.macro save_callee_saved
	push	%rbp
	.cfi_adjust_cfa_offset 8
	push	%rbx
	.cfi_adjust_cfa_offset 8
	push	%r12
	.cfi_adjust_cfa_offset 8
	push	%r13
	.cfi_adjust_cfa_offset 8
	push	%r14
	.cfi_adjust_cfa_offset 8
	push	%r15
	.cfi_adjust_cfa_offset 8
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
.endm

	/* how a switch goes on is what its two kinds differ in */
.macro define_switch name, how
	.p2align 6
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.cfi_startproc
	save_callee_saved
	mov	(%rsp), %edx
	movzwl	4(%rsp), %r8d
	mov	%rsp, ARCH_CTX_SP(%rdi)
	mov	ARCH_CTX_TP(%rsi), %rax
	mov	ARCH_CTX_SP(%rsi), %rsp
	set_tp
	cmp	(%rsp), %edx
	jne	3f
1:	cmpw	%r8w, 4(%rsp)
	jne	4f
2:	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	pop	%r15
	.cfi_adjust_cfa_offset -8
	pop	%r14
	.cfi_adjust_cfa_offset -8
	pop	%r13
	.cfi_adjust_cfa_offset -8
	pop	%r12
	.cfi_adjust_cfa_offset -8
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	\how
	.cfi_adjust_cfa_offset 56
3:	ldmxcsr	(%rsp)
	jmp	1b
4:	fldcw	4(%rsp)
	jmp	2b
	.cfi_endproc
	.size	\name, . - \name
.endm

.macro by_jump
	pop	%rcx
	.cfi_adjust_cfa_offset -8
	jmp	*%rcx
	.cfi_adjust_cfa_offset 8
.endm

	define_switch arch_switch, by_jump
	define_switch arch_switch_alike, ret

	.p2align 6
	.globl	arch_start
	.hidden	arch_start
	.type	arch_start, @function
arch_start:			/* save, top, tp, entry, arg */
	.cfi_startproc
	save_callee_saved
	mov	%rsp, ARCH_CTX_SP(%rdi)
	mov	%rcx, %rbx
	mov	%r8, %r12
	mov	%rdx, %rax
	mov	%rsi, %rsp
	set_tp
	jmp	arch_bottom
	.cfi_endproc
	.size	arch_start, . - arch_start

	/* the outermost frame of every call: unwinders and debuggers stop here */
	.globl	arch_bottom
	.hidden	arch_bottom
	.type	arch_bottom, @function
arch_bottom:
	.cfi_startproc
	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	%r12, %rdi
	call	*%rbx			/* returns the context to go on with; our own is gone */
	sub	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	mov	(%rsp), %edx
	movzwl	4(%rsp), %r8d
	mov	%rax, %rsi
	mov	ARCH_CTX_TP(%rsi), %rax
	mov	ARCH_CTX_SP(%rsi), %rsp
	set_tp
	cmp	(%rsp), %edx
	jne	3f
1:	cmpw	%r8w, 4(%rsp)
	jne	4f
2:	add	$8, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret				/* to arch_start's caller: as many returns as calls, all predicted */
3:	ldmxcsr	(%rsp)
	jmp	1b
4:	fldcw	4(%rsp)
	jmp	2b
	.cfi_endproc
	.size	arch_bottom, . - arch_bottom

	.p2align 4
	.globl	arch_return
	.hidden	arch_return
	.type	arch_return, @function
arch_return:
	.cfi_startproc
	mov	%edi, %eax
	pop	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register rip, rcx
	jmp	*%rcx
	.cfi_endproc
	.size	arch_return, . - arch_return

	.globl	arch_set_tp
	.hidden	arch_set_tp
	.type	arch_set_tp, @function
arch_set_tp:
	.cfi_startproc
	mov	%rdi, %rax
	set_tp
	ret
	.cfi_endproc
	.size	arch_set_tp, . - arch_set_tp

	.section .note.GNU-stack, "", @progbits
