#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Content crypto on the real servers: they are given cipher text, and shim and
# oracle decrypt it with code of their own. A client that sent anything else
# would be FOREIGN there (O2).
. "$(dirname "$0")/lib.sh"

for server in smbd diod; do
	for client in in-place temp-page; do
		run 0 run --server $server --client $client --crypto --write 8M
		says 'content crypto: units of 4096, 8388608 bytes encrypted'
		says '^verdict: PASS'
	done
	# partial units, of odd lengths at odd places, past a cache that is not
	# trusted: what they lack comes from the server
	run 0 run --server $server --workload odd --crypto=512 --write 1M
	says '^verdict: PASS'
	run 0 run --server $server --workload odd --crypto=1024 --cache none \
		--write 256K
	says '[1-9][0-9]* folios read for it'
	says '^verdict: PASS'
	# sent again, from a unit's beginning
	run 0 run --server $server --crypto --fault reset-before --write 16M
	says 'retries [1-9]'
	says '^verdict: PASS'
	run 0 run --server $server --crypto --write 8M -e \
		'cut: on server.write nth=3 do short 10000 max=1'
	says '^verdict: PASS'
	# Somebody else writes to the same data unit while a retry is due: what
	# is sent again has that, or it is lost (O1 of the other one's fsync).
	for unit in 4096 512; do
		run 0 run --server $server --workload part --write 2M \
			-e "client in-place crypto=$unit cache=none" \
			-e 'cut: on server.write nth=300+1 before do rst, intrude'
		says 'a second client wrote 1 times'
		says 'content crypto: .* [1-9][0-9]* units read again'
		says '^verdict: PASS'
	done
done
run 3 run -e 'cut: on server.write before do rst, intrude'
says 'intrude writes where --workload part does not'

# what a local cache keeps is cipher text as well
run 0 run --crypto --fscache "$tmp" --write 8M
says 'local cache: [1-9][0-9]* bytes compared .*, 0 wrong'
says '^verdict: PASS'

run 3 run --client raw-cold --crypto --write 4M
says "content crypto is the reference client's"
run 3 run -e 'client in-place crypto' --client raw-cold --write 4M
says "content crypto is the reference client's"
# the word of a plan, which wins over the option
run 0 run --server diod --write 4M --crypto=4096 -e 'client in-place crypto=512'
says 'content crypto: units of 512, 4194304 bytes encrypted'
says '^verdict: PASS'
run 3 run -e 'client in-place crypto=700'
says '-e #1:1:'
run 3 run --crypto=700
says '512, 1024, 2048 or 4096'
run 3 run --flavour linux-7.2 --crypto --write 4M
says 'flavour strict'

finish
