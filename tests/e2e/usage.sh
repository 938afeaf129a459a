#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Help, wrong options, wrong plans: one clear message and the right exit code.
. "$(dirname "$0")/lib.sh"

run 0 --help
says 'usage: netwb COMMAND'
for c in run bench latency check compare gate serve mount exec kernel sim lint \
	list explain report store merge history; do
	run 0 $c --help
	says "usage: netwb $c"
done
run 3
run 3 frobnicate
says 'no command "frobnicate"'
run 3 run --server nosuch
says 'no such server'
run 3 run --workload nosuch
run 3 run --server fake
says 'no such server'
run 3 one-run --plant cpu=fast
says 'cpu=15% or throughput=-25%'
# what compare and gate start: one line of JSON, on a server in the process
run 0 one-run --server fake --workload seq1k --write 1M --level bench
says '^\{"one_run":1,.*"cell":"fake\.in-place\.seq1k\.none".*"wall_ns":[0-9]'
run 0 one-run --server fake-9p --write 4M -e 'client temp-page wsize=16K'
says '"cell":"fake-9p\.temp-page\.seq1m\.plan"'
run 3 one-run --server fake -e 'c: on server.write nth=1 before do rst'
says 'faults are injected into smbd, diod and ganesha only'
run 3 run --write 12x
says 'not a number'
run 3 run --write ' -5'
says 'not a number'
run 3 run --write 99999999999G
says 'not a number'
run 3 run --write 9000000000G
says 'at most 1024G'
for c in run check 'check --fault reset-after' one-run \
	'compare in-place temp-page'; do
	# shellcheck disable=SC2086 # words of a command line
	run 3 $c --write 1K
	says 'bytes are too few, it needs at least'
done
run 3 run --dirty 1
says '64K at least'
run 3 bench --pairs 0
run 3 bench --filter nothing.fits
says 'fits no cell'
run 3 bench --retry-cost --filter 'smbd.*'
says 'has rows of its own'
run 3 bench --speed --filter 'smbd.*' --server diod
says 'fits no cell; those of --speed'
run 3 bench --pairs 65
says 'at most 64'
run 3 bench --speed --retry-cost
says 'one at a time'
run 3 bench --speed --server ganesha
says 'on smbd or diod'
run 3 bench --speed --isolation none
says 'first isolation that works'
run 3 bench --signing-cost --server diod
says 'only smbd signs'
run 3 bench --inval-cost --shard 1/2
says 'no parts'
run 3 bench --inval-cost --out results
says '--out is not obeyed'
run 3 bench --retry-cost --fault-pairs 3
says '--fault-pairs is of the matrix'
run 3 bench --retry-cost --time 60
says '--time is of the matrix and of --speed'
run 3 check --dirty-bg 2M
says '^netwb: dirty-bg is a part of --dirty'
run 3 check -e 'on mirror.server.write nth=1 before do rst'
says '^netwb: .*there is no mirror'
run 3 latency --dirty-bg 2M --rate 100
says '^netwb: dirty-bg is a part of --dirty'
run 3 check --mutant all --server diod
says 'brings its own server, client, workload and plan'
run 3 run --depth 4
says '--depth is of raw-cold and raw-hot'
run 3 run --client raw-cold --depth 4097
says '--depth 4097: at most 4096'
for c in run check latency one-run; do
	run 3 $c smbd
	says 'smbd: what is that'
done
run 3 run --no-copy
says '--client temp-page'
# as a plan's words; one of these ran for hours
for size in 1 4095 9M; do
	run 3 run --wsize $size
	says "^netwb: --wsize $size: 4K to 8M"
done
run 3 run --no-ledger --ledger none
says '--ledger: with --no-ledger nothing is recorded'
[ ! -e "$tmp/none" ] && ok || bad 'it wrote'
# what a protocol or a subject has not is said before anything starts
for c in 'check --sign' 'check --server diod --sign -e heal' \
	'latency --server diod --sign --rate 100' 'mount diod --sign -- true'; do
	# shellcheck disable=SC2086 # words of a command line
	run 3 $c
	says 'signing is part of SMB, 9P has none'
