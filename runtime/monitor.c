/*
 * monitor.c - see monitor.h
 *
 * A thread that waits in a way that is wrapped is parked. What is left, disk and whatever nobody wraps, keeps its worker in the
 * kernel. Mostly the end of the thread's turn interrupts that, and the others get their turns; not where the kernel does not let
 * itself be interrupted, nor where the policy has no turns. So while anybody waits for a worker, the monitor looks every LOOK_NS
 * whether it has switched; if not, and the kernel says that its thread sleeps, it brings in a relief (relief.c). A worker that
 * computes is left alone: that is its policy's business. If a worker sleeps meanwhile, though, it is woken to take those who wait:
 * where somebody became ready at the moment at which it went to sleep, it may have overlooked that.
 *
 * While nobody waits the monitor rests on its word; the first who waits rouses it (monitor_attend()), at most once in a while. It is
 * in no hurry, and whom it would displace (the watch, in the middle of handing over what has come in) might not be let run again
 * for milliseconds: so it runs as SCHED_BATCH, which displaces nobody.
 *
 * With the tick source "peer" it sends the workers their ticks, by the time that each has noted in kt->armed in place of setting
 * its timer. A signal from another CPU costs its receiver less than a timer does on many virtual machines. It sleeps until the
 * earliest of them; who notes an earlier one pokes it. One who has just been sent a tick is expected to note the next one within
 * half a quantum, so most need not poke.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "monitor.h"

#include "checker.h"
#include "clock.h"
#include "idle.h"
#include "ledger.h"
#include "rank.h"
#include "relief.h"
#include "runq.h"
#include "sys.h"
#include "tick.h"
#include "worker.h"

#define LOOK_NS 10000000
#define AGAIN_NS 100000000
#define PR_SET_TIMERSLACK 29
#define PR_SET_NAME 15

uint64_t monitor_until, monitor_look;

static pthread_t thread;
static bool running;
static int stopping;
static int word;                /* bumped to have it look; it sleeps on it */
static uint64_t sleeps_until;   /* cycles; with "peer", who arms for earlier pokes. Seq_cst with kt->armed */
static bool relief_wanted;
static uint64_t relief_from;    /* when one may be had again; cycles */
static struct {
	uint64_t turns;         /* at the last look */
	bool got_on;            /* that a relief relieved: it computed */
} seen[WORKERS_MAX];

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void poke(void)
{
	__atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
	sys_wake(&word);
}

void monitor_rouse(void)
{
	if (__atomic_exchange_n(&monitor_until, 0, __ATOMIC_SEQ_CST))
		poke();
}

/* --- workers that sit in the kernel ------------------------------------------------------------ */

static bool waited_for(const struct worker *w)
{
	return __atomic_load_n(&w->running, __ATOMIC_RELAXED) &&
	       (__atomic_load_n(&w->ready, __ATOMIC_RELAXED) ||
	        __atomic_load_n(&w->inbox_tail.p, __ATOMIC_RELAXED) != &w->inbox_head.node ||
	        __atomic_load_n(&w->timers.first, __ATOMIC_RELAXED) < clock_now());
}

