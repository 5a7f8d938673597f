/*
 * malloc.c - the malloc family: not stopped halfway, and entered in the call's ledger
 *
 * A block is entered when code other than libc's asks for it in a call. What libc allocates for itself (the
 * buffer of stdout, made by the first printf) must survive the call, and what it allocates for its caller (strdup)
 * is entered by the wrapper of that function, with heap_adopt(). A few functions of libc's ask for the program
 * (text_is_for_program()).
 *
 * Where the program has another malloc in front of ours, no block of its comes here, but for those that libc allocates with it for its
 * caller. They are left alone, since the malloc behind us could not resize them, or give them back.
 *
 * A block that someone else allocated and the call only resizes stays someone else's: the caller's vector that
 * grew in a call is not freed when the call is cancelled.
 *
 * Outside calls, free and realloc look for an entry only while some call has any (ledger_heap_live): a call's
 * block may be freed by anyone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "../ledger.h"
#include "../text.h"
#include "interpose.h"

static bool enters(size_t n, const void *caller)
{
	return n <= PTRDIFF_MAX - LEDGER_TRAILER && (!text_is_runtime(caller) || text_is_for_program(caller));
}

static void enter(struct stint *s, void *p)
{
	if (p)
		ledger_block_add(s, p, REAL(malloc_usable_size)(p));
}

static bool any_entered(void)
{
	return __atomic_load_n(&ledger_heap_live, __ATOMIC_RELAXED) != 0;
}

static bool may_be_entered(const char *p, size_t usable)
{
	uint32_t mark;

	if (unlikely(ledger_under_valgrind))
		return true;
	if (usable < LEDGER_TRAILER)
		return false;
	__builtin_memcpy(&mark, p + usable - sizeof(mark), sizeof(mark));
	return mark == ledger_block_mark(p);
}

static inline void strike(struct stint *s, void *p)
{
	size_t usable;

	if (!p || !any_entered())
		return;
	usable = REAL(malloc_usable_size)(p);
	if (may_be_entered(p, usable))
		ledger_block_drop(s, p, usable);
}

WRAPPER void *malloc(size_t n)
{
	struct stint *s = self();
	bool entered;
	void *p;

	if (likely(!s))
		return REAL(malloc)(n);
	preempt_disable(s);
	entered = enters(n, caller_address());
	p = REAL(malloc)(entered ? n + LEDGER_TRAILER : n);
	if (entered)
		enter(s, p);
	preempt_enable(s, caller_address());
	return p;
}

/* apart, so that outside calls free() is a jump */
static __attribute__((noinline)) void free_entered(struct stint *s, void *p, const void *caller)
{
	if (!s) {
		strike(NULL, p);
		REAL(free)(p);
		return;
	}
	preempt_disable(s);
	strike(s, p);
	REAL(free)(p);
	preempt_enable(s, caller);
}

WRAPPER void free(void *p)
{
	struct stint *s = self();

	if (unlikely(s || any_entered()))
		free_entered(s, p, caller_address());
	else
		REAL(free)(p);
}

WRAPPER void *calloc(size_t n, size_t size)
{
	struct stint *s = self();
	size_t total;
	bool entered;
	void *p;

	if (likely(!s))
		return REAL(calloc)(n, size);
	preempt_disable(s);
	entered = !__builtin_mul_overflow(n, size, &total) && enters(total, caller_address());
	p = entered ? REAL(calloc)(1, total + LEDGER_TRAILER) : REAL(calloc)(n, size);
	if (entered)
		enter(s, p);
	preempt_enable(s, caller_address());
	return p;
}

/* with preemption disabled in @s, or outside calls (@s NULL) */
static void *resize(struct stint *s, void *(*real)(void *, size_t), void *p, size_t n, const void *caller)
{
	size_t usable = p ? REAL(malloc_usable_size)(p) : 0;
	bool mine = s && (!p || ledger_block_mine(s, p, usable));
	bool entered = mine && n && enters(n, caller);
	void *q;

	if (p)
		ledger_block_drop(s, p, usable);
	q = real(p, entered ? n + LEDGER_TRAILER : n);
	if (entered && q)
		enter(s, q);
	else if (!q && n && p && mine)
		ledger_block_add(s, p, usable);         /* it failed: the old block is still there */
	return q;
}

