/*
 * resolve.S - the table of libc's own functions, and the stubs its entries point at until first use
 *
 * A stub pushes its row's index; the common part saves whatever may hold an argument of any function
 * (variadic ones too: rax), has all rows looked up, and jumps to where the row now points.
 */
#include "arch.h"

	.text
	.type	resolve_common, @function
resolve_common:
	.cfi_startproc
	.cfi_def_cfa_offset 16
	push	%rax
	.cfi_adjust_cfa_offset 8
	push	%rdi
	.cfi_adjust_cfa_offset 8
	push	%rsi
	.cfi_adjust_cfa_offset 8
	push	%rdx
	.cfi_adjust_cfa_offset 8
	push	%rcx
	.cfi_adjust_cfa_offset 8
	push	%r8
	.cfi_adjust_cfa_offset 8
	push	%r9
	.cfi_adjust_cfa_offset 8
	sub	$136, %rsp
	.cfi_adjust_cfa_offset 136
	movups	%xmm0, (%rsp)
	movups	%xmm1, 16(%rsp)
	movups	%xmm2, 32(%rsp)
	movups	%xmm3, 48(%rsp)
	movups	%xmm4, 64(%rsp)
	movups	%xmm5, 80(%rsp)
	movups	%xmm6, 96(%rsp)
	movups	%xmm7, 112(%rsp)
	call	real_resolve
	movups	(%rsp), %xmm0
	movups	16(%rsp), %xmm1
	movups	32(%rsp), %xmm2
	movups	48(%rsp), %xmm3
	movups	64(%rsp), %xmm4
	movups	80(%rsp), %xmm5
	movups	96(%rsp), %xmm6
	movups	112(%rsp), %xmm7
	add	$136, %rsp
	.cfi_adjust_cfa_offset -136
	pop	%r9
	.cfi_adjust_cfa_offset -8
	pop	%r8
	.cfi_adjust_cfa_offset -8
	pop	%rcx
	.cfi_adjust_cfa_offset -8
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	pop	%rsi
	.cfi_adjust_cfa_offset -8
	pop	%rdi
	.cfi_adjust_cfa_offset -8
	pop	%rax
	.cfi_adjust_cfa_offset -8
	pop	%r11
	.cfi_adjust_cfa_offset -8
	lea	real_functions(%rip), %r10
	jmp	*(%r10, %r11, 8)
	.cfi_endproc
	.size	resolve_common, . - resolve_common

	.data
	.p2align 6
	.globl	real_functions
	.hidden	real_functions
	.type	real_functions, @object
real_functions:

	.set	row, 0
.macro stub_row name
	.text
	.type	stub_\@, @function
stub_\@:
	.cfi_startproc
	pushq	$row
	.cfi_adjust_cfa_offset 8
	jmp	resolve_common
	.cfi_endproc
	.size	stub_\@, . - stub_\@
	.data
	.ifc	\name, vfork
	.globl	real_vfork
	.hidden	real_vfork
real_vfork:
	.endif
	.quad	stub_\@
	.set	row, row + 1
.endm

#define WRAPPED_FN(name, family) stub_row name
#include "../../interpose/table.def"

	.size	real_functions, . - real_functions

	.section .note.GNU-stack, "", @progbits
