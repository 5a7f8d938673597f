# tests/build/local.mk - tests of the build itself

dist_noinst_SCRIPTS += tests/build/run-test

build_tests = \
	tests/build/bootstrap.sh \
	tests/build/classes.sh \
	tests/build/exports.sh \
	tests/build/headers.sh \
	tests/build/inner-calls.sh \
	tests/build/install.sh \
	tests/build/layering.sh \
	tests/build/manpages.sh \
	tests/build/orphans.sh \
	tests/build/switch.sh \
	tests/build/tsan.sh \
	tests/build/turns.sh
TESTS += $(build_tests)
EXTRA_DIST += $(build_tests) tests/build/lib.sh
