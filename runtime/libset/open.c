/*
 * open.c - opening library sets
 *
 * Told in order: the libraries are found, or loaded for the process; every object's calls into them are led through thunks (once, for
 * each library and object); a copy of each is loaded that has run nothing yet; the table is made; the copies are bound to
 * each other; only then do their constructors run, with the set installed, those of dependencies first.
 *
 * All under libset_lock, see set.c, but what runs constructors.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "../attr.h"
#include "../clock.h"
#include "../init.h"
#include "../preempt.h"
#include "../settings.h"
#include "../tcb.h"
#include "../text.h"
#include "libset.h"
#include "route.h"
#include "set.h"

#define FIRST_SIZE (offsetof(struct stint_libset_attr, why_size) + sizeof(size_t))      /* of the first version */
#define KNOWN_FLAGS (STINT_LIBSET_DEPENDENCIES | STINT_LIBSET_SPLIT_DATA)

/* --- which libraries --------------------------------------------------------------------------- */

struct opening {
	const char *const *names;
	size_t n;
	void **handles;                 /* of them, until they are libraries */
	struct stint_libset_attr attr;
	struct complaint why;
	struct library *wanted[TABLE_LIBRARIES];
	unsigned nwanted;
	const void *caller;
	struct stint_libset *set;
	int err;
};

static bool is_wanted(const struct opening *o, const struct library *l)
{
	for (unsigned i = 0; i < o->nwanted; i++)
		if (o->wanted[i] == l)
			return true;
	return false;
}

static void want(struct opening *o, struct library *l)
{
	if (l && !is_wanted(o, l))
		o->wanted[o->nwanted++] = l;    /* there are no more than TABLE_LIBRARIES of them */
}

static void want_dependency(struct opening *o, const char *name)
{
	void *h;

	if (library_is_shared_always(name))
		return;
	h = sys.dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
	if (h)
		want(o, library_of(h, &o->why, &o->err));
}

static void want_dependencies(struct opening *o, const struct library *l)
{
	for (const ElfW(Dyn) *d = l->image.dynamic; d->d_tag != DT_NULL && !o->err; d++)
		if (d->d_tag == DT_NEEDED)
			want_dependency(o, l->image.strings + d->d_un.d_val);
}

static void *open_library(const char *name, const void *caller)
{
	int flags = RTLD_LAZY | RTLD_LOCAL;
	void *h;

	libset_loading++;       /* constructors may run */
	h = set_loader.open ? set_loader.open(name, flags, caller) : sys.dlopen(name, flags);
	libset_loading--;
	return h;
}

/* one that was named before, and so stays loaded: ld.so would find no other */
static struct library *known(const char *name)
{
	for (unsigned i = 0, n = __atomic_load_n(&nlibraries, __ATOMIC_ACQUIRE); i < n && name; i++)
		if ((libraries[i]->soname && !strcmp(libraries[i]->soname, name)) || !strcmp(libraries[i]->path, name))
			return libraries[i];
	return NULL;
}

/* Constructors run, which may do what they like: no lock is held. */
static void open_libraries(struct opening *o)
{
	o->handles = sys_alloc(o->n * sizeof(*o->handles));
	if (!o->handles)
		o->err = complain(&o->why, ENOMEM, "no memory");
	for (size_t i = 0; i < o->n && !o->err; i++)
		if (!known(o->names[i]))
			o->handles[i] = library_open(o->names[i], open_library, o->caller, &o->why, &o->err);
}

static void close_libraries(struct opening *o)
{
	libset_loading++;
	for (size_t i = 0; o->handles && i < o->n; i++)
		if (o->handles[i])
			sys.dlclose(o->handles[i]);
	libset_loading--;
	sys_free(o->handles);
}

static void find_libraries(struct opening *o)
{
	for (size_t i = 0; i < o->n && !o->err; i++) {
		want(o, o->handles[i] ? library_of(o->handles[i], &o->why, &o->err) : known(o->names[i]));
		o->handles[i] = NULL;
	}
	for (unsigned i = 0; i < o->nwanted && !o->err; i++)
		if (o->attr.flags & STINT_LIBSET_DEPENDENCIES)
			want_dependencies(o, o->wanted[i]);
}

static bool is_called(const struct library *l, const char *needed)
{
	const char *slash = strrchr(l->path, '/');

	return (l->soname && !strcmp(l->soname, needed)) || !strcmp(l->path, needed) || (slash && !strcmp(slash + 1, needed));
}

/* dependencies first, as ld.so has it; in a circle it starts with the one that was named last */
static void place(const struct opening *o, unsigned i, unsigned char *seen, struct library **order, unsigned *n)
{
	const struct library *l = o->wanted[i];

	seen[i] = 1;
	for (const ElfW(Dyn) *d = l->image.dynamic; d->d_tag != DT_NULL; d++)
		for (unsigned k = 0; d->d_tag == DT_NEEDED && k < o->nwanted; k++)
			if (!seen[k] && is_called(o->wanted[k], l->image.strings + d->d_un.d_val))
				place(o, k, seen, order, n);
	order[(*n)++] = o->wanted[i];
}

static void sort(struct opening *o)
{
	unsigned char seen[TABLE_LIBRARIES] = { 0 };
	struct library *order[TABLE_LIBRARIES];
	unsigned n = 0;

	for (unsigned i = 0; i < o->nwanted; i++)
		if (!seen[i])
			place(o, i, seen, order, &n);
	memcpy(o->wanted, order, n * sizeof(*order));
}

/* used by others than the libraries of the set? */
static bool is_split(const struct opening *o, const struct exposure *e)
{
	return e->library == NO_LIBRARY || !is_wanted(o, libraries[e->library]);
}

