#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb explain on a real run's ledger, on what a FAIL leaves behind, and on
# what is no ledger.
. "$(dirname "$0")/lib.sh"

run 0 run --write 16M -e 'cut: on server.write nth=5 after do drop, rst' \
	--ledger a.ledger
run 0 explain a.ledger --at netwb.dat:4M
says '^ +[0-9.]+  write +fd 1 v[0-9]+, 4194304\+1048576$'
says '^ +[0-9.]+  sent +attempt 1, 4194304\+1048576$'
says '^ +[0-9.]+  applied +v[0-9]+, 4194304\+1048576, mid [0-9]+ :[0-9]+$'
says '^ +[0-9.]+  acked '
says '^ +[0-9.]+  fsync +fd 1, covers v[0-9]+: ok'
says '^in the end: v([0-9]+) written; v[0-9]+ applied last; fsync ok for v'
if awk 'length($0) > 72 { exit 1 }' "$tmp/out"; then
	ok
else
	bad "a line is longer than 72 columns"
fi
# of the byte that the fault hit, the story has the fault and a second attempt
m=0
while [ $m -lt 16 ]; do
	"$netwb" explain "$tmp/a.ledger" --at netwb.dat:${m}M >"$tmp/out"
	! grep -q '  FAULT     rule 1, hit 1: WRITE mid ' "$tmp/out" || break
	m=$((m + 1))
done
says '  FAULT     rule 1, hit 1: WRITE mid '
says 'conn down [0-9]+, by a fault'
says 'sent +attempt 2,'
run 0 explain a.ledger --at netwb.dat:0x10
run 3 explain a.ledger --at netwb.dat:1G
says 'nothing was written there, the file ends at 16777216'
run 3 explain a.ledger --at other.dat:0
says 'no file "other.dat" in the ledger; it has netwb.dat'
run 3 explain a.ledger
says 'which byte\? --at FILE:OFFSET'
run 3 explain a.ledger --at netwb.dat
run 3 explain a.ledger --at netwb.dat:12x
run 3 explain --at netwb.dat:0
run 3 explain none --at netwb.dat:0
says 'none: No such file'

# what a kernel said lies beside its ledger
cat >"$tmp/a.trace" <<'END'
 wb-1 [000] .....  5.000000: netfs_write: R=1 WRITEBACK c=0 i=1 by=0-ffffffffffffffff
 wb-1 [000] .....  5.001500: netfs_sreq: R=1[1] UPLD SUBMT f=100 s=0 0/1000 s=0 e=0
 wb-1 [000] .....  5.002000: netfs_sreq: R=1[2] UPLD SUBMT f=100 s=1000 0/1000 s=0 e=0
END
gzip "$tmp/a.trace"
echo 'netfs.UpldOps.UL 2' >"$tmp/a.stat"
run 0 explain a.ledger --at netwb.dat:0
says '^    1\.500  netfs_sreq   R=1\[1\] UPLD SUBMT f=100 s=0 0/1000 s=0 e=0$'
says '^  netfs\.UpldOps\.UL 2$'
if grep -q 'R=1\[2\]' "$tmp/out"; then
	bad "it tells of another byte"
else
	ok
fi
run 0 explain a.ledger --at netwb.dat:1M
says 'its trace does not mention this byte'
head -c 20 "$tmp/a.trace.gz" >"$tmp/b" && mv "$tmp/b" "$tmp/a.trace.gz"
run 3 explain a.ledger --at netwb.dat:0
says 'a\.trace\.gz: cannot be unpacked, or is cut short'

# no ledgers: cut short, something else, an empty directory
head -c 9000 "$tmp/a.ledger" >"$tmp/short"
run 3 explain short --at netwb.dat:0
says 'short: not a ledger of this version, or cut short'
run 3 explain /dev/null --at netwb.dat:0
mkdir "$tmp/empty"
run 3 explain empty --at netwb.dat:0
says 'empty has no ledger'

# a FAIL keeps its ledger and says how to look at it
run 1 run --write 4M -e 'expect amplification < 0.5' --out kept
says '^verdict: FAIL'
says '^explain: netwb explain kept/[^ ]+\.ledger --at netwb.dat:0$'
run 0 explain "$(cd "$tmp" && echo kept/*)" --at netwb.dat:1M
says '^in the end: '
run 1 check -e 'expect amplification < 0.5' --repeat 2 --write 4M --out two
says 'explain: netwb explain two/[^ ]+\.ledger --at netwb.dat:0$'
run 3 explain "$(cd "$tmp" && echo two/*)" --at netwb.dat:1M
says 'has 2 ledgers: name one of them'
# a run that passes leaves nothing
run 0 run --write 4M --out none
if [ -e "$tmp/none" ]; then
	bad "a run that passed left a directory"
else
	ok
fi
finish
