/*
 * deadlock.c - see deadlock.h
 *
 * It is one when all of this is true at the same time: no worker runs or has anything ready, no timer is set,
 * no thread waits for a descriptor, and each kernel thread of the process is one of ours or waits in park()
 * without an end. Then nobody is left who could wake anybody but a signal handler of the program's, which can post semaphores: where it
 * has any handler, nobody waits for one.
 *
 * No lock holds all that still, so it is looked at twice, and between the looks nothing may have changed:
 * each worker that wakes and sleeps again counts that, and each kernel thread that enters or leaves changes
 * version.
 *
 * Who waits for what goes to standard error, once; the program is not ended, since it may have been meant.
 * Kernel threads that join are told (EDEADLK), so that main() need not hang. The threads go on waiting, and
 * can be cancelled.
 *
 * A look costs some tens of microseconds, with a hundred thousand threads some tens of milliseconds: it is taken by the
 * last who goes to sleep, a gap after the end of the one before, which doubles with each that finds nothing; that one then
 * sleeps no longer than until the next. After FRUITLESS of them without a switch it sleeps in earnest. Where a worker sleeps so
 * nobody else does, or the one would wake up while the other looks, each time, and all looks be in vain. (Kernel threads may: that
 * they wake up is no change.)
 *
 * The same look finds that a forked child has no thread left: its only kernel threads are ours, and like the
 * end of a process's last thread that ends the process.
 *
 * Locks: list_lock protects the list of kernel threads and what the looks remember; nests in nothing;
 * stack_lock and own_lock (ledger-own.c) nest in it.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "deadlock.h"

#include "clock.h"
#include "idle.h"
#include "ledger.h"
#include "park.h"
#include "signals.h"
#include "stack.h"
#include "sys.h"
#include "thread.h"
#include "worker.h"

#define GAP_MIN_NS 5000000
#define GAP_MAX_NS 1000000000
#define FRUITLESS 8
#define OURS 3 /* kernel threads beside the workers: anchor, watch, monitor */
#define LINES 24 /* of the report */

static struct sys_lock list_lock;
static struct deadlock_waiter *first;
static unsigned entered, version;

static uint64_t next_look, gap; /* cycles */
static uint64_t awaited = NEVER;        /* the look until which a worker sleeps; taken back without the lock when it wakes up */
static unsigned fruitless;
static uint64_t looked_at; /* what had happened by the last look */
static bool reported;
static bool orphan; /* forked by a thread: no kernel thread of the program's but those it makes */

void deadlock_setup(void)
{
	next_look = 0;
	__atomic_store_n(&awaited, NEVER, __ATOMIC_RELAXED);
	gap = clock_cycles(GAP_MIN_NS);
	fruitless = 0;
	reported = false;
}

void deadlock_after_fork(bool by_thread)
{
	list_lock.state = 0;
	first = NULL;
	entered = 0;
	orphan = by_thread;
	deadlock_setup();
}

/* --- kernel threads ---------------------------------------------------------------------------- */

void deadlock_enter(struct deadlock_waiter *d, struct stint_waiter *w)
{
	d->waiter = w;
	d->tid = sys_gettid();
	d->prev = NULL;
	sys_lock(&list_lock);
	d->next = first;
	if (first)
		first->prev = d;
	first = d;
	entered++;
	version++;
	sys_unlock(&list_lock);
}

void deadlock_leave(struct deadlock_waiter *d)
{
	sys_lock(&list_lock);
	if (d->prev)
		d->prev->next = d->next;
	else
		first = d->next;
	if (d->next)
		d->next->prev = d->prev;
	entered--;
	version++;
	sys_unlock(&list_lock);
}

