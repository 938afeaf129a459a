#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb compare and gate: that they do what they say. Never what is faster: no
# number here is looked at, and the meters are read from files.
. "$(dirname "$0")/lib.sh"

quiet=$tmp/quiet busy=$tmp/busy blind=$tmp/blind
printf 'psi 0.1\nsteal 0\nmajflt 0\n' >"$quiet"
printf 'psi 1\nsteal 0.5\nmajflt 0\n' >"$busy"
printf 'majflt 0\n' >"$blind"
export NWB_METERS="$quiet" XDG_CACHE_HOME="$tmp/cache"

# count REGEX FILE...: lines with it
count() {
	re=$1
	shift
	cat "$@" | grep -Ec -- "$re"
}

# is WANT GOT WHAT
is() {
	if [ "$1" = "$2" ]; then
		ok
	else
		bad "$3: $2 instead of $1"
	fi
}

# how a run is cut into turns is part of what a case is
run 0 compare raw-cold in-place --servers smbd --turn 64M --list
says '^smbd.seq1m.t64M +sequential 1 MiB, 128 MiB, 2 turns'
run 0 gate --list
says '^smbd.in-place.seq4k +sequential 4 KiB, 128 MiB, 8 turns, sentinel'
grep -q '^fake' "$tmp/out" && bad 'a model among what the gate runs' || ok
run 0 gate --list --cases 'fake.*'
says '^fake.in-place.seq4k '
run 3 compare raw-cold in-place --turn 0

# who is who
run 0 compare --help
says 'usage: netwb compare A B'
run 0 gate --help
says 'docs/gate.md'
run 3 compare in-place
says 'takes A and B'
run 3 compare in-place nosuchthing
says '"nosuchthing" is no build, git revision'
run 3 compare in-place smbd
says 'a mode and a server cannot be compared'
run 3 compare mode:in-place mode:slow
says 'mode:slow: no such mode'
run 3 compare 'client:in-place wsiz=64K' in-place
says 'did you mean'
run 3 compare build:"$tmp" in-place
says 'no netwb there'
run 3 compare rev:no.such.rev rev:HEAD
says 'no such revision'
run 3 compare in-place temp-page --servers smbd,nosuch
says '"nosuch" is no server'
run 3 compare in-place temp-page --pairs 65
says '1 to 64'
run 3 compare in-place temp-page --write 1T
says 'a size'
run 3 compare in-place temp-page --cases nothing
says 'fits none of smbd.seq1k'
mkdir "$tmp/smbd"
cp "$netwb" "$tmp/smbd/netwb"
run 3 compare smbd diod
says '"smbd" can be build:smbd or server:smbd: say which'
rm -r "$tmp/smbd"
run 0 compare in-place temp-page --servers diod,fake --list
says '^diod.seq1k '
says '^fake.seq1m '
run 0 gate --list
says '^smbd.in-place.seq4k .*sentinel'
run 3 gate --baseline mode:in-place
says 'a build or a revision'
run 3 gate --budget 1y
says 'a time: 90s, 25m, 2h'

# a program that cannot be compared says so
printf '#!/bin/sh\necho netwb: no command \\"one-run\\" >&2\nexit 3\n' \
	>"$tmp/old"
chmod +x "$tmp/old"
run 2 gate --baseline build:old --pairs 1
says 'too old to be compared'
printf '#!/bin/sh\necho "{\\"one_run\\":2}"\n' >"$tmp/old"
run 2 gate --baseline build:old --pairs 1
says 'speaks version 2, this is 1'
printf '#!/bin/sh\necho "{\\"one_run\\":1,"\n' >"$tmp/old"
run 2 gate --baseline build:old --pairs 1
says 'is no JSON'

