#!/bin/sh
# Calls inside the library do not go through the search for names: a wrapper that calls another one reaches that one, whatever stands in
# front of the library. So no slot of the library's own may be bound to a function that it defines; see runtime/local.mk.
. "${0%/*}/lib.sh"

library=$top_builddir/.libs/libstint.so
$NM -D --defined-only "$library" >"$work/nm" || error "nm failed"
awk '$2 ~ /^[TWi]$/ { sub(/@.*/, "", $3); print $3 }' "$work/nm" | sort -u >"$work/defined"
[ "$(wc -l <"$work/defined")" -ge 1000 ] || error "too few functions found in $library"

# one line for each relocation that names a symbol
$READELF -rW "$library" >"$work/relocations" || error "readelf failed"
awk '$3 ~ /^R_/ && NF >= 5 { sub(/@.*/, "", $5); print $5 }' "$work/relocations" | sort -u >"$work/searched"
grep -qx dlsym "$work/searched" || error "no slot for dlsym, which is libc's: what readelf says was not understood"

comm -12 "$work/defined" "$work/searched" >"$work/own"
[ -s "$work/own" ] && error "defined by the library, and found by search:" $(cat "$work/own")
finish
