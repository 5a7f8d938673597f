#!/bin/sh
# Every source file in the tree is in the distribution: none was written and then forgotten in the lists.
. "${0%/*}/lib.sh"

cd "$top_builddir" || exit 99
${MAKE:-make} -s --no-print-directory print-distfiles | sed 's|^\./||' | sort -u >"$work/listed" ||
	error "make print-distfiles failed"

cd "$top_srcdir" || exit 99
for directory in include runtime sched tools tests examples bench doc; do
	[ -d "$directory" ] || continue
	find "$directory" \( -name '.*' -o -name _build \) -prune -o -type f \( -name '*.[chS]' -o -name '*.cc' -o \
		-name '*.def' -o -name '*.in' -o -name '*.sh' -o -name '*.mk' -o -name '*.supp' -o -name '*.[1-8]' -o \
		-name '*.md' -o -name '*.py' -o -name '*.png' \) -print
done | sort >"$work/present"
[ "$(wc -l <"$work/present")" -ge 30 ] || error "too few files found in $top_srcdir"

# made by the build, in a tree that is built where it lies
for made in doc/stint-interposition.7 examples/bomb.png examples/damaged.png; do
	echo "$made"
done | sort >"$work/made"
comm -23 "$work/present" "$work/listed" | comm -23 - "$work/made" >"$work/orphans"
[ -s "$work/orphans" ] && error "not in the distribution: $(tr '\n' ' ' <"$work/orphans")"
finish
