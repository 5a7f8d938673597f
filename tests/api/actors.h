/*
 * actors.h - who uses a lock: a kernel thread, a call on one, a thread of the runtime. What is promised holds for all, in any mixture
 */
#ifndef ACTORS_H
#define ACTORS_H

#include "../test.h"

#include <pthread.h>
#include <sched.h>

#include <stint.h>

enum kind { KERNEL, CALL, GREEN, KINDS };

struct actor {
	enum kind kind;
	stint_fn *fn;
	void *arg;
	void *result;
	stint_ns slice;                 /* of a call: it is stopped so often, and goes on at once */
	pthread_t pthread;
	stint_thread_t *thread;
};

static inline void *actor_in_calls(void *arg)
{
	struct actor *a = arg;
	stint_t *call = stint_launch(a->fn, a->arg, a->slice);
	int r = 0;

	CHECK(call);
	while (!stint_is_complete(call)) {
		r = stint_resume(call, a->slice);
		CHECK(r == 0 || r == ETIMEDOUT);
	}
	a->result = stint_result(call);
	stint_free(call);
	return a->result;
}

static inline void start_sliced(struct actor *a, enum kind kind, stint_fn *fn, void *arg, stint_ns slice)
{
	*a = (struct actor){ .kind = kind, .fn = fn, .arg = arg, .slice = slice };
	if (kind == GREEN)
		CHECK_INT(stint_thread_create(&a->thread, NULL, fn, arg), ==, 0);
	else if (kind == CALL)
		CHECK_INT(pthread_create(&a->pthread, NULL, actor_in_calls, a), ==, 0);
	else
		CHECK_INT(pthread_create(&a->pthread, NULL, fn, arg), ==, 0);
}

/* a call is not stopped on the way, so it keeps its place in queues */
static inline void start(struct actor *a, enum kind kind, stint_fn *fn, void *arg)
{
	start_sliced(a, kind, fn, arg, STINT_FOREVER);
}

static inline void *finish(struct actor *a)
{
	if (a->kind == GREEN)
		CHECK_INT(stint_thread_join(a->thread, &a->result), ==, 0);
	else
		CHECK_INT(pthread_join(a->pthread, &a->result), ==, 0);
	return a->result;
}

/* for the main thread: until something that others do is the case */
#define AWAIT(condition)                        \
	do {                                    \
		while (!(condition))            \
			sleep_ns(20000);        \
	} while (0)

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define STORE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELEASE)
#define ADD(x, n) __atomic_add_fetch(&(x), n, __ATOMIC_ACQ_REL)

#endif
