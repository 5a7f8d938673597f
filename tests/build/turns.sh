#!/bin/sh
# Tests that make starts at once run one after the other; the time that they may take begins with their turn; what they run through
# run-test again does not wait for it, and what they leave behind holds up nobody.
. "${0%/*}/lib.sh"

[ -n "${STINT_TEST_LOCK+set}" ] || error "make check sets no STINT_TEST_LOCK"
command -v flock >/dev/null || skip "no flock"
mkdir "$work/lock" "$work/bin"
flock "$work/lock" true || skip "no locks in $work"
run_test="/bin/sh $top_srcdir/tests/build/run-test"
STINT_TEST_LOCK=$work/lock
export STINT_TEST_LOCK
unset STINT_IN_TEST STINT_ASAN STINT_TSAN

# stands for timeout: what is said here has to be within a turn
cat >"$work/bin/timeout" <<END
#!/bin/sh
shift 3
mkdir "$work/turn" || echo "a turn within another"
echo "turn of \$*"
"\$@"
status=\$?
rmdir "$work/turn"
exit \$status
END
chmod +x "$work/bin/timeout"

# a turn long enough for the others to come into it, if they could
for i in 1 2 3 4 5; do
	PATH=$work/bin:$PATH $run_test sleep 0.$i >"$work/out-$i" 2>&1 &
done
wait
for i in 1 2 3 4 5; do
	[ "$(cat "$work/out-$i")" = "turn of sleep 0.$i" ] || error "test $i says: $(cat "$work/out-$i")"
done

# within one
PATH=$work/bin:$PATH $run_test $run_test echo inside >"$work/out" 2>&1
[ "$(sed 1d "$work/out")" = inside ] || error "a test within a test says: $(cat "$work/out")"

# what is left behind waits
mkfifo "$work/fifo"
$run_test /bin/sh -c 'read -r word <"$0" & exit 3' "$work/fifo"
[ $? = 3 ] || error "the status of the test is lost"
flock -n "$work/lock" true || error "what a test has left behind holds up the next"
echo done >"$work/fifo"

# a test that hangs
STINT_TEST_TIMEOUT=1 $run_test sleep 1000 2>"$work/err"
[ $? = 124 ] || error "a test that hangs is not ended"
grep -q 'more than 1 seconds' "$work/err" || error "it is not said that the test has hung: $(cat "$work/err")"
finish
