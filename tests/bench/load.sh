#!/bin/sh
# The load generator against a server: it sends what was asked for, every answer comes, and what fails is counted.
. "${0%/*}/../build/lib.sh"

load=$top_builddir/bench/load
serve=$top_builddir/bench/peers/httpd-nptl
[ -x "$load" ] && [ -x "$serve" ] || error "not built: $load, $serve"

"$serve" 0 >"$work/port" &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
tries=0
until [ -s "$work/port" ]; do
	tries=$((tries + 1))
	[ $tries -le 100 ] || { error "no port printed"; finish; }
	sleep 0.1
done
port=$(sed -n 1p "$work/port")

# value KEY: of the last run
value()
{
	sed -n "s/^$1=//p" "$work/out"
}

# run STATUS OPTION...
run()
{
	wanted=$1
	shift
	"$load" --terse "$@" >"$work/out" 2>"$work/err"
	status=$?
	[ $status = "$wanted" ] || error "load $*: status $status, not $wanted: $(cat "$work/out" "$work/err")"
}

# holds WHAT EXPRESSION: with the values put in, in awk
holds()
{
	awk "BEGIN { exit !($2) }" || error "$1: not true: $2"
}

# Due are 500 in half a second; the gaps are random, but by the seed the same each time. A slow machine answers later, not less.
run 0 --grace 60 -r 1000 -d 0.5 -w 0.1 -c 8 --burn-share 10 --burn-us 100 --sleep "$port"
plain=$(value plain.n) burn=$(value burn.n)
holds "requests due" "$plain + $burn > 400 && $plain + $burn < 600"
holds "share of burns" "$burn > 20 && $burn < 100"
holds "a burn takes its time" "$(value burn.p50) > 50"
for count in refused broken wrong unanswered; do
	holds "$count" "$(value $count) == 0"
done
run 0 --grace 60 -r 1000 -d 0.5 -w 0.1 -c 8 --burn-share 10 --burn-us 100 --sleep "$port"
holds "the same again" "$(value plain.n) == $plain && $(value burn.n) == $burn"

# One connection that is burning for 50 ms: those due meanwhile wait, and that time is theirs.
run 0 --grace 60 -r 200 -d 1 -w 0 -c 1 --burn-share 5 --burn-us 50000 --even --sleep "$port"
holds "what waits counts from when it was due" "$(value plain.p90) > 10000"

run 0 --grace 60 -d 0.5 -w 0.1 -c 4 --sleep "$port"
holds "answers, saturated" "$(value plain.n) > 4 && $(value burn.n) == 0"

# The server ends in the middle: that is told, and no number of answers is made up for it.
(sleep 0.5; kill $server) &
run 1 --grace 0 -r 500 -d 1.5 -w 0 -c 4 --sleep "$port"
holds "requests that came to nothing" "$(value refused) > 0 && $(value unanswered) > 100"
wait
run 2 -d 0.5 "$port"
finish
