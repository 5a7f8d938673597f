/*
 * dl.c - loading libraries
 *
 * dlopen and dlclose run constructors and destructors under the loader's lock, so a call is not stopped in
 * them. New thread variables are set up in all our thread control blocks. dlsym and its like take the lock
 * too, but run no code outside ld.so and libc: the rule on the program counter covers them, and as they look
 * at who calls them they are not wrapped.
 *
 * dlopen too looks at who calls: its RUNPATH is searched, and $ORIGIN is its directory. The caller is us now, so for
 * a caller that has a RUNPATH, or a name that has a $, the search is done here, with the list that ld.so gives out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../ledger.h"
#include "../libset/libset.h"
#include "../sys.h"
#include "../tcb.h"
#include "../text.h"
#include "interpose.h"

#define PATH_SIZE 4096

static struct link_map *object_of(const void *pc)
{
	struct link_map *map = NULL;
	Dl_info info;

	return dladdr1(pc, &info, (void **)&map, RTLD_DL_LINKMAP) ? map : NULL;
}

static bool has_search_path(const struct link_map *map)
{
	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_RUNPATH || d->d_tag == DT_RPATH)
			return true;
	return false;
}

static void *open_in(const char *dir, const char *name, int flags)
{
	char path[PATH_SIZE];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path) || access(path, F_OK))
		return NULL;
	return REAL(dlopen)(path, flags);
}

/* the list of directories that ld.so would search for @map; to be freed. Before the library has started, too: not by sys.h. */
static Dl_serinfo *search_list(struct link_map *map)
{
	Dl_serinfo size, *list;

	if (dlinfo(map, RTLD_DI_SERINFOSIZE, &size))
		return NULL;
	list = REAL(malloc)(size.dls_size);
	if (!list)
		return NULL;
	list->dls_size = size.dls_size;
	list->dls_cnt = size.dls_cnt;
	if (dlinfo(map, RTLD_DI_SERINFO, list)) {
		REAL(free)(list);
		return NULL;
	}
	return list;
}

static void *open_for(struct link_map *map, const char *name, int flags)
{
	void *h = REAL(dlopen)(name, flags | RTLD_NOLOAD);      /* loaded already? */
	Dl_serinfo *list = h ? NULL : search_list(map);

	for (unsigned i = 0; list && !h && i < list->dls_cnt; i++)
		h = open_in(list->dls_serpath[i].dls_name, name, flags);
	REAL(free)(list);
	return h ? h : REAL(dlopen)(name, flags);
}

/* "$ORIGIN/x" and "${ORIGIN}/x"; NULL: not of this form */
static const char *after_origin(const char *name)
{
	if (!strncmp(name, "$ORIGIN/", 8))
		return name + 8;
	return strncmp(name, "${ORIGIN}/", 10) ? NULL : name + 10;
}

static void *open_as(const char *name, int flags, const void *caller)
{
	struct link_map *map = name ? object_of(caller) : NULL;
	char origin[PATH_SIZE];

	if (!map)
		return REAL(dlopen)(name, flags);
	if (after_origin(name) && !dlinfo(map, RTLD_DI_ORIGIN, origin))
		return open_in(origin, after_origin(name), flags);
	if (*name && !strchr(name, '/') && has_search_path(map))
		return open_for(map, name, flags);
	return REAL(dlopen)(name, flags);
}

/* no longer than needed: errno and dlerror() are the caller's business */
static void opened(struct stint *s, void *h, const void *caller)
{
	if (!h)
		return;
	tcb_modules_changed();
	text_modules_changed();
	reroute_modules();
	libset_modules_changed();
	if (s && !text_is_runtime(caller))
		ledger_thing_add(s, THING_LIBRARY, h);
}

/* for libraries that a set has loaded */
static void loaded_by_set(void)
{
	reroute_modules();
}

__attribute__((constructor)) static void at_load(void)
{
	libset_loader(open_as, loaded_by_set);
}

WRAPPER void *dlopen(const char *name, int flags)
{
	struct stint *s = self();
	void *h;

	if (s)
		preempt_disable(s);
	libset_loading++;
	h = open_as(name, flags, caller_address());
	libset_loading--;
	opened(s, h, caller_address());
	if (s)
		preempt_enable(s, caller_address());
	return h;
}

WRAPPER void *dlmopen(Lmid_t ns, const char *name, int flags)
{
	struct stint *s = self();
	void *h;

	if (s)
		preempt_disable(s);
	libset_loading++;
	h = REAL(dlmopen)(ns, name, flags);
	libset_loading--;
	opened(s, h, caller_address());
	if (s)
		preempt_enable(s, caller_address());
	return h;
}

WRAPPER int dlclose(void *h)
{
	struct stint *s = self();
	int r;

	if (s)
		preempt_disable(s);
	ledger_thing_drop(THING_LIBRARY, h);
	libset_loading++;
	r = REAL(dlclose)(h);
	libset_loading--;
	tcb_modules_changed();
	if (s)
		preempt_enable(s, caller_address());
	return r;
}
