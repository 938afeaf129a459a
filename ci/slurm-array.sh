#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A campaign in shards as a Slurm job array, one task a shard; waits, merges.
# Further options for sbatch: SBATCH_ARGS='--exclusive -p PARTITION -t 2:00:00'.
# What is timed wants --exclusive. Tasks that Slurm ran again count once, the
# newest; a task that left nothing is named by the merge.
set -u
here=$(dirname "$0")
. "$here/shards.sh"
shard_args "$@" || {
	rc=$?
	[ $rc = 3 ] && shard_usage "$0" "each a task of a job array" >&2
	exit $rc
}
shift $took
command -v sbatch >/dev/null || {
	echo "Slurm is not installed (packages slurm-client, slurmd)" >&2
	exit 2
}
# Quoted once for the shell of the task.
quote() {
	printf " '%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}
command=$(quote "$netwb")
for a in "$@"; do
	command="$command$(quote "$a")"
done
dir=$(quote "$out/shard-")
job=$out/job.sh
cat >"$job" <<END
#!/bin/sh
k=\$SLURM_ARRAY_TASK_ID
mkdir -p $dir"\$k"
exec$command --shard "\$k/$nr" --out $dir"\$k"
END
# --wait gives the worst exit code of the tasks; that of the whole comes from
# the merge. SBATCH_ARGS is several words on purpose.
# shellcheck disable=SC2086
sbatch --wait --job-name=netwb --array="1-$nr" --output="$out/shard-%a.log" \
	${SBATCH_ARGS-} "$job" || echo "slurm-array: some task did not pass" >&2
shard_merge
