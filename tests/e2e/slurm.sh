#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ci/slurm-array.sh on a real Slurm of one node: the distribution's munged,
# slurmctld and slurmd, started by hand in a directory and a network namespace
# of their own, ended by pid. Not part of make test: `make test-slurm`.
#
# Usage: tests/e2e/slurm.sh BUILD
set -u
build=$(cd "${1:?usage: $0 BUILD}" && pwd)
ci=$(cd "$(dirname "$0")/../../ci" && pwd)
missing=
for p in munged slurmctld slurmd sbatch unshare; do
	PATH=$PATH:/usr/sbin command -v $p >/dev/null || missing="$missing $p"
done
if [ -n "$missing" ]; then
	echo "skipped: not installed:$missing (apt-get install" \
		"--no-install-recommends slurmctld slurmd slurm-client munge)"
	exit 77
fi
[ "$(id -u)" = 0 ] || {
	echo "skipped: slurmd starts jobs as root only"
	exit 77
}
# Nothing of it can be reached from outside.
if [ -z "${NWB_SLURM_INSIDE-}" ]; then
	NWB_SLURM_INSIDE=1 exec unshare --net --uts --mount "$0" "$build"
fi
ip link set lo up
# Slurm resolves names only where an address that is not loopback is there
ip link add nwb0 type veth peer name nwb1
ip addr add 10.77.0.1/24 dev nwb0
ip link set nwb0 up
ip link set nwb1 up
hostname nwb-node
dir=$(mktemp -d)
chmod 755 "$dir"
# in this mount namespace only
printf '127.0.0.1 localhost\n10.77.0.1 nwb-node\n' >"$dir/hosts"
mount --bind "$dir/hosts" /etc/hosts
pids=()

stop() {
	for p in "${pids[@]}"; do
		kill "$p" 2>/dev/null
	done
	for p in "${pids[@]}"; do
		wait "$p" 2>/dev/null
	done
	rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

die() {
	echo "FAIL: $*"
	tail -n 20 "$dir"/*.log 2>/dev/null
	exit 1
}

mkdir -p "$dir/state" "$dir/spool" "$dir/munge"
chmod 755 "$dir/munge"
head -c 1024 /dev/urandom >"$dir/munge/key"
chmod 400 "$dir/munge/key"
munged --foreground --force --key-file="$dir/munge/key" \
	--socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
	--log-file="$dir/munged.log" --seed-file="$dir/munge/seed" \
	>>"$dir/munged.log" 2>&1 &
pids+=($!)
cat >"$dir/slurm.conf" <<END
ClusterName=nwb
SlurmctldHost=nwb-node(10.77.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
MailProg=/bin/true
NodeName=nwb-node NodeAddr=10.77.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
echo "CgroupPlugin=cgroup/v1" >"$dir/cgroup.conf"
export SLURM_CONF=$dir/slurm.conf
PATH=$PATH:/usr/sbin

# Slow machines are slow: these only end what will never be.
until_ok() {
	end=$((SECONDS + 60))
	while [ $SECONDS -lt $end ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.2
	done
	return 1
}

until_ok test -S "$dir/munge/socket" || die "munged does not start"
slurmctld -D >>"$dir/slurmctld.out.log" 2>&1 &
pids+=($!)
slurmd -D -N nwb-node >>"$dir/slurmd.out.log" 2>&1 &
pids+=($!)
is_idle() {
	[ "$(sinfo -h -o %T)" = idle ]
}
until_ok is_idle || die "the node does not become idle: $(sinfo 2>&1)"

rc=0
(cd "$dir" && "$ci/slurm-array.sh" --build "$build" 4 out check \
	--server smbd --filter "smbd.in-place.seq1m.*") >"$dir/out.log" 2>&1 ||
	rc=$?
cat "$dir/out.log"
[ $rc -le 1 ] || die "slurm-array.sh: exit $rc"
[ "$(find "$dir/out" -path '*/shard-*/run.jsonl' | wc -l)" = 4 ] ||
	die "not four shards"
"$build/bench/netwb" store verify "$dir/out/merged" || die "the merged session"
n=$(grep -c '"type":"run"' "$dir/out/merged/run.jsonl")
[ "$n" = 5 ] || die "$n runs instead of 5"
grep -q '"shard":"4/4"' "$dir/out/merged/run.jsonl" || die "no fourth shard"
echo "1 passed, 0 failed, 0 skipped"
