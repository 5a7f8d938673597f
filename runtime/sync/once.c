/*
 * once.c - run a function the first time only
 *
 * The function is the program's and may do anything: wait, be stopped, throw, be cancelled. It may be stopped
 * in it like anywhere; whoever comes meanwhile waits. If it does not return, the next one runs it: an
 * exception unwinds through our frame (cleanup attribute), a cancel does not unwind but finds our callout. A
 * jump out of it is neither: then everybody else waits for ever.
 *
 * What has been done is known without the lock; but then its holder, who did it, may not have let go of it
 * yet, and the object may go when we return. So the lock is looked at, too, afterwards.
 */
#include "../text.h"
#include "wait.h"

enum { NEW, RUNNING, DONE };    /* state; release and acquire */
enum { RUN = -1 };              /* enter(): the caller runs it */

static int enter(void *object, struct stint_waiter *w, struct wait_list *woken)
{
	stint_once_t *o = object;

	(void)woken;
	switch (o->state) {
	case DONE:
		return 0;
	case RUNNING:
		return o->runner == w->id ? EDEADLK : MUST_WAIT;
	default:
		o->state = RUNNING;
		o->runner = w->id;
		return RUN;
	}
}

static const struct wait_class once_class = { PARK_ONCE, enter, NULL, NULL, NULL };

/* preemption disabled */
static void end_run(stint_once_t *o, int state)
{
	struct wait_list woken;
	struct stint_waiter *w;

	wait_list_init(&woken);
	spin_lock(&o->waiters.lock);
	if (state == DONE) {
		wait_list_take_all(&woken, &o->waiters, 0);
	} else if (w = waitq_take(&o->waiters), w) {
		o->runner = w->id;
		wait_list_add(&woken, w, RUN);
		state = RUNNING;
	}
	__atomic_store_n(&o->state, state, __ATOMIC_RELEASE);
	spin_unlock(&o->waiters.lock);
	wait_list_wake(&woken);
}

struct run {
	struct callout callout;         /* first */
	struct stint *s;
	stint_once_t *once;
	const void *caller;
	int state;                      /* what it will be: NEW until the function has returned */
};

/* on cancel, with preemption disabled */
static void give_up(struct callout *callout)
{
	struct run *run = (struct run *)callout;

	run->s->callouts = callout->outer;
	end_run(run->once, run->state);
}

static void end(struct run *run)
{
	park_begin(run->s);
	if (run->s && run->s->callouts == &run->callout)
		run->s->callouts = run->callout.outer;
	end_run(run->once, run->state);
	park_end(run->s, run->caller);
}

/* preemption is disabled, and enabled while the function runs */
static void run(stint_once_t *o, void (*fn)(void), struct stint *s, const void *caller)
{
	struct run run __attribute__((cleanup(end))) = { { NULL, give_up, false }, s, o, caller, NEW };

	if (s && on_own_stack(s, (uintptr_t)&run)) {
		callouts_jumped(s, (uintptr_t)&run);
		run.callout.outer = s->callouts;
		s->callouts = &run.callout;
	}
	park_end(s, caller);
	fn();
	run.state = DONE;
}

static inline bool done(const stint_once_t *o)
{
	if (__atomic_load_n(&o->state, __ATOMIC_ACQUIRE) != DONE || __atomic_load_n(&o->waiters.lock, __ATOMIC_ACQUIRE))
		return false;
	fiber_acquire(&o->waiters.lock);
	return true;
}

static __attribute__((noinline)) int once(stint_once_t *o, void (*fn)(void), stint_ns timeout, const void *caller)
{
	struct stint *s = self();
	struct wait wait;
	int r;

	wait.w.id = park_identity();
	park_begin(s);
	r = wait_nopreempt(&wait, &once_class, o, &o->waiters, &o->waiters.lock, s, timeout, caller);
	if (r == RUN) {
		run(o, fn, s, caller);
		return 0;
	}
	park_end(s, caller);
	return wait_or(r, ETIMEDOUT);
}

STINT_OPEN_TEXT int stint_once_run(stint_once_t *o, void (*fn)(void))
{
	if (unlikely(!o || !fn))
		return EINVAL;
	return likely(done(o)) ? 0 : once(o, fn, STINT_FOREVER, caller_address());
}

STINT_OPEN_TEXT int stint_once_run_timed(stint_once_t *o, void (*fn)(void), stint_ns timeout)
{
	if (timeout < 0 || unlikely(!o || !fn))
		return EINVAL;
	return likely(done(o)) ? 0 : once(o, fn, timeout, caller_address());
}
