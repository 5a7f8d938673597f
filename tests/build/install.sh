#!/bin/sh
# The installed tree is complete and usable: headers, library, pkg-config file, command, manual pages.
. "${0%/*}/lib.sh"

stage=$work/stage
prefix=/opt/some-stint
quiet_make()
{
	(cd "$top_builddir" && ${MAKE:-make} -s --no-print-directory "$@" >"$work/log" 2>&1) && return
	cat "$work/log" >&2
	error "failed: make $*"
	finish
}

# staged, into a prefix other than the configured one
quiet_make install prefix=$prefix DESTDIR="$stage"
for header in "$top_srcdir"/include/*.h "$top_srcdir"/include/*/*.h; do
	name=${header#"$top_srcdir/"}
	cmp "$header" "$stage$prefix/$name" || error "not installed: $name"
done
for page in stint.1 stint.7 stint_launch.3 stint_cancel.3; do
	[ -e "$stage$prefix/share/man/man${page##*.}/$page" ] || error "no manual page $page"
done
[ -h "$stage$prefix/lib/libstint.so" ] || error "libstint.so is not a link to a version"
$READELF -d "$stage$prefix/lib/libstint.so" | grep -q 'SONAME.*\[libstint\.so\.[0-9][0-9]*\]' ||
	error "no versioned soname"
$READELF -d "$stage$prefix/lib/libstint.so" | grep -E 'RPATH|RUNPATH' && error "the library has a run path"
grep -rl "$stage" "$stage$prefix" && error "the staging directory is named in what was installed"
grep -l "$top_builddir" "$stage$prefix/lib/pkgconfig/stint.pc" && error "the build directory is named in stint.pc"

# what pkg-config says, without the system's own directories
flags()
{
	PKG_CONFIG_LIBDIR="$stage$prefix/lib/pkgconfig" PKG_CONFIG_PATH='' PKG_CONFIG_SYSROOT_DIR="$stage" \
		$PKG_CONFIG "$@" stint
}
cat >"$work/use.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <stint.h>

static void *answer(void *arg)
{
	*(int *)arg = 42;
	return arg;
}

int main(void)
{
	int n = 0;
	stint_t *s;

	if (strcmp(stint_version(), STINT_VERSION)) {
		fprintf(stderr, "library %s, headers %s\n", stint_version(), STINT_VERSION);
		return 1;
	}
	if (stint_unsupported()) {
		printf("skipped: %s\n", stint_unsupported());
		return 77;
	}
	s = stint_launch(answer, &n, STINT_S(60));
	if (!s || !stint_is_complete(s) || stint_result(s) != &n || n != 42) {
		fprintf(stderr, "the call did not complete\n");
		return 1;
	}
	stint_free(s);
	return 0;
}
END
status=0
version=$(sed -n 's/^#define STINT_VERSION "\(.*\)"/\1/p' "$top_srcdir/include/stint/version.h")
if [ -n "$version" ] && [ "$(flags --modversion)" = "$version" ]; then
	if $CC $SANITIZE_FLAGS -o "$work/use" "$work/use.c" $(flags --cflags --libs); then
		LD_LIBRARY_PATH=$stage$prefix/lib "$work/use"
		status=$?
		case $status in
		0 | 77) ;;
		*) error "the program ended with status $status" ;;
		esac
	else
		error "a program does not compile with: $(flags --cflags --libs)"
	fi
else
	error "stint.pc is missing or does not name version $version"
fi

$READELF -d "$stage$prefix/bin/stint" | grep -q "RUNPATH.*\[$prefix/lib\]" ||
	error "the command does not look for its library in $prefix/lib"

quiet_make uninstall prefix=$prefix DESTDIR="$stage"
left=$(find "$stage" ! -type d)
[ -z "$left" ] || error "left by make uninstall: $left"

# not staged: the command finds its library by itself
quiet_make install prefix="$work/inst"
out=$(env -u LD_LIBRARY_PATH "$work/inst/bin/stint" --version) || error "the installed stint does not run"
[ "$out" = "stint $version" ] || error "stint --version says: $out"
"$work/inst/bin/stint" no-such-command 2>/dev/null
[ $? = 2 ] || error "stint no-such-command does not end with status 2"
quiet_make uninstall prefix="$work/inst"
left=$(find "$work/inst" ! -type d)
[ -z "$left" ] || error "left by make uninstall: $left"

[ "$errors" = 0 ] && [ "$status" = 77 ] && exit 77
finish
