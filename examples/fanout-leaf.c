/*
 * fanout-leaf.c - a server that answers soon, or not at all: as its seed has it
 */
#define _GNU_SOURCE             /* accept4() */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stint.h>

#include "fanout.h"

#define LONGEST_DELAY STINT_MS(2)       /* of those that do answer */

struct visit {
	int fd;
	const struct leaf_behaviour *behaviour;
	stint_waitgroup_t *open;
};

/* splitmix64 (Steele, Lea, Flood, 2014) */
uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

int read_line(int fd, char *line, int size)
{
	int length = 0;

	while (length < size - 1) {
		ssize_t n = recv(fd, line + length, (size_t)(size - 1 - length), 0);
		if (n <= 0)
			return -1;
		length += (int)n;
		line[length] = '\0';
		if (strchr(line, '\n'))
			return 0;
	}
	return -1;
}

static uint64_t chance_of(const struct leaf_behaviour *b, uint64_t query, unsigned leaf)
{
	return mix(b->seed ^ mix(query << 16 | leaf));
}

bool leaf_is_late(const struct leaf_behaviour *b, uint64_t query, unsigned leaf)
{
	return chance_of(b, query, leaf) % 100 < b->slow_percent;
}

static void answer(const struct visit *v, uint64_t query, unsigned leaf)
{
	uint64_t chance = chance_of(v->behaviour, query, leaf);
	bool slow = leaf_is_late(v->behaviour, query, leaf);
	uint64_t rounds = slow ? FANOUT_ROUNDS_FOR_EVER : FANOUT_ROUNDS;
	char line[64];

	if (slow && chance >> 8 & 1)
		return;         /* never */
	stint_thread_sleep((stint_ns)((chance >> 16) % LONGEST_DELAY));
	int length = snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 "\n", mix(query * 1000 + leaf) % 1000, rounds);
	send(v->fd, line, (size_t)length, MSG_NOSIGNAL);
}

/* The thread of one connection; it ends when the one who asks goes. */
static void *visit_main(void *arg)
{
	struct visit *v = arg;
	char line[64];
	uint64_t query;
	unsigned leaf;

	while (!read_line(v->fd, line, sizeof line) && sscanf(line, "%" SCNu64 " %u", &query, &leaf) == 2)
		answer(v, query, leaf);
	close(v->fd);
	stint_waitgroup_done(v->open);
	free(v);
	return NULL;
}

static int begin_visit(int fd, const struct leaf_behaviour *behaviour, stint_waitgroup_t *open)
{
	struct visit *v = malloc(sizeof *v);

	if (!v)
		return ENOMEM;
	*v = (struct visit){ .fd = fd, .behaviour = behaviour, .open = open };
	stint_waitgroup_add(open, 1);
	int err = stint_go(visit_main, v);
	if (err) {
		stint_waitgroup_done(open);
		free(v);
	}
	return err;
}

void leaf_serve(int socket, const struct leaf_behaviour *behaviour)
{
	stint_waitgroup_t open = STINT_WAITGROUP_INIT;
	int fd;

	while ((fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno != EINVAL) {
		int err = fd < 0 ? errno : begin_visit(fd, behaviour, &open);
		if (err) {
			fprintf(stderr, "leaf: %s\n", strerror(err));
			if (fd >= 0)
				close(fd);
			stint_thread_sleep(STINT_MS(20));
		}
	}
	stint_waitgroup_wait(&open);
	close(socket);
}

int leaf_listen(uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&address, &length)) {
		int err = errno;
		if (fd >= 0)
			close(fd);
		errno = err;
		return -1;
	}
	*port = ntohs(address.sin_port);
	return fd;
}
