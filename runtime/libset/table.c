/*
 * table.c - see table.h
 *
 * A table has room for all entries that there can be, so that new ones are filled in where threads may be jumping through it;
 * its memory is only reserved, and what is not used is never touched. Tables come from arenas of many, since a mapping of
 * its own for each would cost more than all of filling it, and go back to a list.
 *
 * The entry of a copy is computed, not looked up: the copy is the same file, so all of it lies at the same distance.
 *
 * Thunks beyond those in the text are written to pages of their own, which are made executable afterwards.
 *
 * Everything but table_known(), table_behind() and table_used() runs under libset's lock; those read what only grows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "../arch/x86_64/thunks.h"
#include "../sys.h"
#include "table.h"

#define ARENA_TABLES 32
#define STRIDE (((TABLE_ENTRIES + 1) * sizeof(void *) + ARCH_PAGE_SIZE - 1) & ~(size_t)(ARCH_PAGE_SIZE - 1))
#define BUCKETS (2 * TABLE_ENTRIES)     /* a power of two */
#define PAGE_THUNKS (ARCH_PAGE_SIZE / ARCH_MADE_THUNK_SIZE)
#define MADE_PAGES (TABLE_ENTRIES / PAGE_THUNKS)

static void *default_table[TABLE_ENTRIES + 1];
__thread void **libset_table = &default_table[1];

static uintptr_t targets[TABLE_ENTRIES];
static uint8_t owners[TABLE_ENTRIES];
_Static_assert(TABLE_LIBRARIES <= 256, "owners");
static unsigned used;                   /* entries; release/acquire */
static uint16_t buckets[BUCKETS];       /* number + 1 by target; 0: empty; release/acquire */
_Static_assert(TABLE_ENTRIES < 65536, "buckets");

static struct table *tables;
static void **idle;                     /* unused memory for tables; the first entry links to the next */

unsigned table_thunks_in_text = ARCH_THUNKS;
static unsigned char *made[MADE_PAGES]; /* release/acquire */

/* --- memory ------------------------------------------------------------------------------------ */

static bool add_arena(void)
{
	char *arena = sys_mmap(STRIDE * ARENA_TABLES, MAP_NORESERVE);

	if (!arena)
		return false;
	sys_madvise(arena, STRIDE * ARENA_TABLES, MADV_NOHUGEPAGE);     /* one would be more than all tables need */
	for (int i = ARENA_TABLES; i--;) {
		void **table = (void **)(arena + i * STRIDE);

		table[0] = idle;
		idle = table;
	}
	return true;
}

static void fill(struct table *t, unsigned from, unsigned to)
{
	void **entry = t->entries;

	for (unsigned i = from; i < to; i++)
		entry[i] = (void *)(targets[i] + (uintptr_t)t->delta[owners[i]]);
}

int table_add(struct table *t, struct stint_libset *set)
{
	void **memory;

	if (!idle && !add_arena())
		return ENOMEM;
	memory = idle;
	idle = memory[0];
	memory[0] = set;
	t->entries = memory + 1;
	fill(t, 0, used);
	t->next = tables;
	tables = t;
	return 0;
}

void table_remove(struct table *t)
{
	struct table **p;

	for (p = &tables; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	t->entries[-1] = idle;
	idle = &t->entries[-1];
	t->entries = NULL;
}

/* --- thunks ------------------------------------------------------------------------------------ */

static bool make_page(unsigned page)
{
	ptrdiff_t offset = (char *)&libset_table - (char *)arch_tp();
	unsigned char *at = sys_mmap(ARCH_PAGE_SIZE, 0);

	if (!at)
		return false;
	for (unsigned i = 0; i < PAGE_THUNKS; i++)
		arch_thunk_write(at + i * ARCH_MADE_THUNK_SIZE, table_thunks_in_text + page * PAGE_THUNKS + i, offset);
	if (sys_mprotect(at, ARCH_PAGE_SIZE, PROT_READ | PROT_EXEC)) {
		sys_munmap(at, ARCH_PAGE_SIZE);
		return false;
	}
	__atomic_store_n(&made[page], at, __ATOMIC_RELEASE);
	return true;
}

/* 0: there can be none */
static uintptr_t thunk_at(unsigned i)
{
	unsigned page;

	if (i < table_thunks_in_text)
		return (uintptr_t)arch_thunks + i * ARCH_THUNK_SIZE;
	i -= table_thunks_in_text;
	page = i / PAGE_THUNKS;
	if (page >= MADE_PAGES || (!made[page] && !make_page(page)))
		return 0;
	return (uintptr_t)made[page] + i % PAGE_THUNKS * ARCH_MADE_THUNK_SIZE;
}

static uint16_t *bucket_of(uintptr_t target)
{
	size_t i = (target * UINT64_C(0x9e3779b97f4a7c15)) >> 32;

	for (;; i++) {
		uint16_t *b = &buckets[i & (BUCKETS - 1)];
		unsigned n = __atomic_load_n(b, __ATOMIC_ACQUIRE);

		if (!n || targets[n - 1] == target)
			return b;
	}
}

/* not before the entry is in all tables */
uintptr_t table_known(uintptr_t target)
{
	unsigned n = __atomic_load_n(bucket_of(target), __ATOMIC_ACQUIRE);

	return n && n <= table_used() ? thunk_at(n - 1) : 0;
}

uintptr_t table_thunk(uintptr_t target, unsigned library)
{
	uint16_t *b = bucket_of(target);
	unsigned i = used;
	uintptr_t thunk;

	if (*b)
		return thunk_at(*b - 1u);
	thunk = i < TABLE_ENTRIES ? thunk_at(i) : 0;
	if (!thunk)
		return 0;
	targets[i] = target;
	owners[i] = (uint8_t)library;
	default_table[i + 1] = (void *)target;
	__atomic_store_n(b, (uint16_t)(i + 1), __ATOMIC_RELEASE);
	for (struct table *t = tables; t; t = t->next)
		fill(t, i, i + 1);
	__atomic_store_n(&used, i + 1, __ATOMIC_RELEASE);
	return thunk;
}

uintptr_t table_behind(uintptr_t at)
{
	unsigned n = table_used();
	uintptr_t i = (at - (uintptr_t)arch_thunks) / ARCH_THUNK_SIZE;

	if (i < ARCH_THUNKS)
		return i < n ? targets[i] : at;
	for (unsigned page = 0; page < MADE_PAGES; page++) {
		uintptr_t begin = (uintptr_t)__atomic_load_n(&made[page], __ATOMIC_ACQUIRE);

		if (!begin)
			break;
		if (at - begin >= ARCH_PAGE_SIZE)
			continue;
		i = table_thunks_in_text + page * PAGE_THUNKS + (at - begin) / ARCH_MADE_THUNK_SIZE;
		return i < n ? targets[i] : at;
	}
	return at;
}

unsigned table_used(void)
{
	return __atomic_load_n(&used, __ATOMIC_ACQUIRE);
}
