/*
 * httpd.c - an HTTP/1.1 server in plain blocking code: a thread for each connection
 *
 * One thread accepts and makes a thread for each connection; that reads, answers, reads (httpd-http.c). There is no event loop and no
 * pool: threads are cheap, and one that waits for its client costs no worker. A request that takes long does not hold up the
 * others, because a thread is stopped when its turn is over: try /burn?us=5000000 beside others, with one worker.
 *
 * The main program is a kernel thread that waits for SIGTERM or SIGINT. Then nothing more is accepted, what is idle is closed, and
 * requests that have come, or of which a part has, are answered.
 */
#define _GNU_SOURCE             /* accept4() */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stint.h>

#include "args.h"
#include "burn.h"
#include "httpd.h"

struct connection {
	struct httpd_client client;
	struct server *server;
	struct connection *next, *previous;
};

struct server {
	struct httpd_stats stats;
	struct stint_config config;
	unsigned port;
	stint_ns idle, grace;
	int listener;
	_Atomic bool ending;
	_Atomic unsigned beats;         /* BEATS of them are the time after which an idle client is dropped */
	stint_mutex_t lock;             /* protects the list */
	struct connection *connections;
	stint_waitgroup_t open;
};

#define BEATS 8
#define LEAVE_MS 1000
#define LEAVE_PIECES 1000

static void enlist(struct connection *c)
{
	struct server *s = c->server;

	stint_mutex_lock(&s->lock);
	c->previous = NULL;
	c->next = s->connections;
	if (c->next)
		c->next->previous = c;
	s->connections = c;
	stint_mutex_unlock(&s->lock);
}

static void delist(struct connection *c)
{
	struct server *s = c->server;

	stint_mutex_lock(&s->lock);
	if (c->next)
		c->next->previous = c->previous;
	*(c->previous ? &c->previous->next : &s->connections) = c->next;
	stint_mutex_unlock(&s->lock);
}

/*
 * The client may still be talking. If something is unread when the socket is closed, or comes later, the kernel resets the
 * connection, and throws away answers that are not there yet. So the client is told that this was all, and heard out until
 * it closes, is silent for a while, or has said too much.
 */
static void take_leave(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char rest[4096];

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < LEAVE_PIECES; i++)
		if (poll(&p, 1, LEAVE_MS) <= 0 || recv(fd, rest, sizeof rest, MSG_DONTWAIT) <= 0)
			break;
}

/* The thread of a connection. */
static void *connection_main(void *arg)
{
	struct connection *c = arg;
	struct server *s = c->server;

	enlist(c);
	bool talks = httpd_serve(&c->client);
	s->stats.open--;        /* before the client can know */
	if (talks)
		take_leave(c->client.fd);
	delist(c);
	close(c->client.fd);
	free(c);
	stint_waitgroup_done(&s->open);
	return NULL;
}

/* 0 or an error */
static int serve(struct server *s, int fd)
{
	static const int one = 1;
	int patience_ms = (int)(s->idle / 1000000);     /* with a client that does not read */
	struct connection *c = malloc(sizeof *c);

	if (!c)
		return ENOMEM;
	*c = (struct connection){ .server = s, .client = { .fd = fd, .stats = &s->stats, .now = &s->beats,
	                                                   .active = s->beats, .ending = &s->ending } };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
	s->stats.accepted++;
	s->stats.open++;
	stint_waitgroup_add(&s->open, 1);
	int err = stint_go(connection_main, c);
	if (err) {
		s->stats.open--;
		stint_waitgroup_done(&s->open);
		free(c);
	}
	return err;
}

/* The thread that accepts, until the socket is shut down. */
static void *accept_main(void *arg)
{
	struct server *s = arg;

	while (!s->ending) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		int err = fd < 0 ? errno : serve(s, fd);
		if (!err || err == EINTR || err == ECONNABORTED || s->ending)
			continue;
		fprintf(stderr, "httpd: a connection is refused: %s\n", strerror(err));
		if (fd >= 0)
			close(fd);
		stint_thread_sleep(STINT_MS(20));       /* of descriptors or memory there may be more later */
	}
	return NULL;
}

/* The thread that drops clients that have long been silent. */
static void *beat_main(void *arg)
{
	struct server *s = arg;

	for (;;) {
		stint_thread_sleep(s->idle / BEATS);
		unsigned now = ++s->beats;
		stint_mutex_lock(&s->lock);
		for (struct connection *c = s->connections; c; c = c->next)
			if (now - c->client.active > BEATS)
				shutdown(c->client.fd, SHUT_RD);       /* an answer under way is still sent */
		stint_mutex_unlock(&s->lock);
	}
	return NULL;
}

