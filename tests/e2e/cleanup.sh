#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 at random moments leaves nothing behind, the next run works; ^C ends
# within a second. Usage: cleanup.sh BUILD [MOMENTS]
moments=${2:-10}
. "$(dirname "$0")/lib.sh"

. "$(dirname "$0")/user.sh"

# What could be left: processes (they do not carry our environment, so the
# tree is taken down before the kill), mounts, and files with one of our names.
# A state directory whose agent lives is another run's: it holds the lock.
uid=$(as_user id -u)
state() {
	cat /proc/mounts
	find /tmp /dev/shm /run /var/tmp -maxdepth 2 \
		\( -user "$(id -u)" -o -user "$uid" \) 2>/dev/null |
		grep -Ei 'netwb|nwb[-_.]|samba|diod' | sort |
		while read -r path; do
			case $path in
			*/netwb-none.*)
				flock -n "$path" true 2>/dev/null || continue
				;;
			esac
			echo "$path"
		done
}
state >"$tmp/before"
seed=${NWB_SEED:-$$}
nr=0
echo "seed $seed"

wait_gone() { # PID, tenths of a second
	i=0
	while kill -0 "$1" 2>/dev/null && [ $i -lt "$2" ]; do
		sleep 0.1
		i=$((i + 1))
	done
	! kill -0 "$1" 2>/dev/null
}

# gone WHAT: what was in $tmp/tree is, after two seconds at most
gone() {
	i=0
	while [ -n "$(alive "$tmp/tree")" ] && [ $i -lt 20 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	alive "$tmp/tree" >"$tmp/out"
	if [ ! -s "$tmp/out" ]; then ok; else bad "processes left $1"; fi
}

# start_run STEP SERVER: in a subshell, which becomes netwb by that step
start_run() {
	how=as_user program=$user_netwb
	[ "$1" != ns ] || how=exec program=$netwb
	$how "$program" run --isolation "$1" --server "$2" --write 256M \
		--fault slow-acks >"$tmp/out" 2>&1 </dev/null
}

# kill_run STEP MOMENT: netwb by that step, killed
kill_run() {
	server=smbd
	[ $(($2 % 2)) = 0 ] && server=diod
	# one in each part of the time, so that some meet a server at work
	nr=$((nr + 1))
	ms=$(awk -v s="$((seed + nr))" -v n="$2" -v of="$moments" \
		-v whole="$whole" \
		'BEGIN { srand(s); printf "%.3f", (n - rand()) / of * whole }')
	(start_run "$1" $server) &
	pid=$!
	sleep "$ms"
	# nothing new while we look
	kill -STOP $pid 2>/dev/null
	tree $pid >"$tmp/tree"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	most=$((most > $(wc -l <"$tmp/tree") ? most : $(wc -l <"$tmp/tree")))
	gone "after kill -9 of $server in $1 at $ms s (seed $seed)"
}

steps=none
if has_userns; then steps="userns none"; fi
[ "$(id -u)" != 0 ] || steps="ns $steps"
for step in $steps; do
	# how long one takes here, from start to end
	begin=$(date +%s%N)
	(start_run $step smbd)
	whole=$(awk -v ns="$(($(date +%s%N) - begin))" \
		'BEGIN { print ns / 1e9 }')
	n=0 most=0
	while [ $n -lt "$moments" ]; do
		n=$((n + 1))
		kill_run $step $n
	done
	# netwb, the agent, and a server at least: else nothing was proved
	if [ "$most" -ge 3 ]; then ok; else
		bad "no server was ever running in $step (seed $seed)"
	fi
done
state >"$tmp/after"
if diff "$tmp/before" "$tmp/after" >"$tmp/out"; then ok; else
	bad "mounts or files changed (seed $seed)"
fi
run 0 run --write 4M

# ^C: a group of its own, so that only netwb gets it
setsid sh -c 'trap - INT; exec "$@"' sh "$netwb" bench \
	--out "$tmp/results" >"$tmp/out" 2>&1 </dev/null &
# its first seconds may go into finding memory (bench/reserve.h)
n=0
until grep -qs '"type":"session"' "$tmp"/results/*/run.jsonl || [ $n -ge 300 ]; do
	n=$((n + 1))
	sleep 0.2
done
sleep 1
pid=$(pgrep -f "$netwb bench --out $tmp/results" | head -1)
tree "$pid" >"$tmp/tree"
kill -INT "$pid"
if wait_gone "$pid" 10; then ok; else bad "still there 1 s after ^C"; fi
gone "after ^C"
if grep -qs '"interrupted":true' "$tmp"/results/*/run.jsonl; then ok; else
	bad "run.jsonl does not say that it was interrupted"
fi
finish
