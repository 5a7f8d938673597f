#!/bin/sh
# Each public header compiles alone and twice over, as C11 and as C++17, without a warning.
. "${0%/*}/lib.sh"

try()
{
	if ! "$@" 2>"$work/messages" || [ -s "$work/messages" ]; then
		error "$*"
		cat "$work/messages" "$work/source" >&2
	fi
}

count=0
for header in "$top_srcdir"/include/*.h "$top_srcdir"/include/*/*.h; do
	name=${header#"$top_srcdir/include/"}
	printf '#include <%s>\n#include <%s>\nint there;\n' "$name" "$name" >"$work/source"
	count=$((count + 1))
	try $CC -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$top_srcdir/include" -fsyntax-only -x c "$work/source"
	if $CXX --version >/dev/null 2>&1; then
		try $CXX -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$top_srcdir/include" \
			-fsyntax-only -x c++ "$work/source"
	fi
done
[ "$count" -ge 4 ] || error "only $count headers found in $top_srcdir/include"
finish
