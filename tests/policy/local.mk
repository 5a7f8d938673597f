# tests/policy/local.mk - scheduling policies: the contract that all keep, and what each one promises

policy_tests = \
	tests/policy/conformance \
	tests/policy/exact \
	tests/policy/fair \
	tests/policy/lifo \
	tests/policy/load \
	tests/policy/order
check_PROGRAMS += $(policy_tests)
TESTS += $(policy_tests) tests/policy/plugins.sh
EXTRA_DIST += tests/policy/plugins.sh

tests_policy_conformance_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTEST_PLUGIN='"$(abs_builddir)/examples/policy-lottery.so"'
tests_policy_conformance_LDADD = libstint.la
tests_policy_exact_SOURCES = tests/policy/exact.c $(sim_sources)
tests_policy_exact_LDADD = libstint.la -lm
# it contains sched/fair.c
tests_policy_fair_SOURCES = tests/policy/fair.c
# and sched/lifo.c
tests_policy_lifo_SOURCES = tests/policy/lifo.c
tests_policy_lifo_LDADD = libstint.la
tests_policy_order_LDADD = libstint.la
tests_policy_load_CPPFLAGS = $(tests_policy_conformance_CPPFLAGS)
tests_policy_load_LDADD = libstint.la
