/*
 * elf-file.h - shared objects as files: bytes that may be anything
 */
#ifndef STINT_LIBSET_ELF_FILE_H
#define STINT_LIBSET_ELF_FILE_H

#include <link.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
	unsigned char *bytes;
	size_t size;
	ElfW(Phdr) *headers;
	unsigned nheaders;
	ElfW(Dyn) *dynamic;
	size_t ndynamic;                /* entries up to the last, DT_NULL not counted */
};

/*
 * elf_file_read - look at the @size bytes of a shared object of this machine
 *
 * @bytes must be aligned as malloc() aligns, and stay; nothing outside them is read, whatever they say.
 *
 * Return: 0; ENOEXEC with half a sentence in @why, such as "is for another machine".
 */
int elf_file_read(struct elf_file *f, void *bytes, size_t size, const char **why);

/*
 * Make it so that ld.so binds no function early, protects nothing after relocation, runs no constructors and destructors, and
 * lets it be unloaded. Changes @f->bytes in their program headers and dynamic section only.
 */
void elf_file_disarm(struct elf_file *f);

/*
 * elf_file_map - map the file @path, privately
 *
 * Return: 0; an errno value, with half a sentence in @why. elf_file_unmap() gives the bytes back.
 */
int elf_file_map(struct elf_file *f, const char *path, const char **why);
void elf_file_unmap(struct elf_file *f);

#endif
