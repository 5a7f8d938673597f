/*
 * park.c - see park.h
 *
 * A thread's wait. Its park_state is set to WAITS before it can be found, and from then on it leaves the CPU whatever happens:
 * whoever moves the state away from WAITS (a waker, its timer, a cancel) makes it ready, after it has left its stack; so it goes
 * on exactly once, whether they came before the switch or after. It may take the wait back only by moving the state itself.
 *
 * Once it is TAKEN nobody but its waker moves the state, except that itself says LEFT where that was waited for. So whoever finds
 * it TAKEN when it goes on waits for WOKEN: until then the waker has the object.
 *
 * Its timer is among those of the worker that it parks on, or of another one where that is a relief; only that worker, or its relief,
 * lets it fire; back on the CPU, wherever, the thread takes it out.
 *
 * A cancel sets the flag first and then looks at the state; the thread sets the state first and then looks at the flag. The
 * canceller pays for the barrier that this needs on both sides (thread.c).
 *
 * A kernel thread's wait is a futex in its waiter. One that is in a call stays stoppable: the tick interrupts the futex, and
 * pending says why.
 */
#define _GNU_SOURCE
#include "park.h"

#include "deadlock.h"
#include "monitor.h"
#include "sys.h"
#include "worker.h"

#define FUTEX_SLEEPS 16         /* in the state of a kernel thread's waiter: it is, or will be, in the futex */
#define LOOKS 200               /* times that a kernel thread looks before it sleeps: about a microsecond */

/* read by the script for gdb, too: not to be made into something else */
static const char *const reason_names[PARK_REASONS] __attribute__((used)) = {
	[PARK_MUTEX] = "a mutex", [PARK_COND] = "a condition", [PARK_RWLOCK] = "a reader-writer lock",
	[PARK_SEM] = "a semaphore", [PARK_BARRIER] = "a barrier", [PARK_ONCE] = "a once",
	[PARK_WAITGROUP] = "a wait group", [PARK_CHAN_SEND] = "sending on a channel",
	[PARK_CHAN_RECV] = "receiving from a channel", [PARK_SELECT] = "a select", [PARK_JOIN] = "the end of a thread",
	[PARK_SLEEP] = "time to pass", [PARK_SLEEP_EVER] = "a cancel, in a sleep without end", [PARK_FD] = "a descriptor",
	[PARK_OTHER] = "something",
};

const char *park_reason_name(enum park_reason reason)
{
	return (unsigned)reason < PARK_REASONS ? reason_names[reason] : "something";
}

/* whether @s, parked, may be stopped where it is: nothing of ours or of the program's forbids it */
static bool interruptible(const struct stint *s)
{
	return s->depth == 1 && !s->user_depth && !s->ending;
}

void waiter_again(struct stint_waiter *w, struct stint *s)
{
	if (likely(w->thread != NULL))
		__atomic_store_n(&w->thread->park_state, interruptible(s) ? PARK_WAITS : PARK_WAITS_HARD, __ATOMIC_RELEASE);
	else
		w->state = PARK_WAITS;
}

void waiter_moved(struct stint_waiter *w, enum park_reason reason, const void *object)
{
	w->reason = reason;
	w->object = object;
	if (w->thread) {
		w->thread->waits_for = reason;
		w->thread->waits_on = object;
	}
}

void waiter_init(struct stint_waiter *w, struct stint *s, enum park_reason reason, const void *object)
{
	w->next = w->prev = NULL;
	w->thread = s ? thread_running(s) : NULL;
	w->claimed = 0;
	w->main = w;
	w->id = park_identity();
	waiter_moved(w, reason, object);
	waiter_again(w, s);
}

void waiter_init_more(struct stint_waiter *w, struct stint_waiter *main, const void *object)
{
	*w = *main;
	w->main = main;
	w->object = object;
}

static int *state_of(struct stint_waiter *w)
{
	return w->thread ? &w->thread->park_state : &w->main->state;
}

