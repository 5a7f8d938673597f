/*
 * peer.h - the frame of the programs that measure threads: ours, libc's, other libraries'
 *
 *     PROGRAM MEASUREMENT N [WORKERS]
 *
 * prints lines "NAME VALUE UNIT", the first one named as the measurement. Every program measures in the same way;
 * what a library has no notion of, its program leaves out (exit status 77). A process for each
 * measurement, so that none finds the heap, the pools or the idle threads of another; on which CPUs it runs the
 * caller has settled. The Go program keeps to the same, without this file.
 *
 *     yield        two threads give way to each other; N times together
 *     create       a thread that does nothing is made and joined; N times
 *     mutex        one thread locks and unlocks a mutex that nobody else wants; N times
 *     channel      one word there and back between two threads, without buffer where there is such; N times
 *     blocked      N threads that wait, each having written a thread-local variable: resident bytes and ns for each
 *     sleeper      N sleeps of 1 ms among 16 threads that compute: how much later than due, ns
 *     sleepers     N threads that sleep again and again, from 10 ms to 1 s: the CPU time for each time that one wakes up, ns
 *     socket       one byte there and back between two threads, through a pair of sockets; N times
 *     skynet       a tree of threads, each but the leaves with 10 below; about N threads, ns for each
 *     fib          fib(20) where each first summand is a thread's; about N threads, ns for each
 */
#ifndef STINT_BENCH_PEER_H
#define STINT_BENCH_PEER_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stdint.h>

struct peer_run {
	unsigned long n;
	unsigned workers;
};

struct peer_measure {
	const char *name;
	int (*run)(const struct peer_run *run);         /* 0, or an errno value */
};

extern const struct peer_measure peer_measures[];       /* the program's; ends with a NULL name */

#define PEER_HOGS        16
#define PEER_SLEEP_NS    1000000
#define PEER_HOG_LIMIT_NS 2000000000     /* hogs that nobody can stop end by themselves */
#define PEER_NAP_NS      10000000
#define PEER_NAP_MOST_NS 1000000000
#define PEER_NAPS_FOR_NS 1000000000      /* to begin with, and measured */
#define PEER_CHILDREN    10
#define PEER_SKYNET      4               /* levels of them: 11 110 threads under the root */
#define PEER_SKYNET_LARGE 6              /* as it is known: a million leaves */
#define PEER_FIB         20
#define PEER_FIB_LARGE   27

double peer_now(void);                          /* ns */
double peer_resident(void);                     /* bytes of this process */
double peer_cpu(void);                          /* ns that it has used */
void peer_say(const char *name, double value, const char *unit);
uint64_t peer_spin(uint64_t turns);             /* work that no compiler sees through */

/* of N spans in ns, which are sorted by that: p50, p99 and the longest; the first named "sleeper" is p99 */
void peer_say_lateness(double *late, unsigned long n);

/* of a run of N threads that should wait, @made was as far as it came, in @span_ns */
void peer_say_blocked(unsigned long made, double span_ns, double bytes);

/* how often a tree has to be done for about N threads */
unsigned long peer_rounds(unsigned long n, unsigned long threads);
unsigned long peer_skynet_threads(unsigned levels);
unsigned long peer_skynet_leaves(unsigned levels);
unsigned long peer_skynet_value(unsigned levels);
unsigned long peer_fib_threads(unsigned k);
unsigned long peer_fib_value(unsigned k);

#ifdef __cplusplus
}
#endif

#endif
