#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Anybody's client: real smbclient and a small 9P client against broken
# servers, what the monitor says of them, and that nothing is left behind.
# Usage: serve.sh BUILD [MIB]    (of the file that smbclient puts: 32 or more)
mib=${2:-32}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/user.sh"
client=$build/tests/e2e/own_client
case $build in
/*) ;;
*) client=$PWD/$client ;;
esac

if grep -qs __tsan_init "$netwb"; then
	echo "a namespace is entered by a process of one thread;" \
		"ThreadSanitizer has one of its own"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi
# command_exit N: what the command itself returned
command_exit() {
	says "^command: exit $1\$"
}
is_there() { # a process that has ended and that no init has reaped is not
	[ -e "$1" ] && ! grep -qs '^State:.Z' "$1/status"
}
# is_gone FILE: within ten seconds
is_gone() {
	i=0
	while is_there "$1" && [ $i -lt 100 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if is_there "$1"; then bad "$1 is left"; else ok; fi
}
# up NAME ARGUMENTS...: serve in the background, wait until it answers
up() {
	name=$1
	shift
	"$netwb" serve "$@" --name "$name" >"$tmp/$name" 2>&1 </dev/null &
	pid=$!
	i=0
	until "$netwb" exec "$name" true 2>/dev/null; do
		sleep 0.1
		i=$((i + 1))
		if [ $i -gt 100 ] || ! kill -0 $pid 2>/dev/null; then
			cp "$tmp/$name" "$tmp/out"
			bad "serve $name does not come up"
			return
		fi
	done
}
# down SIGNAL EXPECTED-EXIT: end it, its words are in $tmp/out
down() {
	got=0
	kill "-$1" $pid
	wait $pid || got=$?
	cp "$tmp/$name" "$tmp/out"
	if [ $got = "$2" ]; then ok; else bad "serve: exit $got, not $2"; fi
}

# show CAPTURE FILTER: MessageIds of the packets that tshark finds
show() {
	tshark -r "$tmp/$1.pcapng" -o tcp.reassemble_out_of_order:TRUE \
		-Y "$2" -T fields -e smb2.msg_id 2>/dev/null
}

# --- what cannot be done is said ---------------------------------------------
run 0 serve --help
says '^usage: netwb serve'
run 0 exec --help
run 3 serve
says 'which server'
run 3 serve nosuch
run 3 serve smbd true
says 'behind "--"'
for a in 0.0.0.0:4450 192.0.2.1:445 '[::]:445'; do
	run 3 serve smbd --publish "$a"
	says 'only loopback'
done
run 3 serve smbd --publish 127.0.0.1:70000
run 3 serve smbd --publish nonsense
run 3 serve smbd --for 0
run 3 serve smbd --name ../x
run 3 serve smbd -e 'expect fsync EIO on every-fd' -- true
says '-e #1:1:[0-9]+: "expect fsync" cannot be judged here'
run 77 serve smbd -e 'needs userns' --isolation none -- true
says '^verdict: SKIP  '
run 125 exec nosuchrun -- true
says 'no run "nosuchrun"'
run 2 serve smbd -- "$tmp/no-such-command"
says 'no-such-command'

# --- the command's surroundings -----------------------------------------------
run 1 serve smbd -- sh -c 'exit 7'
command_exit 7
says '^verdict: VACUOUS  no client talked'
(cd "$tmp" && echo words | "$netwb" serve diod -- \
	sh -c 'cat; pwd; echo err >&2' >"$tmp/stdout" 2>"$tmp/out")
if [ "$(cat "$tmp/stdout")" = "words
$tmp" ]; then ok; else bad "stdin, stdout or directory not passed through"; fi
says '^err$'

# --- smbclient ----------------------------------------------------------------
head -c $((mib << 20)) /dev/urandom >"$tmp/file"
# smb COMMANDS: what runs inside; the copy must be what was put
smb() {
	printf '%s' "smbclient //\$NWB_ADDR/\$NWB_SHARE -p \$NWB_PORT \
-U \$NWB_USER%\$NWB_PASSWORD -c '$1' || exit 3
sha256sum <file >want; sha256sum <\"\$NWB_EXPORT/file\" | cmp want - || exit 4"
}
run 0 serve smbd -- sh -c "$(smb 'put file; get file back')"
command_exit 0
says '^verdict: PASS'
says 'O7 +protocol: [0-9]+ requests on 1 connection'
says 'O1 .*no intent ledger'
if cmp -s "$tmp/file" "$tmp/back"; then ok; else bad "got back otherwise"; fi

# a credit famine: the replies without credits are named, smbclient is right
run 0 serve smbd --dir kept --capture starve.pcapng \
	-e 'starve: on server.grant nth=2..5 do grant 0' \
	-- sh -c "$(smb 'put file')"
command_exit 0
says '^rule starve: 4 hits \(grant 0\)'
says '1: [0-9.]+ s, WRITE MessageId [0-9]+, connection [0-9]+, file offset'
says '^verdict: PASS'
if grep -q '"type":"verdict","verdict":"PASS"' "$tmp"/kept/*/serve.jsonl &&
	[ "$(grep -c '"type":"hit"' "$tmp"/kept/*/serve.jsonl)" = 4 ]; then
	ok
