/*
 * stint/chan.h - channels: queues of fixed-size elements between threads
 *
 * Many may send and receive at once, threads of the runtime, kernel threads and calls. Elements are copied;
 * those of one sender arrive in the order they were sent; who waits is served in the order it came. Between
 * all functions but free, any pair may run at once; free only when nobody uses the channel any more.
 */
#ifndef STINT_CHAN_H
#define STINT_CHAN_H

#include <stddef.h>

#include <stint/call.h>
#include <stint/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stint_chan stint_chan_t;

/*
 * stint_chan_create - a channel for elements of @elem_size bytes (0: signals only), of which it holds
 * @capacity; 0: a sender waits for its receiver
 *
 * Return:  a handle; NULL with errno ENOMEM, EINVAL (an element, or all, would be more than memory can be), or what
 *          stint_launch() fails with where the library cannot start.
 * Context: any thread, any call (it does not belong to the call). Not from a signal handler.
 * Owner:   the caller's, until stint_chan_free().
 */
STINT_API stint_chan_t *stint_chan_create(size_t elem_size, size_t capacity);

/*
 * stint_chan_send, stint_chan_recv - hand over one element, wait if need be
 *
 * @elem may be NULL: zeros are sent; what is received is dropped. The timed ones wait at most that span; 0:
 * do not wait.
 *
 * Return:  0; EPIPE: it is closed (recv: and empty, *@elem is zeroed); ETIMEDOUT; EINVAL (@c NULL, span
 *          negative).
 * Context: any thread, any call: a thread is parked, a kernel thread sleeps. Not from a signal handler.
 */
STINT_API int stint_chan_send(stint_chan_t *c, const void *elem);
STINT_API int stint_chan_recv(stint_chan_t *c, void *elem);
STINT_API int stint_chan_send_timed(stint_chan_t *c, const void *elem, stint_ns timeout);
STINT_API int stint_chan_recv_timed(stint_chan_t *c, void *elem, stint_ns timeout);

/*
 * stint_chan_close - nothing more is sent. Waiting senders get EPIPE, receivers get what it still holds, then
 * EPIPE.
 *
 * Return: 0; EPIPE: it was closed; EINVAL: NULL. Context: any thread, any call; does not wait.
 */
STINT_API int stint_chan_close(stint_chan_t *c);

/*
 * stint_chan_free - give it back; of NULL, and of one at which somebody waits: nothing. The caller knows that nobody uses it: who
 * comes to do so at the same time is not seen. Those who waited and have been served, by another or by the close, use it no more, whether they
 * have returned or not.
 */
STINT_API void stint_chan_free(stint_chan_t *c);

/* stint_chan_length, stint_chan_capacity - elements held now; at most. Context: any. */
STINT_API size_t stint_chan_length(const stint_chan_t *c);
STINT_API size_t stint_chan_capacity(const stint_chan_t *c);

enum stint_select_op { STINT_SELECT_SEND, STINT_SELECT_RECV };

struct stint_select_case {
	stint_chan_t *chan;             /* NULL: never ready */
	enum stint_select_op op;
	void *elem;                     /* sent from, or received into; NULL as above */
	int result;                     /* of the chosen one: 0 or EPIPE */
};

/*
 * stint_select - wait until one of @n cases can go on, and do it
 *
 * Of several that can at once one is chosen by chance, so none starves. A closed channel is ready, with
 * result EPIPE. The same channel may stand in several cases, for sending and receiving.
 *
 * Return:  0 with *@chosen set (if not NULL) and that case's result; ETIMEDOUT (also with a @timeout of 0
 *          when none was ready); EINVAL (@cases NULL with @n > 0, an op that is none, @n above
 *          STINT_SELECT_MAX, @timeout negative); ENOMEM (not with up to four cases).
 * Context: as stint_chan_send().
 */
#define STINT_SELECT_MAX 1024
STINT_API int stint_select(struct stint_select_case *cases, size_t n, stint_ns timeout, size_t *chosen);

#ifdef __cplusplus
}
#endif

#endif
