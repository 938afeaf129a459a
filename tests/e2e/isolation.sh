#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The steps of isolation, each forced and each found by itself: real servers,
# a real fault, and the reports name the step. (cleanup.sh: nothing is left.)
# Usage: isolation.sh BUILD
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/user.sh"

cut='cut: on server.write nth=5 after do drop, rst max=1'

try() { # EXPECTED-EXIT as_user|no_userns ARGUMENTS...: netwb by that
	want=$1 how=$2 got=0
	shift 2
	($how "$user_netwb" "$@") >"$tmp/out" 2>&1 </dev/null || got=$?
	if [ "$got" = "$want" ]; then ok; else
		bad "exit $got instead of $want: $how netwb $*"
	fi
}

judged() { # REGEX: the step, and its reason
	says "isolation $1, I/O"
	says 'rule cut: 1 hits'
	says '^verdict: PASS'
}

steps=none
if has_userns; then steps="userns none"; fi
for server in smbd diod; do
	if [ "$(id -u)" = 0 ]; then
		run 0 run --server $server --write 8M -e "$cut"
		judged ns
	fi
	if [ "$steps" != none ]; then
		try 0 as_user run --server $server --write 8M -e "$cut"
		judged 'userns \(not root\)'
		try 0 no_userns run --server $server --write 8M -e "$cut"
		judged 'none \(user namespaces are off here \(ENOSPC\)\)'
	fi
	for step in $steps; do
		for client in in-place temp-page; do
			try 0 as_user run --isolation $step --server $server \
				--client $client --write 8M -e "$cut"
			judged "$step \\(asked for\\)"
		done
		# a crash that loses what was not fsynced, and the way back
		try 0 as_user run --isolation $step --server $server \
			--write 8M -e "server $server volatile" -e \
			'crash: on server.write nth=5 after do restart max=1'
		says 'rule crash: 1 hits'
		says '^verdict: PASS'
	done
	# signed, as whoever one is
	[ $server != smbd ] || for step in $steps; do
		try 0 as_user run --isolation $step --sign --write 8M -e "$cut"
		says 'signing AES-GMAC'
		judged "$step \\(asked for\\)"
	done
done

# what is not to be had is said, with the remedy
try 2 as_user run --isolation ns --write 4M
says 'run as root'
try 3 as_user run --isolation nns
says 'ns, userns, none or auto'
try 77 as_user run --isolation none --write 4M -e 'needs userns'
says '^verdict: SKIP .*needs userns'
[ "$steps" = none ] || {
	try 0 as_user run --write 4M -e 'needs userns'
	says '^verdict: PASS'
}

# locked memory is what a user has little of
low_memlock() {
	ulimit -l 0
	as_user "$@"
}
try 0 low_memlock run --write 8M -e "$cut"
says 'I/O (io_uring|syscalls)'
says '^verdict: PASS'

# where the state's file system is noexec, and where there is none
odd_shm() {
	as_user unshare -Urm sh -c '
		mount -t tmpfs -o noexec none /dev/shm && exec "$@"' sh "$@"
}
no_shm() {
	as_user unshare -Urm sh -c '
		mount -t tmpfs -o size=64k none /dev/shm && exec "$@"' sh "$@"
}
[ "$steps" = none ] || for how in odd_shm no_shm; do
	try 0 $how run --isolation none --write 8M -e "$cut"
	judged 'none \(asked for\)'
done

# root, but in a container that knows one id, and may or may not unshare
in_container() {
	as_user unshare -Ur "$@"
}
in_poor_container() {
	as_user unshare -Ur setpriv --bounding-set=-sys_admin "$@"
}
[ "$steps" = none ] || for server in smbd diod; do
	try 0 in_container run --server $server --write 8M -e "$cut"
	judged ns
	try 0 in_poor_container run --server $server --write 8M -e "$cut"
	judged '(userns|none) \(.*\)'
done

# a package that is missing: the exact command, and the end
mkdir "$tmp/u/bin"
cp "$(dirname "$0")/../../scripts/install-deps" "$tmp/u/"
printf '#!/bin/sh\ncase "$*" in *diod) exit 1 ;; esac\n%s\n' \
	'echo install ok installed' >"$tmp/u/bin/dpkg-query"
printf '#!/bin/sh\nexit 1\n' >"$tmp/u/bin/sudo"
chmod -R a+rx "$tmp/u/bin" "$tmp/u/install-deps"
got=0
(as_user env PATH="$tmp/u/bin:$PATH" "$tmp/u/install-deps") >"$tmp/out" 2>&1 ||
	got=$?
if [ $got = 2 ]; then ok; else bad "install-deps: exit $got, not 2"; fi
says '^Run as root:  apt-get install --no-install-recommends diod$'

# a session has one step, in all of its reports, and in what is to be repeated
try 0 as_user check --isolation none --filter 'diod.in-place.*' \
	--out "$tmp/u/results"
report=$(ls -d "$tmp"/u/results/*)
cp "$report/report.txt" "$tmp/out"
says 'isolation: none \(asked for\)'
says '^io: [a-z]'
cp "$report/junit.xml" "$tmp/out"
says 'name="isolation" value="none \(asked for\)"'
cp "$report/run.jsonl" "$tmp/out"
says '"repro":"[^"]*--isolation none'

[ "$steps" != none ] || {
	echo "SKIP: user namespaces are off here"
	echo "$passed passed, $failed failed, 1 skipped"
	[ "$failed" -eq 0 ] && exit 77
	exit 1
}
finish
