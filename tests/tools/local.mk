# tests/tools/local.mk - the stint command and gdb's script, from the outside

tool_tests = \
	tests/tools/gdb.sh \
	tests/tools/info.sh
TESTS += $(tool_tests)
EXTRA_DIST += $(tool_tests)

# stands still with calls and threads in every state
check_PROGRAMS += tests/tools/standstill
tests_tools_standstill_LDADD = libstint.la
