#!/bin/sh
# httpd.sh - examples/httpd: HTTP said whole, in pieces, pipelined and wrong; many at once; requests that compute for long hold up
# nobody; no answer is lost; an orderly end; and no connection is left open
set -u
program=${top_builddir:-.}/examples/httpd
. "${0%/*}/lib.sh"
converse=$top/tests/examples/converse
server=

# start ARGUMENT... - a server on any port: sets $server, its process, and $port. Where the machine has much else to do, or stands
# still, its answers take longer than the grace that it has unless told otherwise.
start() {
	: >"$dir/log"
	${STINT_RUN:-} "$program" --grace 1000s "$@" 0 >"$dir/log" 2>&1 &
	server=$!
	tries=0
	port=
	while [ -z "$port" ] && [ $tries -lt 200 ] && kill -0 $server 2>/dev/null; do
		sleep 0.05
		tries=$((tries + 1))
		port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' "$dir/log")
	done
	[ -n "$port" ] && return
	cp "$dir/log" "$dir/out"
	fail "httpd $* does not start"
	kill -9 $server 2>/dev/null
	exit 1
}

# end STATUS WHAT - ask it to end, and see how it does
end() {
	kill -TERM $server
	ended "$@"
}

# ended STATUS WHAT - it has been asked to
ended() {
	wait $server
	status=$?
	server=
	cp "$dir/log" "$dir/out"
	expect_status "$1" "$2: the server"
}
trap '[ -n "$server" ] && kill -9 $server 2>/dev/null; rm -rf "$dir"' EXIT

# say OPTION... - stdin to the server, what it answers to $dir/out
say() {
	timeout 60 "$converse" "$@" $port >"$dir/out" 2>"$dir/errors" || fail "converse $*: status $?: $(cat "$dir/errors")"
}

# get TARGET - its body
get() {
	printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' "$1" | say -w
	sed '1,/^\r$/d' "$dir/out"
}

# count NAME - what the server has counted of that
count() {
	get /stats | sed -n "s/^$1 //p"
}

# await NAME N EACH - until the server has counted so many, EACH more for every time that it is asked
await() {
	least=$2
	tries=0
	while least=$((least + $3)) && [ "$(count "$1")" -lt $least ]; do
		tries=$((tries + 1))
		[ $tries -lt 2000 ] || break
		sleep 0.02
	done
	[ $tries -lt 2000 ] || fail "$1: never $2"
}