bool waiter_give_up(struct stint_waiter *w)
{
	int *state = state_of(w), now = __atomic_load_n(state, __ATOMIC_RELAXED);

	return (now == PARK_WAITS || now == PARK_WAITS_HARD) &&
	       __atomic_compare_exchange_n(state, &now, PARK_NOT, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* --- threads ----------------------------------------------------------------------------------- */

/* the thread was cancelled before it could be found waiting: it need not even leave */
static bool cancelled_before(struct stint_thread *t)
{
	int state = PARK_WAITS;

	return unlikely(__atomic_load_n(&t->cancel, __ATOMIC_RELAXED)) &&
	       __atomic_compare_exchange_n(&t->park_state, &state, PARK_INTERRUPTED, false, __ATOMIC_ACQ_REL,
	                                   __ATOMIC_RELAXED);
}

static bool woken_here(struct stint_thread *t)
{
	if (likely(__atomic_load_n(&t->park_state, __ATOMIC_RELAXED) != PARK_WOKEN_HERE))
		return false;
	__atomic_store_n(&t->park_state, PARK_WOKEN, __ATOMIC_RELAXED);
	return true;
}

/* served, and its waker is about to say so */
static void wait_for_waker(const int *state)
{
	unsigned turns = 0;

	while (__atomic_load_n(state, __ATOMIC_ACQUIRE) != PARK_WOKEN)
		spin_pause(&turns);
}

/* It is not woken yet. A waker may still come, and is not to be overlooked. */
static __attribute__((noinline)) int went_on_early(struct stint_thread *t, int state, bool at_deadline)
{
	if (state != PARK_TAKEN && __atomic_compare_exchange_n(&t->park_state, &state, PARK_NOT, false, __ATOMIC_ACQ_REL,
	                                                       __ATOMIC_ACQUIRE))
		return state == PARK_TIMED_OUT && at_deadline ? ETIMEDOUT : EINTR;
	wait_for_waker(&t->park_state);
	__atomic_store_n(&t->park_state, PARK_NOT, __ATOMIC_RELAXED);
	return 0;
}

/* it goes on: why. After WOKEN nobody else touches the state. */
static inline int went_on(struct stint_thread *t, bool at_deadline)
{
	int state = __atomic_load_n(&t->park_state, __ATOMIC_ACQUIRE);

	if (unlikely(state != PARK_WOKEN))
		return went_on_early(t, state, at_deadline);
	__atomic_store_n(&t->park_state, PARK_NOT, __ATOMIC_RELAXED);
	return 0;
}

static inline int park_for_good(struct stint *s, struct stint_thread *t)
{
	if (!woken_here(t) && !cancelled_before(t))
		worker_block(s, stint_of(t));
	return went_on(t, true);
}

static __attribute__((noinline)) int park_until(struct stint *s, struct stint_thread *t, uint64_t deadline)
{
	uint64_t limit = deadline;

	if (s->eff < limit && interruptible(s))
		limit = s->eff;         /* of a call in the thread */
	if (!woken_here(t) && !cancelled_before(t)) {
		if (limit != NEVER) {
			worker_add_timer(s->kt->worker, t, limit);
			monitor_attend_timer(limit);
		}
		worker_block(s, stint_of(t));
		if (limit != NEVER)
			timers_del(&t->timer);
	}
	return went_on(t, limit == deadline);
}

/* --- kernel threads ---------------------------------------------------------------------------- */

static bool waits(int state)
{
	return (state & ~FUTEX_SLEEPS) == PARK_WAITS;
}

bool park_waits(const struct stint_waiter *w)
{
	return waits(__atomic_load_n(&w->state, __ATOMIC_ACQUIRE));
}

/* move @w's state away from waiting; false: it has been served meanwhile */
static bool stop_waiting(struct stint_waiter *w, int to)
{
	int state = __atomic_load_n(&w->state, __ATOMIC_ACQUIRE);

	while (waits(state))
		if (__atomic_compare_exchange_n(&w->state, &state, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

static void sleep_on(struct stint_waiter *w, uint64_t limit)
{
	int state = PARK_WAITS;

	if (!__atomic_compare_exchange_n(&w->state, &state, PARK_WAITS | FUTEX_SLEEPS, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_ACQUIRE) && !waits(state))
		return;
	clock_sleep_on(&w->state, PARK_WAITS | FUTEX_SLEEPS, limit);
}

void park_deadlocked(struct stint_waiter *w)
{
	if (stop_waiting(w, PARK_DEADLOCKED))
		sys_wake(&w->state);
}

/* until somebody wakes it; it must be seen that there is such a one */
static int sleep_for_good(struct stint *s, struct stint_waiter *w, bool stoppable)
{
	struct deadlock_waiter d;
	int err = 0;

	deadlock_enter(&d, w);
	while (park_waits(w)) {
		if (stoppable && s->pending && stop_waiting(w, PARK_NOT))
			err = EINTR;
		else
			sleep_on(w, deadlock_look());
	}
	deadlock_leave(&d);
	return err ? err : __atomic_load_n(&w->state, __ATOMIC_ACQUIRE) == PARK_DEADLOCKED ? EDEADLK : 0;
}

static int park_kthread_until(struct stint *s, struct stint_waiter *w, uint64_t deadline)
{
	bool stoppable = s && interruptible(s);
	uint64_t limit = stoppable && s->eff < deadline ? s->eff : deadline;

	for (unsigned look = 0; look < LOOKS; look++) {
		if (!park_waits(w))
			return 0;
		arch_relax();
	}
	if (limit == NEVER)
		return sleep_for_good(s, w, stoppable);
	for (;;) {
		uint64_t now;

		if (!park_waits(w))
			return 0;
		now = clock_now();
		if (deadline <= now)
			return stop_waiting(w, PARK_NOT) ? ETIMEDOUT : 0;
		if (stoppable && (limit <= now || s->pending))
			return stop_waiting(w, PARK_NOT) ? EINTR : 0;
		sleep_on(w, limit);
	}
}

static __attribute__((noinline)) int park_kthread(struct stint *s, struct stint_waiter *w, uint64_t deadline)
{
	int r = park_kthread_until(s, w, deadline);

	if (!r)
		wait_for_waker(&w->state);
	return r;
}

/* --- both -------------------------------------------------------------------------------------- */

int park(struct stint *s, struct stint_waiter *w, uint64_t deadline)
{
	int r;

	if (unlikely(!w->thread))
		r = park_kthread(s, w, deadline);
	else if (likely(deadline == NEVER && s->eff == NEVER))
		r = park_for_good(s, w->thread);
	else
		r = park_until(s, w->thread, deadline);
	fiber_acquire(state_of(w));
	return r;
}

/*
 * The state is ours again: it is NOT, and the waker that has the waiter sets it to WOKEN without making it ready. It may be about to
 * take it only now: a select does not go for the lock of a channel that has claimed it.
 */
void park_taken(struct stint_waiter *w)
{
	int *state = state_of(w), now;
	unsigned turns = 0;

	while (now = __atomic_load_n(state, __ATOMIC_ACQUIRE), now != PARK_WOKEN) {
		if (now == PARK_TAKEN) {
			fiber_release(state);
			__atomic_store_n(state, PARK_LEFT, __ATOMIC_RELEASE);
		}
		spin_pause(&turns);
	}
	if (w->thread)
		__atomic_store_n(state, PARK_NOT, __ATOMIC_RELAXED);
}

void park_stop(struct stint *s, const void *caller)
{
	struct stint_thread *t = thread_running(s);

	if (t && t->cancel)
		s->kt->turn_end = 0;
	s->deferred_since = 0;          /* nothing was deferred */
	s->pending = true;
	preempt_enable(s, caller);
	preempt_disable(s);
}

/* @state, of @t or of a kernel thread, is WOKEN and was that; the thread that is to be made ready, or NULL */
static inline struct stint_thread *woken(struct stint_thread *t, int *state, int was)
{
	if (likely(t != NULL))
		return was == PARK_WAITS || was == PARK_WAITS_HARD ? t : NULL;
	if (was & FUTEX_SLEEPS)
		sys_wake(state);
	return NULL;
}

/* what it waits on is moved to WOKEN; as woken(). Afterwards @w may be gone. */
static inline struct stint_thread *wake(struct stint_waiter *w)
{
	struct stint_thread *t = w->thread;
	int *state = state_of(w);

	fiber_release(state);
	return woken(t, state, __atomic_exchange_n(state, PARK_WOKEN, __ATOMIC_ACQ_REL));
}

/*
 * Who waits may be the one who wakes: between going into a queue and parking, it gives something back that is handed to itself. It need
 * not leave, then; and nobody else can touch its state any more.
 */
void unpark(struct stint_waiter *w)
{
	struct stint_thread *t = wake(w);
	struct worker *here = worker_here();

	if (!t)
		return;
	if (unlikely(here && here->running == t))
		__atomic_store_n(&t->park_state, PARK_WOKEN_HERE, __ATOMIC_RELAXED);
	else
		worker_ready_from(here, t, READY_WAKEUP);
}

void waiter_await(struct stint_waiter *w)
{
	int *state = state_of(w);
	unsigned turns = 0;

	while (w->was == PARK_NOT && __atomic_load_n(state, __ATOMIC_ACQUIRE) != PARK_LEFT)
		spin_pause(&turns);
	fiber_acquire(state);
}

/* Until the state is WOKEN, the waiter is there. */
void unpark_taken(struct stint_waiter *w)
{
	struct stint_thread *t = w->thread;
	int *state = state_of(w), was = w->was;

	fiber_release(state);
	__atomic_store_n(state, PARK_WOKEN, __ATOMIC_RELEASE);
	t = woken(t, state, was);
	if (t)
		worker_ready_from(worker_here(), t, READY_WAKEUP);
}

/* The thread is filed by leave_locked() (worker.c), which follows. */
void unpark_at_end(struct stint_waiter *w)
{
	struct stint_thread *t = wake(w);

	if (!t)
		return;
	fiber_release(t);
	thread_wait_off_cpu(t);
	worker_here()->heir = t;
}

void unpark_insig(struct stint_waiter *w)
{
	struct stint_thread *t = wake(w);

	if (t)
		worker_ready_insig(t);
}

/* Outside threads and calls, nothing on a worker's kernel thread asks but handlers. */
bool park_insig(void)
{
	struct stint *s = self();

	return s ? s->handler_sp : kthread_native && kthread_native->worker;
}
