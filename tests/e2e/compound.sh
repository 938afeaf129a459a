#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Small WRITEs to different places in one frame, on the real smbd: plain, signed,
# encrypted, cut. The shim's ledger knows each of them, and so does tshark.
. "$(dirname "$0")/lib.sh"

run 0 run --workload rand4k --write 4M --compound 4 --capture chain.pcapng
says 'compounds: [1-9][0-9]* WRITEs went with others'
says '^verdict: PASS'
# WRITE requests that another request follows in the same frame
nr=$(tshark -r "$tmp/chain.pcapng" -Y 'smb2.cmd == 9 && smb2.flags.response == 0
	&& smb2.chain_offset > 0' 2>/dev/null | wc -l)
if [ "$nr" -gt 0 ]; then
	ok
else
	bad "tshark sees no compound"
fi
run 0 run --workload rand4k --write 4M --compound 3 --sign
says '^verdict: PASS'
run 0 run --workload rand4k --write 4M --compound 4 --encrypt
says '^verdict: PASS'
run 0 run --workload rand4k --write 4M --compound 4 --fault reset-before
says 'retries [1-9]'
says '^verdict: PASS'
run 0 run --workload rand4k --write 4M --compound 2 -e \
	'cut: on server.write nth=100 do short 1000 max=1'
says '^verdict: PASS'

# the word of a plan
run 0 run --workload rand4k --write 1M -e 'client in-place compound=4'
says 'compounds: [1-9][0-9]* WRITEs went with others'
says '^verdict: PASS'

run 3 run --client raw-cold --compound 4 --write 4M
says "a compound of WRITEs is the reference client's"
run 3 run -e 'client in-place compound=5'
says '-e #1:1:'
run 3 run --server diod --compound 4
says 'part of SMB'
run 3 run --compound 5
says '2 to 4'

finish
