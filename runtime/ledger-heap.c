/*
 * ledger-heap.c - the heap blocks that calls hold
 *
 * Entries are words of one large table (address space only until it is used), handed out to calls in chunks:
 *
 *      word 0: next chunk of the call    word 1: the call    words 2..63: block, or free
 *
 * A block entered has the index of its entry in the last eight bytes of its usable size, so that whoever frees
 * it finds the entry without a search. These bytes are only a hint: a block that was never entered may by
 * chance end in anything. What counts is that the entry names the block. Two blocks alive never have the same
 * address, so an entry that names a block is that block's; this needs no generation counts, and old entries in
 * chunks that were given back do no harm.
 *
 * Who takes a block out: the call itself by a plain store; anyone else, and the release at cancel, by
 * compare-and-swap from the block to GONE. Exactly one of a release and a foreign free wins, and only the
 * winner frees. An entry made GONE by someone else is found again when the call needs entries.
 *
 * heap_lock protects the list of unused chunks; nests inside nothing. No signal context: malloc is not for
 * handlers. Tried and rejected: a hash table (a lock or two for each malloc, and cancel must search it); a
 * header in front of the block (free would have to know whether there is one, and free may not be ours); an
 * allocator of our own for each call (a completed call's blocks outlive it).
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "checker.h"
#include "context.h"
#include "ledger.h"
#include "sys.h"

#define CHUNK_WORDS 64
#define CHUNK_FIRST 2           /* first entry in a chunk */
#define TABLE_WORDS ((size_t)1 << 28)
#define TABLE_WORDS_MIN ((size_t)1 << 18)       /* where address space is limited */
#define GONE ((uintptr_t)3)

static uintptr_t *table;        /* entries; atomic; published with release */
static uint32_t table_used;     /* words handed out; release/acquire */
static size_t table_words;
static uint32_t unused_chunks;  /* list through word 0 */
static struct sys_lock heap_lock;

unsigned ledger_heap_live;
bool ledger_under_valgrind;     /* set before the table is published */

/* --- entries ----------------------------------------------------------------------------------- */

static bool is_block(uintptr_t word)
{
	return word && !(word & 1);
}

static uintptr_t load(uint32_t i)
{
	return __atomic_load_n(&table[i], __ATOMIC_RELAXED);
}

static void store(uint32_t i, uintptr_t word)
{
	__atomic_store_n(&table[i], word, __ATOMIC_RELAXED);
}

