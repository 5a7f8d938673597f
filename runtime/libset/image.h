/*
 * image.h - objects that ld.so has loaded: their tables, and the slots through which they reach others
 */
#ifndef STINT_LIBSET_IMAGE_H
#define STINT_LIBSET_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../arch/x86_64/reloc.h"

struct image {
	const char *path;               /* as ld.so has it; "" for the program */
	uintptr_t base;
	uintptr_t begin, end;           /* all that is mapped, in whole pages */
	const ElfW(Phdr) *headers;
	unsigned nheaders;
	const ElfW(Dyn) *dynamic;
	const ElfW(Rela) *rela, *plt;
	size_t nrela, nplt;
	const ElfW(Sym) *symbols;
	const char *strings;
	const ElfW(Half) *versions;     /* of each symbol; NULL: it has none */
	const ElfW(Verneed) *needed;
	uintptr_t relro, relro_end;     /* read-only since it was relocated */
	bool open;                      /* that part is writable for the moment */
};

/* one of its relocations that name a symbol */
struct image_slot {
	enum arch_reloc kind;
	const ElfW(Rela) *rela;
	const ElfW(Sym) *symbol;
	const char *name;
	uintptr_t *at;
};

/* False: nothing in it that could be looked at. On @info nothing is held: the object must stay loaded. */
bool image_of(const struct dl_phdr_info *info, struct image *im);

/*
 * Call @fn with each relocation that names a symbol, those of the kind "other" left out. Whoever changes slots uses
 * image_store(), and image_seal() at the end.
 */
void image_each_slot(struct image *im, void (*fn)(struct image *im, const struct image_slot *slot, void *arg), void *arg);

/* Slots are written whole: threads that call through them meanwhile reach the one or the other. False: it cannot be written. */
bool image_store(struct image *im, uintptr_t *slot, uintptr_t value);
void image_seal(struct image *im);

/* the version that a symbol is wanted in, or NULL */
const char *image_version(const struct image *im, const ElfW(Sym) *symbol);

/* the program header that @at is loaded by, or NULL */
const ElfW(Phdr) *image_segment(const struct image *im, uintptr_t at);

static inline bool image_has(const struct image *im, uintptr_t at)
{
	return at - im->begin < im->end - im->begin;
}

static inline bool image_is_sealed(const struct image *im, uintptr_t at)
{
	return at - im->relro < im->relro_end - im->relro;
}

/* @path ends in a file name that begins with @prefix */
bool image_named(const char *path, const char *prefix);

#endif
