/*
 * histogram.c - buckets and quantiles
 *
 * Values below 128 have a bucket each. Above, a value's highest 8 bits are its bucket within its power of two:
 * shift = place of the highest bit - 7, bucket = 128 * shift + (value >> shift), where the quotient is 128 to 255.
 */
#include "histogram.h"

#include <math.h>
#include <string.h>

size_t histogram_bucket(uint64_t value)
{
	unsigned shift;

	if (value > HISTOGRAM_MOST)
		value = HISTOGRAM_MOST;
	if (value < HISTOGRAM_SUB)
		return (size_t)value;
	shift = 63 - HISTOGRAM_SUB_BITS - (unsigned)__builtin_clzll(value);
	return (size_t)shift * HISTOGRAM_SUB + (size_t)(value >> shift);
}

uint64_t histogram_bucket_end(size_t bucket)
{
	size_t shift;

	if (bucket < HISTOGRAM_SUB)
		return bucket;
	shift = bucket / HISTOGRAM_SUB - 1;
	return ((bucket - shift * HISTOGRAM_SUB + 1) << shift) - 1;
}

void histogram_clear(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}

void histogram_add(struct histogram *h, uint64_t value)
{
	h->at[histogram_bucket(value)]++;
	h->n++;
	if (value > h->max)
		h->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	size_t i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->at[i] += from->at[i];
	into->n += from->n;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)h->n), seen = 0;
	size_t i;

	if (!h->n)
		return 0;
	if (rank < 1)
		rank = 1;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->at[i];
		if (seen >= rank)
			break;
	}
	/* the last bucket's end may be beyond what was ever seen, or, for what is too long, before it */
	if (i >= HISTOGRAM_BUCKETS - 1 || histogram_bucket_end(i) > h->max)
		return h->max;
	return histogram_bucket_end(i);
}
