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
 * Between a kernel thread and the common list they move in batches of SLOT_BATCH, by one pointer. A kernel thread has up to two, so
 * one that goes back and forth over the edge of a batch does not go to the common list each time.
 *
 * How much memory an idle slot has depends on how deep its users went, mostly two pages of seventeen. So the kernel is asked
 * about one now and then, and as many are kept as fit by the mean of that. Making a cold slot ready costs some 5 us, and
 * a program that has a thousand threads at a time, makes and ends them again and again, would pay it for each. Rejected:
 * counting whole stacks (keeps too few, or too much where they are deep); returning what is below the top pages of each
 * (a system call each time).
 *
 * stack_lock protects classes, slabs and common lists; nests in libset_lock, template_lock and the list_lock of deadlock.c. Nothing
 * here runs in signal context, except stack_in_guard(), which reads what never changes while the slot is in use.
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

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define GUARD_SIZE (4 * ARCH_PAGE_SIZE)
#define SLAB_BYTES (4u << 20)
#define SLAB_SLOTS_MAX 1024
#define HOT_BYTES (64u << 20)   /* of memory in the idle slots of a common list */
#define HOT_MIN 2
#define LOOK_EVERY 512          /* slots that come into a common list, for each one looked at; at first more are */
#define LOOK_EARLY 16
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
	struct stint *batches;          /* more hot ones, in batches */
	unsigned nhot, hot_max;         /* of both */
	unsigned looks, until_look;
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
	return GUARD_SIZE + tcb_below() + tcb_above() + sizeof(struct stint) + THREAD_ROOM + 2 * tcb_align() + 64;
}

static struct stint *slot_stint(const struct slab *slab, unsigned i)
{
	uintptr_t end = (uintptr_t)slab->base + (i + 1) * slab->cls->slot_size;

