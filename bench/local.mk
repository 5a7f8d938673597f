# bench/ - the benchmark programs; "make check" only compiles them, "make bench" runs them

check_PROGRAMS += bench/stint-bench

bench_stint_bench_SOURCES = \
	bench/bare-x86_64.S \
	bench/bare.c \
	bench/bench.c \
	bench/bench.h \
	bench/cancel.c \
	bench/child.c \
	bench/child.h \
	bench/floors.c \
	bench/http.c \
	bench/interpose.c \
	bench/lateness.c \
	bench/launch.c \
	bench/libset.c \
	bench/many.c \
	bench/pause.c \
	bench/policy.c \
	bench/preempt.c \
	bench/report.c \
	bench/steady.c \
	bench/threads.c \
	bench/throughput.c \
	bench/work.c \
	bench/work.h
bench_stint_bench_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE -I$(top_srcdir)/include
bench_stint_bench_CFLAGS = $(AM_CFLAGS) -fno-lto
bench_stint_bench_LDADD = bench/libcallee-hundred.la bench/libcallee-plain.la bench/libcallee-routed.la libstint.la -lm

if HAVE_LIBCRYPTO
bench_stint_bench_CPPFLAGS += -DBENCH_LIBCRYPTO $(LIBCRYPTO_CFLAGS)
bench_stint_bench_LDADD += $(LIBCRYPTO_LIBS)
endif

# what the subject libset calls
check_LTLIBRARIES += bench/libcallee-hundred.la bench/libcallee-plain.la bench/libcallee-routed.la
callee_cflags = -std=gnu11 $(WARN_CFLAGS)
bench_libcallee_hundred_la_SOURCES = bench/callee.c
bench_libcallee_hundred_la_CPPFLAGS = -DCALLEE_HUNDRED
bench_libcallee_hundred_la_CFLAGS = $(callee_cflags)
bench_libcallee_hundred_la_LDFLAGS = -avoid-version -rpath /nowhere
bench_libcallee_plain_la_SOURCES = bench/callee.c
bench_libcallee_plain_la_CPPFLAGS = -DCALLEE=callee_plain
bench_libcallee_plain_la_CFLAGS = $(callee_cflags)
bench_libcallee_plain_la_LDFLAGS = -avoid-version -rpath /nowhere
bench_libcallee_routed_la_SOURCES = bench/callee.c
bench_libcallee_routed_la_CPPFLAGS = -DCALLEE=callee_routed
bench_libcallee_routed_la_CFLAGS = $(callee_cflags)
bench_libcallee_routed_la_LDFLAGS = -avoid-version -rpath /nowhere

CLEANFILES += bench/results.csv

# ------------------------------------------------------------------- threads, a program for each library

peer_sources = bench/peers/measures.h bench/peers/peer.c bench/peers/peer.h
check_PROGRAMS += bench/peers/threads-nptl bench/peers/threads-stint
bench_peers_threads_nptl_SOURCES = bench/peers/threads-nptl.c $(peer_sources)
bench_peers_threads_nptl_CPPFLAGS = -D_GNU_SOURCE
bench_peers_threads_stint_SOURCES = bench/peers/threads-stint.c $(peer_sources)
bench_peers_threads_stint_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
bench_peers_threads_stint_LDADD = libstint.la

if HAVE_ST
check_PROGRAMS += bench/peers/threads-st
bench_peers_threads_st_SOURCES = bench/peers/threads-st.c $(peer_sources)
bench_peers_threads_st_CPPFLAGS = -D_GNU_SOURCE $(ST_CFLAGS)
bench_peers_threads_st_LDADD = $(ST_LIBS)
endif

# These are compiled for make bench alone: it takes long.
bench_peers =
EXTRA_PROGRAMS += bench/peers/threads-boost
CLEANFILES += bench/peers/threads-boost$(EXEEXT)
bench_peers_threads_boost_SOURCES = bench/peers/threads-boost.cc $(peer_sources)
bench_peers_threads_boost_CPPFLAGS = -D_GNU_SOURCE
bench_peers_threads_boost_LDADD = $(BOOST_FIBER_LIBS)
if HAVE_BOOST_FIBER
bench_peers += bench/peers/threads-boost$(EXEEXT)
endif

go_peers = bench/peers/httpd-go bench/peers/threads-go
EXTRA_DIST += bench/peers/httpd-go.go bench/peers/threads-go.go
CLEANFILES += $(go_peers)
GO_BUILD = GO111MODULE=off GOFLAGS= GOCACHE='$(abs_builddir)/bench/peers/.gocache' $(GO) build
if HAVE_GO
bench_peers += $(go_peers)
endif

bench/peers/httpd-go: bench/peers/httpd-go.go
	$(AM_V_GEN)$(MKDIR_P) bench/peers && $(GO_BUILD) -o $@ $(srcdir)/bench/peers/httpd-go.go
bench/peers/threads-go: bench/peers/threads-go.go
	$(AM_V_GEN)$(MKDIR_P) bench/peers && $(GO_BUILD) -o $@ $(srcdir)/bench/peers/threads-go.go

clean-local: clean-gocache
clean-gocache:
	-rm -rf bench/peers/.gocache

# ------------------------------------------------------------------------------------------ HTTP, and load

check_PROGRAMS += bench/load bench/peers/httpd-nptl bench/peers/httpd-stint
bench_load_SOURCES = \
	bench/histogram.c \
	bench/histogram.h \
	bench/load-run.c \
	bench/load.c \
	bench/load.h
bench_load_CPPFLAGS = -D_GNU_SOURCE
bench_load_LDADD = -lm

http_sources = bench/peers/http.c bench/peers/http.h examples/burn.c examples/burn.h
bench_peers_httpd_nptl_SOURCES = bench/peers/httpd-threads.c $(http_sources)
bench_peers_httpd_nptl_CPPFLAGS = -D_GNU_SOURCE
bench_peers_httpd_stint_SOURCES = bench/peers/httpd-threads.c $(http_sources)
bench_peers_httpd_stint_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE -DSTINT
bench_peers_httpd_stint_LDADD = libstint.la

if HAVE_ST
check_PROGRAMS += bench/peers/httpd-st
bench_peers_httpd_st_SOURCES = bench/peers/httpd-st.c $(http_sources)
bench_peers_httpd_st_CPPFLAGS = -D_GNU_SOURCE
bench_peers_httpd_st_LDADD = $(ST_LIBS)
endif

# --------------------------------------------------------------------------------------------- to run them

# all that a run wants
bench_all = bench/stint-bench$(EXEEXT) bench/load$(EXEEXT) bench/peers/httpd-nptl$(EXEEXT) \
	bench/peers/httpd-stint$(EXEEXT) bench/peers/threads-nptl$(EXEEXT) bench/peers/threads-stint$(EXEEXT) \
	$(bench_peers)
if HAVE_ST
bench_all += bench/peers/httpd-st$(EXEEXT) bench/peers/threads-st$(EXEEXT)
endif

# BENCHFLAGS: options of stint-bench, for example BENCHFLAGS='--filter pause'
bench: $(bench_all)
	$(STINT_RUN) bench/stint-bench$(EXEEXT) --csv bench/results.csv $(BENCHFLAGS)

EXTRA_DIST += bench/http.sh
# HTTPFLAGS: options of the load generator besides those that the script sets
bench-http: $(bench_all)
	$(SHELL) $(srcdir)/bench/http.sh . $(HTTPFLAGS)

.PHONY: bench bench-http clean-gocache
