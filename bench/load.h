/*
 * load.h - what the load generator is told, and what it has seen
 */
#ifndef STINT_BENCH_LOAD_H
#define STINT_BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

struct load_plan {
	struct sockaddr_in server;
	unsigned connections;
	double rate;            /* requests a second, all connections together; 0: as many as are answered */
	bool even;              /* the same gap between any two; otherwise gaps are exponential, as of many users */
	bool sleep;             /* let the kernel wake us up: where server and generator share a CPU */
	double burn_share;      /* of the requests, 0 to 1 */
	unsigned burn_us;       /* CPU time that such a request asks for */
	double warmup_s, measured_s;
	double grace_s;         /* after that, for answers that are still to come */
	uint64_t seed;
};

struct load_result {
	struct histogram plain, burn;   /* ns, from the moment a request was due to its whole answer */
	struct histogram late;          /* ns from that moment to when it was sent, a connection being free */
	uint64_t refused;               /* connections that were not made */
	uint64_t broken;                /* requests whose connection ended before the answer was there */
	uint64_t wrong;                 /* answers that are not 200, or no HTTP */
	uint64_t unanswered;            /* due, but no answer at the end; in the histograms with the time they waited */
	double rate;                    /* answers a second in the time measured */
	double busy;                    /* share of that time in which there was something to do here */
};

/* 0, or an errno value: no connection could be made, no memory. @out is zeroed first. */
int load_run(const struct load_plan *plan, struct load_result *out);

#endif
