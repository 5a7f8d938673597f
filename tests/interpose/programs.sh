#!/bin/sh
# programs.sh - programs that know nothing of stint, run in a call that is stopped every 200 us, do what they always do
#
# gawk, bc, jq, sqlite3, perl and the shell with sort and sed, as Debian has them, each with work that uses much of the C library. sliced.so
# (sliced.c) runs their main() in a call. Output, errors and status must be the same to the byte as without, and it must
# have been stopped often enough for that to mean something. A program that is not installed is left out.
. "${0%/*}/../build/lib.sh"

least=20                # stops of each program, and of what it starts (but those that leave by _exit() do not tell)
case $SANITIZE_FLAGS in
*-fsanitize*) skip "the library cannot be preloaded into programs without the sanitizer" ;;
esac

# LD_PRELOAD has no way to name a path with a space
ln -s "$top_builddir/.libs/libstint.so" "$work/libstint.so"
ln -s "$top_builddir/tests/interpose/.libs/sliced.so" "$work/sliced.so"
[ -e "$work/sliced.so" ] || skip "sliced.so was not built"
case $work in
*[[:space:]]*) skip "the temporary directory's name has a space" ;;
esac
TZ=Europe/Paris
export TZ
ran=0

# COMMAND...: in $work/bare and $work/sliced, so that files that it makes are compared, too
alike()
{
	name=$1
	if ! command -v "$name" >/dev/null; then
		echo "$name: not installed, left out"
		return
	fi
	rm -rf "$work/bare" "$work/sliced"
	mkdir "$work/bare" "$work/sliced"
	: >"$work/stops"
	(cd "$work/bare" && "$@" <"$work/in" >out 2>err; echo "status $?" >>out)
	(cd "$work/sliced" && LD_PRELOAD="$work/libstint.so $work/sliced.so" STINT_SLICE_REPORT="$work/stops" \
		"$@" <"$work/in" >out 2>err; echo "status $?" >>out)
	diff -r "$work/bare" "$work/sliced" >"$work/diff" || error "$name: not the same: $(head -n 20 "$work/diff")"
	[ "$(wc -c <"$work/bare/out")" -gt 100 ] || error "$name did little: $(cat "$work/bare/out" "$work/bare/err")"
	stops=$(awk '{ n += $2 } END { print n + 0 }' "$work/stops")
	echo "$name: $(wc -l <"$work/stops") processes, stopped $stops times"
	[ "$stops" -ge $least ] || error "$name was stopped $stops times only"
	ran=$((ran + 1))
}

: >"$work/in"
awk 'BEGIN {
	x = 7
	for (i = 0; i < 4000; i++) {
		x = (x * 1103515245 + 12345) % 2147483648
		printf "%d\t%s%d\t%.3f\t%s word-%d of line %d\n", x, x % 3 ? "even" : "third", x % 97, x / 1000, \
			x % 5 ? "short" : "a longer one,", x % 13, i
	}
}' >"$work/table"

# --- gawk: regular expressions, arrays, formats, time, coprocesses, pipes, random numbers ---------------------

cat >"$work/program.awk" <<'END'
function fold(n)
{
	return n < 2 ? n : fold(n - 1) + fold(n - 2)
}
{
	for (i = 1; i <= NF; i++)
		count[$i]++
	text = gensub(/([a-z]+)-([0-9]+)/, "\\2:\\1", "g")
	sum[$2] += $3
	if (match(text, /(long[a-z]*).*([0-9]+):word/, part))
		seen[part[1], part[2]]++
	length_of[length(text) % 7] = length_of[length(text) % 7] substr(text, NR % 11, 3)
	if (NR % 500 == 0)
		print strftime("%Y-%m-%d %H:%M:%S %Z", $1), toupper($2), sprintf("%08.3f|%-12s|%x", $3, $2, $1)
}
END {
	n = asorti(count, names)
	for (i = 1; i <= n; i += 17)
		print names[i], count[names[i]]
	PROCINFO["sorted_in"] = "@ind_str_asc"
	for (k in sum)
		print k, sum[k] | "sort -k2,2n"
	close("sort -k2,2n")
	for (k in seen)
		print k, seen[k]
	for (k in length_of)
		print k, length(length_of[k]), substr(length_of[k], 1, 40)
	for (i = 0; i < 30; i++) {
		print i, fold(i % 16) |& "cat"
		"cat" |& getline answer
		total += split(answer, parts, " ")
	}
	close("cat")
	srand(5)
	for (i = 0; i < 20000; i++)
		r += rand()
	printf "%d %.6f %s\n", total, r, mktime("2026 11 25 12 00 00")
	while (("echo a; echo b" | getline line) > 0)
		print "read", line
	print "no such file:", (getline line < "/nonexistent"), ERRNO
	print system("exit 3")
	for (i = 0; i < 200; i++)
		printf "line %d\n", i > "written"
	close("written")
	exit 5
}
END
alike gawk -f "$work/program.awk" "$work/table"

# --- bc: arbitrary precision, heap ----------------------------------------------------------------------------

cat >"$work/program.bc" <<'END'
scale = 150
4 * a(1)
e(1)
define f(n) { if (n < 2) return (1); return (n * f(n - 1)); }
f(250)
for (i = 1; i < 40; i++) { s += l(i) * s(i); t[i] = s }
s; t[17]
sqrt(2)
scale = 0
define p(n) { auto i; for (i = 2; i * i <= n; i++) if (n % i == 0) return (0); return (1); }
for (i = 2; i < 4000; i++) if (p(i)) n += i
n
2^4000 % (10^50 + 151)
1 / 0
obase = 16; 3^300
END
alike bc -l "$work/program.bc"

# --- jq: trees, regular expressions, time, formats; a stream of objects and one value ---------------------------

