#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the reference client has beside its server, on real ones: a second
# identity, limits of dirty bytes, a local cache that h8 damages; and their words
# in a plan. (A mirror: mirror.sh.)
. "$(dirname "$0")/lib.sh"

# A second identity: smbd refuses what the first user writes.
# Without namespaces there is one account only.
got=0
(cd "$tmp" && exec "$netwb" run --second-user --write 64K) >"$tmp/out" 2>&1 ||
	got=$?
if [ $got = 77 ]; then
	sed -n 's/^verdict: SKIP/skipped:/p' "$tmp/out"
	skipped=$((skipped + 1))
else
	run 0 run --second-user --write 4M
	says '^verdict: PASS'
	says 'second user: wrote, the first was refused'
	run 0 run --second-user --client temp-page --fault reset-after --write 16M
	says '^verdict: PASS'
	says 'second user: wrote, the first was refused'
	run 0 run --write 4M --sign -e 'client in-place second-user'
	says 'second user: wrote, the first was refused'
fi
run 77 run --second-user --write 4M --isolation none
says 'a second user needs namespaces'
run 3 run --second-user --server diod --write 4M
says 'diod cannot tell a second user from the first'

# Limits of dirty bytes: with slow answers a writer meets them. One write of
# 1 MiB more than the limit may be dirty.
slow='slow: on server.write after do hold 60ms'
below() {
	n=$(sed -n 's/.*; at most \([0-9]*\) bytes were dirty$/\1/p' "$tmp/out")
	if [ "${n:-0}" -gt 0 ] && [ "$n" -le "$1" ]; then
		ok
	else
		bad "at most $1 bytes may be dirty, not ${n:-none}"
	fi
}
for limit in '--strictlimit 2M' '--dirty 2M' '--dirty 2M --dirty-bg 512K'; do
	# shellcheck disable=SC2086
	run 0 run $limit --write 16M -e "$slow"
	says '^verdict: PASS'
	says 'dirty limits: writers waited [1-9][0-9]* times'
	below 3145728
done
run 0 run --client temp-page --write 16M -e "$slow" \
	-e 'client temp-page strictlimit=2M'
says 'dirty limits: writers waited [1-9][0-9]* times'
below 3145728
run 0 run --dirty 512M --write 8M
says 'dirty limits: writers waited 0 times'
run 3 run --dirty 1M --dirty-bg 2M --write 4M
says 'must be above the background limit'
run 3 run --dirty-bg 2M --write 4M
says 'dirty-bg is a part of --dirty'
run 3 run --client raw-cold --strictlimit 4M --write 4M
says "a limit of dirty bytes is the reference client's"

# A write to the local cache stops within a block. Where the rest begins is
# skipped to the next block, or not (h8): then the cache has the bytes of one
# block in the place of another.
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
	cache=$(mktemp -d /dev/shm/netwb-test.XXXXXX)
	trap 'rm -rf "$tmp" "$cache"' EXIT
	h8="run --fscache $cache --fscache-short 4608 --write 8M"
	for flavour in linux-6.12 linux-7.2; do
		# shellcheck disable=SC2086
		run 1 $h8 --flavour $flavour
		says 'hazards that fired: h8'
		says 'O12 FAIL STALE-READ: the local cache gives'
		says '^again: .* --flavour '$flavour' .*--fscache-short 4608'
		# shellcheck disable=SC2086
		run 0 $h8 --flavour $flavour --hazard=-h8
		says 'hazards that fired: (none|h10)$'
		says 'local cache: [1-9][0-9]* bytes compared .*, 0 wrong'
		says '^verdict: PASS'
	done
	# shellcheck disable=SC2086
	run 0 $h8
	says 'local cache: [1-9][0-9]* bytes compared .*, 0 wrong'
	# shellcheck disable=SC2086
	run 1 $h8 --server diod -e 'client in-place hazard=h8'
	says 'hazards that fired: h8$'
	[ -z "$(ls -A "$cache")" ] && ok || bad 'the cache leaves files behind'
else
	echo 'skipped: nothing can be written to /dev/shm'
	skipped=$((skipped + 1))
fi
run 3 run --fscache-short 8K --write 4M
says 'fscache-short is a fault of --fscache'

# The same words in a plan, which wins.
cat >"$tmp/words.plan" <<'END'
plan words
server diod
client in-place flavour=linux-6.12 retry=smaller-bits hazard=-h3
short: on server.write nth=4 do short 4096 max=1
full: on server.write nth=5 before do error ENOSPC max=1
END
run 0 lint "$tmp/words.plan"
run 0 run --plan "$tmp/words.plan" --write 4M
says 'flavour linux-6.12, hazards that fired: none'
sed -i 's/ hazard=-h3//' "$tmp/words.plan"
run 1 run --plan "$tmp/words.plan" --write 4M --flavour linux-7.2
says 'flavour linux-6.12, hazards that fired: h3$'
for word in flavour=linux-6.13 retry=never hazard=h18 hazard=h1,,h2 \
	mirror=nfsd dirty=1 second-user=2; do
	echo "client in-place $word" >"$tmp/bad.plan"
	run 3 lint "$tmp/bad.plan"
	says 'bad.plan:1:'
done
finish
