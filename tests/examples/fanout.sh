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

# the leaves that did not answer, a line each
missing() {
	sed -n 's/: [0-9]* of 8 leaves, sum [0-9]*//p' "$dir/out" |
		awk -F', leaf ' '{ for (i = 2; i <= NF; i++) print $1 " leaf " ($i + 0) }' | sort
}

# Which ones are late is the seed's to say, whatever the workers do. On a busy machine others may be late as well.
for seed in 2 3; do
	run --plan --slow 30 --queries 2 --seed $seed
	expect_status 0 "the plan"
	sort "$dir/out" >"$dir/plan-$seed"
	[ "$(wc -l <"$dir/plan-$seed")" -ge 2 ] || fail "the plan: hardly any is late"
done
cmp -s "$dir/plan-2" "$dir/plan-3" && fail "two seeds, one plan"
for workers in 1 2 4; do
	STINT_WORKERS=$workers
	export STINT_WORKERS
	run --slow 30 --queries 2 --deadline 600ms --seed 2
	unset STINT_WORKERS
	expect_status 0 "some are late, $workers workers"
	expect_line '^leaked: 0 descriptors$' "some are late, $workers workers"
	missing >"$dir/missing"
	[ -z "$(comm -23 "$dir/plan-2" "$dir/missing")" ] || fail "some are late, $workers workers: they answered"
	expect_line ': [1-8] of 8' "some are late, $workers workers: nobody answered"
	awk '/collected after/ { n++; if ($3 < 600) early = 1 } END { exit n != 2 || early }' "$dir/out" ||
		fail "given up before the deadline"
	while read -r line; do
		came=$(echo "$line" | sed 's/.*: \([0-9]*\) of 8.*/\1/')
		[ $((came + $(echo "$line" | grep -o ', leaf' | wc -l))) = 8 ] || fail "some are late: $line"
	done <<-ANSWERS
	$(answers)
	ANSWERS
done
# some of them wait, some compute
expect_line ', leaf [0-7]: waiting' "some are late"
expect_line ', leaf [0-7]: computing' "some are late"

# Nobody answers, and there are many.
run --slow 100 --queries 5 --deadline 10ms --leaves 100
expect_status 0 "all are slow"
[ "$(grep -c ': 0 of 100 leaves, sum 0' "$dir/out")" = 5 ] || fail "all are slow: somebody answered"
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
# One that somebody is still connected to waits for him, but not when asked again.
mkfifo "$dir/words"
${STINT_RUN:-} "$program" --leaf --slow 0 >"$dir/leaf-4" 2>&1 &
leaves=$!
tries=0
while [ ! -s "$dir/leaf-4" ] && [ $tries -lt 2000 ]; do
	sleep 0.02
	tries=$((tries + 1))
done
before=$(ls /proc/$leaves/fd | wc -l)
"$top/tests/examples/converse" -s "$(sed -n 's/^listening on 127\.0\.0\.1://p' "$dir/leaf-4")" <"$dir/words" >"$dir/said" &
exec 3>"$dir/words"
tries=0
while [ "$(ls /proc/$leaves/fd | wc -l)" -le "$before" ] && [ $tries -lt 2000 ]; do
	sleep 0.02
	tries=$((tries + 1))
done
(
	for i in $(seq 1000); do
		kill -TERM $leaves
		sleep 0.05
	done
	kill -KILL $leaves
) 2>/dev/null &
wait $leaves
status=$?
kill $!
leaves=
expect_status 143 "a leaf that is asked to end again and again"
exec 3>&-
wait
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
