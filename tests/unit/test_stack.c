/*
 * test_stack.c - slots: sizes, bounds, guards, reuse
 */
#include "unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"
#include "kthread.h"
#include "settings.h"
#include "stack.h"
#include "tcb.h"

static struct kthread *here(void)
{
	int err = 0;
	struct kthread *kt;

	ck_assert_int_eq(init_start(), 0);
	kt = kthread_get(&err);
	ck_assert_ptr_nonnull(kt);
	return kt;
}

static void put(struct stint *s)
{
	s->state = STATE_FREE;
	stack_put(here(), s);
}

static void check_bounds(const struct stint *s, size_t size)
{
	ck_assert_uint_ge(s->stack_hi - s->stack_lo, size);
	ck_assert_uint_lt(s->stack_hi - s->stack_lo, size + 2 * ARCH_PAGE_SIZE + 1);
	ck_assert_uint_eq(s->stack_hi % ARCH_STACK_ALIGN, 0);
	ck_assert_uint_eq((uintptr_t)s->tp % tcb_align(), 0);
	ck_assert_uint_le(s->stack_hi + tcb_below(), (uintptr_t)s->tp);
	ck_assert_uint_le((uintptr_t)s->tp + tcb_above(), (uintptr_t)s);
	ck_assert_int_eq(s->state, STATE_FREE);
}

START_TEST(bounds)
{
	static const size_t sizes[] = { 4096, 5000, 65536, 100000, 1 << 20, 32 << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct stint *s = stack_get(here(), sizes[i]);

		ck_assert_ptr_nonnull(s);
		check_bounds(s, sizes[i]);
		memset((void *)s->stack_lo, 0x55, s->stack_hi - s->stack_lo);
		put(s);
	}
}
END_TEST

START_TEST(disjoint)
{
	enum { N = 300 };
	struct stint *s[N];

	for (int i = 0; i < N; i++) {
		s[i] = stack_get(here(), 16384);
		ck_assert_ptr_nonnull(s[i]);
		memset((void *)s[i]->stack_lo, i, s[i]->stack_hi - s[i]->stack_lo);
	}
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(*(unsigned char *)s[i]->stack_lo, i & 255);
		ck_assert_int_eq(*(unsigned char *)(s[i]->stack_hi - 1), i & 255);
		for (int j = 0; j < i; j++)
			ck_assert(s[i]->stack_lo > (uintptr_t)s[j] || (uintptr_t)s[i] < s[j]->stack_lo);
	}
	for (int i = 0; i < N; i++)
		put(s[i]);
}
END_TEST

START_TEST(reuse)
{
	struct stint *a = stack_get(here(), settings.stack_size), *b, *c;

	put(a);
	b = stack_get(here(), settings.stack_size);
	ck_assert_ptr_eq(a, b);         /* last in, first out: it is still in the cache */
	c = stack_get(here(), settings.stack_size);
	ck_assert_ptr_ne(b, c);
	put(b);
	put(c);

	/* what one kernel thread leaves, another finds */
	stack_flush(here());
	ck_assert_uint_eq(here()->nslots, 0);
	b = stack_get(here(), settings.stack_size);
	ck_assert(b == a || b == c);
	put(b);
}
END_TEST

static void count(struct stint *s, void *arg)
{
	ck_assert_ptr_nonnull(s->tp);
	++*(int *)arg;
}

START_TEST(visits_all)
{
	enum { N = 100 };
	struct stint *s[N];
	int before = 0, after = 0;

	stack_each(count, &before);
	for (int i = 0; i < N; i++)
		s[i] = stack_get(here(), 48 << 10);
	stack_each(count, &after);
	ck_assert_int_eq(after, before + N);
	for (int i = 0; i < N; i++)
		put(s[i]);
}
END_TEST

static size_t counted_size;

static void count_size(struct stint *s, void *arg)
{
	if (stack_size(s) == counted_size)
		++*(int *)arg;
}

/* @n slots at once, used down to @depth bytes each, and put back: how many of this size are ready afterwards */
static int left_ready(size_t size, int n, size_t depth)
{
	struct stint **s = malloc((size_t)n * sizeof(*s));
	int ready = 0;

	ck_assert_ptr_nonnull(s);
	for (int i = 0; i < n; i++) {
		s[i] = stack_get(here(), size);
		ck_assert_ptr_nonnull(s[i]);
		memset((void *)(s[i]->stack_hi - depth), 0x55, depth);
	}
	for (int i = 0; i < n; i++)
		put(s[i]);
	counted_size = size;
	stack_each(count_size, &ready);
	free(s);
	return ready;
}

/* As many stay ready as have 64 MiB of memory: all shallow ones here, but few that are deep. */
START_TEST(keeps_by_memory)
{
	int ready;

	ck_assert_int_eq(left_ready(72 << 10, 2000, 64), 2000);
	ck_assert_int_le(left_ready(900 << 10, 150, 890 << 10), 64 * 1024 / 890);
	/* the first ones have become deep */
	ready = left_ready(72 << 10, 2000, 70 << 10);
	ck_assert_int_le(ready, 2 * 64 * 1024 / 70);
	ck_assert_int_ge(ready, 64 * 1024 / 70 / 4);
}
END_TEST

/* Whether they are in the kernel thread's cache, in batches or loose: the same ones are found again, and no more are made. */
START_TEST(found_again)
{
	int n = 3 * SLOT_BATCH + 7, ready = left_ready(settings.stack_size, n, 64);

	ck_assert_int_ge(ready, n);
	ck_assert_int_eq(left_ready(settings.stack_size, n, 64), ready);
	ck_assert_uint_le(here()->nslots, SLOT_BATCH);
	stack_flush(here());
	ck_assert_uint_eq(here()->nslots, 0);
	ck_assert_int_eq(left_ready(settings.stack_size, n, 64), ready);
	ck_assert_int_eq(left_ready(settings.stack_size, SLOT_BATCH, 64), ready);
	for (int i = 0; i < 2 * SLOT_BATCH; i++) {
		struct stint *s = stack_get(here(), settings.stack_size);

		put(s);
		stack_flush(here());
	}
	ck_assert_int_eq(left_ready(settings.stack_size, n, 64), ready);
}
END_TEST

static int touch_in_child(uintptr_t addr)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t pid = fork();
	int status = 0;

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)addr = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

START_TEST(guards)
{
	static const size_t sizes[] = { 4096, 65536, 1 << 20 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct stint *s = stack_get(here(), sizes[i]);

		ck_assert(!stack_in_guard(s, s->stack_lo));
		ck_assert(stack_in_guard(s, s->stack_lo - 1));
		ck_assert(!stack_in_guard(s, s->stack_hi));
		ck_assert_int_eq(touch_in_child(s->stack_lo), 0);
		ck_assert(WIFSIGNALED(touch_in_child(s->stack_lo - 1)));
		ck_assert(WIFSIGNALED(touch_in_child(s->stack_lo - ARCH_PAGE_SIZE)));
		/* a guard outlives the stack's being given up and taken up again */
		put(s);
		stack_flush(here());
		s = stack_get(here(), sizes[i]);
		ck_assert(WIFSIGNALED(touch_in_child(s->stack_lo - 1)));
		put(s);
	}
	ck_assert(!strcmp(stack_guard_kind(), "markers") || !strcmp(stack_guard_kind(), "mprotect"));
}
END_TEST

UNIT_MAIN("stack", bounds, disjoint, reuse, visits_all, found_again, keeps_by_memory, guards)
