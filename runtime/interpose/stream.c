/*
 * stream.c - see stream.h
 *
 * Every stream has a table of functions, among them those that read and write its descriptor; libc accepts no tables but its own.
 * So in these, which are read-only once it is loaded, the two functions are replaced by ours, when the first thread uses a
 * stream. Which words they are is not assumed: all tables are searched for the two side by side. Ours pass on to libc's unless the
 * stream is what a wrapper in a thread has gone to libc for, and nothing else is locked. Where the tables cannot be written, or
 * the lock of a stream does not look as we know it, everything remains as it is, and who waits takes its worker with it.
 *
 * Cancelled: the wait ends, the function of libc's returns an error to our wrapper, and the thread ends there, with nothing locked.
 * A call in the thread whose time is up, and whoever has locked a stream by hand, waits on: a line half read would be lost.
 *
 * Who waits for a stream is in the lot under its address. Kernel threads that use it do not look there when they are
 * done, nor do functions of libc's that were called by others of libc's; so who waits looks as well, at growing distances.
 *
 * Tried and rejected: to do here what fgets() and the like do, with the stream unlocked while they wait. Others would get
 * the rest of a line; and scanf() cannot be had that way.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>

#include "../libset/image.h"
#include "../sys.h"
#include "lot.h"
#include "stream.h"

#define ERR_SEEN 0x0020         /* in _flags */
#define LOOK_MIN_NS 50000
#define LOOK_MAX_NS 5000000

typedef ssize_t read_fn(FILE *f, void *buf, ssize_t n);
typedef ssize_t write_fn(FILE *f, const void *buf, ssize_t n);

/* libc's (stdio-lock.h). Only looked at where begin() has found it to be so. */
struct stream_lock {
	int word, count;
	const void *owner;              /* thread pointer; NULL: nobody */
};

static int ready;                       /* 1; 0: not yet; -1: it cannot be had. Release, with the next two */
static struct sys_lock begin_lock;      /* nests ld.so's */
static read_fn *libc_read;
static write_fn *libc_write;

/* --- reading and writing in libc ------------------------------------------------------------------- */

/* the innermost of the thread that a wrapper has gone to libc with for this stream, or NULL */
static struct stint *parks_on(const FILE *f)
{
	struct stint *s = self();

	if (likely(!s) || s->stream != f || s->handler_sp)
		return NULL;
	return s->depth == s->user_depth + 1 + (int)s->ledger.locks.streams && thread_running(s) ? s : NULL;
}

/* a thread in no call, with nothing disabled but by our wrapper: a cancel is to end its wait */
static bool ends_early(const struct stint *s)
{
	return s->is_thread && s->depth == 1;
}

/* the wait disables preemption once, too, and may be interrupted if that is all */
static int begin_wait(struct stint *s)
{
	int early = ends_early(s);

	s->depth -= early;
	return early;
}

/* a cancel is taken by the wrapper */
static void end_wait(struct stint *s, int early)
{
	s->depth += early;
	if (early && thread_cancels(thread_of(s))) {
		s->kt->turn_end = 0;
		s->deferred_since = 0;
		s->pending = true;
	}
}

static ssize_t read_stream(FILE *f, void *buf, ssize_t n)
{
	struct stint *s = parks_on(f);
	bool done = false;
	ssize_t r = 0;

	if (unlikely(s)) {
		int early = begin_wait(s);

		done = park_read(s, f->_fileno, buf, (size_t)n, &r, caller_address());
		end_wait(s, early);
	}
	return done ? r : libc_read(f, buf, n);
}

/* how much is written; false: not by us */
static bool write_parked(struct stint *s, FILE *f, const void *buf, ssize_t n, ssize_t *r, const void *caller)
{
	int early = begin_wait(s);
	bool done = park_write(s, f->_fileno, buf, (size_t)n, r, caller);

	end_wait(s, early);
	return done;
}

/* as libc's: all of it, or an error */
static ssize_t write_stream(FILE *f, const void *buf, ssize_t n)
{
	struct stint *s = parks_on(f);
	ssize_t done = 0, r = 0;

	while (unlikely(s) && done < n && write_parked(s, f, (const char *)buf + done, n - done, &r, caller_address()) && r >= 0)
		done += r;
	if (r < 0)
		f->_flags |= ERR_SEEN;
	if (f->_offset >= 0)
		f->_offset += done;
	return r < 0 || done == n ? done : done + libc_write(f, (const char *)buf + done, n - done);
}

