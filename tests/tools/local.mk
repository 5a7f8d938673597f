# tests/tools/local.mk - the stint command, gdb's script and the trace, from the outside

tool_tests = \
	tests/tools/gdb.sh \
	tests/tools/info.sh \
	tests/tools/trace.sh
TESTS += $(tool_tests)
EXTRA_DIST += $(tool_tests)

# does everything that shows in a trace
check_PROGRAMS += tests/tools/traced
tests_tools_traced_LDADD = libstint.la

# stands still with calls and threads in every state
check_PROGRAMS += tests/tools/standstill
tests_tools_standstill_LDADD = libstint.la
