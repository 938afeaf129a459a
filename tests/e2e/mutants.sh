#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Deliberate defects in a build of their own; each must be killed by the oracle
# that is named here, and its plan must pass without it.
# Usage: mutants.sh BUILD   (a build with -Dmutants=true)
. "$(dirname "$0")/lib.sh"

run 0 check --mutant all --out "$tmp/results"
grep -E 'killed|SURVIVED|INVALID' "$tmp/out"
says '^retry-dropped +killed by O1 '
says '^retry-offset +killed by O2 '
says '^older-after-newer +killed by O3 '
says '^fsync-swallows +killed by O6 '
says '^credits-twice +killed by O7 '
says '^unstable-forgotten +killed by O1 '
says '^channel-repicked +killed by O7 '
says '^lost-wakeup +killed by O8 '
says '^gives-up-early +killed by O15 '
says '^tries-for-ever +killed by O4 '
says '^mirror-stops +killed by O1 '
says '^upload-stops +killed by O1 '
says '^crypt-plain +killed by O2 '
says '^crypt-no-rmw +killed by O1 '
finish
