#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A campaign in one and in four shards: the same cells, the same verdicts.
. "$(dirname "$0")/lib.sh"

# verdicts DIR: cell and verdict of each run
verdicts() {
	sed -n 's/.*"cell":"\([^"]*\)".*"type":"run".*"verdict":"\([^"]*\)".*/\1 \2/p' \
		"$1/run.jsonl" | sort
}

# campaign DIR ARGUMENTS...: a check; its exit code is judged by its verdicts
campaign() {
	dir=$1
	shift
	mkdir -p "$tmp/$dir"
	(cd "$tmp" && exec "$netwb" check --server smbd \
		--filter '*.in-place.seq1m.*' --out "$dir" "$@") \
		>"$tmp/out" 2>&1 </dev/null || :
}

campaign whole
for k in 1 2 3 4; do
	campaign part$k --shard $k/4
	says "^shard $k/4: [0-9]+ of 5 cases are run here"
done
run 3 check --shard 5/4
says 'k/n with 1 <= k <= n'

got=0
(cd "$tmp" && "$netwb" merge merged part1/* part2/* part3/* part4/*) \
	>"$tmp/out" 2>&1 || got=$?
[ $got -le 2 ] && [ -e "$tmp/merged/report.html" ] && ok || bad "merge: exit $got"
verdicts "$tmp"/whole/* >"$tmp/a"
verdicts "$tmp/merged" >"$tmp/b"
cut -d' ' -f1 "$tmp/a" >"$tmp/a.cells"
cut -d' ' -f1 "$tmp/b" >"$tmp/b.cells"
if [ -s "$tmp/a.cells" ] && cmp -s "$tmp/a.cells" "$tmp/b.cells"; then
	ok
else
	bad "the shards did not run the cells of the whole"
fi
# a loaded machine may say "cannot tell", on either side
join "$tmp/a" "$tmp/b" | awk '$2 != $3 && $2 != "INCONCLUSIVE" &&
	$3 != "INCONCLUSIVE"' >"$tmp/differ"
if [ ! -s "$tmp/differ" ]; then
	ok
else
	cp "$tmp/differ" "$tmp/out"
	bad "verdicts differ: cell, whole, shards"
fi

# what was measured is sealed; one byte is found
run 0 store verify merged
says '^merged: ok'
run 2 merge merged $(cd "$tmp" && echo part*/*)
says 'never overwritten'
printf 'x' >>"$tmp/merged/run.jsonl"
run 1 store verify merged
says 'BAD: merged: run.jsonl is not what it was'
run 2 store verify "$tmp/none"

# the index comes from the files, whatever lies in its place
run 0 store index whole
says '^whole/index.sqlite: 1 sessions'
echo 'no database, but long enough to be read as one' >"$tmp/whole/index.sqlite"
run 2 history --results whole nosuch
says 'whole/index.sqlite: .*: made again'
says 'no case "nosuch"'
run 0 history --results whole
run 2 history --results none
mkdir "$tmp/nothing"
run 0 history --results nothing
says '^nothing: no figures that can be followed'
run 3 history --last x whole
run 3 store frobnicate
run 3 merge

# a full disk: one message, whatever had been measured, and no second truth
mkdir "$tmp/full"
if unshare -Urm mount -t tmpfs none "$tmp/full" 2>"$tmp/out"; then
	got=0
	# shellcheck disable=SC2016 # for that shell
	(cd "$tmp" && unshare -Urm sh -c 'mount -t tmpfs -o size=8k none full &&
		"$1" latency --server fake --rate 1000 --ops 64 --pairs 1 \
		--out full; code=$?; ls full/*; exit $code' sh "$netwb") \
		>"$tmp/out" 2>&1 </dev/null || got=$?
	[ $got = 2 ] && ok || bad "exit $got instead of 2 on a full disk"
	n=$(grep -c '^netwb: ' "$tmp/out")
	[ "$n" = 1 ] && ok || bad "$n messages of a full disk"
	grep -q 'html$' "$tmp/out" && bad 'half a report' || ok
else
	skipped=$((skipped + 1))
	echo "skipped: no namespace for a small disk"
fi

# the rounds of other campaigns: each in one shard, with the order and the seed
# that it has in the whole
rounds() {
	sed -n 's/.*"order":\([0-9]*\),"pair":\([0-9]*\),.*"seed":\([0-9]*\),.*"'"$2"'":"\([^"]*\)".*/\2 \4 \3/p' \
		"$1/run.jsonl" | sort
}
same_rounds() {
	rounds "$tmp/$1" "$4" >"$tmp/a"
	rounds "$tmp/$2" "$4" >"$tmp/b"
	if [ "$(wc -l <"$tmp/a")" = "$3" ] && cmp -s "$tmp/a" "$tmp/b"; then
		ok
	else
		cat "$tmp/a" "$tmp/b" >"$tmp/out"
		bad "$1: not the $3 rounds of the whole"
	fi
}
sharded() {
	for k in 1 2; do
		run 0 "$@" --shard $k/2 --out "$tmp/half$k"
		says "^shard $k/2: [0-9] of 2 cases are run here"
	done
	run 0 "$@" --out "$tmp/all"
	mv "$tmp"/all/* "$tmp/unsharded"
	run 0 merge both half1/$(ls "$tmp/half1") half2/$(ls "$tmp/half2")
	run 0 store verify both
}
sharded latency --server fake --rate 4000 --ops 64 --pairs 2 \
	--against temp-page
same_rounds unsharded both 4 subject
rm -rf "$tmp"/half1 "$tmp"/half2 "$tmp/all" "$tmp/both" "$tmp/unsharded"
run 3 latency --server fake --shard 1/2
says 'a knee of its own; give the rates'

# long enough for fio's clock
printf '[global]\nrw=write\nsize=64k\ntime_based\nruntime=300ms\n[one]\n%s' \
	'[two]
stonewall
' >"$tmp/tiny.fio"
sharded bench tiny.fio --subjects posix --pairs 2
same_rounds unsharded both 4 subject
n=$(find "$tmp/both" -name '*.json' | wc -l)
[ "$n" = 2 ] && ok || bad "the merged session has $n of 2 files of fio"
run 3 bench tiny.fio --shard 3/2
says 'K/N, such as 2/4'
finish
