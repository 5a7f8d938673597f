/*
 * ledger-private.h - what the ledger's own files share
 */
#ifndef STINT_LEDGER_PRIVATE_H
#define STINT_LEDGER_PRIVATE_H

#include <signal.h>
#include <stdint.h>

#include "sys.h"

#define LEDGER_BLOCK_SIZE 4096  /* overflow blocks come straight from mmap: the heap may not be entered here */

/* No signal of any kind until signals_restore(): not the tick, and not a handler of the user that comes back here. */
static inline uint64_t signals_block(void)
{
	uint64_t all = UINT64_MAX, old = 0;

	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(old));
	return old;
}

static inline void signals_restore(uint64_t old)
{
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
}

#endif