else
	cat "$tmp"/kept/*/serve.jsonl >"$tmp/out"
	bad "serve.jsonl is not as it should be"
fi

# ... and the ledger that was kept tells the life of a byte
kept=$(ls "$tmp/kept")
run 0 explain "kept/$kept" --at file:0
says 'request +WRITE mid [0-9]+'

# a reset: smbclient gives up, which is its right; the monitor names the PDU,
# and it is the one whose bytes did not arrive (8 MiB each)
run 0 serve smbd --capture cut.pcapng \
	-e 'cut: on server.write nth=3 before do rst' \
	-- sh -c "$(smb 'put file'); exit 0"
says '^rule cut: 1 hit \(rst before\)'
says 'WRITE MessageId [0-9]+, .* file offset 16777216 length 8388608'
says '; 1 connection cut$'
command_exit 3
says '^verdict: PASS'
# tshark, which knows nothing of us, sees the same in the captures: the WRITE at
# that offset has that MessageId, and the faults stand on what was named
mid=$(sed -n 's/^  1: .*WRITE MessageId \([0-9]*\),.*/\1/p' "$tmp/out")
seen=$(show cut 'smb2.cmd == 9 && smb2.flags.response == 0 &&
	smb2.file_offset == 16777216')
if [ -n "$mid" ] && [ "$mid" = "$seen" ]; then ok; else
	bad "monitor: MessageId $mid, tshark: $seen"
fi
named=$(sed -n 's/.*"type":"hit".*"id":\([0-9]*\),.*/\1/p' \
	"$tmp"/kept/*/serve.jsonl)
seen=$(show starve 'frame.comment contains "netwb: rule starve"')
if [ -n "$named" ] && [ "$named" = "$seen" ]; then ok; else
	bad "monitor: MessageIds $named, tshark: $seen"
fi
for c in cut starve; do
	if [ -z "$(show $c '_ws.malformed || _ws.expert.severity == error')" ]
	then ok; else bad "tshark: $c.pcapng is malformed"; fi
done
run 1 serve smbd -e 'never: on server.write nth=9999 before do rst' \
	-- sh -c "$(smb 'put file')"
says 'O11 VACUOUS HITS: never'
says '^verdict: VACUOUS'
# encrypted sessions are read along, inside the server
run 0 serve smbd -e 'starve: on server.grant nth=2..5 do grant 0' \
	-- smbclient //127.0.0.1/s -U u%pw --client-protection=encrypt \
	-c 'put file'
says 'WRITE MessageId [0-9]+, connection [0-9]+, file offset'
says '^verdict: PASS'

# --- who breaks the rules is named --------------------------------------------
run 0 serve smbd -- "$client" smb-polite
command_exit 0
says '^verdict: PASS'
run 1 serve smbd -- "$client" smb-overdraw
says 'O7 FAIL CREDITS: .*sent without the credits for it \(1 of 5\)'
says '  [0-9.]+ s, ECHO MessageId 1, connection [0-9]+'
says '^verdict: FAIL'
run 1 serve smbd -- "$client" smb-reuse
says 'O7 FAIL MID-REUSED'
says '  [0-9.]+ s, ECHO MessageId 1, connection [0-9]+'
run 1 serve diod -e 'slow: on server.write nth=1 after do hold 300ms' \
	-- "$client" 9p-tag file
says 'O7 FAIL TAG: '
says '  [0-9.]+ s, Twrite tag 7, connection [0-9]+, file offset 32768'

# --- 9P -------------------------------------------------------------------------
# shellcheck disable=SC2016
put9='"$0" 9p-put file copy || exit 3; cmp file "$NWB_EXPORT/copy"'
run 0 serve diod -- sh -c "$put9" "$client"
command_exit 0
says '1 flushes; 0 connections cut'
says '^verdict: PASS'
run 0 serve diod -e 'slow: on server.write nth=9..12 after do hold 20ms' \
	-- sh -c "$put9" "$client"
says '^rule slow: 4 hits'
says 'Twrite tag [0-9]+, connection [0-9]+, copy offset 262144 length 32768'
says '^verdict: PASS'
run 0 serve diod -e 'cut: on server.write nth=9 after do drop, rst' \
	-- sh -c "$put9" "$client"
command_exit 3
says '1: [0-9.]+ s, Twrite .*copy offset 262144 length 32768'
says '^verdict: PASS'

# a crash forgets what was not fsynced, whoever wrote it
# shellcheck disable=SC2016
crash='"$0" 9p-put small safe || exit 3
"$0" 9p-put file copy && exit 4
until [ ! -s "$NWB_EXPORT/copy" ]; do sleep 0.1; done
cmp small "$NWB_EXPORT/safe"'
head -c 65536 "$tmp/file" >"$tmp/small"
run 0 serve diod -e 'server diod volatile' \
	-e 'crash: on server.write nth=6 after do restart max=1' \
	-- timeout 20 sh -c "$crash" "$client"
command_exit 0
says '^verdict: PASS'
run 2 serve diod -e 'server diod volatile' \
	-e 'crash: on server.write nth=6 after do restart max=1' \
	-- timeout 20 sh -c "mkdir \$NWB_EXPORT/sub; $crash" "$client"
says '^verdict: INCONCLUSIVE  volatile storage knows'

# --- exec, publish, ^C ----------------------------------------------------------
me=e2e-$$
up "$me" smbd --publish 0
run 0 list --runs
says "^$me +smbd 127.0.0.1:445, isolation [a-z]+, pid $pid, published on 127"
run 2 serve diod --name "$me" -- true
says 'is going on already'
run 5 exec "$me" -- sh -c 'echo "$NWB_RUN:$NWB_SHARE"; exit 5'
says "^$me:s\$"
run 0 exec "$me" -- mount -t tmpfs seen /mnt
run 0 exec "$me" -- grep -q '^seen /mnt' /proc/mounts
if grep -q '^seen /mnt' /proc/mounts; then bad "the mount leaks"; else ok; fi
at=$("$netwb" exec "$me" -- sh -c 'echo "$NWB_PUBLISHED"')
run 2 serve diod --publish "$at" -- true
says 'publish: Address already in use'
got=0
(cd "$tmp" && smbclient "//${at%:*}/s" -p "${at#*:}" -U u%pw \
	-c 'put file; get file back2') >"$tmp/out" 2>&1 || got=$?
if [ $got = 0 ] && cmp -s "$tmp/file" "$tmp/back2"; then ok; else
	bad "smbclient by way of the published port $at"
fi
down INT 0
says "^serving smbd .* as run $me"
says "netwb exec $me -- smbclient //127.0.0.1/s -p 445 -U u%pw"
says 'mount -t cifs //127.0.0.1/s DIR'
says "netwb exec $me -- CLIENT smb://u@127.0.0.1:445/s/"
says '^PUBLISHED'
says '^verdict: PASS'
run 125 exec "$me" -- true
# a reset inside is a reset outside
up "$me" diod --publish 127.0.0.2:0 \
	-e 'cut: on server.write nth=2 before do rst'
says 'x*'
at=$("$netwb" exec "$me" -- sh -c 'echo "$NWB_PUBLISHED"')
got=0
(cd "$tmp" && NWB_ADDR=${at%:*} NWB_PORT=${at#*:} NWB_SHARE=/mnt/share \
	"$client" 9p-put file copy) >"$tmp/out" 2>&1 || got=$?
if [ $got = 1 ]; then ok; else bad "exit $got through a cut connection"; fi
down TERM 0
says '^rule cut: 1 hit'
says '^verdict: PASS'
run 0 serve diod --for 300ms -e 'expect verdict vacuous'
says '^verdict: KNOWN'

# what a machine that went down left behind is removed by who looks next, what
# has just been made is not
base=/tmp/netwb-$(id -u)
[ -n "${XDG_RUNTIME_DIR:-}" ] && [ -O "$XDG_RUNTIME_DIR" ] &&
	base=$XDG_RUNTIME_DIR/netwb
mkdir -p -m 700 "$base" && mkdir -m 700 "$base/old" "$base/young" &&
	mkdir "$base/old/export" && : >"$base/old/ntlm"
touch -d '1 minute ago' "$base/old"
run 0 list --runs
if [ ! -e "$base/old" ] && [ -e "$base/young" ]; then ok; else
	bad "stale runs: $(ls "$base")"
fi
rmdir "$base/young"
run 125 exec old -- true

# the second 9P server (it needs root)
if [ -x /usr/bin/ganesha.nfsd ] && [ "$(id -u)" = 0 ]; then
	run 0 serve ganesha \
		-e 'slow: on server.write nth=9..12 after do hold 20ms' \
		-- sh -c "$put9" "$client"
	command_exit 0
	says '^rule slow: 4 hits'
	says 'Twrite tag [0-9]+, connection [0-9]+, copy offset 262144'
	says '^verdict: PASS'
fi

# --- the lower steps of isolation -------------------------------------------------
# user ARGUMENTS...: netwb as nobody
user() {
	(export XDG_RUNTIME_DIR='' && as_user "$user_netwb" "$@") </dev/null
}
# shellcheck disable=SC2016
inside='case $NWB_SERVER in
smbd)	smbclient "//$NWB_ADDR/$NWB_SHARE" -p "$NWB_PORT" \
		-U "$NWB_USER%$NWB_PASSWORD" -c "put /etc/passwd p" || exit 3
	cmp /etc/passwd "$NWB_EXPORT/p" || exit 4 ;;
*)	diodls -s "$NWB_ADDR:$NWB_PORT" -a "$NWB_SHARE" || exit 3 ;;
esac'
if [ "$(id -u)" = 0 ]; then
	for step in userns none; do
		for server in smbd diod; do
			got=0
			user serve $server --isolation $step -- \
				sh -c "$inside" >"$tmp/out" 2>&1 || got=$?
			if [ $got = 77 ]; then
				says "$step"
				continue
			fi
			command_exit 0
			says "isolation $step"
			says '^verdict: PASS'
		done
		# exec from elsewhere ends when the command does
		user serve diod --isolation $step --name "$me" -- \
			sh -c 'until [ -e "$NWB_EXPORT/go" ]; do sleep 0.1; done' \
			>"$tmp/$me" 2>&1 &
		pid=$!
		i=0
		until user exec "$me" -- sh -c ': >"$NWB_EXPORT/go"' \
			2>"$tmp/out" || [ $i -gt 100 ]; do
			sleep 0.1
			i=$((i + 1))
		done
		wait $pid
		cp "$tmp/$me" "$tmp/out"
		command_exit 0
	done
fi

# --- nothing is left --------------------------------------------------------------
mark=$tmp/mark
mkdir "$mark"
run 1 serve diod -- sh -c "sleep 1000 & echo \$! >$mark/pid"
is_gone "/proc/$(cat "$mark/pid")"
"$netwb" serve smbd --name "$me" -- sh -c \
	"setsid sleep 1000 & echo \$! >$mark/pid; echo \$PPID >$mark/warden
	echo \${NWB_EXPORT%/export} >$mark/dir; wait" \
	>"$tmp/out" 2>&1 </dev/null &
pid=$!
i=0
until [ -s "$mark/dir" ] || [ $i -gt 100 ]; do
	sleep 0.1
	i=$((i + 1))
done
kill -9 $pid
wait $pid 2>/dev/null
is_gone "/proc/$(cat "$mark/pid")"
is_gone "/proc/$(cat "$mark/warden")"
is_gone "$(cat "$mark/dir")"
# ... whenever it comes
seed=${NWB_SEED:-$$}
for n in 1 2 3 4; do
	s=$(awk -v s="$seed$n" 'BEGIN { srand(s); printf "%.3f", rand() }')
	env "NWB_SERVE_MARK=$$" "$netwb" serve smbd --publish 0 -- sh -c \
		'setsid sleep 1000 & while :; do sleep 0.01; done' \
		>"$tmp/out" 2>&1 </dev/null &
	pid=$!
	sleep "$s"
	kill -9 $pid
	wait $pid 2>/dev/null
	i=0
	while grep -lsazq "NWB_SERVE_MARK=$$" /proc/[0-9]*/environ &&
		[ $i -lt 30 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if [ $i -lt 30 ]; then ok; else
		bad "processes left 3 s after kill -9 at $s s (NWB_SEED=$seed)"
	fi
done
finish
