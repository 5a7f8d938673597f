/*
 * poller.c - see poller.h
 *
 * Entries are found by the number of the descriptor, in chunks that are made on first use and stay. An entry's generation goes
 * into the event's data, so that a late event of a closed descriptor does not count for the next one of that number; if it did,
 * somebody would only try once more.
 *
 * Lock: that of an entry's queue; nests in nothing, and nothing in it.
 *
 * Signal context: poller_closed(), since close() may be called by a handler, which may have interrupted who holds the lock. If it
 * cannot have the lock at once it leaves the work to the holder (closing). And poller_look(), where nobody on this kernel thread
 * holds it, because preemption was enabled.
 */
#define _GNU_SOURCE
#include "poller.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "ledger.h"
#include "sys.h"
#include "thread.h"
#include "worker.h"

#define CHUNK 1024
#define CHUNKS 1024
#define EVENTS 128
#define FEW_EVENTS 16           /* on a thread's stack */
#define WAKE_EVENT UINT64_MAX
#define INTEREST (EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define ENDS (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)      /* there may be something to read without another edge */

struct entry {
	struct stint_waitq waiters[2];  /* by enum poller_dir; the first one's lock protects the entry */
	unsigned edges[2];              /* read without the lock */
	unsigned generation;            /* of the descriptor under this number */
	unsigned empty_at;              /* edges of POLLER_IN up to which everything has been read, if empty_known */
	uint32_t ended;                 /* those of ENDS that events have told of */
	bool entered;                   /* these five are read without the lock */
	bool empty_known;
	bool closing;                   /* closed by one who could not have the lock; atomic, seq_cst with the lock */
	unsigned facts_as_of;           /* modes, when the facts were found out; 0: never. Release */
	struct fd_facts facts;
};

static struct entry *chunks[CHUNKS];    /* published with release */
static int set = -1, wake_fd = -1;
static int outer = -1;          /* an epoll set with that one in it, of which one event at a time is told there */
static int claimed;             /* by a worker that sleeps in the set; atomic, seq_cst with the next */
static int awaited;             /* the watch waits in the outer set, or is about to */
static bool only_ms;                    /* the kernel does not know epoll_pwait2() */
static unsigned modes = 1;              /* how often some descriptor's modes have changed */

static struct entry *find(int fd)
{
	struct entry *chunk;

	if (fd < 0 || fd >= CHUNK * CHUNKS)
		return NULL;
	chunk = __atomic_load_n(&chunks[fd / CHUNK], __ATOMIC_ACQUIRE);
	return chunk ? &chunk[fd % CHUNK] : NULL;
}

static struct entry *make(int fd, int *err)
{
	struct entry *chunk = NULL, *none = NULL;

