# tests/local.mk - the programs of make check; scripts about the build and the examples have fragments of their own
#
#   api         one behaviour a program, over the public interface
#   interpose   what the layer between programs and libc promises
#   stress      seeded, random, long; STINT_TEST_SECONDS for each
#   fault       the n-th of everything fails; a tick before the n-th instruction
#   unit        modules one by one

noinst_HEADERS += tests/test.h tests/steps.h tests/api/actors.h tests/stress/crew.h

api_tests = \
	tests/api/blocking \
	tests/api/bulk \
	tests/api/cancel \
	tests/api/chan \
	tests/api/contend \
	tests/api/defer \
	tests/api/dlopen \
	tests/api/environment \
	tests/api/exit \
	tests/api/faults \
	tests/api/fork \
	tests/api/front_malloc \
	tests/api/identity \
	tests/api/jump \
	tests/api/keep \
	tests/api/large_variables \
	tests/api/launch \
	tests/api/loading \
	tests/api/loading_linked \
	tests/api/many \
	tests/api/migrate \
	tests/api/misuse \
	tests/api/nest \
	tests/api/other_malloc \
	tests/api/overflow \
	tests/api/pause \
	tests/api/preempt \
	tests/api/registers \
	tests/api/select \
	tests/api/signals \
	tests/api/stacks \
	tests/api/sync_barrier \
	tests/api/sync_cond \
	tests/api/sync_last \
	tests/api/sync_late \
	tests/api/sync_misuse \
	tests/api/sync_mutex \
	tests/api/sync_once \
	tests/api/sync_rwlock \
	tests/api/sync_sem \
	tests/api/select_freed \
	tests/api/sync_waitgroup \
	tests/api/thread_basic \
	tests/api/thread_calls \
	tests/api/thread_cancel \
	tests/api/thread_environment \
	tests/api/thread_even \
	tests/api/thread_handoff \
	tests/api/thread_misuse \
	tests/api/thread_offers \
	tests/api/thread_own \
	tests/api/thread_policies \
	tests/api/thread_priorities \
	tests/api/thread_short_calls \
	tests/api/thread_sleepers \
	tests/api/thread_sockets \
	tests/api/thread_stats \
	tests/api/thread_cycles \
	tests/api/thread_deadlock \
	tests/api/thread_events \
	tests/api/thread_process \
	tests/api/thread_relief \
	tests/api/thread_stepped \
	tests/api/thread_ticks \
	tests/api/thread_told \
	tests/api/thread_turns \
	tests/api/thread_usage \
	tests/api/timeout \
	tests/api/usage
if HAVE_CXX
api_tests += \
	tests/api/exceptions \
	tests/api/sync_throw \
	tests/api/thread_local \
	tests/api/thread_local_ends
endif

interpose_tests = \
	tests/interpose/blocking \
	tests/interpose/callbacks \
	tests/interpose/close_all \
	tests/interpose/families \
	tests/interpose/forbidden \
	tests/interpose/fork_steps \
	tests/interpose/getopt \
	tests/interpose/handles \
	tests/interpose/locks \
	tests/interpose/lot \
	tests/interpose/overdue \
	tests/interpose/park_fd \
	tests/interpose/park_lock \
	tests/interpose/park_stream \
	tests/interpose/park_wait \
	tests/interpose/processes \
	tests/interpose/relieved \
	tests/interpose/resources \
	tests/interpose/statics \
	tests/interpose/variants \
	tests/interpose/waits

if HAVE_CXX
interpose_tests += tests/interpose/cxx
endif

stress_tests = \
	tests/stress/chan \
	tests/stress/forks \
	tests/stress/hammer \
	tests/stress/join \
	tests/stress/limit \
	tests/stress/ownership \
	tests/stress/sched \
	tests/stress/statics \
	tests/stress/storm \
	tests/stress/sync \
	tests/stress/threads \
	tests/stress/timer

fault_tests = tests/fault/launch tests/fault/layout tests/fault/statics tests/fault/threads tests/fault/ticks
check_PROGRAMS += $(api_tests) $(interpose_tests) $(stress_tests) $(fault_tests)
TESTS += $(api_tests) $(interpose_tests) $(fault_tests) $(stress_tests)

# ---------------------------------------------------------------------------------------------------- api

