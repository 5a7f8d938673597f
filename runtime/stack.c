/*
 * stack.c - slots, from slabs
 *
 * A slab is one mapping of many slots of one stack size, so that a hundred thousand stacks are a few thousand
 * mappings; guards are markers in the page table where the kernel has them (Linux 6.13), else protected
 * pages, which split the mapping and meet vm.max_map_count near 32 000 stacks.
 *
 * A slot is cold (nothing resident, no thread control block), hot (idle, ready to use), or in use. A kernel
 * thread keeps some hot slots of the default size for itself, without a lock; the rest of the hot ones are in
 * a common list, up to HOT_BYTES of memory for each size; beyond that an idle slot is made cold and its pages are
 * returned. Slabs are never unmapped: a stale handle must find a freed call, not a fault.
 *
 * How much memory an idle slot has depends on how deep its users went, mostly two pages of seventeen. So the kernel is asked
 * about one in LOOK_EVERY, and as many are kept as fit by the mean of that. Making a cold slot ready costs some 5 us, and
 * a program that has a thousand threads at a time, makes and ends them again and again, would pay it for each. Rejected:
 * counting whole stacks (keeps too few, or too much where they are deep); returning what is below the top pages of each
 * (a system call each time).
 *
 * stack_lock protects classes, slabs and common lists; nests inside nothing. Nothing here runs in signal context,
 * except stack_in_guard(), which reads what never changes while the slot is in use.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "checker.h"
#include "kthread.h"
#include "settings.h"
#include "stack.h"
#include "sys.h"
#include "tcb.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define GUARD_SIZE (4 * ARCH_PAGE_SIZE)
#define SLAB_BYTES (4u << 20)
#define SLAB_SLOTS_MAX 1024
#define HOT_BYTES (64u << 20)   /* of memory in the idle slots of a common list */
#define HOT_MIN 2
#define LOOK_EVERY 32           /* slots that come into a common list, for each one looked at */
#define LOOK_PAGES 256

/* all slots of one stack size */
struct stint_class {
	struct stint_class *next;
	size_t stack_size;
	size_t slot_size;
	unsigned slots_per_slab;
	struct slab *slabs;             /* all of them */
	struct slab *cold;              /* those with cold slots */
	struct stint *hot;
	unsigned nhot, hot_max;
	unsigned until_look;
	size_t mean;                    /* bytes of memory that an idle slot has */
};

struct slab {
	struct slab *next, *next_cold;
	struct stint_class *cls;
	char *base;
	unsigned ncold;
	unsigned char *made;            /* of each slot: MADE, KNOWN, GUARDED */
	unsigned cold[];                /* indices, a stack */
};

enum {
	MADE = 1,       /* it has a thread control block */
	KNOWN = 2,      /* valgrind was told that it is a stack */
	GUARDED = 4     /* the guard is there, also while it is cold */
};

static struct sys_lock stack_lock;
static struct stint_class *classes;
static bool guard_markers;

static size_t page_round(size_t n)
{
	return (n + ARCH_PAGE_SIZE - 1) & ~(size_t)(ARCH_PAGE_SIZE - 1);
}

/* an old kernel says EINVAL; ask once, on a page of our own */
int stack_init(void)
{
	void *probe = sys_mmap(ARCH_PAGE_SIZE, 0);

	if (!probe)
		return ENOMEM;
	guard_markers = !sys_madvise(probe, ARCH_PAGE_SIZE, MADV_GUARD_INSTALL);
	sys_munmap(probe, ARCH_PAGE_SIZE);
	return 0;
}

const char *stack_guard_kind(void)
{
	return guard_markers ? "markers" : "mprotect";
}

static size_t slot_overhead(void)
{
	return GUARD_SIZE + tcb_below() + tcb_above() + sizeof(struct stint) + 2 * tcb_align() + 64;
}

static struct stint *slot_stint(const struct slab *slab, unsigned i)
{
	uintptr_t end = (uintptr_t)slab->base + (i + 1) * slab->cls->slot_size;

	return (struct stint *)((end - sizeof(struct stint)) & ~(uintptr_t)63);
}

/* --- classes and slabs, under stack_lock ------------------------------------------------------- */

static void keep_mean(struct stint_class *c, size_t mean)
{
	c->mean = mean;
	c->hot_max = HOT_BYTES / mean > HOT_MIN ? (unsigned)(HOT_BYTES / mean) : HOT_MIN;
}

