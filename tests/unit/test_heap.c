/*
 * test_heap.c - the heap part of the ledger: who holds a block, and that it is given back once
 */
#include "../test.h"
#include "unit.h"

#include <pthread.h>

#include "checker.h"
#include "context.h"
#include "init.h"
#include "ledger.h"
#include "sys.h"

#define N 500

/* Where each access is looked at, and threads take turns, many rounds show what a few do. */
static int rounds(int n)
{
	return checker_is_valgrind() ? n / 8 : n;
}

static void start(void)
{
	ck_assert_int_eq(init_start(), 0);
}

static void *block(size_t size)
{
	void *p = sys.malloc(size + LEDGER_TRAILER);

	ck_assert_ptr_nonnull(p);
	return p;
}

static size_t usable(void *p)
{
	return sys.malloc_usable_size(p);
}

static void *held(struct stint *s, size_t size)
{
	void *p = block(size);

	ledger_block_add(s, p, usable(p));
	ck_assert(ledger_block_known(p, usable(p)));
	return p;
}

static struct stint *call(void)
{
	struct stint *s = calloc(1, sizeof(*s));

	ck_assert_ptr_nonnull(s);
	ledger_init(&s->ledger);
	return s;
}

START_TEST(entered_and_struck)
{
	struct stint *s;
	void *p[N];

	start();
	s = call();
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < N; i++)
			p[i] = held(s, 10 + i);
		ck_assert_uint_eq(ledger_heap_blocks(&s->ledger), N);
		ck_assert_uint_ge(ledger_heap_bytes(&s->ledger), N * 10);
		for (int i = 0; i < N; i++) {
			int at = i * 7 % N;

			ck_assert(ledger_block_mine(s, p[at], usable(p[at])));
			ck_assert(ledger_block_drop(s, p[at], usable(p[at])));
			ck_assert(!ledger_block_known(p[at], usable(p[at])));
			ck_assert(!ledger_block_drop(s, p[at], usable(p[at])));
			sys.free(p[at]);
		}
		ck_assert_uint_eq(ledger_heap_blocks(&s->ledger), 0);
		ck_assert_uint_eq(ledger_heap_bytes(&s->ledger), 0);
	}
	ledger_heap_release(s);
	free(s);
}
END_TEST

/* released blocks are free: the allocator hands them out again */
START_TEST(released)
{
	struct stint *s;
	size_t before = 0;

	start();
	s = call();
	for (int round = 0; round < rounds(64); round++) {
		for (int i = 0; i < N; i++)
			held(s, 1000);
		ledger_heap_release(s);
		ck_assert_uint_eq(ledger_heap_blocks(&s->ledger), 0);
		if (round == 5)
			before = heap_in_use();
	}
	ck_assert_uint_le(heap_in_use(), before + 100 * 1000);
	free(s);
}
END_TEST

/* freed by someone else: struck, accounted for, and not released again */
START_TEST(freed_by_others)
{
	struct stint *s, *other;
	void *p[N];

	start();
	s = call();
	other = call();
	for (int i = 0; i < N; i++)
		p[i] = held(s, 100);
	for (int i = 0; i < N; i += 2) {
		ck_assert(ledger_block_drop(i % 4 ? NULL : other, p[i], usable(p[i])));
		ck_assert(!ledger_block_drop(NULL, p[i], usable(p[i])));
		memset(p[i], 0x77, usable(p[i]));       /* not freed here: a second release would be found by libc */
	}
	ck_assert_uint_eq(ledger_heap_blocks(&s->ledger), N / 2);
	/* their entries are used again */
	for (int i = 0; i < N; i++)
		held(s, 50);
	ck_assert_uint_eq(ledger_heap_blocks(&s->ledger), N / 2 + N);
	ledger_heap_release(s);
	for (int i = 0; i < N; i += 2)
		sys.free(p[i]);
	free(s);
	free(other);
}
END_TEST

