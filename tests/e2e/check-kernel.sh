#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb check --kernel: the command line anywhere; guests where a UML kernel is
# at hand (NWB_TEST_KERNEL names another one; QEMU is slow on a loaded machine).
. "$(dirname "$0")/lib.sh"

run 0 check --kernel list
says '^  cifs-hard .*hard,cache=strict'
says '^  power-loss '
run 0 check --kernel list --help
says '^  --bisect'
run 3 check --kernel 7.2 resart
says '^netwb: resart: no such scenario'
run 3 check --kernel 7.2 --runs 0
says '^netwb: --runs 0: a number, 1 to 1000'
run 3 check --kernel 7.2 --oracles O1,O16
says '^netwb: --oracles O1,O16: O1 to O15'
run 3 check --kernel 7.2 --oracles ''
run 3 check --kernel 7.2 --isolation none
says 'a guest needs a network of its own'
run 3 check --kernel 7.2 --mount-options 'a b'
run 3 check --kernel 7.2 -e 'x: on server.wirte do drop' 9p
says 'did you mean "write"'
run 3 check --kernel 7.2 -e 'client in-place' 9p
says 'says "client kernel"'
run 129 check --kernel 7.2 --bisect resart
# a tree that is none cannot be told good or bad
run 125 check --kernel no-such-kernel --bisect 9p.none
run 2 check --kernel no-such-kernel 9p.none
# a plan for guests is none for clients of ours
run 3 run -e 'client kernel'
says 'netwb check --kernel'

kernel=
for k in ${NWB_TEST_KERNEL-} 7.2-uml 6.12-uml /usr/bin/linux.uml; do
	"$netwb" kernel show "$k" >"$tmp/out" 2>&1 || continue
	kernel=$k
	break
done
if [ -z "$kernel" ]; then
	echo 'skipped: no kernel in the cache; netwb kernel get 7.2'
	skipped=$((skipped + 1))
	finish
fi

# A guest needs a tap, which not everybody may have.
if ! (cd "$tmp" && exec "$netwb" check --kernel "$kernel" --out tap \
	9p.none) >"$tmp/out" 2>&1 && grep -q /dev/net/tun "$tmp/out"; then
	sed -n 's/^netwb: /skipped: /p' "$tmp/out"
	skipped=$((skipped + 1))
	finish
fi

# Nothing goes wrong: no finding may come of it, and everything is there.
run 0 check --kernel "$kernel" --keep --out kept cifs-hard.none 9p.none
says '^  cifs-hard.none  *PASS 1/1'
says '^  9p.none  *PASS 1/1'
bundle=$(echo "$tmp"/kept/*/guest/smbd.*cifs-hard.none-1)
trace=
"$netwb" kernel show "$kernel" | grep -q ' tracepoints' && trace=run.trace.gz
for f in README plan job run.ledger $trace run.stat wire.pcapng console \
	reproducer.sh reproducer.c; do
	[ -s "$bundle/$f" ] && ok || bad "the bundle has no $f"
done
# what was held against what: the law is printed
cat "$bundle/README" >"$tmp/out"
says '^policy: waits for ever, .* fenced by a new session$'
says '^judged: O1 '
says '^not judged: O14, '
run 0 explain "$bundle/run.ledger" --at netwb.dat:1M
says ' write '
says ' applied '

# KTAP alone on stdout; of a run that passed little is left
got=0
(cd "$tmp" && exec "$netwb" check --kernel "$kernel" --ktap --out ktap \
	9p.none) >"$tmp/out" 2>"$tmp/err" || got=$?
[ $got = 0 ] && ok || bad "exit $got: $(cat "$tmp/err")"
[ "$(head -1 "$tmp/out")" = 'KTAP version 1' ] && ok || bad 'not KTAP'
says '^  ok 1 diod\..*\.9p\.none # 1 of 1 runs'
[ -e "$tmp"/ktap/*/guest/*-1/run.ledger ] && bad 'a ledger is left' || ok

# The guest's own FUSE server: rules that name its WRITEs fire, too.
run 0 check --kernel "$kernel" --keep --out fuse fuse
says '^  fuse.none  *PASS 1/1'
says '^  fuse.freeze  *PASS 1/1'
says '^  fuse.enospc  *PASS 1/1; told ENOSPC 1/1'
says '^  fuse.power-loss  *PASS 1/1'
cat "$tmp"/fuse/*/guest/*/README >"$tmp/out"
says '^rule full \(.*\): [1-9][0-9]* hits'
says '^rule dead \(.*\): 1 hits'

# A server that lies is seen to: JOB OPTION KERNEL ORACLE.
lies() {
	printf '%b' "$1" >"$tmp/lie.job"
	rm -rf "$tmp/lie"
	run 1 check --kernel "$3" --job lie.job --mount-options "$2" --out lie \
		fuse
	cat "$tmp"/lie/*/guest/*/README >>"$tmp/out"
	says "  $4 FAIL "
}
begin='open 0 1 rdwr,creat\nwrite 0 0 64K\nfsync 0\n'
lies "${begin}write 0 0 64K\nfsync 0\ndrop_caches\nread 0 0 64K\n" lose=2 \
	"$kernel" O12
lies "${begin}write 0 64K 64K\nfsync 0\nclose 0\n" cut=2 "$kernel" O9
# only 6.12 and before promise stable pages
for k in 6.12-uml /usr/bin/linux.uml; do
	"$netwb" kernel show "$k" >"$tmp/out" 2>&1 || continue
	lies "${begin}write 0 0 2K\nwrite 0 2K 2K\nfsync 0\n" tear=2 "$k" O13
	break
done

# A fault at a mark, and one of the server: both hit, with bytes at stake.
# Whether the kernel stands it is its own business.
"$netwb" check --kernel "$kernel" --keep --out "$tmp/hit" \
	cifs-hard.reset-before 9p.freeze-kill >"$tmp/out" 2>&1 || :
says 'cifs-hard.reset-before  *(PASS|FAIL)'
says '9p.freeze-kill  *(PASS|FAIL|KNOWN)'
cat "$tmp"/hit/*/guest/*/README >"$tmp/out"
says '^rule cut \(.*\): 1 hits'
says '^rule stall \(.*\): 1 hits'
finish
