#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# S1: the defects that are found fast, each by a named check; `make sim-mutants`
# looks for all of them. The command that repeats a find must find it again.
#
# Usage: mutants.sh NETWB
set -u
netwb=$1 failed=0 passed=0
for m in short-dropped ends-early redirty-lost fsync-swallows settles-late; do
	out=$("$netwb" sim --mutant "$m" --seeds 5000) || {
		echo "$m: not found: $out"
		failed=$((failed + 1))
		continue
	}
	echo "$out"
	seed=$(echo "$out" | sed -n 's/.* seed \([0-9]*\) .*/\1/p' | head -n 1)
	check=$(echo "$out" | awk '{ print $2; exit }')
	case $("$netwb" sim --mutant "$m" --seed "$seed") in
	"$m "*" $check "*) passed=$((passed + 1)) ;;
	*)
		echo "$m: seed $seed does not find it again"
		failed=$((failed + 1))
		;;
	esac
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
