/*
 * poller.h - threads that wait for descriptors
 *
 * A descriptor that a thread waits for is entered into one epoll set, once, edge-triggered for both directions, and stays there
 * until it is closed. Each entry counts the edges it has seen; who is about to wait says which count it saw before it tried,
 * so an edge in between is not missed:
 *
 *      seen = poller_seen(fd, dir)
 *      r = recv(fd, ..., MSG_DONTWAIT)
 *      EAGAIN: poller_wait(s, fd, dir, seen, deadline), and try again
 *
 * Who knows that it took all there was (a stream gave less than was asked for) says so (poller_emptied()); while no edge has come
 * since, the next may wait without trying (poller_is_empty()). Not where an event told of more than data, an end above all:
 * that comes without another edge.
 *
 * Events are taken by a worker that has nothing to do (poller_poll()), or by the watch when all compute (watch.h); also at
 * the end of a turn (poller_look()), where the watch has not come to run.
 */
#ifndef STINT_POLLER_H
#define STINT_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "park.h"

struct stint_thread;

enum poller_dir { POLLER_IN, POLLER_OUT };

int poller_init(void);                  /* 0 or an errno value */
void poller_fini(void);
bool poller_up(void);

/* how many edges the descriptor has seen; 0 where it is not entered */
unsigned poller_seen(int fd, enum poller_dir dir);

/*
 * What the wrappers have found out about a descriptor. It is forgotten when the number is closed, and taken for old once
 * somebody has changed the modes of any descriptor, since a descriptor may have several numbers.
 */
enum fd_kind { FD_UNKNOWN, FD_FILE, FD_OTHER, FD_TERMINAL, FD_PIPE, FD_FIFO, FD_SOCKET, FD_STREAM };
struct fd_facts {
	int kind;                       /* enum fd_kind; FIFO: a pipe with a name; STREAM: a socket over which bytes come in order */
	bool nonblocking;
	bool dries;                     /* a read that gives less than was asked for has taken all there was */
	int least;                      /* SO_RCVLOWAT of a stream; 0: not asked for */
	uint64_t timeout[2];            /* of a socket, cycles by enum poller_dir; NEVER */
};
/* false: not known. @ticket: for poller_learn(), and says what it is then about */
bool poller_facts(int fd, struct fd_facts *facts, uint64_t *ticket);
void poller_learn(int fd, const struct fd_facts *facts, uint64_t ticket);
void poller_modes_changed(void);        /* O_NONBLOCK, SO_RCVTIMEO and the like of some descriptor */

void poller_emptied(int fd, unsigned seen);             /* by one who has seen @seen for POLLER_IN, and it was a stream */
bool poller_is_empty(int fd, unsigned seen);
bool poller_is_shut(int fd);            /* an event has told that nothing will come any more; known before its edge is */

/*
 * poller_wait - park the thread that runs @s until @fd may be ready for @dir, or has been since @seen
 *
 * Return: 0: try again. ETIMEDOUT. EINTR: as park(). EPERM: this kind of descriptor cannot be waited for (a file): it never
 *         blocks for long. EBADF, ENOMEM, ENOSPC: as epoll_ctl().
 * Context: between park_begin() and park_end(), in a thread.
 */
int poller_wait(struct stint *s, int fd, enum poller_dir dir, unsigned seen, uint64_t deadline);

/*
 * Several at once (poll, select). First all are registered, and looked at without waiting (so that poller_seen() was before);
 * then each has a waiter, all with the same main one and kind the direction; each is entered, false: there has been an edge
 * since @seen, or it is closed. After park(), all are taken out again; if one could not be entered, after waiter_give_up().
 */
int poller_register(int fd);            /* 0, or an error as above */
bool poller_enter(struct stint_waiter *w, int fd, unsigned seen);
void poller_leave(struct stint_waiter *w, int fd);

/* @fd has been closed: whoever waits for it wakes, and tries, and sees. Async-signal-safe. */
void poller_closed(int fd);
void poller_closed_range(unsigned lo, unsigned hi);

/* --- for workers and the watch --- */

/* only one worker sleeps here; true: it is the caller's turn, until poller_release() */
bool poller_claim(void);
void poller_release(void);
bool poller_claimed(void);
void poller_await(void);                /* the watch: until there are events and no worker sleeps here, or about that */

/* wait at most until @deadline (cycles; 0: do not wait) for events; threads that became ready, by next. @woken: by the other */
struct stint_thread *poller_poll(uint64_t deadline, bool *woken);
/* a few of those that there are, without waiting; on a thread's stack, in the handler at the end of a turn, too */
struct stint_thread *poller_look(bool *any);
void poller_wake(void);                 /* one who is in poller_poll() returns, or the next one at once */

#endif