tests_api_blocking_LDADD = libstint.la
tests_api_bulk_LDADD = libstint.la
tests_api_cancel_LDADD = libstint.la
tests_api_chan_CPPFLAGS = $(CORE_CPPFLAGS)
tests_api_chan_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_api_chan_LDADD = $(CORE_OBJECTS)
tests_api_contend_LDADD = libstint.la
tests_api_defer_LDADD = libstint.la
tests_api_dlopen_LDADD = libstint.la
tests_api_environment_LDADD = libstint.la
tests_api_exit_LDADD = libstint.la
tests_api_faults_LDADD = libstint.la
tests_api_fork_LDADD = libstint.la
tests_api_front_malloc_CFLAGS = $(AM_CFLAGS) -fno-builtin
tests_api_front_malloc_LDADD = libstint.la
tests_api_identity_LDADD = libstint.la
tests_api_jump_LDADD = libstint.la
tests_api_keep_LDADD = libstint.la
tests_api_large_variables_LDADD = libstint.la
tests_api_launch_LDADD = libstint.la
tests_api_loading_CPPFLAGS = $(AM_CPPFLAGS) $(loading_cppflags)
tests_api_loading_linked_SOURCES = tests/api/loading.c
tests_api_loading_linked_CPPFLAGS = $(AM_CPPFLAGS) $(loading_cppflags) -DLINKED
tests_api_loading_linked_LDADD = libstint.la
loading_cppflags = -DTEST_LIBRARY='"$(abs_builddir)/.libs/libstint.so"' \
	-DTEST_MODULE='"$(abs_builddir)/tests/api/.libs/late_module.so"' \
	-DTEST_LINKED_MODULE='"$(abs_builddir)/tests/api/.libs/linked_module.so"'
tests_api_many_LDADD = libstint.la
tests_api_migrate_LDADD = libstint.la
tests_api_misuse_LDADD = libstint.la
tests_api_nest_LDADD = libstint.la
tests_api_other_malloc_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_DIR='"$(abs_builddir)"'
tests_api_other_malloc_LDADD = libstint.la
tests_api_overflow_LDADD = libstint.la
tests_api_pause_LDADD = libstint.la
tests_api_preempt_LDADD = libstint.la
tests_api_registers_LDADD = libstint.la -lm
tests_api_select_CPPFLAGS = $(CORE_CPPFLAGS)
tests_api_select_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_api_select_LDADD = $(CORE_OBJECTS)
tests_api_signals_LDADD = libstint.la
tests_api_stacks_LDADD = libstint.la
tests_api_sync_barrier_LDADD = libstint.la
tests_api_sync_cond_LDADD = libstint.la
tests_api_sync_last_LDADD = libstint.la
tests_api_sync_late_LDADD = libstint.la
tests_api_sync_misuse_LDADD = libstint.la
tests_api_sync_mutex_LDADD = libstint.la
tests_api_sync_once_LDADD = libstint.la
tests_api_sync_rwlock_LDADD = libstint.la
tests_api_sync_sem_LDADD = libstint.la
tests_api_sync_waitgroup_LDADD = libstint.la
tests_api_thread_basic_LDADD = libstint.la
tests_api_thread_calls_LDADD = libstint.la
tests_api_thread_cancel_LDADD = libstint.la
tests_api_thread_environment_LDADD = libstint.la
tests_api_thread_misuse_LDADD = libstint.la
tests_api_thread_even_CPPFLAGS = $(CORE_CPPFLAGS)
tests_api_thread_even_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_api_thread_even_LDADD = $(CORE_OBJECTS)
tests_api_thread_offers_CPPFLAGS = $(CORE_CPPFLAGS)
tests_api_thread_offers_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_api_thread_offers_LDADD = $(CORE_OBJECTS)
tests_api_thread_own_LDADD = libstint.la
tests_api_select_freed_LDADD = libstint.la
tests_api_thread_priorities_LDADD = libstint.la
tests_api_thread_policies_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTEST_PLUGIN='"$(abs_builddir)/examples/policy-lottery.so"'
tests_api_thread_policies_LDADD = libstint.la
tests_api_thread_short_calls_LDADD = libstint.la
tests_api_thread_sleepers_LDADD = libstint.la
tests_api_thread_sockets_LDADD = libstint.la
tests_api_thread_stats_LDADD = libstint.la
tests_api_thread_cycles_LDADD = libstint.la
tests_api_thread_deadlock_LDADD = libstint.la
tests_api_thread_events_LDADD = libstint.la
tests_api_thread_process_LDADD = libstint.la
tests_api_thread_handoff_LDADD = libstint.la
tests_api_thread_relief_LDADD = libstint.la
tests_api_thread_stepped_CPPFLAGS = $(CORE_CPPFLAGS)
tests_api_thread_stepped_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_api_thread_stepped_LDADD = $(CORE_OBJECTS)
tests_api_thread_ticks_LDADD = libstint.la
tests_api_thread_told_LDADD = libstint.la
tests_api_thread_turns_LDADD = libstint.la
tests_api_thread_usage_LDADD = libstint.la
tests_api_timeout_LDADD = libstint.la
tests_api_usage_LDADD = libstint.la

