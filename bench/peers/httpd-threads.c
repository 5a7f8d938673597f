/*
 * httpd-threads.c - HTTP with a thread for each connection, in plain blocking code
 *
 * Compiled twice: httpd-nptl with the threads of libc, httpd-stint (-DSTINT) with those of the library. What differs is
 * start() and the thread that accepts.
 */
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef STINT
#include <stint.h>
#endif

/* @in has what came in. 0: read on; -1: close */
static int answer_all(int fd, struct http_in *in)
{
	char out[HTTP_ANSWER_MOST];
	int len;

	while ((len = http_answer(in, out)) > 0)
		if (write(fd, out, (size_t)len) != len)
			return -1;
	return len;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct http_in in;
	ssize_t n;

	in.have = 0;
	for (;;) {
		n = read(fd, in.bytes + in.have, sizeof(in.bytes) - in.have);
		if (n <= 0)
			break;
		in.have += (size_t)n;
		if (answer_all(fd, &in))
			break;
	}
	close(fd);
	return NULL;
}

/* A detached thread; 0 or an errno value. */
static int start(void *(*fn)(void *), void *arg)
{
#ifdef STINT
	return stint_go(fn, arg);
#else
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 65536);
	error = pthread_create(&thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return error;
#endif
}

static void *accept_all(void *arg)
{
	int listener = (int)(intptr_t)arg, fd, one = 1, error;

	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0) {
			perror("accept");
			return NULL;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		error = start(serve, (void *)(intptr_t)fd);
		if (error) {
			fprintf(stderr, "no thread: %s\n", strerror(error));
			close(fd);
		}
	}
}

int main(int argc, char **argv)
{
	void *listener = (void *)(intptr_t)http_listen(argc, argv);
#ifdef STINT
	stint_thread_t *thread;
	int error = stint_thread_create(&thread, NULL, accept_all, listener);

	if (error) {
		fprintf(stderr, "%s: %s\n", argv[0], strerror(error));
		return 1;
	}
	stint_thread_join(thread, NULL);
#else
	accept_all(listener);
#endif
	return 1;
}
