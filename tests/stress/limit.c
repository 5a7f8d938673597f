/*
 * limit.c - a stint with a limit on deferral is stopped inside libc, lock in hand; others wait for the lock as for any
 * thread's; resumed, it goes on and gives the lock back. One without a limit is never stopped there.
 *
 * The lock is that of a compiled regular expression, which regexec() holds while it searches. Two kernel threads drive a
 * stint each, as workers would; a third uses the lock natively. Links the library's objects, to set the limit.
 */
#include "../test.h"

#include <pthread.h>
#include <regex.h>

#include "clock.h"
#include "context.h"

#include <stint.h>

#define TEXT_SIZE 20000
#define LIMIT STINT_US(30)

static regex_t re;
static char text[TEXT_SIZE + 1];
static regmatch_t wanted[2];
static volatile int leave;

/* a text whose only match is at its end, after many that begin like one */
static void make(void)
{
	memset(text, 'a', TEXT_SIZE);
	for (int i = 100; i < TEXT_SIZE; i += 100)
		text[i] = 'x';
	memcpy(text + TEXT_SIZE - 4, "aabc", 4);
	CHECK_INT(regcomp(&re, "(a+)bc", REG_EXTENDED), ==, 0);
	CHECK_INT(regexec(&re, text, 2, wanted, 0), ==, 0);
}

static void search(void)
{
	regmatch_t m[2];

	CHECK_INT(regexec(&re, text, 2, m, 0), ==, 0);
	CHECK_INT(memcmp(m, wanted, sizeof(m)), ==, 0);
}

static void *searches(void *rounds)
{
	while (!leave) {
		search();
		++*(long *)rounds;
	}
	return rounds;
}

struct driver {
	pthread_t thread;
	uint64_t seed, limit, limited;
	long rounds, stops;
};

static void *drives(void *arg)
{
	struct driver *d = arg;
	stint_t *s = stint_launch(searches, &d->rounds, 0);
	struct rng r;
	int err;

	rng_seed(&r, d->seed);
	CHECK(s);
	s->defer_limit = d->limit;
	while ((err = stint_resume(s, STINT_US(1 + rng_below(&r, 300)))) == ETIMEDOUT)
		d->stops++;
	CHECK_INT(err, ==, 0);
	d->limited = s->limited;
	stint_free(s);
	return NULL;
}

static void together(struct driver *a, struct driver *b, int64_t span)
{
	int64_t end = now_ns() + span;
	long native = 0;

	leave = 0;
	CHECK_INT(pthread_create(&a->thread, NULL, drives, a), ==, 0);
	CHECK_INT(pthread_create(&b->thread, NULL, drives, b), ==, 0);
	do {
		search();
		native++;
	} while (now_ns() < end || (a->limit && !a->limited && now_ns() < end + STINT_S(60) && a->stops < 50));
	leave = 1;
	pthread_join(a->thread, NULL);
	pthread_join(b->thread, NULL);
	printf("limit %llu: %ld and %ld searches, %ld native; %ld and %ld stops, %llu and %llu with the lock\n",
	       (unsigned long long)a->limit, a->rounds, b->rounds, native, a->stops, b->stops,
	       (unsigned long long)a->limited, (unsigned long long)b->limited);
}

void __asan_init(void) __attribute__((weak));

int main(void)
{
	int64_t span = STINT_S(test_seconds(4)) / 2;
	uint64_t seed = test_seed();
	struct driver a = { .seed = seed }, b = { .seed = seed + 1 };
	stint_t *s;

	test_watchdog();
	make();
	together(&a, &b, span);
	CHECK_INT(a.limited + b.limited, ==, 0);
	if (__asan_init) {
		printf("no more: the sanitizer stands between the wrapper and libc\n");
		return 0;
	}
	s = stint_launch(searches, &a.rounds, STINT_S(1));      /* the clock is known now */
	CHECK(s && stint_is_complete(s));
	stint_free(s);
	a = (struct driver){ .seed = seed + 2, .limit = clock_cycles(LIMIT) };
	b = (struct driver){ .seed = seed + 3, .limit = clock_cycles(LIMIT) };
	together(&a, &b, span);
	CHECK_INT(a.limited + b.limited, >, 0);
	regfree(&re);
	return 0;
}
