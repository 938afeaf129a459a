#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Real servers, real faults: what passes, what is vacuous, what cannot start.
. "$(dirname "$0")/lib.sh"

for server in smbd diod; do
	for client in in-place temp-page; do
		run 0 run --server $server --client $client --write 16M
		says '^verdict: PASS'
		run 0 run --server $server --client $client --write 16M \
			-e 'cut: on server.write nth=5 before do rst max=1'
		says 'rule cut: 1 hits'
		says 'reconnects [1-9]'
		says '^verdict: PASS'
		run 0 run --server $server --client $client \
			--workload rewrite --fsyncs 4 \
			-e 'cut: on server.write nth=3 after do drop, rst max=1'
		says 'rule cut: 1 hits'
		says '^verdict: PASS'
	done
done

# a server that never comes back: patience ends, the application is told once
run 0 run --write 8M -e 'client in-place patience=500ms' \
	-e 'die: on server.write nth=3 after do kill'
says 'the application saw EHOSTDOWN'
says '^verdict: PASS'

# it crashes and loses what was not fsynced; the client sends that again
for server in smbd diod; do
	run 0 run --server $server --write 16M \
		-e "server $server volatile" \
		-e 'crash: on server.write nth=9 after do restart max=1'
	says 'rule crash: 1 hits'
	says '^verdict: PASS'
done

# a disk that says that it has synced, and has not: what a crash takes then was
# promised by nobody but the disk
for crash in smbd:13 diod:160; do
	server=${crash%:*}
	run 1 run --server $server --write 16M --fsyncs 2 \
		-e "server $server volatile" \
		-e 'lie: on backend.fsync nth=1 do drop max=1' \
		-e "crash: on server.write nth=${crash#*:} after do restart max=1"
	says 'rule lie: 1 hits'
	says 'rule crash: 1 hits'
	says '^  O10 FAIL LOST-DURABLE'
done

# 9P cannot fence: a write parked for longer than the client's settling time
# may land over a newer one. That is diod's, a row of its own, never PASS. The
# connection is cut when the write is parked, not before; the rewrite has to come
# first, so a few seeds may be tried.
known=0
for seed in 1 2 3 4 5 6; do
	(cd "$tmp" && exec "$netwb" run --server diod --workload rewrite \
		--fsyncs 4 --seed $seed \
		-e 'park: on backend.pwrite nth=5 do delay 1500ms, arm cut max=1' \
		-e 'cut: on server.write before do rst unarmed max=1') \
		>"$tmp/out" 2>&1 </dev/null || break
	grep -q '^verdict: KNOWN  O3 UNFENCED' "$tmp/out" || continue
	known=1
	break
done
if [ $known = 1 ]; then ok; else bad "no UNFENCED in 6 seeds, or a failure"; fi

# phases: the rule is on in one of them only
run 0 run --workload seq4k --fsyncs 8 \
	-e 'slow: on server.write nth=1..4 after do hold 10ms while first' \
	-e 'phase first until server.write = 20' -e 'heal'
says 'rule slow: 4 hits'

# what is not there is a SKIP with the reason, exit 77
run 77 run --isolation userns --write 8M -e 'needs ns'
says '^verdict: SKIP .*needs ns'

# a rule that never fires is VACUOUS, exit 1
run 1 run --write 4M -e 'never: on server.write nth=100000 before do rst'
says '^verdict: VACUOUS'

# a wrong user of the file: plain errors are reported, and reported is fine
run 0 run --server diod --write 8M \
	-e 'full: on backend.pwrite nth=9 do error ENOSPC max=1' \
	-e 'expect fsync ENOSPC on every-fd'
says 'the application saw ENOSPC'
says '^verdict: PASS'

# signed sessions, and credit famine on one
run 0 run --write 8M --sign
says 'signing AES-GMAC'
run 0 run --write 8M --sign \
	-e 'starve: on server.grant nth=6..20 do grant 0' \
	-e 'expect hits starve >= 3'
says '^verdict: PASS'

# one that stays away: each fsync fails for a reason of its own
run 0 run --workload seq4k --write 64K --fsyncs 4 \
	-e 'client in-place patience=500ms' \
	-e 'die: on server.write nth=1 after do kill'
says 'the application saw EHOSTDOWN'
says '^verdict: PASS'

# a server that cannot start: one clear message, exit 2
got=0
NWB_SHIM_PATH=$tmp/no-such-library.so "$netwb" run --write 4M \
	>"$tmp/out" 2>&1 || got=$?
[ $got = 2 ] && ok || bad "exit $got instead of 2"
says 'no-such-library.so'
run 2 run --server diod --write 4M --server-binary "$tmp/no-such-server"
says '^netwb: .*no-such-server'
# and what it printed again is a command that runs, whatever stands in it; the
# server's own program may lie where nobody else looks
mkdir "$tmp/a dir"
ln -s /usr/sbin/smbd "$tmp/a dir/smbd"
echo "never: on server.write nth=100000 before do rst # it's late" \
	>"$tmp/it's.plan"
run 1 run --write 4M --plan "it's.plan" --fscache 'a dir' \
	--server-binary 'a dir/smbd' \
	-e "nor: on server.write nth=100001 before do rst # isn't \$HOME"
again=$(sed -n 's/^again: netwb //p' "$tmp/out")
eval "run 1 $again"
says '^verdict: VACUOUS'
says 'rule never: 0 hits'
says 'rule nor: 0 hits'
says '^again: .*--fscache .a dir. --server-binary .a dir/smbd. '
run 2 run --write 4M --server-binary 'a dir'
says '/a dir is no program'

# A server that ends by itself says nothing about the client: made again, and
# said. Here it is sent the signal of which diod 1.0.24 dies now and then.
#
# below PID NAME: the pid of a process NAME that descends from PID
below() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$1" -v name="($2)" '
		{ up[$1] = $4; is[$1] = $2 == name }
		END {
			for (p in is)
				for (q = p; is[p] && q in up; q = up[q])
					if (q == top) { print p; exit }
		}'
}
# kill_diod: in the middle of a run; false when it was over before
kill_diod() {
	(cd "$tmp" && exec "$netwb" run --server diod --write 8M --fsyncs 2 "$@" \
		-e 'slow: on server.write nth=1 after do hold 3s') \
		>"$tmp/out" 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		diod=$(below $pid diod)
		[ -n "$diod" ] &&
			ls -l "/proc/$diod/fd" 2>/dev/null | grep -q netwb.dat &&
			kill -PIPE "$diod" 2>/dev/null && return
		sleep 0.05
	done
	wait $pid
	false
}
kill_diod || kill_diod || kill_diod || bad 'no diod below the run'
wait $pid && ok || bad 'the second attempt does not pass'
says 'diod ended by itself: SIGPIPE \(1 of 2 attempts\); made again'
says '^verdict: PASS'
ignore='server diod ignore-sigpipe'
kill_diod -e "$ignore" || kill_diod -e "$ignore" || kill_diod -e "$ignore" ||
	bad 'no diod below the run'
wait $pid && ok || bad 'a signal that is ignored does harm'
grep -q 'made again' "$tmp/out" && bad 'it died of an ignored signal' || ok
finish
