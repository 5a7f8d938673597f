/*
 * httpd.h - the two halves of httpd: connections and their threads (httpd.c), what is said on them (httpd-http.c)
 */
#ifndef EXAMPLES_HTTPD_H
#define EXAMPLES_HTTPD_H

#include <stdint.h>

/* counted by all connections; never locked */
struct httpd_stats {
	_Atomic uint64_t accepted, open, requests, refused, received, sent;
	int64_t started;                /* CLOCK_MONOTONIC, nanoseconds */
};

/*
 * Read requests from @fd and answer them, until the client has no more or errs. Ordinary blocking code for one connection.
 * @active is set to *@now whenever something has come in.
 */
void httpd_serve(int fd, struct httpd_stats *stats, _Atomic unsigned *active, const _Atomic unsigned *now);

int64_t httpd_clock(void);

#endif
