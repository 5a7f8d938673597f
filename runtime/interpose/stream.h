/*
 * stream.h - how a function that works on a stream is wrapped
 *
 * Such a function has the stream locked while it reads or writes, and a thread that waits in there would take its worker with it.
 * So the wrapper notes the stream in the call, and libc's own reading and writing, which is led here (stream.c), parks the thread
 * if it is that stream's. It keeps the lock meanwhile, as it is to: a line that one thread has begun to read, no other one ends.
 * Who wants the stream then, in a thread, is parked as well, before it goes to libc.
 *
 * ON_STREAM: the class "locked", on the stream @f; NULL: on none, or on more than one
 * READS_STREAM: the same for those that read; the first of the input is waited for before the stream is locked (await.h)
 */
#ifndef STINT_STREAM_H
#define STINT_STREAM_H

#include "await.h"

/* the pair around the real function. The first disables preemption, and returns what the second wants. */
void *stream_enter(struct stint *s, FILE *f, const void *caller);
void stream_leave(struct stint *s, FILE *f, void *outer, const void *caller);

/* whether @s, outside the pair, may go in without having waited for input */
bool stream_parks(struct stint *s);

#define ON_STREAM(ret, name, params, args, f) ON_STREAM_IF(true, ret, name, params, args, f, (ret)0)

/* @f NULL: nothing is read. @failure is what it returns when it was interrupted. */
#define READS_STREAM(ret, name, params, args, f, failure) \
	ON_STREAM_IF(has_input(f) || await_input(s_, f), ret, name, params, args, f, failure)

/* @ready is asked for before the stream is locked; false: it fails */
#define ON_STREAM_IF(ready, ret, name, params, args, f, failure)              \
	WRAPPER STINT_LOCKED_TEXT ret name params                             \
	{                                                                     \
		struct stint *s_ = self();                                    \
		void *outer_;                                                 \
		ret r_;                                                       \
                                                                              \
		if (likely(!s_))                                              \
			return REAL(name) args;                               \
		if (!(ready))                                                 \
			return failure;                                       \
		outer_ = stream_enter(s_, f, caller_address());               \
		r_ = REAL(name) args;                                         \
		stream_leave(s_, f, outer_, caller_address());                \
		return r_;                                                    \
	}

#define ON_STREAM_VOID(name, params, args, f)                                 \
	WRAPPER STINT_LOCKED_TEXT void name params                            \
	{                                                                     \
		struct stint *s_ = self();                                    \
		void *outer_;                                                 \
                                                                              \
		if (likely(!s_)) {                                            \
			REAL(name) args;                                      \
			return;                                               \
		}                                                             \
		outer_ = stream_enter(s_, f, caller_address());               \
		REAL(name) args;                                              \
		stream_leave(s_, f, outer_, caller_address());                \
	}

#endif
