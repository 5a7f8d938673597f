#!/bin/sh
# pipeline.sh - examples/04-pipeline: counts as sort and uniq do, whatever the number of threads, the depth of the channels, the workers
# and the policy
set -u
program=${top_builddir:-.}/examples/04-pipeline
. "${0%/*}/lib.sh"

# text NUMBER SEED - that many words with what may stand between them
text() {
	awk -v n="$1" -v seed="$2" 'BEGIN {
		srand(seed)
		for (i = 0; i < n; i++) {
			word = ""
			for (l = int(rand() * rand() * 12); l >= 0; l--)
				word = word sprintf("%c", (rand() < 0.1 ? 65 : 97) + int(rand() * 26))
			printf "%s%s", word, rand() < 0.1 ? "\n" : rand() < 0.1 ? "--" : rand() < 0.1 ? "\303\244" : " "
		}
	}'
}

text 40000 1 >"$dir/one"
text 5000 2 >"$dir/two"
: >"$dir/empty"
printf '%s' "one two one" >"$dir/short"
echo '123 --- !' >"$dir/none"
# a word longer than what a splitter is given at a time, and one that begins where the next would
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "x"; for (i = 0; i < 40000; i++) printf " ab" }' >"$dir/long"

count() {
	cat "$@" | tr -cs A-Za-z '\n' | grep . | sort | uniq -c | sort -k1,1nr -k2
}

# expect_counts WHAT [OPTION]... - for the files in $files
expect_counts() {
	what=$1
	shift
	run "$@" $files
	expect_status 0 "$what"
	cmp -s "$dir/expected" "$dir/out" || fail "$what: other counts than uniq's"
}

files="$dir/one $dir/empty $dir/two"
cat "$dir/one" >"$dir/both"; echo >>"$dir/both"; cat "$dir/two" >>"$dir/both"
count "$dir/both" >"$dir/expected"
[ "$(wc -l <"$dir/expected")" -gt 1000 ] || fail "the text has too few words"
expect_counts "as it is"
for depth in 0 1 3 1000; do
	expect_counts "depth $depth" --depth $depth
done
expect_counts "one of each" --splitters 1 --counters 1 --depth 1
expect_counts "many of each" --splitters 200 --counters 300 --depth 2
for workers in 1 2 4 16; do
	STINT_WORKERS=$workers
	export STINT_WORKERS
	expect_counts "$workers workers"
	expect_counts "$workers workers, depth 0" --depth 0
done
STINT_WORKERS=2
STINT_QUANTUM=100us
export STINT_QUANTUM
for policy in fair rr fifo prio edf mlfq lifo "$(cd "$top" && pwd)/examples/policy-lottery.so"; do
	STINT_POLICY=$policy
	export STINT_POLICY
	expect_counts "policy $policy" --depth 4
done
unset STINT_WORKERS STINT_QUANTUM STINT_POLICY

head -n 7 "$dir/expected" >"$dir/seven" && mv "$dir/seven" "$dir/expected"
expect_counts "the first seven" --top 7
for files in "$dir/short" "$dir/none" "$dir/empty" "$dir/long"; do
	count $files >"$dir/expected"
	expect_counts "${files##*/}"
	expect_counts "${files##*/}, depth 0" --depth 0 --splitters 3
done

# the same threads, for a few words and for many
STINT_WORKERS=2
export STINT_WORKERS
if keeping few run "$dir/short" && keeping many run "$dir/one" "$dir/two" "$dir/one" && keeping missing run "$dir/one" "$dir/missing"; then
	expect_no_more few many 16384 "many words"
	expect_no_more few missing 16384 "a missing file"
fi
unset STINT_WORKERS

run "$dir/short" "$dir/missing" "$dir"
expect_status 1 "a missing file"
expect_line 'missing: No such file or directory$' "a missing file"
expect_line '^      2 one$' "a missing file: the others"
for option in --splitters --counters --top; do
	for bad in '' 0 -1 x 99999999999999999999; do
		expect_usage $option $option="$bad" "$dir/short"
	done
done
for bad in '' -1 x 1000001; do
	expect_usage --depth --depth="$bad" "$dir/short"
done
expect_usage files
STINT_POLICY=no-such-policy
export STINT_POLICY
run "$dir/short"
unset STINT_POLICY
expect_status 1 "no such policy"
expect_line 'no-such-policy' "no such policy"
${STINT_RUN:-} "$program" "$dir/short" >/dev/full 2>"$dir/out" && fail "a full disk: status 0"
expect_line 'No space left on device' "a full disk"
finish
