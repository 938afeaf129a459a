#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb run --capture: tshark reads every packet, and the faults stand on the
# packets that they hit.
. "$(dirname "$0")/lib.sh"

if ! command -v tshark >/dev/null; then
	echo "SKIP: tshark is not installed"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi

# shows FILE ARGUMENTS...: tshark's words in $tmp/out
shows() {
	file=$1
	shift
	# on a busy machine loopback turns segments round, and TCP sends again
	tshark -n -o tcp.reassemble_out_of_order:TRUE -r "$tmp/$file" "$@" >"$tmp/out" 2>"$tmp/tshark-err" ||
		bad "tshark -r $file $*: $(cat "$tmp/tshark-err")"
}

# nothing WHAT: the last command printed nothing
nothing() {
	if [ -s "$tmp/out" ]; then
		bad "$1"
	else
		ok
	fi
}

# sound FILE: no packet is malformed, none is an error
sound() {
	shows "$1" -Y '_ws.malformed or _ws.expert.severity == "Error" or
		_ws.unreassembled'
	nothing "tshark finds something wrong in $1"
}

run 0 run --write 16M -e 'cut: on server.write nth=5 after do drop, rst' \
	--capture a.pcapng
says 'capture: [0-9]+ packets, 1 of 1 faults on their packet'
says 'tshark -r a.pcapng( |$)'
if [ "$(stat -c %a "$tmp/a.pcapng")" = 600 ]; then
	ok
else
	bad "the capture is readable by others"
fi
sound a.pcapng
shows a.pcapng -Y 'smb2.cmd == 9 and smb2.flags.response == 0' \
	-T fields -e frame.comment
says '^netwb: rule cut, hit 1: drop, rst after, WRITE mid [0-9]+ off [0-9]+'
shows a.pcapng -Y 'tcp.flags.reset == 1 and frame.comment' \
	-T fields -e frame.comment
says 'rule cut, hit 1.*this ends the connection'
# the MessageId of the comment is the packet's
shows a.pcapng -Y 'frame.comment contains "rule cut" and smb2' \
	-T fields -e smb2.msg_id -e frame.comment
if awk -F'\t' '{ n = split($1, id, ","); split($2, w, " mid ")
	sub(" .*", "", w[2]); for (i = 1; i <= n; i++) if (id[i] == w[2]) hit = 1
	} END { exit !hit }' "$tmp/out"; then
	ok
else
	bad "the comment names another MessageId than its packet has"
fi

run 0 run --write 16M -e 'slow: on server.write nth=9..12 after do hold 5ms' \
	--capture b.pcapng
says 'capture: [0-9]+ packets, 4 of 4 faults on their packet'
sound b.pcapng
shows b.pcapng -Y 'smb2.cmd == 9 and smb2.flags.response == 1 and
	frame.comment' -T fields -e frame.comment
says 'rule slow, hit 1: hold 5ms after'
says 'rule slow, hit 4: hold 5ms after'
rm -f "$tmp/b.pcapng"

# an older capture is replaced, and nothing else is left
run 0 run --server diod --client temp-page --write 16M \
	-e 'cut: on server.write nth=5 before do rst' --capture a.pcapng
says 'capture: [0-9]+ packets, 1 of 1 faults on their packet'
sound a.pcapng
shows a.pcapng -Y '9p.msgtype == 118 and frame.comment' \
	-T fields -e frame.comment
says 'rule cut, hit 1: rst before, Twrite tag [0-9]+'
(cd "$tmp" && ls -A | grep -v -e '^a.pcapng$' -e '^out$' -e '^tshark-err$') \
	>"$tmp/out"
nothing "files are left behind"

# encrypted: the printed options decrypt it, the faults are on their packets
run 0 run --write 16M --encrypt --capture e.pcapng \
	-e 'cut: on server.write nth=5 after do drop, rst'
says 'capture: [0-9]+ packets, 1 of 1 faults on their packet'
says 'tshark -r e.pcapng .*-o ntlmssp.nt_password:pw$'
key=$(grep -v '^#' "$tmp/e.pcapng.keys")
[ "$(stat -c %a "$tmp/e.pcapng.keys")" = 600 ] || bad "the keys are for all"
shows e.pcapng -Y 'smb2.cmd == 9 or smb2.write_length'
nothing "writes can be seen without the key"
# shellcheck disable=SC2086 # two words
shows e.pcapng $key -Y 'smb2.cmd == 9' -T fields -e _ws.col.Info
says 'Decrypted SMB3;Write Request Len:1048576 Off:4194304'
# shellcheck disable=SC2086
shows e.pcapng $key -Y 'smb2.cmd == 9 and smb2.flags.response == 0' \
	-T fields -e smb2.msg_id -e frame.comment
says '[0-9]	netwb: rule cut, hit 1: drop, rst after, WRITE mid [0-9]+ off'
# shellcheck disable=SC2086
shows e.pcapng $key -Y '_ws.malformed or _ws.expert.severity == "Error"'
nothing "tshark finds something wrong in what it decrypts"
run 0 run --write 4M --capture e.pcapng
if [ -e "$tmp/e.pcapng.keys" ]; then
	bad "the keys of an older capture are left"
else
	ok
fi
rm -f "$tmp/e.pcapng"

# a capture that cannot be written: said, before anything runs
run 2 run --write 4M --capture none/a.pcapng
says 'none/a.pcapng: cannot be written: ENOENT'
run 2 run --write 4M --capture /dev/null
says '/dev/null: not a regular file'
run 3 run --write 4M --isolation none --capture a.pcapng
says 'a capture needs a network namespace of its own'
# of many runs only the last would be left
run 3 check --capture a.pcapng
run 3 check --ledger a.ledger
finish
