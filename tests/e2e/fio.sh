#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb bench JOB.fio: unchanged job files, on a local directory here; that
# nothing reaches the host, and that a run which measured nothing has no
# numbers. Usage: tests/e2e/fio.sh BUILD
. "$(dirname "$0")/lib.sh"

command -v fio >/dev/null || {
	echo "skipped: fio is not installed"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
}

servers=smbd,diod runs=7
data=$tmp/data
abs_build=$(cd "$build" && pwd)
mkdir "$data"

# job NAME LINES: a job file that writes below $data
job() {
	cat >"$tmp/$1.fio"
}

# the newest session's records
store() {
	cat "$(ls -td "$tmp"/results/*/ | head -1)run.jsonl" >"$tmp/out"
}

job plain <<-EOF
	[global]
	directory=$data
	rw=write
	size=1M
	end_fsync=1
	time_based
	runtime=1
	[w4k]
	numjobs=2
	group_reporting
	bs=4k
	[w64k]
	stonewall
	bs=64k
EOF
run 0 bench plain.fio --subjects posix --pairs 2
store
says '"job":"w4k".*"pair":2.*"write":\{"bytes":[1-9]'
says '"job":"w64k".*"subject":"posix"'
[ -z "$(ls -A "$data")" ] || bad "fio wrote into the host's directory"

# without directory= the subject is the current directory
job verify <<-EOF
	[v]
	rw=randwrite
	bs=4k
	size=4M
	verify=crc32c
EOF
run 0 bench verify.fio --subjects posix --pairs 1
store
says '"verdict":"PASS"'
ls "$tmp" | grep -q '^v\.' && bad "fio left its files in the directory"

# all subjects in one comparison; a lost ack and a reset below the mounts
job all <<-EOF
	[global]
	directory=$data
	size=1M
	bs=4k
	fsync=16
	[a]
	rw=write
	verify=crc32c
	[b]
	stonewall
	rw=randwrite
	verify=crc32c
	numjobs=2
	group_reporting
EOF
all_subjects() {
	run 0 bench all.fio --server $servers --pairs 1 \
		-e 'cut: on server.write nth=7 after do drop, rst max=1'
	says "$runs of $runs runs"
	store
	for s in in-place temp-page kernel-fuse; do
		for v in $(echo $servers | tr , ' '); do
			says "\"reconnects\":[1-9].*\"server\":\"$v\".*\"subject\":\"$s\".*\"verdict\":\"PASS\""
		done
	done
	says '"server":"local".*"subject":"posix".*"verdict":"PASS"'
	[ -z "$(ls -A "$data")" ] || bad "fio wrote into the host's directory"
	# what the engine talks to, by a client of our own, a bad one too
	run 0 mount diod --engine -- "$abs_build/tests/e2e/engine_client"
	says 'verdict: PASS'
}
if can_mount; then all_subjects; fi

# what a server cannot do is left out, with the reason
run 0 bench verify.fio --subjects posix,in-place --server diod --pairs 1 \
	-e 'starve: on server.grant nth=3 do grant 0'
says 'diod left out: .*9P has no credits'
says '1 of 1 runs'

# data that fio finds wrong are a FAIL, whatever else the run was
job wrong <<-EOF
	[wrong]
	directory=$data
	rw=write
	bs=4k
	size=1M
	verify=crc32c
	verify_only=1
	create_on_open=1
	file_append=0
	exec_prerun=truncate -s 1M wrong.0.0
EOF
run 1 bench wrong.fio --subjects posix --pairs 1
says 'FAIL  fio verify: job wrong'

# refused before anything runs
job missing <<-EOF
	[m]
	directory=/netwb/is/not/there
	rw=write
	size=1M
	runtime=1
	time_based
EOF
run 3 bench missing.fio --subjects posix
says '/netwb/is/not/there is not there.*--directory \.'
run 0 bench missing.fio --subjects posix --pairs 1 --directory sub/dir
run 3 bench missing.fio --subjects posix --pairs 1 --directory ../..
job ramp <<-EOF
	[r]
	rw=write
	size=1M
	ramp_time=30
	runtime=10
	time_based
EOF
run 3 bench ramp.fio --subjects posix
says 'ramp_time \(30 s\) is not shorter'
printf '[b]\nbogus=1\n' >"$tmp/bad.fio"
run 3 bench bad.fio
says 'fio says: Bad option <bogus=1>'
run 3 bench nothere.fio
says 'nothere.fio: No such file'
run 3 bench plain.fio --subjects nobody
run 3 bench plain.fio plain.fio
run 3 bench plain.fio --subjects in-place-engine
says 'which engine'
run 3 bench plain.fio --engine /netwb/nothere.so
run 3 bench plain
says 'ends in .fio'

# ran, but there is nothing to believe
job gone <<-EOF
	[g]
	rw=read
	size=1M
	allow_file_create=0
EOF
run 2 bench gone.fio --subjects posix --pairs 1
says 'INVALID  .*'
store
says '"invalid":"[^"]+"'
says '"verdict":"INCONCLUSIVE"'
job long <<-EOF
	[long]
	directory=$data
	rw=write
	size=1M
	rate=64k
	runtime=300
	time_based
EOF
run 2 bench long.fio --subjects posix --pairs 1 --limit 1
says 'ended by --limit'

# interrupted: no fio goes on, nothing is left
(cd "$tmp" && exec "$netwb" bench long.fio --subjects posix --out intr) \
	>"$tmp/out" 2>&1 &
pid=$!
fios() {
	grep -qs "NWB_FIO_OF=$pid" /proc/[0-9]*/environ
}
n=0
while ! fios && [ $n -lt 600 ]; do
	n=$((n + 1))
	sleep 0.1
done
fios || bad "fio did not start"
kill -INT $pid
got=0
wait $pid || got=$?
[ $got = 130 ] || bad "exit $got after ^C"
n=0
while fios && [ $n -lt 600 ]; do
	n=$((n + 1))
	sleep 0.1
done
fios && bad "fio goes on after ^C"
ok
[ -z "$(ls -A "$data")" ] || bad "something was left in the directory"

finish
