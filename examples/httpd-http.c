/*
 * httpd-http.c - HTTP/1.1 on one connection
 *
 * The parser (Debian's libhttp-parser-dev) is fed what recv() brings, whole requests or pieces or several at once, and calls
 * back. Answers gather in a buffer that goes out when all that came in is dealt with, when it is full, and
 * before something that takes long. So a request costs one recv() and one send(), pipelined ones less, and none
 * allocates. That sending waits in the midst of a callback of the parser does not matter: this is a thread.
 */
#include <errno.h>
#include <http_parser.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <stint.h>

#include "burn.h"
#include "httpd.h"

#define LONGEST_TARGET 1024
#define LONGEST_ANSWER 1024
#define LONGEST_BURN_US 10000000

struct exchange {
	http_parser parser;
	int fd;
	struct httpd_stats *stats;
	bool broken;                    /* it cannot be sent to any more */
	bool begun;                     /* a request has, and is not complete */
	size_t expect_seen;             /* so many bytes of a header's name are those of "expect" */
	bool expects;                   /* the client wants to hear that it may send the body */
	size_t target_length;           /* above LONGEST_TARGET: too long */
	uint64_t body_length;
	uint64_t answered;              /* since the counters were last told */
	size_t out_length;
	char target[LONGEST_TARGET + 1];
	char out[8192];
	char in[8192];
};

int64_t httpd_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return STINT_S(t.tv_sec) + t.tv_nsec;
}

static void flush(struct exchange *x)
{
	size_t done = 0;

	while (done < x->out_length && !x->broken) {
		ssize_t n = send(x->fd, x->out + done, x->out_length - done, MSG_NOSIGNAL);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			x->broken = true;
	}
	x->stats->sent += done;
	x->stats->requests += x->answered;
	x->answered = 0;
	x->out_length = 0;
}

static void put(struct exchange *x, const char *bytes, size_t length)
{
	if (length > sizeof(x->out) - x->out_length)
		flush(x);
	memcpy(x->out + x->out_length, bytes, length);
	x->out_length += length;
}

/* @body has a newline at its end if it is meant for people, and room for none behind it */
static void answer(struct exchange *x, const char *status, const char *body)
{
	char text[LONGEST_ANSWER];
	const http_parser *p = &x->parser;
	bool keep = http_should_keep_alive(p) && p->http_errno == HPE_OK;
	const char *connection = !keep ? "Connection: close\r\n" : p->http_minor == 0 ? "Connection: keep-alive\r\n" : "";
	int length = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n%sContent-Length: %zu\r\n\r\n%s",
	                      status, connection, strlen(body), p->method == HTTP_HEAD ? "" : body);

	put(x, text, (size_t)length);
}

static void answer_hello(struct exchange *x)
{
	static const char hello[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

	if (x->parser.method == HTTP_GET && x->parser.http_minor == 1 && http_should_keep_alive(&x->parser))
		put(x, hello, sizeof hello - 1);
	else
		answer(x, "200 OK", "Hello, World!");
}

/* A request that takes long. It does not know that others wait, and need not. */
static void answer_burn(struct exchange *x, const char *query)
{
	char body[64], *end = NULL;
	unsigned long us = 0;

	if (!strncmp(query, "us=", 3) && query[3] >= '0' && query[3] <= '9')
		us = strtoul(query + 3, &end, 10);
	if (!end || *end || us > LONGEST_BURN_US) {
		answer(x, "400 Bad Request", "write /burn?us=N, N up to 10000000\n");
		return;
	}
	flush(x);               /* what came before need not wait for it */
	burn(us);
	snprintf(body, sizeof body, "burned %lu us\n", us);
	answer(x, "200 OK", body);
}

static void answer_stats(struct exchange *x)
{
	const struct httpd_stats *s = x->stats;
	char body[512];

	flush(x);               /* so that those before it count */
	snprintf(body, sizeof body,
	         "requests %" PRIu64 "\nrefused %" PRIu64 "\nconnections %" PRIu64 "\naccepted %" PRIu64
	         "\nreceived %" PRIu64 "\nsent %" PRIu64 "\nuptime_ms %" PRId64 "\n",
	         s->requests, s->refused, s->open, s->accepted, s->received, s->sent,
	         (httpd_clock() - s->started) / 1000000);
	answer(x, "200 OK", body);
}

static void answer_length(struct exchange *x)
{
	char body[64];

	snprintf(body, sizeof body, "%" PRIu64 " bytes\n", x->body_length);
	answer(x, "200 OK", body);
}

static void dispatch(struct exchange *x)
{
	char *query = strchr(x->target, '?');

	if (query)
		*query++ = '\0';
	if (x->parser.method != HTTP_GET && x->parser.method != HTTP_HEAD && x->parser.method != HTTP_POST)
		answer(x, "405 Method Not Allowed", "GET, HEAD and POST are\n");
	else if (!strcmp(x->target, "/"))
		answer_hello(x);
	else if (!strcmp(x->target, "/burn"))
		answer_burn(x, query ? query : "");
	else if (!strcmp(x->target, "/length"))
		answer_length(x);
	else if (!strcmp(x->target, "/stats"))
		answer_stats(x);
	else
		answer(x, "404 Not Found", "there are /, /burn?us=N, /length and /stats\n");
}

/* ------------------------------------------------------------------------------------- what the parser calls */

static int on_begin(http_parser *p)
{
	struct exchange *x = p->data;

	x->begun = true;
	x->target_length = x->body_length = 0;
	x->expect_seen = 0;
	x->expects = false;
	return 0;
}

static int on_target(http_parser *p, const char *at, size_t length)
{
	struct exchange *x = p->data;

	if (length > LONGEST_TARGET - x->target_length)
		return 1;       /* the parser gives up, with HPE_CB_url */
	memcpy(x->target + x->target_length, at, length);
	x->target_length += length;
	return 0;
}

/* Names come in pieces, too. */
static int on_header_name(http_parser *p, const char *at, size_t length)
{
	static const char expect[] = "expect";
	struct exchange *x = p->data;

	for (; length; at++, length--)
		if (x->expect_seen < sizeof expect && (*at | 0x20) == expect[x->expect_seen])
			x->expect_seen++;
		else
			x->expect_seen = sizeof expect;         /* another header */
	return 0;
}

static int on_header_value(http_parser *p, const char *at, size_t length)
{
	struct exchange *x = p->data;

	(void)at, (void)length;
	x->expects |= x->expect_seen == sizeof "expect" - 1;
	x->expect_seen = 0;
	return 0;
}

static int on_headers(http_parser *p)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct exchange *x = p->data;

	x->target[x->target_length] = '\0';
	if (x->expects && p->http_minor == 1) {
		put(x, go_on, sizeof go_on - 1);
		flush(x);
	}
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t length)
{
	struct exchange *x = p->data;

	(void)at;
	x->body_length += length;
	return 0;
}

