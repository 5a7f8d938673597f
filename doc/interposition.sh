#!/bin/sh
# interposition.sh VERSION TABLE PAGE - stint-interposition(7): PAGE, with each @CLASS@ replaced by the functions of that class
# in TABLE, by family
#
# A family has a heading here, or its own name is the heading. A class without functions says so.
LC_ALL=C
export LC_ALL

version=$1 table=$2 page=$3

# CLASS family name, names in the order of what follows their underscores
sed -n 's/^\([A-Z]*\)_FN(\([A-Za-z0-9_]*\), *\([^)]*\))$/\1 \3 \2/p' "$table" |
	awk '{ key = $3; sub(/^_*/, "", key); print $1, $2, tolower(key), $3 }' | sort -k1,2 -k3,3 -k4,4 |
	awk -v version="$version" -v page="$page" '
	function heading(name)
	{
		return name in title ? title[name] : name
	}

	function list(class,    i)
	{
		if (!families[class]) {
			print ".PP\nNone in this version."
			return
		}
		print ".nh\n.ad l"
		for (i = 1; i <= families[class]; i++) {
			print ".TP\n.I " heading(family[class, i])
			print names[class, i]
		}
		print ".ad b\n.hy"
	}

	BEGIN {
		title["accounts"] = "users, groups, logins"
		title["addresses"] = "addresses and messages of the resolver"
		title["argz"] = "vectors of strings"
		title["async"] = "work of threads of the C library"
		title["callbacks"] = "calling the program, where a call may be stopped"
		title["checks"] = "checks put in by the compiler"
		title["context"] = "contexts"
		title["ctype"] = "classes of characters"
		title["dir"] = "directories"
		title["dl"] = "dynamic linker"
		title["ending"] = "ending the process"
		title["file"] = "descriptors"
		title["format"] = "formatting and scanning"
		title["identity"] = "user and group ids"
		title["libc"] = "the rest"
		title["ld.so"] = "dynamic linker"
		title["locale"] = "locale, dates, conversions"
		title["getopt"] = "options of a command line"
		title["join"] = "waiting for other threads"
		title["guard"] = "local static variables of C++"
		title["handles"] = "handles of other kinds"
		title["rawcall"] = "by number"
		title["logins"] = "who is logged in"
		title["lookups"] = "users, groups, hosts, networks, services: one by its key"
		title["modes"] = "modes of descriptors, from one descriptor to another"
		title["park_wait"] = "processes, file locks, message queues"
		title["malloc"] = "memory allocation"
		title["mapping"] = "mappings"
		title["misc"] = "environment, exit handlers"
		title["missing"] = "not in any Linux: ENOSYS"
		title["mqueue"] = "message queues"
		title["mutex"] = "mutexes, locks, conditions, semaphores"
		title["names"] = "hosts, networks, services"
		title["nss"] = "name services"
		title["obsolete"] = "no longer linked to"
		title["patterns"] = "matching"
		title["private"] = "shared by parts of the C library"
		title["process"] = "processes and threads"
		title["pure"] = "memory, strings, characters, numbers"
		title["random"] = "random numbers"
		title["report"] = "reporting errors"
		title["rpc"] = "Sun RPC"
		title["search"] = "hash table"
		title["shifts"] = "conversions of characters that keep a state"
		title["signal"] = "signals"
		title["signal-old"] = "signals, in older ways"
		title["shared"] = "with a result or a place in static memory, which all calls share"
		title["sleep"] = "sleeping, polling, waiting for signals and queues"
		title["stdio"] = "streams"
		title["stdio-variants"] = "streams, by other names"
		title["strings"] = "strings"
		title["spawn"] = "commands; what a new process does first"
		title["support"] = "called by code of the compiler and of start-up files"
		title["syscall"] = "all kinds"
		title["suspend"] = "waiting for a signal handler"
		title["system"] = "system, interfaces, temporary files"
		title["texts"] = "words, messages, numbers, addresses, terminals, names"
		title["times"] = "dates"
		title["transfer"] = "reading, writing, connecting"
		title["unfit"] = "the thread, its stack or the process under a call"
		title["waiting"] = "waiting, and a call is not stopped meanwhile"
		title["walks"] = "users, groups, hosts, networks, services, shells, terminals: all, one after the other"
		title["wide"] = "wide characters"
	}

	{
		if (!($1 SUBSEP $2 in seen)) {
			seen[$1, $2] = 1
			family[$1, ++families[$1]] = $2
		}
		i = families[$1]
		names[$1, i] = names[$1, i] (names[$1, i] == "" ? "" : "\n") $4
		count++
	}

	END {
		if (!count) {
			print "no functions in the table" > "/dev/stderr"
			exit 1
		}
		while ((getline line < page) > 0) {
			if (line ~ /^@[A-Z]+@$/) {
				list(substr(line, 2, length(line) - 2))
				continue
			}
			gsub(/@VERSION@/, version, line)
			print line
			lines++
		}
		if (!lines)
			exit 1
	}'
