/*
 * httpd-st.c - HTTP with a thread of the State Threads library for each connection
 */
#include "http.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <st.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static int answer_all(st_netfd_t fd, struct http_in *in)
{
	char out[HTTP_ANSWER_MOST];
	int len;

	while ((len = http_answer(in, out)) > 0)
		if (st_write(fd, out, (size_t)len, ST_UTIME_NO_TIMEOUT) != len)
			return -1;
	return len;
}

static void *serve(void *fd)
{
	struct http_in in;
	ssize_t n;

	in.have = 0;
	for (;;) {
		n = st_read(fd, in.bytes + in.have, sizeof(in.bytes) - in.have, ST_UTIME_NO_TIMEOUT);
		if (n <= 0)
			break;
		in.have += (size_t)n;
		if (answer_all(fd, &in))
			break;
	}
	st_netfd_close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	int listener = http_listen(argc, argv), one = 1;
	st_netfd_t server, fd;

	st_set_eventsys(ST_EVENTSYS_ALT);               /* epoll */
	if (st_init() || !(server = st_netfd_open_socket(listener))) {
		perror(argv[0]);
		return 1;
	}
	for (;;) {
		fd = st_accept(server, NULL, NULL, ST_UTIME_NO_TIMEOUT);
		if (!fd) {
			perror("accept");
			return 1;
		}
		setsockopt(st_netfd_fileno(fd), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!st_thread_create(serve, fd, 0, 65536)) {
			perror("no thread");
			st_netfd_close(fd);
		}
	}
}
