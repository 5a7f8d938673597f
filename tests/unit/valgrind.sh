#!/bin/sh
# valgrind.sh - the unit tests and some of the API programs under valgrind's memcheck
#
# The library tells valgrind of its stacks, and switches by a system call where valgrind runs. nouserintercepts: or valgrind
# would put its own malloc in place of our wrappers, and calls would keep no account of the heap.

unit="test_clock test_heap test_ledger test_settings test_stack test_tcb test_text test_tick"
api="defer keep misuse pause usage"

if [ -z "$VALGRIND" ]; then
	echo "valgrind not found"
	exit 77
fi
case $SANITIZE_FLAGS in
*-fsanitize*)
	echo "not together with a sanitizer"
	exit 77
	;;
esac

# One that is too old for what this compiler says of the library gives up before it runs anything.
if "$VALGRIND" --quiet "$top_builddir/tests/api/pause" 2>&1 | grep -q "Valgrind: I can't recover"; then
	echo "valgrind does not understand this compiler's debugging information"
	exit 77
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/stint-valgrind.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM

# What is exec'ed or forked is not followed: children that are killed on purpose would be reported.
checked()
{
	"$VALGRIND" --quiet --error-exitcode=9 --child-silent-after-fork=yes --leak-check=no \
		--soname-synonyms=somalloc=nouserintercepts "$1" >"$2" 2>&1 || echo "${1##*/} failed under valgrind: status $?" >>"$2-failed"
}

# all at once: valgrind lets a program have one CPU
ran=0
for program in $unit $api; do
	case " $unit " in
	*" $program "*) path=$top_builddir/tests/unit/$program ;;
	*) path=$top_builddir/tests/api/$program ;;
	esac
	[ -x "$path" ] || continue
	ran=$((ran + 1))
	checked "$path" "$dir/$program" &
done
wait
for program in $unit $api; do
	[ -e "$dir/$program" ] && echo "== $program" && cat "$dir/$program"
done
cat "$dir"/*-failed 2>/dev/null
failed=$(ls "$dir" | grep -c failed)
echo "$ran programs, $failed failed"
[ "$ran" -gt 0 ] && [ "$failed" -eq 0 ]