/* how many kernel threads the process has; -1: the kernel does not say */
static int count_tasks(void)
{
	char buffer[2048] __attribute__((aligned(8)));
	long n, fd = ledger_own_open(false, SYS_open, (long)"/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int tasks = 0;

	if (fd < 0)
		return -1;
	while ((n = sys_raw(SYS_getdents64, fd, buffer, sizeof(buffer), 0)) > 0) {
		for (long at = 0; at < n;) {
			unsigned short length;

			/* struct linux_dirent64: two words, the length, the type, the name */
			memcpy(&length, buffer + at + 16, sizeof(length));
			tasks += buffer[at + 19] != '.';
			at += length;
		}
	}
	ledger_own_close(fd);
	return tasks;
}

static bool all_wait_locked(void)
{
	for (struct deadlock_waiter *d = first; d; d = d->next)
		if (!park_waits(d->waiter) || (d->waiter->reason == PARK_SEM && signals_any_handler()))
			return false;
	return true;
}

/* --- threads ----------------------------------------------------------------------------------- */

struct found {
	unsigned waiting, awake, hopeful;
	bool handlers;                  /* the program has some */
};

static bool lives(const struct stint *s)
{
	return s->is_thread && __atomic_load_n(&s->state, __ATOMIC_RELAXED) == STATE_RUNNING &&
	       !thread_of((struct stint *)s)->ended;
}

static void count_one(struct stint *s, void *arg)
{
	struct found *f = arg;
	struct stint_thread *t;
	int state;

	if (!lives(s))
		return;
	t = thread_of(s);
	state = __atomic_load_n(&t->park_state, __ATOMIC_ACQUIRE);
	if (state != PARK_WAITS && state != PARK_WAITS_HARD)
		f->awake++;
	else if (t->waits_for == PARK_FD || t->waits_for == PARK_OTHER ||
		 (t->waits_for == PARK_SEM && f->handlers))
		f->hopeful++;
	else
		f->waiting++;
}

static struct found count_threads(void)
{
	struct found f = { .handlers = signals_any_handler() };

	stack_each(count_one, &f);
	return f;
}

/* --- saying so --------------------------------------------------------------------------------- */

struct report {
	char text[4096];
	size_t n;
	unsigned lines, left_out;
};

static void __attribute__((format(printf, 2, 3))) add(struct report *r, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(r->text + r->n, sizeof(r->text) - r->n, format, ap);
	va_end(ap);
	if (n > 0)
		r->n = r->n + (size_t)n < sizeof(r->text) ? r->n + (size_t)n : sizeof(r->text) - 1;
}

static void add_name(struct report *r, const struct stint_thread *t)
{
	const struct stint *s = stint_of(t);

	add(r, "thread %llu", (unsigned long long)t->task.id);
	if (s->name[0])
		add(r, " \"%s\"", s->name);
}

static void add_reason(struct report *r, unsigned reason, const void *object)
{
	add(r, " waits for ");
	if (reason == PARK_JOIN) {
		add(r, "the end of ");
		add_name(r, object);
	} else {
		add(r, "%s", park_reason_name(reason));
		if (object)
			add(r, " (%p)", object);
	}
	add(r, "\n");
}

static bool line(struct report *r)
{
	if (r->lines++ < LINES)
		return true;
	r->left_out++;
	return false;
}

static void report_one(struct stint *s, void *arg)
{
	struct report *r = arg;

	if (!lives(s) || !line(r))
		return;
	add(r, "stint:   ");
	add_name(r, thread_of(s));
	add_reason(r, thread_of(s)->waits_for, thread_of(s)->waits_on);
}

static void report_locked(void)
{
	struct report r = { .n = 0 };

	add(&r, "stint: all threads wait, and nobody is left to wake them:\n");
	for (struct deadlock_waiter *d = first; d; d = d->next) {
		if (!line(&r))
			continue;
		add(&r, "stint:   kernel thread %d", d->tid);
		add_reason(&r, d->waiter->reason, d->waiter->object);
	}
	stack_each(report_one, &r);
	if (r.left_out)
		add(&r, "stint:   and %u more\n", r.left_out);
	sys_raw(SYS_write, STDERR_FILENO, r.text, r.n, 0);
}

static void tell_joiners_locked(void)
{
	for (struct deadlock_waiter *d = first; d; d = d->next)
		if (d->waiter->reason == PARK_JOIN)
			park_deadlocked(d->waiter);
}

/* --- looking ----------------------------------------------------------------------------------- */

/* true: nothing is left that could wake anybody. *@found: what threads there are. */
static bool stuck_locked(struct found *found)
{
	uint64_t slept = idle_slept();
	unsigned before = version;
	struct found again;

	if (!idle_all_asleep() || !all_wait_locked() || count_tasks() != (int)(nworkers + OURS + entered))
		return false;
	*found = count_threads();
	if (found->awake || found->hopeful)
		return false;
	again = count_threads();
	return !again.awake && !again.hopeful && again.waiting == found->waiting && idle_all_asleep() &&
	       all_wait_locked() && version == before && idle_slept() == slept;
}

static void look_locked(void)
{
	uint64_t max = clock_cycles(GAP_MAX_NS);
	struct found found = { .waiting = 0 };

	if (idle_switched() != looked_at)
		fruitless = 0;
	looked_at = idle_switched();
	if (stuck_locked(&found)) {
		if (!found.waiting && orphan && !entered)
			sys.exit(0);
		if (found.waiting && !reported) {
			reported = true;
			report_locked();
		}
		if (found.waiting) {
			tell_joiners_locked();
			gap = clock_cycles(GAP_MIN_NS);
		}
	}
	fruitless++;
	next_look = clock_now() + gap;
	gap = 2 * gap < max ? 2 * gap : max;
}

static uint64_t look(bool worker)
{
	uint64_t again = NEVER;

	if (!idle_all_asleep() || !threads_live())
		return NEVER;
	sys_lock(&list_lock);
	if (__atomic_load_n(&awaited, __ATOMIC_RELAXED) != next_look) {
		if (clock_now() >= next_look)
			look_locked();
		if (fruitless < FRUITLESS || idle_switched() != looked_at)
			again = next_look;
		if (worker)
			__atomic_store_n(&awaited, again, __ATOMIC_RELAXED);
	}
	sys_unlock(&list_lock);
	return again;
}

uint64_t deadlock_look(void)
{
	return look(false);
}

uint64_t deadlock_look_worker(void)
{
	return look(true);
}

/* unless another one has looked since, and awaits the next */
void deadlock_awake(uint64_t look)
{
	__atomic_compare_exchange_n(&awaited, &look, NEVER, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
