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

# keeping NAME COMMAND... - run it, which may be a function, with what $program still holds at its end noted under NAME; 1 if
# that cannot be had: a sanitizer's library would have to come first, and counts for itself
keeping() {
	[ -z "${STINT_ASAN:-}" ] && [ -e "$top/tests/examples/.libs/leftover.so" ] || return 1
	# a variable that has no way to name a path with a space
	[ -e "$dir/leftover.so" ] || cp "$top/tests/examples/.libs/leftover.so" "$dir/leftover.so"
	STINT_LEFTOVER=$dir/leftover.$1
	shift
	LD_PRELOAD=$dir/leftover.so
	GLIBC_TUNABLES=glibc.malloc.tcache_count=0      # or blocks in threads' caches count
	export STINT_LEFTOVER LD_PRELOAD GLIBC_TUNABLES
	"$@"
	unset STINT_LEFTOVER LD_PRELOAD GLIBC_TUNABLES
}

# expect_no_more LITTLE MUCH BYTES WHAT - a run that did much holds no more at its end than one that did little, but for so many
# bytes
expect_no_more() {
	little=$(sed -n "s/^${program##*/} //p" "$dir/leftover.$1")
	much=$(sed -n "s/^${program##*/} //p" "$dir/leftover.$2")
	if [ -z "$little" ] || [ -z "$much" ]; then
		fail "$4: what is left is not said"
	else
		[ ${much% *} -le $((${little% *} + $3)) ] || fail "$4: ${much% *} bytes are left, ${little% *} when little was done"
		[ ${much#* } -le ${little#* } ] || fail "$4: ${much#* } descriptors are left, ${little#* } when little was done"
	fi
}

# beside FUNCTION [WORKERS] - a part of the test, which goes on beside the others until besides
parts=
beside() {
	(
		dir=$dir/$1${2:-}
		mkdir "$dir" || exit 99
		[ $# -lt 2 ] || export STINT_WORKERS=$2
		$1 >"$dir/said"
		[ $failures -eq 0 ] || { echo "$*:" && cat "$dir/said" && false; }
	) &
	parts="$parts $!"
}

besides() {
	for part in $parts; do
		wait $part || failures=$((failures + 1))
	done
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
