#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The external fio engine: verified data through shared memory, both modes,
# both servers, a lost ack below. Needs the source package of the installed
# fio (scripts/fio-engine), so it is no part of make test: make test-engine.
# Usage: tests/e2e/fio-engine.sh BUILD
. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")/../.." && pwd)
engine=$("$here/scripts/fio-engine" 2>"$tmp/out") || {
	cat "$tmp/out"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
}
if ldd "$engine" | grep -Eq 'gss|ssl|crypto|krb'; then
	bad "the engine brings a crypto library into fio's process"
else
	ok
fi

cat >"$tmp/job.fio" <<-EOF
	[global]
	ioengine=external:$engine
	iodepth=16
	size=4M
	verify=crc32c
	end_fsync=1
	[seq]
	rw=write
	bs=64k
	[rand]
	stonewall
	rw=randwrite
	bs=4k
	fsync=64
	numjobs=2
	group_reporting
EOF
for server in smbd diod; do
	for client in in-place temp-page; do
		run 0 mount $server --client $client --engine \
			-e 'cut: on server.write nth=7 after do drop, rst max=1' \
			-- fio "$tmp/job.fio"
		says '^client .* [1-9][0-9]* reconnects'
		# two files of 4 MiB and one more: all of it came this way
		says '^mount: .* writes 12\.0 MiB, .* reads 12\.0 MiB'
		says 'verdict: PASS'
	done
done

# beside the others, with fio's own engine replaced in a copy
cat >"$tmp/any.fio" <<-EOF
	[any]
	ioengine=psync
	rw=randwrite
	size=4M
	bs=4k
	verify=crc32c
EOF
run 0 bench any.fio --engine "$engine" --server diod --pairs 1
says '6 of 6 runs'
cat "$tmp"/results/*/run.jsonl >"$tmp/out"
says '"subject":"in-place-engine".*"verdict":"PASS"'
says '"subject":"temp-page-engine".*"verdict":"PASS"'
grep -q 'ioengine=external:.*libnwb-fio.so' "$tmp"/results/*/engine-any.fio ||
	bad "the copy does not name the engine"

# a file that is not on the mount is refused, and so is a mount without it
cat >"$tmp/host.fio" <<-EOF
	[host]
	ioengine=external:$engine
	directory=$tmp
	rw=write
	size=64k
EOF
run 1 mount diod --engine -- fio "$tmp/host.fio"
says 'is not on a netwb mount --engine'
run 1 mount diod -- fio "$tmp/job.fio"
says 'NWB_ENGINE is not set'
finish
