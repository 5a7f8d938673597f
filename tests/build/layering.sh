#!/bin/sh
# Who may include whom, who may define and call what: the rules of doc/architecture.md, "layers".
. "${0%/*}/lib.sh"

cd "$top_srcdir" || exit 99
: >"$work/wrong"

# The layer of a file of runtime/, lowest first. kthread.h and context.h are descriptions of data that the
# layers share; table.def is a list of names without meaning of its own.
layer()
{
	case $1 in
	runtime/arch/* | runtime/private.h | runtime/interpose/table.def) echo 0 ;;
	runtime/attr.h | runtime/complaint.h | runtime/sys.* | runtime/clock.* | runtime/settings.* | runtime/text.* | runtime/checker.h | runtime/fiber.h | runtime/spin.* | runtime/cpus.*) echo 1 ;;
	runtime/libset/image.* | runtime/libset/elf-file.*) echo 1 ;;
	runtime/context.h | runtime/kthread.h | runtime/ledger-types.h | runtime/timers.*) echo 2 ;;
	runtime/ledger*) echo 3 ;;
	runtime/tcb.* | runtime/stack.*) echo 4 ;;
	runtime/signals.* | runtime/guard.* | runtime/tick.*) echo 5 ;;
	runtime/kthread.c) echo 6 ;;
	runtime/preempt.*) echo 7 ;;
	runtime/call.* | runtime/init.* | runtime/policy.* | runtime/libset/*) echo 8 ;;
	runtime/thread.* | runtime/worker.* | runtime/runq.* | runtime/idle.* | runtime/even.* | runtime/rank.* | runtime/replace.* | runtime/monitor.* | runtime/relief.* | runtime/handoff.* | runtime/park.* | runtime/poller.* | runtime/watch.* | runtime/config.* | runtime/trace.* | runtime/stats.c | runtime/deadlock.*) echo 9 ;;
	runtime/sync/* | runtime/chan/*) echo 10 ;;
	runtime/interpose/*) echo 11 ;;
	*) echo "$1: belongs to no layer; name it in tests/build/layering.sh" >>"$work/wrong"; echo 12 ;;
	esac
}

# FILE: one line per #include, LINE:NAME, with quotes or brackets
includes()
{
	grep -n '^[ 	]*#[ 	]*include' "$1" | sed 's/[ 	]*#[ 	]*include[ 	]*//; s/[>"][^>"]*$/&/'
}

# FILE NAME: the path of what FILE includes as "NAME"
resolve()
{
	realpath -m --relative-to=. "${1%/*}/$2"
}

sources()
{
	find "$@" -type f -name '*.[chS]' | sort
}

for file in $(sources include); do
	includes "$file" | while IFS=: read -r line name; do
		case $name in
		'<stint/'*) ;;
		'<std'*'.h>' | '<time.h>' | '<errno.h>' | '<signal.h>' | '<pthread.h>' | '<sys/types.h>') ;;
		*) echo "$file:$line: includes $name; public headers include libc's and each other only" ;;
		esac
	done
done >>"$work/wrong"

for file in $(sources runtime); do
	own=$(layer "$file")
	includes "$file" | while IFS=: read -r line name; do
		case $name in
		\"*)
			name=${name#\"}
			target=$(resolve "$file" "${name%%\"*}")
			case $target in
			runtime/*) ;;
			*) echo "$file:$line: includes $target, which is outside runtime/" && continue ;;
			esac
			if [ ! -e "$target" ]; then
				echo "$file:$line: no such file: $target"
			elif [ "$(layer "$target")" -gt "$own" ]; then
				echo "$file:$line: includes $target, which is of a higher layer"
			fi ;;
		esac
	done
done >>"$work/wrong"

[ -d sched ] && for file in sched/*.c; do
	[ -e "$file" ] || continue
	includes "$file" | grep -v ':<stint/sched\.h>$' | sed "s|^|$file:|; s|\$|: policies include <stint/sched.h> only|"
done >>"$work/wrong"

[ -d sched/sim ] && for file in $(sources sched/sim); do
	includes "$file" | grep ':"' | grep -v ':"sim\.h"$' | sed "s|^|$file:|; s|\$|: the simulator includes libc, <stint/sched.h> and sim.h|"
done >>"$work/wrong"

# what only the architecture's directory may know
machine=$(sources include runtime tools; [ -d sched ] && sources sched)
for file in $machine; do
	case $file in
	runtime/arch/*) continue ;;
	esac
	without_comments "$file" | grep -nE '__x86_64__|__amd64__|REG_R[A-Z0-9]+|__builtin_ia32|asm(__)? *(volatile|__volatile__)? *\( *"[^"]' |
		sed "s|^|$file:|; s|\$|: machine-dependent, belongs in runtime/arch|"
done >>"$work/wrong"

# every wrapper is in interpose/; the rest neither defines libc's names nor calls those that we wrap
libc=$($CC -print-file-name=libc.so.6)
$NM -D --defined-only "$libc" | awk '$2 ~ /[TWiVuBDR]/ { print $3 }' | sed 's/@.*//' | sort -u >"$work/libc"
[ "$(wc -l <"$work/libc")" -ge 1000 ] || error "too few names found in $libc"
# These take no lock and hand out nothing; they are wrapped only so that a deadline is taken where they return.
table_names | grep -vx -e snprintf -e vsnprintf -e qsort >"$work/table"
cd "$top_builddir" || exit 99
find runtime sched \( -name 'libstint_core_la-*.o' -o -name 'libstint_libset_la-*.o' -o -path '*/arch/*' -name '*.o' \) -print >"$work/objects"
[ -s "$work/objects" ] || error "no objects found in $top_builddir/runtime"
while read -r object; do
	# vfork() cannot be written in C: only the machine's part of it is outside interpose/
	$NM -g --defined-only "$object" | awk '{ print $3 }' | grep -vx -e vfork -e __vfork | sort -u | comm -12 - "$work/libc" |
		sed "s|^|$object: defines a name of libc outside interpose/: |"
	$NM -u "$object" | awk '{ print $2 }' | sort -u | comm -12 - "$work/table" |
		sed "s|^|$object: calls our own wrapper, not libc through sys.h: |"
done <"$work/objects" >>"$work/wrong"

if [ -s "$work/wrong" ]; then
	sort -u "$work/wrong" >&2
	errors=$((errors + $(wc -l <"$work/wrong")))
fi
finish