	return (struct stint *)((end - sizeof(struct stint) - THREAD_ROOM) & ~(uintptr_t)63);
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

/*
 * The pages to which each user of the slot writes come all at once: the first of the stack, and those of the control block. A system call
 * instead of a fault for each. Where there is no such call (before Linux 5.14), or not enough memory, they come by the faults.
 */
static void lay_out(struct stint *s, struct slab *slab, char *slot)
{
	uintptr_t tp = ((uintptr_t)s - tcb_above()) & ~(uintptr_t)(tcb_align() - 1);
	uintptr_t top = (tp - tcb_below()) & ~(uintptr_t)63, first = (top - 1) & ~(uintptr_t)(ARCH_PAGE_SIZE - 1);

	sys_madvise((void *)first, (uintptr_t)slot + slab->cls->slot_size - first, MADV_POPULATE_WRITE);
	s->tp = (void *)tp;
	s->stack_lo = (uintptr_t)slot + GUARD_SIZE;
	s->stack_hi = top;
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

/* a cold slot, which is nobody's now; NULL: there is none, and none can be made */
static struct slab *take_cold_locked(struct stint_class *c, unsigned *i)
{
	struct slab *slab = c->cold ? c->cold : new_slab_locked(c);

	if (!slab)
		return NULL;
	*i = slab->cold[--slab->ncold];
	if (!slab->ncold)
		c->cold = slab->next_cold;
	return slab;
}

/* Make the slot @i of @slab, which is nobody's, ready for use. Not under the lock, for it takes long: memory is touched for the first time. */
static struct stint *warm(struct slab *slab, unsigned i, struct kthread *kt)
{
	char *slot = slab->base + i * slab->cls->slot_size;
	struct stint *s = slot_stint(slab, i);
	unsigned char made = slab->made[i];
	bool failed = !(made & GUARDED) && install_guard(slot);

	if (!failed) {
		made |= GUARDED;
		lay_out(s, slab, slot);
		s->kt = kt;
		failed = tcb_make(s);
	}
	if (!failed) {
		if (!(made & KNOWN))
			checker_is_stack(s->stack_lo, s->stack_hi);
		made |= MADE | KNOWN;
	}
	sys_lock(&stack_lock);
	slab->made[i] = made;
	if (failed)
		cold_locked(slab, i);
	sys_unlock(&stack_lock);
	return failed ? NULL : s;
}

static unsigned index_of(const struct stint *s)
{
	return (unsigned)(((uintptr_t)s - (uintptr_t)s->slab->base) / s->slab->cls->slot_size);
}

/*
 * Make the slots of a list cold. The guard stays; the rest of a slot reads as zeros from now on. Not under the lock, for it takes
 * long; in between they are nobody's, and stack_each() does not find them.
 */
static void chill(struct stint *list)
{
	struct stint *s;

	sys_lock(&stack_lock);
	for (s = list; s; s = s->next_free)
		s->slab->made[index_of(s)] &= (unsigned char)~MADE;
	sys_unlock(&stack_lock);
	while ((s = list)) {
		struct slab *slab = s->slab;
		unsigned i = index_of(s);

		list = s->next_free;
		tcb_destroy(s);
		sys_madvise(slab->base + i * slab->cls->slot_size + GUARD_SIZE, slab->cls->slot_size - GUARD_SIZE,
		            MADV_DONTNEED);
		sys_lock(&stack_lock);
		cold_locked(slab, i);
		sys_unlock(&stack_lock);
	}
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

/* @n slots come in, of which @s is one. Approximate without the lock. */
static bool look_due(const struct stint_class *c, unsigned n)
{
	return __atomic_load_n(&c->until_look, __ATOMIC_RELAXED) < n;
}

static void look_locked(struct stint_class *c, size_t seen)
{
	if (seen > 2 * c->mean || seen < c->mean / 2)
		c->looks = 0;           /* it changes: look more often again */
	c->until_look = c->looks < LOOK_EARLY ? 0 : LOOK_EVERY;
	c->looks++;
	keep_mean(c, c->mean - c->mean / 8 + (seen + 7) / 8);
}

static struct stint *take_hot_locked(struct stint_class *c)
{
	struct stint *s = c->hot;

	if (!s && c->batches) {
		s = c->batches;
		c->batches = s->next_batch;
	}
	if (s) {
		c->hot = s->next_free;
		c->nhot--;
	}
	return s;
}

/* --- getting and putting ----------------------------------------------------------------------- */

/*
 * The @n slots of @list, a batch or any number, are idle. What is too much is made cold: all of them, and, where those that are
 * kept turn out to be deeper than was thought, as many again.
 */
static void put_common(struct stint *list, unsigned n)
{
	struct stint_class *c = list->size_class;
	struct stint *last = list, *extra = NULL, *s;
	unsigned more = n;
	size_t seen = look_due(c, n) ? resident(list) : 0;

	sys_lock(&stack_lock);
	if (seen)
		look_locked(c, seen);
	else
		c->until_look -= c->until_look < n ? c->until_look : n;
	if (c->nhot + n > c->hot_max) {
		for (; more-- && c->nhot > c->hot_max && (s = take_hot_locked(c)); extra = s)
			s->next_free = extra;
		sys_unlock(&stack_lock);
		chill(list);
		chill(extra);
		return;
	}
	c->nhot += n;
	if (n == SLOT_BATCH) {
		list->next_batch = c->batches;
		c->batches = list;
	} else {
		while (last->next_free)
			last = last->next_free;
		last->next_free = c->hot;
		c->hot = list;
	}
	sys_unlock(&stack_lock);
}

static __attribute__((noinline)) void put_one(struct stint *s)
{
	s->next_free = NULL;
	put_common(s, 1);
}

static size_t default_size(void)
{
	return page_round(settings.stack_size);
}

/* one; of the default size a batch, if there is one, and the rest of it for the next times. @kt has none. */
static struct stint *get_common(struct kthread *kt, size_t size)
{
	struct slab *slab = NULL;
	struct stint *s = NULL;
	struct stint_class *c;
	unsigned i;

	sys_lock(&stack_lock);
	c = class_locked(size);
	if (c && c->batches && size == default_size() && !kt->slots) {
		s = c->batches;
		c->batches = s->next_batch;
		c->nhot -= SLOT_BATCH;
		kt->slots = s->next_free;
		kt->nslots = SLOT_BATCH - 1;
	} else if (c) {
		s = take_hot_locked(c);
		if (!s)
			slab = take_cold_locked(c, &i);
	}
	sys_unlock(&stack_lock);
	return slab ? warm(slab, i, kt) : s;
}

/* the first that @kt has at hand; NULL: none, or of another size */
static inline struct stint *take_own(struct kthread *kt, size_t size)
{
	struct stint *s = kt->slots;

	if (unlikely(!s || s->size_class->stack_size != size))
		return NULL;
	kt->slots = s->next_free;
	kt->nslots--;
	return s;
}

/* it has none, or none of that size; errno stays as it is */
static __attribute__((noinline)) struct stint *get_slow(struct kthread *kt, size_t size)
{
	struct stint *s = NULL;
	int saved = errno;

	if (!kt->slots && kt->spare) {
		kt->slots = kt->spare;
		kt->nslots = SLOT_BATCH;
		kt->spare = NULL;
		s = take_own(kt, size);
	}
	if (!s)
		s = get_common(kt, size);
	errno = saved;
	return s;
}

struct stint *stack_get(struct kthread *kt, size_t size)
{
	struct stint *s;

	size = page_round(size);
	s = take_own(kt, size);
	if (unlikely(!s))
		s = get_slow(kt, size);
	if (s && unlikely(tcb_fresh(s))) {
		put_one(s);
		return NULL;
	}
	return s;
}

static void full(struct kthread *kt)
{
	if (kt->spare)
		put_common(kt->spare, SLOT_BATCH);
	kt->spare = kt->slots;
	kt->slots = NULL;
	kt->nslots = 0;
}

void stack_put(struct kthread *kt, struct stint *s)
{
	if (unlikely(!kt || s->size_class->stack_size != default_size())) {
		put_one(s);
		return;
	}
	if (unlikely(kt->nslots == SLOT_BATCH))
		full(kt);
	s->next_free = kt->slots;
	kt->slots = s;
	kt->nslots++;
}

void stack_flush(struct kthread *kt)
{
	if (kt->slots)
		put_common(kt->slots, kt->nslots);
	if (kt->spare)
		put_common(kt->spare, SLOT_BATCH);
	kt->slots = kt->spare = NULL;
	kt->nslots = 0;
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
