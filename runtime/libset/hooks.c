/*
 * hooks.c - see hooks.h
 *
 * A copy that is unloaded, or set back to how it began, must leave nothing behind that leads into it. What it registers
 * with atexit() and its kin is kept in its set, so that it can be run at the set's end, or forgotten when the set is reset;
 * keys of thread-specific data, whose destructors are its functions, are deleted with it; a kernel thread that it starts has
 * its set installed, and keeps it open. Everything is attributed to the set that is installed where the function is
 * called. Where none is, libc's own function is called, and all is as with any library.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <threads.h>

#include "../preempt.h"
#include "hooks.h"
#include "set.h"

static struct stint_libset *enter(struct stint **s)
{
	*s = self();
	if (*s)
		preempt_disable(*s);
	return table_owner(libset_table);
}

static void leave(struct stint *s, const void *caller)
{
	if (s)
		preempt_enable(s, caller);
}

/* room for one more; NULL when there is no memory */
static void *grow(void *array, size_t n, size_t *room, size_t size)
{
	void *new;

	if (n < *room)
		return array;
	new = sys.realloc(array, (*room * 2 + 8) * size);
	if (new)
		*room = *room * 2 + 8;
	return new;
}

/* --- exit handlers ----------------------------------------------------------------------------- */

static int add_handler(struct stint_libset *set, const struct set_handler *h)
{
	struct set_handler *all;

	sys_lock(&set->lock);
	all = grow(set->handlers, set->nhandlers, &set->handlers_room, sizeof(*all));
	if (all) {
		set->handlers = all;
		all[set->nhandlers++] = *h;
	}
	sys_unlock(&set->lock);
	return all ? 0 : -1;
}

static int hook_atexit(void (*fn)(void *), void *arg, void *dso)
{
	struct set_handler h = { fn, arg, dso };
	struct stint *s;
	struct stint_libset *set = enter(&s);
	int r = set ? add_handler(set, &h) : sys.__cxa_atexit(fn, arg, dso);

	leave(s, caller_address());
	return r;
}

/* the last one that is @c's; a handler may register others */
static bool take_handler(struct stint_libset *set, const struct copy *c, struct set_handler *h)
{
	size_t i;

	sys_lock(&set->lock);
	for (i = set->nhandlers; i && !copy_has(c, (uintptr_t)set->handlers[i - 1].dso); i--)
		;
	if (i) {
		*h = set->handlers[i - 1];
		memmove(&set->handlers[i - 1], &set->handlers[i], (set->nhandlers - i) * sizeof(*h));
		set->nhandlers--;
	}
	sys_unlock(&set->lock);
	return i;
}

void hooks_run(struct stint_libset *set, const struct copy *c)
{
	struct set_handler h;

	while (take_handler(set, c, &h))
		h.fn(h.arg);
}

/* --- keys -------------------------------------------------------------------------------------- */

static int create_key(struct stint_libset *set, pthread_key_t *key, void (*destroy)(void *))
{
	pthread_key_t *all;
	int err = ENOMEM;

	sys_lock(&set->lock);
	all = grow(set->keys, set->nkeys, &set->keys_room, sizeof(*all));
	if (all) {
		set->keys = all;
		err = sys.pthread_key_create(key, destroy);
		if (!err)
			all[set->nkeys++] = *key;
	}
	sys_unlock(&set->lock);
	return err;
}

static int hook_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	struct stint *s;
	struct stint_libset *set = enter(&s);
	int err = set ? create_key(set, key, destroy) : sys.pthread_key_create(key, destroy);

	leave(s, caller_address());
	return err;
}

static int hook_key_delete(pthread_key_t key)
{
	struct stint *s;
	struct stint_libset *set = enter(&s);
	int err;

	if (set) {
		sys_lock(&set->lock);
		for (size_t i = 0; i < set->nkeys; i++)
			if (set->keys[i] == key)
				set->keys[i--] = set->keys[--set->nkeys];
		sys_unlock(&set->lock);
	}
	err = sys.pthread_key_delete(key);
	leave(s, caller_address());
	return err;
}

