#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The page budget that a server shares with its client's page cache: who stands
# still, and who does not.
. "$(dirname "$0")/lib.sh"

got=0
"$netwb" deadlock >"$tmp/out" 2>&1 || got=$?
if [ $got = 77 ]; then
	echo "skipped: $(tail -n 1 "$tmp/out")"
	skipped=$((skipped + 1))
	finish
fi
for seed in 1 2 3 4 5; do
	run 0 deadlock --seed $seed
	says '^in-place +no +[0-9]+ of 16 +- +KNOWN +O8 HANG: .*\(in-place\)'
	says '^in-place +yes +16 of 16 .* PASS$'
	says '^temp-page +no +16 of 16 .* PASS$'
done
# a reclaim that never waits
run 0 deadlock --reclaim v2
says '^in-place +no +16 of 16 .* PASS$'
# memory enough for all: nothing was shown
run 1 deadlock --spare 64K
says '^in-place +yes .* VACUOUS'
# not enough for all of it: still shown
run 0 deadlock --spare 32K
says 'KNOWN +O8 HANG'
for wrong in '--reclaim v3' '--spare x' '--seed y' '--budget 1M' file; do
	# shellcheck disable=SC2086
	run 3 deadlock $wrong
	says '^netwb: '
done
run 0 deadlock --help
finish
