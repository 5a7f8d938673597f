# tests/bench/local.mk - tests of the benchmark programs: that they measure what they say, not how much that is

bench_tests = tests/bench/load.sh tests/bench/peers.sh
TESTS += $(bench_tests)
EXTRA_DIST += $(bench_tests)
