# runtime/local.mk - the library

include_HEADERS += include/stint.h
stintincludedir = $(includedir)/stint
stintinclude_HEADERS = \
	include/stint/call.h \
	include/stint/chan.h \
	include/stint/libset.h \
	include/stint/sched.h \
	include/stint/stats.h \
	include/stint/sync.h \
	include/stint/thread.h \
	include/stint/version.h

# initial-exec: the test "am I in a call?" stands in every wrapper, and must not itself call into ld.so.
# exceptions: those of C++ unwind through the wrappers (qsort's, a call's own function).
RUNTIME_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden -fexceptions -ftls-model=initial-exec $(URCU_CFLAGS) $(RUNTIME_SANITIZE_FLAGS) \
	$(FIBER_CPPFLAGS)

noinst_LTLIBRARIES += libstint-core.la libstint-interpose.la libstint-libset.la
lib_LTLIBRARIES += libstint.la

libstint_core_la_SOURCES = \
	runtime/arch/x86_64/arch-wait.h \
	runtime/arch/x86_64/arch.c \
	runtime/arch/x86_64/arch.h \
	runtime/arch/x86_64/reloc.h \
	runtime/arch/x86_64/resolve.S \
	runtime/arch/x86_64/switch.S \
	runtime/arch/x86_64/thunks.S \
	runtime/arch/x86_64/thunks.c \
	runtime/arch/x86_64/thunks.h \
	runtime/arch/x86_64/unwind.c \
	runtime/arch/x86_64/unwind.h \
	runtime/arch/x86_64/vfork.S \
	runtime/attr.h \
	runtime/call.c \
	runtime/call.h \
	runtime/checker.h \
	runtime/fiber.h \
	runtime/clock.c \
	runtime/clock.h \
	runtime/complaint.h \
	runtime/config.c \
	runtime/config.h \
	runtime/context.h \
	runtime/cpus.c \
	runtime/cpus.h \
	runtime/deadlock.c \
	runtime/deadlock.h \
	runtime/guard.c \
	runtime/guard.h \
	runtime/even.c \
	runtime/rank.c \
	runtime/rank.h \
	runtime/even.h \
	runtime/handoff.c \
	runtime/handoff.h \
	runtime/idle.c \
	runtime/idle.h \
	runtime/init.c \
	runtime/init.h \
	runtime/kthread.c \
	runtime/kthread.h \
	runtime/ledger-fd.c \
	runtime/ledger-heap.c \
	runtime/ledger-locks.c \
	runtime/ledger-own.c \
	runtime/ledger-private.h \
	runtime/ledger-things.c \
	runtime/ledger-types.h \
	runtime/ledger.c \
	runtime/ledger.h \
	runtime/monitor.c \
	runtime/monitor.h \
	runtime/park.c \
	runtime/park.h \
	runtime/policy.c \
	runtime/poller.c \
	runtime/poller.h \
	runtime/preempt.c \
	runtime/preempt.h \
	runtime/private.h \
	runtime/relief.c \
	runtime/relief.h \
	runtime/replace.c \
	runtime/policy.h \
	runtime/replace.h \
	runtime/runq.c \
	runtime/runq.h \
	runtime/settings.c \
	runtime/settings.h \
	runtime/signals.c \
	runtime/signals.h \
	runtime/spin.c \
	runtime/spin.h \
	runtime/stack.c \
	runtime/stack.h \
	runtime/stats.c \
	runtime/sync/barrier.c \
	runtime/sync/chan.c \
	runtime/sync/chan.h \
	runtime/sync/cond.c \
	runtime/sync/mutex.c \
	runtime/sync/mutex.h \
	runtime/sync/once.c \
	runtime/sync/rwlock.c \
	runtime/sync/select.c \
	runtime/sync/sem.c \
	runtime/sync/wait.c \
	runtime/sync/wait.h \
	runtime/sync/waitgroup.c \
	runtime/sys.c \
	runtime/sys.h \
	runtime/tcb.c \
	runtime/tcb.h \
	runtime/text.c \
	runtime/text.h \
	runtime/thread.c \
	runtime/thread.h \
	runtime/tick.c \
	runtime/tick.h \
	runtime/timers.c \
	runtime/timers.h \
	runtime/trace.c \
	runtime/trace.h \
	runtime/watch.c \
	runtime/watch.h \
	runtime/worker.c \
	runtime/worker.h
libstint_core_la_CFLAGS = $(RUNTIME_CFLAGS)
libstint_core_la_LIBADD = libstint-libset.la libstint-interpose.la

# no sanitizer: it reads and writes slots and variables of other objects, with whatever lies between them.
libstint_libset_la_SOURCES = \
	runtime/libset/ask.c \
	runtime/libset/copy.c \
	runtime/libset/copy.h \
	runtime/libset/elf-file.c \
	runtime/libset/elf-file.h \
	runtime/libset/hooks.c \
	runtime/libset/hooks.h \
	runtime/libset/image.c \
	runtime/libset/image.h \
	runtime/libset/library.c \
	runtime/libset/library.h \
	runtime/libset/libset.h \
	runtime/libset/lookup.c \
	runtime/libset/lookup.h \
	runtime/libset/open.c \
	runtime/libset/pool.c \
	runtime/libset/route.c \
	runtime/libset/route.h \
	runtime/libset/set.c \
	runtime/libset/set.h \
	runtime/libset/table.c \
	runtime/libset/table.h