static struct stint_class *class_locked(size_t stack_size)
{
	struct stint_class *c;

	for (c = classes; c; c = c->next)
		if (c->stack_size == stack_size)
			return c;
	c = sys_alloc(sizeof(*c));
	if (!c)
		return NULL;
	c->stack_size = stack_size;
	c->slot_size = page_round(stack_size + slot_overhead());
	c->slots_per_slab = SLAB_BYTES / c->slot_size ? SLAB_BYTES / c->slot_size : 1;
	if (c->slots_per_slab > SLAB_SLOTS_MAX)
		c->slots_per_slab = SLAB_SLOTS_MAX;
	keep_mean(c, c->slot_size);
	c->next = classes;
	classes = c;
	return c;
}

static struct slab *new_slab_locked(struct stint_class *c)
{
	size_t len = c->slots_per_slab * c->slot_size;
	struct slab *slab = sys_alloc(sizeof(*slab) + c->slots_per_slab * (sizeof(unsigned) + 1));

	if (!slab)
		return NULL;
	slab->base = sys_mmap(len, MAP_STACK | MAP_NORESERVE);
	if (!slab->base) {
		sys_free(slab);
		return NULL;
	}
	sys_madvise(slab->base, len, MADV_NOHUGEPAGE);  /* older kernels: a huge page would make all resident */
	slab->cls = c;
	slab->made = (unsigned char *)&slab->cold[c->slots_per_slab];
	for (unsigned i = 0; i < c->slots_per_slab; i++)
		slab->cold[i] = c->slots_per_slab - 1 - i;
	slab->ncold = c->slots_per_slab;
	slab->next = c->slabs;
	c->slabs = slab;
	slab->next_cold = c->cold;
	c->cold = slab;
	return slab;
}

static int install_guard(char *slot)
{
	if (guard_markers)
		return sys_madvise(slot, GUARD_SIZE, MADV_GUARD_INSTALL);
	return sys_mprotect(slot, GUARD_SIZE, PROT_NONE);
}

static void lay_out(struct stint *s, struct slab *slab, char *slot)
{
	uintptr_t tp = ((uintptr_t)s - tcb_above()) & ~(uintptr_t)(tcb_align() - 1);

	s->tp = (void *)tp;
	s->stack_lo = (uintptr_t)slot + GUARD_SIZE;
	s->stack_hi = (tp - tcb_below()) & ~(uintptr_t)63;
	s->size_class = slab->cls;
	s->slab = slab;
}

static void cold_locked(struct slab *slab, unsigned i)
{
	slab->made[i] &= (unsigned char)~MADE;
	if (!slab->ncold) {
		slab->next_cold = slab->cls->cold;
		slab->cls->cold = slab;
	}
	slab->cold[slab->ncold++] = i;
}

static struct stint *warm_locked(struct stint_class *c, struct kthread *kt)
{
	struct slab *slab = c->cold ? c->cold : new_slab_locked(c);
	struct stint *s;
	unsigned i;
	char *slot;

	if (!slab)
		return NULL;
	i = slab->cold[--slab->ncold];
	if (!slab->ncold)
		c->cold = slab->next_cold;
	slot = slab->base + i * c->slot_size;
	s = slot_stint(slab, i);
	if (!(slab->made[i] & GUARDED) && install_guard(slot))
		goto put_back;
	slab->made[i] |= GUARDED;
	lay_out(s, slab, slot);
	s->kt = kt;
	if (tcb_make(s))
		goto put_back;
	if (!(slab->made[i] & KNOWN))
		checker_is_stack(s->stack_lo, s->stack_hi);
	slab->made[i] |= MADE | KNOWN;
	return s;
put_back:
	cold_locked(slab, i);
	return NULL;
}

/* the guard stays; the rest of the slot reads as zeros from now on */
static void chill_locked(struct stint *s)
{
	struct slab *slab = s->slab;
	unsigned i = (unsigned)(((uintptr_t)s - (uintptr_t)slab->base) / slab->cls->slot_size);
	char *slot = slab->base + i * slab->cls->slot_size;

	tcb_destroy(s);
	sys_madvise(slot + GUARD_SIZE, slab->cls->slot_size - GUARD_SIZE, MADV_DONTNEED);
	cold_locked(slab, i);
}

/* --- the common lists, under stack_lock --------------------------------------------------------- */

