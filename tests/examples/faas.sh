#!/bin/sh
# faas.sh - examples/faas: functions that behave, loop, leak and wait, at once; each gets its result or is ended at its budget, and
# nothing is left of it
set -u
program=${top_builddir:-.}/examples/faas
. "${0%/*}/lib.sh"
functions=$top/examples

# row FUNCTION OUTCOME [NUMBER] - the account of the NUMBER-th of that name, the first one unless given, has that outcome; sets cpu in
# microseconds, bytes, fds and result
row() {
	line=$(grep "^$1\.so " "$dir/out" | sed -n "${3:-1}p")
	rest=$(echo "$line" | sed -n "s/^$1\.so  *$2  *//p")
	[ -n "$rest" ] || fail "$1: not $2"
	cpu=$(echo "$rest" | awk '{ print int($1 * 1000) }')
	bytes=$(echo "$rest" | awk '{ print $3 }')
	fds=$(echo "$rest" | awk '{ print $5 }')
	result=${rest#* fds  }
}

expect_no_leak() {
	expect_line '^leaked: 0 descriptors$' "$1"
}

words=$functions/faas-words.so
spin=$functions/faas-spin.so
leak=$functions/faas-leak.so
wait=$functions/faas-wait.so

test_alone() {
	run "$words=one two  three"
	expect_status 0 "words"
	expect_no_leak "words"
	row faas-words returned
	[ "$result" = "3 words" ] || fail "words: the result is $result"
	[ "$bytes" -ge 32 ] || fail "words: the block that it leaves is not in its account"

	run --budget 30ms --limit 60s "$spin"
	expect_status 0 "spin"
	row faas-spin 'over budget'
	[ "$cpu" -ge 30000 ] || fail "spin: stopped after $cpu us, before its budget"

	run --budget 1s --limit 60s "$leak" "$leak"
	expect_status 0 "leak"
	expect_no_leak "leak"
	for i in 1 2; do
		row faas-leak 'over budget' $i
		[ "$bytes" -ge 1000000 ] && [ "$fds" -eq 200 ] || fail "leak: it held $bytes bytes, $fds descriptors"
	done

	run "$leak=little"
	expect_status 0 "a little leak"
	expect_no_leak "a little leak"
	row faas-leak returned
	[ "$bytes" -ge 30000 ] && [ "$fds" -eq 6 ] || fail "a little leak: it held $bytes bytes, $fds descriptors"

	begun=$(date +%s%N)
	run --budget 60s --limit 300ms "$wait"
	expect_status 0 "wait"
	expect_no_leak "wait"
	row faas-wait 'too long'
	[ "$fds" -eq 2 ] || fail "wait: it held $fds descriptors"
	[ $(($(date +%s%N) - begun)) -ge 300000000 ] || fail "wait: ended before its time"
}

# patiently MILLISECONDS ARGUMENT... - run with that limit; with a longer one where the machine stood still, and who does not wait has
# not been done within it
patiently() {
	limit=$1
	shift
	for try in 1 2 3 4 5; do
		run --limit ${limit}ms "$@"
		grep -v '^faas-wait' "$dir/out" | grep -q ' too long ' || break
		limit=$((2 * limit))
	done
}

# All kinds at once: whoever behaves gets a result, however many do not.
test_together() {
	set --
	for i in $(seq 10); do
		set -- "$@" "$spin" "$words=$(seq $i | tr '\n' ' ')" "$wait" "$leak=little"
	done
	# a budget that stays large enough for who behaves where the machine stands still in the midst of it
	patiently 1000 --budget 50ms "$@"
	expect_status 0 "together"
	expect_no_leak "together"
	for i in $(seq 10); do
		row faas-words returned $i
		[ "$result" = "$i words" ] || fail "together: $result, not $i words"
		row faas-spin 'over budget' $i
		row faas-leak returned $i
		# it is looked at every 5 ms, which costs it some CPU: 20 us or 60, by the machine, so that its
		# budget is used up by that before its time or not
		row faas-wait '\(too long\|over budget\)' $i
	done
}

# with a budget that this cannot use up only one thing can become of it
test_wait() {
	patiently 500 --budget 200ms "$spin" "$words=one" "$wait" "$leak=little" "$wait" "$wait"
	expect_status 0 "a large budget"
	row faas-words returned
	row faas-spin 'over budget'
	row faas-leak returned
	for i in 1 2 3; do
		row faas-wait 'too long' $i
		[ "$fds" -eq 2 ] || fail "wait: it held $fds descriptors"
	done
}

test_mistakes() {
	run "$dir/missing.so"
	expect_status 1 "a missing file"
	expect_line '^faas: .*missing.so' "a missing file"
	echo "no object" >"$dir/text.so"
	run "$words" "$dir/text.so"
	expect_status 1 "no shared object"
	run "$top/examples/policy-lottery.so"
	expect_status 1 "no function"
	expect_line 'faas_main' "no function"
	for option in --budget --limit; do
		for bad in '' 5 0ms -1ms x; do
			expect_usage $option $option="$bad" "$words"
		done
	done
	expect_usage --stack --stack=1 "$words"
	expect_usage functions
	STINT_POLICY=no-such-policy
	export STINT_POLICY
	run "$words"
	unset STINT_POLICY
	expect_status 1 "no such policy"
	expect_line 'cannot start a thread: .*no-such-policy' "no such policy"
	(cd "$functions" && ${STINT_RUN:-} ./faas faas-words.so=x) >"$dir/out" 2>&1
	status=$?
	expect_status 0 "a function named without its directory"
}

# on one worker and on more than there are CPUs; each mostly waits, and meanwhile the others do
for workers in 1 4; do
	beside test_together $workers
	beside test_wait $workers
done
beside test_alone
beside test_mistakes
besides
finish