static void *resize_anywhere(void *p, size_t n, const void *caller)
{
	struct stint *s = self();
	void *q;

	if (likely(!s))
		return unlikely(any_entered()) ? resize(NULL, REAL(realloc), p, n, caller) : REAL(realloc)(p, n);
	preempt_disable(s);
	q = resize(s, REAL(realloc), p, n, caller);
	preempt_enable(s, caller);
	return q;
}

WRAPPER void *realloc(void *p, size_t n)
{
	return resize_anywhere(p, n, caller_address());
}

WRAPPER void *reallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return resize_anywhere(p, total, caller_address());
}

WRAPPER void *memalign(size_t align, size_t n)
{
	struct stint *s = self();
	bool entered;
	void *p;

	if (likely(!s))
		return REAL(memalign)(align, n);
	preempt_disable(s);
	entered = enters(n, caller_address());
	p = REAL(memalign)(align, entered ? n + LEDGER_TRAILER : n);
	if (entered)
		enter(s, p);
	preempt_enable(s, caller_address());
	return p;
}

WRAPPER void *aligned_alloc(size_t align, size_t n)
{
	struct stint *s = self();
	bool entered;
	void *p;

	if (likely(!s))
		return REAL(aligned_alloc)(align, n);
	preempt_disable(s);
	entered = enters(n, caller_address());
	/* stricter implementations want a size that is a multiple of the alignment, which ours is not */
	p = entered ? REAL(memalign)(align, n + LEDGER_TRAILER) : REAL(aligned_alloc)(align, n);
	if (entered)
		enter(s, p);
	preempt_enable(s, caller_address());
	return p;
}

