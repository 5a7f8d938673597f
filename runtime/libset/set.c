/*
 * set.c - library sets: the public interface of <stint/libset.h>
 *
 * Opening, told in order: the libraries are found, or loaded for the process; every object's calls into them are led through
 * thunks (once, for each library and object); a copy of each is loaded that has run nothing yet; the table is made; the
 * copies are bound to each other; only then do their constructors run, with the set installed, those of dependencies first.
 *
 * In a call all of that is done in the name of the kernel thread under it, on its identity: what constructors acquire is the
 * set's, and must not be given back when the call is cancelled.
 *
 * Who uses a set is not counted, so that a launch in one costs no more than a store: when a set is to be closed or reset,
 * all calls are looked through.
 *
 * libset_lock protects everything in this directory, but what a set's own lock protects. It is taken outside ld.so's locks,
 * and held around calls that take those: so whoever may be inside ld.so (libset_loading) must not take it. Constructors and
 * destructors of copies run outside it. stack.c's lock nests in it, tcb.c's do, and the locks of sets. Nothing here runs in
 * signal context.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../init.h"
#include "../preempt.h"
#include "../settings.h"
#include "../stack.h"
#include "../tcb.h"
#include "../text.h"
#include "hooks.h"
#include "libset.h"
#include "route.h"
#include "set.h"

#define FIRST_SIZE (offsetof(struct stint_libset_attr, why_size) + sizeof(size_t))      /* of the first version */
#define KNOWN_FLAGS (STINT_LIBSET_DEPENDENCIES | STINT_LIBSET_SPLIT_DATA)

__thread int libset_loading;

static struct sys_lock libset_lock;
static struct stint_libset *open_sets, *unused_sets;
static libset_open_fn *open_for;
static void (*when_loaded)(void);
static bool exits_watched;

void libset_enter(void)
{
	sys_lock(&libset_lock);
}

void libset_leave(void)
{
	sys_unlock(&libset_lock);
}

void libset_fork_prepare(void)
{
	sys_lock(&libset_lock);
}

void libset_fork_done(void)
{
	sys_unlock(&libset_lock);
}

void libset_loader(libset_open_fn *open, void (*loaded)(void))
{
	open_for = open;
	when_loaded = loaded;
}

static void *open_library(const char *name, const void *caller)
{
	int flags = RTLD_LAZY | RTLD_LOCAL;
	void *h;

	libset_loading++;       /* constructors may run */
	h = open_for ? open_for(name, flags, caller) : sys.dlopen(name, flags);
	libset_loading--;
	return h;
}

/* without memory what was loaded goes on past the sets */
void libset_modules_changed(void)
{
	if (!__atomic_load_n(&nlibraries, __ATOMIC_ACQUIRE) || libset_loading)
		return;
	sys_lock(&libset_lock);
	route_all();
	sys_unlock(&libset_lock);
}

/* --- whose identity ---------------------------------------------------------------------------- */

typedef void work_fn(void *arg);

static __attribute__((noinline)) void keeping_errno(work_fn *fn, void *arg)
{
	int saved = errno;

	fn(arg);
	errno = saved;
}

/* Run @fn as the kernel thread. Calls that are launched there leave it behind as what runs. */
static void as_kernel_thread(work_fn *fn, void *arg, const void *caller)
{
	struct stint *s = self();

	if (!s) {
		keeping_errno(fn, arg);
		return;
	}
	preempt_disable(s);
	arch_set_tp(s->kt->tp);
	keeping_errno(fn, arg);
	arch_set_tp(s->tp);
	s->kt->current = s;
	preempt_enable(s, caller);
}

/* --- in the set -------------------------------------------------------------------------------- */

bool libset_is_open(const struct stint_libset *set)
{
	return set && __atomic_load_n(&set->state, __ATOMIC_ACQUIRE) == SET_OPEN;
}

void libset_install(struct stint *s, struct stint_libset *set)
{
	ptrdiff_t offset = (char *)&libset_table - (char *)arch_tp();

	s->libset = set;
	*(void ***)((char *)s->tp + offset) = set->table.entries;
}

