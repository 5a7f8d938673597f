#!/bin/sh
# trace.sh - STINT_TRACE: the file is what a trace viewer expects, and says what has happened
. "${0%/*}/../build/lib.sh"

command -v jq >/dev/null || skip "jq not found"
unset STINT_WORKERS STINT_POLICY STINT_QUANTUM STINT_TRACE STINT_TICK STINT_SIGNAL
trace=$work/trace.json

# traced COMMAND...
traced()
{
	STINT_TRACE=$trace timeout 120 $STINT_RUN "$@" >"$work/out" 2>&1 || error "$*: status $?: $(cat "$work/out")"
	jq empty "$trace" 2>"$work/messages" || { error "$1: no JSON: $(cat "$work/messages")"; finish; }
}

# holds FILTER WHAT - on the array of events, the filter is true
holds()
{
	[ "$(jq ".traceEvents | $1" "$trace" 2>&1)" = true ] || error "$2: $(jq -c ".traceEvents | $1" "$trace" 2>&1 | head -c 500)"
}

well_formed()
{
	holds 'all(.[]; .ph and .pid and .tid)' "$1: each event has a phase, a process, a track"
	holds 'all(.[] | select(.ph != "M"); .ts >= 0)' "$1: each has a time"
	holds 'all(.[] | select(.ph == "X"); .dur >= 0 and .args.thread > 0 and .name != "" and
		(.args.end | IN("preempted", "yields", "waits", "ends", "cancelled")))' "$1: stretches"
	holds 'all(.[] | select(.ph == "X" and .args.end == "waits"); .args.for != null)' "$1: what is waited for"
	holds 'all(.[] | select(.ph == "X"); (.args.end == "preempted") == (.args.why | IN("turn over", "displaced",
		"cancelled", "other policy", "relief over")))' "$1: why it was preempted"
	holds '[.[] | select(.ph == "X")] | group_by(.tid) | all(.[]; sort_by(.ts) |
		[.[:-1], .[1:]] | transpose | all(.[]; .[0].ts + .[0].dur <= .[1].ts + 0.0015))' \
		"$1: on one worker, one thread at a time"
	holds '[.[] | select(.ph == "s" or .ph == "f")] | group_by(.id) | all(.[];
		sort_by(.ts, .ph == "f") | [.[].ph] | join("") | test("^(sf)*s?$"))' "$1: each arrow has two ends"
	holds '[.[] | select(.ph == "M" and .name == "thread_name")] | length > 0' "$1: tracks have names"
}

# Hogs on one worker: they are preempted; and one that waits and has a name.
STINT_WORKERS=1 STINT_QUANTUM=1ms
export STINT_WORKERS STINT_QUANTUM
functions=$top_builddir/examples
traced "$functions/faas" --budget 20ms "$functions/faas-spin.so" "$functions/faas-spin.so" "$functions/faas-words.so=a b"
well_formed hogs
holds 'any(.[]; .ph == "X" and .args.end == "preempted")' "hogs: none was preempted"
holds '[.[] | select(.ph == "X" and .args.end == "ends") | .args.thread] | unique | length == 3' "hogs: three threads end"
holds '[.[] | select(.ph == "M" and .name == "thread_name") | .args.name] == ["worker 0"]' "hogs: one worker"

# On two workers: turns end, one that wakes up displaces, one that computes is cancelled, and who is idle takes from the other.
STINT_WORKERS=2
traced "$top_builddir/tests/tools/traced"
well_formed traced
for why in "turn over" displaced cancelled; do
	holds "any(.[]; .args.why == \"$why\")" "traced: nobody preempted: $why"
done
holds 'any(.[]; .name == "displaces" and .args.thread > 0 and .args.other > 0)' "traced: nobody displaces"
for track in 1 2; do
	holds "[.[] | select(.name == \"steals\" and .tid == $track)] | length > 0 and
		all(.[]; .args.thread > 0 and .args.other != $track - 1)" "traced: track $track takes from the other worker"
done
holds 'any(.[]; .name == "sleeps")' "traced: no worker sleeps"

# The last that a worker does is there, too: of three that a relief has run, and the one that it has run them for.
STINT_WORKERS=1 STINT_POLICY=fifo
export STINT_POLICY
traced "$top_builddir/tests/tools/traced" few
well_formed few
holds '[.[] | select(.ph == "X" and .args.end == "ends") | .args.thread] | unique | length == 3' "few: three threads end"
unset STINT_POLICY

# Stages that wait for each other, on two.
STINT_WORKERS=2
yes 'one two three four five six seven eight nine ten' | head -n 300 >"$work/text"
traced "$top_builddir/examples/04-pipeline" --depth 0 --splitters 3 "$work/text"
well_formed pipeline
for name in splitter counter; do
	holds "any(.[]; .ph == \"X\" and .name == \"$name\" and .args.end == \"waits\" and (.args.for | test(\"channel\")))" \
		"pipeline: no $name waits"
done

# More than a worker keeps: the oldest are gone, and what is left is well formed.
STINT_WORKERS=1
yes 'one two three four five six seven eight nine ten' | head -n 6000 >"$work/text"
traced "$top_builddir/examples/04-pipeline" --depth 0 --splitters 1 --counters 1 "$work/text"
events=$(wc -l <"$trace")
[ "$events" -gt 30000 ] && [ "$events" -le 140000 ] || error "$events events of many"

# A trace that cannot be written, or not to its end: it is said once, with the reason, and the program has ended as it would.
# breaks_off FILE WHY COMMAND...
breaks_off()
{
	file=$1 why=$2
	shift 2
	STINT_TRACE=$file timeout 60 "$@" >"$work/out" 2>"$work/messages" || error "trace to $file: status $?: $(cat "$work/messages")"
	[ "$(wc -l <"$work/messages")" -eq 1 ] && grep -q "^stint: STINT_TRACE=$file: .*$why\. [MG]" "$work/messages" ||
		error "trace to $file: $(cat "$work/messages")"
}

head -n 1000 "$work/text" >"$work/some"
pipeline="$top_builddir/examples/04-pipeline"
breaks_off /dev/full "after 0 bytes: No space left on device" $STINT_RUN "$pipeline" "$work/some"
breaks_off "$trace" "after 8192 bytes: File too large" sh -c 'ulimit -f 16 && "$@"' sh $STINT_RUN "$pipeline" "$work/some"
[ "$(wc -c <"$trace")" -eq 8192 ] || error "$(wc -c <"$trace") bytes of a trace that may have 8192"
mkfifo "$work/fifo"
: <"$work/fifo" &
breaks_off "$work/fifo" "Broken pipe" $STINT_RUN "$pipeline" "$work/some"
wait

STINT_TRACE=/no/such/directory/trace.json timeout 60 $STINT_RUN "$top_builddir/examples/04-pipeline" "$work/text" >"$work/out" 2>&1 &&
	error "a file that cannot be made: status 0"
grep -q 'STINT_TRACE=/no/such/directory/trace.json' "$work/out" || error "a file that cannot be made: $(cat "$work/out")"
finish
