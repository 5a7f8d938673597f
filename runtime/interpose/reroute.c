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
 * before we came goes on past us, like a library opened with RTLD_DEEPBIND. Our wrappers' calls of each other are bound when the
 * library is linked (runtime/local.mk).
 *
 * All of it runs under ld.so's lock, so objects neither come nor go.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "../libset/image.h"
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

/* a slot that is called through may not be bound yet; data are only touched where they hold libc's function */
static void reroute_slot(struct image *im, const struct image_slot *slot, void *arg)
{
	const struct route *route;

	(void)arg;
	if (slot->kind != ARCH_RELOC_CALL && slot->kind != ARCH_RELOC_ADDRESS && slot->kind != ARCH_RELOC_POINTER)
		return;
	if (slot->rela->r_addend || slot->symbol->st_shndx != SHN_UNDEF)
		return;
	route = route_of(slot->name);
	if (!route || *slot->at == route->to || (slot->kind == ARCH_RELOC_POINTER && *slot->at != route->from))
		return;
	image_store(im, slot->at, route->to);   /* forbidden: it goes on past us */
}

static bool is_excluded(const char *path)
{
	return image_named(path, "libc.so") || image_named(path, "ld-linux") || image_named(path, "linux-vdso");
}

static int reroute_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct image im;

	(void)size;
	(void)arg;
	if (is_excluded(info->dlpi_name) || !image_of(info, &im))
		return 0;
	image_each_slot(&im, reroute_slot, NULL);
	image_seal(&im);
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
