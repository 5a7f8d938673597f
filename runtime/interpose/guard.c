/*
 * guard.c - the initialisation of C++'s local static variables
 *
 * A compiler has the first to reach such a variable initialise it, between __cxa_guard_acquire() and __cxa_guard_release() (or
 * _abort(), when the initialiser throws), and all others wait. A call stopped in between would have its own caller wait for it for
 * ever; so preemption stays disabled, as between stint_preempt_disable() and enable. Who waits for another kernel thread's
 * initialiser may be stopped there.
 *
 * The functions are no part of libc, and are defined here in full, not passed on: the C++ library may be loaded where a look-up
 * behind us does not find it. A guard may be shared with code that has that library's functions linked in, so the protocol
 * is that of libstdc++ on Linux. The first four bytes of a guard are a futex word:
 *
 *      0               not begun
 *      DONE            (the first byte, which compiled code looks at before it calls)
 *      BUSY            somebody initialises
 *      BUSY | WAITED   and somebody waits
 *
 * The futex is a shared one, because theirs is.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>

#include <stint/call.h>

#include "../ledger.h"
#include "../sys.h"
#include "lot.h"

#define DONE 1u
#define BUSY 0x100u
#define WAITED 0x10000u

typedef uint32_t guard_word __attribute__((may_alias));

int __cxa_guard_acquire(uint64_t *guard);
void __cxa_guard_release(uint64_t *guard);
void __cxa_guard_abort(uint64_t *guard);

static void wait_while(struct stint *s, guard_word *word, uint32_t seen, const void *caller)
{
	if (s && parks_within(s)) {
		park_word(s, word, seen, caller);
		return;
	}
	if (s)
		wait_begin(s, word, sizeof(*word));
	sys_raw(SYS_futex, word, FUTEX_WAIT, seen, NULL);
	if (s)
		ledger_wait_end(s);
}

/* whether the caller is to initialise */
static bool acquire(struct stint *s, guard_word *word, const void *caller)
{
	for (;;) {
		uint32_t seen = 0;

		if (__atomic_compare_exchange_n(word, &seen, BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return true;
		if (seen & DONE)
			return false;
		if (!(seen & WAITED)) {
			if (!__atomic_compare_exchange_n(word, &seen, seen | WAITED, false, __ATOMIC_ACQ_REL,
			                                 __ATOMIC_ACQUIRE))
				continue;
			seen |= WAITED;
		}
		wait_while(s, word, seen, caller);
	}
}

WRAPPER int __cxa_guard_acquire(uint64_t *guard)
{
	struct stint *s = self();
	guard_word *word = (guard_word *)guard;
	bool first;

	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) & DONE)
		return 0;
	if (!s)
		return acquire(NULL, word, NULL);
	preempt_disable(s);
	first = acquire(s, word, caller_address());
	if (first)
		s->user_depth++;        /* so that calls in it are not stopped by a deadline around it */
	else
		preempt_enable(s, caller_address());
	return first;
}

static void settle(uint64_t *guard, uint32_t to, const void *caller)
{
	struct stint *s = self();

	if (__atomic_exchange_n((guard_word *)guard, to, __ATOMIC_ACQ_REL) & WAITED)
		sys_raw(SYS_futex, guard, FUTEX_WAKE, INT_MAX, 0);
	if (lot_crowded(guard))
		lot_wake_all(guard);
	if (s && s->user_depth) {
		s->user_depth--;
		preempt_enable(s, caller);
	}
}

WRAPPER void __cxa_guard_release(uint64_t *guard)
{
	settle(guard, DONE, caller_address());
}

WRAPPER void __cxa_guard_abort(uint64_t *guard)
{
	settle(guard, 0, caller_address());
}
