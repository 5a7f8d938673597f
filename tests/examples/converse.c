/*
 * converse.c - say something to a server, and print what it answers
 *
 * converse [-n CONNECTIONS] [-p BYTES] [-s] [-l] [-w] PORT <WORDS >ANSWERS
 *
 * Standard input goes to 127.0.0.1:PORT, in pieces of BYTES if that is given, and what comes back to standard output, until the
 * server closes the connection. Nothing more will be said after the words, and the server is told so, unless -w: then it
 * has to close by itself. With CONNECTIONS it does all that so many times at once; all must get the same
 * answers, which are printed once.
 *
 * -s says the words as they come in. With -l nothing is read until all are said, and there is hardly room for what is not read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct buffer {
	char *bytes;
	size_t length, room;
};

struct connection {
	pthread_t talker, listener;
	int fd;
	struct buffer answers;
};

static struct buffer words;
static size_t piece;
static bool as_they_come, listen_last, wait_for_end;
static struct sockaddr_in address = { .sin_family = AF_INET };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* false at the end */
static bool append(struct buffer *b, int fd)
{
	if (b->room - b->length < 65536) {
		b->room = 2 * b->room + 65536;
		b->bytes = realloc(b->bytes, b->room);
		if (!b->bytes)
			fail("realloc");
	}
	ssize_t n = read(fd, b->bytes + b->length, b->room - b->length);
	if (n < 0 && errno != ECONNRESET)
		fail("read");
	if (n > 0)
		b->length += (size_t)n;
	return n > 0;
}

/* false: it has closed; what it said before is what counts */
static bool say_words(struct connection *c)
{
	size_t done = 0;

	while (done < words.length) {
		size_t most = piece && piece < words.length - done ? piece : words.length - done;
		ssize_t n = send(c->fd, words.bytes + done, most, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		done += (size_t)n;
		if (piece)              /* so that it comes in pieces there, too */
			nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
	}
	return true;
}

static void *talk(void *arg)
{
	struct connection *c = arg;
	bool heard = say_words(c);

	while (as_they_come && append(&words, STDIN_FILENO)) {
		if (heard)
			heard = say_words(c);
		words.length = 0;
	}
	if (!wait_for_end)
		shutdown(c->fd, SHUT_WR);
	return NULL;
}

static void *listen_to(void *arg)
{
	struct connection *c = arg;

	if (listen_last)
		pthread_join(c->talker, NULL);
	while (append(&c->answers, c->fd))
		;
	return NULL;
}

static void begin(struct connection *c)
{
	static const int one = 1, least = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listen_last)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);         /* before the window is told */
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address))
		fail("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (pthread_create(&c->talker, NULL, talk, c) || pthread_create(&c->listener, NULL, listen_to, c))
		fail("pthread_create");
}

int main(int argc, char **argv)
{
	int n = 1, different = 0, option;

	while ((option = getopt(argc, argv, "n:p:slw")) > 0)
		if (option == 'n')
			n = atoi(optarg);
		else if (option == 'p')
			piece = strtoul(optarg, NULL, 10);
		else if (option == 's')
			as_they_come = true;
		else if (option == 'l')
			listen_last = true;
		else
			wait_for_end = true;
	if (optind + 1 != argc || n < 1 || (as_they_come && n > 1))
		return 2;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)atoi(argv[optind]));
	while (!as_they_come && append(&words, STDIN_FILENO))
		;
	struct connection *all = calloc((size_t)n, sizeof *all);
	if (!all)
		fail("calloc");
	for (int i = 0; i < n; i++)
		begin(&all[i]);
	for (int i = 0; i < n; i++) {
		const struct buffer *first = &all[0].answers, *b = &all[i].answers;
		if (!listen_last)
			pthread_join(all[i].talker, NULL);
		pthread_join(all[i].listener, NULL);
		different += b->length != first->length || memcmp(b->bytes, first->bytes, b->length);
	}
	fwrite(all[0].answers.bytes, 1, all[0].answers.length, stdout);
	if (different)
		fprintf(stderr, "converse: %d connections got other answers than the first one\n", different);
	return different ? 1 : 0;
}
