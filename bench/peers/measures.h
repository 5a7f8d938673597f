/*
 * measures.h - the measurements of peer.h over any library of threads
 *
 * Included last by a program that has defined, as static inline functions, what these need; so a call costs what it
 * costs the library's user. C and C++ compile it.
 *
 *     lib_thread_t                                 may be in an array or on a stack; is not moved
 *     lib_thread_t *lib_threads(n)                 an array that is never given back, or NULL
 *     int   lib_create(lib_thread_t *, fn, arg)    0 or an errno value
 *     void *lib_join(lib_thread_t *)
 *     void  lib_yield(void)    lib_sleep(ns)
 *     lib_mutex_t    LIB_MUTEX_INIT    lib_lock(lib_mutex_t *)    lib_unlock(lib_mutex_t *)
 *     LIB_SOCKETS                                  defined where a thread may wait in read() and hold up no other
 *     lib_channel_t  *lib_channel(void)  lib_send(channel, word)  lib_recv(channel)      NULL: cannot be made
 *     void  lib_gate_wait(void)  lib_gate_open(void)     once
 *     int   lib_run(workers, fn, arg)              call fn in a thread of the library; 0 or an errno value
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef LIB_SOCKETS
#include <sys/socket.h>
#include <unistd.h>
#endif

#include "peer.h"

/* One of the measurements, in a thread. What is measured without one would be measured from outside. */
struct measured {
	int (*run)(const struct peer_run *run);
	const struct peer_run *how;
	int error;
};

static void *measured_main(void *arg)
{
	struct measured *m = (struct measured *)arg;

	m->error = m->run(m->how);
	return NULL;
}

static int in_thread(int (*run)(const struct peer_run *run), const struct peer_run *how)
{
	struct measured m = { run, how, 0 };
	int error = lib_run(how->workers, measured_main, &m);

	return error ? error : m.error;
}

/* Counters and flags between threads of whatever kind. */
static inline void set(unsigned long *flag, unsigned long value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static inline unsigned long get(const unsigned long *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

/* ------------------------------------------------------------------------------------------------ yield */

static unsigned long at_start;

static void *yield_half(void *arg)
{
	unsigned long i, n = *(const unsigned long *)arg;

	__atomic_add_fetch(&at_start, 1, __ATOMIC_ACQ_REL);
	while (get(&at_start) < 2)
		lib_yield();
	for (i = 0; i < n; i++)
		lib_yield();
	return NULL;
}

static int run_yield(const struct peer_run *run)
{
	unsigned long half = run->n / 2 + 1;
	lib_thread_t other;
	double start;
	int error;

	error = lib_create(&other, yield_half, &half);
	if (error)
		return error;
	start = peer_now();
	yield_half(&half);
	lib_join(&other);
	peer_say("yield", (peer_now() - start) / (double)(2 * half), "ns");
	return 0;
}

/* ----------------------------------------------------------------------------------------- create, mutex */

static void *nothing(void *arg)
{
	return arg;
}

static int run_create(const struct peer_run *run)
{
	double start = peer_now();
	unsigned long i;
	int error;

	for (i = 0; i < run->n; i++) {
		lib_thread_t thread;

		error = lib_create(&thread, nothing, &i);
		if (error)
			return error;
		if (lib_join(&thread) != &i)
			return EPROTO;
	}
	peer_say("create", (peer_now() - start) / (double)run->n, "ns");
	return 0;
}

static int run_mutex(const struct peer_run *run)
{
	static lib_mutex_t mutex LIB_MUTEX_INIT;
	double start = peer_now();
	unsigned long i;

	for (i = 0; i < run->n; i++) {
		lib_lock(&mutex);
		lib_unlock(&mutex);
	}
	peer_say("mutex", (peer_now() - start) / (double)run->n, "ns");
	return 0;
}

/* ---------------------------------------------------------------------------------------------- channel */

struct talk {
	lib_channel_t *there, *back;
	unsigned long n;
};

static void *echo(void *arg)
{
	const struct talk *talk = (const struct talk *)arg;
	unsigned long i;

	for (i = 0; i < talk->n; i++)
		lib_send(talk->back, lib_recv(talk->there) + 1);
	return NULL;
}

static int run_channel(const struct peer_run *run)
{
	struct talk talk = { lib_channel(), lib_channel(), run->n };
	lib_thread_t other;
	unsigned long i;
	double start;
	int error;

	if (!talk.there || !talk.back)
		return ENOMEM;
	error = lib_create(&other, echo, &talk);
	if (error)
		return error;
	start = peer_now();
	for (i = 0; i < run->n; i++) {
		lib_send(talk.there, i);
		if (lib_recv(talk.back) != i + 1)
			return EPROTO;
	}
	peer_say("channel", (peer_now() - start) / (double)run->n, "ns");
	lib_join(&other);
	return 0;
}

/* ----------------------------------------------------------------------------------------------- socket */

#ifdef LIB_SOCKETS
struct line {
	int ends[2];
	unsigned long n;
};

static void *answers(void *arg)
{
	const struct line *line = (const struct line *)arg;
	unsigned long i;
	char c;

	for (i = 0; i < line->n; i++) {
		if (read(line->ends[1], &c, 1) != 1)
			break;
		c++;
		if (write(line->ends[1], &c, 1) != 1)
			break;
	}
	close(line->ends[1]);
	return NULL;
}

static int run_socket(const struct peer_run *run)
{
	struct line line = { { -1, -1 }, run->n };
	lib_thread_t other;
	unsigned long i;
	double start;
	int error;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, line.ends))
		return errno;
	error = lib_create(&other, answers, &line);
	if (error)
		return error;
	start = peer_now();
	for (i = 0; i < run->n; i++) {
		char c = (char)i;

		if (write(line.ends[0], &c, 1) != 1 || read(line.ends[0], &c, 1) != 1 || c != (char)(i + 1))
			return EPROTO;
	}
	peer_say("socket", (peer_now() - start) / (double)run->n, "ns");
	lib_join(&other);
	close(line.ends[0]);
	return 0;
}
#endif

