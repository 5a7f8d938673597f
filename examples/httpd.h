/*
 * httpd.h - the two halves of httpd: connections and their threads (httpd.c), what is said on them (httpd-http.c)
 */
#ifndef EXAMPLES_HTTPD_H
#define EXAMPLES_HTTPD_H

#include <stdbool.h>
#include <stdint.h>

/* counted by all connections; never locked */
struct httpd_stats {
	_Atomic uint64_t accepted, open, requests, refused, received, sent;
	int64_t started;                /* CLOCK_MONOTONIC, nanoseconds */
};

/* what the halves tell each other of a connection */
struct httpd_client {
	int fd;
	struct httpd_stats *stats;
	const _Atomic unsigned *now;
	const _Atomic bool *ending;     /* begin no request that has not come yet */
	_Atomic unsigned active;        /* when something last came in: *now, then */
	_Atomic bool idle;              /* set while nothing has come of another request; before @ending is looked at */
};

/*
 * Read requests and answer them, until the client has no more or errs. Ordinary blocking code for one connection. Returns
 * whether the client may have more to say all the same, which is not going to be answered.
 */
bool httpd_serve(struct httpd_client *client);

int64_t httpd_clock(void);

#endif