START_TEST(passed_on)
{
	struct stint *s, *to;
	void *p[N];

	start();
	s = call();
	to = call();
	held(to, 10);
	for (int i = 0; i < N; i++)
		p[i] = held(s, 100);
	ck_assert(ledger_block_drop(NULL, p[3], usable(p[3])));
	sys.free(p[3]);
	ledger_heap_pass(s, to);
	ck_assert_uint_eq(ledger_heap_blocks(&s->ledger), 0);
	ck_assert_uint_eq(ledger_heap_blocks(&to->ledger), N);
	ck_assert(ledger_block_mine(to, p[5], usable(p[5])));
	ck_assert(ledger_block_drop(to, p[5], usable(p[5])));
	sys.free(p[5]);
	held(s, 10);
	ck_assert_uint_eq(ledger_heap_blocks(&s->ledger), 1);
	ledger_heap_release(to);
	ledger_heap_release(s);
	free(s);
	free(to);
}
END_TEST

/* the outermost call completed: the blocks are nobody's, and stay */
START_TEST(dropped)
{
	struct stint *s;
	char *p;

	start();
	s = call();
	p = held(s, 100);
	memset(p, 0x33, 100);
	ledger_heap_pass(s, NULL);
	ledger_heap_release(s);
	ck_assert_int_eq(p[99], 0x33);
	ck_assert(!ledger_block_mine(s, p, usable(p)));
	ledger_block_drop(NULL, p, usable(p));
	sys.free(p);
	free(s);
}
END_TEST

/* whatever a block that was never entered ends in, it is not taken for one that was */
START_TEST(not_fooled)
{
	struct stint *s;
	char *mine, *other;
	struct rng r;

	start();
	s = call();
	rng_seed(&r, 3);
	mine = held(s, 100);
	other = block(100);
	ck_assert_uint_eq(usable(mine), usable(other));
	memcpy(other, mine, usable(mine));
	ck_assert(!ledger_block_known(other, usable(other)));
	ck_assert(!ledger_block_drop(NULL, other, usable(other)));
	for (int i = 0; i < rounds(100000); i++) {
		uint64_t any = rng_next(&r) >> rng_below(&r, 64);

		memcpy(other + usable(other) - sizeof(any), &any, sizeof(any));
		ck_assert(!ledger_block_known(other, usable(other)));
	}
	/* too small to have an entry */
	ck_assert(!ledger_block_known(other, 0));
	ck_assert(!ledger_block_known(other, 7));
	sys.free(other);
	ck_assert(ledger_block_known(mine, usable(mine)));
	ledger_heap_release(s);
	free(s);
}
END_TEST

/* one frees what the other holds and releases, at the same time: each block is freed once, or libc would abort */
static void *shared_blocks[N];
static pthread_barrier_t barrier;

static void *frees(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	for (int i = N - 1; i >= 0; i--)
		if (ledger_block_drop(NULL, shared_blocks[i], usable(shared_blocks[i])))
			sys.free(shared_blocks[i]);
	return NULL;
}

START_TEST(raced)
{
	struct stint *s;

	start();
	s = call();
	pthread_barrier_init(&barrier, NULL, 2);
	for (int round = 0; round < rounds(200); round++) {
		pthread_t thread;
		size_t gone;

		for (int i = 0; i < N; i++)
			shared_blocks[i] = held(s, 40);
		ck_assert_int_eq(pthread_create(&thread, NULL, frees, NULL), 0);
		pthread_barrier_wait(&barrier);
		for (int i = 0; i < N / 4; i++)
			held(s, 40);
		pthread_join(thread, NULL);
		gone = ledger_heap_blocks(&s->ledger);
		ck_assert_uint_eq(gone, N / 4);
		ledger_heap_release(s);
	}
	free(s);
}
END_TEST

UNIT_MAIN("heap", entered_and_struck, released, freed_by_others, passed_on, dropped, not_fooled, raced)
