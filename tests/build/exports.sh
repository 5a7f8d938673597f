#!/bin/sh
# What the library exports is what the headers declare and the table of libc's names wraps, no more, no less.
. "${0%/*}/lib.sh"

header_names >"$work/headers"
table_names >"$work/table"
sort -u "$work/headers" "$work/table" >"$work/wanted"
[ "$(wc -l <"$work/headers")" -ge 16 ] || error "the headers declare too little: $(cat "$work/headers")"
[ -s "$work/table" ] || error "no names in interpose/table.def"
twice=$(table_rows | cut -d ' ' -f 2 | sort | uniq -d)
[ -z "$twice" ] || error "twice in the table:" $twice

$NM -D --defined-only "$top_builddir/.libs/libstint.so" >"$work/nm" || error "nm failed"
# under a sanitizer the compiler adds names of its own
awk '{ print $3 }' "$work/nm" | sed 's/@.*//' | grep -v -e '^__[au]san' -e '^__odr_asan' | sort -u >"$work/exported"
without_comments "$top_builddir/runtime/libstint.map" | sed -n 's/^[ 	]*\([a-z_A-Z0-9]*\);$/\1/p' |
	sort >"$work/map"

for pair in "wanted map" "wanted exported"; do
	set -- $pair
	comm -23 "$work/$1" "$work/$2" >"$work/less"
	comm -13 "$work/$1" "$work/$2" >"$work/more"
	[ -s "$work/less" ] && error "declared or in the table, but not $2: $(tr '\n' ' ' <"$work/less")"
	[ -s "$work/more" ] && error "$2, but neither declared nor in the table: $(tr '\n' ' ' <"$work/more")"
done
[ -s "$work/exported" ] || error "nothing is exported"

# ld.so lets only an unversioned malloc satisfy malloc@GLIBC_2.2.5, see libstint.map.in
grep '@' "$work/nm" >"$work/versioned" && error "versioned: $(cat "$work/versioned")"
finish