done
run 3 latency --client raw-cold --flavour linux-7.2 --rate 100
says "raw-cold caches nothing: a flavour with its hazards is the reference"
[ -e "$tmp/results" ] && bad 'it left results' || ok
run 3 list --plans x
says 'usage: netwb list'
run 3 mount
says 'netwb mount smbd.diod$'
run 3 sim --seeds 0
says '^netwb: --seeds 0: a number from 1 to '
run 3 sim --minutes 0
run 3 sim --jobs 0
run 3 sim --drop-ops x
says '--drop-ops x: not a list'
run 3 sim --mutant none
says 'no such mutant|without mutants'
run 3 sim 7
says '^netwb: 7: what is that'
run 3 sim --flavour linux-5.10
says '--flavour linux-5.10: strict, linux-6.12 or linux-7.2'
run 3 sim --flavour linux-7.2 --json
says 'are for plain seeds'
run 3 sim --hazards h3
says 'needs --flavour'
run 3 sim --flavour linux-7.2 --hazards h18
says 'h1 to h17'
run 0 sim --seed 1 --flavour linux-6.12 --hazards=-h9
run 3 compare --turn 1K in-place temp-page
says '--turn 1K: .*from 256K'
run 2 report "$tmp/none"
run 3 report --pages "$tmp/p.json" --cover
run 3 report --pages "$tmp/p.json" "$tmp"
says 'usage: netwb report'
run 2 report --pages "$tmp/p.json"
says 'p\.json: No such file'
run 3 report --format word "$tmp/none"
says 'no report format "word"'
run 0 list
says 'in-place'
run 0 list --plans
says 'plan reset-after'

# where nothing can be kept, nobody works first
run 3 serve smbd --dir "$tmp/out" -- touch "$tmp/worked"
says '^netwb: --dir .*/out: not a directory$'
run 3 mount diod --out "$tmp/out" -- touch "$tmp/worked"
says '^netwb: --out .*/out: not a directory$'
[ -e "$tmp/worked" ] && bad 'the command ran' || ok

# two outputs in one file, or a plan that would be written over: nothing starts
mkdir "$tmp/o"
ln -s ../o "$tmp/o/again"
ln -s later "$tmp/o/link"
printf 'plan mine\n' >"$tmp/o/mine.plan"
ln "$tmp/o/mine.plan" "$tmp/o/hard.txt"
cd "$tmp" || exit 1
run 3 run --ledger x --trace x
says '--ledger x and --trace x: they are one file'
run 3 run --ledger x --capture ./x
run 3 run --capture o/x --trace o/again/x
run 3 run --ledger o/later --trace o/link
run 3 run --ledger "$tmp/x" --trace x
run 3 run --capture x --trace x.keys
says '--capture x\.keys and --trace x\.keys'
run 3 run --mirror diod --ledger x --trace o/../x.mirror
run 3 serve smbd --ledger x --capture o/../x
run 3 mount smbd --ledger x --capture o/../x -- true
run 3 run --plan o/mine.plan --trace o/hard.txt
says '--plan o/mine.plan and --trace o/hard.txt'
run 3 run --ledger o/mine.plan
says 'it is there already'
[ ! -e x ] && [ ! -e o/later ] && ok || bad 'it wrote'
[ "$(cat o/mine.plan)" = 'plan mine' ] && ok || bad 'the plan is gone'
cd - >/dev/null || exit 1

# what cannot be written is not taken for written; who stops reading has had
# enough
for c in list 'lint --help' 'sim --list-mutants'; do
	got=0
	# shellcheck disable=SC2086
	"$netwb" $c >/dev/full 2>"$tmp/out" || got=$?
	[ $got = 2 ] && ok || bad "exit $got instead of 2: netwb $c >/dev/full"
	says 'standard output cannot be written'
done
{
	trap '' PIPE
	sleep 0.2
	"$netwb" list 2>"$tmp/out"
} | :
grep -q 'cannot be written' "$tmp/out" && bad 'a closed pipe is no error' || ok

# a typo in a plan: file:line:column, a suggestion, exit 3
printf 'plan typo\ncut: on server.wriet nth=4 before do rst\n' >"$tmp/p.plan"
run 3 lint p.plan
says 'p\.plan:2:[0-9]+: .*did you mean'
run 3 run --plan p.plan
says 'p\.plan:2:[0-9]+: .*did you mean'
run 3 run -e 'cut: on server.write nth=4 before do rts'
says '-e #1:1:[0-9]+: .*did you mean'
# what is no text: said, and the terminal is spared
run 3 lint .
says '^\.: Is a directory$'
printf 'plan a\n\033[2Jx: on\n' >"$tmp/escape.plan"
run 3 lint escape.plan
says '^escape\.plan:2:1: unexpected'
grep -q "$(printf '\033')" "$tmp/out" && bad 'it passes escapes on' || ok
printf 'plan a\0b\n' >"$tmp/zero.plan"
run 3 lint zero.plan
says '^zero\.plan:1:7: '
# what cannot be injected is refused by name, never skipped
run 3 run -e 'c: on client.write nth=1 do error EIO'
says 'c'
# the standard plans are fine, and canonical text reads back as itself
for f in reset-before reset-after slow-acks famine; do
	"$netwb" list --plans 2>/dev/null |
		awk -v want="plan $f" '$0 == want { on = 1 }
			on && $0 == "" { exit } on' >"$tmp/$f.plan"
	run 0 lint --print $f.plan
	cp "$tmp/out" "$tmp/again.plan"
	run 0 lint --print again.plan
	if cmp -s "$tmp/out" "$tmp/again.plan"; then
		ok
	else
		bad "canonical text of $f is not a fixed point"
	fi
done
finish