static bool take_out(uint32_t i, uintptr_t block)
{
	return __atomic_compare_exchange_n(&table[i], &block, GONE, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static struct stint *owner_of(uint32_t i)
{
	return (struct stint *)load((i & ~(uint32_t)(CHUNK_WORDS - 1)) + 1);
}

static uint64_t hint_check(const void *p)
{
	return (uint64_t)ledger_block_mark(p) << 32;
}

static char *hint_place(void *p, size_t usable)
{
	return (char *)p + usable - LEDGER_TRAILER;
}

/* the entry that names @p, or 0 */
static uint32_t entry_of(void *p, size_t usable)
{
	uint32_t used = __atomic_load_n(&table_used, __ATOMIC_ACQUIRE), i;
	uint64_t hint;

	if (usable < LEDGER_TRAILER || !used)
		return 0;
	memcpy(&hint, hint_place(p, usable), sizeof(hint));
	if (unlikely(ledger_under_valgrind))
		checker_defined(&hint, sizeof(hint));
	i = (uint32_t)hint;
	if ((hint & ~(uint64_t)UINT32_MAX) != hint_check(p) || i >= used || i < CHUNK_WORDS)
		return 0;
	return load(i) == (uintptr_t)p ? i : 0;
}

/* --- chunks ------------------------------------------------------------------------------------ */

static bool make_table_locked(void)
{
	for (size_t words = TABLE_WORDS; words >= TABLE_WORDS_MIN; words /= 16) {
		table = sys_mmap(words * sizeof(*table), MAP_NORESERVE);
		if (table) {
			table_words = words;
			ledger_under_valgrind = checker_is_valgrind();
			__atomic_store_n(&table_used, CHUNK_WORDS, __ATOMIC_RELEASE);   /* index 0 means none */
			return true;
		}
	}
	return false;
}

static uint32_t get_chunk(void)
{
	uint32_t c = 0;

	sys_lock(&heap_lock);
	if (unused_chunks) {
		c = unused_chunks;
		unused_chunks = (uint32_t)load(c);
	} else if ((table || make_table_locked()) && table_used + CHUNK_WORDS <= table_words) {
		c = table_used;
		__atomic_store_n(&table_used, c + CHUNK_WORDS, __ATOMIC_RELEASE);
	}
	sys_unlock(&heap_lock);
	return c;
}

/* a list of chunks, @last its end; the entries keep what they name, see above */
static void put_chunks(uint32_t first, uint32_t last)
{
	sys_lock(&heap_lock);
	store(last, unused_chunks);
	unused_chunks = first;
	sys_unlock(&heap_lock);
}

static bool add_chunk(struct stint *s)
{
	struct heap_ledger *h = &s->ledger.heap;
	uint32_t c = get_chunk();

	if (!c)
		return false;
	for (uint32_t i = CHUNK_FIRST; i < CHUNK_WORDS; i++)
		store(c + i, 0);
	if (!h->chunks)
		__atomic_fetch_add(&ledger_heap_live, 1, __ATOMIC_RELAXED);
	store(c, h->chunks);
	store(c + 1, (uintptr_t)s);
	h->chunks = c;
	h->fresh = c + CHUNK_FIRST;
	return true;
}

static void put_entry(struct heap_ledger *h, uint32_t i)
{
	store(i, (uintptr_t)h->free << 1 | 1);
	h->free = i;
}

/* entries whose blocks were freed by others */
static void sweep(struct heap_ledger *h)
{
	size_t gone = __atomic_load_n(&h->gone_blocks, __ATOMIC_RELAXED);

	if (gone == h->swept_blocks)
		return;
	h->swept_blocks = gone;
	for (uint32_t c = h->chunks; c; c = (uint32_t)load(c))
		for (uint32_t i = c + CHUNK_FIRST; i < c + CHUNK_WORDS; i++)
			if (load(i) == GONE)
				put_entry(h, i);
}

static uint32_t get_entry(struct stint *s)
{
	struct heap_ledger *h = &s->ledger.heap;
	uint32_t i;

	if (!h->free && !(h->fresh % CHUNK_WORDS)) {
		sweep(h);
		if (!h->free && !add_chunk(s))
			return 0;
	}
	i = h->free;
	if (i)
		h->free = (uint32_t)(load(i) >> 1);
	else
		i = h->fresh++;
	return i;
}

/* --- the ledger -------------------------------------------------------------------------------- */

void ledger_block_add(struct stint *s, void *p, size_t usable)
{
	struct heap_ledger *h = &s->ledger.heap;
	uint32_t i = usable >= LEDGER_TRAILER ? get_entry(s) : 0;
	uint64_t hint = hint_check(p) | i;

	if (!i)
		return;         /* the block is handed out all the same; cancel will not return it */
	memcpy(hint_place(p, usable), &hint, sizeof(hint));
	__atomic_store_n(&table[i], (uintptr_t)p, __ATOMIC_RELEASE);
	h->bytes += usable - LEDGER_TRAILER;
	h->blocks++;
}

bool ledger_block_drop(struct stint *self, void *p, size_t usable)
{
	uint32_t i = entry_of(p, usable);
	struct stint *owner;

	if (!i)
		return false;
	owner = owner_of(i);
	if (owner && owner == self) {
		put_entry(&owner->ledger.heap, i);
		owner->ledger.heap.bytes -= usable - LEDGER_TRAILER;
		owner->ledger.heap.blocks--;
		return true;
	}
	if (!take_out(i, (uintptr_t)p))
		return false;
	if (owner) {
		__atomic_fetch_add(&owner->ledger.heap.gone_bytes, usable - LEDGER_TRAILER, __ATOMIC_RELAXED);
		__atomic_fetch_add(&owner->ledger.heap.gone_blocks, 1, __ATOMIC_RELAXED);
	}
	return true;
}

bool ledger_block_known(void *p, size_t usable)
{
	return entry_of(p, usable) != 0;
}

bool ledger_block_mine(const struct stint *s, void *p, size_t usable)
{
	uint32_t i = entry_of(p, usable);

	return i && owner_of(i) == s;
}

static size_t minus(size_t n, const size_t *gone)
{
	size_t g = __atomic_load_n(gone, __ATOMIC_RELAXED);

	return n > g ? n - g : 0;
}

size_t ledger_heap_bytes(const struct ledger *l)
{
	return minus(l->heap.bytes, &l->heap.gone_bytes);
}

size_t ledger_heap_blocks(const struct ledger *l)
{
	return minus(l->heap.blocks, &l->heap.gone_blocks);
}

static uint32_t last_chunk(uint32_t c)
{
	while (load(c))
		c = (uint32_t)load(c);
	return c;
}

/* no more of this call: foreign frees still find their entries, but nobody to account to */
static void give_up_chunks(struct heap_ledger *h)
{
	uint32_t first = h->chunks;

	for (uint32_t c = first; c; c = (uint32_t)load(c))
		store(c + 1, 0);
	memset(h, 0, sizeof(*h));
	put_chunks(first, last_chunk(first));
	__atomic_fetch_sub(&ledger_heap_live, 1, __ATOMIC_RELAXED);
}

void ledger_heap_release(struct stint *s)
{
	struct heap_ledger *h = &s->ledger.heap;

	if (!h->chunks)
		return;
	for (uint32_t c = h->chunks; c; c = (uint32_t)load(c))
		for (uint32_t i = c + CHUNK_FIRST; i < c + CHUNK_WORDS; i++) {
			uintptr_t block = load(i);

			if (is_block(block) && take_out(i, block))
				sys.free((void *)block);
		}
	give_up_chunks(h);
}

/* one chunk of a call that completed becomes @to's */
static void take_over(struct heap_ledger *to, uint32_t c, struct stint *owner)
{
	store(c + 1, (uintptr_t)owner);
	store(c, to->chunks);
	to->chunks = c;
	for (uint32_t i = c + CHUNK_FIRST; i < c + CHUNK_WORDS; i++)
		if (!is_block(load(i)))
			put_entry(to, i);
}

void ledger_heap_pass(struct stint *s, struct stint *to)
{
	struct heap_ledger *h = &s->ledger.heap, *t = to ? &to->ledger.heap : NULL;
	uint32_t c = h->chunks, fresh;

	if (likely(!c))
		return;
	if (!t || !ledger_heap_blocks(&s->ledger)) {
		give_up_chunks(h);
		return;
	}
	fresh = t->fresh;
	if (!t->chunks)
		__atomic_fetch_add(&ledger_heap_live, 1, __ATOMIC_RELAXED);
	t->bytes += ledger_heap_bytes(&s->ledger);
	t->blocks += ledger_heap_blocks(&s->ledger);
	while (c) {
		uint32_t next = (uint32_t)load(c);

		take_over(t, c, to);
		c = next;
	}
	t->fresh = fresh;
	memset(h, 0, sizeof(*h));
	__atomic_fetch_sub(&ledger_heap_live, 1, __ATOMIC_RELAXED);
}

void ledger_heap_fork_prepare(void)
{
	sys_lock(&heap_lock);
}

void ledger_heap_fork_done(void)
{
	sys_unlock(&heap_lock);
}
