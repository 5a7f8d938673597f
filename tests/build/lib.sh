# lib.sh - what the build tests share; sourced
#
# make check sets srcdir, top_srcdir, top_builddir, CC, CXX, CPP, NM, MAKE, PKG_CONFIG, SANITIZE_FLAGS.

: "${top_srcdir:?run me from make check}" "${top_builddir:?run me from make check}"
LC_ALL=C
export LC_ALL
# The make that runs us passes its flags and variables on; the commands here are on their own.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR
errors=0

work=$(mktemp -d "${TMPDIR:-/tmp}/stint-build.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP INT TERM

error()
{
	echo "$*" >&2
	errors=$((errors + 1))
}

skip()
{
	echo "skipped: $*"
	exit 77
}

finish()
{
	[ "$errors" = 0 ] && exit 0
	echo "$errors errors" >&2
	exit 1
}

# what stands in comments removed, lines kept
without_comments()
{
	awk '{
		line = $0
		out = ""
		while (line != "") {
			if (inside) {
				i = index(line, "*/")
				if (!i)
					break
				line = substr(line, i + 2)
				inside = 0
				continue
			}
			i = index(line, "/*")
			if (!i) {
				out = out line
				break
			}
			out = out substr(line, 1, i - 1) " "
			line = substr(line, i + 2)
			inside = 1
		}
		print out
	}' "$1"
}

# names of libc's that we define, through the preprocessor (the map is made with awk: each checks the other)
table_names()
{
	cat >"$work/names.c" <<-END
	#define WRAPPED_FN(name, family) =name
	#include "$top_srcdir/runtime/interpose/table.def"
	END
	$CPP -P "$work/names.c" | tr '= ' '\n\n' | grep . | sort
}

# CLASS NAME, a line for each row of the table, wrapped or not
table_rows()
{
	classes="LOCKED STATIC BLOCKING ACQUIRING SPECIAL FORBIDDEN PURE SYSCALL BRIEF INTERNAL"
	for class in $classes; do
		echo "#define ${class}_FN(name, family) =$class:name"
	done >"$work/rows.c"
	echo "#include \"$top_srcdir/runtime/interpose/table.def\"" >>"$work/rows.c"
	$CPP -P "$work/rows.c" | tr -d ' ' | tr '=' '\n' | grep . | tr ':' ' ' | sort -k 2
}

# the functions that the public headers declare
header_names()
{
	for header in "$top_srcdir"/include/*.h "$top_srcdir"/include/*/*.h; do
		without_comments "$header" | sed '/^#/d' | tr '\n' ' ' | tr ';' '\n' |
			sed -n 's/^.*STINT_API[^(]*[ *]\(stint_[a-z0-9_]*\)(.*/\1/p'
	done | sort -u
}
