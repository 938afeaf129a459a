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
run 3 history --last x whole
run 3 store frobnicate
run 3 merge
finish
