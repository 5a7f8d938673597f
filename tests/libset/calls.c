/*
 * calls.c - everything that is passed to and from a function arrives through a thunk; each call reaches the copy of its set; and
 * addresses of functions stay the same for all
 */
#include "../test.h"

#include "fickle.h"
#include "grain.h"
#include "in_set.h"

#ifdef OTHER_WAYS
#include "libset/copy.h"
#endif

static long twice(long n)
{
	return 2 * n;
}

/* in the registers that only a nested function's caller, and a variadic function's, care about */
static long pass_chain(long chain, long count)
{
	register long r10 __asm__("r10") = chain;

	__asm__ volatile("call fickle_registers@PLT" : "+a"(count), "+r"(r10) : : "rcx", "rdx", "rsi", "rdi", "r8", "r9",
	                 "r11", "memory", "cc");
	return count;
}

static void pass_everything(void)
{
	struct fickle_big big;
	struct fickle_two two;

	CHECK_INT(fickle_ten(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), ==, 385);
	CHECK(fickle_doubles(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) == 385.0);
	CHECK(fickle_long_double(1.5L) == 4.5L);
	big = fickle_make_big(100);
	CHECK_INT(big.v[0], ==, 100);
	CHECK_INT(big.v[11], ==, 111);
	CHECK_INT(fickle_take_big(7, big, 3), ==, 1266 + 4);
	two = fickle_make_two(1.25, 21);
	CHECK(two.d == 2.5 && two.n == 42);
	CHECK(fickle_sum("idlddddddddid", 1, 2.5, 3L, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12, 13.5) == 92.0);
	CHECK(fickle_sum("") == 0);
	CHECK_INT(fickle_callback(twice, 10), ==, 42);
	pass_chain(0, 0);       /* ld.so, which binds the function the first time, keeps r10 for nobody */
	CHECK_INT(pass_chain(12, 34), ==, 12034);
	CHECK_INT(fickle_chosen(), ==, 4711 + fickle_get());
}

static void *pass_in_call(void *arg)
{
	pass_everything();
	return arg;
}

/* as a library that takes addresses sees them, and as we do */
static void compare_addresses(void)
{
	fickle_fn *volatile here = fickle_next;

	CHECK(fickle_address() == here);
	CHECK(fickle_is_next(here));
	CHECK(fickle_from_table(0) == here);
	CHECK(fickle_call(here) == fickle_get());
}

static void *compare_in_call(void *arg)
{
	compare_addresses();
	return arg;
}

static void *count(void *arg)
{
	int *n = arg;

	for (int i = 0; i < *n; i++)
		fickle_next();
	CHECK_INT(*fickle_counter(), ==, fickle_get());
	return (void *)(intptr_t)fickle_get();
}

static void *count_grain(void *arg)
{
	int direct = grain_next();

	CHECK_INT(fickle_grain(), ==, direct + 1);
	CHECK_INT(fickle_grain_back(), ==, fickle_get());
	return arg;
}

static int count_outside(stint_libset_t *set, int n)
{
	return (int)(intptr_t)in_set(set, count, &n);
}

static int own_callback(void *arg)
{
	return *(int *)arg + fickle_next() - fickle_next();
}

/* the library calls us back, and we call it: the same copy */
static void *call_back(void *arg)
{
	int before = fickle_get(), n = 10;

	CHECK_INT(fickle_call_with(own_callback, &n), ==, 9 + 2);
	CHECK_INT(fickle_get(), ==, before + 2);
	return arg;
}

static void *in_a_call(void *arg)
{
	stint_libset_t **sets = arg;
	int mine = fickle_get();

	CHECK_INT((intptr_t)in_set(NULL, count, &(int){ 1 }), ==, mine + 1);            /* inherited */
	CHECK_INT((intptr_t)in_set(STINT_LIBSET_NONE, count, &(int){ 0 }), ==, 1000);   /* not */
	CHECK_INT((intptr_t)in_set(sets[1], count, &(int){ 1 }), ==, 6);                /* another */
	CHECK_INT(fickle_get(), ==, mine + 1);
	return NULL;
}

static void keep_apart(void)
{
	stint_libset_t *sets[2] = { open_set(), open_set() };
	int (*looked_up)(void) = NULL;

	while (fickle_get() < 1000)
		fickle_next();
	CHECK_INT(count_outside(sets[0], 3), ==, 3);
	CHECK_INT(count_outside(sets[1], 5), ==, 5);
	CHECK_INT(count_outside(sets[0], 1), ==, 4);
	CHECK_INT(fickle_get(), ==, 1000);
	in_set(sets[0], in_a_call, sets);
	CHECK_INT(count_outside(sets[0], 0), ==, 5);
	CHECK_INT(count_outside(sets[1], 0), ==, 6);
	CHECK_INT(fickle_get(), ==, 1000);
	in_set(sets[0], call_back, NULL);

	*(void **)&looked_up = stint_libset_symbol(sets[1], "fickle_get");
	CHECK(looked_up);
	CHECK_INT(looked_up(), ==, 6);
	CHECK(!stint_libset_symbol(sets[1], "malloc"));
	CHECK(!stint_libset_symbol(sets[1], "fickle_nothing"));

	CHECK_INT(grain_next(), ==, 101);
	in_set(sets[0], count_grain, NULL);
	CHECK_INT(grain_next(), ==, 102);
	CHECK_INT(stint_libset_close(sets[0]), ==, 0);
	CHECK_INT(stint_libset_close(sets[1]), ==, 0);
	CHECK_INT(fickle_next(), ==, 1001);
}

int main(void)
{
	stint_libset_t *set;

	test_watchdog();
#ifdef OTHER_WAYS               /* an ld.so that we do not know, and more functions than there are thunks in the text */
	copy_way = COPY_WAY_OWN_FILE;
	table_thunks_in_text = 5;
#endif
	if (stint_unsupported())
		test_skip(stint_unsupported());
	pass_everything();
	compare_addresses();
	*fickle_counter() = 0;
	set = open_set();
	pass_everything();
	compare_addresses();
	in_set(set, pass_in_call, NULL);
	in_set(set, compare_in_call, NULL);
	CHECK_INT(stint_libset_close(set), ==, 0);
	keep_apart();
#ifdef OTHER_WAYS
	CHECK_INT(copy_way, ==, COPY_WAY_OWN_FILE);
	CHECK_INT(table_used(), >, table_thunks_in_text);
#endif
	return 0;
}
