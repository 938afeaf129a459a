#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Flavours of the reference client on the real servers: without a fault they are
# right, and one of their hazards is convicted by what it does to a file.
. "$(dirname "$0")/lib.sh"

for flavour in linux-6.12 linux-7.2; do
	for server in smbd diod; do
		run 0 run --server $server --flavour $flavour --write 4M
		says "flavour $flavour, hazards that fired: none"
		says '^verdict: PASS'
	done
done

# A short Rwrite, ENOSPC for the rest of it, and room again: what is left goes to
# where it began (h3), and diod takes it. Twrites come one at a time here, so the
# fifth is the rest of the fourth.
short='short: on server.write nth=4 do short 4096 max=1'
full='full: on server.write nth=5 before do error ENOSPC max=1'
run 1 run --server diod --flavour linux-6.12 --write 4M -e "$short" -e "$full"
says 'hazards that fired: h3$'
says 'O2 FAIL DISPLACED'
says '^again: .* --flavour linux-6.12 '
run 0 run --server diod --flavour linux-6.12 --hazard=-h3 --write 4M \
	-e "$short" -e "$full"
says '^verdict: PASS'

for how in combine resplit-each smaller-bits; do
	run 0 run --fault reset-before --retry $how --write 16M
	says '^verdict: PASS'
done

# The matrix is of the client that was asked for, not of strict.
run 0 check --flavour linux-7.2 --server smbd --client in-place \
	--workload seq1m --filter '*.none' --write 4M --out matrix
if [ "$(grep -c '"flavour": *"linux-7.2"' "$tmp"/matrix/*/run.jsonl)" = 1 ] &&
	[ "$(grep -c '"type": *"run"' "$tmp"/matrix/*/run.jsonl)" = 1 ]; then
	ok
else
	bad 'it is not one run of linux-7.2'
fi
# The limit in it has no page cache to be limited; and what is recorded of such
# a client has a meaning (docs/reports.md).
run 0 check --strictlimit 2M --mirror diod --server smbd --write 4M \
	--filter 'smbd.[ir]*.seq1m.none' --out limited
run 0 report "$(echo "$tmp"/limited/*)"
grep -q 'does not know' "$tmp/out" && bad 'unknown fields' || ok
run 3 check --client raw-hot
says 'no cell of the matrix'
run 3 check --server-binary /bin/true
says 'of which server'

run 0 list
says '^  h17 .*linux-6.12 linux-7.2$'
run 3 run --flavour linux-6.13
says 'strict, linux-6.12 or linux-7.2'
run 3 run --hazard h1,h18
says 'h1 to h17'
run 3 run --retry never
says 'smaller-bits'
run 3 run --client raw-cold --write 4M --hazard h3
says 'raw-cold caches nothing: a flavour'
run 3 run --client raw-cold --write 4M --retry resplit-each
says 'raw-cold caches nothing: a way to retry'

finish
