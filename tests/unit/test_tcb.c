/*
 * test_tcb.c - thread control blocks: what glibc finds in one, and that it looks fresh each time
 */
#include "unit.h"

#include <pthread.h>
#include <unistd.h>

#include "init.h"
#include "kthread.h"
#include "stack.h"
#include "tcb.h"

static __thread int local = 11;
static __thread char zeroes[500];

static struct kthread *here(void)
{
	int err = 0;
	struct kthread *kt;

	ck_assert_int_eq(init_start(), 0);
	kt = kthread_get(&err);
	ck_assert_ptr_nonnull(kt);
	return kt;
}

/* where @p, a thread variable of ours, lies in @s */
static void *in(const struct stint *s, void *p)
{
	return (char *)s->tp + ((char *)p - (char *)arch_tp());
}

START_TEST(layout)
{
	struct stint *s = stack_get(here(), 65536);
	void **tp;

	ck_assert_ptr_nonnull(s);
	tp = s->tp;
	ck_assert_ptr_eq(tp[0], tp);
	ck_assert_ptr_eq(tp[2], tp);
	ck_assert_ptr_ne(tp[1], ((void **)arch_tp())[1]);
	/* the canary and the pointer mangling key are those of the process */
	ck_assert_ptr_eq(tp[5], ((void **)arch_tp())[5]);
	ck_assert_ptr_eq(tp[6], ((void **)arch_tp())[6]);
	ck_assert_ptr_eq(*(void **)tcb_robust_head(tp), tcb_robust_head(tp));
	ck_assert_ptr_eq(in(s, &errno), tcb_errno(s));
	ck_assert_ptr_eq(*(struct stint **)in(s, &stint_current), s);
	stack_put(here(), s);
}
END_TEST

START_TEST(ids_differ)
{
	struct stint *a = stack_get(here(), 65536), *b = stack_get(here(), 65536);

	ck_assert_int_ne(a->fake_tid, b->fake_tid);
	ck_assert_int_ne(a->fake_tid, gettid());
	ck_assert_int_gt(a->fake_tid, 4194304);         /* above the kernel's greatest */
	stack_put(here(), a);
	stack_put(here(), b);
}
END_TEST

START_TEST(fresh)
{
	for (int i = 0; i < 10; i++) {
		struct stint *s = stack_get(here(), 65536);

		ck_assert_int_eq(*tcb_errno(s), 0);
		ck_assert_int_eq(*(int *)in(s, &local), 11);
		for (size_t at = 0; at < sizeof(zeroes); at++)
			ck_assert_int_eq(((char *)in(s, zeroes))[at], 0);
		*tcb_errno(s) = EIO;
		*(int *)in(s, &local) = 99;
		memset(in(s, zeroes), 0xff, sizeof(zeroes));
		ck_assert_int_eq(local, 11);
		stack_put(here(), s);
		if (i % 3 == 0)
			stack_flush(here());
	}
}
END_TEST

START_TEST(made_and_destroyed)
{
	struct stint *s[200];

	/* more than are kept hot, so that blocks are given up and made again */
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++) {
			s[i] = stack_get(here(), 256 << 10);
			ck_assert_ptr_nonnull(s[i]);
			ck_assert_int_eq(*(int *)in(s[i], &local), 11);
		}
		for (int i = 0; i < 200; i++)
			stack_put(here(), s[i]);
	}
}
END_TEST

UNIT_MAIN("tcb", layout, ids_differ, fresh, made_and_destroyed)
