/*
 * histogram.h - how often which span of time was seen, to within one part in 128
 *
 * Log-linear: each power of two is cut into 128 buckets of the same width, so that a nanosecond and a minute find
 * room in the same 37 KB, adding is a shift and an increment, and a quantile is never more than 0.8 % above the sample
 * that it stands for. What is longer than HISTOGRAM_MOST counts as that; the true maximum is kept beside.
 */
#ifndef STINT_BENCH_HISTOGRAM_H
#define STINT_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_SUB      (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_BITS     42
#define HISTOGRAM_MOST     ((UINT64_C(1) << HISTOGRAM_BITS) - 1)         /* 73 minutes in ns */
#define HISTOGRAM_BUCKETS  ((HISTOGRAM_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)

struct histogram {
	uint64_t n;
	uint64_t max;           /* exact */
	uint64_t at[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The least value that at least a share @q (0 to 1) of the samples do not exceed, rounded up to its bucket's end; 0 if empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);

/* for the tests: the bucket of a value, and the largest value of a bucket */
size_t histogram_bucket(uint64_t value);
uint64_t histogram_bucket_end(size_t bucket);

#endif
