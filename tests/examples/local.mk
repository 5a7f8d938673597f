# tests/examples/local.mk - tests of the example programs, from the outside

example_tests = \
	tests/examples/faas.sh \
	tests/examples/fanout.sh \
	tests/examples/generator.sh \
	tests/examples/pipeline.sh
if HAVE_HTTP_PARSER
example_tests += tests/examples/httpd.sh
endif
if HAVE_LIBPNG
example_tests += tests/examples/decode.sh
endif
TESTS += $(example_tests)
EXTRA_DIST += \
	tests/examples/decode.sh \
	tests/examples/faas.sh \
	tests/examples/fanout.sh \
	tests/examples/generator.sh \
	tests/examples/httpd.sh \
	tests/examples/lib.sh \
	tests/examples/pipeline.sh

# preloaded into programs, by scripts
check_LTLIBRARIES += tests/examples/leftover.la
tests_examples_leftover_la_SOURCES = tests/examples/leftover.c
tests_examples_leftover_la_LDFLAGS = $(INSTALLED_LDFLAGS) -module -avoid-version -rpath /nowhere

# a client that says what it is told to
check_PROGRAMS += tests/examples/converse
tests_examples_converse_SOURCES = tests/examples/converse.c
