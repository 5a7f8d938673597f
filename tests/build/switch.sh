#!/bin/sh
# No register keeps a value across a switch (arch.h says so to the compiler): what a function had in one before, it
# loads again. With the registers that the compiler takes by itself, and with those of AVX-512 where it knows them.
. "${0%/*}/lib.sh"

cat >"$work/kept.c" <<'END'
#include <immintrin.h>
#include "arch/x86_64/arch.h"

int arch_user_tp;

#define ACROSS(name, type, class) \
type name(struct arch_context *save, const struct arch_context *to, type v); \
type name(struct arch_context *save, const struct arch_context *to, type v) \
{ \
	__asm__ volatile("#put %0" : "+" class(v)); \
	arch_switch(save, to); \
	__asm__ volatile("#get %0" : "+" class(v)); \
	return v; \
}
ACROSS(general, long, "r")
ACROSS(vector, __m128, "x")
ACROSS(x87, long double, "t")
#ifdef __AVX512BW__
ACROSS(wide, __m512i, "v")
ACROSS(mask, __mmask64, "k")
#endif
END

# values that are asked for in a register after the switch, and were not loaded into it again; rbp is switched
cat >"$work/kept.awk" <<'END_OF_AWK'
/#put /	{ put++; loaded = "" }                 # loaded: into what, since the jump that is the switch
/jmpq?[ \t]+\*/	{ loaded = " " }
!/#get / { sub(/[ \t]*#.*/, "") }
loaded != "" && /^[ \t]*[a-z]/ { loaded = loaded $NF " " }
loaded != "" && /^[ \t]*fldt/ { loaded = loaded "%st " }
/#get /	{
	get++
	if ($2 != "%rbp" && !index(loaded, " " $2 " "))
		print $2 " is kept"
}
END	{ if (get != put || get < least) print get " of " put " values found, not " least }
END_OF_AWK

# LEAST FLAG...: at least so many values
compiled()
{
	least=$1
	shift
	$CC -std=gnu11 -w -I"$top_srcdir/runtime" -fPIC "$@" -S -o "$work/kept.s" "$work/kept.c" || { error "$*: does not compile"; return; }
	awk -v least="$least" -f "$work/kept.awk" "$work/kept.s" >"$work/wrong"
	[ -s "$work/wrong" ] && error "$*: $(cat "$work/wrong")"
}

for level in -O2 -O3 '-O2 -fno-omit-frame-pointer'; do
	compiled 3 $level
	$CC -mavx512bw -fsyntax-only -x c /dev/null 2>/dev/null && compiled 5 $level -mavx512bw
done
finish
