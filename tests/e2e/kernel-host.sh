#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb check --kernel host: this kernel's FUSE writeback, judged; and that its
# judge finds what is lost.
. "$(dirname "$0")/lib.sh"

# --- the judge: a write that is said to be done and is not ------------------------
mkdir "$tmp/dir"
work() { # EXPECTED-EXIT, NWB_LOSE
	got=0
	(cd "$tmp/dir" && NWB_LOSE=$2 LD_PRELOAD=$lie exec "$netwb" host-work 3) \
		>"$tmp/out" 2>&1 || got=$?
	if [ "$got" = "$1" ]; then ok; else bad "exit $got instead of $1"; fi
}
lie=$build/tests/e2e/liblose_write.so
if grep -Eqs '__(a|t)san_init' "$netwb"; then
	echo "skipped: a sanitizer wants to be preloaded first"
	skipped=$((skipped + 1))
else
	work 0 0
	says '^host-work: PASS written 18087936 fsyncs 5 errors 0 '
	# of the first round, where nothing was before
	work 1 3
	says '^host-work: FAIL ZEROED 131072 [1-9][0-9]* zeroes instead of version 3'
	# of the second, where the first round's bytes still are
	work 1 140
	says '^host-work: FAIL LOST [0-9]+ [1-9][0-9]* version [0-9]+ instead of 140'
fi

# --- the running kernel -----------------------------------------------------------
run 3 check --kernel host nosuch
says 'nosuch: no scenario of the running kernel'
run 3 check --kernel host -e 'x: on server.write do rst'
says 'has its own scenarios'
can_mount || finish
run 0 check --kernel host fuse-diod.none fuse-smbd.reset-after
says '^kernel .* \(host\)'
says 'fuse-diod\.none +PASS 1/1'
says 'fuse-smbd\.reset-after +PASS 1/1'
run 0 check --kernel host --ktap enospc
says '^KTAP version 1'
says 'ok 1 diod\.host-.*\.enospc'
finish