static int hook_tss_create(tss_t *key, tss_dtor_t destroy)
{
	return hook_key_create(key, destroy) ? thrd_error : thrd_success;
}

static void hook_tss_delete(tss_t key)
{
	hook_key_delete(key);
}

void hooks_drop(struct stint_libset *set)
{
	for (size_t i = 0; i < set->nkeys; i++)
		sys.pthread_key_delete(set->keys[i]);
	sys.__cxa_finalize(set);
	sys_free(set->keys);
	sys_free(set->handlers);
	set->keys = NULL;
	set->handlers = NULL;
	set->nkeys = set->keys_room = set->nhandlers = set->handlers_room = 0;
}

/* --- fork -------------------------------------------------------------------------------------- */

/* libc forgets them when it is told that what they belong to is unloaded: here, the set */
static int hook_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso)
{
	struct stint *s;
	struct stint_libset *set = enter(&s);
	int err = sys.__register_atfork(prepare, parent, child, set ? set : dso);

	leave(s, caller_address());
	return err;
}

/* --- threads ----------------------------------------------------------------------------------- */

struct start {
	struct stint_libset *set;
	void *(*fn)(void *);
	int (*fn_c11)(void *);
	void *arg;
};

static void thread_ends(struct stint_libset **set)
{
	__atomic_sub_fetch(&(*set)->threads, 1, __ATOMIC_RELEASE);
}

/* the cleanup runs when the thread is cancelled or exits, too */
static void *thread_main(void *arg)
{
	struct start start = *(struct start *)arg;
	struct stint_libset *set __attribute__((cleanup(thread_ends))) = start.set;

	sys_free(arg);
	libset_table = set->table.entries;
	return start.fn ? start.fn(start.arg) : (void *)(intptr_t)start.fn_c11(start.arg);
}

static int start_thread(pthread_t *t, const pthread_attr_t *attr, const struct start *how)
{
	struct start *start = sys_alloc(sizeof(*start));
	int err;

	if (!start)
		return EAGAIN;
	*start = *how;
	__atomic_add_fetch(&how->set->threads, 1, __ATOMIC_RELAXED);
	err = sys.pthread_create(t, attr, thread_main, start);
	if (err) {
		__atomic_sub_fetch(&how->set->threads, 1, __ATOMIC_RELAXED);
		sys_free(start);
	}
	return err;
}

static int hook_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct stint *s;
	struct start how = { enter(&s), fn, NULL, arg };
	int err = how.set ? start_thread(t, attr, &how) : sys.pthread_create(t, attr, fn, arg);

	leave(s, caller_address());
	return err;
}

/* a C11 thread's result is what its function returns, made a pointer: so libc does it */
static int hook_thrd_create(thrd_t *t, thrd_start_t fn, void *arg)
{
	struct stint *s;
	struct start how = { enter(&s), NULL, fn, arg };
	int err = how.set ? start_thread(t, NULL, &how) : sys.thrd_create(t, fn, arg);

	leave(s, caller_address());
	return err == EAGAIN && how.set ? thrd_nomem : err && how.set ? thrd_error : err;
}

/* ------------------------------------------------------------------------------------------------ */

uintptr_t hook_for(const char *name)
{
	static const struct {
		const char *name;
		uintptr_t hook;
	} hooks[] = {
		{ "__cxa_atexit", (uintptr_t)hook_atexit },
		{ "__register_atfork", (uintptr_t)hook_atfork },
		{ "pthread_key_create", (uintptr_t)hook_key_create },
		{ "__pthread_key_create", (uintptr_t)hook_key_create },
		{ "pthread_key_delete", (uintptr_t)hook_key_delete },
		{ "tss_create", (uintptr_t)hook_tss_create },
		{ "tss_delete", (uintptr_t)hook_tss_delete },
		{ "pthread_create", (uintptr_t)hook_pthread_create },
		{ "thrd_create", (uintptr_t)hook_thrd_create },
	};

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (!strcmp(name, hooks[i].name))
			return hooks[i].hook;
	return 0;
}
