#!/bin/sh
# demo.sh DECODE BOMB DAMAGED PICTURE... - show decode on real pictures, a decompression bomb and bad files
#
# DECODE is a command, perhaps of several words. DAMAGED is where a damaged copy of the first picture may be
# written. Exits 0 when all went as it should.
set -u

decode=$1 bomb=$2 damaged=$3
shift 3

missing_note() {
	echo "No pictures found. The demo uses those of the Debian package glmark2-data"
	echo "(apt-get install glmark2-data), or any others: make demo PICTURES=\"one.png two.png\""
}

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT INT TERM

# run STATUS ARGUMENT... - run decode, show what it prints; fails unless it exits with STATUS without a leak
run() {
	want=$1
	shift
	$decode "$@" >"$log" 2>&1
	got=$?
	cat "$log"
	[ "$got" -eq "$want" ] || { echo "demo: expected exit status $want, got $got"; return 1; }
	grep -q '^leaked: 0 bytes, 0 descriptors$' "$log"
}

pictures=0
for file do
	shift
	[ -f "$file" ] && set -- "$@" "$file" && pictures=$((pictures + 1))
done
if [ $pictures -eq 0 ]; then
	missing_note
	exit 1
fi

size=$(($(wc -c <"$bomb")))
cat <<END
--- 1. $pictures pictures and a decompression bomb
libpng decodes each file inside a preemptible call that runs for 1 ms at a time; in between, the main
thread has control: a beat of its heartbeat. $(basename "$bomb") is a file of $size bytes that unpacks to
20000 x 20000 pixels, 1.6 GB and seconds of work. Whatever has used up 300 ms is cancelled, and what
its decoder held is given back.

END
run 0 --slice 1ms --budget 300ms "$@" "$bomb" || exit 1
grep -q "^$(basename "$bomb") .* cancelled " "$log" || { echo "demo: the bomb was not stopped"; exit 1; }
[ "$(grep -c ' completed ' "$log")" -eq $pictures ] || { echo "demo: a picture was not completed"; exit 1; }

head -c $(($(wc -c <"$1") / 2)) "$1" >"$damaged" || exit 1
cat <<END

--- 2. Damaged and missing files are reported, and the rest goes on

END
run 1 --slice 1ms --budget 300ms "$damaged" no-such-file.png "$1" || exit 1
[ "$(grep -c ' completed ' "$log")" -eq 1 ] && [ "$(grep -c ' failed ' "$log")" -eq 2 ] || exit 1

cat <<END

demo: ok. $pictures pictures completed, the bomb was stopped at its budget, bad files were reported,
nothing leaked
END
