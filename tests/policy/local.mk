# tests/policy/local.mk - scheduling policies, each over the same conformance test

policy_tests = tests/policy/conformance
check_PROGRAMS += $(policy_tests)
TESTS += $(policy_tests)

tests_policy_conformance_CPPFLAGS = $(AM_CPPFLAGS) \
	-DTEST_PLUGIN='"$(abs_builddir)/examples/policy-lottery.so"'
tests_policy_conformance_LDADD = libstint.la
