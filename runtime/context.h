/*
 * context.h - struct stint, the execution context that everything else is about
 *
 * A stint lives at the top of its slot (stack.h), so its memory is type-stable: a stale handle finds a
 * stint in state STATE_FREE, or another call, never an unmapped page.
 *
 *      slot, low addresses first
 *      +-------+----------------------------------+--------------+----------------+--------------+
 *      | guard |          usable stack       <--- | static TLS   | thread control | struct stint |
 *      |       |                                  | (room for    | block of glibc |              |
 *      |       |                                  | later dlopen)|                |              |
 *      +-------+----------------------------------+--------------+----------------+--------------+
 *              stack_lo                           stack_hi       tp
 *
 * Behind it is room for a struct stint_thread: a thread is a stint that a worker drives (thread.h), a call one that its caller
 * drives.
 *
 * Who may write what: ctx, depth, pending, ledger, cleanups: the stint itself, or whoever owns it while
 * it is stopped (state has been moved to STATE_RUNNING by compare-and-swap). state: that owner. parent, kt,
 * inner, deadline, eff: the code that switches, on the kernel thread that runs the chain.
 * The tick handler runs on the stint's own stack and kernel thread, so plain accesses suffice between it and
 * the stint; only compiler order matters (barrier()).
 */
#ifndef STINT_CONTEXT_H
#define STINT_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <urcu/list.h>

#include <stint/call.h>

#include "arch/x86_64/arch.h"
#include "ledger-types.h"
#include "private.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() __asm__ volatile("" ::: "memory")

#define NEVER UINT64_MAX        /* a point in time, in cycles, that does not come */
#define STINT_NAME_SIZE 32
#define THREAD_ROOM 384         /* behind each struct stint: what the runtime keeps of a thread (thread.h) */
#define CLEANUPS_INLINE 4

struct call_jump;
struct kthread;
struct slab;
struct stint_class;

/* states; the public ones are these minus one, and zeroed memory is a freed stint */
enum {
	STATE_FREE = 0,
	STATE_READY = 1 + STINT_READY,
	STATE_RUNNING = 1 + STINT_RUNNING,
	STATE_TIMED_OUT = 1 + STINT_TIMED_OUT,
	STATE_PAUSED = 1 + STINT_PAUSED,
	STATE_COMPLETE = 1 + STINT_COMPLETE,
	STATE_CANCELLED = 1 + STINT_CANCELLED,
	STATE_JUMPED                    /* only as "how": the program jumps out of it, see call_jump_out() */
};

/* what libc's functions keep for a call in place of static memory: the head of what interpose/statics.c makes */
struct statics {
	void (*free)(struct statics *statics);
	void (*swap_vars)(struct statics *statics);     /* of a call with own_vars; in signal context */
};

/*
 * A function of libc that is calling the program, with something in its hands that only it can put down. On cancel, @end
 * does: it takes the innermost off the list and returns, or it has libc return to its wrapper, which takes it off and calls
 * call_wind_up(). They lie on the call's own stack, each below its outer.
 */
struct callout {
	struct callout *outer;
	void (*end)(struct callout *callout);
	bool closed;                    /* preemption stays disabled while the program runs */
};

struct cleanup {
	void (*fn)(void *);
	void *arg;
};

struct cleanup_block {
	struct cleanup_block *prev;
	unsigned n;
	struct cleanup at[62];
};

