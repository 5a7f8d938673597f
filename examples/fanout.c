/*
 * fanout.c - ask many servers at once, and take what has come when the time is up
 *
 *      main --- thread per leaf --- TCP --- leaf
 *        ^            |
 *        +-- channel -+
 *
 * For each query a thread for each leaf connects, asks, reads and computes, in plain blocking code without a thought of
 * deadlines. What they find comes through a channel, from which main receives until the deadline. Those that are not done
 * by then are cancelled wherever they are, waiting or computing: their sockets and memory are given back. The query is
 * answered from the rest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <stint.h>

#include "args.h"
#include "fanout.h"
#include "holdings.h"

#define MOST_LEAVES 1000

struct fanout {
	struct leaf_behaviour behaviour;
	stint_ns deadline;
	long queries;
	bool be_leaf, plan;
	int n_leaves;
	uint16_t ports[MOST_LEAVES];
	int n_own;                      /* leaves in this process */
	int sockets[MOST_LEAVES];
	stint_thread_t *own[MOST_LEAVES];
};

enum stage { WAITING, COMPUTING, DONE };

struct question {
	uint64_t query;
	int leaf;
	uint16_t port;
	_Atomic enum stage stage;
	stint_thread_t *thread;
	stint_chan_t *answers;
	int error;
};

struct answer {
	int leaf;
	int error;
	uint64_t value;
};

static stint_ns now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return STINT_S(t.tv_sec) + t.tv_nsec;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) {
		int err = errno;
		if (fd >= 0)
			close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static uint64_t compute(uint64_t value, uint64_t rounds)
{
	uint64_t x = value;

	for (uint64_t i = 0; i < rounds; i++)
		x = mix(x);
	return x % 1000;
}

/* Returns 0 or an error. Nothing in here knows of the deadline. */
static int ask(struct question *q, uint64_t *value)
{
	const int room = 4096;
	uint64_t rounds;
	char *line = malloc(room);
	int fd = connect_to(q->port), err = fd < 0 ? errno : 0;

	if (!line)
		err = ENOMEM;
	if (err)
		goto give_back;
	int length = snprintf(line, room, "%" PRIu64 " %d\n", q->query, q->leaf);
	err = EPROTO;
	if (send(fd, line, (size_t)length, MSG_NOSIGNAL) == length && !read_line(fd, line, room) &&
	    sscanf(line, "%" SCNu64 " %" SCNu64, value, &rounds) == 2) {
		q->stage = COMPUTING;
		*value = compute(*value, rounds);
		err = 0;
	}
give_back:
	if (fd >= 0)
		close(fd);
	free(line);
	return err;
}

/* The thread of one question. */
static void *question_main(void *arg)
{
	struct question *q = arg;
	struct answer a = { .leaf = q->leaf };

	a.error = ask(q, &a.value);
	q->stage = DONE;
	stint_chan_send(q->answers, &a);
	return NULL;
}

static void fail(const char *what, int err)
{
	fprintf(stderr, "fanout: %s: %s%s%s\n", what, strerror(err), *stint_why() ? ": " : "", stint_why());
	exit(1);
}

static void print_missing(const struct question *q, int n)
{
	static const char *const where[] = { "waiting", "computing", "too late" };

	for (int i = 0; i < n; i++)
		if (q[i].error)
			printf(", leaf %d: %s", i, q[i].error < 0 ? where[q[i].stage] : strerror(q[i].error));
	printf("\n");
}

/* Receives until all have answered or the time is up. Returns how many have. */
static int collect(struct fanout *f, struct question *q, stint_chan_t *answers, stint_ns until, uint64_t *sum)
{
	int good = 0;
	struct answer a;

	for (int n = 0; n < f->n_leaves; n++) {
		stint_ns left = until - now();
		if (stint_chan_recv_timed(answers, &a, left > 0 ? left : 0))
			break;
		q[a.leaf].error = a.error;
		good += !a.error;
		*sum += a.error ? 0 : a.value;
	}
	return good;
}

static void query(struct fanout *f, uint64_t number)
{
	struct question *q = calloc((size_t)f->n_leaves, sizeof *q);
	stint_chan_t *answers = stint_chan_create(sizeof(struct answer), (size_t)f->n_leaves);
	stint_ns begun = now();
	uint64_t sum = 0;
	int err;

	if (!q || !answers)
		fail("a query", ENOMEM);
	for (int i = 0; i < f->n_leaves; i++) {
		q[i].query = number;
		q[i].leaf = i;
		q[i].port = f->ports[i];
		q[i].answers = answers;
		q[i].error = -1;        /* nothing heard */
		err = stint_thread_create(&q[i].thread, NULL, question_main, &q[i]);
		if (err)
			fail("a thread", err);
	}
	int good = collect(f, q, answers, begun + f->deadline, &sum);
	stint_ns collected = now();
	for (int i = 0; i < f->n_leaves; i++)
		if (q[i].error < 0)
			stint_thread_cancel(q[i].thread);
	for (int i = 0; i < f->n_leaves; i++)
		stint_thread_join(q[i].thread, NULL);
	printf("query %" PRIu64 ": %d of %d leaves, sum %" PRIu64, number, good, f->n_leaves, sum);
	print_missing(q, f->n_leaves);
	printf("  collected after %.2f ms, all over after %.2f ms\n", (double)(collected - begun) / 1e6,
	       (double)(now() - begun) / 1e6);
	stint_chan_free(answers);
	free(q);
}

/* ---------------------------------------------------------------------------------------------------- leaves */

struct own_leaf {
	int socket;
	const struct leaf_behaviour *behaviour;
};

static void *leaf_main(void *arg)
{
	struct own_leaf *l = arg;

	leaf_serve(l->socket, l->behaviour);
	free(l);
	return NULL;
}

static void start_leaf(struct fanout *f, uint16_t *port)
{
	struct own_leaf *l = malloc(sizeof *l);
	int i = f->n_own++;

	f->sockets[i] = leaf_listen(port);
	if (!l || f->sockets[i] < 0)
		fail("a leaf", errno);
	*l = (struct own_leaf){ f->sockets[i], &f->behaviour };
	int err = stint_thread_create(&f->own[i], NULL, leaf_main, l);
	if (err)
		fail("a leaf", err);
}

static void stop_leaves(struct fanout *f)
{
	for (int i = 0; i < f->n_own; i++)
		shutdown(f->sockets[i], SHUT_RDWR);
	for (int i = 0; i < f->n_own; i++)
		stint_thread_join(f->own[i], NULL);
}

/* what the seed has in store */
static int print_plan(const struct fanout *f)
{
	for (long i = 1; i <= f->queries; i++)
		for (int leaf = 0; leaf < f->n_leaves; leaf++)
			if (leaf_is_late(&f->behaviour, (uint64_t)i, (unsigned)leaf))
				printf("query %ld leaf %d\n", i, leaf);
	return 0;
}

static int be_leaf(struct fanout *f)
{
	sigset_t ends;
	int sig;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);        /* before there are workers: they inherit it */
	start_leaf(f, &f->ports[0]);
	printf("listening on 127.0.0.1:%u\n", f->ports[0]);
	fflush(stdout);
	sigwait(&ends, &sig);
	pthread_sigmask(SIG_UNBLOCK, &ends, NULL);      /* a second one does not wait until those who ask have gone */
	stop_leaves(f);
	return 0;
}

