/*
 * reroute.c - when the library comes late
 *
 * A program that is linked with the library, or has it preloaded, finds our wrappers in front of libc's functions. Where it is
 * opened by dlopen(), what was loaded before is bound to libc already, and what comes later will be: our names are at the
 * end of the search, or not in it. So the slots through which objects call functions, and pointers to them in initialised
 * data, are pointed to our wrappers, as if they had been there first; and again after each dlopen().
 *
 * Only names whose definition for the program is the one behind our wrapper: where somebody else stands in front of libc,
 * that remains. Not the slots of libc and ld.so, and none where a sanitizer does the same as we. What keeps the address of a function that it took
 * before we came goes on past us, like a library opened with RTLD_DEEPBIND.
 *
 * Slots are written whole, so threads that call through them meanwhile reach one or the other. Pages that ld.so made read-only
 * after relocation are writable for the moment. All of it runs under ld.so's lock, so objects neither come nor go.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../sys.h"
#include "interpose.h"

static const char *const names[] = {
#define WRAPPED_FN(name, family) #name,
#include "table.def"
};

struct route {
	const char *name;
	uintptr_t from, to;     /* libc's function, ours */
};

/* sorted by name; none: we are not late */
static struct route routes[REAL_COUNT];
static size_t nroutes;

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct route *)a)->name, ((const struct route *)b)->name);
}

static const struct route *route_of(const char *name)
{
	size_t lo = 0, hi = nroutes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(routes[mid].name, name);

		if (order == 0)
			return &routes[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* --- one object -------------------------------------------------------------------------------- */

struct tables {
	const ElfW(Rela) *rela, *plt;
	size_t nrela, nplt;
	const ElfW(Sym) *symbols;
	const char *strings;
	uintptr_t base;
	uintptr_t relro, relro_end;
	bool open;              /* the read-only part is writable for the moment */
};

/* on x86-64 ld.so has replaced offsets by addresses, but in the object that the kernel provides */
static bool find_tables(const struct dl_phdr_info *info, struct tables *t)
{
	const ElfW(Dyn) *d = NULL;

	memset(t, 0, sizeof(*t));
	t->base = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_DYNAMIC)
			d = (const ElfW(Dyn) *)begin;
		if (ph->p_type == PT_GNU_RELRO) {
			t->relro = begin & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);
			t->relro_end = (begin + ph->p_memsz) & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);
		}
	}
	for (; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELA)
			t->rela = (const ElfW(Rela) *)d->d_un.d_ptr;
		else if (d->d_tag == DT_RELASZ)
			t->nrela = d->d_un.d_val / sizeof(ElfW(Rela));
		else if (d->d_tag == DT_JMPREL)
			t->plt = (const ElfW(Rela) *)d->d_un.d_ptr;
		else if (d->d_tag == DT_PLTRELSZ)
			t->nplt = d->d_un.d_val / sizeof(ElfW(Rela));
		else if (d->d_tag == DT_SYMTAB)
			t->symbols = (const ElfW(Sym) *)d->d_un.d_ptr;
		else if (d->d_tag == DT_STRTAB)
			t->strings = (const char *)d->d_un.d_ptr;
	}
	return t->symbols && t->strings;
}

static void set_slot(struct tables *t, uintptr_t *slot, uintptr_t to)
{
	uintptr_t at = (uintptr_t)slot;

	if (at >= t->relro && at < t->relro_end && !t->open) {
		if (sys_raw(SYS_mprotect, t->relro, t->relro_end - t->relro, PROT_READ | PROT_WRITE, 0))
			return;         /* forbidden: it goes on past us */
		t->open = true;
	}
	__atomic_store_n(slot, to, __ATOMIC_RELEASE);
}

/* a slot that is called through may not be bound yet; data are only touched where they hold libc's function */
static void reroute_slot(struct tables *t, const ElfW(Rela) *r)
{
	unsigned type = ELF64_R_TYPE(r->r_info);
	const ElfW(Sym) *symbol = &t->symbols[ELF64_R_SYM(r->r_info)];
	uintptr_t *slot = (uintptr_t *)(t->base + r->r_offset);
	const struct route *route;

	if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_64) || r->r_addend)
		return;
	if (symbol->st_shndx != SHN_UNDEF)
		return;
	route = route_of(t->strings + symbol->st_name);
	if (!route || *slot == route->to || (type == R_X86_64_64 && *slot != route->from))
		return;
	set_slot(t, slot, route->to);
}

static bool is_excluded(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "libc.so", 7) || !strncmp(base, "ld-linux", 8) || !strncmp(base, "linux-vdso", 10);
}

static int reroute_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct tables t;

	(void)size;
	(void)arg;
	if (is_excluded(info->dlpi_name) || !find_tables(info, &t))
		return 0;
	for (size_t i = 0; i < t.nrela; i++)
		reroute_slot(&t, &t.rela[i]);
	for (size_t i = 0; i < t.nplt; i++)
		reroute_slot(&t, &t.plt[i]);
	if (t.open)
		sys_raw(SYS_mprotect, t.relro, t.relro_end - t.relro, PROT_READ, 0);
	return 0;
}

/* --- all of them ------------------------------------------------------------------------------- */

void reroute_modules(void)
{
	if (nroutes)
		REAL(dl_iterate_phdr)(reroute_object, NULL);
}

extern void __asan_init(void) __attribute__((weak));

/* Of a name that nobody else would define, the program finds our definition, or, when we are late, libc's. */
static bool is_late(void)
{
	return dlsym(RTLD_DEFAULT, "pthread_attr_setsigmask_np") == real_functions[REAL_pthread_attr_setsigmask_np];
}

void reroute_init(void)
{
	Dl_info info;
	void *self;

	if (nroutes || __asan_init || !is_late() || !dladdr(routes, &info))
		return;
	self = REAL(dlopen)(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	for (size_t i = 0; self && i < REAL_COUNT; i++) {
		void *ours = dlsym(self, names[i]), *found = dlsym(RTLD_DEFAULT, names[i]);

		if (ours && found && found == real_functions[i])
			routes[nroutes++] = (struct route){ names[i], (uintptr_t)found, (uintptr_t)ours };
	}
	qsort(routes, nroutes, sizeof(routes[0]), by_name);
	if (self)
		REAL(dlclose)(self);
	reroute_modules();
}
