#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb bench --inval-cost: a cache is forgotten in one pass and folio by folio,
# on real servers. It fails by itself when a safe way loses a page; here, that
# the numbers say what they are there for.
. "$(dirname "$0")/lib.sh"

# writes SERVER WAY: of 8 MiB in folios of 4 KiB, all dirty
writes() {
	awk -v s="$1" -v w="$2" \
		'$1 == s && $2 == 4 && /folios, all dirty/ &&
		$7 == w { print $8 }' \
		"$tmp/out"
}

for server in smbd diod; do
	run 0 bench --inval-cost --server $server --pairs 1
	old=$(writes $server launder) new=$(writes $server range)
	if [ "${old:-0}" -ge 2048 ] && [ "${new:-9999}" -gt 0 ] &&
		[ "${new:-9999}" -le 256 ]; then
		ok
	else
		bad "$server: $old WRITEs folio by folio, $new in one pass"
	fi
	says "^$server +launder +folio +yes "
	says "^$server +range +io, invalidate, folio +no \(EDEADLK\) "
	says "^$server +range, no locks +folio +yes "
	says "^$server +first posting, no locks +folio +yes "
done
run 3 bench --inval-cost --server ganesha
says 'smbd or diod'
run 3 bench --inval-cost extra
finish
