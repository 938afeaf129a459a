#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Several connections of one session to the real smbd, one of them cut while it
# is written: the others go on, the session and its handle with them.
. "$(dirname "$0")/lib.sh"

run 0 run --write 16M --channels 2
says 'channels: 2 carried writes, 0 losses'
says '^verdict: PASS'

# the same with both lines of a plan, and three on two addresses
run 0 run --write 16M -e 'server smbd multichannel' \
	-e 'client temp-page channels=3'
says 'channels: 3 carried writes, 0 losses'
says '^verdict: PASS'

# one is reset after apply, before, or closed: no reconnect, no other handle
for cut in 'after do drop, rst' 'before do rst' 'after do fin'; do
	for client in 'in-place' 'temp-page sign=gmac' \
		'in-place sign=cmac dialect=3.0.2'; do
		run 0 run --workload rewrite --write 16M --fsyncs 2 \
			-e "client $client channels=2 wsize=128K" \
			-e "cut: on server.write nth=9 $cut max=1" -e heal
		says 'rule cut: 1 hits'
		says 'reconnects 0'
		says 'handles: 1 opened'
		says '1 losses while another one went on'
		says '^verdict: PASS'
	done
done

# one after the other; whether the first is back in time is not said
run 0 run --write 32M -e 'client in-place channels=2 wsize=128K' \
	-e 'cut: on server.write nth=9+40 after do drop, rst max=4' -e heal
says 'rule cut: 4 hits'
says '^verdict: PASS'

# a write is parked in the server while its connection may be the one that is
# cut: what is sent again for it is held back until it has ended, so that
# nothing older comes after what is newer
for nth in 5 9 17; do
	run 0 run --workload rewrite --write 16M --fsyncs 8 \
		-e 'client temp-page channels=2 wsize=128K' \
		-e "park: on backend.pwrite nth=$nth do delay 300ms max=1" \
		-e "cut: on server.write nth=$((nth + 2)) before do rst max=1" \
		-e heal
	says '^verdict: PASS'
done

# the process that serves both is killed: then it is a new session
run 0 run --write 16M --fsyncs 2 --channels 2 \
	-e 'die: on server.write nth=9 after do kill-child max=1' -e heal
says 'reconnects 1'
says '^verdict: PASS'

# few credits, and none for a while, on both
run 0 run --write 16M --channels 2 -e 'server smbd credits=64' \
	-e 'dry: on server.grant nth=9..40 do grant 0' -e heal
says '^verdict: PASS'

# what cannot be had
run 3 run --channels 5
says 'at most 4'
run 3 run --server diod --channels 2
says 'several channels are part of SMB, 9P has none'
run 3 run -e 'client in-place channels=5'
run 3 run --channels 2 --dialect 2.1
says '2 channels were asked for, SMB 2.1 has no multichannel'
run 2 run --channels 2 -e 'server smbd guest'
says '2 channels were asked for, but guests have no key'
run 3 run -e 'server smbd multichanel'
says 'did you mean "multichannel"'

finish
