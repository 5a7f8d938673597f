# tests/examples/local.mk - tests of the example programs, from the outside

if HAVE_LIBPNG
TESTS += tests/examples/decode.sh
endif
EXTRA_DIST += tests/examples/decode.sh
