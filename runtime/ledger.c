/*
 * ledger.c - the ledger as a whole: in which order things are given back
 *
 * Locks first, in the reverse order of their taking, because other threads wait for them and because nothing that
 * follows needs them. Then streams, which may still write to their descriptors; directories; handles; libraries, which
 * may use descriptors and memory in their destructors; plain descriptors; mappings; and last the heap, in
 * which everything else may have kept its bookkeeping.
 *
 * Context: the call itself, preemption disabled, not in a signal handler.
 */
#include "context.h"
#include "ledger.h"

size_t ledger_fds_held(const struct ledger *l)
{
	long held = __atomic_load_n(&l->fds.held, __ATOMIC_RELAXED);

	return (held > 0 ? (size_t)held : 0) + __atomic_load_n(&l->thing_fds, __ATOMIC_RELAXED);
}

void ledger_release(struct stint *s)
{
	ledger_locks_release(s);
	ledger_things_release(s, THING_STREAM);
	ledger_things_release(s, THING_DIR);
	ledger_things_release(s, THING_TIMER);
	ledger_things_release(s, THING_LIBRARY);
	ledger_fd_release(s);
	ledger_things_release(s, THING_MAPPING);
	ledger_heap_release(s);
}

/* as most leave it */
static bool holds_nothing(const struct stint *s)
{
	const struct ledger *l = &s->ledger;
	uintptr_t things = 0;

	for (unsigned i = 0; i < LEDGER_THING_LISTS; i++)
		things |= (uintptr_t)__atomic_load_n(&l->things[i], __ATOMIC_RELAXED);
	return !(l->locks.n | l->locks.streams | l->fds.n | l->fds.busy | l->heap.chunks) && !l->locks.more && !things && !s->lock_wait;
}

void ledger_pass(struct stint *s, struct stint *to)
{
	if (likely(holds_nothing(s)))
		return;
	ledger_locks_pass(s);
	ledger_things_pass(s, to);
	ledger_fd_pass(s, to);
	ledger_heap_pass(s, to);
}
