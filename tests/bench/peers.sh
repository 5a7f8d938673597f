#!/bin/sh
# The programs that measure threads: each prints what it was asked for, as a number that can be, and says what it cannot.
. "${0%/*}/../build/lib.sh"

peers=$top_builddir/bench/peers
tried=0
# They end without freeing what they measured with, and so does a library that one of them uses.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

# line NAME UNIT LEAST: the output has it, with a number of at least LEAST
line()
{
	awk -v name="$1" -v unit="$2" -v least="$3" '
		$1 == name && $2 ~ /^[0-9.e+]+$/ && $2 >= least && $3 == unit { found = 1 }
		END { exit !found }' "$work/out" || error "$program: no good line $1: $(cat "$work/out" "$work/err")"
}

run()
{
	wanted=$1
	shift
	$STINT_RUN "$program" "$@" >"$work/out" 2>"$work/err"
	status=$?
	[ $status = "$wanted" ] || error "$program $*: status $status, not $wanted: $(cat "$work/out" "$work/err")"
}

for program in "$peers"/threads-*; do
	[ -x "$program" ] || continue
	tried=$((tried + 1))
	for measurement in yield create mutex channel skynet fib; do
		run 0 "$measurement" 100
		line "$measurement" ns 0.1
	done
	run 0 blocked 50
	line blocked.count threads 50
	line blocked.create ns 0.1
	run 0 sleeper 3
	line sleeper ns 1
	line sleeper.count sleeps 1
	run 77 nonsense 100
	run 2 yield
	run 2 yield 0
	case $program in
	*-stint | *-go)         # others do not have as many threads at once as they would need, or take long
		for measurement in skynet.large fib.large; do
			run 0 "$measurement" 1 2
			line "$measurement" ns 0.1
		done ;;
	esac
	case $program in
	*-st) run 77 fib 100 2 ;;
	*)
		for measurement in channel skynet fib; do
			run 0 "$measurement" 100 2
			line "$measurement" ns 0.1
		done ;;
	esac
done
[ $tried -gt 0 ] || error "no program in $peers"
finish