tests_api_exceptions_SOURCES = tests/api/exceptions.cc
tests_api_exceptions_LDADD = libstint.la
tests_api_sync_throw_SOURCES = tests/api/sync_throw.cc
tests_api_sync_throw_LDADD = libstint.la
tests_api_thread_local_SOURCES = tests/api/thread_local.cc
tests_api_thread_local_LDADD = libstint.la
tests_api_thread_local_ends_SOURCES = tests/api/thread_local_ends.cc
tests_api_thread_local_ends_LDADD = libstint.la

# -rpath: or libtool makes no shared object of something that is not installed. Libraries are linked to others by file: a name
# that libtool has to write down, in a directory with a space, it cannot read again.
check_LTLIBRARIES += tests/api/tls_initial.la tests/api/tls_dynamic.la tests/api/late_module.la \
	tests/api/linked_module.la tests/api/own_malloc.la
tests_api_tls_initial_la_SOURCES = tests/api/tls_module.c
tests_api_tls_initial_la_CPPFLAGS = $(AM_CPPFLAGS) -DTLS_MODEL='"initial-exec"'
tests_api_tls_initial_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere
tests_api_tls_dynamic_la_SOURCES = tests/api/tls_module.c
tests_api_tls_dynamic_la_CPPFLAGS = $(AM_CPPFLAGS) -DTLS_MODEL='"global-dynamic"'
tests_api_tls_dynamic_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere
tests_api_late_module_la_SOURCES = tests/api/late_module.c
tests_api_late_module_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere
tests_api_own_malloc_la_SOURCES = tests/api/own_malloc.c
tests_api_own_malloc_la_CFLAGS = $(AM_CFLAGS) -fno-builtin
tests_api_own_malloc_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere
tests_api_linked_module_la_SOURCES = tests/api/late_module.c
tests_api_linked_module_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere \
	'-Wl,--no-as-needed,.libs/libstint.so,-rpath,$$ORIGIN/../../../.libs'
EXTRA_tests_api_linked_module_la_DEPENDENCIES = libstint.la
tests_api_dlopen_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_MODULES='"$(abs_builddir)/tests/api/.libs"'

# ---------------------------------------------------------------------------------------------- interpose

tests_interpose_blocking_LDADD = libstint.la
tests_interpose_callbacks_LDADD = libstint.la
tests_interpose_close_all_LDADD = libstint.la
tests_interpose_cxx_SOURCES = tests/interpose/cxx.cc
tests_interpose_cxx_LDADD = libstint.la
tests_interpose_families_LDADD = libstint.la
tests_interpose_fork_steps_LDADD = libstint.la
tests_interpose_forbidden_LDADD = libstint.la
tests_interpose_getopt_LDADD = libstint.la
tests_interpose_handles_LDADD = libstint.la
tests_interpose_overdue_CPPFLAGS = $(CORE_CPPFLAGS)
tests_interpose_overdue_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_interpose_overdue_LDADD = $(CORE_OBJECTS)
tests_interpose_locks_LDADD = libstint.la
tests_interpose_lot_CPPFLAGS = $(CORE_CPPFLAGS)
tests_interpose_lot_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_interpose_lot_LDADD = $(CORE_OBJECTS)
noinst_HEADERS += tests/interpose/calls.h tests/interpose/park.h
tests_interpose_park_fd_LDADD = libstint.la -lutil
tests_interpose_park_lock_LDADD = libstint.la
tests_interpose_park_stream_LDADD = libstint.la -lutil
tests_interpose_park_wait_LDADD = libstint.la
tests_interpose_processes_LDADD = libstint.la
tests_interpose_relieved_LDADD = libstint.la
tests_interpose_resources_LDADD = libstint.la
tests_interpose_statics_SOURCES = tests/interpose/statics.c $(statics_common)
tests_interpose_statics_LDADD = libstint.la
statics_common = tests/interpose/statics-work.c tests/interpose/statics-work.h
tests_interpose_variants_LDADD = libstint.la
tests_interpose_waits_LDADD = libstint.la

