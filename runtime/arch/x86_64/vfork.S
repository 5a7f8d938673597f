/*
 * vfork.S - the wrapper of vfork()
 *
 * Its child returns first, over a frame that its parent still needs: so there must be none, and libc's is jumped to with the stack
 * as the program left it. In a call fork() does it, see interpose/process.c. Before it, it is noted that there may be a child that
 * shares our memory, see sys.h.
 */
	.text
	.globl	vfork
	.type	vfork, @function
	.globl	__vfork
	.type	__vfork, @function
	.p2align 4
vfork:
__vfork:
	.cfi_startproc
	endbr64
	mov	stint_current@gottpoff(%rip), %rax
	cmpq	$0, %fs:(%rax)
	jne	vfork_in_call
	mov	sys_vforked@gottpoff(%rip), %rax
	movl	$1, %fs:(%rax)
	jmp	*real_vfork(%rip)
	.cfi_endproc
	.size	vfork, . - vfork
	.size	__vfork, . - __vfork

	.section .note.GNU-stack, "", @progbits
