/*
 * floors.c - what the machine itself charges for: clocks, a system call, a signal, a tick, a bare switch
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "work.h"

#define TICK_NS 100e3
#define TICK_RUNS 5             /* a turn is so much longer: a tick is a small difference */

static double run_rdtsc(void *arg, unsigned long n)
{
	double start = now_ns();
	uint64_t sum = 0;
	unsigned long i;

	for (i = 0; i < n; i++)
		sum += __builtin_ia32_rdtsc();
	*(volatile uint64_t *)arg = sum;
	return (now_ns() - start) / (double)n;
}

static double run_clock(void *arg, unsigned long n)
{
	double start = now_ns();
	unsigned long i;

	for (i = 0; i < n; i++)
		now_ns();
	(void)arg;
	return (now_ns() - start) / (double)n;
}

static double run_syscall(void *arg, unsigned long n)
{
	double start = now_ns();
	unsigned long i;

	for (i = 0; i < n; i++)
		syscall(SYS_getppid);
	(void)arg;
	return (now_ns() - start) / (double)n;
}

static double run_switch(void *arg, unsigned long n)
{
	double start, span;

	(void)arg;
	errno = bare_pair_open();
	if (errno)
		return NAN;
	start = now_ns();
	bare_pair(n);
	span = now_ns() - start;
	bare_pair_close();
	return span / (double)n / 2;
}

/* The timer is open but far from its time: only its handler is of use here. */
static double run_signal(void *arg, unsigned long n)
{
	double start, span;
	unsigned long i;

	(void)arg;
	errno = bare_timer_open(NULL);
	if (errno)
		return NAN;
	start = now_ns();
	for (i = 0; i < n; i++)
		syscall(SYS_tgkill, getpid(), gettid(), bare_signal());
	span = now_ns() - start;
	bare_timer_close();
	return span / (double)n;
}

static double run_settime(void *span_ns, unsigned long n)
{
	double start, span;
	unsigned long i;

	errno = bare_timer_open(NULL);
	if (errno)
		return NAN;
	start = now_ns();
	for (i = 0; i < n; i++)
		bare_timer_at(now_ns() + *(const double *)span_ns);
	span = now_ns() - start;
	bare_timer_close();
	return span / (double)n;
}

static double time_spin(uint64_t turns)
{
	double start = now_ns();

	work_spin(turns);
	return now_ns() - start;
}

/* A fixed amount of work with and without ticks: the difference is theirs. */
static double run_tick(void *arg, unsigned long n)
{
	double alone, ticked, ticks;
	uint64_t turns;

	(void)arg;
	turns = work_turns_for(TICK_NS) * n;
	alone = time_spin(turns);
	errno = bare_timer_open(NULL);
	if (errno)
		return NAN;
	bare_timer_every(TICK_NS);
	ticked = time_spin(turns);
	ticks = (double)bare_ticks;
	bare_timer_close();
	alone = (alone + time_spin(turns)) / 2;
	return ticks > 0 ? (ticked - alone) / ticks : 0;
}

static int floors(const struct subject *s)
{
	static uint64_t sum;
	static double far = 5e6, near = 50e3;
	static const struct side sides[] = {
		{ "rdtsc", run_rdtsc, &sum },
		{ "clock_gettime", run_clock, NULL },
		{ "a system call", run_syscall, NULL },
		{ "a bare switch of stack and thread pointer", run_switch, NULL },
		{ "a word to another CPU and back", bare_line, NULL },
		{ "a signal to self, empty handler", run_signal, NULL },
		{ "timer_settime, armed, 5 ms ahead", run_settime, &far },
		{ "timer_settime, armed, 50 us ahead", run_settime, &near },
		{ "a tick of a bare timer, empty handler", run_tick, NULL },
	};
	enum { SIDES = sizeof(sides) / sizeof(*sides) };
	struct series series[SIDES];
	size_t i;
	int error;

	memset(series, 0, sizeof(series));
	error = bench_turns(sides, series, SIDES - 1, 0);
	if (!error)
		error = bench_turns(sides + SIDES - 1, series + SIDES - 1, 1, TICK_RUNS * options.run_ns);
	for (i = 0; i < SIDES; i++) {
		struct row row = ROW_EMPTY;

		row.what = sides[i].name;
		row.unit = "ns";
		row.value = series_quantile(&series[i], 0.5);
		row.spread = series_spread(&series[i]);
		report_row(s, &row);
		series_clear(&series[i]);
	}
	return error;
}

const struct subject subject_floors = {
	"floors", "what the machine itself charges", floors
};
