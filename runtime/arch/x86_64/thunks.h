/*
 * thunks.h - the code that leads a call into a library to the copy of the call's library set
 *
 * Thunk @i jumps to entry @i of the table that libset_table points to: r11, which no calling convention uses, is all that it
 * changes. Shared with assembly.
 */
#ifndef STINT_ARCH_THUNKS_H
#define STINT_ARCH_THUNKS_H

#define ARCH_THUNKS 4096                /* in the library's own text */
#define ARCH_THUNK_SIZE 24

#define ARCH_MADE_THUNK_SIZE 16         /* one that is written at run time */

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

extern const char arch_thunks[] __attribute__((visibility("hidden")));

/* dlsym(), for libset_lookup(); what depends on who calls goes to libset_real_dlsym as it came */
void *arch_dlsym(void *handle, const char *name) __attribute__((visibility("hidden")));

/* Write the thunk number @i at @at. @offset: of libset_table from the thread pointer, the same in each thread. */
void arch_thunk_write(unsigned char *at, uint32_t i, ptrdiff_t offset);

#endif
#endif