/* what /proc says of a kernel thread: R, S, D... Its name, in parentheses, may contain anything. */
static char kernel_state(int tid)
{
	char path[64], text[256], *end;
	long fd, n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = ledger_own_open(false, SYS_open, (long)path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return 'R';
	n = sys_raw(SYS_read, fd, text, sizeof(text) - 1, 0);
	ledger_own_close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 'R';
}

/* After that it is asked once more: a worker that has run out of work since sleeps, too. */
static bool sits_in_kernel(const struct worker *w, uint64_t turns)
{
	return kernel_state(worker_kthread(w)->tid) != 'R' && waited_for(w) && __atomic_load_n(&w->turns, __ATOMIC_RELAXED) == turns;
}

/* One has others run those who wait there: a relief that has been brought in before, if it does not sit in the kernel as well, or a new one. */
static void relieve(struct worker *stuck, uint64_t turns)
{
	struct worker *w;
	unsigned i = 0;

	while ((w = relief_of(stuck, &i))) {
		if (!__atomic_load_n(&w->running, __ATOMIC_RELAXED))
			return;                 /* it looks by itself */
		if (kernel_state(worker_kthread(w)->tid) == 'R') {
			worker_kick(w);
			return;
		}
	}
	relief_bring(stuck, turns);
}

/* Without memory or a kernel thread for one it is tried again a while later; those who want it do as without. */
static void make_relief(uint64_t now)
{
	struct worker *w;

	if (now < relief_from)
		return;
	w = worker_add_relief();
	if (w) {
		__atomic_store_n(&relief_wanted, false, __ATOMIC_SEQ_CST);
		relief_begin(w->kt);
	} else {
		relief_from = now + clock_cycles(AGAIN_NS);
	}
}

void monitor_want_relief(void)
{
	if (nworkers < WORKERS_MAX && !__atomic_exchange_n(&relief_wanted, true, __ATOMIC_SEQ_CST))
		poke();
}

/*
 * A relief runs somebody. Alone there, it would not look by itself whether that is over; nor has the one that it relieves switched, if
 * it has got on and is alone, too. That one has when it computes at two looks, of which *@got_on remembers the last.
 */
static bool runs_for_another(struct worker *w, bool *got_on)
{
	const struct worker *stuck = __atomic_load_n(&w->relieves, __ATOMIC_RELAXED);
	bool on;

	if (!stuck || !__atomic_load_n(&w->running, __ATOMIC_RELAXED))
		return false;
	on = kernel_state(worker_kthread(stuck)->tid) == 'R';
	if (on && *got_on)
		relief_end(w);
	if (relief_over(w))
		worker_kick(w);
	*got_on = on;
	return true;
}

/* when to look next: soon while anybody waits or is run by a relief, else when the first who sleeps should have been woken */
static uint64_t look(uint64_t now)
{
	uint64_t next = NEVER;

	for (unsigned i = 0; i < nworkers; i++) {
		struct worker *w = workers[i];
		uint64_t turns = __atomic_load_n(&w->turns, __ATOMIC_RELAXED);

		if (w->relief && runs_for_another(w, &seen[i].got_on))
			next = now;
		if (!waited_for(w)) {
			uint64_t timer = clock_after(__atomic_load_n(&w->timers.first, __ATOMIC_RELAXED), monitor_look);

			next = timer < next ? timer : next;
			seen[i].turns = 0;
			continue;
		}
		next = now;
		if (rank_inverted(w))
			worker_kick(w);
		if (turns == seen[i].turns && !idle_wake_one() && sits_in_kernel(w, turns))
			relieve(w, turns);
		seen[i].turns = turns;
	}
	return next == now ? now + monitor_look : next;
}

/* --- ticks ------------------------------------------------------------------------------------- */

/* send those that are due; when the next one is */
static uint64_t send_ticks(uint64_t now)
{
	uint64_t next = NEVER, soon = now + clock_cycles(runq_quantum / 2);

	for (unsigned i = 0; i < nworkers; i++) {
		struct kthread *kt = worker_kthread(workers[i]);
		unsigned arms = __atomic_load_n(&kt->arms, __ATOMIC_ACQUIRE);
		uint64_t armed = __atomic_load_n(&kt->armed, __ATOMIC_RELAXED);

		if (armed <= now) {
			if (kt->arms_sent != arms)
				tick_send(kt);
			kt->arms_sent = arms;
			armed = soon;
		}
		if (armed < next)
			next = armed;
	}
	return next;
}

/*
 * Until when it may sleep: no longer than it has told those who arm. What is noted after the look at armed is noted by one who sees
 * what was told.
 */
static uint64_t send_and_promise(uint64_t now)
{
	uint64_t told;

	__atomic_store_n(&sleeps_until, 0, __ATOMIC_SEQ_CST);
	told = send_ticks(now);
	__atomic_store_n(&sleeps_until, told, __ATOMIC_SEQ_CST);
	return earlier(send_ticks(clock_now()), told);
}

/* a worker has noted that it wants a tick at @when, in place of setting its timer; also in the handler */
static void armed_insig(uint64_t when)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (when < __atomic_load_n(&sleeps_until, __ATOMIC_RELAXED))
		poke();
}

/* --- its life ---------------------------------------------------------------------------------- */

/* It has time, and those that it would displace have none. Not so with "peer". Who chose another policy knows what it wants. */
static void ask_not_to_displace(void)
{
	struct sched_param param = { 0 };

	if (!tick_by_peer && sys_raw(SYS_sched_getscheduler, 0, 0, 0, 0) == SCHED_OTHER)
		sys_raw(SYS_sched_setscheduler, 0, SCHED_BATCH, &param, 0);
}

static void *monitor_main(void *arg)
{
	uint64_t next_look = 0;
	bool rests = false;

	(void)arg;
	checker_begins_kthread();
	sys_raw(SYS_prctl, PR_SET_NAME, "stint-monitor", 0, 0);
	sys_raw(SYS_prctl, PR_SET_TIMERSLACK, 1, 0, 0);
	ask_not_to_displace();
	for (;;) {
		int before = __atomic_load_n(&word, __ATOMIC_SEQ_CST);
		uint64_t now = clock_now();

		if (__atomic_load_n(&stopping, __ATOMIC_SEQ_CST))       /* after the word, or its bump might be overlooked */
			break;
		if (unlikely(__atomic_load_n(&relief_wanted, __ATOMIC_SEQ_CST)))
			make_relief(now);
		if (now >= next_look) {
			next_look = look(now);
			rests = next_look > now + monitor_look;
			__atomic_store_n(&monitor_until, rests ? next_look : 0, __ATOMIC_SEQ_CST);
			next_look = rests ? look(now) : next_look;      /* at what came in between */
		} else if (rests && !__atomic_load_n(&monitor_until, __ATOMIC_SEQ_CST)) {
			rests = false;
			next_look = now + monitor_look;
		}
		clock_sleep_on(&word, before, tick_by_peer ? earlier(send_and_promise(now), next_look) : next_look);
	}
	return NULL;
}

int monitor_start(void)
{
	int err;

	stopping = 0;
	monitor_until = 0;
	monitor_look = clock_cycles(LOOK_NS);
	memset(seen, 0, sizeof(seen));
	relief_wanted = false;
	relief_from = 0;
	tick_peer_armed_insig = armed_insig;
	err = sys_thread_create(&thread, NULL, monitor_main, NULL);
	running = !err;
	return err;
}

void monitor_stop(void)
{
	if (!running)
		return;
	__atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
	poke();
	sys.pthread_join(thread, NULL);
	running = false;
}

void monitor_forget(void)
{
	running = false;
	monitor_until = 0;
	relief_wanted = false;
}
