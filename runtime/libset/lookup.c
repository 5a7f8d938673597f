/*
 * lookup.c - dlsym() for objects whose calls are rerouted
 *
 * A function that is looked up by name must lead to the caller's set like one that ld.so has bound, and have the same address.
 * So slots that hold dlsym() are pointed here, once there are libraries that sets have copies of. libc's dlsym() looks at who
 * calls it. For RTLD_NEXT it is given the call as it came (arch_dlsym); RTLD_DEFAULT is what the caller's object sees:
 * first what all see, then what it was loaded with.
 *
 * A thread that is inside ld.so gets a thunk only if there is one already (libset_loading, see set.c).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>

#include "../arch/x86_64/thunks.h"
#include "../preempt.h"
#include "../sys.h"
#include "library.h"
#include "libset.h"
#include "lookup.h"

void *(*libset_real_dlsym)(void *, const char *);

static void *look_up(void *handle, const char *name, const void *caller)
{
	void *p = sys.dlsym(handle, name);
	struct link_map *map;
	Dl_info info;

	/* a handle is a link map */
	if (!p && handle == RTLD_DEFAULT && dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP))
		p = sys.dlsym(map, name);
	return p;
}

static void *thunk_for(void *p)
{
	struct library *l = library_at((uintptr_t)p);
	const ElfW(Sym) *symbol = NULL;
	uintptr_t thunk;
	Dl_info info;

	if (!l || !dladdr1(p, &info, (void **)&symbol, RTLD_DL_SYMENT))
		return p;
	/* what an IFUNC has chosen has no name, so the symbol is another's, but only functions lie there */
	if (symbol && info.dli_saddr == p && !library_is_function(l, symbol, (uintptr_t)p))
		return p;
	if (!(image_segment(&l->image, (uintptr_t)p)->p_flags & PF_X))
		return p;
	thunk = table_known((uintptr_t)p);
	if (!thunk && !libset_loading) {
		libset_enter();
		thunk = table_thunk((uintptr_t)p, l->index);
		libset_leave();
	}
	return thunk ? (void *)thunk : p;
}

void *libset_lookup(void *handle, const char *name)
{
	const void *caller = caller_address();
	struct stint *s = self();
	void *p;

	if (s)
		preempt_disable(s);
	p = look_up(handle, name, caller);
	if (p)
		p = thunk_for(p);
	if (s)
		preempt_enable(s, caller);
	return p;
}

uintptr_t lookup_for(uintptr_t target)
{
	if (target != (uintptr_t)sys.dlsym)
		return 0;
	libset_real_dlsym = sys.dlsym;
	return (uintptr_t)arch_dlsym;
}