cat >"$work/program.jq" <<'END'
[inputs | split("\t") | {id: .[0] | tonumber, kind: .[1], value: (.[2] | tonumber), text: .[3]}] as $rows
| ($rows | group_by(.kind) | map({kind: .[0].kind, n: length, sum: (map(.value) | add)}) | sort_by(.n, .kind)),
  ($rows | map(.text | gsub("(?<a>[a-z]+)-(?<b>[0-9]+)"; "\(.b)/\(.a)")) | unique_by(length)),
  ($rows[:50] | map(.id | todate)),
  ($rows[100:120] | map([.id, .kind, .text] | @csv, @json, @base64)),
  ([limit(500; range(100000) | select(. % 7 == 3) | tostring | ascii_downcase | explode | implode)] | join(",")),
  (reduce range(20000) as $i ({}; .[$i % 50 | tostring] += $i)),
  ([recurse(if . < 3000 then . * 2 + 1 else empty end; true)? // 1] | length),
  ($rows | map(select(.text | test("^a longer.*1[0-9] of"))) | length),
  (try error("x") catch .), ("\u00e9\ud83d\ude00" | length, utf8bytelength, @uri), ($rows | tojson | fromjson | length)
END
alike jq -n -R -f "$work/program.jq" "$work/table"

# --- sqlite3: a database in a file, locks and all ---------------------------------------------------------------

cat >"$work/program.sql" <<END
.bail off
create table rows(id integer, kind text, value real, text text);
.mode tabs
.import $work/table rows
create index by_kind on rows(kind, value);
create table log(what text, n integer);
create trigger counts after delete on rows begin insert into log values(old.kind, old.id); end;
begin;
delete from rows where id % 7 = 0;
update rows set value = value * 2, text = upper(text) where kind like 'even1%';
savepoint a; delete from rows; rollback to a;
commit;
.mode column
select kind, count(*), round(sum(value), 3), group_concat(id % 10, '') from rows group by kind order by 2 desc, 1 limit 20;
with recursive c(x, y) as (select 1, 1 union all select x + 1, (y * 7 + x) % 1009 from c where x < 20000)
select y % 10, count(*), min(x), max(x), printf('%.4f', avg(y)) from c group by 1;
select a.kind, count(*) from rows a join log b on a.kind = b.what where a.id > b.n group by 1 order by 1 limit 15;
select json_group_array(json_object('k', kind, 'v', value)) from (select * from rows order by id limit 10);
select kind, value, rank() over (partition by kind order by value), lag(value) over (order by value) from rows order by value limit 10;
select * from nonexistent;
insert into rows values(1, 2);
pragma integrity_check;
vacuum;
select count(*), datetime(1000000000, 'unixepoch', 'localtime'), quote(x'00ff'), hex(zeroblob(5)) from rows;
.dump log
END
alike sqlite3 database ".read $work/program.sql"

# --- perl: hashes, regular expressions, packing, processes, signals ---------------------------------------------

cat >"$work/program.pl" <<'END'
use POSIX qw(strftime);
my (%n, %at, $sum);
while (<>) {
	chomp;
	my ($id, $kind, $value, $text) = split /\t/;
	push @{$at{$kind}}, $id;
	$n{$1} += $2 while $text =~ /(\w+)-(\d+)/g;
	$sum = ($sum * 31 + unpack("%32C*", $text)) % 1000003;
}
printf "%s %d %s\n", $_, scalar @{$at{$_}}, join ",", sort { $a <=> $b } (@{$at{$_}})[0 .. 3] for sort keys %at;
print "$sum $_ $n{$_}\n" for sort keys %n;
print strftime("%c", localtime(1000000000)), "\n";
srand(3);
my @r = map { int rand 1000 } 1 .. 50000;
my @s = sort { $b <=> $a || $a cmp $b } @r;
print "@s[0 .. 20] @r[0 .. 20]\n";
$SIG{USR1} = sub { $got++ };
kill USR1 => $$ for 1 .. 50;
print "signals $got\n";
for my $i (1 .. 5) {
	pipe my $in, my $out;
	my $pid = fork;
	if (!$pid) { close $in; print $out "child $i ", join(":", map { $_ * $i } 1 .. 300), "\n"; close $out; exit $i }
	close $out;
	print <$in>;
	waitpid $pid, 0;
	print $? >> 8, "\n";
}
my $before = times;
print `echo from a shell; exit 4`, $? >> 8, "\n";
select undef, undef, undef, 0.02;
eval { local $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; 1 while 1 };
print $@;
opendir my $d, "/etc"; my @f = grep /^host/, readdir $d; print join(" ", sort @f), "\n";
exit 7;
END
alike perl "$work/program.pl" "$work/table"

# --- the shell: many small processes ------------------------------------------------------------------------------

cat >"$work/program.sh" <<END
i=0
while [ \$i -lt 30000 ]; do i=\$((i + 1)); x="\${x#????????????????????}\$i"; case \$x in *77*) n=\$((n + 1)) ;; esac; done
echo \$n \$x
sort -t"\$(printf '\t')" -k2,2 -k3,3n "$work/table" | sed -n 's/\\([a-z]*\\)-\\([0-9]*\\)/\\2\\1/;100,130p'
sort -u -k4 "$work/table" | cut -f 2 | uniq -c | sed -n 1,20p
for i in 1 2 3 4 5; do printf '%s\n' "\$i" | tr 1-5 a-e & wait; done
trap 'echo trapped' USR1
kill -USR1 \$\$
(exit 9)
echo \$?
ls -l /nonexistent
exit 6
END
alike sh "$work/program.sh"

[ "$ran" -gt 0 ] || skip "none of the programs is installed"
finish
