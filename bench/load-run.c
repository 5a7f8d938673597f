/*
 * load-run.c - the requests: when they are due, on which connection they go, when they are answered
 *
 * Open loop: when a request is due is settled before the run by rate and seed, whatever the server does. One that
 * finds no connection free waits here, and its time counts from when it was due; otherwise a server that stops
 * for a second would be asked nothing during the second, and lose a hundredth of a percentile for it. There is no
 * queue of waiting requests: those that are due are the next ones of the sequence, so it is enough to know the first
 * that is not sent yet. With rate 0 the loop is closed: each connection asks again once it is answered.
 *
 * One kernel thread, epoll, one request at a time on a connection, the longest idle connection first. It spins, for a
 * thread woken by a timer would be some 50 us late, more than many a latency to be measured; what of this remains is
 * in the histogram of lateness.
 */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EVENTS  256
#define SLEEP_MOST_NS 100000000

struct connection {
	int fd;                 /* -1: not connected */
	bool waiting;           /* for an answer */
	bool burn;
	uint64_t due;           /* ns */
	size_t have;            /* bytes of the answer's head */
	size_t body;            /* bytes of the answer still to come, once the head is complete */
	bool in_body;
	char head[1024];
};

struct run {
	const struct load_plan *plan;
	struct load_result *out;
	struct connection *all;
	unsigned *idle;         /* a ring: connections that wait for nothing */
	unsigned idle_first, idle_n;
	int epoll;
	uint64_t begin, end;    /* of the time measured */
	uint64_t due;           /* when the first request that is not sent is due */
	double due_exact;       /* the same, without rounding that adds up */
	uint64_t random;
	uint64_t free_since;    /* since when there has been an idle connection */
	uint64_t idle_ns, answered;
	unsigned in_flight;
	char plain[128], burn[128];
	size_t plain_len, burn_len;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* xorshift64*, 0 < result <= 1 */
static double draw(struct run *r)
{
	r->random ^= r->random >> 12;
	r->random ^= r->random << 25;
	r->random ^= r->random >> 27;
	return (double)((r->random * UINT64_C(2685821657736338717) >> 11) + 1) / 9007199254740992.0;
}

static void next_due(struct run *r)
{
	double gap = 1e9 / r->plan->rate;

	if (!r->plan->even)
		gap *= -log(draw(r));
	r->due_exact += gap;
	r->due = (uint64_t)r->due_exact;
}

static bool measured(const struct run *r, uint64_t due)
{
	return due >= r->begin && due < r->end;
}

static void put_idle(struct run *r, struct connection *c)
{
	c->waiting = false;
	if (!r->idle_n)
		r->free_since = now();
	r->idle[(r->idle_first + r->idle_n++) % r->plan->connections] = (unsigned)(c - r->all);
}

static struct connection *take_idle(struct run *r)
{
	struct connection *c = &r->all[r->idle[r->idle_first]];

	r->idle_first = (r->idle_first + 1) % r->plan->connections;
	r->idle_n--;
	return c;
}

/* Blocking while it connects: over loopback that takes no time, and a request that is due meanwhile counts from then. */
static int open_connection(struct run *r, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int one = 1, error;

	c->have = 0;
	c->in_body = false;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return errno;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!connect(c->fd, (const struct sockaddr *)&r->plan->server, sizeof(r->plan->server)) &&
	    !epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event))
		return 0;
	error = errno;
	close(c->fd);
	c->fd = -1;
	return error;
}

static void answered(struct run *r, struct connection *c, uint64_t when)
{
	r->in_flight--;
	if (measured(r, c->due))
		histogram_add(c->burn ? &r->out->burn : &r->out->plain, when > c->due ? when - c->due : 0);
	if (when >= r->begin && when < r->end)
		r->answered++;
}

/* The connection has ended, or what came over it makes no sense. It is made anew; if it cannot be, it stays away. */
static void broken(struct run *r, struct connection *c, uint64_t *counter)
{
	close(c->fd);
	c->fd = -1;
	if (c->waiting) {
		++*counter;
		r->in_flight--;
	}
	c->waiting = false;
	if (open_connection(r, c)) {
		r->out->refused++;
		return;
	}
	put_idle(r, c);
}

