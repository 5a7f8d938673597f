/*
 * thunks.c - see thunks.h
 */
#include <string.h>

#include "thunks.h"

void arch_thunk_write(unsigned char *at, uint32_t i, ptrdiff_t offset)
{
	static const unsigned char load[] = { 0x64, 0x4c, 0x8b, 0x1c, 0x25 };   /* mov %fs:disp32, %r11 */
	static const unsigned char jump[] = { 0x41, 0xff, 0xa3 };               /* jmp *disp32(%r11) */
	int32_t place = (int32_t)offset, entry = (int32_t)(i * sizeof(void *));

	memset(at, 0xcc, ARCH_MADE_THUNK_SIZE);
	memcpy(at, load, sizeof(load));
	memcpy(at + 5, &place, sizeof(place));
	memcpy(at + 9, jump, sizeof(jump));
	memcpy(at + 12, &entry, sizeof(entry));
}
