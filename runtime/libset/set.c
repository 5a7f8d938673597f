/*
 * set.c - library sets: what is in a set, closing and resetting
 *
 * In a call sets are opened, closed and reset in the name of the kernel thread under it, on its identity: what constructors
 * acquire is the set's, and must not be given back when the call is cancelled.
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
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../preempt.h"
#include "../stack.h"
#include "../tcb.h"
#include "hooks.h"
#include "libset.h"
#include "route.h"
#include "set.h"

__thread int libset_loading;

static struct sys_lock libset_lock;
static struct stint_libset *open_sets, *unused_sets;
struct set_loader set_loader;

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
	set_loader = (struct set_loader){ open, loaded };
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

static __attribute__((noinline)) void keeping_errno(work_fn *fn, void *arg)
{
	int saved = errno;

	fn(arg);
	errno = saved;
}

/* Run @fn as the kernel thread. Calls that are launched there leave it behind as what runs. */
void set_as_kernel_thread(work_fn *fn, void *arg, const void *caller)
{
	struct stint *s = self();

	if (!s) {
		keeping_errno(fn, arg);
		return;
	}
	preempt_disable(s);
	fiber_leave(s->tp, s->kt->tp, FIBER_NO_SYNC);
	arch_set_tp(s->kt->tp);
	keeping_errno(fn, arg);
	fiber_leave(s->kt->tp, s->tp, FIBER_NO_SYNC);
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

void set_construct(struct stint_libset *set)
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

void set_list(struct stint_libset *set)
{
	static bool exits_watched;

	if (!exits_watched)
		exits_watched = !atexit(at_exit);
	set->next = open_sets;
	open_sets = set;
}

/* --- sets that are closed ----------------------------------------------------------------------- */

struct stint_libset *set_get(unsigned ncopies)
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

void set_put(struct stint_libset *set)
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

bool set_has_tls(const struct stint_libset *set)
{
	for (unsigned i = 0; i < set->ncopies; i++)
		if (set->copies[i].library->has_tls)
			return true;
	return false;
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
	tls = set_has_tls(e->set);
	sys_lock(&libset_lock);
	for (p = &open_sets; *p != e->set; p = &(*p)->next)
		;
	*p = e->set->next;
	set_put(e->set);
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
	set_construct(e->set);
	__atomic_store_n(&e->set->state, SET_OPEN, __ATOMIC_RELEASE);
}

static int end(work_fn *fn, stint_libset_t *set, const void *caller)
{
	struct ending e = { set, 0 };

	set_as_kernel_thread(fn, &e, caller);
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