	if (fd < 0 || fd >= CHUNK * CHUNKS) {
		*err = fd < 0 ? EBADF : EPERM;
		return NULL;
	}
	if (find(fd))
		return find(fd);
	chunk = sys_mmap(CHUNK * sizeof(struct entry), 0);
	if (!chunk) {
		*err = ENOMEM;
		return NULL;
	}
	if (!__atomic_compare_exchange_n(&chunks[fd / CHUNK], &none, chunk, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		sys_munmap(chunk, CHUNK * sizeof(struct entry));
	return find(fd);
}

/* --- an entry's lock --------------------------------------------------------------------------- */

static void lock(struct entry *e)
{
	spin_lock(&e->waiters[0].lock);
}

static void close_locked(struct entry *e, struct stint_thread **list);

/*
 * An exchange, for its barrier: either we see closing, or its writer gets the lock. A thread that is about to park may find itself
 * in the list, and a handler have interrupted a worker in its queue: so into an inbox.
 */
static void unlock(struct entry *e)
{
	struct stint_thread *list = NULL;

	__atomic_exchange_n(&e->waiters[0].lock, 0, __ATOMIC_SEQ_CST);
	while (unlikely(__atomic_load_n(&e->closing, __ATOMIC_SEQ_CST)) && spin_trylock(&e->waiters[0].lock)) {
		if (__atomic_exchange_n(&e->closing, false, __ATOMIC_SEQ_CST))
			close_locked(e, &list);
		__atomic_exchange_n(&e->waiters[0].lock, 0, __ATOMIC_SEQ_CST);
	}
	if (unlikely(list != NULL))
		workers_hand_out_kicking(list);
}

/* --- the set ----------------------------------------------------------------------------------- */

static int ctl(int in, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = { .events = events, .data.u64 = data };

	return (int)-sys_raw(SYS_epoll_ctl, in, op, fd, &ev);
}

static int set_ctl(int op, int fd, uint32_t events, uint64_t data)
{
	return ctl(set, op, fd, events, data);
}

/* whether the outer set tells of the next event; if there is one already, at once */
static int tell_outer(int op, bool on)
{
	return ctl(outer, op, set, on ? EPOLLIN | EPOLLONESHOT : 0, 0);
}

static int open_own(int *fd, long nr, long a, long b)
{
	long r = ledger_own_open(true, nr, a, b, 0);

	*fd = r < 0 ? -1 : (int)r;
	return r < 0 ? (int)-r : 0;
}

static void close_sets(void)
{
	int *all[] = { &outer, &set, &wake_fd };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (*all[i] >= 0)
			ledger_own_close(*all[i]);
		*all[i] = -1;
	}
}

int poller_init(void)
{
	int err = open_own(&set, SYS_epoll_create1, EPOLL_CLOEXEC, 0);

	if (!err)
		err = open_own(&outer, SYS_epoll_create1, EPOLL_CLOEXEC, 0);
	if (!err)
		err = open_own(&wake_fd, SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!err)
		err = set_ctl(EPOLL_CTL_ADD, wake_fd, EPOLLIN | EPOLLET, WAKE_EVENT);
	if (!err)
		err = tell_outer(EPOLL_CTL_ADD, false);
	if (err)
		close_sets();
	else
		ledger_fd_was_closed = poller_closed;
	return err;
}

void poller_fini(void)
{
	if (set < 0)
		return;
	close_sets();
	for (int i = 0; i < CHUNKS; i++)
		if (chunks[i])
			memset(chunks[i], 0, CHUNK * sizeof(struct entry));
	claimed = awaited = 0;
}

bool poller_up(void)
{
	return set >= 0;
}

/* --- waiting ----------------------------------------------------------------------------------- */

unsigned poller_seen(int fd, enum poller_dir dir)
{
	const struct entry *e = find(fd);

	return e ? __atomic_load_n(&e->edges[dir], __ATOMIC_ACQUIRE) : 0;
}

/*
 * An entry that is entered may be out of date: the number was closed where we do not see it (by libc itself, by another
 * process's close of the last reference). Then the kernel takes it anew, and says what is ready; else it says EEXIST.
 */
static int enter_locked(struct entry *e, int fd)
{
	int err;

	if (e->entered)
		return 0;
	e->empty_known = false;
	e->ended = 0;
	err = set_ctl(EPOLL_CTL_ADD, fd, INTEREST, (uint64_t)e->generation << 32 | (unsigned)fd);
	if (err && err != EEXIST)
		return err;
	if (err == EEXIST)              /* of an earlier generation: take it over */
		err = set_ctl(EPOLL_CTL_MOD, fd, INTEREST, (uint64_t)e->generation << 32 | (unsigned)fd);
	if (!err)
		e->entered = true;
	return err;
}

int poller_register(int fd)
{
	struct entry *e;
	int err = 0;

	e = make(fd, &err);
	if (!e)
		return err;
	lock(e);
	err = enter_locked(e, fd);
	unlock(e);
	return err;
}

bool poller_enter(struct stint_waiter *w, int fd, unsigned seen)
{
	struct entry *e = find(fd);
	bool edge;

	lock(e);
	edge = !e->entered || e->edges[w->kind] != seen;
	if (!edge)
		waitq_add(&e->waiters[w->kind], w);
	unlock(e);
	return !edge;
}

void poller_leave(struct stint_waiter *w, int fd)
{
	struct entry *e = find(fd);

	if (!e)
		return;
	lock(e);
	if (waitq_has(&e->waiters[w->kind], w))
		waitq_remove(&e->waiters[w->kind], w);
	unlock(e);
}

int poller_wait(struct stint *s, int fd, enum poller_dir dir, unsigned seen, uint64_t deadline)
{
	struct stint_waiter w;
	struct entry *e;
	int err = 0;

	e = make(fd, &err);
	if (!e)
		return err;
	lock(e);
	err = enter_locked(e, fd);
	if (err || e->edges[dir] != seen) {
		unlock(e);
		return err;
	}
	waiter_init(&w, s, PARK_FD, (void *)(intptr_t)fd);
	w.kind = dir;
	waitq_add(&e->waiters[dir], &w);
	unlock(e);
	err = park(s, &w, deadline);
	if (err)
		poller_leave(&w, fd);   /* who had it in hand does not touch it after that: poller_poll() wakes by the thread */
	return err;
}

/* --- events ------------------------------------------------------------------------------------ */

/* threads that this moves out of their wait go into @list; others have been woken by somebody else */
static void wake_all_locked(struct stint_waitq *q, struct stint_thread **list)
{
	struct stint_waiter *w;

	while ((w = waitq_take(q))) {
		struct stint_thread *t = w->thread;
		int state = __atomic_load_n(&t->park_state, __ATOMIC_RELAXED);

		if (state != PARK_WAITS && state != PARK_WAITS_HARD)
			continue;
		if (!__atomic_compare_exchange_n(&t->park_state, &state, PARK_WOKEN, false, __ATOMIC_ACQ_REL,
		                                 __ATOMIC_RELAXED))
			continue;
		t->next = *list;
		*list = t;
	}
}

static void happened(uint64_t data, uint32_t events, struct stint_thread **list)
{
	struct entry *e = find((int)(uint32_t)data);

	if (!e)
		return;
	lock(e);
	if (e->entered && e->generation == data >> 32) {
		if (events & ENDS)
			__atomic_store_n(&e->ended, e->ended | (events & ENDS), __ATOMIC_RELAXED); /* before the edge */
		if (events & (EPOLLIN | ENDS)) {
			__atomic_store_n(&e->edges[POLLER_IN], e->edges[POLLER_IN] + 1, __ATOMIC_RELEASE);
			wake_all_locked(&e->waiters[POLLER_IN], list);
		}
		if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
			__atomic_store_n(&e->edges[POLLER_OUT], e->edges[POLLER_OUT] + 1, __ATOMIC_RELEASE);
			wake_all_locked(&e->waiters[POLLER_OUT], list);
		}
	}
	unlock(e);
}

