/*
 * switch.S - the bottom of every stack, and what else of a switch is no part of a function (arch.h has the rest)
 *
 * There is no .note.gnu.property here on purpose: an object that cannot switch shadow stacks must not claim to.
 */
#include "arch.h"

#define SYS_arch_prctl 158
#define ARCH_SET_FS 0x1002

	.text

/* thread pointer := rax; clobbers rcx, r11, rax; keeps rdi, rsi */
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

	/*
	 * The outermost frame of every call: unwinders and debuggers stop here. On the stack: entry, arg (arch_first_frame()).
	 * That memory is ours until what continues has had its first access to memory, as with arch_switch().
	 */
	.p2align 6
	.globl	arch_begin
	.hidden	arch_begin
	.type	arch_begin, @function
arch_begin:
	.cfi_startproc
	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	8(%rsp), %rdi
	call	*(%rsp)			/* returns the context to go on with; our own is gone */
	mov	%rax, %rsi
	mov	%rsp, %rbx
	mov	ARCH_CTX_TP(%rsi), %rax
	mov	ARCH_CTX_BP(%rsi), %rbp
	mov	ARCH_CTX_SP(%rsi), %rsp
	set_tp
	stmxcsr	(%rbx)
	fnstcw	4(%rbx)
	mov	(%rbx), %edx
	movzwl	4(%rbx), %r8d
	cmp	ARCH_CTX_MXCSR(%rsi), %edx
	jne	3f
1:	cmpw	%r8w, ARCH_CTX_FCW(%rsi)
	jne	4f
2:	jmp	*ARCH_CTX_PC(%rsi)	/* a frame that has made as many calls as have returned: its own is predicted */
3:	ldmxcsr	ARCH_CTX_MXCSR(%rsi)
	jmp	1b
4:	fldcw	ARCH_CTX_FCW(%rsi)
	jmp	2b
	.cfi_endproc
	.size	arch_begin, . - arch_begin

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
