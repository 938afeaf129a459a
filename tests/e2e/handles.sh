#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Durable handles, and how long a client waits, on the real smbd. How often the
# two campaigns run is the second argument (default 3): `make campaign` says 50.
. "$(dirname "$0")/lib.sh"
plans=$(cd "$(dirname "$0")/plans" && pwd)
times=${2:-3}

# count KEY VALUE: runs of the newest results in which KEY is VALUE
count() {
	cat "$tmp"/results/*/run.jsonl | tr -d ' ' | grep '"type":"run"' |
		grep -Ec "\"$1\":$2[,}]"
}

# every RUN WHAT KEY VALUE: each run of the campaign says so
every() {
	n=$(count "$1" "$2")
	if [ "$n" = "$times" ]; then
		ok
	else
		bad "$1 is $2 in $n runs of $times"
	fi
}

# reset after apply: reclaimed, nothing that was acknowledged is sent again
run 0 check --plan "$plans/reclaimed.plan" --write 4M --fsyncs 2 \
	--repeat "$times"
every verdict '"PASS"'
every reclaims 1
every opens 1
every unstable_resent 0
echo "reclaimed: $(count reclaims 1) of $times"
rm -rf "$tmp/results"

# The same in the ledger, of each of the 64 WRITEs: none is sent after it was
# acknowledged, and the server gets only the ninth twice: one credit, one WRITE
# under way at the reset. (What the client hands to a socket that has just been
# reset reaches nobody.)
sent_once() {
	for kib in $(seq 0 64 4032); do
		"$netwb" explain "$tmp/ledger" --at "netwb.dat:${kib}K" |
			awk -v at="${kib}K" '
			$2 == "acked" { acked = 1 }
			$2 == "sent" && acked { print at, "sent after its ack" }
			$2 == "request" && $3 == "WRITE" { nr++ }
			/^in the end/ { end = 1 }
			END {
				if (!end || !nr) print at, "is not explained"
				if (nr > 1) print at, "again", nr - 1
			}'
	done >"$tmp/out"
	if grep -qv again "$tmp/out"; then bad "not once"; else ok; fi
	n=$(awk '/again/ { n += $3 } END { print n + 0 }' "$tmp/out")
	[ "$n" = 1 ] && ok || bad "$n received again"
	rm -f "$tmp/ledger"
}
run 0 run --plan "$plans/reclaimed.plan" --write 4M --ledger "$tmp/ledger"
sent_once

# the same with a batch oplock, DHnQ and a signed session
run 0 check --plan "$plans/reclaimed.plan" --write 4M --fsyncs 2 --sign \
	-e 'client in-place wsize=64K credits=1 durable=v1' --repeat "$times"
every verdict '"PASS"'
every reclaims 1
every opens 1
every unstable_resent 0
rm -rf "$tmp/results"
run 0 run --plan "$plans/reclaimed.plan" --write 4M --sign \
	-e 'client in-place wsize=64K credits=1 durable=v1' \
	--ledger "$tmp/ledger"
sent_once

# the process is killed: opened anew, unstable bytes are sent again
run 0 check --plan "$plans/handle-lost.plan" --write 16M --fsyncs 2 \
	--repeat "$times"
every verdict '"PASS"'
every reclaims 0
every opens 2
every unstable_resent '[1-9][0-9]*'
echo "opened anew: $(count opens 2) of $times"

# soft gives up when patience ends, hard does not
run 0 run --write 8M -e 'client in-place soft patience=20ms' \
	-e 'die: on server.write nth=3 after do kill'
says 'the application saw EHOSTDOWN'
says '^verdict: PASS'
run 0 run --write 8M --hard \
	-e 'die: on server.write nth=3 after do restart max=1'
says 'reconnects [1-9]'
says '^verdict: PASS'
run 0 run --write 8M --retrans 2 \
	-e 'cut: on server.write off=1M after do drop, rst max=2'
says 'rule cut: 2 hits'
says 'the application saw ECONNABORTED'
says '^verdict: PASS'
run 3 run -e 'client in-place hard retrans=3'
says '"hard" waits for ever: it does not go with "retrans"'
run 3 run -e 'client in-place durabel=v2'
says 'did you mean "durable"'
run 3 run --durable v3
says 'off, v1 or v2'
run 3 run --server diod --durable v1
says 'durable handles are part of SMB'
run 3 run --server diod -e 'a: on server.write after do kill-child'
says 'one process for all'

# cache modes under a reset: what write(2) returned is never lost
for cache in none strict loose; do
	run 0 run --write 8M --fsyncs 2 --cache $cache \
		-e 'cut: on server.write nth=5 after do drop, rst max=1'
	says '^verdict: PASS'
done
run 3 run --cache strickt
says 'always, none, strict or loose'

# write sizes that divide nothing
for wsize in 12345 65537; do
	for server in smbd diod; do
		run 0 run --server $server --write 8M --wsize $wsize \
			--workload rewrite --fsyncs 2 \
			-e 'cut: on server.write nth=5 before do rst max=1'
		says '^verdict: PASS'
	done
done

finish
