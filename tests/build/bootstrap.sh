#!/bin/sh
# ./bootstrap knows its jobs, hands options and variables to configure, and refuses the rest before it does anything.
# A copy runs in a directory where the tools note down what they are called with, and do nothing.
. "${0%/*}/lib.sh"

tree=$work/tree
calls=$work/calls
mkdir -p "$work/bin" "$tree/build-aux" || exit 99
cp "$top_srcdir/bootstrap" "$tree" || exit 99
for tool in bin/apt-get bin/autoreconf bin/make tree/configure; do
	cat >"$work/$tool" <<-END
	#!/bin/sh
	echo "\${0##*/} \$*" >>"$calls"
	[ "\${0##*/}" = configure ] && echo >Makefile && echo >config.status
	exit 0
	END
done
echo 'echo installed' >"$work/bin/dpkg-query"
chmod +x "$work"/bin/* "$tree/configure"

# bootstrap ARGUMENT...: from a tree that is not configured
bootstrap()
{
	rm -f "$calls" "$tree/Makefile" "$tree/config.status" "$tree/.bootstrap"
	touch "$calls" "$tree/Makefile.in" "$tree/build-aux/ltmain.sh" "$tree/configure.ac"
	touch "$tree/configure"
	PATH=$work/bin:$PATH "$tree/bootstrap" "$@" >"$work/out" 2>"$work/err"
}

# accepted CALL ARGUMENT...: CALL is a line that one of the tools has written
accepted()
{
	call=$1
	shift
	bootstrap "$@" || error "bootstrap $* fails: $(cat "$work/err")"
	grep -q -- "$call" "$calls" || error "bootstrap $*: no call like $call in: $(cat "$calls")"
}

refused()
{
	bootstrap "$@" && error "bootstrap $* is taken"
	[ -s "$calls" ] && error "bootstrap $*, which is wrong, ran: $(cat "$calls")"
	[ -e "$tree/.bootstrap" ] && error "bootstrap $* has left a configuration"
	for word in demo check bench configure --help; do
		grep -q -- "$word" "$work/err" || error "bootstrap $*: nothing about $word in: $(cat "$work/err")"
	done
}

accepted '^configure $'
accepted '^configure --enable-asan CC=clang$' --enable-asan CC=clang
accepted '^configure --prefix=/a b$' '--prefix=/a b'
accepted '^make check$' check
accepted '^configure --disable-asan$' check --disable-asan
accepted '^make -s demo$' demo
accepted '^make -s bench bench-http$' bench

refused build
grep -q "'build'" "$work/err" || error "it does not say which argument is wrong: $(cat "$work/err")"
refused check install
refused --enable-asan all
refused ''
refused =clang

bootstrap demo check && error "two jobs are taken"
[ -s "$calls" ] && error "with two jobs it ran: $(cat "$calls")"
for help in -h --help; do
	bootstrap $help || error "bootstrap $help fails"
	[ -s "$calls" ] && error "bootstrap $help ran: $(cat "$calls")"
	grep -q 'NAME=VALUE' "$work/out" || error "bootstrap $help does not say what goes to configure"
done
finish
