/*
 * mapping.c - mappings
 *
 * A call's mappings are entered as ranges of pages; unmapping or replacing part of one, on whatever thread, cuts
 * the entry. Ranges are struck before they are unmapped and before MAP_FIXED replaces them, so a range that is
 * another's by then is never given back. A mapping that is moved stays with whose it was. Shared memory
 * segments (shmat) are mappings, too: unmapping all of one detaches it.
 *
 * Not seen: what a program maps or unmaps by bare system calls, and libc's own mappings.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "interpose.h"
#include "../ledger.h"
#include "../sys.h"

#define HUGE_SHIFT 26           /* in the flags: the logarithm of the size of huge pages; 0: the default */
#define HUGE_MASK 0x3f
#define HUGE_DEFAULT 21

/* huge mappings are unmapped in whole huge pages */
static size_t true_length(size_t len, int flags)
{
	int log = flags >> HUGE_SHIFT & HUGE_MASK;
	size_t size;

	if (!(flags & MAP_HUGETLB))
		return len;
	size = (size_t)1 << (log ? log : HUGE_DEFAULT);
	return (len + size - 1) & ~(size - 1);
}

static void *enter(struct stint *s, void *p, size_t len)
{
	if (p == MAP_FAILED)
		return p;
	if (!s) {
		int saved = errno;

		ledger_map_drop(p, len);
		errno = saved;
		return p;
	}
	if (!ledger_map_add(s, p, len))
		return p;
	sys_munmap(p, len);
	errno = ENOMEM;
	return MAP_FAILED;
}

static bool replaces(int flags)
{
	return (flags & MAP_FIXED) && (flags & MAP_FIXED_NOREPLACE) != MAP_FIXED_NOREPLACE;
}

#define MAPS(name, type)                                                                \
	WRAPPER void *name(void *at, size_t len, int prot, int flags, int fd, type offset) \
	{                                                                               \
		struct stint *s = self();                                               \
		void *p;                                                                \
                                                                                        \
		if (s)                                                                  \
			preempt_disable(s);                                             \
		if (replaces(flags))                                                    \
			ledger_map_drop(at, len);                                       \
		p = enter(s, REAL(name)(at, len, prot, flags, fd, offset), true_length(len, flags)); \
		if (s)                                                                  \
			preempt_enable(s, caller_address());                            \
		return p;                                                               \
	}

MAPS(mmap, off_t)
MAPS(mmap64, off64_t)

WRAPPER int munmap(void *p, size_t len)
{
	struct stint *s = self();
	int r;

	if (likely(!s)) {
		ledger_map_drop(p, len);
		return REAL(munmap)(p, len);
	}
	preempt_disable(s);
	ledger_map_drop(p, len);
	r = REAL(munmap)(p, len);
	preempt_enable(s, caller_address());
	return r;
}

struct move {
	void *p, *to;
	size_t len, new_len;
	int flags;
};

static void *do_move(void *arg)
{
	struct move *m = arg;

	return REAL(mremap)(m->p, m->len, m->new_len, m->flags, m->to);
}

WRAPPER void *mremap(void *p, size_t len, size_t new_len, int flags, ...)
{
	struct move m = { p, NULL, len, new_len, flags };
	struct stint *s = self();
	va_list ap;
	void *r;

	va_start(ap, flags);
	if (flags & MREMAP_FIXED)
		m.to = va_arg(ap, void *);
	va_end(ap);
	if (likely(!s) && !__atomic_load_n(&ledger_things_live, __ATOMIC_RELAXED))
		return do_move(&m);
	if (s)
		preempt_disable(s);
	r = ledger_map_move(p, len, new_len, flags & MREMAP_DONTUNMAP, do_move, &m);
	if (s)
		preempt_enable(s, caller_address());
	return r;
}

/* a segment is as long as it was made */
static size_t segment_size(int id)
{
	struct shmid_ds ds;
	int saved = errno;
	size_t size = shmctl(id, IPC_STAT, &ds) == 0 ? ds.shm_segsz : 0;

	errno = saved;
	return size;
}

WRAPPER void *shmat(int id, const void *at, int flags)
{
	struct stint *s = self();
	size_t size;
	void *p;

	if (likely(!s))
		return REAL(shmat)(id, at, flags);
	preempt_disable(s);
	p = REAL(shmat)(id, at, flags);
	size = p == MAP_FAILED ? 0 : segment_size(id);
	if (size)
		p = enter(s, p, size);
	preempt_enable(s, caller_address());
	return p;
}

WRAPPER int shmdt(const void *p)
{
	struct stint *s = self();
	int r;

	if (s)
		preempt_disable(s);
	ledger_map_drop_at((void *)p);
	r = REAL(shmdt)(p);
	if (s)
		preempt_enable(s, caller_address());
	return r;
}
