# lib.sh - what the tests of the examples share; sourced, with $program set
#
# make check sets top_builddir and STINT_RUN.

top=${top_builddir:-.}
LC_ALL=C
export LC_ALL
# what the caller's shell sets is not what is tested here
unset STINT_WORKERS STINT_POLICY STINT_QUANTUM STINT_TRACE

dir=$(mktemp -d "${TMPDIR:-/tmp}/stint-example.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM
failures=0

fail() {
	failures=$((failures + 1))
	echo "FAIL: $*"
	tail -n 40 "$dir/out" | cut -c 1-200 | sed 's/^/    | /'
}

# run ARGUMENT... - output of both streams to $dir/out, exit status to $status
run() {
	${STINT_RUN:-} "$program" "$@" >"$dir/out" 2>&1
	status=$?
}

expect_status() {
	[ "$status" -eq "$1" ] || fail "$2: exit status $status, not $1"
}

expect_line() {
	grep -q -e "$1" "$dir/out" || fail "$2: no line matches '$1'"
}

expect_no_leak() {
	expect_line '^leaked: 0 bytes, 0 descriptors$' "$1"
}

# expect_usage WORD ARGUMENT... - refused with status 2 and a message that names WORD
expect_usage() {
	word=$1
	shift
	run "$@"
	expect_status 2 "${program##*/} $*"
	grep -q -e "$word" "$dir/out" || fail "${program##*/} $*: the message does not name $word"
}

finish() {
	[ $failures -eq 0 ] || exit 1
	exit 0
}
