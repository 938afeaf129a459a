#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb latency: what it refuses, what it writes down. No figure is judged.
. "$(dirname "$0")/lib.sh"

run 3 latency --rate 0
says 'rate 0: a number from 1'
run 3 latency --rate 5,many
run 3 latency --against nobody
says 'no such subject'
run 3 latency --workload odd --rate 100
run 3 latency --write 1M --rate 100
says '--ops and --fsync-every'
run 3 latency --ops 200000 --rate 100
says 'from 8 to 131072 of 4096'
run 3 latency --rate
run 0 latency --help
says '--fsync-every K'
says '--server NAME'

# holds N REGEX DIR: so many lines of its records fit
holds() {
	n=$(cat "$3"/*/run.jsonl | grep -Ec -- "$2")
	if [ "$n" = "$1" ]; then
		ok
	else
		echo "$n lines instead of $1" >"$tmp/out"
		bad "$3: $2"
	fi
}

# writes of both sides, a fault below them; everything is judged and recorded
for server in smbd diod; do
	dir=$tmp/$server
	run 0 latency --server $server --rate 400,800 --ops 240 --pairs 1 \
		--fsync-every 20 --against temp-page --out "$dir" \
		-e 'cut: on server.write nth=2 before do rst max=1'
	says '^in-place +- +400 '
	says '^temp-page +- +800 '
	says 'No p99: 240 writes'
	holds 4 '"type":"latency"' "$dir"
	holds 2 '"side":"B"' "$dir"
	holds 4 '"hits":\{"cut":1\}' "$dir"
	holds 4 '"verdict":"PASS"' "$dir"
	holds 4 '"n":240,.*"response":.*"n":240,.*"service":.*"n":240,' "$dir"
	holds 4 '"not_durable":0,.*"unfinished":0' "$dir"
done

# the command that it writes down runs, and says the same of itself
again=$(sed -n 's/.*"repro":"netwb \(latency [^"]*\)".*/\1/p' \
	"$dir"/*/run.jsonl | head -1)
eval "run 0 $again --out '$tmp/again'"
holds 1 "\"repro\":\"netwb $again\"" "$tmp/again"

# other sizes and gaps; a fake is measured, not judged
run 0 latency --server fake --rate 900 --ops 300 --pairs 1 --block 16K \
	--poisson --outstanding 4 --out "$tmp/fake"
says 'writes of 16384 bytes'
says 'Poisson arrivals'
holds 1 '"arrival":"poisson",.*"case":"fake.in-place.seq16k.none"' "$tmp/fake"
holds 1 '"type":"latency",.*"verdict":null' "$tmp/fake"
finish