# two pairs of a case and of its control, in a session of their own
small="--cases fake.seq4k* --servers fake --write 1M --seed 7 --out"
# shellcheck disable=SC2086
run 0 compare in-place temp-page --pairs 2 $small two
says 'need >= 8 pairs'
jsonl=$(echo "$tmp"/two/*/run.jsonl)
is 4 "$(count '"type":"pair"' "$jsonl")" 'pairs'
is 2 "$(count '"role":"control".*"type":"pair"|"type":"pair".*"role":"control"' \
	"$jsonl")" 'pairs of the control'
is 0 "$(count '"contaminated":"' "$jsonl")" 'contaminated pairs'
is 6 "$(count '"type":"decision"' "$jsonl")" 'decisions'
is 6 "$(count '"case":"fake.seq4k.1024K".*"type":"decision"|decision.*1024K' \
	"$jsonl")" 'decisions of a size of its own'
is 1 "$(count '"type":"compare"' "$jsonl")" 'what was compared'
is 1 "$(count '"type":"end"' "$jsonl")" 'end'
for f in report.txt report.html report.md report.ktap junit.xml; do
	[ -s "$(dirname "$jsonl")/$f" ] && ok || bad "no $f"
done

# somebody else was at work: all is kept, nothing counts
export NWB_METERS="$busy"
# shellcheck disable=SC2086
run 2 compare in-place temp-page --pairs 2 --no-control $small disturbed
says 'UNUSABLE: 3 of 3 pairs are contaminated'
is 3 "$(count '"contaminated":"[AB]: ' "$tmp"/disturbed/*/run.jsonl)" \
	'contaminated pairs, one of them extra'
is 1 "$(count '"unusable":"3 of 3 pairs' "$tmp"/disturbed/*/run.jsonl)" \
	'the end that says so'

# two machines, each case on one of them, and one session in the end
export NWB_METERS="$quiet"
for k in 1 2; do
	run 0 compare in-place temp-page --pairs 1 --servers fake,fake-9p \
		--no-control --cases '*seq4k*' --write 1M --seed 3 \
		--shard $k/2 --out shard$k
done
run 0 merge merged "$tmp"/shard1/* "$tmp"/shard2/*
is 2 "$(count '"type":"pair"' "$tmp"/merged/run.jsonl)" 'pairs of both shards'
is 6 "$(count '"type":"decision"' "$tmp"/merged/run.jsonl)" \
	'decisions of both shards'

# no meter, no gate
export NWB_METERS="$blind"
run 2 gate --baseline build:"$build" --pairs 1 --cases 'fake.in-place.*'
says 'does not tell CPU pressure or steal'

# the baseline is kept, and found again
export NWB_METERS="$quiet"
run 3 gate --record-baseline --pairs 1 nonsense
run 0 gate --record-baseline
says 'cache/netwb/baseline'
run 0 gate --record-baseline
run 0 gate --pairs 1 --cases 'fake.in-place.*' --out gate --plant cpu=15%
says 'differs: nothing: A and B are the same binary, with a planted regression'

# both sides are told, and what they were told is in their command
run 0 compare in-place temp-page --both '--wsize 64K --hard' --pairs 1 \
	--no-control --servers smbd --cases '*.seq1m*' --write 4M --out both
is 2 "$(cat "$tmp"/both/*/run.jsonl | grep -o 'one-run [^"]*--wsize 64K --hard' | wc -l)" \
	'commands with what both were told'
run 3 compare in-place temp-page --both '--nonsense' --pairs 1 \
	--no-control --servers fake --write 4M --out both2

# ^C: what was measured stays, and is decided by
(cd "$tmp" && exec "$netwb" compare in-place temp-page --pairs 60 \
	--no-control --servers fake --write 4M --out cut >"$tmp/out" 2>&1) &
pid=$!
for _ in $(seq 1200); do
	grep -qs '"type":"pair"' "$tmp"/cut/*/run.jsonl && break
	sleep 0.1
done
kill -INT "$pid"
got=0
wait "$pid" || got=$?
is 130 "$got" 'exit after ^C'
says 'interrupted: decided by what was measured'
is 1 "$(count '"interrupted":true' "$tmp"/cut/*/run.jsonl)" 'the end after ^C'
[ -s "$(dirname "$tmp"/cut/*/run.jsonl)/report.txt" ] && ok || bad 'no report'

finish