struct stint {
	/* touched by every switch and tick */
	struct arch_context ctx;        /* where it continues, while stopped */
	struct kthread *kt;             /* the kernel thread that runs it */
	struct stint *inner;            /* the call in it that was running when the chain was stopped */
	uint64_t eff;                   /* the earliest of its own and those around it */
	struct stint *parent;           /* the call that launched or resumed it, while it runs */
	uint64_t deadline;              /* its own, in cycles */
	int depth;                      /* preemption is disabled while > 0 */
	int user_depth;                 /* of these, by stint_preempt_disable() */
	bool pending;                   /* a deadline passed meanwhile: to be taken when depth returns to 0 */
	bool ending;                    /* the function has returned, or it is being cancelled */
	bool lock_wait;                 /* depth covers a wait: may be stopped at a system call (mutex.c) */
	bool own_mask;                  /* it changed the signal mask: mask and caller_mask count */
	bool is_thread;                 /* driven by a worker; parent is NULL */
	bool shielded;                  /* a call around it has user_depth: the end of a turn cannot stop it */
	bool own_vars;                  /* it has variables of libc's (getopt's) that are exchanged when it is switched */
	int state;                      /* STATE_...; moved by compare-and-swap, stored with release */
	int how;                        /* how it came back: a STATE_... value */
	int ends_as;                    /* while ending, out of the ordinary: STATE_CANCELLED, STATE_COMPLETE */
	uintptr_t handler_sp;           /* frame of the user's signal handler running on it, or 0 */
	struct arch_context ret;        /* where its caller continues, while it runs */
	uintptr_t stack_lo, stack_hi;
	void *tp;

	/* its work */
	stint_fn *fn;
	void *arg;
	void *result;
	struct stint_libset *libset;    /* that it runs in, or NULL */
	uint64_t switched_in;           /* cycles */
	uint64_t started, ended;        /* cycles, 0: not yet */
	uint64_t stopped;               /* cycles, when the chain was stopped */
	uint64_t cpu;                   /* cycles */
	unsigned locale_gen;            /* of the locale by which its thread control block classifies characters */
	uint64_t resumes, preemptions, deferrals;
	uint64_t deferred_since;        /* cycles; counts while pending is set; 0: it was not deferred */
	uint64_t deferred_longest;      /* cycles */
	uint64_t defer_limit;           /* cycles; stopped under a lock of libc's after so long. 0, as for all calls: never */
	uint64_t limited;               /* times that it was */
	uint64_t handled;               /* the program's signal handlers that ran on it */
	uint64_t broken_into;           /* of these, those that do not have system calls restarted */

	/* what it holds */
	struct ledger ledger;
	unsigned ncleanups;
	struct cleanup cleanups[CLEANUPS_INLINE];
	struct cleanup_block *more_cleanups;
	struct callout *callouts;       /* the innermost, or NULL */
	void *stream;                   /* that a wrapper has gone to libc with (interpose/stream.c), or NULL */
	const struct call_jump *jump;   /* the one that leaves it, when it came back JUMPED */
	struct statics *statics;        /* or NULL: it used none yet */
	struct cds_list_head children;  /* calls launched or resumed in it, not freed */
	struct cds_list_head sibling;   /* in the parent's children, or empty */

	/* signal mask, see preempt.c */
	uint64_t mask, caller_mask;

	_Alignas(16) char exception[32];        /* what unwinds it for pthread_exit(): outlasts the frames */

	/* its slot, see stack.c and tcb.c */
	struct stint *next_free;
	struct stint *next_batch;       /* of the first of a batch of free slots */
	struct stint_class *size_class;
	struct slab *slab;
	int fake_tid;
	bool tcb_ready;
	char name[STINT_NAME_SIZE];
} __attribute__((aligned(64)));

/* The innermost call running here, or NULL. In its own TLS, so it is right on whatever kernel thread. */
extern __thread struct stint *stint_current
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline struct stint *self(void)
{
	return stint_current;
}

static inline bool on_own_stack(const struct stint *s, uintptr_t sp)
{
	return sp >= s->stack_lo && sp < s->stack_hi;
}

/* the program has jumped, or will, to where the stack pointer is @sp: what is below is gone */
static inline void callouts_jumped(struct stint *s, uintptr_t sp)
{
	while (s->callouts && (uintptr_t)s->callouts < sp)
		s->callouts = s->callouts->outer;
}

#endif
