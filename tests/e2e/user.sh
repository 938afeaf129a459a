# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# To be sourced after lib.sh: netwb as somebody who is not root, and what
# became of its processes. Root becomes nobody for it.
mkdir "$tmp/u"
if [ "$(id -u)" = 0 ]; then
	# what nobody may read: the program, the shim; and a place of his own
	mkdir -p "$tmp/b/bench" "$tmp/b/faults"
	cp "$build/bench/netwb" "$tmp/b/bench/"
	cp "$build/faults/libnwb-shim.so" "$tmp/b/faults/"
	chown 65534:65534 "$tmp/u"
	chmod 755 "$tmp"
	chmod -R a+rX "$tmp/b"
	user_netwb=$tmp/b/bench/netwb
	# as_user COMMAND; in a subshell, for it does not come back
	as_user() {
		cd "$tmp/u" || exit 2
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	}
else
	user_netwb=$netwb
	as_user() {
		cd "$tmp/u" || exit 2
		exec "$@"
	}
fi

# no_userns COMMAND: the same where all user namespaces are used up
no_userns() {
	uid=$(as_user id -u) gid=$(as_user id -g)
	as_user unshare -U --map-user="$uid" --map-group="$gid" --keep-caps \
		sh -c 'echo 0 >/proc/sys/user/max_user_namespaces &&
		exec setpriv --inh-caps=-all --ambient-caps=-all "$@"' sh "$@"
}

has_userns() {
	(as_user unshare -Urn true) 2>/dev/null
}

# processes: pid, parent, start time and state of each that is not a zombie
processes() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk '{
		pid = $1
		sub(/.*\) /, "")
		if ($1 != "Z")
			print pid, $2, $20
	}'
}

# tree PID: it and its descendants, each as pid:start-time
tree() {
	processes | awk -v root="$1" '
	{ pid[NR] = $1; up[NR] = $2; name[NR] = $1 ":" $3 }
	END {
		ours[root] = 1
		do {
			more = 0
			for (i = 1; i <= NR; i++)
				if (!(pid[i] in ours) && (up[i] in ours))
					more = ours[pid[i]] = 1
		} while (more)
		for (i = 1; i <= NR; i++)
			if (pid[i] in ours)
				print name[i]
	}'
}

# alive FILE: those of a tree that are still there, with their names
alive() {
	processes | awk 'NR == FNR { was[$1] = 1; next }
		($1 ":" $3) in was { print $1 }' "$1" - |
		while read -r pid; do
			echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		done 2>/dev/null
}
