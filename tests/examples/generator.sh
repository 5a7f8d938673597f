#!/bin/sh
# generator.sh - examples/03-generator: merges as sort -m does, ends in the middle of files, and leaks nothing
set -u
program=${top_builddir:-.}/examples/03-generator
. "${0%/*}/lib.sh"

# words NUMBER SEED - that many, repeatable, unsorted
words() {
	awk -v n="$1" -v seed="$2" 'BEGIN {
		srand(seed)
		for (i = 0; i < n; i++) {
			word = ""
			for (l = int(rand() * 9); l >= 0; l--)
				word = word sprintf("%c", 97 + int(rand() * 26))
			print word
		}
	}'
}

words 3000 1 | sort >"$dir/one"
words 2000 2 | sort >"$dir/two"
words 1 3 >"$dir/three"
: >"$dir/empty"
printf 'aa\nmm\nzzzzzzzzzz' >"$dir/cut"         # no newline at the end
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "x"; print "" }' >"$dir/long"

# expect_merged FILE... - as sort does it
expect_merged() {
	sort -m "$@" >"$dir/expected"
	run "$@"
	expect_status 0 "merging $*"
	cmp "$dir/expected" "$dir/out" || failures=$((failures + 1))
}

expect_merged "$dir/one"
expect_merged "$dir/one" "$dir/two" "$dir/three" "$dir/empty" "$dir/cut" "$dir/long"
expect_merged "$dir/one" "$dir/one" "$dir/one"
expect_merged "$dir/empty"

# so many that each holds a stream at once
set --
for i in $(seq 300); do
	words 20 "$i" | sort >"$dir/many-$i"
	set -- "$@" "$dir/many-$i"
done
expect_merged "$@"

# the account: nothing unfinished, then all of them, then one that has ended
run --account "$dir/one" "$dir/two"
expect_status 0 "account"
expect_line '^unfinished: 0, which held 0 blocks, 0 descriptors$' "account"
expect_no_leak "account"
for n in 0 1 1000; do
	sort -m "$dir/one" "$dir/two" | head -n $n >"$dir/expected"
	run --account --lines $n "$dir/one" "$dir/two"
	expect_status 0 "$n lines"
	expect_no_leak "$n lines"
	expect_line '^unfinished: 2, which held [2-9] blocks, 2 descriptors$' "$n lines"
	grep -v ' ' "$dir/out" | cmp - "$dir/expected" || fail "$n lines: others than sort's"
done
run --account -n 2500 "$dir/one" "$dir/empty" "$dir/missing"
expect_status 1 "a missing file"
expect_line 'missing: No such file or directory$' "a missing file"
expect_line '^unfinished: 1, which' "a missing file"
expect_no_leak "a missing file"
run "$dir"
expect_status 1 "a directory"
expect_line 'Is a directory$' "a directory"

for bad in '' -1 x 5x ' 5' 99999999999999999999; do
	expect_usage --lines --lines="$bad" "$dir/one"
done
expect_usage files
expect_usage no-such-option --no-such-option "$dir/one"
run --help
expect_status 0 "--help"
${STINT_RUN:-} "$program" "$dir/one" >/dev/full 2>"$dir/out" && fail "a full disk: status 0"
expect_line 'No space left on device' "a full disk"
finish
