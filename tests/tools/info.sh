#!/bin/sh
# info.sh - stint info tells what comes of the environment, for calls and for threads, or why it does not work
. "${0%/*}/../build/lib.sh"

stint()
{
	$STINT_RUN "$top_builddir/stint" "$@"
}
unset STINT_WORKERS STINT_POLICY STINT_QUANTUM STINT_TRACE STINT_TICK STINT_SIGNAL STINT_STACK

# info STATUS [VARIABLE=VALUE]...
info()
{
	expected=$1
	shift
	env "$@" $STINT_RUN "$top_builddir/stint" info >"$work/out" 2>&1
	status=$?
	[ $status = "$expected" ] || error "$*: status $status: $(cat "$work/out")"
}

# line NAME PATTERN
line()
{
	grep -q -e "^$1  *$2\$" "$work/out" || error "no line '$1 $2': $(cat "$work/out")"
}

info 0
line 'C library' 'glibc [0-9.]*'
line policies 'fair.* fifo.*'
line calls work
line 'default stack' '65536 bytes'
line 'preemption signal' SIGURG
line threads work
line workers '[1-9][0-9]*'
line quantum '[0-9.]* ms'
line policy fair
line 'ticks from' timer

info 0 STINT_WORKERS=3 STINT_QUANTUM=250us STINT_POLICY=mlfq STINT_STACK=128K STINT_SIGNAL=USR2
line workers 3
line quantum '0\.250 ms'
line policy mlfq
line 'default stack' '131072 bytes'
line 'preemption signal' SIGUSR2
info 0 STINT_POLICY="$top_builddir/examples/policy-lottery.so"
line policy lottery
info 0 STINT_TICK=peer
line 'ticks from' peer

for wrong in STINT_WORKERS=0 STINT_WORKERS=x STINT_WORKERS=257 STINT_QUANTUM=1ns STINT_QUANTUM=5 STINT_QUANTUM=11s \
	STINT_POLICY=no-such STINT_POLICY=/no/such.so STINT_TICK=clock STINT_TRACE=/no/such/file; do
	info 1 $wrong
	line calls work
	line threads "do not work: .*${wrong#*=}.*"
done
info 1 STINT_SIGNAL=KILL
line calls 'do not work: .*KILL.*'
grep -q '^threads' "$work/out" && error "threads although calls do not work"

stint info more >"$work/out" 2>&1
[ $? = 2 ] || error "an argument too many is taken"
finish
