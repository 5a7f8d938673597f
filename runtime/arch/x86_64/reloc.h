/*
 * reloc.h - relocations and ELF headers of this machine, as far as library sets have to tell them apart
 */
#ifndef STINT_ARCH_RELOC_H
#define STINT_ARCH_RELOC_H

#include <elf.h>

#define ARCH_ELF_CLASS ELFCLASS64
#define ARCH_ELF_DATA ELFDATA2LSB
#define ARCH_ELF_MACHINE EM_X86_64

enum arch_reloc {
	ARCH_RELOC_OTHER,
	ARCH_RELOC_CALL,        /* a slot that functions are called through; may be bound on the first call */
	ARCH_RELOC_ADDRESS,     /* a slot with an address, of a function or of data */
	ARCH_RELOC_POINTER,     /* an address in initialised data */
	ARCH_RELOC_COPY,        /* the program takes a variable of a library over */
	ARCH_RELOC_RELATIVE,    /* the base plus the addend */
	ARCH_RELOC_COMPUTED,    /* what a function of the object returns: an address in it, as a rule */
	ARCH_RELOC_THREAD       /* number of the object's thread variables, or where they lie */
};

static inline enum arch_reloc arch_reloc(unsigned type)
{
	switch (type) {
	case R_X86_64_JUMP_SLOT:
		return ARCH_RELOC_CALL;
	case R_X86_64_GLOB_DAT:
		return ARCH_RELOC_ADDRESS;
	case R_X86_64_64:
		return ARCH_RELOC_POINTER;
	case R_X86_64_COPY:
		return ARCH_RELOC_COPY;
	case R_X86_64_RELATIVE:
		return ARCH_RELOC_RELATIVE;
	case R_X86_64_IRELATIVE:
		return ARCH_RELOC_COMPUTED;
	case R_X86_64_DTPMOD64:
	case R_X86_64_DTPOFF64:
	case R_X86_64_TPOFF64:
	case R_X86_64_TLSDESC:
		return ARCH_RELOC_THREAD;
	default:
		return ARCH_RELOC_OTHER;
	}
}

#endif
