/*
 * elf-file.c - see elf-file.h
 *
 * Every number in a file is taken for a lie until it has been compared with the size, by subtraction, which does not wrap.
 * What is checked is what we use; ld.so has its own opinion of the rest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../arch/x86_64/reloc.h"
#include "../sys.h"
#include "elf-file.h"

#define TAG_DISARMED ((ElfW(Sxword))0x6e746e73)         /* of those for operating systems, and nobody's: ld.so passes over it */
_Static_assert(0x6e746e73 > DT_LOOS && 0x6e746e73 < DT_HIOS, "a tag that ld.so does not look at");

static bool lies_in(const struct elf_file *f, uint64_t offset, uint64_t size, size_t align)
{
	return offset <= f->size && size <= f->size - offset && offset % align == 0;
}

static const char *check_ident(const ElfW(Ehdr) *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG))
		return "is not an ELF file";
	if (h->e_ident[EI_CLASS] != ARCH_ELF_CLASS)
		return "is for programs of another word size";
	if (h->e_ident[EI_DATA] != ARCH_ELF_DATA)
		return "is for another byte order";
	if (h->e_machine != ARCH_ELF_MACHINE)
		return "is for another machine";
	return h->e_type == ET_DYN ? NULL : "is not a shared object";
}

static const char *find_dynamic(struct elf_file *f)
{
	for (unsigned i = 0; i < f->nheaders; i++) {
		const ElfW(Phdr) *ph = &f->headers[i];

		if (ph->p_type != PT_DYNAMIC)
			continue;
		if (!lies_in(f, ph->p_offset, ph->p_filesz, _Alignof(ElfW(Dyn))))
			return "is cut off or damaged: its dynamic section lies outside";
		f->dynamic = (ElfW(Dyn) *)(f->bytes + ph->p_offset);
		for (size_t n = ph->p_filesz / sizeof(ElfW(Dyn)); f->ndynamic < n; f->ndynamic++)
			if (f->dynamic[f->ndynamic].d_tag == DT_NULL)
				return NULL;
		return "is damaged: its dynamic section has no end";
	}
	return "is not a shared object: it has no dynamic section";
}

static const char *check(struct elf_file *f)
{
	const ElfW(Ehdr) *h = (const ElfW(Ehdr) *)f->bytes;
	const char *wrong;

	if (f->size < sizeof(*h))
		return f->size >= SELFMAG && !memcmp(f->bytes, ELFMAG, SELFMAG) ? "is cut off" : "is not an ELF file";
	wrong = check_ident(h);
	if (wrong)
		return wrong;
	if (h->e_phentsize != sizeof(ElfW(Phdr)) || !h->e_phnum ||
	    !lies_in(f, h->e_phoff, (uint64_t)h->e_phnum * sizeof(ElfW(Phdr)), _Alignof(ElfW(Phdr))))
		return "is cut off or damaged: its program headers lie outside";
	f->headers = (ElfW(Phdr) *)(f->bytes + h->e_phoff);
	f->nheaders = h->e_phnum;
	for (unsigned i = 0; i < f->nheaders; i++)
		if (f->headers[i].p_type == PT_LOAD && !lies_in(f, f->headers[i].p_offset, f->headers[i].p_filesz, 1))
			return "is cut off or damaged: what is to be loaded lies outside";
	return find_dynamic(f);
}

int elf_file_read(struct elf_file *f, void *bytes, size_t size, const char **why)
{
	*f = (struct elf_file){ .bytes = bytes, .size = size };
	*why = check(f);
	return *why ? ENOEXEC : 0;
}

void elf_file_disarm(struct elf_file *f)
{
	for (unsigned i = 0; i < f->nheaders; i++)
		if (f->headers[i].p_type == PT_GNU_RELRO)
			f->headers[i].p_type = PT_NULL;
	for (size_t i = 0; i < f->ndynamic; i++) {
		ElfW(Dyn) *d = &f->dynamic[i];

		switch (d->d_tag) {
		case DT_INIT:
		case DT_INIT_ARRAY:
		case DT_INIT_ARRAYSZ:
		case DT_FINI:
		case DT_FINI_ARRAY:
		case DT_FINI_ARRAYSZ:
		case DT_BIND_NOW:
			d->d_tag = TAG_DISARMED;
			break;
		case DT_FLAGS:
			d->d_un.d_val &= ~(ElfW(Xword))DF_BIND_NOW;
			break;
		case DT_FLAGS_1:
			d->d_un.d_val &= ~(ElfW(Xword))(DF_1_NOW | DF_1_NODELETE);
			break;
		}
	}
}

static int map(struct elf_file *f, int fd, const char **why)
{
	struct stat st;
	long r = sys_raw(SYS_fstat, fd, &st, 0, 0);

	*why = "cannot be read";
	if (r)
		return (int)-r;
	if (!S_ISREG(st.st_mode))
		return ENOEXEC;
	*why = "is empty";
	if (!st.st_size)
		return ENOEXEC;
	f->size = (size_t)st.st_size;
	r = arch_syscall(SYS_mmap, 0, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	*why = "cannot be mapped";
	if (r < 0 && r >= -4095)
		return (int)-r;
	f->bytes = (unsigned char *)r;
	r = elf_file_read(f, f->bytes, f->size, why);
	if (r)
		elf_file_unmap(f);
	return (int)r;
}

int elf_file_map(struct elf_file *f, const char *path, const char **why)
{
	long fd = sys_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	int err;

	*f = (struct elf_file){ .bytes = NULL };
	if (fd < 0) {
		*why = fd == -ENOENT ? "does not exist" : "cannot be opened";
		return (int)-fd;
	}
	err = map(f, (int)fd, why);
	sys_raw(SYS_close, fd, 0, 0, 0);
	return err;
}

void elf_file_unmap(struct elf_file *f)
{
	if (f->bytes)
		sys_munmap(f->bytes, f->size);
	f->bytes = NULL;
}
