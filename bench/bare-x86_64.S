/*
 * bare-x86_64.S - the floor: what any switch of stack and thread pointer has to do
 *
 * void bare_switch(struct bare_context *save, const struct bare_context *to)
 *
 * Saves the callee-saved registers, mxcsr and the x87 control word on the stack it leaves; loads the
 * control words only where they differ, because loading costs more than comparing.
 */
	.text
	.globl	bare_switch
	.hidden	bare_switch
	.type	bare_switch, @function
	.p2align 4
bare_switch:
	.cfi_startproc
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movl	(%rsp), %r8d
	movzwl	4(%rsp), %r9d
	movq	%rsp, (%rdi)
	movq	(%rsi), %rsp
	movq	8(%rsi), %rsi
	cmpl	$0, bare_user_tp(%rip)
	je	2f
	wrfsbase %rsi
1:	cmpl	(%rsp), %r8d
	jne	3f
	cmpw	4(%rsp), %r9w
	jne	3f
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
2:	movl	$158, %eax		/* arch_prctl(ARCH_SET_FS, tp) */
	movl	$0x1002, %edi
	syscall
	jmp	1b
3:	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	addq	$8, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.cfi_endproc
	.size	bare_switch, .-bare_switch

	.globl	bare_partner
	.hidden	bare_partner
	.type	bare_partner, @function
	.p2align 4
/* entered by a return from bare_switch with its own context in %rbx and the other's in %r12 */
bare_partner:
	.cfi_startproc
	.cfi_undefined rip
1:	movq	%rbx, %rdi
	movq	%r12, %rsi
	call	bare_switch
	jmp	1b
	.cfi_endproc
	.size	bare_partner, .-bare_partner

	.section .note.GNU-stack, "", @progbits
