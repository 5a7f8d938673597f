#!/bin/sh
# fanout.sh - examples/fanout: all answers where none is late; those in time where some are, the same ones each time; leaves in
# other processes; and no descriptor is left
set -u
program=${top_builddir:-.}/examples/fanout
. "${0%/*}/lib.sh"
leaves=

trap 'kill -9 $leaves 2>/dev/null; rm -rf "$dir"' EXIT

# without the times
answers() {
	grep '^query' "$dir/out"
}

expect_answers() {
	expect_status 0 "$2"
	expect_line '^leaked: 0 descriptors$' "$2"
	answers | cmp -s - "$1" || fail "$2: other answers than those in $(cat "$1")"
}

# Every question is answered: the sums depend on nothing else.
run --slow 0 --queries 5 --deadline 60s
answers >"$dir/all"
expect_answers "$dir/all" "none is slow"
[ "$(grep -c ': 8 of 8 leaves, sum [1-9][0-9]*$' "$dir/all")" = 5 ] || fail "none is slow: not all answered"
run --slow 0 --queries 5 --deadline 60s --seed 7
expect_answers "$dir/all" "none is slow, others are fast"

# Which ones are late is the seed's to say, whatever the workers do. Some wait, some compute.
run --slow 30 --queries 3 --deadline 1s --seed 2
answers >"$dir/some"
expect_answers "$dir/some" "some are slow"
expect_line ', leaf [0-7]: waiting' "some are slow"
expect_line ', leaf [0-7]: computing' "some are slow"
while read -r line; do
	came=$(echo "$line" | sed 's/.*: \([0-9]*\) of 8.*/\1/')
	[ "$came" -ge 1 ] && [ $((came + $(echo "$line" | grep -o ', leaf' | wc -l))) = 8 ] || fail "some are slow: $line"
done <"$dir/some"
awk '/collected after/ { n++; if ($3 < 1000) early = 1 } END { exit n != 3 || early }' "$dir/out" ||
	fail "given up before the deadline"
for workers in 1 4; do
	STINT_WORKERS=$workers
	export STINT_WORKERS
	run --slow 30 --queries 3 --deadline 1s --seed 2
	expect_answers "$dir/some" "some are slow, $workers workers"
	unset STINT_WORKERS
done
run --slow 30 --queries 3 --deadline 1s --seed 3
answers | cmp -s - "$dir/some" && fail "another seed, the same answers"

# Nobody answers, and there are many.
run --slow 100 --queries 20 --deadline 10ms --leaves 100
expect_status 0 "all are slow"
[ "$(grep -c ': 0 of 100 leaves, sum 0' "$dir/out")" = 20 ] || fail "all are slow: somebody answered"
expect_line '^leaked: 0 descriptors$' "all are slow"

# Leaves in processes of their own.
set --
for i in 1 2 3; do
	${STINT_RUN:-} "$program" --leaf --slow 0 >"$dir/leaf-$i" 2>&1 &
	leaves="$leaves $!"
done
for i in 1 2 3; do
	tries=0
	while [ ! -s "$dir/leaf-$i" ] && [ $tries -lt 200 ]; do
		sleep 0.05
		tries=$((tries + 1))
	done
	set -- "$@" "$(sed -n 's/^listening on 127\.0\.0\.1://p' "$dir/leaf-$i")"
done
run --queries 5 --deadline 60s "$@"
expect_status 0 "other processes"
[ "$(grep -c ': 3 of 3 leaves' "$dir/out")" = 5 ] || fail "other processes: not all answered"
kill -TERM $leaves
for leaf in $leaves; do
	wait $leaf || fail "a leaf ends with status $?"
done
leaves=
# nobody is there any more
run --queries 1 --deadline 60s "$1"
expect_status 0 "no leaf"
expect_line '^query 1: 0 of 1 leaves, sum 0, leaf 0: Connection refused$' "no leaf"

for option in --leaves --queries; do
	for bad in '' 0 -1 x 99999999999999999999; do
		expect_usage $option $option="$bad"
	done
done
for bad in '' -1 101 x; do
	expect_usage --slow --slow="$bad"
done
for bad in '' 5 0ms; do
	expect_usage --deadline --deadline="$bad"
done
expect_usage port 0
expect_usage port 65536
expect_usage 'one port' --leaf 0 0
finish
