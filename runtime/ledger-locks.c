/*
 * ledger-locks.c - the locks that a call has taken and not given back, and its waits for them
 *
 * Only the call itself enters and strikes, with preemption disabled, so there is nothing to synchronise. Locks are
 * not to be taken in signal handlers, so appends do not nest either. The order of taking is kept:
 * releasing goes backwards.
 *
 * An entry may be out of date: an ordinary mutex can be unlocked by another thread. So before one is released, the
 * lock itself is asked whether it still is held by this call's thread identity, as far as its kind
 * remembers one (reader's locks and spin locks do not).
 *
 * Signal context: ledger_wait_insig().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "arch/x86_64/arch-wait.h"
#include "context.h"
#include "ledger-private.h"
#include "ledger.h"

#define BLOCK_LOCKS ((LEDGER_BLOCK_SIZE - 2 * sizeof(void *)) / sizeof(struct held_lock))

struct lock_block {
	struct lock_block *older;
	unsigned n;
	struct held_lock at[BLOCK_LOCKS];
};
_Static_assert(sizeof(struct lock_block) <= LEDGER_BLOCK_SIZE, "one page");

/* unmap the newest blocks while they are empty, all but the last: the next lock would map it again */
static void shrink(struct lock_ledger *l)
{
	struct lock_block *b;

	while ((b = l->more) && b->n == 0 && b->older) {
		l->more = b->older;
		sys_munmap(b, LEDGER_BLOCK_SIZE);
	}
}

static struct lock_block *grow(struct lock_ledger *l)
{
	struct lock_block *b = sys_mmap(LEDGER_BLOCK_SIZE, 0);

	if (b) {
		b->older = l->more;
		l->more = b;
	}
	return b;
}

int ledger_lock_add(struct stint *s, enum lock_kind kind, void *lock)
{
	struct lock_ledger *l = &s->ledger.locks;
	struct held_lock held = { lock, kind };
	struct lock_block *b;

	shrink(l);
	b = l->more;
	if (!b || b->n == 0) {
		if (l->n < LEDGER_LOCKS_INLINE) {
			l->at[l->n++] = held;
			return 0;
		}
	}
	if (!b || b->n == BLOCK_LOCKS)
		b = grow(l);
	if (!b)
		return ENOMEM;
	b->at[b->n++] = held;
	return 0;
}

/* the latest of @at[0..@n) that is @lock goes, those above it move down */
static bool strike(struct held_lock *at, unsigned *n, int kind, const void *lock)
{
	for (unsigned i = *n; i-- > 0;) {
		if (at[i].lock != lock || at[i].kind != kind)
			continue;
		for (--*n; i < *n; i++)
			at[i] = at[i + 1];
		return true;
	}
	return false;
}

bool ledger_lock_drop(struct stint *s, enum lock_kind kind, void *lock)
{
	struct lock_ledger *l = &s->ledger.locks;

	for (struct lock_block *b = l->more; b; b = b->older)
		if (strike(b->at, &b->n, kind, lock))
			return true;
	return strike(l->at, &l->n, kind, lock);
}

static void unlock_mutex(struct stint *s, pthread_mutex_t *m)
{
	if (__atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED) == s->fake_tid)
		sys.pthread_mutex_unlock(m);
}

static void unlock_rwlock(struct stint *s, pthread_rwlock_t *l)
{
	int writer = __atomic_load_n(&l->__data.__cur_writer, __ATOMIC_RELAXED);

	/* readers are counted in the upper bits; a writer that is not us means ours was given back */
	if (writer == s->fake_tid || (!writer && __atomic_load_n(&l->__data.__readers, __ATOMIC_RELAXED) >> 3))
		sys.pthread_rwlock_unlock(l);
}

static void unlock_spin(pthread_spinlock_t *l)
{
	if (*l <= 0)            /* 1 is free */
		sys.pthread_spin_unlock(l);
}

void (*ledger_lock_was_released)(int kind, void *lock);

static void give_back(struct stint *s, const struct held_lock *at, unsigned n)
{
	while (n-- > 0) {
		if (at[n].kind == LOCK_MUTEX || at[n].kind == LOCK_CXX_MUTEX)
			unlock_mutex(s, at[n].lock);
		else if (at[n].kind == LOCK_RWLOCK)
			unlock_rwlock(s, at[n].lock);
		else
			unlock_spin(at[n].lock);
		if (ledger_lock_was_released)
			ledger_lock_was_released(at[n].kind, at[n].lock);
	}
}

static void forget(struct stint *s, bool unlock)
{
	struct lock_ledger *l = &s->ledger.locks;
	struct lock_block *b;

	while ((b = l->more)) {
		if (unlock)
			give_back(s, b->at, b->n);
		l->more = b->older;
		sys_munmap(b, LEDGER_BLOCK_SIZE);
	}
	if (unlock)
		give_back(s, l->at, l->n);
	l->n = 0;
	l->streams = 0;
	s->lock_wait = false;
}

void ledger_locks_release(struct stint *s)
{
	forget(s, true);
}

void ledger_locks_pass(struct stint *s)
{
	forget(s, false);
}

void ledger_wait_begin(struct stint *s, const void *lock, size_t size)
{
	/* in a handler of the program that came into another wait, or within the program's own disable: not stopped */
	if (s->depth != 1)
		return;
	s->ledger.locks.wait_lo = (uintptr_t)lock;
	s->ledger.locks.wait_hi = (uintptr_t)lock + size;
	barrier();
	s->lock_wait = true;
	barrier();
}

void ledger_wait_end(struct stint *s)
{
	barrier();
	if (s->depth == 1)
		s->lock_wait = false;
}

static bool is_wait_on(const struct lock_ledger *l, const ucontext_t *uc)
{
	uintptr_t word = arch_uc_syscall_arg(uc, 0);
	int op = (int)arch_uc_syscall_arg(uc, 1) & FUTEX_CMD_MASK;

	return word >= l->wait_lo && word < l->wait_hi && (op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET);
}

/*
 * A call that is stopped in a futex wait for a mutex and then cancelled leaves nothing behind: the kernel
 * takes a waiter off its queue before it lets a signal in, and one that was woken already returns 0 and is not
 * stopped. So no wake can have been meant for it, and none need be passed on. At most the lock's word still
 * says that somebody waits, which costs its owner one system call.
 */
bool ledger_wait_insig(const struct stint *s, const ucontext_t *uc)
{
	const struct lock_ledger *l = &s->ledger.locks;
	bool again = arch_uc_at_syscall(uc);

	if (s->handler_sp && arch_uc_sp(uc) < s->handler_sp)
		return false;
	if (!again && !arch_uc_interrupted(uc))
		return false;
	if (again && arch_uc_syscall_nr(uc) == SYS_rt_sigreturn)
		return false;           /* a handler is over; what it came into goes on behind this, and may have got something */
	if (l->wait_lo == l->wait_hi)
		return true;
	return (!again || arch_uc_syscall_nr(uc) == SYS_futex) && is_wait_on(l, uc);
}

bool ledger_needs_frames(const struct stint *s)
{
	const struct ledger *l = &s->ledger;

	return l->locks.n || l->locks.more || l->things[0];
}