# await_closed N - until the server has only so many descriptors open
await_closed() {
	tries=0
	while [ "$(descriptors)" -gt "$1" ] && [ $tries -lt 2000 ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
	[ $tries -lt 2000 ] || fail "$(descriptors) descriptors are open, first there were $1"
}

descriptors() {
	ls /proc/$server/fd | wc -l
}

# expect FILE WHAT - $dir/out is that
expect() {
	cmp -s "$1" "$dir/out" || fail "$2: other answers than expected"
}

# answers STATUS... WHAT - the status lines in $dir/out, in order
statuses() {
	found=$(sed -n 's/^\(.*!\)\{0,1\}HTTP\/1\.1 \([0-9]*\) .*\r$/\2/p' "$dir/out" | tr '\n' ' ')
	[ "$found" = "$1 " ] || fail "$2: answers $found, not $1"
}

hello='HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!'
request='GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

# repeat N TEXT
repeat() {
	awk -v n="$1" -v text="$2" 'BEGIN { while (n-- > 0) printf "%s", text }'
}

test_hello() {
	printf "$hello" >"$dir/expected"
	printf "$request" | say
	expect "$dir/expected" "one request"
	printf "$request" | say -p 1
	expect "$dir/expected" "one request, byte by byte"

	# more than the buffers hold
	repeat 3000 "$request" >"$dir/requests"
	repeat 3000 "$hello" >"$dir/expected"
	say <"$dir/requests"
	expect "$dir/expected" "3000 requests in a row"
	repeat 200 "$hello" >"$dir/expected"
	for piece in 7 33 64; do
		repeat 200 "$request" | say -p $piece
		expect "$dir/expected" "200 requests in pieces of $piece bytes"
	done
	repeat 50 "$request" >"$dir/requests"
	repeat 50 "$hello" >"$dir/expected"
	say -n 200 -p 500 <"$dir/requests"
	expect "$dir/expected" "200 connections at once"
}

test_bodies() {
	printf 'POST /length HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcdeGET / HTTP/1.1\r\n\r\n' | say
	grep -q '^5 bytes$' "$dir/out" || fail "a body with a length"
	statuses "200 200" "a body with a length"
	chunked='POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n10;x=y\r\n0123456789abcdef\r\n0\r\nTrailer: t\r\n\r\n'
	for piece in 1 3 1000; do
		printf "$chunked$chunked$request" | say -p $piece
		[ "$(grep -c '^21 bytes$' "$dir/out")" = 2 ] || fail "chunks, in pieces of $piece bytes"
		statuses "200 200 200" "chunks, in pieces of $piece bytes"
	done
	{ printf 'POST /length HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n'; head -c 3000000 /dev/zero; } | say
	grep -q '^3000000 bytes$' "$dir/out" || fail "a long body"
	printf 'POST /length HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok' | say -p 1
	statuses "100 200" "Expect: 100-continue"
	printf 'POST /length HTTP/1.1\r\nExpected: 100-continue\r\nContent-Length: 2\r\n\r\nok' | say -p 1
	statuses 200 "a header that only begins so"
}

test_protocol() {
	printf 'HEAD / HTTP/1.1\r\n\r\nHEAD /nowhere HTTP/1.1\r\n\r\n' | say
	statuses "200 404" "HEAD"
	grep -q 'Hello\|there' "$dir/out" && fail "HEAD has a body"
	printf "GET / HTTP/1.1\r\nConnection: close\r\n\r\n$request" | say -w
	statuses 200 "Connection: close"
	grep -q '^Connection: close' "$dir/out" || fail "Connection: close is not said"
	printf 'GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n' | say -w
	statuses 200 "HTTP/1.0"
	printf 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n' | say -w
	statuses "200 200" "HTTP/1.0 kept alive"
	printf "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n$request" | say
	statuses "200 200" "an upgrade that is declined"
	printf "DELETE / HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\nGET /?a=b HTTP/1.1\r\n\r\n" | say
	statuses "405 404 200" "what there is not"
}

test_wrong() {
	printf "$request"'hello\r\n\r\n'"$request" | say -w
	statuses "200 400" "no HTTP"
	printf 'GET / HTTP/9.x\r\n\r\n' | say -w
	statuses 400 "no such version"
	printf 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n' | say -w
	statuses 400 "a chunk without a length"
	printf 'GET /%02000d HTTP/1.1\r\n\r\n' 1 | say -w -p 500
	statuses 414 "a long target"
	{ printf 'GET / HTTP/1.1\r\nA: '; head -c 100000 /dev/zero | tr '\0' a; printf '\r\n\r\n'; } | say -w
	statuses 431 "long headers"
	for bad in '' us= us=-1 us=1x us=10000001 us=99999999999999999999 s=1; do
		printf "GET /burn?$bad HTTP/1.1\r\n\r\n$request" | say
		statuses "400 200" "/burn?$bad"
	done
	printf 'GET / HTT' | say
	[ -s "$dir/out" ] && fail "half a request is answered"
}

test_account() {
	before=$(descriptors)
	requests=$(count requests)
	repeat 10 "$request" >"$dir/requests"
	for round in 1 2 3; do
		say -n 100 <"$dir/requests"
	done
	[ "$(count requests)" = $((requests + 3001)) ] || fail "3000 requests are not counted"
	tries=0
	while [ "$(count connections)" != 1 ] && [ $tries -lt 2000 ]; do
		sleep 0.02
		tries=$((tries + 1))
	done
	[ $tries -lt 2000 ] || fail "$(count connections) connections are open, not the one that asks"
	await_closed $before
}

milliseconds() {
	echo $(($(date +%s%N) / 1000000))
}

# On one worker, requests that burn far longer than all else takes: others are answered meanwhile.
test_burn() {
	begun=$(milliseconds)
	get '/burn?us=100000' | grep -q '^burned 100000 us' || fail "/burn?us=100000"
	[ $(($(milliseconds) - begun)) -ge 50 ] || fail "100 ms are burned in less than half of that"
	requests=$(count requests)
	for burner in 1 2 3; do
		printf 'GET /burn?us=10000000 HTTP/1.1\r\n\r\n' | "$converse" $port >"$dir/burner-$burner" 2>&1 &
	done
	await requests $((requests + 3)) 1
	repeat 20 "$request" >"$dir/requests"
	repeat 20 "$hello" >"$dir/expected"
	say -n 20 -p 100 <"$dir/requests"
	expect "$dir/expected" "requests beside three that burn"
	cat "$dir"/burner-* >"$dir/out"
	[ -s "$dir/out" ] && fail "the others had to wait until a burner was done"
	# 30 s of work are left: more than the grace
	end 1 "cut off"
	expect_line '^httpd: 3 connections cut off$' "cut off"
	wait
}

# Many answers, of which little fits into what the client has room for, are on their way when the server has done with the connection
# and the client has not: what it says now is not worth an answer, but it must not cost those.
test_leave() {
	before=$(descriptors)
	requests=$(count requests)
	{
		repeat 99 "$request"
		printf 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'
		repeat 500 "$request"
	} >"$dir/requests"
	mkfifo "$dir/words"
	"$converse" -s -l -w $port <"$dir/words" >"$dir/left" 2>&1 &
	exec 3>"$dir/words"
	cat "$dir/requests" >&3         # at once, or the server has no more patience
	await requests $((requests + 100)) 1
	await_closed $before
	exec 3>&-
	wait $!
	rm "$dir/words"
	found=$(grep -c '^\(.*!\)\{0,1\}HTTP/1\.1 200 OK' "$dir/left")
	[ "$found" = 100 ] || fail "$found of 100 answers come from a server that closes"
}

# What has been asked is answered, also if half of it is still to come; what is idle is closed.
test_end() {
	requests=$(count requests)
	printf "$request" | "$converse" -w $port >"$dir/idle" 2>&1 &
	idle=$!
	printf "GET /burn?us=500000 HTTP/1.1\r\n\r\n$request" | "$converse" -w $port >"$dir/late" 2>&1 &
	late=$!
	await requests $((requests + 2)) 1
	received=$(count received)
	each=$(($(count received) - received))
	mkfifo "$dir/head" "$dir/body"
	"$converse" -s -w $port <"$dir/head" >"$dir/half-head" 2>&1 &
	halves=$!
	exec 3>"$dir/head"
	"$converse" -s -w $port <"$dir/body" >"$dir/half-body" 2>&1 3>&- &
	halves="$halves $!"
	exec 4>"$dir/body"
	printf 'GET / HT' >&3
	printf 'POST /length HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc' >&4
	await received $((received + each + 8 + 47)) $each
	kill -TERM $server
	wait $idle
	printf 'TP/1.1\r\n\r\n' >&3
	printf 'def' >&4
	exec 3>&- 4>&-
	ended 0 "an orderly end"
	expect_line '^served [0-9]* requests on [0-9]* connections$' "an orderly end"
	wait $late $halves
	printf "$hello" >"$dir/expected"
	for one in idle late half-head half-body; do
		cp "$dir/$one" "$dir/out"
		case $one in
		idle | half-head)
			expect "$dir/expected" "an orderly end: $one"
			;;
		late)
			expect_line '^burned 500000 us' "a request under way"
			statuses "200 200" "a request under way, and one that had come with it"
			;;
		half-body)
			expect_line '^6 bytes$' "half a body"
			;;
		esac
	done
}

