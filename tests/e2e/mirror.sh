#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A mirror on real servers: it has what the file has, is judged by a ledger of its
# own, and what happens to one of the two does not stop the other one.
. "$(dirname "$0")/lib.sh"

# A mirror, of either protocol for either.
run 0 run --mirror diod --write 8M
says "mirror diod: 8388608 bytes, the file's content"
says '^verdict: PASS'
run 0 run --server diod --mirror smbd --client temp-page --write 8M --fsyncs 4
says "mirror smbd: 8388608 bytes, the file's content"
# The server's connection is lost, the mirror's is not: both have it all.
run 0 run --mirror diod --fault reset-before --write 16M
says "mirror diod: [0-9]+ bytes, the file's content"
says '^verdict: PASS'
# A mirror whose disk is full is left behind, and that is no error of the file.
run 0 run --mirror diod:4M --write 16M
if grep -q 'isolation none' "$tmp/out"; then
	skipped=$((skipped + 1))
else
	says 'mirror diod: left behind after [0-9]+ bytes'
fi
says '^verdict: PASS'
# It is compared: h3 puts bytes of the file elsewhere, and not the mirror's.
run 1 run --server diod --flavour linux-6.12 --mirror smbd --write 4M \
	-e 'short: on server.write nth=4 do short 4096 max=1' \
	-e 'full: on server.write nth=5 before do error ENOSPC max=1'
says 'O1 FAIL LOST: the mirror was not left behind'
run 3 run --mirror nfsd
says 'a server, see `netwb list`'
run 3 run --client raw-cold --mirror diod --write 4M
says "a mirror is the reference client's"

# Faults of the mirror alone. Left behind, and nobody is told: the file has it
# all, judged as ever.
run 0 run --mirror diod --write 8M --fsyncs 4 \
	-e 'full: on mirror.backend.pwrite nth=9 do error ENOSPC max=1'
says 'mirror diod: left behind after [0-9]+ bytes'
says 'rule full: 1 hits'
says '^verdict: PASS'
if grep -q 'the application saw' "$tmp/out"; then
	bad 'an error of the mirror was told'
fi
# The other way round: the mirror has all of a file that lost some, and it is
# held to that by its own ledger.
run 0 run --mirror diod --write 8M --fsyncs 4 \
	-e 'full: on backend.pwrite nth=5 do error ENOSPC max=1'
says 'the application saw ENOSPC'
says 'mirror diod: 8388608 bytes, another content than the file'
says '^verdict: PASS'
# A mirror that is started again, or answers late, comes along.
run 0 run --server diod --mirror smbd --write 8M --fsyncs 4 \
	-e 'gone: on mirror.server.write nth=2 after do restart max=1'
says "mirror smbd: 8388608 bytes, the file's content"
says '^verdict: PASS'
cat >"$tmp/late.plan" <<'END'
plan late
server smbd
client in-place mirror=diod
late: on mirror.server.write nth=9..20 do hold 20ms
cut: on server.write nth=3 before do rst max=1
heal
END
run 0 lint "$tmp/late.plan"
run 0 run --plan "$tmp/late.plan" --write 8M --fsyncs 2 \
	--ledger late.ledger
run_ledger=$tmp/late.ledger
says 'rule late: 12 hits'
says 'rule cut: 1 hits'
says "mirror diod: [0-9]+ bytes, the file's content"
says '^verdict: PASS'
for ledger in "$run_ledger" "$run_ledger.mirror"; do
	run 0 explain "$ledger" --at netwb.dat:0
	says 'applied +v1, 0\+'
done
# A mirror that dies when the file is opened there is done without at once, and
# nothing was at stake then, which is VACUOUS.
run 1 run --mirror diod --write 4M \
	-e 'dead: on mirror.server.create nth=1 before do kill max=1'
says 'mirror diod: did not answer when the file was opened'
says 'O11 VACUOUS NOT-EXPOSED: mirror: dead'
# A fault that did not happen to it proves nothing.
run 1 run --mirror diod --write 4M \
	-e 'full: on mirror.backend.pwrite nth=9999 do error ENOSPC max=1'
says 'O11 VACUOUS HITS: mirror: full: did not fire'
says '^verdict: VACUOUS'
# What cannot be is refused: by itself, and under the mirror's own protocol.
run 3 run --write 4M -e 'full: on mirror.backend.pwrite do error ENOSPC'
says 'there is no mirror'
echo 'few: on mirror.server.grant do grant 0' >>"$tmp/late.plan"
run 3 lint "$tmp/late.plan"
says 'late.plan:7:1: rule "few": cannot be injected here: 9P has no credits'
run 3 run --plan "$tmp/late.plan"
says '9P has no credits'
finish
