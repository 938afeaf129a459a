#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 at random moments leaves nothing behind, the next run works; ^C ends
# within a second. Usage: cleanup.sh BUILD [MOMENTS]
moments=${2:-10}
. "$(dirname "$0")/lib.sh"

# What could be left: processes with our mark in the environment, mounts,
# namespaces (seen through their processes), files with one of our names.
mark=NWB_CLEANUP_MARK=$$
left() {
	grep -lsaz -- "$mark" /proc/[0-9]*/environ 2>/dev/null |
		grep -v "^/proc/$$/" || true
}
state() {
	cat /proc/mounts
	find /tmp /dev/shm /run /var/tmp -maxdepth 2 2>/dev/null |
		grep -Ei 'netwb|nwb[-_.]|samba|diod' | sort
}
state >"$tmp/before"
seed=${NWB_SEED:-$$}
echo "seed $seed"

wait_gone() { # PID, tenths of a second
	i=0
	while kill -0 "$1" 2>/dev/null && [ $i -lt "$2" ]; do
		sleep 0.1
		i=$((i + 1))
	done
	! kill -0 "$1" 2>/dev/null
}

n=0
while [ $n -lt "$moments" ]; do
	n=$((n + 1))
	ms=$(awk -v s="$seed$n" 'BEGIN { srand(s); printf "%.3f", rand() * 0.9 }')
	server=smbd
	[ $((n % 2)) = 0 ] && server=diod
	env "$mark" "$netwb" run --server $server --write 64M --fault slow-acks \
		>"$tmp/out" 2>&1 </dev/null &
	pid=$!
	sleep "$ms"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	i=0
	while [ -n "$(left)" ] && [ $i -lt 20 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if [ -z "$(left)" ]; then ok; else
		left >"$tmp/out"
		bad "processes left 2 s after kill -9 at $ms s (seed $seed)"
	fi
done
state >"$tmp/after"
if diff "$tmp/before" "$tmp/after" >"$tmp/out"; then ok; else
	bad "mounts or files changed (seed $seed)"
fi
run 0 run --write 4M

# ^C: a group of its own, so that only netwb gets it
env "$mark" setsid sh -c 'trap - INT; exec "$@"' sh "$netwb" bench \
	--out "$tmp/results" >"$tmp/out" 2>&1 </dev/null &
sleep 2
pid=$(pgrep -f "$netwb bench --out $tmp/results" | head -1)
kill -INT "$pid"
if wait_gone "$pid" 10; then ok; else bad "still there 1 s after ^C"; fi
sleep 0.3
if [ -z "$(left)" ]; then ok; else
	left >"$tmp/out"
	bad "processes left after ^C"
fi
if grep -qs '"interrupted":true' "$tmp"/results/*/run.jsonl; then ok; else
	bad "run.jsonl does not say that it was interrupted"
fi
finish
