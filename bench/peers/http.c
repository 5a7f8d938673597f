/*
 * http.c - a minimal HTTP/1.1: requests without a body, answers of one kind
 */
#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../examples/burn.h"

int http_answer(struct http_in *in, char *out)
{
	static const char answer[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
	static const char burning[] = "GET /burn?us=";
	char *end = memmem(in->bytes, in->have, "\r\n\r\n", 4);
	size_t len;

	if (!end)
		return in->have == sizeof(in->bytes) ? -1 : 0;
	if (memcmp(in->bytes, "GET /", 5))
		return -1;
	if (!memcmp(in->bytes, burning, sizeof(burning) - 1))
		burn(strtoul(in->bytes + sizeof(burning) - 1, NULL, 10));
	len = (size_t)(end + 4 - in->bytes);
	in->have -= len;
	if (in->have)
		memmove(in->bytes, in->bytes + len, in->have);
	memcpy(out, answer, sizeof(answer) - 1);
	return sizeof(answer) - 1;
}

int http_listen(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd, one = 1;

	if (argc != 2) {
		fprintf(stderr, "Usage: %s PORT\nServe HTTP on 127.0.0.1; PORT 0: any. Prints the port.\n", argv[0]);
		exit(2);
	}
	signal(SIGPIPE, SIG_IGN);
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1024) ||
	    getsockname(fd, (struct sockaddr *)&address, &len)) {
		perror(argv[0]);
		exit(1);
	}
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	burn_calibrate();
	return fd;
}
