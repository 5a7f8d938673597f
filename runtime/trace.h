/*
 * trace.h - what happens on the workers, for STINT_TRACE
 *
 * Each worker notes events in a ring of its own, the oldest are overwritten; at the end of the runtime or of the process they are
 * written in the JSON format of Chrome's and Perfetto's trace viewers. Off, each place costs one test of a flag that never changes.
 *
 * Context: a worker's own, with preemption disabled: also in the handler, once it has found that it may stop the thread.
 */
#ifndef STINT_TRACE_H
#define STINT_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "context.h"

struct worker;
struct stint_thread;

enum trace_kind { TRACE_RUN, TRACE_LEAVE, TRACE_WAKE, TRACE_SPAWN, TRACE_STEAL, TRACE_DISPLACE, TRACE_SLEEP, TRACE_AWAKE };

enum trace_why { TRACE_TURN_OVER, TRACE_DISPLACED, TRACE_CANCELLED, TRACE_OTHER_POLICY, TRACE_RELIEF_OVER,
                 TRACE_IN_KERNEL };

struct trace_event {
	uint64_t at;                    /* cycles */
	uint64_t thread;                /* id; 0: none */
	uint64_t other;                 /* whom it displaces; from which worker it was stolen; why it was preempted */
	uint8_t kind, how, reason;      /* how it left; what it waits for */
	char name[21];
};

struct trace_ring {
	struct trace_event *events;     /* NULL: tracing is off */
	uint64_t n;                     /* that were noted; the last TRACE_EVENTS of them are there */
};

#define TRACE_EVENTS 65536u

extern PRIVATE bool trace_on;

int trace_open(const char *path);       /* 0 or an errno value; before the workers start */
int trace_ring_init(struct trace_ring *ring);
void trace_ring_free(struct trace_ring *ring);
void trace_write(void);                 /* what the workers have noted, once; they have ended, or the process does */
void trace_forget(void);                /* in a forked child: the file is the parent's */

void trace_note(struct worker *w, enum trace_kind kind, const struct stint_thread *t, uint64_t other, int how);

static inline void trace(struct worker *w, enum trace_kind kind, const struct stint_thread *t, uint64_t other, int how)
{
	if (unlikely(trace_on))
		trace_note(w, kind, t, other, how);
}

#endif
