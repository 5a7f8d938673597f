#!/bin/sh
# Plug-ins with broken tables are refused with a reason, and stint sim runs what is sound, from the command line.
. "${0%/*}/../build/lib.sh"

stint()
{
	$STINT_RUN "$top_builddir/stint" "$@"
}
command -v ${CC%% *} >/dev/null || skip "no compiler"

# NAME EDIT: a plug-in that is the lottery's code after an edit by sed; headers in $work/include come first
plugin()
{
	sed "$2" "$top_srcdir/examples/policy-lottery.c" >"$work/$1.c"
	cmp -s "$work/$1.c" "$top_srcdir/examples/policy-lottery.c" && error "$1: nothing was changed"
	$CC -std=c11 -shared -fPIC -I"$work/include" -I"$top_srcdir/include" -o "$work/$1.so" "$work/$1.c" ||
		error "$1 does not compile"
}

# NAME PATTERN: it is refused with status 2 and a message
refused()
{
	stint sim --policy "$work/$1.so" >"$work/out" 2>&1
	status=$?
	[ $status = 2 ] || error "$1: status $status"
	grep -q "^stint: .*$1\.so: .*$2" "$work/out" || error "$1: it says: $(cat "$work/out")"
}

plugin no-symbol 's/struct stint_policy stint_policy =/struct stint_policy other_name =/'
refused no-symbol 'no stint_policy'
plugin small 's/\.size = .*/.size = 40,/'
refused small 'size 40'
plugin flags 's/\.rq_size/.flags = 1u << 31, .rq_size/'
refused flags 'flags 0x80000000'
plugin nameless 's/\.name = .*/.name = "",/'
refused nameless 'no name'
for operation in spawn wakeup attach pick_next preempt yield balance slice tick; do
	plugin no-$operation "/^	\\.$operation = /d"
	refused no-$operation "lacks the operation $operation"
done
plugin huge 's/\.rq_size = .*/.rq_size = (size_t)1 << 40,/'
refused huge 'too large'

# compiled with a header that has one field more: refused when it is set
mkdir -p "$work/include/stint"
sed 's/^	void (\*yield_to)(.*/&\
	void *more;/' "$top_srcdir/include/stint/sched.h" >"$work/include/stint/sched.h"
plugin later 's/\.name/.more = (void *)8, .name/'
refused later 'later version'
plugin unset 's/\.name/.more = (void *)0, .name/'
stint sim --policy "$work/unset.so" --time 10ms >"$work/out" || error "unset: status $?"
rm -r "$work/include"

# without preemption it is sound
plugin no-turns '/^	\.slice = /d;/^	\.tick = /d'
stint sim --policy "$work/no-turns.so" --workload hogs >"$work/out" || error "no-turns: status $?"
grep -q '100\.00%' "$work/out" || error "no-turns: $(cat "$work/out")"

# the command: a file, all options, the same again, and mistakes
printf 'worker n=2 run=forever # two of them\n\nlight run=10us sleep=1ms weight=512\n' >"$work/load"
for policy in fair rr fifo prio edf mlfq lifo "$top_builddir/examples/policy-lottery.so"; do
	stint sim -p "$policy" -w "$work/load" -n 3 -q 500us -t 1s --seed=7 >"$work/out" || error "$policy: status $?"
	grep -q '^worker  *2  *66\.67% ' "$work/out" || error "$policy: $(cat "$work/out")"
	stint sim -p "$policy" -w "$work/load" -n 3 -q 500us -t 1s --seed=7 | cmp -s - "$work/out" ||
		error "$policy: not the same again"
done
stint sim --list >"$work/out" || error "--list: status $?"
sed -n '/^# mixed/,/^$/p' "$work/out" >"$work/mixed"
stint sim -w "$work/mixed" | sed 's|workload [^,]*,||' >"$work/from-file"
stint sim -w mixed | sed 's|workload [^,]*,||' | cmp -s - "$work/from-file" ||
	error "the workloads listed are not those that run"
for wrong in '--policy none' '--workload none' '--workers 0' '--workers x' '--quantum 5' '--quantum 0us' \
	'--time -1s' 'more' '--seed=-1'; do
	# shellcheck disable=SC2086
	stint sim $wrong >"$work/out" 2>&1
	status=$?
	[ $status = 2 ] || error "stint sim $wrong: status $status"
	[ -s "$work/out" ] || error "stint sim $wrong: no message"
done
printf 'x run=1us\ny run=1us nonsense=3\n' >"$work/load"
stint sim -w "$work/load" 2>&1 | grep -q 'line 2: nonsense=3' || error "a mistake in a workload is not named"
finish
