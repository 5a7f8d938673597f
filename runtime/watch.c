/*
 * watch.c - the kernel thread that looks after the workers while they compute
 *
 * A worker that has nothing to do waits for descriptors itself. While all run threads, the watch waits for them: the kernel wakes
 * it at once, however long the running threads' turns last. What becomes ready it puts into the inboxes, where the workers find it
 * when they switch next. Those who have not been in their queue for GRACE_NS, or are not GRACE_NS later, run threads that compute,
 * and are kicked: then the policy is asked whether the newcomer displaces the running thread.
 *
 * It waits in a set of its own, around theirs, which tells of events only while no worker sleeps in that one (poller.c): so what comes for
 * an idle worker wakes that one alone. Rejected: that all wait in one set. The kernel wakes who came there last, which is the watch
 * each time a worker slept before it; and a watch that wakes a worker is displaced by it, and stays so for 4 ms, until the kernel's tick, if
 * what it woke it for computes.
 *
 * "At once" has to be asked for: the kernel lets a worker that computes finish its own slice, some 3 ms, before a thread that
 * wakes up gets its CPU, unless that one has shorter slices. So the watch has slices of SLICE_NS (Linux 6.12; older kernels pay no
 * heed). It needs no privilege, and the watch gets no more of the CPU for it.
 *
 * Where it is not let run all the same, the worker finds its events at its next tick, or when a thread goes on that was displaced, and
 * gives way to it (worker.c).
 *
 * Where there is much to do, workers switch all the time and would have looked themselves; there the watch only costs, most of all those
 * who have to wake it. So when it finds that nobody had to be kicked, and that the workers switch often, it stays away for longer, up to
 * AWAY_MAX_NS, and comes back at once after it had to. It stays away as long as they do switch often and one of them has been in the set
 * each time.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include "watch.h"

#include <time.h>

#include "checker.h"
#include "clock.h"
#include "idle.h"
#include "poller.h"
#include "runq.h"
#include "sys.h"
#include "worker.h"

#define GRACE_NS 50000
#define AWAY_MAX_NS 1000000
#define SLICE_NS 100000         /* the least that there is */
#define PR_SET_TIMERSLACK 29
#define PR_SET_NAME 15

static pthread_t thread;
static bool running;
static int stopping;
static uint64_t grace_cycles, often_cycles;

static void pass(stint_ns span)
{
	struct timespec ts = { span / 1000000000, span % 1000000000 };

	sys_raw(SYS_nanosleep, &ts, NULL, 0, 0);
}

/* it has not looked into its inbox yet */
static bool is_late(struct worker *w)
{
	return !cds_wfcq_empty(&w->inbox_head, &w->inbox_tail) && !__atomic_load_n(&w->asleep, __ATOMIC_RELAXED);
}

/* it runs a thread, and has not been in its queue for so long that it will hardly be there at once */
static bool computes(struct worker *w, uint64_t now)
{
	return w->policy->flags & STINT_POLICY_TIMED && __atomic_load_n(&w->running, __ATOMIC_RELAXED) &&
	       (int64_t)(now - __atomic_load_n(&w->now_cycles, __ATOMIC_RELAXED)) > (int64_t)grace_cycles;
}

/* Kick those who are late and compute; others may only need a moment, and are @spared, unless it is @all. Whether anybody was kicked. */
static bool kick_late(bool all, bool *spared)
{
	uint64_t now = clock_now();
	bool any = false;

	*spared = false;
	for (unsigned i = 0; i < nworkers; i++) {
		struct worker *w = workers[i];

		if (!is_late(w))
			continue;
		if (!all && !computes(w, now)) {
			*spared = true;
			continue;
		}
		worker_kick(w);
		any = true;
	}
	return any;
}

/* whether the workers have switched so often since this was last asked that they look themselves soon enough */
static bool often_there(void)
{
	static uint64_t asked, switched;
	uint64_t now = clock_now(), n = idle_switched(), turns = n - switched, span = now - asked;

	asked = now;
	switched = n;
	return turns * often_cycles > span * nworkers;
}

/* whether a worker has been in the set since this was last asked, and none has been at the same thread for long */
static bool all_is_seen_to(void)
{
	static uint64_t slept;
	uint64_t now = clock_now(), n = idle_slept();
	bool looked = n != slept;

	slept = n;
	for (unsigned i = 0; i < nworkers; i++)
		if (computes(workers[i], now))
			return false;
	return looked && !__atomic_load_n(&stopping, __ATOMIC_ACQUIRE);
}

/* Where the program runs under another policy of the kernel's than the default one, it knows what it wants. */
static void ask_for_short_slices(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = { .size = sizeof(attr) };      /* the kernel's struct sched_attr, whose header and libc's exclude each other */

	if (sys_raw(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) || attr.policy != SCHED_OTHER)
		return;
	attr.runtime = SLICE_NS;
	sys_raw(SYS_sched_setattr, 0, &attr, 0, 0);
}

/* @list is ready. Whether anybody had to be kicked. */
static bool hand_over(struct stint_thread *list)
{
	bool spared, any;

	workers_hand_out(list);
	any = kick_late(false, &spared);
	if (spared) {
		pass(GRACE_NS);
		any |= kick_late(true, &spared);
	}
	return any;
}

static void *watch_main(void *arg)
{
	struct stint_thread *list;
	stint_ns away = 0;
	bool woken;

	(void)arg;
	checker_begins_kthread();
	sys_raw(SYS_prctl, PR_SET_NAME, "stint-watch", 0, 0);
	sys_raw(SYS_prctl, PR_SET_TIMERSLACK, 1, 0, 0);
	ask_for_short_slices();
	while (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) {
		poller_await();
		list = poller_poll(0, &woken);
		if (woken && poller_claimed())
			poller_wake();          /* it was for the worker there */
		if (hand_over(list) || !list || !often_there()) {
			away = 0;
			continue;
		}
		do {
			away = away ? 2 * away : GRACE_NS;
			if (away > AWAY_MAX_NS)
				away = AWAY_MAX_NS;
			pass(away);
		} while (often_there() && all_is_seen_to());
	}
	return NULL;
}

int watch_start(void)
{
	int err;

	stopping = 0;
	grace_cycles = clock_cycles(GRACE_NS);
	often_cycles = clock_cycles(RUNQ_OFTEN_NS);
	err = sys_thread_create(&thread, NULL, watch_main, NULL);
	running = !err;
	return err;
}

void watch_stop(void)
{
	if (!running)
		return;
	__atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
	poller_wake();         /* the workers have ended: nobody else takes it */
	sys.pthread_join(thread, NULL);
	running = false;
}

void watch_forget(void)
{
	running = false;
}
