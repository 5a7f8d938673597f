/*
 * throughput.c - SHA-256 in a call that is resumed slice after slice, against the same loop under a bare
 * timer
 *
 * One operation is a SHA-256 of 16 KiB by libcrypto. Figures are throughput, so the ratio is ours / bare:
 * more is better. The note says what part of the undisturbed loop's speed each kept.
 */
#include "bench.h"

#ifdef BENCH_LIBCRYPTO

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include <stint.h>

#include "work.h"

#define BLOCK 16384
#define RUN_NS 50e6
#define QUICK_RUN_NS 2e6

static unsigned char block[BLOCK];
static EVP_MD_CTX *digest;
static unsigned long blocks_to_do;

static void hash(unsigned long blocks)
{
	while (blocks-- > 0)
		EVP_DigestUpdate(digest, block, BLOCK);
}

static void *hash_call(void *blocks)
{
	hash(*(const unsigned long *)blocks);
	return blocks;
}

static double run_alone(void *slice, unsigned long n)
{
	double start = now_ns();

	(void)slice;
	hash(n);
	return (now_ns() - start) / (double)n;
}

static double run_bare(void *slice, unsigned long n)
{
	double start, span;

	errno = bare_timer_open(NULL);
	if (errno)
		return NAN;
	start = now_ns();
	bare_timer_every(*(const double *)slice);
	hash(n);
	span = now_ns() - start;
	bare_timer_close();
	return span / (double)n;
}

static double run_call(void *slice, unsigned long n)
{
	stint_ns timeout = (stint_ns)*(const double *)slice;
	double start = now_ns();
	stint_t *s;
	int how = 0;

	blocks_to_do = n;
	s = stint_launch(hash_call, &blocks_to_do, timeout);
	if (!s)
		return NAN;
	if (!stint_is_complete(s)) {
		do
			how = stint_resume(s, timeout);
		while (how == ETIMEDOUT);
	}
	stint_free(s);
	errno = how;
	return how ? NAN : (now_ns() - start) / (double)n;
}

static double megabytes(const struct series *cost)
{
	return BLOCK / series_quantile(cost, 0.5) * 1e3;
}

static void report_slice(const struct subject *s, double slice, const struct series *series)
{
	struct row row = ROW_EMPTY;
	char what[64], note[64];

	snprintf(what, sizeof(what), "SHA-256, slices of %.0f us", slice / 1e3);
	snprintf(note, sizeof(note), "%.1f%% of undisturbed, bare %.1f%%",
		 100 * series_ratio(&series[2], &series[0]), 100 * series_ratio(&series[2], &series[1]));
	row.what = what;
	row.unit = "MB/s";
	row.value = megabytes(&series[0]);
	row.spread = series_spread(&series[0]);
	row.reference = "the same under a bare timer";
	row.ref_value = megabytes(&series[1]);
	row.ref_spread = series_spread(&series[1]);
	row.ratio = series_ratio(&series[1], &series[0]);
	row.aim = (struct aim){ AIM_RATIO_AT_LEAST, 0.97 };
	row.note = note;
	report_row(s, &row);
}

static int throughput_slice(const struct subject *s, double slice)
{
	const struct side sides[3] = {
		{ "in a call", run_call, &slice },
		{ "under a bare timer", run_bare, &slice },
		{ "undisturbed", run_alone, &slice },
	};
	struct series series[3];
	int i, error;

	memset(series, 0, sizeof(series));
	error = bench_turns(sides, series, 3, options.quick ? QUICK_RUN_NS : RUN_NS);
	if (!error && !series[0].n)
		error = errno ? errno : ENOTSUP;
	if (!error)
		report_slice(s, slice, series);
	for (i = 0; i < 3; i++)
		series_clear(&series[i]);
	return error;
}

static int throughput(const struct subject *s)
{
	static const double slices[] = { 1e6, 500e3, 200e3, 100e3, 50e3, 20e3 };
	size_t i;
	int error = 0;

	digest = EVP_MD_CTX_new();
	if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(digest);
		return ENOMEM;
	}
	for (i = 0; i < sizeof(slices) / sizeof(*slices) && !error; i++)
		error = throughput_slice(s, slices[i]);
	EVP_MD_CTX_free(digest);
	return error;
}

#else

static int throughput(const struct subject *s)
{
	report_skip(s, "built without libcrypto");
	return 0;
}

#endif

const struct subject subject_throughput = {
	"throughput", "SHA-256 by libcrypto at several slices", throughput
};
