/*
 * pool.c - sets of the same libraries, clean
 *
 * A set is reset when it is put back, not when it is taken: who takes one is in a hurry. The pool's lock protects its list and
 * counts; nests inside nothing, and nothing is called with it held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "../preempt.h"
#include "libset.h"
#include "set.h"

struct stint_libset_pool {
	struct sys_lock lock;
	struct stint_libset_attr attr;
	char **names;
	size_t n;
	const void *caller;             /* for whom libraries are searched */
	size_t idle, idle_max, taken;
	struct stint_libset *sets[];            /* idle ones */
};

static void enter(struct stint_libset_pool *pool, struct stint **s)
{
	*s = self();
	if (*s)
		preempt_disable(*s);
	sys_lock(&pool->lock);
}

static void leave(struct stint_libset_pool *pool, struct stint *s, const void *caller)
{
	sys_unlock(&pool->lock);
	if (s)
		preempt_enable(s, caller);
}

static void free_pool(struct stint_libset_pool *pool)
{
	for (size_t i = 0; i < pool->n && pool->names; i++)
		sys_free(pool->names[i]);
	sys_free(pool->names);
	sys_free(pool);
}

static struct stint_libset_pool *make_pool(const char *const *libraries, size_t n, size_t idle)
{
	struct stint_libset_pool *pool = NULL;

	if (idle < SIZE_MAX / sizeof(void *) / 2 && sys.malloc_usable_size)
		pool = sys_alloc(sizeof(*pool) + idle * sizeof(void *));
	if (!pool)
		return NULL;
	pool->idle_max = idle;
	pool->names = sys_alloc(n * sizeof(*pool->names));
	for (size_t i = 0; i < n && pool->names; i++, pool->n++) {
		pool->names[i] = sys_alloc(strlen(libraries[i]) + 1);
		if (!pool->names[i])
			break;
		strcpy(pool->names[i], libraries[i]);
	}
	if (pool->n == n)
		return pool;
	free_pool(pool);
	return NULL;
}

stint_libset_pool_t *stint_libset_pool_create(const struct stint_libset_attr *attr, const char *const *libraries, size_t n,
                                              size_t idle)
{
	stint_libset_t *first = libset_open_for(attr, libraries, n, caller_address());
	struct stint_libset_pool *pool;
	struct stint *s = self();

	if (!first)
		return NULL;
	if (s)
		preempt_disable(s);
	pool = make_pool(libraries, n, idle ? idle : 1);
	if (s)
		preempt_enable(s, caller_address());
	if (!pool) {
		stint_libset_close(first);
		errno = ENOMEM;
		return NULL;
	}
	pool->caller = caller_address();
	if (attr)
		memcpy(&pool->attr, attr, sizeof(pool->attr));
	pool->attr.size = sizeof(pool->attr);
	pool->attr.why = NULL;          /* the caller's, for this once */
	pool->sets[pool->idle++] = first;
	return pool;
}

stint_libset_t *stint_libset_pool_get(stint_libset_pool_t *pool)
{
	stint_libset_t *set = NULL;
	struct stint *s;

	if (!pool) {
		errno = EINVAL;
		return NULL;
	}
	enter(pool, &s);
	pool->taken++;
	if (pool->idle)
		set = pool->sets[--pool->idle];
	leave(pool, s, caller_address());
	if (set)
		return set;
	set = libset_open_for(&pool->attr, (const char *const *)pool->names, pool->n, pool->caller);
	if (set)
		return set;
	enter(pool, &s);
	pool->taken--;
	leave(pool, s, caller_address());
	return NULL;
}

int stint_libset_pool_put(stint_libset_pool_t *pool, stint_libset_t *set)
{
	struct stint *s;
	int err = pool ? stint_libset_reset(set) : EINVAL;

	if (err)
		return err;
	enter(pool, &s);
	pool->taken--;
	if (pool->idle < pool->idle_max) {
		pool->sets[pool->idle++] = set;
		set = NULL;
	}
	leave(pool, s, caller_address());
	if (set)
		stint_libset_close(set);
	return 0;
}

int stint_libset_pool_free(stint_libset_pool_t *pool)
{
	struct stint *s;
	bool taken;

	if (!pool)
		return 0;
	enter(pool, &s);
	taken = pool->taken;
	leave(pool, s, caller_address());
	if (taken)
		return EBUSY;
	while (pool->idle)
		stint_libset_close(pool->sets[--pool->idle]);
	s = self();
	if (s)
		preempt_disable(s);
	free_pool(pool);
	if (s)
		preempt_enable(s, caller_address());
	return 0;
}