static int listen_on(struct server *s)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(s->port) };
	socklen_t length = sizeof address;
	static const int one = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	    bind(s->listener, (struct sockaddr *)&address, sizeof address) || listen(s->listener, 1024) ||
	    getsockname(s->listener, (struct sockaddr *)&address, &length))
		return errno;
	printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
	return fflush(stdout) ? errno : 0;
}

/* Returns when all answers are out, or after the grace. How many connections were still owed one then. */
static unsigned long end(struct server *s, stint_thread_t *acceptor)
{
	stint_mutex_lock(&s->lock);
	s->ending = true;
	for (struct connection *c = s->connections; c; c = c->next)
		if (c->client.idle)
			shutdown(c->client.fd, SHUT_RD);        /* others find out themselves */
	stint_mutex_unlock(&s->lock);
	shutdown(s->listener, SHUT_RDWR);
	stint_thread_join(acceptor, NULL);
	return stint_waitgroup_wait_timed(&s->open, s->grace) ? s->stats.open : 0;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct server *s = state->input;

	switch (key) {
	case 'w':
		s->config.workers = (unsigned)args_number("--workers", arg, 1, 1024, state);
		return 0;
	case 'p':
		s->config.policy = arg;
		return 0;
	case 'q':
		s->config.quantum = args_time("--quantum", arg, state);
		return 0;
	case 'S':
		s->config.stack_size = args_size("--stack", arg, state);
		if (s->config.stack_size < 32768)
			argp_error(state, "--stack: the buffers of a connection need 32K");
		return 0;
	case 'i':
		s->idle = args_time("--idle", arg, state);
		if (s->idle < STINT_MS(10) || s->idle > STINT_S(86400))
			argp_error(state, "--idle: from 10ms to 86400s");
		return 0;
	case 'g':
		s->grace = args_time("--grace", arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "%s: one port is enough", arg);
		s->port = (unsigned)args_number("the port", arg, 0, 65535, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which port? 0 is any");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option accepted[] = {
	{ "workers", 'w', "N", 0, "Kernel threads that run the threads (the CPUs)", 0 },
	{ "policy", 'p', "POLICY", 0, "Scheduling policy, a name or the path of a plug-in (fair)", 0 },
	{ "quantum", 'q', "TIME", 0, "How long a turn lasts (chosen by the cost of a tick)", 0 },
	{ "stack", 'S', "SIZE", 0, "Stack of each thread (64K)", 0 },
	{ "idle", 'i', "TIME", 0, "Drop clients that have been silent for TIME, and up to an eighth more (60s)", 0 },
	{ "grace", 'g', "TIME", 0, "In the end, wait so long for answers to be sent (5s)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static const struct argp command_line = {
	accepted, parse_one, "PORT",
	"Serve HTTP on 127.0.0.1: / says hello, /burn?us=N computes for N microseconds, /length tells the length of what was "
	"posted, /stats counts.\v"
	"Port 0 is any that is free; a line on standard output says which. SIGTERM and SIGINT end it; the exit status is "
	"0 when all that was asked had been answered.",
	NULL, NULL, NULL
};

static int failed(const char *what, int err)
{
	fprintf(stderr, "httpd: %s: %s%s%s\n", what, strerror(err), *stint_why() ? ": " : "", stint_why());
	return 1;
}

int main(int argc, char **argv)
{
	struct server s = {
		.config = { .size = sizeof s.config }, .idle = STINT_S(60), .grace = STINT_S(5),
		.lock = STINT_MUTEX_INIT, .open = STINT_WAITGROUP_INIT
	};
	stint_thread_t *acceptor;
	sigset_t ends;
	int sig;

	args_parse(&command_line, argc, argv, &s);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);        /* before there are workers: they inherit it */
	int err = stint_start(&s.config);
	if (err)
		return failed("cannot start", err);
	err = listen_on(&s);
	if (err)
		return failed("cannot listen", err);
	burn_calibrate();
	s.stats.started = httpd_clock();
	err = stint_thread_create(&acceptor, NULL, accept_main, &s);
	if (!err)
		err = stint_go(beat_main, &s);
	if (err)
		return failed("no thread", err);

	sigwait(&ends, &sig);
	pthread_sigmask(SIG_UNBLOCK, &ends, NULL);      /* a second one ends it at once */
	unsigned long owed = end(&s, acceptor);
	if (owed)
		fprintf(stderr, "httpd: %lu connections cut off\n", owed);
	printf("served %lu requests on %lu connections\n", (unsigned long)s.stats.requests,
	       (unsigned long)s.stats.accepted);
	return owed ? 1 : 0;
}