test_idle() {
	begun=$(milliseconds)
	printf "$request" | say -w
	statuses 200 "an idle connection"
	[ $(($(milliseconds) - begun)) -ge 200 ] || fail "an idle connection is closed too early"
}

# what is left by a server that has answered, and turned away, few and many
serve() {
	start --workers 2
	# more at once than there will be later, even where threads end late: the library keeps something for each
	printf 'GET /burn?us=2000 HTTP/1.1\r\n\r\n' | say -n 400
	for round in $(seq $1); do
		repeat 20 "$request" | say -n 40
		printf 'POST /length HTTP/1.1\r\nContent-Length: 50000\r\n\r\n%050000d' 1 | say -n 5
		# these are left by the server, and a client that stands still may not hear why: they need not hear the same
		printf 'GET / HTTP/1.1\r\nA: %0100000d\r\n\r\n' 1 | "$converse" -n 5 -w $port >"$dir/out" 2>&1
		printf 'hello\r\n\r\n' | "$converse" -n 5 -w $port >"$dir/out" 2>&1
		printf 'GET / HTT' | say -n 5
	done
	end 0 "a server that has served $1 times"
}

test_leftover() {
	if keeping few serve 1 && keeping many serve 21; then
		# 16000 requests more, on 1200 connections more. Threads that end on another worker than they were made on leave up to
		# 128 slots with each, 750 bytes of the heap for each slot.
		expect_no_more few many 196608 "many requests"
	fi
}

test_options() {
	for bad in '' 0 -1 x 1025 1x; do
		expect_usage --workers --workers="$bad" 0
	done
	for bad in '' 0 4096 16K 2048M; do
		expect_usage --stack --stack="$bad" 0
	done
	for option in --idle --grace --quantum; do
		for bad in '' 5 0ms x; do
			expect_usage $option $option="$bad" 0
		done
	done
	expect_usage idle --idle=1ms 0
	expect_usage 'which port'
	expect_usage 'one port' 0 0
	for bad in '' 65536 -1 http 80x; do
		expect_usage 'the port' -- "$bad"
	done
	run --policy no-such-policy 0
	expect_status 1 "a policy that is not there"
	expect_line 'cannot start: .*policy' "a policy that is not there"
	run --help
	expect_status 0 --help
}

test_options
start --workers 1
test_hello
test_bodies
test_protocol
test_wrong
test_account
test_leave
run $port
expect_status 1 "a port in use"
expect_line 'cannot listen: Address already in use' "a port in use"
test_end

start --workers 1 --grace 100ms --quantum 1ms
test_burn

start --idle 200ms --workers 4 --stack 128K
test_idle
end 0 "four workers"

test_leftover

for policy in rr fifo prio edf mlfq lifo; do
	start --workers 2 --policy $policy
	test_hello
	end 0 "$policy"
done
finish