WRAPPER int posix_memalign(void **out, size_t align, size_t n)
{
	struct stint *s = self();
	bool entered;
	int err;

	if (likely(!s))
		return REAL(posix_memalign)(out, align, n);
	preempt_disable(s);
	entered = enters(n, caller_address());
	err = REAL(posix_memalign)(out, align, entered ? n + LEDGER_TRAILER : n);
	if (entered && !err)
		enter(s, *out);
	preempt_enable(s, caller_address());
	return err;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

WRAPPER void *valloc(size_t n)
{
	if (likely(!self()))
		return REAL(valloc)(n);
	return memalign(page_size(), n);
}

WRAPPER void *pvalloc(size_t n)
{
	size_t page = page_size(), whole = n ? (n + page - 1) / page * page : page;

	if (likely(!self()))
		return REAL(pvalloc)(n);
	return memalign(page, whole < n ? n : whole);
}

WRAPPER size_t malloc_usable_size(void *p)
{
	size_t usable = REAL(malloc_usable_size)(p);

	if (p && unlikely(any_entered()) && ledger_block_known(p, usable))
		usable -= LEDGER_TRAILER;
	return usable;
}

void *heap_enter(struct stint *s, void *p)
{
	size_t usable = p ? REAL(malloc_usable_size)(p) : 0;
	int saved = errno;
	void *q;

	if (!p || ledger_block_known(p, usable))
		return p;
	q = REAL(realloc)(p, usable + LEDGER_TRAILER);
	if (q)
		enter(s, q);
	errno = saved;
	return q ? q : p;
}

/* libc allocates with the malloc behind us, by way of ours or, where the library was opened late, at once */
static bool nobody_in_front;

void heap_init(void)
{
	void *first = dlsym(RTLD_DEFAULT, "malloc");

	nobody_in_front = first == (void *)malloc || first == (void *)REAL(malloc);
}

bool heap_is_mine(struct stint *s, void *p)
{
	return p && nobody_in_front && ledger_block_mine(s, p, REAL(malloc_usable_size)(p));
}

void *heap_adopt(struct stint *s, void *p)
{
	return nobody_in_front ? heap_enter(s, p) : p;
}

void heap_adopt_vector(struct stint *s, char ***vector, size_t offset, size_t n)
{
	char **v = *vector;

	if (!v)
		return;
	for (size_t i = offset; i < offset + n; i++)
		v[i] = heap_adopt(s, v[i]);
	*vector = heap_adopt(s, v);
}

LOCKED(int, malloc_trim, (size_t pad), (pad))
LOCKED(int, mallopt, (int what, int value), (what, value))
LOCKED(struct mallinfo2, mallinfo2, (void), ())
LOCKED(int, malloc_info, (int options, FILE *f), (options, f))
LOCKED_VOID(malloc_stats, (void), ())

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
LOCKED(struct mallinfo, mallinfo, (void), ())

/* --- libc's own names for them, of which programs make a malloc of their own --------------------
 *
 * The ledger takes their blocks only where malloc() itself is libc's: what stands in its place could not free them, and if it
 * is made of these functions, the block is its own.
 */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void *__libc_valloc(size_t n);
void *__libc_pvalloc(size_t n);
void __libc_free(void *p);
void cfree(void *p);
int __libc_mallopt(int what, int value);
struct mallinfo __libc_mallinfo(void);

static bool same_allocator(void)
{
	return (void *)REAL(malloc) == (void *)REAL(__libc_malloc);
}

static void *allocate(struct stint *s, size_t align, size_t n, const void *caller)
{
	bool entered = same_allocator() && enters(n, caller);
	size_t total = entered ? n + LEDGER_TRAILER : n;
	void *p;

	preempt_disable(s);
	p = align ? REAL(__libc_memalign)(align, total) : REAL(__libc_malloc)(total);
	if (entered)
		enter(s, p);
	preempt_enable(s, caller);
	return p;
}

WRAPPER void *__libc_malloc(size_t n)
{
	return unlikely(self()) ? allocate(self(), 0, n, caller_address()) : REAL(__libc_malloc)(n);
}

WRAPPER void *__libc_memalign(size_t align, size_t n)
{
	return unlikely(self()) ? allocate(self(), align, n, caller_address()) : REAL(__libc_memalign)(align, n);
}

WRAPPER void *__libc_valloc(size_t n)
{
	return unlikely(self()) ? allocate(self(), page_size(), n, caller_address()) : REAL(__libc_valloc)(n);
}

WRAPPER void *__libc_pvalloc(size_t n)
{
	size_t page = page_size(), whole = n ? (n + page - 1) / page * page : page;

	if (likely(!self()))
		return REAL(__libc_pvalloc)(n);
	return allocate(self(), page, whole < n ? n : whole, caller_address());
}

WRAPPER void *__libc_calloc(size_t n, size_t size)
{
	struct stint *s = self();
	size_t total;
	bool entered;
	void *p;

	if (likely(!s))
		return REAL(__libc_calloc)(n, size);
	preempt_disable(s);
	entered = same_allocator() && !__builtin_mul_overflow(n, size, &total) && enters(total, caller_address());
	p = entered ? REAL(__libc_calloc)(1, total + LEDGER_TRAILER) : REAL(__libc_calloc)(n, size);
	if (entered)
		enter(s, p);
	preempt_enable(s, caller_address());
	return p;
}

WRAPPER void *__libc_realloc(void *p, size_t n)
{
	struct stint *s = self();
	bool same = same_allocator();
	void *q;

	if (likely(!s))
		return unlikely(same && any_entered()) ? resize(NULL, REAL(__libc_realloc), p, n, caller_address()) :
		                                         REAL(__libc_realloc)(p, n);
	preempt_disable(s);
	q = same ? resize(s, REAL(__libc_realloc), p, n, caller_address()) : REAL(__libc_realloc)(p, n);
	preempt_enable(s, caller_address());
	return q;
}

static void release(struct stint *s, void *p, const void *caller)
{
	if (s)
		preempt_disable(s);
	if (same_allocator())
		strike(s, p);
	REAL(__libc_free)(p);
	if (s)
		preempt_enable(s, caller);
}

WRAPPER void __libc_free(void *p)
{
	release(self(), p, caller_address());
}

/* of this name only for programs linked before glibc 2.26 */
WRAPPER void cfree(void *p)
{
	release(self(), p, caller_address());
}

LOCKED(int, __libc_mallopt, (int what, int value), (what, value))
LOCKED(struct mallinfo, __libc_mallinfo, (void), ())
