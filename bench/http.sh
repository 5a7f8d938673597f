#!/bin/sh
# http.sh BUILD [OPTION]... - HTTP servers side by side, server and load on a CPU each
#
# Every server in BUILD/bench/peers and BUILD/examples that is compiled: saturated, paced with 1 % of requests that burn 5 ms,
# and saturated with those. Where wrk is installed it loads the first way as well, as a second opinion. OPTIONs go to the
# load generator, for example -d 20 -c 256.

if [ ! -x "$1/bench/load" ]; then
	echo "Usage: $0 BUILD [OPTION]...   (BUILD: where make check was run)" >&2
	exit 2
fi
build=$1
shift

# the CPUs that we may use, for the server the last one: interrupts like to go to the first
cpus=$(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' |
	awk -F- '{ for (i = $1; i <= (NF > 1 ? $2 : $1); i++) print i }')
server_cpu=$(echo "$cpus" | tail -n 1)
load_cpu=$(echo "$cpus" | tail -n 2 | head -n 1)
[ "$server_cpu" = "$load_cpu" ] && set -- --sleep "$@"

server=
port_file=$(mktemp "${TMPDIR:-/tmp}/stint-http.XXXXXX") || exit 1
cleanup()
{
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
	server=
}
trap 'cleanup; rm -f "$port_file"' EXIT
trap 'exit 1' HUP INT TERM

# start PROGRAM: sets port and server
start()
{
	: >"$port_file"
	STINT_WORKERS=1 taskset -c "$server_cpu" "$1" 0 >"$port_file" &
	server=$!
	for try in 1 2 3 4 5 6 7 8 9 10; do
		port=$(sed -n '1s/^.*[^0-9]\([0-9]*\)$/\1/; 1p' "$port_file")
		[ -n "$port" ] && sleep 0.2 && return      # it measures its work
		sleep 0.1
	done
	echo "$1: printed no port" >&2
	return 1
}

# load WHAT OPTION...: one line of the table
load()
{
	what=$1
	shift
	out=$(timeout 600 taskset -c "$load_cpu" "$build/bench/load" --terse "$@" "$port")
	[ -n "$out" ] || return
	echo "$out" | awk -F= -v name="$name" -v what="$what" '
		{ v[$1] = $2 }
		END {
			failed = v["refused"] + v["broken"] + v["wrong"] + v["unanswered"]
			printf "%-12s %-22s %9.0f %9.1f %9.1f %9.1f %9.1f %11.1f %4.0f%%%s\n", name, what, v["rate"],
				v["plain.p50"], v["plain.p99"], v["plain.p99.9"], v["plain.max"], v["burn.p99"],
				100 * v["busy"], failed ? "  " failed " failed" : ""
		}'
}

second_opinion()
{
	command -v wrk >/dev/null || return
	taskset -c "$load_cpu" timeout 60 wrk -t1 -c64 -d3s --latency "http://127.0.0.1:$port/" | awk -v name="$name" '
		function us(text) { return text * (text ~ /us$/ ? 1 : text ~ /ms$/ ? 1e3 : 1e6) }
		$1 == "50%" { p50 = us($2) }
		$1 == "99%" { p99 = us($2) }
		$1 == "Requests/sec:" { rate = $2 }
		END { printf "%-12s %-22s %9.0f %9.1f %9.1f\n", name, "saturated, by wrk", rate, p50, p99 }'
}

printf '%-12s %-22s %9s %9s %9s %9s %9s %11s %5s  us; busy: the generator\n' server load answers/s p50 p99 p99.9 max \
	'burn p99' busy
for program in "$build/bench/peers"/httpd-* "$build/examples/httpd"; do
	name=${program##*/}
	[ -x "$program" ] && start "$program" || continue
	load saturated -c 64 "$@"
	second_opinion
	load '4000/s, 1% burn' -c 64 -r 4000 --burn-share 1 "$@"
	load 'saturated, 1% burn' -c 64 --burn-share 1 "$@"
	cleanup
done