/* ---------------------------------------------------------------------------------------------- blocked */

static unsigned long waiting;
static __thread volatile int own;

static void *wait_at_gate(void *arg)
{
	own = 1;
	__atomic_add_fetch(&waiting, 1, __ATOMIC_ACQ_REL);
	lib_gate_wait();
	return arg;
}

static int run_blocked(const struct peer_run *run)
{
	lib_thread_t *threads = lib_threads(run->n);
	double start, span, before;
	unsigned long i, made;
	int error = 0;

	if (!threads)
		return ENOMEM;
	before = peer_resident();
	start = peer_now();
	for (made = 0; made < run->n; made++) {
		error = lib_create(&threads[made], wait_at_gate, NULL);
		if (error)
			break;
	}
	while (get(&waiting) < made)
		lib_yield();
	span = peer_now() - start;
	if (!made)
		return error;
	peer_say_blocked(made, span, peer_resident() - before);
	lib_gate_open();
	for (i = 0; i < made; i++)
		lib_join(&threads[i]);
	return 0;
}

/* ---------------------------------------------------------------------------------------------- sleeper */

static unsigned long enough;
static double hogs_end;

static void *hog(void *arg)
{
	while (!get(&enough) && peer_now() < hogs_end)
		peer_spin(1000);
	return arg;
}

/* Where the hogs end by themselves because nothing stops them, what follows is no sleep among hogs any more. */
static unsigned long sleep_among(double *late, unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n && peer_now() < hogs_end; i++) {
		double due = peer_now() + PEER_SLEEP_NS;

		lib_sleep(PEER_SLEEP_NS);
		late[i] = peer_now() - due;
	}
	return i;
}

static int run_sleeper(const struct peer_run *run)
{
	double *late = (double *)calloc(run->n, sizeof(*late));
	lib_thread_t hogs[PEER_HOGS];
	unsigned long slept;
	int made, error = 0;

	if (!late)
		return ENOMEM;
	hogs_end = peer_now() + PEER_HOG_LIMIT_NS;
	for (made = 0; made < PEER_HOGS; made++) {
		error = lib_create(&hogs[made], hog, NULL);
		if (error)
			break;
	}
	slept = sleep_among(late, run->n);
	set(&enough, 1);
	while (made-- > 0)
		lib_join(&hogs[made]);
	if (!error)
		peer_say_lateness(late, slept);
	free(late);
	return error;
}

/* --------------------------------------------------------------------------------------------- sleepers */

static unsigned long awake;

