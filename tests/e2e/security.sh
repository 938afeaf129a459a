#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Dialects, signatures and encryption on smbd: what works says what was used,
# what is refused says why and what to do.
. "$(dirname "$0")/lib.sh"

# can REGEX ARGUMENTS...: the run passes, and that was used
can() {
	used=$1
	shift
	run 0 run --client in-place --write 4M "$@"
	says 'verdict: PASS'
	says "$used"
}

# cannot EXIT REGEX ARGUMENTS...: refused, in one line that says so; 3: asked
# for what is not there, 2: the server says no
cannot() {
	code=$1
	why=$2
	shift 2
	run "$code" run --client in-place --write 4M "$@"
	says "^netwb: .*$why"
}

can 'signing HMAC-SHA256, encryption none, wsize 65536' --dialect 2.0.2 --sign
can 'signing HMAC-SHA256, encryption none, wsize 1048576' \
	--dialect 2.1 -e 'server smbd signing=mandatory'
can 'signing none, encryption AES-128-CCM' \
	-e 'client in-place dialect=3.0.2 sign=cmac encrypt'
can 'signing AES-CMAC, encryption none' -e 'client in-place sign=cmac'
can 'signing HMAC-SHA256' -e 'server smbd sign-alg=hmac' --sign
# the server says that it wants it, or the share does
can 'signing none, encryption AES-128-GCM' -e 'server smbd encrypt'
can 'encryption AES-128-GCM' -e 'server smbd encrypt=desired'
can 'encryption AES-128-GCM' -e 'server smbd encrypt=share'
can 'encryption AES-128-CCM' -e 'server smbd cipher=ccm' --encrypt
# the server chooses the dialect
can 'encryption AES-128-CCM' -e 'server smbd max-dialect=3.0.2' \
	--dialect any --encrypt
can 'wsize 65536' -e 'server smbd dialect=2.0.2' --dialect any
can 'encryption none' -e 'server smbd min-dialect=3.1.1'

# faults under encryption: seen, acted upon, judged
for d in 3.0.2 3.1.1; do
	for e in 'c: on server.write nth=5 after do drop, rst' \
		'c: on server.write nth=5 before do rst max=1' \
		'c: on server.grant nth=8..40 do grant 0'; do
		run 0 run --client in-place --write 32M --dialect $d --encrypt \
			-e "$e" -e heal
		says 'verdict: PASS'
		says 'rule c: [1-9]'
	done
done

cannot 3 'SMB 2.1 has none; use dialect 3.0.2' --dialect 2.1 --encrypt
cannot 3 'AES-GMAC was asked for, SMB 3.0.2 signs with AES-CMAC only' \
	--dialect 3.0.2 --sign=gmac
cannot 2 'SMB 2.1 was offered, the server answered STATUS_NOT_SUPPORTED' \
	--dialect 2.1 -e 'server smbd min-dialect=3.0.2'
cannot 3 'AES-GMAC only was offered, .* signing algorithms' \
	--sign=gmac -e 'server smbd sign-alg=hmac'
cannot 3 'no common cipher; switch its encryption on' \
	--encrypt -e 'server smbd encrypt=off'
cannot 2 'session setup: .*over SMB 2.1 cannot give it: use dialect' \
	--dialect 2.1 -e 'server smbd encrypt'
cannot 2 'tree connect: .*do not switch it off' \
	--encrypt=off -e 'server smbd encrypt=share'
cannot 2 'guests cannot sign.*give user and password' \
	--sign -e 'server smbd guest'
cannot 2 'guests have no key; give user and password' \
	--encrypt -e 'server smbd guest'
cannot 3 'signing is part of SMB' --server diod --sign
cannot 3 'encryption is part of SMB' -e 'server diod' -e 'client in-place encrypt'
cannot 3 'dialects are part of SMB' --server diod --dialect 3.0.2
cannot 2 'wants encryption.*guests have no key' -e 'server smbd guest encrypt'
finish
