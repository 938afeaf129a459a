#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# fio's client and server mode as docs/nightly.md tells it: two servers stand
# for two hosts, one client drives both, and the figures of all are in one
# file. In a network namespace of its own: fio's protocol lets everybody in.
#
# Usage: tests/e2e/fio-hosts.sh
set -u
if [ -z "${NWB_FIO_INSIDE-}" ]; then
	for p in fio unshare ip python3; do
		PATH=$PATH:/usr/sbin command -v $p >/dev/null || {
			echo "skipped: $p is not installed"
			echo "0 passed, 0 failed, 1 skipped"
			exit 0
		}
	done
	unshare --user --map-root-user --net true 2>/dev/null || {
		echo "skipped: no network namespace can be made here"
		echo "0 passed, 0 failed, 1 skipped"
		exit 0
	}
	NWB_FIO_INSIDE=1 exec unshare --user --map-root-user --net "$0"
fi
PATH=$PATH:/usr/sbin
tmp=$(mktemp -d)
p1='' p2=''
trap 'kill $p1 $p2 2>/dev/null; rm -rf "$tmp"' EXIT
ip link set lo up
cd "$tmp" || exit 2
for h in a b; do
	mkdir $h
	printf '[w]\ndirectory=%s\nrw=write\nbs=64k\nsize=1m\nioengine=psync\n' \
		"$tmp/$h" >$h.fio
done
fio --server=ip:127.0.0.1,8765 >a.log 2>&1 &
p1=$!
fio --server=ip:127.0.0.1,8766 >b.log 2>&1 &
p2=$!
# A client that finds one of them missing goes on with the other and exits 0:
# wait until both listen (8765 is 223D, state 0A).
n=0
until grep -q ':223D [^ ]* 0A' /proc/net/tcp &&
	grep -q ':223E [^ ]* 0A' /proc/net/tcp; do
	n=$((n + 1))
	[ $n -lt 300 ] && kill -0 $p1 && kill -0 $p2 || break
	sleep 0.2
done
fio --client=ip:127.0.0.1,8765 a.fio --client=ip:127.0.0.1,8766 b.fio \
	--output-format=json+ --output=all.json >out 2>&1
if python3 - <<'END'; then
import json
t = open('all.json').read()
jobs = json.loads(t[t.index('{'):])['client_stats']
wrote = {}
for j in jobs:
    assert j['error'] == 0, j
    wrote.setdefault(j['jobname'], []).append(j['write']['io_bytes'])
assert wrote == {'w': [1 << 20, 1 << 20], 'All clients': [2 << 20]}, wrote
END
	echo "1 passed, 0 failed, 0 skipped"
else
	cat out a.log b.log
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
