# bench/ - the benchmark program; "make check" only compiles it, "make bench" runs it

check_PROGRAMS += bench/stint-bench

bench_stint_bench_SOURCES = \
	bench/bare-x86_64.S \
	bench/bare.c \
	bench/bench.c \
	bench/bench.h \
	bench/cancel.c \
	bench/floors.c \
	bench/lateness.c \
	bench/launch.c \
	bench/many.c \
	bench/pause.c \
	bench/policy.c \
	bench/preempt.c \
	bench/report.c \
	bench/steady.c \
	bench/throughput.c \
	bench/work.c \
	bench/work.h
bench_stint_bench_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE -I$(top_srcdir)/include
bench_stint_bench_CFLAGS = $(AM_CFLAGS) -fno-lto
bench_stint_bench_LDADD = libstint.la -lm

if HAVE_LIBCRYPTO
bench_stint_bench_CPPFLAGS += -DBENCH_LIBCRYPTO $(LIBCRYPTO_CFLAGS)
bench_stint_bench_LDADD += $(LIBCRYPTO_LIBS)
endif

CLEANFILES += bench/results.csv

# BENCHFLAGS: options of stint-bench, for example BENCHFLAGS='--filter pause'
bench: bench/stint-bench$(EXEEXT)
	$(STINT_RUN) bench/stint-bench$(EXEEXT) --csv bench/results.csv $(BENCHFLAGS)

.PHONY: bench
