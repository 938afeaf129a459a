#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# S3: the simulation finds hazards of both kernels by their names, and nothing
# that has none; and the command that it prints shows the damage again.
#
# Usage: flavours.sh NETWB
set -u
netwb=$1 passed=0 failed=0

check() { # what command...
	what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		echo "failed: $what"
		failed=$((failed + 1))
	fi
}

has_damage() { # table hazard
	n=$(echo "$1" | sed -n "s/^$2 .* damage *\([0-9]*\) .*/\1/p")
	[ "${n:-0}" -gt 0 ]
}

flavour() { # name seeds hazard...
	name=$1 seeds=$2
	shift 2
	out=$("$netwb" sim --flavour "$name" --seeds "$seeds")
	rc=$?
	echo "$out"
	check "$name has damage of another cause" [ $rc = 0 ]
	for h; do
		check "$name: $h does no damage" has_damage "$out" "$h"
	done
	again=$(echo "$out" | sed -n 's/^ *again: netwb \(sim .*\)/\1/p' |
		head -n 1)
	# shellcheck disable=SC2086 # it is a command line
	"$netwb" $again >/dev/null
	check "$again does not fail again" [ $? = 1 ]
}

# What a world shows changes with any line of the client: so many that each of
# these does damage in several.
flavour linux-6.12 100 h4 h12 h17
flavour linux-7.2 100 h4 h12 h17
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
