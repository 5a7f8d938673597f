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

failed=0
ran=0
for program in $unit $api; do
	case " $unit " in
	*" $program "*) path=$top_builddir/tests/unit/$program ;;
	*) path=$top_builddir/tests/api/$program ;;
	esac
	[ -x "$path" ] || continue
	ran=$((ran + 1))
	echo "== $program"
	# what is exec'ed or forked is not followed: children that are killed on purpose would be reported
	if ! "$VALGRIND" --quiet --error-exitcode=9 --child-silent-after-fork=yes --leak-check=no \
		--soname-synonyms=somalloc=nouserintercepts "$path"; then
		echo "$program failed under valgrind"
		failed=$((failed + 1))
	fi
done
echo "$ran programs, $failed failed"
[ "$ran" -gt 0 ] && [ "$failed" -eq 0 ]