/* --- leading libc here ----------------------------------------------------------------------------- */

static int replace_in_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t table = (uintptr_t)arg, *at;
	struct image im;
	int replaced = 0;

	(void)size;
	if (!image_of(info, &im) || !image_is_sealed(&im, table))
		return 0;
	for (at = (uintptr_t *)im.relro; (uintptr_t)(at + 2) <= im.relro_end; at++) {
		if (at[0] != (uintptr_t)libc_read || at[1] != (uintptr_t)libc_write)
			continue;
		if (image_store(&im, &at[0], (uintptr_t)read_stream) && image_store(&im, &at[1], (uintptr_t)write_stream))
			replaced = 1;
	}
	image_seal(&im);
	return replaced;
}

/* a stream's lock is what we take it for; tried on one that nobody else has */
static bool lock_is_known(FILE *f)
{
	const struct stream_lock *l = (const struct stream_lock *)f->_lock;
	bool known = l && !l->word && !l->owner;

	if (known) {
		REAL(flockfile)(f);
		known = l->word && l->owner == arch_tp();
		REAL(funlockfile)(f);
	}
	return known && !l->word && !l->owner;
}

static bool lead_here(void)
{
	void *table = dlsym(RTLD_NEXT, "_IO_file_jumps");

	libc_read = (read_fn *)dlsym(RTLD_NEXT, "_IO_file_read");
	libc_write = (write_fn *)dlsym(RTLD_NEXT, "_IO_file_write");
	return table && libc_read && libc_write && REAL(dl_iterate_phdr)(replace_in_libc, table);
}

/* for want of memory or a descriptor it is tried again the next time */
static void begin(void)
{
	FILE *f = REAL(fopen)("/dev/null", "r");

	if (!f)
		return;
	sys_lock(&begin_lock);
	if (!ready)
		__atomic_store_n(&ready, lock_is_known(f) && lead_here() ? 1 : -1, __ATOMIC_RELEASE);
	sys_unlock(&begin_lock);
	REAL(fclose)(f);
}

/* --- streams that others have ---------------------------------------------------------------------- */

/* somebody else has it, or had it a moment ago */
static bool is_taken(const FILE *f)
{
	const struct stream_lock *l = (const struct stream_lock *)f->_lock;
	const void *owner = l ? __atomic_load_n(&l->owner, __ATOMIC_RELAXED) : NULL;

	return unlikely(owner != NULL) && owner != arch_tp();
}

static void await_unlocked(struct stint *s, FILE *f, const void *caller)
{
	const struct until forever = { CLOCK_MONOTONIC, NEVER_NS };
	stint_ns look = LOOK_MIN_NS;
	struct stint_waiter w;
	int err = 0;

	w.data = NULL;
	for (bool again = false; is_taken(f); again = true) {
		lot_enter(&w, s, PARK_OTHER, f, again && err != EINTR);
		if (!is_taken(f)) {
			lot_leave(s, &w);
			return;
		}
		err = lot_park(s, &w, &forever, park_deadline(look));
		if (err == EINTR)
			park_stop(s, caller);
		look = look < LOOK_MAX_NS ? 2 * look : LOOK_MAX_NS;
	}
}

static bool is_ready(void)
{
	if (unlikely(!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)))
		begin();
	return ready > 0;
}

bool stream_parks(struct stint *s)
{
	bool parks;

	if (!s->is_thread || !parks_in(s))
		return false;
	preempt_disable(s);
	parks = is_ready();
	preempt_enable(s, caller_address());
	return parks;
}

void *stream_enter(struct stint *s, FILE *f, const void *caller)
{
	void *outer = s->stream;

	preempt_disable(s);
	if (f && parks_within(s) && is_ready() && is_taken(f))
		await_unlocked(s, f, caller);
	s->stream = f;
	return outer;
}

void stream_leave(struct stint *s, FILE *f, void *outer, const void *caller)
{
	s->stream = outer;
	if (lot_crowded(f))
		lot_wake_one(f);
	preempt_enable(s, caller);
}
