/*
 * await.h - a stream that has nothing to read is waited for before it is locked
 *
 * In a function of libc that reads a stream a call is not stopped, because the stream is locked and its buffer half done. So
 * a call first waits until the descriptor can be read, where nothing is held and it may be stopped. That is all for a
 * line that comes at once; where libc finds less than it needs, it waits for the rest with the stream locked.
 *
 * A thread in no call needs none of that: it is parked in there, and may be ended (stream.h). It must not wait here: of several
 * that do, one may read the lines of all.
 */
#ifndef STINT_AWAIT_H
#define STINT_AWAIT_H

#include <stdio.h>

#include "interpose.h"

/*
 * False: a handler of the program that does not have system calls restarted came in between. The stream is marked and errno
 * is EINTR, as if the read had failed. Preemption is not disabled.
 */
bool await_input(struct stint *s, FILE *f);

/* the layout of FILE is part of the interface: getc_unlocked() is compiled into programs. Without the lock this is a guess. */
static inline bool has_input(const FILE *f)
{
	return !f || f->_IO_read_ptr < f->_IO_read_end;
}

#endif
