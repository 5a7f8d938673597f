/*
 * trace.c - see trace.h
 *
 * The file is opened at the start, so that a path that cannot be written is an error then. A stretch of running becomes a
 * complete event ("X") on its worker's track, whose arguments say how it ended; a wake-up an arrow from the waker's stretch to
 * the next one of the woken thread ("s", "f"); the rest instants ("i"). A stretch whose beginning has been overwritten is left out.
 *
 * At the end of the process the workers still run: trace_on is cleared first, and what one of them is noting just then may be
 * half written; the last event of a ring may be nonsense, and is left out.
 *
 * What cannot be written is said on standard error, when nobody is left who could be given an error. The signal that the kernel may
 * send with it is kept from the program, which has not written anything.
 */
#define _GNU_SOURCE
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "ledger.h"
#include "park.h"
#include "sys.h"
#include "thread.h"
#include "worker.h"

#define BUFFER 65536

bool trace_on;

static int fd = -1;
static char path[256];                  /* of fd, for who reads a message */
static uint64_t begin;

int trace_open(const char *name)
{
	long r = ledger_own_open(true, SYS_open, (long)name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (r < 0)
		return (int)-r;
	fd = (int)r;
	snprintf(path, sizeof(path), "%s", name);
	begin = clock_now();
	trace_on = true;
	return 0;
}

int trace_ring_init(struct trace_ring *ring)
{
	ring->n = 0;
	ring->events = NULL;
	if (!trace_on)
		return 0;
	ring->events = sys_mmap(TRACE_EVENTS * sizeof(struct trace_event), 0);
	return ring->events ? 0 : ENOMEM;
}

void trace_ring_free(struct trace_ring *ring)
{
	if (ring->events)
		sys_munmap(ring->events, TRACE_EVENTS * sizeof(struct trace_event));
	ring->events = NULL;
}

void trace_forget(void)
{
	if (fd >= 0)
		ledger_own_close(fd);
	fd = -1;
	trace_on = false;
}

void trace_note(struct worker *w, enum trace_kind kind, const struct stint_thread *t, uint64_t other, int how)
{
	struct trace_event *e;

	if (!w->trace.events)
		return;
	e = &w->trace.events[w->trace.n % TRACE_EVENTS];
	e->at = clock_now();
	e->thread = t ? t->task.id : 0;
	e->other = other;
	e->kind = (uint8_t)kind;
	e->how = (uint8_t)how;
	e->reason = kind == TRACE_LEAVE ? (uint8_t)t->waits_for : 0;
	e->name[0] = '\0';
	if (kind == TRACE_RUN)
		memcpy(e->name, stint_of(t)->name, sizeof(e->name) - 1);
	e->name[sizeof(e->name) - 1] = '\0';
	__atomic_store_n(&w->trace.n, w->trace.n + 1, __ATOMIC_RELEASE);        /* it is whole; with who writes them out */
}

/* --- writing ----------------------------------------------------------------------------------- */

struct out {
	char *buffer;
	size_t n;
	size_t written;         /* bytes */
	int err;                /* then nothing more is written */
	bool any;               /* an event has been written: a comma comes before the next */
};

static void flush(struct out *o)
{
	size_t done = 0;
	long r;

	while (done < o->n && !o->err) {
		r = sys_raw(SYS_write, fd, o->buffer + done, o->n - done, 0);
		if (r > 0)
			done += (size_t)r;
		else if (r != -EINTR)
			o->err = r ? (int)-r : EIO;
	}
	o->written += done;
	o->n = 0;
}

static void __attribute__((format(printf, 2, 3))) put(struct out *o, const char *format, ...)
{
	va_list ap;
	int n;

	if (o->n > BUFFER - 512)
		flush(o);
	va_start(ap, format);
	n = vsnprintf(o->buffer + o->n, BUFFER - o->n, format, ap);
	va_end(ap);
	if (n > 0)
		o->n += (size_t)n;
}

static stint_ns since_begin(uint64_t at)
{
	return at > begin ? clock_ns(at - begin) : 0;
}

/* in microseconds; by whole numbers, because the program's locale may have another decimal point */
static void put_time(struct out *o, const char *name, stint_ns ns)
{
	put(o, ",\"%s\":%lld.%03d", name, (long long)(ns / 1000), (int)(ns % 1000));
}

static void begin_event(struct out *o, const char *ph, unsigned worker, uint64_t at)
{
	put(o, "%s{\"ph\":\"%s\",\"pid\":1,\"tid\":%u", o->any ? ",\n" : "", ph, worker + 1);
	put_time(o, "ts", since_begin(at));
	o->any = true;
}

/* a string between quotes; bytes that JSON does not allow as they are become question marks */
static void put_name(struct out *o, const struct trace_event *e)
{
	char name[sizeof(e->name)];
	size_t i;

	if (!e->name[0]) {
		put(o, ",\"name\":\"thread %llu\"", (unsigned long long)e->thread);
		return;
	}
	for (i = 0; i < sizeof(name) - 1 && e->name[i]; i++) {
		unsigned char c = (unsigned char)e->name[i];

		name[i] = c < 32 || c > 126 || c == '"' || c == '\\' ? '?' : (char)c;
	}
	name[i] = '\0';
	put(o, ",\"name\":\"%s\"", name);
}

static const char *how_name(const struct trace_event *e)
{
	switch (e->how) {
	case STATE_TIMED_OUT:
		return "preempted";
	case STATE_READY:
		return "yields";
	case STATE_PAUSED:
		return "waits";
	case STATE_CANCELLED:
		return "cancelled";
	default:
		return "ends";
	}
}

static const char *why_name(uint64_t why)
{
	static const char *const names[] = {
		[TRACE_TURN_OVER] = "turn over", [TRACE_DISPLACED] = "displaced", [TRACE_CANCELLED] = "cancelled",
		[TRACE_OTHER_POLICY] = "other policy", [TRACE_RELIEF_OVER] = "relief over",
		[TRACE_IN_KERNEL] = "in the kernel",
	};

	return names[why];
}

static void write_stretch(struct out *o, unsigned worker, const struct trace_event *run, const struct trace_event *leave)
{
	begin_event(o, "X", worker, run->at);
	put_name(o, run);
	put_time(o, "dur", since_begin(leave->at) - since_begin(run->at));
	put(o, ",\"cat\":\"run\",\"args\":{\"thread\":%llu,\"end\":\"%s\"", (unsigned long long)run->thread,
	    how_name(leave));
	if (leave->how == STATE_PAUSED)
		put(o, ",\"for\":\"%s\"", park_reason_name(leave->reason));
	if (leave->how == STATE_TIMED_OUT)
		put(o, ",\"why\":\"%s\"", why_name(leave->other));
	put(o, "}}");
}

static void write_arrow(struct out *o, const char *ph, unsigned worker, uint64_t at, uint64_t thread)
{
	begin_event(o, ph, worker, at);
	put(o, ",\"cat\":\"wake\",\"name\":\"wakes\",\"id\":%llu%s}", (unsigned long long)thread,
	    *ph == 'f' ? ",\"bp\":\"e\"" : "");
}

static void write_instant(struct out *o, unsigned worker, const struct trace_event *e, const char *name)
{
	begin_event(o, "i", worker, e->at);
	put(o, ",\"s\":\"t\",\"cat\":\"sched\",\"name\":\"%s\",\"args\":{\"thread\":%llu,\"other\":%llu}}", name,
	    (unsigned long long)e->thread, (unsigned long long)e->other);
}

static void write_ring(struct out *o, const struct worker *w)
{
	uint64_t n = __atomic_load_n(&w->trace.n, __ATOMIC_ACQUIRE);
	uint64_t first = n >= TRACE_EVENTS ? n - TRACE_EVENTS + 1 : 0;  /* the one before may be being overwritten */
	const struct trace_event *run = NULL;

	begin_event(o, "M", w->id, begin);
	put(o, ",\"name\":\"thread_name\",\"args\":{\"name\":\"worker %u\"}}", w->id);
	for (uint64_t i = first; i < n; i++) {
		const struct trace_event *e = &w->trace.events[i % TRACE_EVENTS];

		switch (e->kind) {
		case TRACE_RUN:
			run = e;
			if (e->how == STATE_PAUSED)     /* not where it was stopped or had yielded */
				write_arrow(o, "f", w->id, e->at, e->thread);
			break;
		case TRACE_LEAVE:
			if (run && run->thread == e->thread)
				write_stretch(o, w->id, run, e);
			run = NULL;
			break;
		case TRACE_WAKE:
		case TRACE_SPAWN:
			write_arrow(o, "s", w->id, e->at, e->thread);
			break;
		case TRACE_STEAL:
			write_instant(o, w->id, e, "steals");
			break;
		case TRACE_DISPLACE:
			write_instant(o, w->id, e, "displaces");
			break;
		case TRACE_SLEEP:
			write_instant(o, w->id, e, "sleeps");
			break;
		default:
			write_instant(o, w->id, e, "awake");
			break;
		}
	}
}

static void write_all(struct out *o)
{
	put(o, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
	begin_event(o, "M", 0, begin);
	put(o, ",\"name\":\"process_name\",\"args\":{\"name\":\"stint\"}}");
	for (unsigned i = 0; i < nworkers; i++)
		if (workers[i]->trace.events)
			write_ring(o, workers[i]);
	put(o, "\n]}\n");
	flush(o);
}

/* with what a write that fails may send, a file that becomes too long or a reader that is gone, taken back */
static void write_without_signals(struct out *o)
{
	const uint64_t ours = UINT64_C(1) << (SIGXFSZ - 1) | UINT64_C(1) << (SIGPIPE - 1);
	const struct timespec none = { 0, 0 };
	uint64_t mask;

	sys_raw(SYS_rt_sigprocmask, SIG_BLOCK, &ours, &mask, sizeof(mask));
	write_all(o);
	if (o->err == EFBIG || o->err == EPIPE)
		sys_raw(SYS_rt_sigtimedwait, &ours, NULL, &none, sizeof(ours));
	sys_raw(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

static void report(const struct out *o)
{
	bool full = o->err == ENOSPC || o->err == EDQUOT || o->err == EFBIG;
	char text[512];
	int n = snprintf(text, sizeof(text), "stint: STINT_TRACE=%s: the trace is not whole, it breaks off after %zu bytes: %s. %s.\n",
	                 path, o->written, strerrordesc_np(o->err),
	                 full ? "Make room for it, or give a file elsewhere" : "Give another file");

	sys_raw(SYS_write, STDERR_FILENO, text, n, 0);
}

void trace_write(void)
{
	struct out o = { .n = 0 };
	long r;

	if (fd < 0)
		return;
	trace_on = false;
	o.buffer = sys_mmap(BUFFER, 0);
	if (o.buffer) {
		write_without_signals(&o);
		sys_munmap(o.buffer, BUFFER);
	} else {
		o.err = ENOMEM;
	}
	r = ledger_own_close(fd);
	fd = -1;
	if (r < 0 && !o.err)            /* some file systems say it only now */
		o.err = (int)-r;
	if (o.err)
		report(&o);
}

/* A process that ends without stint_stop() has a trace all the same; one that is killed has none. */
__attribute__((destructor)) static void at_exit(void)
{
	trace_write();
}
