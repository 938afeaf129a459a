#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the report says of drain, recovery and amplification, against a program
# that knows nothing but the ledger. Usage: figures.sh BUILD [N]: all of it N
# times, each time another seed.
. "$(dirname "$0")/../e2e/lib.sh"
figures=$build/tests/second/figures
case $build in
/*) ;;
*) figures=$PWD/$figures ;;
esac
compared=0

# both NAME RULES -- ARGUMENTS: one run, two opinions
both() {
	name=$1 rules=$2
	shift 3
	for try in 1 2 3; do
		rm -f "$tmp/ledger"
		got=0
		"$netwb" one-run --ledger "$tmp/ledger" --seed "$seed" \
			--wsize 64K --fsyncs 2 "$@" >"$tmp/out" 2>&1 || got=$?
		# whatever the verdict is, both look at the same run; but a
		# server that has died by itself may leave nothing to look at
		[ $got = 0 ] && grep -q '"recovered":[1-9]' "$tmp/out" && break
		[ $try = 3 ] && bad "$name: nothing to compare, exit $got" &&
			return
	done
	mv "$tmp/out" "$tmp/record"
	# shellcheck disable=SC2086
	if "$figures" "$tmp/ledger" "$tmp/record" $rules >"$tmp/out" 2>&1; then
		ok
		compared=$((compared + 1))
	else
		bad "$name: the two differ: one-run --seed $seed $*"
	fi
	[ -z "${VERBOSE:-}" ] || sed "s/^/$name: /" "$tmp/out"
}

for seed in $(seq 1 "${2:-1}"); do
for server in smbd diod; do
	for client in in-place temp-page; do
		c="$server $client"
		set -- --server $server --client $client
		both "$c reset before" cut -- "$@" --fault reset-before \
			--workload rewrite --write 16M
		both "$c reset after" cut -- "$@" --fault reset-after \
			--workload rand4k --write 8M
		# the heal comes while the workload writes
		both "$c slow acks" slow -- "$@" --workload seq4k --write 16M \
			-e 'slow: on server.write nth=2..200+3 after do hold 20ms' \
			-e 'phase first until server.write = 12' -e heal
	done
done
for server in smbd diod; do
	both "$server two rules" 'slow cut' -- --server $server \
		--workload seq1m --write 16M \
		-e 'slow: on server.write nth=3..9 after do hold 5ms' \
		-e 'cut: on server.write nth=20 after do drop, rst max=1'
done
for client in in-place temp-page; do
	both "smbd $client famine" starve -- --server smbd --client $client \
		--workload seq1m --write 16M \
		-e 'starve: on server.grant nth=8..47 do grant 0'
done
done

# it can say no: of somebody else's record, and of one that was changed
sed 's/"recovery_ns":\([0-9]\)/"recovery_ns":9\1/' "$tmp/record" >"$tmp/wrong"
if "$figures" "$tmp/ledger" "$tmp/wrong" starve >"$tmp/out" 2>&1; then
	bad "a wrong recovery time is not noticed"
else
	ok
	says 'recovery ns .* BAD'
fi
sed 's/"bytes_sent":/"bytes_sent":1/' "$tmp/record" >"$tmp/wrong"
"$figures" "$tmp/ledger" "$tmp/wrong" starve >"$tmp/out" 2>&1
says 'amplification .* BAD'
"$figures" "$tmp/record" >"$tmp/out" 2>&1
says 'is no ledger'
echo "$compared runs compared"
finish