static int on_complete(http_parser *p)
{
	struct exchange *x = p->data;

	x->begun = false;
	x->answered++;
	dispatch(x);
	if (!http_should_keep_alive(p))
		http_parser_pause(p, 1);        /* nothing after this one is answered */
	return 0;
}

static void refuse(struct exchange *x)
{
	switch (HTTP_PARSER_ERRNO(&x->parser)) {
	case HPE_CB_url:
		answer(x, "414 URI Too Long", "the target is longer than 1024 bytes\n");
		break;
	case HPE_HEADER_OVERFLOW:
		answer(x, "431 Request Header Fields Too Large", "the headers are too long\n");
		break;
	default:
		answer(x, "400 Bad Request", "that is not HTTP\n");
	}
	x->stats->refused++;
}

/* false: close the connection */
static bool take(struct exchange *x, size_t length)
{
	static const http_parser_settings calls = {
		.on_message_begin = on_begin,
		.on_url = on_target,
		.on_header_field = on_header_name,
		.on_header_value = on_header_value,
		.on_headers_complete = on_headers,
		.on_body = on_body,
		.on_message_complete = on_complete,
	};
	size_t used = 0;

	do      /* once; more often where a client offers to change the protocol, which is declined in silence */
		used += http_parser_execute(&x->parser, &calls, x->in + used, length - used);
	while (used < length && x->parser.upgrade && HTTP_PARSER_ERRNO(&x->parser) == HPE_OK);
	enum http_errno err = HTTP_PARSER_ERRNO(&x->parser);
	if (err != HPE_OK && err != HPE_PAUSED)
		refuse(x);
	flush(x);
	return err == HPE_OK && !x->broken;
}

/*
 * In the end, what has come is answered, and what has come in part is awaited; but for the beginning of a request nobody waits.
 * Whoever waits when the end is announced has said so before, and is told by a shutdown().
 */
static ssize_t receive(struct exchange *x, struct httpd_client *client)
{
	client->idle = !x->begun;
	ssize_t n = recv(x->fd, x->in, sizeof x->in, !x->begun && *client->ending ? MSG_DONTWAIT : 0);
	client->idle = false;
	return n;
}

bool httpd_serve(struct httpd_client *client)
{
	struct exchange x;
	ssize_t n;

	http_parser_init(&x.parser, HTTP_REQUEST);
	x.parser.data = &x;
	x.fd = client->fd;
	x.stats = client->stats;
	x.broken = x.begun = false;
	x.out_length = 0;
	x.answered = 0;
	do {
		n = receive(&x, client);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		client->active = *client->now;
		x.stats->received += (uint64_t)n;
	} while (n < 0 || take(&x, (size_t)n));
	return !x.broken;
}
