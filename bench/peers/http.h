/*
 * http.h - what the HTTP servers of bench/ have in common: everything but waiting
 *
 * GET of any path is answered with 13 bytes; of /burn?us=N after N microseconds' worth of work, the same as in the server among
 * the examples (burn.h there).
 */
#ifndef STINT_BENCH_HTTP_H
#define STINT_BENCH_HTTP_H

#include <stddef.h>

#define HTTP_IN 4096            /* most bytes of one request */
#define HTTP_ANSWER_MOST 128    /* at least this room for http_answer() */

struct http_in {
	size_t have;
	char bytes[HTTP_IN];
};

/*
 * Of what is in @in, take one request and do what it asks; its answer into @out. The answer's length; 0: the request is
 * not complete; -1: it makes no sense, close the connection.
 */
int http_answer(struct http_in *in, char *out);

/* A listening socket of 127.0.0.1; its port on stdout, as a line. Ends the process when that cannot be. */
int http_listen(int argc, char **argv);

#endif
