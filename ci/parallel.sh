#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A campaign in shards by GNU parallel: on this machine, or over ssh on others
# that see the same directories (PARALLEL='--sshloginfile HOSTS --wd .').
# On one machine the shards run one after the other unless JOBS says so: what
# is timed must have the machine to itself, what is only judged need not.
set -u
here=$(dirname "$0")
. "$here/shards.sh"
shard_args "$@" || {
	rc=$?
	[ $rc = 3 ] && shard_usage "$0" "JOBS=1 at a time" >&2
	exit $rc
}
shift $took
command -v parallel >/dev/null || {
	echo "GNU parallel is not installed (package parallel)" >&2
	exit 2
}
k=1
while [ $k -le "$nr" ]; do
	mkdir -p "$out/shard-$k"
	k=$((k + 1))
done
# The exit codes are in the sessions: the merged one has that of the whole.
seq "$nr" | parallel --will-cite --no-run-if-empty -j "${JOBS:-1}" --quote \
	"$netwb" "$@" --shard "{}/$nr" --out "$out/shard-{}" >"$out/log" 2>&1
shard_merge
