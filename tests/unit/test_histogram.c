/*
 * test_histogram.c - the histogram of the load generator: buckets without gaps, quantiles that are never too small
 */
#include "../test.h"
#include "unit.h"

#include "../../bench/histogram.h"

START_TEST(buckets_adjoin)
{
	uint64_t from = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t end = histogram_bucket_end(i);

		ck_assert_uint_ge(end, from);
		ck_assert_uint_eq(histogram_bucket(from), i);
		ck_assert_uint_eq(histogram_bucket(end), i);
		ck_assert_msg(end - from <= from / HISTOGRAM_SUB, "bucket %zu is from %lu to %lu", i,
			      (unsigned long)from, (unsigned long)end);
		from = end + 1;
	}
	ck_assert_uint_eq(from, HISTOGRAM_MOST + 1);
	ck_assert_uint_eq(histogram_bucket(HISTOGRAM_MOST + 1), HISTOGRAM_BUCKETS - 1);
	ck_assert_uint_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}
END_TEST

START_TEST(empty)
{
	static struct histogram h;

	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 0);
}
END_TEST

START_TEST(small_values_are_exact)
{
	static struct histogram h;

	for (uint64_t i = 1; i <= 100; i++)
		histogram_add(&h, i);
	ck_assert_uint_eq(h.n, 100);
	ck_assert_uint_eq(histogram_quantile(&h, 0), 1);
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 50);
	ck_assert_uint_eq(histogram_quantile(&h, 0.99), 99);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 100);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* against the sorted samples, over all magnitudes */
START_TEST(quantiles)
{
	enum { N = 20000 };
	static const double asked[] = { 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
	static struct histogram h, halves[2];
	static uint64_t values[N];
	struct rng r;

	rng_seed(&r, 1);
	for (int i = 0; i < N; i++) {
		values[i] = (rng_next(&r) >> (1 + rng_below(&r, 62))) & HISTOGRAM_MOST;
		histogram_add(&h, values[i]);
		histogram_add(&halves[i % 2], values[i]);
	}
	histogram_merge(&halves[0], &halves[1]);
	ck_assert_int_eq(memcmp(&h, &halves[0], sizeof(h)), 0);
	qsort(values, N, sizeof(*values), compare);
	ck_assert_uint_eq(h.max, values[N - 1]);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		uint64_t exact = values[(size_t)(asked[i] * N + 0.5) - 1];
		uint64_t got = histogram_quantile(&h, asked[i]);

		ck_assert_uint_ge(got, exact);
		ck_assert_uint_le(got - exact, exact / HISTOGRAM_SUB);
	}
}
END_TEST

START_TEST(too_long)
{
	static struct histogram h;

	histogram_add(&h, 5);
	histogram_add(&h, HISTOGRAM_MOST * 8);
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 5);
	ck_assert_uint_eq(histogram_quantile(&h, 1), HISTOGRAM_MOST * 8);
	histogram_clear(&h);
	ck_assert_uint_eq(h.n, 0);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 0);
}
END_TEST

UNIT_MAIN("histogram", buckets_adjoin, empty, small_values_are_exact, quantiles, too_long)
