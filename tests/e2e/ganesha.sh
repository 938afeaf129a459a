#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The second 9P server: the same faults, the same verdicts.
. "$(dirname "$0")/lib.sh"

if ! [ -x /usr/bin/ganesha.nfsd ]; then
	echo "SKIP: needs nfs-ganesha: apt-get install nfs-ganesha nfs-ganesha-vfs"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi

run 77 run --server ganesha --isolation userns --write 4M
says '^verdict: SKIP  ganesha works with isolation "ns" only'
(cd "$tmp" && "$netwb" run --server ganesha --write 4M) >"$tmp/out" 2>&1
if [ $? = 77 ]; then
	sed -n 's/^verdict: SKIP */SKIP: /p' "$tmp/out"
	echo "$passed passed, $failed failed, 1 skipped"
	[ "$failed" -eq 0 ] || exit 1
	exit 77
fi

# what it needs beside its package: said before it starts
got=0
(cd "$tmp" && exec unshare -m sh -c 'mount -t tmpfs none /etc && exec "$@"' \
	sh "$netwb" run --server ganesha --write 4M) >"$tmp/out" 2>&1 || got=$?
[ $got = 2 ] && ok || bad "exit $got without /etc/mtab, not 2"
says 'as root: ln -s /proc/self/mounts /etc/mtab'

# cuts on both sides of the effect, slow acks, an ack twice, storage errors
for client in in-place temp-page; do
	run 0 run --server ganesha --client $client --write 16M
	says '^verdict: PASS'
	for fault in 'cut: on server.write nth=5 before do rst max=1' \
		'cut: on server.write nth=5 before do fin max=1' \
		'cut: on server.write nth=5 after do drop, rst max=1' \
		'cut: on server.flush before do rst max=1' \
		'cut: on server.flush after do drop, rst max=1' \
		'cut: on server.write nth=9..40 after do hold 20ms' \
		'cut: on backend.pwrite nth=5..20 do delay 5ms' \
		'cut: on backend.pwrite nth=5 do short 1000 max=1' \
		'cut: on backend.fsync do delay 30ms max=1'; do
		run 0 run --server ganesha --client $client \
			--workload rewrite --fsyncs 4 --write 8M -e "$fault"
		says 'rule cut: [1-9][0-9]* hits'
		says '^verdict: PASS'
	done
done

# told to the application, with the errno that storage gave
run 0 run --server ganesha --write 8M \
	-e 'full: on backend.pwrite nth=9 do error ENOSPC max=1' \
	-e 'expect fsync ENOSPC on every-fd'
says 'the application saw ENOSPC'
says '^verdict: PASS'
run 0 run --server ganesha --write 8M \
	-e 'bad: on backend.fsync do error EIO max=1' \
	-e 'expect fsync EIO on every-fd'
says 'the application saw EIO'
says '^verdict: PASS'

# it crashes and loses what was not fsynced; the client sends that again
run 0 run --server ganesha --write 16M -e 'server ganesha volatile' \
	-e 'crash: on server.write nth=9 after do restart max=1'
says 'rule crash: 1 hits'
says '^verdict: PASS'

# it fences no better than diod: see there
known=0
for seed in 1 2 3 4 5 6; do
	(cd "$tmp" && exec "$netwb" run --server ganesha --workload rewrite \
		--fsyncs 4 --seed $seed \
		-e 'park: on backend.pwrite nth=5 do delay 1500ms, arm cut max=1' \
		-e 'cut: on server.write before do rst unarmed max=1') \
		>"$tmp/out" 2>&1 </dev/null || break
	grep -q '^verdict: KNOWN  O3 UNFENCED' "$tmp/out" || continue
	known=1
	break
done
if [ $known = 1 ]; then ok; else bad "no UNFENCED in 6 seeds, or a failure"; fi

# msize is the server's to limit: 1 MiB by itself
run 0 run --server ganesha --write 8M -e 'client in-place msize=8M'
says 'wsize 1048552'
says '^verdict: PASS'
run 0 run --server ganesha --write 8M -e 'server ganesha msize=16K' \
	-e 'client in-place msize=8M'
says 'wsize 16360'
says '^verdict: PASS'

# the standard faults over it alone
run 0 check --server ganesha --filter '*.rewrite.*'
says '^Verdict: PASS'
says 'ganesha 4.*cells'
says 'smbd.*no cell was run'

# what it does not have is refused by name
run 3 run --server diod -e 'server diod msize=16K' -e 'client in-place'
says 'diod has no option "msize"'
finish
