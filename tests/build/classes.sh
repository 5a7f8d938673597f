#!/bin/sh
# Every function that libc and ld.so export is in one class of the table of interposed functions, and every row is one of them.
#
# On another C library than the table was made for, this says what to look at; HACKING.md tells what to do then.
. "${0%/*}/lib.sh"

# Functions that came after glibc 2.34, the first that the library runs on: they may be missing from older ones. Name, version.
newer='
_dl_find_object 2.35
arc4random 2.36
arc4random_buf 2.36
arc4random_uniform 2.36
c8rtomb 2.36
fsconfig 2.36
fsmount 2.36
fsopen 2.36
fspick 2.36
mbrtoc8 2.36
mount_setattr 2.36
move_mount 2.36
open_tree 2.36
pidfd_getfd 2.36
pidfd_open 2.36
pidfd_send_signal 2.36
process_madvise 2.36
process_mrelease 2.36
'

library=$top_builddir/.libs/libstint.so
ldd "$library" >"$work/ldd" || error "ldd $library failed"
libc=$(awk '$1 == "libc.so.6" { print $3 }' "$work/ldd")
loader=$(awk '$1 ~ /\/ld-linux/ { print $1 }' "$work/ldd")
[ -r "$libc" ] && [ -r "$loader" ] || { error "no libc.so.6 or no ld.so for $library: $(cat "$work/ldd")"; finish; }
version=$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)
echo "$libc, $loader: glibc $version"

# functions, indirect ones included; versions of a name are one
$NM -D --defined-only "$libc" "$loader" | awk '$2 ~ /^[TWi]$/ { sub(/@.*/, "", $3); print $3 }' | sort -u >"$work/exported"
[ "$(wc -l <"$work/exported")" -ge 2000 ] || error "too few functions found in $libc"

table_rows >"$work/rows"
cut -d ' ' -f 2 "$work/rows" | sort >"$work/names"
[ "$(wc -l <"$work/names")" -ge 2000 ] || error "too few rows found in interpose/table.def"

for name in $(uniq -d "$work/names"); do
	error "in two classes: $(awk -v n="$name" '$2 == n { printf "%s %s  ", $1, n }' "$work/rows")"
done
sort -u -o "$work/names" "$work/names"

# a version as a number to compare
number()
{
	echo "$1" | awk -F . '{ print $1 * 1000 + $2 }'
}

comm -23 "$work/exported" "$work/names" >"$work/unknown"
if [ -s "$work/unknown" ]; then
	echo "exported by glibc $version, but in no class: add rows to runtime/interpose/table.def" >&2
	while read -r name; do
		error "    $name"
	done <"$work/unknown"
fi

# guard.c's are of the C++ library, which libc knows nothing of
comm -13 "$work/exported" "$work/names" | grep -v '^__cxa_guard_' >"$work/missing"
while read -r name; do
	since=$(echo "$newer" | awk -v n="$name" '$1 == n { print $2 }')
	if [ -n "$since" ] && [ "$(number "$since")" -gt "$(number "$version")" ]; then
		echo "not in glibc $version, but since $since: $name"
	else
		error "in the table, but not exported by glibc $version: $name"
	fi
done <"$work/missing"

# the manual page names them all
page=$top_builddir/doc/stint-interposition.7
grep -x '[A-Za-z_][A-Za-z0-9_]*' "$page" | sort -u >"$work/listed"
comm -23 "$work/names" "$work/listed" >"$work/unlisted"
[ -s "$work/unlisted" ] && error "not in $page:" $(cat "$work/unlisted")
finish