libstint_libset_la_CFLAGS = $(RUNTIME_CFLAGS) -fno-sanitize=all

# no-builtin: in the wrapper of calloc the compiler would see malloc and memset, and make it call itself.
libstint_interpose_la_SOURCES = \
	runtime/interpose/accounts.c \
	runtime/interpose/answer.h \
	runtime/interpose/argz.c \
	runtime/interpose/async.c \
	runtime/interpose/await.c \
	runtime/interpose/await.h \
	runtime/interpose/callbacks.c \
	runtime/interpose/dir.c \
	runtime/interpose/dl.c \
	runtime/interpose/file.c \
	runtime/interpose/format.c \
	runtime/interpose/getopt.c \
	runtime/interpose/guard.c \
	runtime/interpose/handles.c \
	runtime/interpose/identity.c \
	runtime/interpose/interpose.h \
	runtime/interpose/join.c \
	runtime/interpose/limit.c \
	runtime/interpose/limit.h \
	runtime/interpose/locale.c \
	runtime/interpose/logins.c \
	runtime/interpose/lookups.c \
	runtime/interpose/lot.h \
	runtime/interpose/malloc.c \
	runtime/interpose/mapping.c \
	runtime/interpose/misc.c \
	runtime/interpose/modes.c \
	runtime/interpose/mutex.c \
	runtime/interpose/names.c \
	runtime/interpose/own.c \
	runtime/interpose/own.h \
	runtime/interpose/park-fd.c \
	runtime/interpose/park-lock.c \
	runtime/interpose/park-lot.c \
	runtime/interpose/park-poll.c \
	runtime/interpose/park-sleep.c \
	runtime/interpose/park-wait.c \
	runtime/interpose/parks.h \
	runtime/interpose/patterns.c \
	runtime/interpose/process.c \
	runtime/interpose/random.c \
	runtime/interpose/rawcall.c \
	runtime/interpose/real.c \
	runtime/interpose/report.c \
	runtime/interpose/reroute.c \
	runtime/interpose/search.c \
	runtime/interpose/shifts.c \
	runtime/interpose/signal-old.c \
	runtime/interpose/signal.c \
	runtime/interpose/sleep.c \
	runtime/interpose/spawn.c \
	runtime/interpose/statics.c \
	runtime/interpose/statics.h \
	runtime/interpose/stdio-variants.c \
	runtime/interpose/stdio.c \
	runtime/interpose/stream.c \
	runtime/interpose/stream.h \
	runtime/interpose/strings.c \
	runtime/interpose/suspend.c \
	runtime/interpose/system.c \
	runtime/interpose/table.def \
	runtime/interpose/texts.c \
	runtime/interpose/threads.c \
	runtime/interpose/times.c \
	runtime/interpose/unfit.c \
	runtime/interpose/transfer.c \
	runtime/interpose/walks.c
# no sanitizer: theirs calls our wrappers before it has set itself up, and instrumented code would fault.
libstint_interpose_la_CFLAGS = $(RUNTIME_CFLAGS) -fno-builtin -fno-sanitize=all

libstint_la_SOURCES =
libstint_la_LIBADD = libstint-core.la
# nodelete: its signal handlers and the anchor thread stay for as long as the process lives, so must the code.
# Bsymbolic-functions: a wrapper that calls another one means that one. By the search for names it would get libc's where the library was
# opened by dlopen(), or the program's, as none of libc's own would.
libstint_la_LDFLAGS = $(INSTALLED_LDFLAGS) -version-info $(STINT_LT_VERSION) $(DEFS_LDFLAGS) -Wl,-z,nodelete \
	-Wl,-Bsymbolic-functions -Wl,--version-script=runtime/libstint.map
EXTRA_libstint_la_DEPENDENCIES = runtime/libstint.map $(srcdir)/runtime/local.mk

CORE_OBJECTS = $(libstint_core_la_OBJECTS) $(libstint_libset_la_OBJECTS) $(libstint_interpose_la_OBJECTS)
CORE_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/runtime $(FIBER_CPPFLAGS)

# The exported set is one file: our own names by hand, those of libc's that we define from their table.
runtime/libstint.map: $(srcdir)/runtime/libstint.map.in $(srcdir)/runtime/interpose/table.def
	$(AM_V_GEN)$(MKDIR_P) runtime && $(AWK) -F '[(,]' \
	    'FNR == NR { if ($$1 ~ /^(LOCKED|STATIC|BLOCKING|ACQUIRING|SPECIAL|FORBIDDEN)_FN$$/) names = names "\t" $$2 ";\n"; next } \
	     /@LIBC_NAMES@/ { printf "%s", names; next } { print }' \
	    $(srcdir)/runtime/interpose/table.def $(srcdir)/runtime/libstint.map.in > $@-t && mv $@-t $@
CLEANFILES += runtime/libstint.map runtime/libstint.map-t
EXTRA_DIST += runtime/libstint.map.in
