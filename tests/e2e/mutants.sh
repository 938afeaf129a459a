#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Six deliberate defects in a build of their own; each must be killed by the
# oracle that its row names, and its plan must pass without it.
# Usage: mutants.sh BUILD   (a build with -Dmutants=true)
. "$(dirname "$0")/lib.sh"

run 0 check --mutant all --out "$tmp/results"
cat "$tmp/out"
for m in retry-dropped retry-offset older-after-newer fsync-swallows \
	credits-twice unstable-forgotten; do
	says "^$m +killed by O[0-9]"
done
finish
