# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What the scripts share that run a campaign in shards.

# shard_usage SCRIPT WHAT
shard_usage() {
	echo "usage: $1 [--build DIR] N OUT COMMAND [OPTIONS]"
	echo
	echo "Run \`netwb COMMAND OPTIONS --shard k/N\` for k = 1..N, $2,"
	echo "and merge what they measured into OUT/merged. OUT must be seen by all."
	echo "Example: $1 8 results/tonight check --seed 7"
	echo "Exit: that of the whole campaign; 2 when a shard is missing."
}

# shard_args "$@": sets netwb, nr, out and how many arguments they took
shard_args() {
	build=build took=0
	if [ "${1-}" = --build ]; then
		build=${2:?--build wants a directory}
		took=2
		shift 2
	fi
	nr=${1-} out=${2-}
	case $nr in
	'' | *[!0-9]* | 0 | ????*) return 3 ;;
	esac
	[ -n "$out" ] && [ -n "${3-}" ] || return 3
	took=$((took + 2))
	netwb=$(cd "$build/bench" 2>/dev/null && pwd)/netwb
	[ -x "$netwb" ] || {
		echo "$build/bench/netwb is not there; run make build" >&2
		return 2
	}
	[ ! -e "$out/merged" ] || {
		echo "$out/merged exists; results are never overwritten" >&2
		return 2
	}
	mkdir -p "$out" || return 2
	out=$(cd "$out" && pwd)
}

# shard_merge: the newest session of each shard, a shard may have run twice
shard_merge() {
	set --
	k=1
	while [ $k -le "$nr" ]; do
		newest=$(ls -d "$out/shard-$k"/*/run.jsonl 2>/dev/null | tail -n 1)
		[ -n "$newest" ] && set -- "$@" "$(dirname "$newest")"
		k=$((k + 1))
	done
	[ $# -gt 0 ] || {
		echo "no shard has left anything in $out" >&2
		return 2
	}
	"$netwb" merge "$out/merged" "$@"
}