# preloaded into programs of the system
check_LTLIBRARIES += tests/interpose/sliced.la
tests_interpose_sliced_la_SOURCES = tests/interpose/sliced.c
tests_interpose_sliced_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere \
	'-Wl,.libs/libstint.so,-rpath,$$ORIGIN/../../../.libs'
EXTRA_tests_interpose_sliced_la_DEPENDENCIES = libstint.la
TESTS += tests/interpose/programs.sh
EXTRA_DIST += tests/interpose/programs.sh

# ------------------------------------------------------------------------------------------------- stress

tests_stress_chan_LDADD = libstint.la
tests_stress_sync_LDADD = libstint.la
tests_stress_forks_LDADD = libstint.la
tests_stress_hammer_LDADD = libstint.la
tests_stress_join_CPPFLAGS = $(CORE_CPPFLAGS)
tests_stress_join_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_stress_join_LDADD = $(CORE_OBJECTS)
tests_stress_limit_CPPFLAGS = $(CORE_CPPFLAGS)
tests_stress_limit_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_stress_limit_LDADD = $(CORE_OBJECTS)
tests_stress_ownership_LDADD = libstint.la
tests_stress_sched_LDADD = libstint.la
tests_stress_statics_SOURCES = tests/stress/statics.c $(statics_common)
tests_stress_statics_LDADD = libstint.la
stress_common = tests/stress/drive.c tests/stress/work.c tests/stress/work.h
stress_cppflags = $(AM_CPPFLAGS)
stress_cflags = $(AM_CFLAGS)
stress_ldadd = libstint.la
if HAVE_LIBPNG
stress_cppflags += -DHAVE_LIBPNG
stress_cflags += $(PNG_CFLAGS)
stress_ldadd += $(PNG_LIBS)
endif
tests_stress_storm_SOURCES = tests/stress/storm.c $(stress_common)
tests_stress_storm_CPPFLAGS = $(stress_cppflags)
tests_stress_storm_CFLAGS = $(stress_cflags)
tests_stress_storm_LDADD = $(stress_ldadd)
tests_stress_threads_SOURCES = tests/stress/threads.c $(stress_common)
tests_stress_threads_CPPFLAGS = $(stress_cppflags)
tests_stress_threads_CFLAGS = $(stress_cflags)
tests_stress_threads_LDADD = $(stress_ldadd)
tests_stress_timer_SOURCES = tests/stress/timer.c $(stress_common)
tests_stress_timer_CPPFLAGS = $(stress_cppflags)
tests_stress_timer_CFLAGS = $(stress_cflags)
tests_stress_timer_LDADD = $(stress_ldadd)

# -------------------------------------------------------------------------------------------------- fault

tests_fault_layout_CPPFLAGS = $(CORE_CPPFLAGS)
tests_fault_layout_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_fault_layout_LDADD = $(CORE_OBJECTS)
tests_fault_statics_CPPFLAGS = $(CORE_CPPFLAGS)
tests_fault_statics_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_fault_statics_LDADD = $(CORE_OBJECTS)
tests_fault_threads_CPPFLAGS = $(CORE_CPPFLAGS)
tests_fault_threads_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_fault_threads_LDADD = $(CORE_OBJECTS)
tests_fault_ticks_CPPFLAGS = $(CORE_CPPFLAGS)
tests_fault_ticks_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_fault_ticks_LDADD = $(CORE_OBJECTS)
tests_fault_launch_CPPFLAGS = $(CORE_CPPFLAGS)
tests_fault_launch_CFLAGS = $(AM_CFLAGS) $(URCU_CFLAGS)
tests_fault_launch_LDADD = $(CORE_OBJECTS)

# --------------------------------------------------------------------------------------------------- unit

noinst_HEADERS += tests/unit/fake.h tests/unit/unit.h
if HAVE_CHECK
unit_tests = \
	tests/unit/test_chan \
	tests/unit/test_clock \
	tests/unit/test_config \
	tests/unit/test_cpus \
	tests/unit/test_elf_file \
	tests/unit/test_heap \
	tests/unit/test_histogram \
	tests/unit/test_ledger \
	tests/unit/test_runq \
	tests/unit/test_select \
	tests/unit/test_settings \
	tests/unit/test_stack \
	tests/unit/test_sync \
	tests/unit/test_tcb \
	tests/unit/test_text \
	tests/unit/test_tick \
	tests/unit/test_timers
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