static int check_variables(struct opening *o)
{
	for (unsigned i = 0; i < o->nwanted; i++) {
		const struct library *l = o->wanted[i];

		for (size_t k = 0; k < l->nexposures; k++) {
			const struct exposure *e = &l->exposures[k];

			if (is_split(o, e))
				return complain(&o->why, ENOTSUP, "%s: its variable %s is used by %s, which would go on using "
				                "the process's", l->path, e->symbol, *e->user ? e->user : "the program");
		}
	}
	return 0;
}

static void prepare(struct opening *o)
{
	unsigned before = nlibraries;

	find_libraries(o);
	if (nlibraries != before) {
		tcb_modules_changed();
		text_modules_changed();
		if (set_loader.loaded)
			set_loader.loaded();
	}
	if (o->err)
		return;
	o->err = route_all();
	if (!o->err)
		o->err = library_link_all();
	if (o->err)
		complain(&o->why, o->err, "no room for the calls to be rerouted");
	else if (!(o->attr.flags & STINT_LIBSET_SPLIT_DATA))
		o->err = check_variables(o);
	sort(o);
}

/* --- the copies -------------------------------------------------------------------------------- */

/* ld.so's thread variables of other namespaces are not among those that we set up in calls */
static int check_namespace(struct opening *o)
{
	for (unsigned i = 0; i < o->nwanted; i++)
		if (o->wanted[i]->has_tls)
			return complain(&o->why, ENOTSUP, "%s has thread variables, which calls cannot have in another namespace",
			                o->wanted[i]->path);
	return 0;
}

static int load_copies(struct opening *o, struct stint_libset *set)
{
	long ns = LM_ID_NEWLM;
	int err = set->backend == STINT_LIBSET_NAMESPACE ? check_namespace(o) : 0;

	for (unsigned i = 0; i < o->nwanted && !err; i++) {
		struct copy *c = &set->copies[i];

		err = copy_load(c, o->wanted[i], set->backend == STINT_LIBSET_NAMESPACE ? &ns : NULL, &o->why);
		if (err)
			break;
		set->ncopies++;
		route_skip(1);
		set->table.delta[o->wanted[i]->index] = (intptr_t)(c->base - o->wanted[i]->image.base);
	}
	return err;
}

static int bind_copies(struct opening *o, struct stint_libset *set)
{
	uint64_t start = clock_now();
	int err = table_add(&set->table, set);

	set->table_cycles = clock_now() - start;
	for (unsigned i = 0; i < set->ncopies && !err; i++) {
		err = copy_bind(&set->copies[i], &set->table);
		if (!err)
			err = copy_remember(&set->copies[i]);
	}
	return err ? complain(&o->why, err, "the copies cannot be bound: %s", strerrordesc_np(err)) : 0;
}

static int make_copies(struct opening *o, int backend)
{
	struct stint_libset *set = set_get(o->nwanted);
	int err;

	if (!set)
		return complain(&o->why, ENOMEM, "no memory");
	set->backend = backend;
	err = load_copies(o, set);
	if (!err)
		err = bind_copies(o, set);
	if (err) {
		set_put(set);
		return err;
	}
	set_list(set);
	o->set = set;
	return 0;
}

static void make_set(struct opening *o)
{
	int backend = o->attr.backend;

	if (backend == STINT_LIBSET_AUTO)
		backend = settings.libset;
	o->err = make_copies(o, backend == STINT_LIBSET_AUTO ? STINT_LIBSET_COPY : backend);
	if (o->err == ENOTSUP && backend == STINT_LIBSET_AUTO)
		o->err = make_copies(o, STINT_LIBSET_NAMESPACE);
}

static void do_open(void *arg)
{
	struct opening *o = arg;

	if (libset_loading) {
		o->err = complain(&o->why, EDEADLK, "a library is being loaded or unloaded by this thread");
		return;
	}
	open_libraries(o);
	if (!o->err) {
		libset_enter();
		prepare(o);
		if (!o->err)
			make_set(o);
		libset_leave();
	}
	close_libraries(o);
	if (o->err)
		return;
	if (set_has_tls(o->set))
		tcb_modules_changed();
	set_construct(o->set);
	__atomic_store_n(&o->set->state, SET_OPEN, __ATOMIC_RELEASE);
}

static int read_attr(const struct stint_libset_attr *attr, struct opening *o)
{
	int err = attr ? attr_check(attr, FIRST_SIZE, sizeof(*attr)) : 0;

	if (err || !attr)
		return err;
	o->attr = *attr;
	o->why = (struct complaint){ attr->why, attr->why_size };
	if ((attr->flags & ~(unsigned)KNOWN_FLAGS) || attr->backend < STINT_LIBSET_AUTO ||
	    attr->backend > STINT_LIBSET_NAMESPACE)
		return complain(&o->why, EINVAL, "an unknown flag or backend");
	return 0;
}

stint_libset_t *libset_open_for(const struct stint_libset_attr *attr, const char *const *names, size_t n,
                                const void *caller)
{
	struct opening o = { .names = names, .n = n, .caller = caller };
	int err = read_attr(attr, &o), saved = errno;

	if (!err && (!names || !n))
		err = complain(&o.why, EINVAL, "no libraries are named");
	if (!err) {
		err = init_start();
		if (err)
			complain(&o.why, err, "%s", init_why_not());
	}
	if (!err) {
		set_as_kernel_thread(do_open, &o, caller);
		err = o.err;
	}
	errno = err ? err : saved;
	return o.set;
}

stint_libset_t *stint_libset_open(const char *const *libraries, size_t n)
{
	return libset_open_for(NULL, libraries, n, caller_address());
}

stint_libset_t *stint_libset_open_with(const struct stint_libset_attr *attr, const char *const *libraries, size_t n)
{
	return libset_open_for(attr, libraries, n, caller_address());
}
