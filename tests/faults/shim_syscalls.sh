#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How many system calls diod makes for a number of Twrites: by itself, with the
# idle shim, and with the shim that keeps a ledger. Needs strace, diod and the
# right to make a network namespace.
#
#	shim_syscalls.sh DIRECTORY [NR]
#
# DIRECTORY is the build directory. Ends with 1 when the idle shim adds a call
# a PDU. Futexes are counted apart: they depend on how threads meet.
set -eu

if [ "${IN_NETNS:-}" != 1 ]; then
	IN_NETNS=1 exec unshare --net "$0" "$@"
fi
ip link set lo up

build=$1 nr=${2:-2000} port=5640
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# try NAME OPTIONS... - diod under shim_exec OPTIONS, strace and load.
try()
{
	name=$1
	shift
	rm -rf "$dir/export"
	mkdir "$dir/export"
	strace -f -qq -c -U calls,name -o "$dir/$name" \
		"$build/tests/faults/shim_exec" "$build/faults/libnwb-shim.so" \
		diod -s -p "$dir/pid" "$@" -- \
		diod -f -n -N -c /dev/null -l 127.0.0.1:$port \
		-e "$dir/export" -L "$dir/log" -t 16 >"$dir/$name.out" 2>&1 &
	tracer=$!
	rc=0
	"$build/tests/faults/shim_9p_load" $port "$dir/export" "$nr" || rc=$?
	kill -KILL "$(cat "$dir/pid")"
	wait $tracer || :
	return $rc
}

# count NAME OPTIONS... - again when diod forgot an answer (it does so under
# strace, with and without the shim).
count()
{
	for _ in 1 2 3 4 5; do
		if try "$@"; then
			return 0
		fi
	done
	echo "diod does not answer under strace" >&2
	exit 2
}

sum()
{
	awk -v futex="$2" '$1 ~ /^[0-9]+$/ && $2 != "total" &&
		($2 == "futex") == futex { n += $1 }
		END { print n + 0 }' "$dir/$1"
}

count plain -n
count idle -i
count ledger -f a.dat
printf '%-8s %10s %10s   for %s Twrites\n' '' calls futexes "$nr"
for name in plain idle ledger; do
	printf '%-8s %10s %10s\n' $name "$(sum $name 0)" "$(sum $name 1)"
done
# Loading the shim takes some calls once; one a PDU would be NR at least.
extra=$(($(sum idle 0) - $(sum plain 0)))
echo "the idle shim adds $extra calls in all"
test $extra -lt $((nr / 4))