/* bytes of @s's slot that are resident, the guard apart; all of them where that is not known */
static size_t resident(const struct stint *s)
{
	size_t size = s->size_class->slot_size - GUARD_SIZE, found = 0;
	unsigned char pages[LOOK_PAGES];

	if (size > LOOK_PAGES * ARCH_PAGE_SIZE ||
	    sys_raw(SYS_mincore, s->stack_lo, size, pages, 0))
		return size;
	for (size_t i = 0; i < size / ARCH_PAGE_SIZE; i++)
		found += pages[i] & 1;
	return found * ARCH_PAGE_SIZE;
}

static void look_locked(struct stint_class *c, const struct stint *s)
{
	size_t seen = resident(s);

	c->until_look = LOOK_EVERY;
	keep_mean(c, c->mean - c->mean / 8 + (seen + 7) / 8);
}

static struct stint *take_hot_locked(struct stint_class *c)
{
	struct stint *s = c->hot;

	c->hot = s->next_free;
	c->nhot--;
	return s;
}

static void put_common_locked(struct stint *s)
{
	struct stint_class *c = s->size_class;

	if (!c->until_look--)
		look_locked(c, s);
	if (c->nhot >= c->hot_max) {
		chill_locked(s);
		if (c->nhot > c->hot_max)       /* they have become deeper */
			chill_locked(take_hot_locked(c));
		return;
	}
	s->next_free = c->hot;
	c->hot = s;
	c->nhot++;
}

/* --- getting and putting ----------------------------------------------------------------------- */

static size_t default_size(void)
{
	return page_round(settings.stack_size);
}

static void cache(struct kthread *kt, struct stint *s)
{
	s->next_free = kt->slots;
	kt->slots = s;
	kt->nslots++;
}

/* one, and of the default size some for the next times, if there are hot ones */
static struct stint *get_common(struct kthread *kt, size_t size)
{
	struct stint_class *c;
	struct stint *s = NULL;

	sys_lock(&stack_lock);
	c = class_locked(size);
	if (c && c->hot)
		s = take_hot_locked(c);
	else if (c)
		s = warm_locked(c, kt);
	while (c && c->hot && size == default_size() && kt->nslots < CACHED_SLOTS / 2)
		cache(kt, take_hot_locked(c));
	sys_unlock(&stack_lock);
	return s;
}

static void put_common(struct stint *s)
{
	sys_lock(&stack_lock);
	put_common_locked(s);
	sys_unlock(&stack_lock);
}

/* of @kt's cache, all but @left */
static void pass_on(struct kthread *kt, unsigned left)
{
	sys_lock(&stack_lock);
	while (kt->nslots > left) {
		struct stint *s = kt->slots;

		kt->slots = s->next_free;
		kt->nslots--;
		put_common_locked(s);
	}
	sys_unlock(&stack_lock);
}

struct stint *stack_get(struct kthread *kt, size_t size)
{
	struct stint *s;

	size = page_round(size);
	s = kt->slots;
	if (likely(s && s->size_class->stack_size == size)) {
		kt->slots = s->next_free;
		kt->nslots--;
	} else {
		s = get_common(kt, size);
	}
	if (!s || tcb_fresh(s)) {
		if (s)
			put_common(s);
		errno = ENOMEM;
		return NULL;
	}
	return s;
}

void stack_put(struct kthread *kt, struct stint *s)
{
	if (unlikely(!kt || s->size_class->stack_size != default_size())) {
		put_common(s);
		return;
	}
	if (unlikely(kt->nslots >= CACHED_SLOTS))
		pass_on(kt, CACHED_SLOTS / 2);
	cache(kt, s);
}

void stack_flush(struct kthread *kt)
{
	pass_on(kt, 0);
}

void stack_each(void (*fn)(struct stint *s, void *arg), void *arg)
{
	sys_lock(&stack_lock);
	for (struct stint_class *c = classes; c; c = c->next)
		for (struct slab *slab = c->slabs; slab; slab = slab->next)
			for (unsigned i = 0; i < c->slots_per_slab; i++)
				if (slab->made[i] & MADE)
					fn(slot_stint(slab, i), arg);
	sys_unlock(&stack_lock);
}

size_t stack_size(const struct stint *s)
{
	return s->size_class->stack_size;
}

bool stack_in_guard(const struct stint *s, uintptr_t addr)
{
	return addr < s->stack_lo && addr >= s->stack_lo - GUARD_SIZE;
}

void stack_fork_prepare(void)
{
	sys_lock(&stack_lock);
}

void stack_fork_done(void)
{
	sys_unlock(&stack_lock);
}
