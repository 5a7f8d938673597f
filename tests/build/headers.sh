#!/bin/sh
# Each public header compiles alone and twice over, as C11 and as C++17, without a warning. Calls go without the stubs of the PLT where the
# compiler knows how.
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

printf '#include <stint.h>\nint unlock(stint_mutex_t *m);\nint unlock(stint_mutex_t *m)\n{\n\treturn stint_mutex_unlock(m);\n}\n' >"$work/source"
if printf '#if !__has_attribute(noplt)\n#error\n#endif\n' | $CC -fsyntax-only -x c - 2>/dev/null; then
	try $CC -std=c11 -O2 -fpie -I"$top_srcdir/include" -c -o "$work/call.o" -x c "$work/source"
	readelf -rW "$work/call.o" >"$work/relocations"
	grep -q 'GOTPC.* stint_mutex_unlock' "$work/relocations" || error "a call is not by the GOT: $(cat "$work/relocations")"
fi
[ "$count" -ge 4 ] || error "only $count headers found in $top_srcdir/include"
finish