static void drain_wake_fd(void)
{
	uint64_t n;

	sys_raw(SYS_read, wake_fd, &n, sizeof(n), 0);
}

/* Before Linux 5.11, and under valgrind 3.19, the wait is in milliseconds, rounded up. */
static long take_events(struct epoll_event *events, int most, uint64_t deadline)
{
	uint64_t now = deadline && deadline != NEVER ? clock_now() : 0;
	stint_ns span = deadline > now && deadline != NEVER ? clock_ns(deadline - now) + 1 : 0, ms;
	struct timespec ts = { span / 1000000000, span % 1000000000 };
	long n;

	if (likely(!__atomic_load_n(&only_ms, __ATOMIC_RELAXED))) {
		n = arch_syscall(SYS_epoll_pwait2, set, (long)events, most, (long)(deadline == NEVER ? NULL : &ts), 0, 0);
		if (n != -ENOSYS)
			return n;
		__atomic_store_n(&only_ms, true, __ATOMIC_RELAXED);
	}
	ms = (span + 999999) / 1000000;
	return sys_raw(SYS_epoll_wait, set, events, most, deadline == NEVER ? -1 : ms > INT32_MAX ? INT32_MAX : ms);
}

/* the threads that @n events make ready, in the order of these */
static struct stint_thread *handle(const struct epoll_event *events, long n, bool *woken)
{
	struct stint_thread *list = NULL, *back = NULL, *next;

	*woken = false;
	for (long i = 0; i < n; i++) {
		if (events[i].data.u64 == WAKE_EVENT) {
			drain_wake_fd();
			*woken = true;
		} else {
			happened(events[i].data.u64, events[i].events, &list);
		}
	}
	for (; list; list = next) {
		next = list->next;
		list->next = back;
		back = list;
	}
	return back;
}

struct stint_thread *poller_poll(uint64_t deadline, bool *woken)
{
	struct epoll_event events[EVENTS];

	return handle(events, take_events(events, EVENTS, deadline), woken);
}

struct stint_thread *poller_look(bool *any)
{
	struct epoll_event events[FEW_EVENTS];
	long n = take_events(events, FEW_EVENTS, 0);
	struct stint_thread *list;
	bool woken;

	*any = n > 0;
	list = handle(events, n, &woken);
	if (unlikely(woken))
		poller_wake();
	return list;
}

void poller_wake(void)
{
	uint64_t one = 1;

	sys_raw(SYS_write, wake_fd, &one, sizeof(one), 0);
}

/*
 * The worker's wait in the set and the watch's in the outer one: an event is for the one, or the other. Who sets the one word looks at the
 * other after that, so events are not told to nobody; that they are told to both, where the watch comes between, only wakes it for nothing.
 */
bool poller_claim(void)
{
	int none = 0;

	if (!__atomic_compare_exchange_n(&claimed, &none, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return false;
	if (__atomic_load_n(&awaited, __ATOMIC_SEQ_CST))
		tell_outer(EPOLL_CTL_MOD, false);
	return true;
}

void poller_release(void)
{
	__atomic_store_n(&claimed, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&awaited, __ATOMIC_SEQ_CST))
		tell_outer(EPOLL_CTL_MOD, true);
}

bool poller_claimed(void)
{
	return __atomic_load_n(&claimed, __ATOMIC_ACQUIRE);
}

void poller_await(void)
{
	struct epoll_event event;

	__atomic_store_n(&awaited, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&claimed, __ATOMIC_SEQ_CST))
		tell_outer(EPOLL_CTL_MOD, true);
	sys_raw(SYS_epoll_wait, outer, &event, 1, -1);
	__atomic_store_n(&awaited, 0, __ATOMIC_RELAXED);
}

