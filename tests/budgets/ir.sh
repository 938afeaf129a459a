#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Instructions of the pure rooms, counted by callgrind (no cache model: those
# depend on the layout), against bench/budgets/ir.txt.
#
#	ir.sh IR_WORK FILE	compare; 77: no valgrind, or another compiler
#	ir.sh IR_WORK --print	print the lines of FILE
#	ir.sh IR_WORK --measure	print "NAME VALUE" lines
#
# What counts is the cost of each room's own source lines. What libc does for
# them depends on the CPU (memcpy has many faces) and is left out.
set -euo pipefail
work=$1 file=$2
here=$(dirname "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

command -v valgrind >/dev/null || {
	echo "skipped: there is no valgrind"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
}

measure() {
	local w
	for w in $("$work" --cells); do
		valgrind --quiet --tool=callgrind --cache-sim=no \
			--callgrind-out-file="$dir/$w" "$work" "$w" \
			>"$dir/out" 2>&1 || {
			cat "$dir/out" >&2
			return 3
		}
		awk -v work="$w" -f "$here/callgrind.awk" \
			-f "$here/ir.awk" "$dir/$w" | sort
	done
}

# Another compiler: say so before the minute that valgrind takes.
if [ "$file" = --print ]; then
	echo "@compiler $("$work" --compiler)"
	measure >"$dir/measured"
	awk '{ printf "%-40s %10s better=ir\n", $1, $2 }' "$dir/measured"
elif [ "$file" = --measure ]; then
	measure
elif [ "$(sed -n 's/^@compiler //p' "$file")" != "$("$work" --compiler)" ]; then
	"$work" --check "$file" </dev/null
else
	measure >"$dir/measured"
	"$work" --check "$file" <"$dir/measured"
fi