static void send_request(struct run *r, struct connection *c, uint64_t due)
{
	const char *text;
	size_t len;

	c->due = due;
	c->burn = r->plan->burn_share > 0 && draw(r) <= r->plan->burn_share;
	text = c->burn ? r->burn : r->plain;
	len = c->burn ? r->burn_len : r->plain_len;
	c->waiting = true;
	r->in_flight++;
	if (send(c->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
		broken(r, c, &r->out->broken);
}

static void send_due(struct run *r, uint64_t time)
{
	while (r->idle_n && r->due <= time && r->due < r->end) {
		uint64_t due = r->due, could = due > r->free_since ? due : r->free_since;

		next_due(r);
		if (measured(r, due))
			histogram_add(&r->out->late, now() - could);
		send_request(r, take_idle(r), due);
	}
}

/* Closed loop: those that are idle at first, and those made anew. */
static void send_idle(struct run *r, uint64_t time)
{
	unsigned n;

	for (n = r->idle_n; n > 0 && time < r->end; n--)
		send_request(r, take_idle(r), time);
}

/* The length that the head in @c tells of; -1: no good answer. */
static long body_length(const struct connection *c)
{
	const char *field;

	if (strncmp(c->head, "HTTP/1.1 200", 12))
		return -1;
	field = strcasestr(c->head, "\r\ncontent-length:");
	return field ? strtol(field + strlen("\r\ncontent-length:"), NULL, 10) : -1;
}

/*
 * @len bytes came in behind those that are there. 1: the answer is complete; 0: more is to come; -1: no answer to
 * what was asked.
 */
static int take_bytes(struct connection *c, size_t len)
{
	char *end;
	long length;
	size_t rest;

	if (!c->in_body) {
		c->have += len;
		c->head[c->have] = '\0';
		end = strstr(c->head, "\r\n\r\n");
		if (!end)
			return c->have == sizeof(c->head) - 1 ? -1 : 0;
		rest = c->have - (size_t)(end + 4 - c->head);
		end[2] = '\0';
		length = body_length(c);
		if (length < 0)
			return -1;
		c->body = (size_t)length;
		c->in_body = true;
		len = rest;
	}
	if (len > c->body)
		return -1;
	c->body -= len;
	if (c->body)
		return 0;
	c->in_body = false;
	c->have = 0;
	return 1;
}

static void receive(struct run *r, struct connection *c)
{
	char *to = c->in_body ? c->head : c->head + c->have;
	size_t room = sizeof(c->head) - 1 - (c->in_body ? 0 : c->have);
	ssize_t len = recv(c->fd, to, room, MSG_DONTWAIT);
	uint64_t when;
	int state;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0 || !c->waiting) {
		broken(r, c, &r->out->broken);
		return;
	}
	state = take_bytes(c, (size_t)len);
	if (state < 0) {
		broken(r, c, &r->out->wrong);
	} else if (state > 0) {
		when = now();
		answered(r, c, when);
		if (r->plan->rate > 0 || when >= r->end)
			put_idle(r, c);
		else
			send_request(r, c, when);
	}
}

/* how long there may be nothing to do: none when spinning, else until a request is due that can be sent */
static struct timespec patience(const struct run *r, uint64_t time)
{
	uint64_t until = r->end + 1, span;

	if (!r->plan->sleep)
		return (struct timespec){ 0, 0 };
	if (r->plan->rate > 0 && r->idle_n && r->due < until)
		until = r->due;
	span = until > time ? until - time : time < r->end ? 0 : SLEEP_MOST_NS;
	if (span > SLEEP_MOST_NS)
		span = SLEEP_MOST_NS;
	return (struct timespec){ 0, (long)span };
}

/* 0 or an errno value */
static int turn(struct run *r)
{
	struct epoll_event events[EVENTS];
	uint64_t before = now();
	struct timespec timeout;
	int i, n;

	if (r->plan->rate > 0)
		send_due(r, before);
	else
		send_idle(r, before);
	timeout = patience(r, before);
	n = epoll_pwait2(r->epoll, events, EVENTS, &timeout, NULL);
	if (n < 0)
		return errno == EINTR ? 0 : errno;
	for (i = 0; i < n; i++)
		receive(r, events[i].data.ptr);
	if (!n && before >= r->begin && before < r->end)
		r->idle_ns += now() - before;
	return 0;
}

static bool finished(const struct run *r, uint64_t time)
{
	bool under_way = r->in_flight || (r->plan->rate > 0 && r->due < r->end);

	return time >= r->end && (!under_way || time >= r->end + (uint64_t)(r->plan->grace_s * 1e9));
}

static int run_loop(struct run *r)
{
	int error;

	while (!finished(r, now())) {
		error = turn(r);
		if (error)
			return error;
	}
	return 0;
}

/* What has no answer counts with the time that it has waited, or a server that hangs would look quick. */
static void count_unanswered(struct run *r)
{
	uint64_t time = now();
	unsigned i;

	for (i = 0; i < r->plan->connections; i++) {
		const struct connection *c = &r->all[i];

		if (c->waiting && measured(r, c->due)) {
			histogram_add(c->burn ? &r->out->burn : &r->out->plain, time - c->due);
			r->out->unanswered++;
		}
	}
	for (; r->plan->rate > 0 && r->due < r->end; next_due(r)) {
		if (measured(r, r->due)) {
			histogram_add(&r->out->plain, time - r->due);
			r->out->unanswered++;
		}
	}
}

static int open_all(struct run *r)
{
	unsigned i;
	int error;

	for (i = 0; i < r->plan->connections; i++) {
		error = open_connection(r, &r->all[i]);
		if (error)
			return error;
		put_idle(r, &r->all[i]);
	}
	return 0;
}

static void make_requests(struct run *r)
{
	static const char rest[] = " HTTP/1.1\r\nHost: localhost\r\n\r\n";

	r->plain_len = (size_t)snprintf(r->plain, sizeof(r->plain), "GET /%s", rest);
	r->burn_len = (size_t)snprintf(r->burn, sizeof(r->burn), "GET /burn?us=%u%s", r->plan->burn_us, rest);
}

static void close_all(struct run *r)
{
	unsigned i;

	for (i = 0; i < r->plan->connections; i++)
		if (r->all[i].fd >= 0)
			close(r->all[i].fd);
}

static int run_opened(struct run *r)
{
	int error = open_all(r);

	if (error)
		return error;
	r->begin = now() + (uint64_t)(r->plan->warmup_s * 1e9);
	r->end = r->begin + (uint64_t)(r->plan->measured_s * 1e9);
	r->due_exact = (double)now();
	r->due = (uint64_t)r->due_exact;
	prctl(PR_SET_TIMERSLACK, 1);
	error = run_loop(r);
	if (error)
		return error;
	count_unanswered(r);
	r->out->rate = (double)r->answered / r->plan->measured_s;
	r->out->busy = 1 - (double)r->idle_ns / (double)(r->end - r->begin);
	return 0;
}

int load_run(const struct load_plan *plan, struct load_result *out)
{
	struct run r = { .plan = plan, .out = out, .random = plan->seed * 2 + 1 };
	unsigned i;
	int error;

	memset(out, 0, sizeof(*out));
	r.all = calloc(plan->connections, sizeof(*r.all));
	r.idle = calloc(plan->connections, sizeof(*r.idle));
	r.epoll = epoll_create1(EPOLL_CLOEXEC);
	error = r.epoll < 0 ? errno : !r.all || !r.idle ? ENOMEM : 0;
	if (!error) {
		for (i = 0; i < plan->connections; i++)
			r.all[i].fd = -1;
		make_requests(&r);
		error = run_opened(&r);
		close_all(&r);
	}
	if (r.epoll >= 0)
		close(r.epoll);
	free(r.idle);
	free(r.all);
	return error;
}