TESTS += tests/unit/valgrind.sh
EXTRA_DIST += tests/unit/valgrind.sh

unit_cppflags = $(CORE_CPPFLAGS)
unit_cflags = $(AM_CFLAGS) $(URCU_CFLAGS) $(CHECK_CFLAGS)
unit_ldadd = $(CORE_OBJECTS) $(CHECK_LIBS)
tests_unit_test_chan_CPPFLAGS = $(unit_cppflags)
tests_unit_test_chan_CFLAGS = $(unit_cflags)
tests_unit_test_chan_LDADD = $(unit_ldadd)
tests_unit_test_clock_CPPFLAGS = $(unit_cppflags)
tests_unit_test_clock_CFLAGS = $(unit_cflags)
tests_unit_test_clock_LDADD = $(unit_ldadd)
tests_unit_test_elf_file_CPPFLAGS = $(unit_cppflags) -DTEST_OBJECT='"$(abs_builddir)/tests/libset/.libs/libgrain.so"'
tests_unit_test_elf_file_CFLAGS = $(unit_cflags)
tests_unit_test_elf_file_LDADD = $(unit_ldadd)
tests_unit_test_heap_CPPFLAGS = $(unit_cppflags)
tests_unit_test_heap_CFLAGS = $(unit_cflags)
tests_unit_test_heap_LDADD = $(unit_ldadd)
tests_unit_test_histogram_SOURCES = tests/unit/test_histogram.c bench/histogram.c
tests_unit_test_histogram_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_histogram_LDADD = $(CHECK_LIBS) -lm
tests_unit_test_ledger_CPPFLAGS = $(unit_cppflags)
tests_unit_test_ledger_CFLAGS = $(unit_cflags)
tests_unit_test_ledger_LDADD = $(unit_ldadd)
tests_unit_test_runq_CPPFLAGS = $(unit_cppflags)
tests_unit_test_runq_CFLAGS = $(unit_cflags)
tests_unit_test_runq_LDADD = $(unit_ldadd)
tests_unit_test_select_CPPFLAGS = $(unit_cppflags)
tests_unit_test_select_CFLAGS = $(unit_cflags)
tests_unit_test_select_LDADD = $(unit_ldadd)
tests_unit_test_settings_CPPFLAGS = $(unit_cppflags)
tests_unit_test_settings_CFLAGS = $(unit_cflags)
tests_unit_test_settings_LDADD = $(unit_ldadd)
tests_unit_test_stack_CPPFLAGS = $(unit_cppflags)
tests_unit_test_stack_CFLAGS = $(unit_cflags)
tests_unit_test_stack_LDADD = $(unit_ldadd)
tests_unit_test_sync_CPPFLAGS = $(unit_cppflags)
tests_unit_test_sync_CFLAGS = $(unit_cflags)
tests_unit_test_sync_LDADD = $(unit_ldadd)
tests_unit_test_tcb_CPPFLAGS = $(unit_cppflags)
tests_unit_test_tcb_CFLAGS = $(unit_cflags)
tests_unit_test_tcb_LDADD = $(unit_ldadd)
tests_unit_test_text_CPPFLAGS = $(unit_cppflags)
tests_unit_test_text_CFLAGS = $(unit_cflags)
tests_unit_test_text_LDADD = $(unit_ldadd)
tests_unit_test_cpus_CPPFLAGS = $(unit_cppflags)
tests_unit_test_cpus_CFLAGS = $(unit_cflags)
tests_unit_test_cpus_LDADD = $(unit_ldadd)
tests_unit_test_config_CPPFLAGS = $(unit_cppflags)
tests_unit_test_config_CFLAGS = $(unit_cflags)
tests_unit_test_config_LDADD = $(unit_ldadd)
tests_unit_test_timers_CPPFLAGS = $(unit_cppflags)
tests_unit_test_timers_CFLAGS = $(unit_cflags)
tests_unit_test_timers_LDADD = $(unit_ldadd)
tests_unit_test_tick_CPPFLAGS = $(unit_cppflags)
tests_unit_test_tick_CFLAGS = $(unit_cflags)
tests_unit_test_tick_LDADD = $(unit_ldadd)
