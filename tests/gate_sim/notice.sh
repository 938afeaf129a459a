#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A simulation that can't fail proves nothing: each of its bounds must break
# where it has to.
#
#	notice.sh GATE_SIM
set -uo pipefail
sim=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

# expect NAME CODE TEXT ARGS...
expect() {
	local name=$1 want=$2 text=$3 code=0
	shift 3
	"$sim" --comparisons=500 "$@" >"$dir/out" 2>&1 || code=$?
	if [ $code = "$want" ] && grep -q -- "$text" "$dir/out"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "$name: exit $code, no \"$text\" in:" >&2
		cat "$dir/out" >&2
	fi
}

expect 'noise hides a rate' 1 'BROKEN rate -25 %' --model --factor=4
expect 'noise hides CPU time' 1 'BROKEN CPU +15 %: found' --model --factor=4
expect 'but gives no alarm' 0 'ok     nothing: RED' --model --factor=4 --loud
# Links that differ by a tenth and more every time are beyond any statistic.
expect 'false alarms' 1 'BROKEN nothing: RED' --model --bias=12
"$sim" --model --comparisons=100 >"$dir/a"
"$sim" --model --comparisons=100 >"$dir/b"
if cmp -s "$dir/a" "$dir/b"; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo 'two runs of one seed differ' >&2
fi
expect 'usage' 3 'usage: gate_sim'
expect 'no file' 3 'No such file' "$dir/none"
echo 'a cpu 0.1 nan' >"$dir/nan"
expect 'nan' 3 'nan:1: not a number' "$dir/nan"
printf 'a cpu 0.1' >"$dir/cut"
expect 'cut' 3 'cut:1: line too long, or its end' "$dir/cut"
echo 'a cpu 0.1' >"$dir/few"
expect 'few' 3 'a: 1 pairs of cpu, 0 of wall' "$dir/few"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
