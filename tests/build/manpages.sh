#!/bin/sh
# Every public function has a manual page, every page is clean, every example in them compiles, and the first program
# of README.md is doc/first.c, which runs.
. "${0%/*}/lib.sh"

doc=$top_srcdir/doc
made=$top_builddir/doc/stint-interposition.7

header_names >"$work/functions"
[ "$(wc -l <"$work/functions")" -ge 16 ] || error "too few functions found in the headers"

# a page, or one line that refers to the page that names the function
while read -r function; do
	page=$doc/$function.3
	[ -s "$page" ] || { error "no manual page doc/$function.3"; continue; }
	real=$(sed -n '1s|^\.so man3/||p' "$page")
	page=$doc/${real:-$function.3}
	[ -s "$page" ] || { error "doc/$function.3 refers to a page that is not there: $real"; continue; }
	sed -n '/^\.SH NAME/{n;p;}' "$page" | grep -q "\<$function\>" || error "$page: NAME does not have $function"
	sed -n '/^\.SH SYNOPSIS/,/^\.SH DESC/p' "$page" | grep -q "$function(" ||
		error "$page: SYNOPSIS does not have $function"
done <"$work/functions"

# no page for what is neither a function nor a structure, and all parts in each
for page in "$doc"/*.3; do
	name=$(basename "$page" .3)
	parts="NAME SYNOPSIS DESCRIPTION EXAMPLES"
	if grep -qx "$name" "$work/functions"; then
		grep -q '^\.so ' "$page" && continue
		parts="$parts RETURN~VALUE ERRORS CONTEXT"
	elif ! grep -hq "^struct $name {" "$top_srcdir"/include/stint/*.h; then
		error "$page: no public function or structure of that name"
	fi
	for part in $parts SEE~ALSO; do
		grep -qx "\.SH $(echo "$part" | tr '~' ' ')" "$page" || error "$page: no section $part"
	done
done

# every .BR stint_x (n) leads somewhere
grep -ho '\<stint[-\\a-z_]* ([137])' "$doc"/*.[137] "$made" | tr -d ' ()\\' | sort -u | sed 's/.$/.&/' >"$work/references"
while read -r reference; do
	[ -s "$doc/$reference" ] || [ "${made##*/}" = "$reference" ] || error "a page refers to $reference, which is not there"
done <"$work/references"

version=$(sed -n 's/^#define STINT_VERSION "\(.*\)"/\1/p' "$top_srcdir/include/stint/version.h")
if command -v groff >/dev/null; then
	for page in "$doc"/*.[137] "$made"; do
		grep -q '^\.so ' "$page" && continue
		grep -q "^\.TH [-A-Z_]* [137] \"[-0-9]*\" \"stint $version\" \"stint\"\$" "$page" ||
			error "$page: the first line should name stint $version"
		groff -t -man -Tutf8 -ww -z "$page" >"$work/messages" 2>&1
		[ -s "$work/messages" ] && error "$page: $(cat "$work/messages")"
	done
fi

# the examples: what stands between .EX and .EE
for page in "$doc"/*.3; do
	rm -f "$work"/example-*.c
	awk -v out="$work/example-" '
		/^\.EX/ { inside = 1; n++; next }
		/^\.EE/ { inside = 0 }
		inside { print > (out n ".c") }' "$page"
	for example in "$work"/example-*.c; do
		[ -e "$example" ] || continue
		sed 's/\\e/\\/g; s/\\-/-/g; s/^\\&//' "$example" >"$work/example.c"
		$CC -std=gnu11 -Wall -Wextra -Werror -I"$top_srcdir/include" -fsyntax-only "$work/example.c" ||
			error "$page: an example does not compile"
	done
done

# the programs in the README, in order: NAME, and what each line that it says looks like
program=0
for each in 'first ^after_[12]0_ms:_[0-9]*$' 'threads ^answer:_42$|^hogs_ended:_10$'; do
	name=${each% *}
	lines=$(echo "${each#* }" | tr _ ' ')
	program=$((program + 1))
	awk -v wanted=$program '/^```c$/ { inside = 1; n++; next } /^```$/ { inside = 0 } inside && n == wanted' \
		"$top_srcdir/README.md" >"$work/readme.c"
	cmp "$work/readme.c" "$doc/$name.c" || error "program $program in README.md is not doc/$name.c"
	$CC -std=c11 -Wall -Wextra -Wpedantic -Werror $SANITIZE_FLAGS -I"$top_srcdir/include" -o "$work/$name" \
		"$doc/$name.c" "$top_builddir/.libs/libstint.so" || { error "doc/$name.c does not compile"; continue; }
	LD_LIBRARY_PATH=$top_builddir/.libs $STINT_RUN "$work/$name" >"$work/out" || error "doc/$name.c does not run"
	[ "$(wc -l <"$work/out")" = 2 ] && [ "$(grep -cE "$lines" "$work/out")" = 2 ] ||
		error "doc/$name.c says: $(cat "$work/out")"
done
finish
