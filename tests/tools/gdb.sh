#!/bin/sh
# gdb.sh - stint-gdb.py in gdb: every call and thread is listed with its state, and the stack of each can be seen
. "${0%/*}/../build/lib.sh"

program=$top_builddir/tests/tools/standstill
[ -n "$GDB" ] || skip "gdb not found"
case $SANITIZE_FLAGS in
*address*) skip "not with AddressSanitizer" ;;
esac
$GDB -batch -nx -ex 'python import sys' >"$work/out" 2>&1 || skip "this gdb has no Python"
$READELF -S "$top_builddir/.libs/libstint.so" | grep -q '\.debug_info' || skip "built without debugging information"
unset STINT_WORKERS STINT_POLICY STINT_QUANTUM STINT_TRACE STINT_TICK STINT_SIGNAL

# debug COMMAND... - where the program stands still; its output to $work/out
debug()
{
	set -- "$@" end
	first=yes
	for command; do
		[ -z "$first" ] || set --
		first=
		[ "$command" = end ] || set -- "$@" -ex "$command"
	done
	timeout 120 "$GDB" -batch -nx -iex 'set debuginfod enabled off' -ex "source $top_srcdir/tools/stint-gdb.py" \
		-ex 'set width 0' -ex 'handle SIGURG nostop noprint pass' \
		-ex 'handle SIGSTOP SIGCONT nostop noprint nopass' -ex 'break checkpoint' -ex run "$@" "$program" \
		>"$work/out" 2>&1
}

expect()
{
	grep -q -e "$1" "$work/out" || { error "no line matches: $1"; cat "$work/out" >&2; }
}

# the stack that is listed under $1 has function $2
stack_has()
{
	sed -n "/^$1\$/,/arch_begin/p" "$work/out" | grep -q " $2 (" || error "the stack of $1 does not have $2()"
}

debug 'info stint' 'stint bt all'
if ! grep -q '^Breakpoint 1, \|hit Breakpoint 1' "$work/out"; then
	grep -q 'ptrace: Operation not permitted\|Could not trace' "$work/out" && skip "gdb may not trace here"
	cat "$work/out" >&2
	error "the program did not come to its checkpoint"
	finish
fi
expect '^call 0x[0-9a-f]*  *pauses  *pause_main()  paused$'
expect '^call 0x[0-9a-f]*  *computes  *hog_main()  timed out$'
expect '^call 0x[0-9a-f]*  *waiting  *return_main()  not started$'
expect '^call 0x[0-9a-f]*  *done  *return_main()  complete$'
expect '^thread [0-9]*  *sleeper  *sleep_main()  waits: a cancel, in a sleep without end$'
expect '^thread [0-9]*  *locker  *mutex_main()  waits: a mutex 0x[0-9a-f]*$'
expect '^thread [0-9]*  *receiver  *channel_main()  waits: receiving from a channel 0x[0-9a-f]*$'
expect '^thread [0-9]*  *joiner  *join_main()  waits: the end of a thread 0x[0-9a-f]*$'
nested=$(sed -n 's/^thread \([0-9]*\)  *nested .*/\1/p' "$work/out")
expect "^call 0x[0-9a-f]*  *-  *channel_main()  in thread $nested\$"
expect '^5 threads, 5 calls$'
number()
{
	sed -n "s/^thread \\([0-9]*\\)  *$1 .*/\\1/p" "$work/out"
}
stack_has 'call 0x[0-9a-f]* pauses' pauses_here
stack_has 'call 0x[0-9a-f]* pauses' pause_main
stack_has 'call 0x[0-9a-f]* computes' computes_here
stack_has "thread $(number sleeper) sleeper" sleeps_here
stack_has "thread $(number locker) locker" waits_for_mutex
stack_has "thread $(number receiver) receiver" waits_for_element
stack_has "thread $(number joiner) joiner" join_main
stack_has "thread $(number nested) nested" waits_for_element
grep -q '^#0 ' "$work/out" && error "a frame of the kernel thread is shown"
expect '^    it was not started$'
expect '^    it has ended$'

locker=$(number locker)
debug "stint bt $locker 1" 'stint bt 4711' 'stint bt' 'stint bt 0x1' 'bt'
expect "^thread $locker locker\$"
expect '^there is no thread or call 4711'
expect '^there is no thread or call 0x1'
expect '^which one?'
expect '^#0 .*checkpoint ('         # gdb's own is as before
grep -q ' mutex_main (' "$work/out" && error "bt's argument is ignored"
finish
