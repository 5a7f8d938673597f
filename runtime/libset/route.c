/*
 * route.c - see route.h
 *
 * Every object but copies, libc, ld.so and ourselves is looked through: slots that functions are called through, slots with their
 * addresses, and addresses in initialised data. What they hold tells where they lead, so no name has to be looked up and
 * versions and IFUNCs are as ld.so chose; but for slots that are bound on the first call and have not been. Those
 * are bound now, if a library of ours is what they would be bound to.
 *
 * A library's calls to itself are left: the process's copy stays in itself. The addresses of its functions, which it may
 * compare with those that it is given, become thunks there too.
 *
 * Objects are listed under ld.so's lock and kept loaded by a handle each while they are looked through without it: to bind
 * a slot takes its other lock, in the other order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "../sys.h"
#include "copy.h"
#include "library.h"
#include "lookup.h"
#include "route.h"

static unsigned long long routed_loads; /* of the process, when all had been looked through */

struct object {
	struct image image;
	void *handle;
};

struct list {
	struct object *at;
	size_t n, room;
};

/* --- the objects ------------------------------------------------------------------------------- */

static bool is_excluded(const char *path)
{
	return image_named(path, "libc.so") || image_named(path, "ld-linux") || image_named(path, "linux-vdso") ||
	       image_named(path, "libstint.so");
}

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct list *list = arg;
	struct object o = { .handle = NULL };

	(void)size;
	if (is_excluded(info->dlpi_name) || copy_is_at(info->dlpi_addr) || !image_of(info, &o.image))
		return 0;
	if (list->n < list->room)
		list->at[list->n] = o;
	list->n++;
	return 0;
}

/* Copies go by the path of their library, but it comes first. One of another namespace is not found, or is another. */
static void keep(struct object *o)
{
	struct link_map *map;

	o->handle = sys.dlopen(*o->image.path ? o->image.path : NULL, RTLD_LAZY | RTLD_NOLOAD);
	if (!o->handle || (!dlinfo(o->handle, RTLD_DI_LINKMAP, &map) && map->l_ld == o->image.dynamic))
		return;
	sys.dlclose(o->handle);
	o->handle = NULL;
}

static int list_objects(struct list *list)
{
	for (list->room = 64;; list->room = list->n + 16) {
		list->n = 0;
		list->at = sys_alloc(list->room * sizeof(*list->at));
		if (!list->at) {
			list->n = 0;
			return ENOMEM;
		}
		sys.dl_iterate_phdr(add_object, list);
		if (list->n <= list->room)
			break;
		sys_free(list->at);
	}
	for (size_t i = 0; i < list->n; i++)
		keep(&list->at[i]);
	return 0;
}

/* --- one slot ---------------------------------------------------------------------------------- */

struct visit {
	void *handle;
	struct library *self;           /* the object is this library, or NULL */
	int err;
};

/* What is not written, or is no pointer, when the program runs is the same for all: constants, and types of C++. */
static bool is_harmless(const struct library *l, const char *symbol, uintptr_t at)
{
	const ElfW(Phdr) *ph = image_segment(&l->image, at);

	return !ph || !(ph->p_flags & PF_W) || !strncmp(symbol, "_ZTI", 4) || !strncmp(symbol, "_ZTS", 4);
}

static void expose(struct visit *v, const struct image *im, struct library *l, const struct image_slot *slot, uintptr_t at)
{
	struct exposure e = { slot->name, (char *)im->path, v->self ? v->self->index : NO_LIBRARY,
		              slot->kind == ARCH_RELOC_COPY };

	if (l != v->self && !is_harmless(l, slot->name, at) && library_expose(l, &e))
		v->err = ENOMEM;
}

/* the program has taken a variable over: whose is it? */
static void on_copied(struct visit *v, const struct image *im, const struct image_slot *slot)
{
	for (unsigned i = 0; i < nlibraries; i++) {
		uintptr_t at = (uintptr_t)sys.dlsym(libraries[i]->handle, slot->name);

		if (at && image_has(&libraries[i]->image, at))
			expose(v, im, libraries[i], slot, at);
	}
}

static bool is_unbound(const struct image *im, const struct image_slot *slot)
{
	return slot->kind == ARCH_RELOC_CALL && slot->symbol->st_shndx == SHN_UNDEF && image_has(im, *slot->at);
}

/* is there anything of that name in our libraries? The question is asked for each function of libc that was not called yet. */
static bool may_be_ours(const char *name)
{
	for (unsigned i = 0; i < nlibraries; i++)
		if (library_at((uintptr_t)sys.dlsym(libraries[i]->handle, name)))
			return true;
	return false;
}

static void route_slot(struct image *im, const struct image_slot *slot, void *arg)
{
	struct visit *v = arg;
	struct library *l;
	uintptr_t target, thunk;

	if (slot->kind == ARCH_RELOC_COPY) {
		on_copied(v, im, slot);
		return;
	}
	if (slot->kind != ARCH_RELOC_CALL && slot->kind != ARCH_RELOC_ADDRESS && slot->kind != ARCH_RELOC_POINTER)
		return;
	target = *slot->at;
	if (is_unbound(im, slot))
		target = may_be_ours(slot->name) || !strcmp(slot->name, "dlsym") ? library_bind(v->handle, im, slot) : 0;
	l = library_at(target);
	thunk = l ? 0 : lookup_for(target);
	if (thunk)
		image_store(im, slot->at, thunk);
	if (!l || (l == v->self && slot->kind == ARCH_RELOC_CALL))
		return;
	if (slot->kind != ARCH_RELOC_CALL && (slot->rela->r_addend || !library_is_function(l, slot->symbol, target))) {
		expose(v, im, l, slot, target);
		return;
	}
	thunk = table_thunk(target, l->index);
	if (thunk)
		image_store(im, slot->at, thunk);
	else
		v->err = ENOSPC;
}

static int note_changes(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(unsigned long long *)arg = info->dlpi_adds;
	return 1;
}

static unsigned long long count_loads(void)
{
	unsigned long long loads = 0;

	sys.dl_iterate_phdr(note_changes, &loads);
	return loads;
}

int route_all(void)
{
	static unsigned routed;
	unsigned long long loads = count_loads();
	struct list list;
	int err;

	if (!nlibraries || (routed == nlibraries && loads == routed_loads))
		return 0;
	err = list_objects(&list);
	for (size_t i = 0; !err && i < list.n; i++) {
		struct image *im = &list.at[i].image;
		struct visit v = { list.at[i].handle, library_at(im->begin), 0 };

		if (!v.handle)
			continue;       /* gone meanwhile */
		image_each_slot(im, route_slot, &v);
		image_seal(im);
		err = v.err;
	}
	for (size_t i = 0; i < list.n; i++)
		if (list.at[i].handle)
			sys.dlclose(list.at[i].handle);
	sys_free(list.at);
	if (!err) {
		routed = nlibraries;
		routed_loads = loads;
	}
	return err;
}

void route_skip(unsigned long long n)
{
	routed_loads += n;
}