/* one another's by no rule, though the same in each run */
static void *sleeps_on(void *arg)
{
	uint64_t chance = (uint64_t)(uintptr_t)arg;

	while (!get(&enough)) {
		chance = chance * 6364136223846793005u + 1442695040888963407u;
		lib_sleep((long)(PEER_NAP_NS + (chance >> 33) % (PEER_NAP_MOST_NS - PEER_NAP_NS)));
		__atomic_add_fetch(&awake, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int run_sleepers(const struct peer_run *run)
{
	lib_thread_t *threads = lib_threads(run->n);
	unsigned long made, times;
	int error = 0;
	double cpu;

	if (!threads)
		return ENOMEM;
	for (made = 0; made < run->n; made++) {
		error = lib_create(&threads[made], sleeps_on, (void *)(uintptr_t)made);
		if (error)
			break;
	}
	lib_sleep(PEER_NAPS_FOR_NS);
	times = get(&awake);
	cpu = peer_cpu();
	lib_sleep(PEER_NAPS_FOR_NS);
	times = get(&awake) - times;
	cpu = peer_cpu() - cpu;
	set(&enough, 1);
	while (made-- > 0)
		lib_join(&threads[made]);
	if (!error)
		peer_say("sleepers", cpu / (double)times, "ns");
	return error;
}

/* -------------------------------------------------------------------------------------------- the trees */

static unsigned long tree_error;        /* no thread for one of the nodes */

struct node {
	unsigned level;         /* of children under it */
	unsigned long first;    /* number of its first leaf */
	unsigned long leaves;
	unsigned long value;
};

static void *skynet(void *arg)
{
	struct node *node = (struct node *)arg, children[PEER_CHILDREN];
	lib_thread_t threads[PEER_CHILDREN];
	int made, i;

	if (!node->level) {
		node->value = node->first;
		return NULL;
	}
	for (made = 0; made < PEER_CHILDREN; made++) {
		struct node *child = &children[made];
		int error;

		child->level = node->level - 1;
		child->leaves = node->leaves / PEER_CHILDREN;
		child->first = node->first + (unsigned long)made * child->leaves;
		error = lib_create(&threads[made], skynet, child);
		if (error) {
			set(&tree_error, (unsigned long)error);
			break;
		}
	}
	node->value = 0;
	for (i = 0; i < made; i++) {
		lib_join(&threads[i]);
		node->value += children[i].value;
	}
	return NULL;
}

static int skynets(const struct peer_run *run, const char *name, unsigned levels)
{
	unsigned long i, threads = peer_skynet_threads(levels), rounds = peer_rounds(run->n, threads);
	double start = peer_now();

	for (i = 0; i < rounds; i++) {
		struct node root = { levels, 0, peer_skynet_leaves(levels), 0 };

		skynet(&root);
		if (tree_error)
			return (int)tree_error;
		if (root.value != peer_skynet_value(levels))
			return EPROTO;
	}
	peer_say(name, (peer_now() - start) / (double)(rounds * threads), "ns");
	return 0;
}

static int run_skynet(const struct peer_run *run)
{
	return skynets(run, "skynet", PEER_SKYNET);
}

static int run_skynet_large(const struct peer_run *run)
{
	return skynets(run, "skynet.large", PEER_SKYNET_LARGE);
}

static void *fib(void *arg)
{
	uintptr_t k = (uintptr_t)arg, second;
	lib_thread_t thread;
	int error;

	if (k < 2)
		return (void *)k;
	error = lib_create(&thread, fib, (void *)(k - 1));
	if (error) {
		set(&tree_error, (unsigned long)error);
		return NULL;
	}
	second = (uintptr_t)fib((void *)(k - 2));
	return (void *)(second + (uintptr_t)lib_join(&thread));
}

static int fibs(const struct peer_run *run, const char *name, unsigned k)
{
	unsigned long i, threads = peer_fib_threads(k), rounds = peer_rounds(run->n, threads);
	double start = peer_now();

	for (i = 0; i < rounds; i++) {
		uintptr_t value = (uintptr_t)fib((void *)(uintptr_t)k);

		if (tree_error)
			return (int)tree_error;
		if (value != peer_fib_value(k))
			return EPROTO;
	}
	peer_say(name, (peer_now() - start) / (double)(rounds * threads), "ns");
	return 0;
}

static int run_fib(const struct peer_run *run)
{
	return fibs(run, "fib", PEER_FIB);
}

static int run_fib_large(const struct peer_run *run)
{
	return fibs(run, "fib.large", PEER_FIB_LARGE);
}

/* ---------------------------------------------------------------------------------------------------- */

#define MEASURE(name)                                           \
	static int measure_##name(const struct peer_run *run)   \
	{                                                       \
		return in_thread(run_##name, run);              \
	}
MEASURE(yield)
MEASURE(create)
MEASURE(mutex)
MEASURE(channel)
MEASURE(blocked)
MEASURE(sleeper)
MEASURE(sleepers)
#ifdef LIB_SOCKETS
MEASURE(socket)
#endif
MEASURE(skynet)
MEASURE(skynet_large)
MEASURE(fib)
MEASURE(fib_large)
#undef MEASURE

const struct peer_measure peer_measures[] = {
	{ "yield", measure_yield },     { "create", measure_create },   { "mutex", measure_mutex },
	{ "channel", measure_channel }, { "blocked", measure_blocked }, { "sleeper", measure_sleeper },
	{ "sleepers", measure_sleepers },
#ifdef LIB_SOCKETS
	{ "socket", measure_socket },
#endif
	{ "skynet", measure_skynet },   { "skynet.large", measure_skynet_large },
	{ "fib", measure_fib },         { "fib.large", measure_fib_large },             { NULL, NULL },
};
