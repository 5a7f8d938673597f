/*
 * parks.h - functions that wait, in threads of the runtime: the thread is parked, its worker goes on with others
 *
 * A wrapper asks parks() at its head. Where it says that the thread may be parked, one of the functions below does the work; where
 * not, the wrapper goes on as in a call, and the worker waits with it. Not parked is
 *
 *  - who runs in a signal handler, which may have interrupted anything, the scheduler too;
 *  - who has preemption disabled by a wrapper, because a function of libc that holds a lock has called the program. What the
 *    program itself disables does not count: who waits gives up the CPU;
 *  - a call on a kernel thread, and whoever is in no thread.
 *
 * A parked thread has no kernel thread, so no signal handler interrupts it, and these never fail with EINTR. The deadline of a
 * call in the thread stops it there, and when it is resumed it waits on; a cancel ends it there. But those with a mask for the
 * time of the wait are there to be interrupted: they let in what is pending, now and then.
 *
 * Functions that return bool: false: nothing has been done, and the wrapper is to go on as ever.
 */
#ifndef STINT_PARKS_H
#define STINT_PARKS_H

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "../park.h"
#include "../poller.h"
#include "../thread.h"
#include "interpose.h"

static inline bool parks_in(struct stint *s)
{
	return s->depth == s->user_depth && !s->handler_sp && thread_running(s);
}

/* the innermost of the thread that runs here, if it may be parked, or NULL */
static inline struct stint *parks(void)
{
	struct stint *s = self();

	return unlikely(s != NULL) && parks_in(s) ? s : NULL;
}

/* --- when a wait ends ----------------------------------------------------------------------------- */

#define NEVER_NS INT64_MAX

struct until {
	clockid_t clock;
	int64_t ns;                     /* on that clock; NEVER_NS */
};

struct until until_after(int64_t sec, int64_t ns);      /* CLOCK_MONOTONIC; too long to count, or not a span: never */
struct until until_later(clockid_t clock, const struct timespec *span);
struct until until_at(clockid_t clock, const struct timespec *at);      /* NULL: never */
bool until_is_valid(clockid_t clock, const struct timespec *at);          /* else libc is to say what is wrong; NULL is */
bool until_over(const struct until *u);
/*
 * The deadline for park(): not before the time is over by this clock, unless somebody may set that clock: then soon enough to
 * look again. After ETIMEDOUT ask until_over().
 */
uint64_t until_deadline(const struct until *u);

/* Where nobody wakes who waits, it looks again: soon at first, then less and less often. */
struct again {
	stint_ns pause;
};
/* false: the time is over. Between park_begin() and park_end(). */
bool park_again(struct stint *s, struct again *a, const struct until *u, const void *caller);

/* --- time (park-sleep.c) -------------------------------------------------------------------------- */

/* 0, or the error that the real function finds in its arguments */
int park_sleep(struct stint *s, const struct until *u, const void *caller);
void park_yield(void);

/* --- descriptors (park-fd.c) ---------------------------------------------------------------------- */

bool park_read(struct stint *s, int fd, void *buf, size_t n, ssize_t *r, const void *caller);
bool park_readv(struct stint *s, int fd, const struct iovec *v, int n, ssize_t *r, const void *caller);
bool park_write(struct stint *s, int fd, const void *buf, size_t n, ssize_t *r, const void *caller);
bool park_writev(struct stint *s, int fd, const struct iovec *v, int n, ssize_t *r, const void *caller);
bool park_recv(struct stint *s, int fd, void *buf, size_t n, int flags, struct sockaddr *address, socklen_t *len,
               ssize_t *r, const void *caller);
bool park_send(struct stint *s, int fd, const void *buf, size_t n, int flags, const struct sockaddr *address,
               socklen_t len, ssize_t *r, const void *caller);
bool park_recvmsg(struct stint *s, int fd, struct msghdr *message, int flags, ssize_t *r, const void *caller);
bool park_sendmsg(struct stint *s, int fd, const struct msghdr *message, int flags, ssize_t *r, const void *caller);
bool park_recvmmsg(struct stint *s, int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout,
                   int *r, const void *caller);
bool park_sendmmsg(struct stint *s, int fd, struct mmsghdr *messages, unsigned n, int flags, int *r, const void *caller);
bool park_accept(struct stint *s, int fd, struct sockaddr *address, socklen_t *len, int flags, int *r,
                 const void *caller);
bool park_connect(struct stint *s, int fd, const struct sockaddr *address, socklen_t len, int *r, const void *caller);
void park_packets(void);                        /* from now on some pipe may be for packets (O_DIRECT) */
void park_flags_set(int fd, long flags);        /* before F_SETFL: the same, if it makes a pipe so */
void park_option_set(int level, int option);    /* before setsockopt(): whether sockets have to be asked for SO_RCVLOWAT now */
/* before a function that transfers between two descriptors: until both may be ready; at once if that cannot be told */
void park_until_ready(struct stint *s, int fd, enum poller_dir dir, const void *caller);

void enter_rights(struct stint *s, struct msghdr *m);   /* file.c */

/* --- sets of descriptors (park-poll.c) ------------------------------------------------------------ */

long poll_now(struct pollfd *fds, nfds_t n);    /* without waiting; or a negative error */
/* @mask: NULL, or for the time of the wait, which then fails with EINTR when a handler has run that it let in */
bool park_poll(struct stint *s, struct pollfd *fds, nfds_t n, const sigset_t *mask, const struct until *u, int *r,
               const void *caller);
bool park_select(struct stint *s, int n, fd_set *in, fd_set *out, fd_set *ex, const sigset_t *mask, const struct until *u,
                 int *r, const void *caller);
struct epoll_event;
bool park_epoll(struct stint *s, int fd, struct epoll_event *events, int n, const sigset_t *mask, const struct until *u,
                int *r, const void *caller);
void park_suspend(struct stint *s, const sigset_t *mask, const void *caller);   /* @mask not NULL; until such a handler has run */
void park_pause(struct stint *s, const void *caller);    /* until any has, anywhere */

/* --- what has no descriptor (park-wait.c) ---------------------------------------------------------- */

struct sembuf;
bool park_semop(struct stint *s, int id, struct sembuf *ops, size_t n, const struct until *u, int *r, const void *caller);
bool park_msgsnd(struct stint *s, int id, const void *message, size_t size, int flags, int *r, const void *caller);
bool park_msgrcv(struct stint *s, int id, void *message, size_t size, long type, int flags, ssize_t *r,
                 const void *caller);
bool park_sigwait(struct stint *s, const sigset_t *set, siginfo_t *info, const struct until *u, int *r,
                  const void *caller);
bool park_join(struct stint *s, pthread_t t, void **value, const struct until *u, int *r, const void *caller);
/* false also where it is no FIFO; who opens anything else does not wait for anybody */
bool park_open(struct stint *s, int dir, const char *path, int flags, mode_t mode, int *r, const void *caller);
bool park_record_lock(struct stint *s, int fd, int command, void *lock, int *r, const void *caller);

#endif
