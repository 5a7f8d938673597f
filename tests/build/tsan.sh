#!/bin/sh
# A program with ThreadSanitizer is told what is missing, or, with --enable-tsan and the library preloaded, has its races found, and
# none that there are not.
. "${0%/*}/lib.sh"

case $SANITIZE_FLAGS in
*address* | *undefined*) skip "the library has another sanitizer" ;;
esac
library=$top_builddir/.libs/libstint.so
cat >"$work/program.c" <<'END'
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <stint.h>

static stint_mutex_t lock = STINT_MUTEX_INIT;
static long counted;
static const char *how;

static void *count(void *arg)
{
	int locked = !strcmp(how, "locked");

	for (int i = 0; i < 1000; i++) {
		if (locked)
			stint_mutex_lock(&lock);
		counted++;
		if (locked)
			stint_mutex_unlock(&lock);
	}
	return arg;
}

static void *pauses(void *arg)
{
	++*(long *)arg;
	stint_pause();
	++*(long *)arg;
	return arg;
}

static int refused(const char *what, int err)
{
	printf("%s: %s. %s\n", what, strerror(err), stint_unsupported());
	return err == ENOTSUP ? 3 : 1;
}

static int call(void)
{
	long n = 0;
	stint_t *s = stint_launch(pauses, &n, STINT_FOREVER);

	if (!s)
		return refused("stint_launch", errno);
	n++;
	if (stint_resume(s, STINT_FOREVER) || n != 3)
		return 1;
	stint_free(s);
	return 0;
}

static int threads(void)
{
	stint_thread_t *t[3];

	for (int i = 0; i < 3; i++) {
		int err = stint_thread_create(&t[i], NULL, count, NULL);

		if (err)
			return refused("stint_thread_create", err);
	}
	for (int i = 0; i < 3; i++)
		stint_thread_join(t[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	how = argc > 1 ? argv[1] : "";
	return strcmp(how, "call") ? threads() : call();
}
END
# compiled COMPILER: true: the program is there, with the sanitizer
compiled()
{
	echo 'int main(void) { return 0; }' >"$work/nothing.c"
	"$@" -fsanitize=thread -o "$work/nothing" "$work/nothing.c" >"$work/log" 2>&1 && "$work/nothing" >"$work/log" 2>&1 &&
		"$@" -std=gnu11 -fsanitize=thread -g -I"$top_srcdir/include" -o "$work/program" "$work/program.c" \
			"$library" >"$work/log" 2>&1
}

# program STATUS PATTERN ARGUMENT: ends with STATUS, and what it says has PATTERN in it; PRELOAD: what is preloaded
program()
{
	LD_LIBRARY_PATH=${library%/*} LD_PRELOAD=$PRELOAD TSAN_OPTIONS=exitcode=66 "$work/program" "$3" >"$work/out" 2>&1
	status=$?
	[ $status = "$1" ] && (echo; cat "$work/out") | grep -q -- "$2" ||
		error "$compiler, preloaded '$PRELOAD': $3 ends with status $status: $(head -n 20 "$work/out")"
}

# all_refused WORD
all_refused()
{
	for what in call locked racy; do
		program 3 "$1" $what
	done
}

tried=0
for compiler in gcc clang; do
	if ! command -v $compiler >/dev/null || ! compiled $compiler; then
		echo "$compiler: no ThreadSanitizer here: $(head -n 3 "$work/log" 2>/dev/null)"
		continue
	fi
	tried=$((tried + 1))
	PRELOAD=
	if [ -z "$STINT_TSAN" ]; then
		all_refused enable-tsan
		PRELOAD=$library
		all_refused enable-tsan
	elif [ $compiler = gcc ]; then
		all_refused LD_PRELOAD
		PRELOAD=$library
		program 0 '^$' call
		program 0 '^$' locked
		program 66 'data race' racy
	fi
done
[ "$tried" -gt 0 ] || skip "no compiler with ThreadSanitizer, or it does not run here"
finish
