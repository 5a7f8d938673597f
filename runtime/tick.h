/*
 * tick.h - the timer of a kernel thread, armed as lazily as possible
 *
 * Each kernel thread that runs calls has one POSIX timer that signals that thread. A tick costs tens of
 * microseconds on a virtual machine, arming the timer up to four, a launch a tenth of one. So:
 *
 *  - A launch whose deadline lies beyond the next tick arms nothing: that tick will look again. A call that
 *    completes disarms nothing. A stream of short calls costs one tick a timeout, and no system call else.
 *  - When it fires, it is off, until someone has a deadline again. (A periodic timer would save the arming for a
 *    call resumed slice after slice, but its ticks drift against the deadlines by whatever the caller does in
 *    between, and each that comes early by more than a moment costs a tick.)
 *  - A call resumed after it timed out will most likely use its whole slice, so there the timer is
 *    armed anew if the next tick would come early: an extra tick costs more than arming.
 *
 * kt->armed is when the timer's next expiry is due; NEVER when it is off. It is written by the kernel thread
 * itself and by the handler on it. The order is always: publish the deadline (kt->current), then look at
 * armed; so a tick that lands in between either sees the deadline and arms for it, or came before and armed
 * still tells the truth.
 */
#ifndef STINT_TICK_H
#define STINT_TICK_H

#include <signal.h>
#include <stdbool.h>

#include "kthread.h"

int tick_create(struct kthread *kt, int signo);         /* 0, EAGAIN, ENOMEM */
void tick_destroy(struct kthread *kt);

/* see that a tick comes for deadline @eff; @exact: not much before it either */
void tick_arm_slow(struct kthread *kt, uint64_t now, uint64_t eff);
void tick_arm_exact(struct kthread *kt, uint64_t now, uint64_t eff);

static inline void tick_ensure(struct kthread *kt, uint64_t now, uint64_t eff)
{
	if (unlikely(kt->armed > eff))
		tick_arm_slow(kt, now, eff);
}

/* in the handler */
void tick_fired_insig(struct kthread *kt);
void tick_off_insig(struct kthread *kt);
void tick_retry_insig(struct kthread *kt, uint64_t now);       /* a tick that was refused comes again */

/*
 * A second timer, of the CPU time of the kernel thread that calls this: it fires when @span of that has been used. It is made when it
 * is first needed. The kernel looks at it at its own ticks, so some milliseconds late.
 *
 * Return:  tick_arm_burst_insig(): false, there is none. tick_burst_over_insig(), when it has fired: false, the span was used so
 *          slowly that the thread mostly waits, and it is armed anew.
 */
bool tick_arm_burst_insig(struct kthread *kt, uint64_t now, uint64_t span);
bool tick_burst_over_insig(struct kthread *kt, uint64_t now);
void tick_burst_off(struct kthread *kt);

extern PRIVATE uint64_t tick_retry_min;

static inline void tick_retry_reset(struct kthread *kt)
{
	kt->retry = tick_retry_min;
}

/*
 * Where ticks come from, for kernel threads that are workers: their timers, or another kernel thread, which is told by
 * tick_peer_armed_insig() that kt->armed has changed to an earlier time than it knows of (monitor.c).
 */
extern PRIVATE bool tick_by_peer;       /* constant while workers run */
extern void (*tick_peer_armed_insig)(uint64_t when);

/* the preemption signal to @kt, from another kernel thread: a tick, or a kick (worker.c) */
void tick_send(const struct kthread *kt);
void tick_kick(const struct kthread *kt);

uint64_t tick_measure(struct kthread *kt);      /* cycles that a tick takes from what it interrupts, here and now */

extern PRIVATE uint64_t tick_slack;     /* cycles that are cheaper to wait for than to arm for */
void tick_init(void);

#endif
