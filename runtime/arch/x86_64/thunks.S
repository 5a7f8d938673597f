/*
 * thunks.S - see thunks.h
 *
 * They are in the text, not made at run time, because then debuggers and profilers know them, unwinders find their frame,
 * and no page need be both written and executed. They push nothing: arguments on the stack, returned structures and
 * exceptions pass as if they were not there.
 */
#include "thunks.h"

	.text
	.p2align 6
	.globl	arch_thunks
	.hidden	arch_thunks
	.type	arch_thunks, @function
arch_thunks:
	.cfi_startproc
	.set	index, 0
	.rept	ARCH_THUNKS
	mov	libset_table@gottpoff(%rip), %r11
	mov	%fs:(%r11), %r11
	.byte	0x41, 0xff, 0xa3	/* jmp *disp32(%r11): all of one length */
	.long	index * 8
	.set	index, index + 1
	.org	arch_thunks + index * ARCH_THUNK_SIZE, 0xcc
	.endr
	.cfi_endproc
	.size	arch_thunks, . - arch_thunks

	.globl	arch_dlsym
	.hidden	arch_dlsym
	.type	arch_dlsym, @function
arch_dlsym:
	.cfi_startproc
	cmp	$-1, %rdi		/* RTLD_NEXT */
	je	1f
	jmp	libset_lookup
1:	jmp	*libset_real_dlsym(%rip)
	.cfi_endproc
	.size	arch_dlsym, . - arch_dlsym

	.section .note.GNU-stack, "", @progbits