/* --- closing ----------------------------------------------------------------------------------- */

static void close_locked(struct entry *e, struct stint_thread **list)
{
	e->entered = false;
	e->generation++;
	e->facts.kind = FD_UNKNOWN;
	__atomic_store_n(&e->facts_as_of, 0, __ATOMIC_RELEASE);
	for (int dir = 0; dir < 2; dir++) {
		__atomic_store_n(&e->edges[dir], e->edges[dir] + 1, __ATOMIC_RELEASE);
		wake_all_locked(&e->waiters[dir], list);
	}
}

/*
 * The number may be another descriptor's by now, and that one entered: then its event is taken for an old one's, but who waits
 * for it has been woken here, and enters it anew.
 */
void poller_closed(int fd)
{
	struct stint_thread *list = NULL;
	struct entry *e = find(fd);

	if (!e || !(__atomic_load_n(&e->entered, __ATOMIC_RELAXED) || __atomic_load_n(&e->facts_as_of, __ATOMIC_RELAXED)))
		return;
	if (sys_in_vforked())           /* it is open here, and wake_fd is another's or none there */
		return;
	if (!spin_trylock(&e->waiters[0].lock)) {
		__atomic_store_n(&e->closing, true, __ATOMIC_SEQ_CST);
		if (!spin_trylock(&e->waiters[0].lock))
			return;         /* its holder will */
		e->closing = false;
	}
	close_locked(e, &list);
	unlock(e);
	if (park_insig())       /* it may have interrupted a worker in its queue */
		workers_hand_out_kicking(list);
	else
		worker_ready_all(list);
}

void poller_closed_range(unsigned lo, unsigned hi)
{
	for (unsigned chunk = lo / CHUNK; chunk < CHUNKS && chunk <= hi / CHUNK; chunk++) {
		if (!__atomic_load_n(&chunks[chunk], __ATOMIC_ACQUIRE))
			continue;
		for (unsigned fd = chunk * CHUNK; fd < (chunk + 1) * CHUNK; fd++)
			if (fd >= lo && fd <= hi)
				poller_closed((int)fd);
	}
}

/* --- what is known of a descriptor ------------------------------------------------------------- */

bool poller_facts(int fd, struct fd_facts *facts, uint64_t *ticket)
{
	int err;
	struct entry *e = make(fd, &err);
	unsigned now = __atomic_load_n(&modes, __ATOMIC_ACQUIRE);

	if (!e) {
		*ticket = 0;
		return false;
	}
	*ticket = (uint64_t)__atomic_load_n(&e->generation, __ATOMIC_RELAXED) << 32 | now;
	if (__atomic_load_n(&e->facts_as_of, __ATOMIC_ACQUIRE) != now)
		return false;
	*facts = e->facts;
	return facts->kind != FD_UNKNOWN;
}

void poller_learn(int fd, const struct fd_facts *facts, uint64_t ticket)
{
	struct entry *e = find(fd);

	if (!e || !(unsigned)ticket)
		return;
	lock(e);
	if (e->generation == ticket >> 32) {
		e->facts = *facts;
		__atomic_store_n(&e->facts_as_of, (unsigned)ticket, __ATOMIC_RELEASE);
	}
	unlock(e);
}

/* 0 says that a number was never looked at */
void poller_modes_changed(void)
{
	if (!__atomic_add_fetch(&modes, 1, __ATOMIC_ACQ_REL))
		__atomic_add_fetch(&modes, 1, __ATOMIC_ACQ_REL);
}

void poller_emptied(int fd, unsigned seen)
{
	struct entry *e = find(fd);

	if (!e || !__atomic_load_n(&e->entered, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&e->empty_at, seen, __ATOMIC_RELAXED);
	__atomic_store_n(&e->empty_known, true, __ATOMIC_RELAXED);
}

bool poller_is_empty(int fd, unsigned seen)
{
	struct entry *e = find(fd);

	return e && __atomic_load_n(&e->entered, __ATOMIC_RELAXED) && __atomic_load_n(&e->empty_known, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&e->empty_at, __ATOMIC_RELAXED) == seen && !__atomic_load_n(&e->ended, __ATOMIC_RELAXED);
}

bool poller_is_shut(int fd)
{
	struct entry *e = find(fd);

	return e && __atomic_load_n(&e->entered, __ATOMIC_RELAXED) &&
	       (__atomic_load_n(&e->ended, __ATOMIC_RELAXED) & EPOLLRDHUP);
}
