/*
 * image.c - see image.h
 *
 * What ld.so has checked and loaded is believed; files are not (elf-file.c). Nothing here runs in signal context or takes a
 * lock.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "../sys.h"
#include "image.h"

#define PAGE_MASK (~(uintptr_t)(ARCH_PAGE_SIZE - 1))

bool image_named(const char *path, const char *prefix)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, prefix, strlen(prefix));
}

/* ld.so replaces offsets by addresses on most machines, and not in the object that the kernel provides */
static const void *address(const struct image *im, ElfW(Addr) p)
{
	return (const void *)(p < im->base ? im->base + p : p);
}

static void look_at_headers(struct image *im)
{
	im->begin = UINTPTR_MAX;
	for (unsigned i = 0; i < im->nheaders; i++) {
		const ElfW(Phdr) *ph = &im->headers[i];
		uintptr_t begin = im->base + ph->p_vaddr, end = begin + ph->p_memsz;

		if (ph->p_type == PT_DYNAMIC)
			im->dynamic = (const ElfW(Dyn) *)begin;
		if (ph->p_type == PT_GNU_RELRO) {
			im->relro = begin & PAGE_MASK;
			im->relro_end = end & PAGE_MASK;
		}
		if (ph->p_type != PT_LOAD)
			continue;
		if ((begin & PAGE_MASK) < im->begin)
			im->begin = begin & PAGE_MASK;
		if (((end + ARCH_PAGE_SIZE - 1) & PAGE_MASK) > im->end)
			im->end = (end + ARCH_PAGE_SIZE - 1) & PAGE_MASK;
	}
}

static void look_at_dynamic(struct image *im)
{
	for (const ElfW(Dyn) *d = im->dynamic; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_RELA:
			im->rela = address(im, d->d_un.d_ptr);
			break;
		case DT_RELASZ:
			im->nrela = d->d_un.d_val / sizeof(ElfW(Rela));
			break;
		case DT_JMPREL:
			im->plt = address(im, d->d_un.d_ptr);
			break;
		case DT_PLTRELSZ:
			im->nplt = d->d_un.d_val / sizeof(ElfW(Rela));
			break;
		case DT_SYMTAB:
			im->symbols = address(im, d->d_un.d_ptr);
			break;
		case DT_STRTAB:
			im->strings = address(im, d->d_un.d_ptr);
			break;
		case DT_VERSYM:
			im->versions = address(im, d->d_un.d_ptr);
			break;
		case DT_VERNEED:
			im->needed = address(im, d->d_un.d_ptr);
			break;
		}
	}
	if (!im->rela)
		im->nrela = 0;
	if (!im->plt)
		im->nplt = 0;
}

bool image_of(const struct dl_phdr_info *info, struct image *im)
{
	memset(im, 0, sizeof(*im));
	im->path = info->dlpi_name ? info->dlpi_name : "";
	im->base = info->dlpi_addr;
	im->headers = info->dlpi_phdr;
	im->nheaders = info->dlpi_phnum;
	look_at_headers(im);
	if (!im->dynamic || im->begin >= im->end)
		return false;
	look_at_dynamic(im);
	return im->symbols && im->strings;
}

typedef void slot_fn(struct image *im, const struct image_slot *slot, void *arg);

static void each_in(struct image *im, const ElfW(Rela) *r, size_t n, slot_fn *fn, void *arg)
{
	for (; n; n--, r++) {
		struct image_slot slot = { .kind = arch_reloc(ELF64_R_TYPE(r->r_info)), .rela = r };

		if (slot.kind == ARCH_RELOC_OTHER || !ELF64_R_SYM(r->r_info))
			continue;
		slot.symbol = &im->symbols[ELF64_R_SYM(r->r_info)];
		slot.name = im->strings + slot.symbol->st_name;
		slot.at = (uintptr_t *)(im->base + r->r_offset);
		fn(im, &slot, arg);
	}
}

void image_each_slot(struct image *im, slot_fn *fn, void *arg)
{
	each_in(im, im->rela, im->nrela, fn, arg);
	each_in(im, im->plt, im->nplt, fn, arg);
}

bool image_store(struct image *im, uintptr_t *slot, uintptr_t value)
{
	if (!im->open && image_is_sealed(im, (uintptr_t)slot)) {
		if (sys_mprotect((void *)im->relro, im->relro_end - im->relro, PROT_READ | PROT_WRITE))
			return false;
		im->open = true;
	}
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
	return true;
}

void image_seal(struct image *im)
{
	if (im->open)
		sys_mprotect((void *)im->relro, im->relro_end - im->relro, PROT_READ);
	im->open = false;
}

const char *image_version(const struct image *im, const ElfW(Sym) *symbol)
{
	const ElfW(Verneed) *need = im->needed;
	unsigned wanted;

	if (!im->versions || !need)
		return NULL;
	wanted = im->versions[symbol - im->symbols] & 0x7fff;
	if (wanted < 2)
		return NULL;
	for (;;) {
		const ElfW(Vernaux) *aux = (const void *)((const char *)need + need->vn_aux);

		for (unsigned i = 0; i < need->vn_cnt; i++) {
			if ((aux->vna_other & 0x7fff) == wanted)
				return im->strings + aux->vna_name;
			aux = (const void *)((const char *)aux + aux->vna_next);
		}
		if (!need->vn_next)
			return NULL;
		need = (const void *)((const char *)need + need->vn_next);
	}
}

const ElfW(Phdr) *image_segment(const struct image *im, uintptr_t at)
{
	for (unsigned i = 0; i < im->nheaders; i++) {
		const ElfW(Phdr) *ph = &im->headers[i];

		if (ph->p_type == PT_LOAD && at - im->base - ph->p_vaddr < ph->p_memsz)
			return ph;
	}
	return NULL;
}
