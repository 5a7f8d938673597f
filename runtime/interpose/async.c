/*
 * async.c - work that libc's own threads do: asynchronous input and output, look-ups, notices; and timers
 *
 * Starting such work takes locks and may start a thread, which is libc's and no call's. What it does, it does for the
 * process: a cancelled call's requests go on.
 */
#define _GNU_SOURCE
#include <aio.h>
#include <mqueue.h>
#include <netdb.h>
#include <signal.h>
#include <time.h>

#include "interpose.h"

LOCKED_VOID(aio_init, (const struct aioinit *init), (init))
LOCKED(int, aio_read, (struct aiocb *request), (request))
LOCKED(int, aio_read64, (struct aiocb64 *request), (request))
LOCKED(int, aio_write, (struct aiocb *request), (request))
LOCKED(int, aio_write64, (struct aiocb64 *request), (request))
LOCKED(int, aio_fsync, (int how, struct aiocb *request), (how, request))
LOCKED(int, aio_fsync64, (int how, struct aiocb64 *request), (how, request))
LOCKED(int, aio_cancel, (int fd, struct aiocb *request), (fd, request))
LOCKED(int, aio_cancel64, (int fd, struct aiocb64 *request), (fd, request))
LOCKED(int, gai_cancel, (struct gaicb *request), (request))
LOCKED(int, mq_notify, (mqd_t queue, const struct sigevent *event), (queue, event))
