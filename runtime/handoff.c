/*
 * handoff.c - see handoff.h
 *
 * A bare system call, as in locks that libraries make of futex(2), keeps the worker in the kernel. The end of the turn interrupts that, and the
 * others have theirs; but the thread waits on in each of its own, in which the worker has nothing to do. So one that is found in a
 * system call at the ends of TIMES turns one after the other keeps the kernel thread, on a relief (relief.c), and the worker goes on with that
 * one's. From then on it costs nothing: it waits as a kernel thread does, without ticks, and whatever ends its wait wakes it by itself.
 * When it parks, yields or ends, that relief rests, and may be used for the next.
 *
 * As long as it is there it is the kernel that shares out the CPU between it and the workers. So a timer of the CPU time that the kernel
 * thread uses brings it back into a queue after a quantum; not one that goes on to wait for most of the time (tick.c).
 *
 * Who waits so for the first time, or finds no relief that rests, leaves as others do at the end of a turn. The monitor makes one more
 * relief then, so the next time there is one.
 *
 * Locks: here the relief's lock is taken after the worker's, and not inside it. In between the worker is nobody's: its running thread
 * has been filed as one that waits, and the other kernel thread, which rests, waits for the end of the claim.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include "handoff.h"

#include "clock.h"
#include "monitor.h"
#include "relief.h"
#include "replace.h"
#include "runq.h"
#include "tick.h"

#define TIMES 2

static bool changes_over(const struct worker *w)
{
	return w->policy_gen != replace_gen();
}

static bool waits_again(struct stint_thread *t, bool waits)
{
	if (!waits)
		t->waited = 0;
	else if (t->waited < TIMES)
		t->waited++;
	return t->waited == TIMES;
}

/* Each has the other's kernel thread from here on, and its stack. The one of @relief waits for the end of the claim. */
static void exchange(struct worker *w, struct worker *relief)
{
	struct kthread *here = w->kt, *there = relief->kt;

	relief->native = w->native;
	w->native.tp = there->tp;
	__atomic_store_n(&w->kt, there, __ATOMIC_RELAXED);
	__atomic_store_n(&relief->kt, here, __ATOMIC_RELAXED);
	here->worker = relief;
	here->post = &relief->post;
	there->worker = w;
	there->post = &w->post;
	there->turn_end = NEVER;
}

/* Who kicked or cancelled meanwhile may have asked for the former kernel thread, or not found the thread at either. */
static void look_again(struct worker *relief, struct stint_thread *t)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&relief->post.kicked, __ATOMIC_RELAXED) || thread_cancels(t) || changes_over(relief))
		relief->kt->turn_end = 0;
}

bool handoff(struct stint *s, bool waits)
{
	struct stint_thread *t = thread_of(s);
	struct worker *w = t->worker, *relief;
	struct kthread *there;

	if (!waits_again(t, waits) || thread_cancels(t) || changes_over(w))
		return false;
	relief = relief_claim();
	if (!relief) {
		monitor_want_relief();
		return false;
	}
	there = relief->kt;
	if (changes_over(relief) || !tick_arm_burst_insig(s->kt, clock_now(), clock_cycles(runq_quantum))) {
		relief_begin(there);
		return false;
	}
	worker_leave_behind(w, t);
	exchange(w, relief);
	worker_go_on(relief, t);
	relief_begin(there);
	look_again(relief, t);
	return true;
}