void libset_soiled(struct stint_libset *set)
{
	__atomic_store_n(&set->soiled, true, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void **install_here(void **entries)
{
	void **before = libset_table;

	libset_table = entries;
	return before;
}

static void construct(struct stint_libset *set)
{
	void **before = install_here(set->table.entries);

	for (unsigned i = 0; i < set->ncopies; i++)
		copy_construct(&set->copies[i]);
	install_here(before);
}

/* the last one first; not on what a cancelled call may have left half written */
static void destruct(struct stint_libset *set)
{
	void **before = install_here(set->table.entries);

	for (unsigned i = set->ncopies; i-- && !set->soiled;) {
		hooks_run(set, &set->copies[i]);
		copy_destruct(&set->copies[i]);
	}
	install_here(before);
	hooks_drop(set);
}

struct users {
	const struct stint_libset *set;
	bool any;
};

static void look_for_user(struct stint *s, void *arg)
{
	struct users *u = arg;
	int state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);

	if (s->libset == u->set && (state == STATE_READY || state == STATE_RUNNING || state == STATE_TIMED_OUT ||
	                            state == STATE_PAUSED))
		u->any = true;
}

static bool is_used(const struct stint_libset *set)
{
	struct users u = { set, false };

	if (__atomic_load_n(&set->threads, __ATOMIC_ACQUIRE))
		return true;
	stack_each(look_for_user, &u);
	return u.any;
}

/* what exit() does for libraries; a call that is stopped in a set has left it half written */
static void at_exit(void)
{
	for (struct stint_libset *set = open_sets; set; set = set->next)
		if (libset_is_open(set) && !is_used(set))
			destruct(set);
}

/* --- opening: which libraries ------------------------------------------------------------------ */

struct opening {
	const char *const *names;
	size_t n;
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

static void find_libraries(struct opening *o)
{
	for (size_t i = 0; i < o->n && !o->err; i++)
		want(o, library_get(o->names[i], open_library, o->caller, &o->why, &o->err));
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
		if (when_loaded)
			when_loaded();
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

/* --- opening: the copies ----------------------------------------------------------------------- */

static struct stint_libset *get_set(unsigned ncopies)
{
	struct stint_libset *set = unused_sets;
	struct copy *copies = sys_alloc(ncopies * sizeof(*copies));

	if (copies && set)
		unused_sets = set->next;
	else if (copies)
		set = sys_alloc(sizeof(*set));
	if (!copies || !set) {
		sys_free(copies);
		return NULL;
	}
	memset(set, 0, sizeof(*set));
	set->copies = copies;
	set->state = SET_OPENING;
	return set;
}

static void put_set(struct stint_libset *set)
{
	for (unsigned i = set->ncopies; i--;)
		copy_unload(&set->copies[i]);
	if (set->table.entries)
		table_remove(&set->table);
	sys_free(set->copies);
	set->copies = NULL;
	set->ncopies = 0;
	__atomic_store_n(&set->state, SET_CLOSED, __ATOMIC_RELEASE);
	set->next = unused_sets;
	unused_sets = set;
}

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
	struct stint_libset *set = get_set(o->nwanted);
	int err;

	if (!set)
		return complain(&o->why, ENOMEM, "no memory");
	set->backend = backend;
	err = load_copies(o, set);
	if (!err)
		err = bind_copies(o, set);
	if (err) {
		put_set(set);
		return err;
	}
	set->next = open_sets;
	open_sets = set;
	o->set = set;
	return 0;
}

static bool any_tls(const struct stint_libset *set)
{
	for (unsigned i = 0; i < set->ncopies; i++)
		if (set->copies[i].library->has_tls)
			return true;
	return false;
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
	sys_lock(&libset_lock);
	prepare(o);
	if (!o->err)
		make_set(o);
	if (!o->err && !exits_watched)
		exits_watched = !atexit(at_exit);
	sys_unlock(&libset_lock);
	if (o->err)
		return;
	if (any_tls(o->set))
		tcb_modules_changed();
	construct(o->set);
	__atomic_store_n(&o->set->state, SET_OPEN, __ATOMIC_RELEASE);
}

/* fields beyond those we know must be 0: a newer program asks an older library for something */
static int read_attr(const struct stint_libset_attr *attr, struct opening *o)
{
	const unsigned char *p = (const unsigned char *)attr;

	if (!attr)
		return 0;
	if (attr->size < FIRST_SIZE)
		return EINVAL;
	for (size_t i = sizeof(*attr); i < attr->size; i++)
		if (p[i])
			return E2BIG;
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
		as_kernel_thread(do_open, &o, caller);
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

/* --- closing and resetting --------------------------------------------------------------------- */

struct ending {
	struct stint_libset *set;
	int err;
};

/* make the set ours alone */
static int seize(struct stint_libset *set)
{
	int open = SET_OPEN;

	if (libset_loading)
		return EDEADLK;
	if (!set || set == STINT_LIBSET_NONE ||
	    !__atomic_compare_exchange_n(&set->state, &open, SET_CLOSING, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return set && open == SET_CLOSING ? EBUSY : EINVAL;
	if (!is_used(set))
		return 0;
	__atomic_store_n(&set->state, SET_OPEN, __ATOMIC_RELEASE);
	return EBUSY;
}

static void do_close(void *arg)
{
	struct ending *e = arg;
	struct stint_libset **p;
	bool tls;

	e->err = seize(e->set);
	if (e->err)
		return;
	destruct(e->set);
	tls = any_tls(e->set);
	sys_lock(&libset_lock);
	for (p = &open_sets; *p != e->set; p = &(*p)->next)
		;
	*p = e->set->next;
	put_set(e->set);
	sys_unlock(&libset_lock);
	if (tls)
		tcb_modules_changed();
}

static void do_reset(void *arg)
{
	struct ending *e = arg;

	e->err = seize(e->set);
	if (e->err)
		return;
	destruct(e->set);
	for (unsigned i = 0; i < e->set->ncopies; i++)
		copy_restore(&e->set->copies[i]);
	e->set->soiled = false;
	construct(e->set);
	__atomic_store_n(&e->set->state, SET_OPEN, __ATOMIC_RELEASE);
}

static int end(work_fn *fn, stint_libset_t *set, const void *caller)
{
	struct ending e = { set, 0 };

	as_kernel_thread(fn, &e, caller);
	return e.err;
}

int stint_libset_close(stint_libset_t *set)
{
	return end(do_close, set, caller_address());
}

int stint_libset_reset(stint_libset_t *set)
{
	return end(do_reset, set, caller_address());
}

/* --- asking ------------------------------------------------------------------------------------ */

static bool can_be_asked(const struct stint_libset *set)
{
	return set != STINT_LIBSET_NONE && libset_is_open(set);
}

struct question {
	const struct stint_libset *set;
	const char *name;
	void *answer;
};

static void do_symbol(void *arg)
{
	struct question *q = arg;

	for (unsigned i = 0; i < q->set->ncopies && !q->answer; i++) {
		const struct copy *c = &q->set->copies[i];

		q->answer = sys.dlsym(c->handle, q->name);
		if (!copy_has(c, (uintptr_t)q->answer))
			q->answer = NULL;       /* of something that it depends on */
	}
}

void *stint_libset_symbol(const stint_libset_t *set, const char *name)
{
	struct question q = { set, name, NULL };

	if (can_be_asked(set) && name)
		as_kernel_thread(do_symbol, &q, caller_address());
	return q.answer;
}

static bool is_in(const struct stint_libset *set, unsigned library)
{
	return library != NO_LIBRARY && set->table.delta[library];
}

static unsigned count_split(const struct stint_libset *set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < set->ncopies; i++) {
		const struct library *l = set->copies[i].library;

		for (size_t k = 0; k < l->nexposures; k++)
			n += !is_in(set, l->exposures[k].library);
	}
	return n;
}

struct inquiry {
	const struct stint_libset *set;
	struct stint_libset_info *info;
	char *text;
	size_t size, length;
};

static void do_info(void *arg)
{
	struct inquiry *q = arg;
	size_t bytes = 0;

	sys_lock(&libset_lock);
	for (unsigned i = 0; i < q->set->ncopies; i++)
		bytes += copy_writable(&q->set->copies[i]);
	*q->info = (struct stint_libset_info){
		.size = sizeof(*q->info),
		.backend = q->set->backend,
		.libraries = q->set->ncopies,
		.functions = table_used(),
		.variables = count_split(q->set),
		.writable_bytes = bytes,
		.table_ns = (uint64_t)clock_ns(q->set->table_cycles),
	};
	sys_unlock(&libset_lock);
}

int stint_libset_info(const stint_libset_t *set, struct stint_libset_info *out)
{
	struct inquiry q = { .set = set, .info = out };

	if (!can_be_asked(set) || !out || out->size < sizeof(*out))
		return EINVAL;
	as_kernel_thread(do_info, &q, caller_address());
	return 0;
}

static void __attribute__((format(printf, 2, 3))) say(struct inquiry *q, const char *format, ...)
{
	size_t left = q->length < q->size ? q->size - q->length : 0;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(left ? q->text + q->length : NULL, left, format, ap);
	va_end(ap);
	q->length += n > 0 ? (size_t)n : 0;
}

static void do_report(void *arg)
{
	struct inquiry *q = arg;

	sys_lock(&libset_lock);
	for (unsigned i = 0; i < q->set->ncopies; i++) {
		const struct library *l = q->set->copies[i].library;

		say(q, "%s: %s at %#lx\n", l->path, q->set->backend == STINT_LIBSET_COPY ? "a copy" : "in a namespace",
		    q->set->copies[i].base);
		for (size_t k = 0; k < l->nexposures; k++) {
			const struct exposure *e = &l->exposures[k];

			if (!is_in(q->set, e->library))
				say(q, "\tvariable %s: %s uses the process's%s\n", e->symbol, *e->user ? e->user : "the program",
				    e->copied ? ", by a copy relocation" : "");
		}
	}
	sys_unlock(&libset_lock);
}

size_t stint_libset_report(const stint_libset_t *set, char *text, size_t size)
{
	struct inquiry q = { .set = set, .text = text, .size = text ? size : 0 };

	if (text && size)
		*text = '\0';
	if (can_be_asked(set))
		as_kernel_thread(do_report, &q, caller_address());
	return q.length;
}
