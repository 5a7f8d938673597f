/*
 * bench.h - a small harness: interleaved runs, medians, a table and a CSV file
 *
 * A subject is one file with one function. It measures several sides of the same thing, ours and the
 * references, by turns in the same run (A B C A B C ...), so that whatever else the machine does hits all
 * of them alike; then it reports rows. A ratio is the median of the ratios of each turn, not the ratio of
 * the medians: on a shared machine whose speed drifts the former is far steadier.
 *
 * What is aimed at is data beside the sides. A missed aim is marked in the table, and nothing else: a
 * benchmark is no test, and a busy machine is no failure.
 */
#ifndef STINT_BENCH_H
#define STINT_BENCH_H

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* samples of one side, in the order taken */
struct series {
	double *at;
	size_t n, room;
};

int series_add(struct series *s, double value);         /* 0 or ENOMEM */
double series_quantile(const struct series *s, double q);
double series_spread(const struct series *s);           /* half of the middle half / median */
double series_ratio(const struct series *a, const struct series *b);    /* median of a[i] / b[i] */
void series_clear(struct series *s);

/* one way of doing what is measured */
struct side {
	const char *name;
	double (*run)(void *arg, unsigned long n);      /* n operations: ns for each; NAN: it cannot */
	void *arg;
};

enum aim_kind {
	AIM_NONE,
	AIM_AT_MOST,            /* value <= limit, in the row's unit */
	AIM_AT_LEAST,           /* value >= limit */
	AIM_MORE_AT_MOST,       /* value - reference <= limit, in the row's unit */
	AIM_RATIO_AT_MOST,      /* value / reference <= limit */
	AIM_RATIO_AT_LEAST      /* value / reference >= limit */
};

struct aim {
	enum aim_kind kind;
	double limit;
};

/* one line of the table; NAN and NULL where a column does not apply */
struct row {
	const char *what;
	const char *unit;
	double value, spread;
	const char *reference;
	double ref_value, ref_spread;
	double ratio;
	struct aim aim;
	const char *note;       /* beside the figures */
	bool same_again;        /* another reference of the row above */
};
#define ROW_EMPTY { .value = NAN, .spread = NAN, .ref_value = NAN, .ref_spread = NAN, .ratio = NAN }

struct subject {
	const char *name;
	const char *what;
	int (*run)(const struct subject *s);    /* 0, or an errno value after which the others still run */
};

extern const struct subject subject_floors, subject_launch, subject_pause, subject_preempt,
	subject_throughput, subject_lateness, subject_cancel, subject_many, subject_steady, subject_policy,
	subject_interpose, subject_threads, subject_http, subject_libset;

/* what the command line says */
struct options {
	unsigned rounds;        /* turns that each side gets */
	double run_ns;          /* about how long one turn of one side lasts */
	bool quick;             /* only to see that everything runs */
	int cpu;                /* pinned to; -1: not */
	cpu_set_t allowed;      /* what we were started with */
	const char *csv;
	const char *filter;
};
extern struct options options;

double now_ns(void);

/*
 * Measure @n sides by turns into out[0..n), which must be zeroed. Each side first gets a number of
 * operations for which it takes about @run_ns (0: as the options say), which also warms it up. A side
 * that cannot run has an empty series. 0 or ENOMEM. The caller clears the series.
 */
int bench_turns(const struct side *sides, struct series *out, size_t n, double run_ns);

/* Measure and report: side 0 is ours, one row for each of the others. The aim belongs to the first row. */
int bench_compare(const struct subject *s, const char *what, struct aim aim, const struct side *sides,
		  size_t n);

/* report.c */
int report_open(void);          /* prints the machine and the head of the table; 0 or an errno value */
void report_row(const struct subject *s, const struct row *row);
void report_skip(const struct subject *s, const char *why);
int report_close(void);         /* prints the sum; 0, or an errno value when the CSV file is not complete */

int steady_run(void);           /* steady.c: the program that is watched; the exit status */

#endif
