#!/bin/sh
# decode.sh - examples/decode: pictures come out identical however often they are stopped, a bomb is cancelled
# at its budget and gives back what it held, bad files and options are reported, and nothing leaks
#
# Exit status: 0 passed, 77 passed but for what needs real pictures (Debian package glmark2-data), 1 failed.
set -u
program=${top_builddir:-.}/examples/decode
. "${0%/*}/lib.sh"
bomb=$top/examples/bomb.png
pictures=/usr/share/glmark2/textures

# names and checksums of the completed files, from $dir/out
checksums() {
	awk '/ completed / && / checksum / { print $1, $NF }' "$dir/out"
}

# column NAME NUMBER - a column of the table row of the file NAME
column() {
	awk -v name="$1" -v number="$2" '$1 == name { print $number }' "$dir/out"
}

test_pictures() {
	run --checksum --slice 3600s --budget 3600s "$@"
	expect_status 0 "pictures, unstopped"
	checksums >"$dir/unstopped"
	[ "$(wc -l <"$dir/unstopped")" -eq $# ] || fail "pictures, unstopped: not $# checksums"
	for slice in 1ms 200us 100us; do
		run --checksum --slice $slice --budget 60s "$@"
		expect_status 0 "pictures, slices of $slice"
		expect_no_leak "pictures, slices of $slice"
		checksums >"$dir/stopped"
		cmp "$dir/unstopped" "$dir/stopped" ||
			fail "pictures, slices of $slice: other pixels than unstopped"
		[ "$(column asteroid-normal-map.png 7)" -gt 1 ] || fail "pictures: never stopped at $slice"
	done
}

# All at once, each with libraries of its own: the same pixels, and bombs among them are cancelled
test_private() {
	run --checksum --slice 3600s --budget 3600s "$@"
	checksums | sort >"$dir/unstopped"
	for slice in 1ms 100us; do
		run --private --checksum --slice $slice --budget 60s "$@"
		expect_status 0 "private, slices of $slice"
		expect_no_leak "private, slices of $slice"
		checksums | sort >"$dir/stopped"
		cmp "$dir/unstopped" "$dir/stopped" || fail "private, slices of $slice: other pixels than unstopped"
	done
	run --private --slice 1ms --budget 300ms "$bomb" "$1" "$bomb" "$1"
	expect_status 0 "private, with bombs"
	expect_no_leak "private, with bombs"
	expect_line '^files: 2 completed, 2 cancelled, 0 failed$' "private, with bombs"
}

# One picture five times over, then four bombs: what is pooled and reused must stay clean.
test_reuse() {
	file=$pictures/nasa1.png
	run --checksum --slice 200us --budget 60s $file $file $file $file $file
	expect_status 0 "reuse"
	expect_no_leak "reuse"
	[ "$(checksums | sort -u | wc -l)" -eq 1 ] || fail "reuse: one file, different pixels"
	run --slice 1ms --budget 20ms "$bomb" "$bomb" "$bomb" "$bomb"
	expect_status 0 "bombs"
	expect_no_leak "bombs"
	expect_line '^files: 0 completed, 4 cancelled, 0 failed$' "bombs"
}

test_bomb() {
	run --slice 1ms --budget 50ms "$bomb" "$dir/missing.png" "$bomb"
	expect_status 1 "bomb"
	expect_no_leak "bomb"
	expect_line '^bomb.png .* 20000x20000 *cancelled ' "bomb"
	expect_line '^bomb.png .* [0-9.]* MB, 1 fd given back$' "bomb"
	expect_line '^bomb.png .* [1-9][0-9]*\.[0-9] MB, ' "bomb: gave back less than 1 MB"
	expect_line '^files: 0 completed, 2 cancelled, 1 failed$' "bomb"
	column bomb.png 5 | awk '$1 < 50 { early = 1 } END { exit early || NR != 2 }' ||
		fail "bomb: stopped before its budget"
	column bomb.png 7 | awk '$1 < 2 { few = 1 } END { exit few || NR != 2 }' ||
		fail "bomb: cancelled in its first slice"
	expect_line '^heartbeat: [1-9][0-9]* beats, longest gap [0-9.]* ms$' "bomb"

	run --budget 50ms "$bomb"
	expect_status 0 "a bomb alone"
	run --private --slice 1ms --budget 50ms "$bomb" "$bomb" "$bomb"
	expect_status 0 "private bombs"
	expect_no_leak "private bombs"
	expect_line '^files: 0 completed, 3 cancelled, 0 failed$' "private bombs"
}

# Row by file: what is wrong with it, and what decode should say. The bomb serves as the healthy original.
test_bad_files() {
	: >"$dir/empty.png"
	echo "this is no picture, whatever its name says" >"$dir/text.png"
	head -c 10000 "$bomb" >"$dir/cut.png"
	head -c 20 "$bomb" >"$dir/header-cut.png"
	mkdir "$dir/folder.png"
	cp "$bomb" "$dir/flipped.png" && chmod u+w "$dir/flipped.png"
	printf '\252\125\252\125' | dd of="$dir/flipped.png" bs=1 seek=4000 conv=notrunc 2>/dev/null

	run --slice 1ms --budget 600s "$dir/missing.png" "$dir/empty.png" "$dir/text.png" "$dir/cut.png" \
		"$dir/header-cut.png" "$dir/folder.png" "$dir/flipped.png"
	expect_status 1 "bad files"
	expect_no_leak "bad files"
	expect_line '^missing.png .* failed .*No such file or directory$' "bad files"
	expect_line '^empty.png .* failed .*the file ends too early$' "bad files"
	expect_line '^text.png .* failed .*[Nn]ot a PNG file$' "bad files"
	expect_line '^cut.png .* failed .*the file ends too early$' "bad files"
	expect_line '^header-cut.png .* failed .*the file ends too early$' "bad files"
	expect_line '^folder.png .* failed .*Is a directory$' "bad files"
	expect_line '^flipped.png .* failed .* ms  *[^ ].*[a-z]$' "bad files"
	expect_line '^files: 0 completed, 0 cancelled, 7 failed$' "bad files"
	[ "$(wc -l <"$dir/out")" -eq 14 ] || fail "bad files: not one line each"
}

test_options() {
	for bad in '' 0ms -5ms 5 ms 5minutes 1e400s nan inf 0.1ns 99999999999s 5msx; do
		expect_usage --slice --slice "$bad" "$bomb"
		expect_usage --budget --budget="$bad" "$bomb"
	done
	for bad in '' 0 1 4095 -1 64Q 2048M 99999999999999999999; do
		expect_usage --stack --stack="$bad" "$bomb"
	done
	expect_usage files
	expect_usage no-such-option --no-such-option "$bomb"
	expect_usage slice "$bomb" --slice
	run --help
	expect_status 0 "decode --help"
	expect_line '--budget=TIME' "decode --help"
	for good in 200us 5ms 0.05s 20000000ns; do
		run --slice "$good" --budget "$good" --stack 128K "$bomb"
		expect_status 0 "a time of $good"
	done
}

test_bomb
test_bad_files
test_options
[ -f $pictures/asteroid-normal-map.png ] && {
	test_pictures $pictures/nasa1.png $pictures/nasa2.png $pictures/nasa3.png $pictures/crate-base.png \
		$pictures/asteroid-normal-map.png $pictures/jellyfish256.png
	test_reuse
	test_private $pictures/nasa1.png $pictures/nasa2.png $pictures/crate-base.png $pictures/asteroid-normal-map.png
}

[ $failures -ne 0 ] || [ -f $pictures/asteroid-normal-map.png ] || { echo "no real pictures: install glmark2-data"; exit 77; }
finish