static int be_root(struct fanout *f, bool leaves_elsewhere)
{
	int fds = holdings_count().fds;

	for (int i = 0; !leaves_elsewhere && i < f->n_leaves; i++)
		start_leaf(f, &f->ports[i]);
	for (long i = 1; i <= f->queries; i++)
		query(f, (uint64_t)i);
	stop_leaves(f);
	int err;
	while ((err = stint_stop()) == EBUSY)   /* detached threads may be on their way out */
		usleep(1000);
	if (err)
		fail("stint_stop", err);
	fds = holdings_count().fds - fds;
	printf("leaked: %d descriptors\n", fds);
	return fds ? 1 : 0;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct fanout *f = state->input;

	switch (key) {
	case 'l':
		f->n_leaves = (int)args_number("--leaves", arg, 1, MOST_LEAVES, state);
		return 0;
	case 'q':
		f->queries = args_number("--queries", arg, 1, LONG_MAX, state);
		return 0;
	case 'd':
		f->deadline = args_time("--deadline", arg, state);
		return 0;
	case 's':
		f->behaviour.slow_percent = (unsigned)args_number("--slow", arg, 0, 100, state);
		return 0;
	case 'r':
		f->behaviour.seed = (uint64_t)args_number("--seed", arg, 0, LONG_MAX, state);
		return 0;
	case 'p':
		f->plan = true;
		return 0;
	case 'L':
		f->be_leaf = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == MOST_LEAVES)
			argp_error(state, "too many leaves");
		f->ports[state->arg_num] = (uint16_t)args_number("a port", arg, f->be_leaf ? 0 : 1, 65535, state);
		f->n_leaves = (int)state->arg_num + 1;
		return 0;
	case ARGP_KEY_END:
		if (f->be_leaf && state->arg_num > 1)
			argp_error(state, "a leaf has one port");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option accepted[] = {
	{ "leaves", 'l', "N", 0, "Leaves in this process (8)", 0 },
	{ "queries", 'q', "N", 0, "How many (5)", 0 },
	{ "deadline", 'd', "TIME", 0, "For each query (20ms)", 0 },
	{ "slow", 's', "PERCENT", 0, "Share of questions that are not answered in time (20)", 0 },
	{ "seed", 'r', "N", 0, "For which ones that are, and how long the others take (1)", 0 },
	{ "plan", 'p', NULL, 0, "Ask nobody; print which leaves would not answer which queries in time", 0 },
	{ "leaf", 'L', NULL, 0, "Be a leaf, on PORT or on any, until SIGTERM", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static const struct argp command_line = {
	accepted, parse_one, "[PORT...]",
	"Ask many servers at once, and answer from what has come at the deadline. With PORTs the leaves are other processes on this "
	"machine, made with --leaf; else they are threads of this one.",
	NULL, NULL, NULL
};

int main(int argc, char **argv)
{
	static struct fanout f = {
		.behaviour = { .seed = 1, .slow_percent = 20 }, .deadline = STINT_MS(20), .queries = 5, .n_leaves = 8
	};

	args_parse(&command_line, argc, argv, &f);
	return f.plan ? print_plan(&f) : f.be_leaf ? be_leaf(&f) : be_root(&f, f.ports[0] != 0);
}
