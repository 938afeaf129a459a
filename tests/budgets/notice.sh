#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Budgets that notice nothing protect nothing: each planted regression, and
# each damage to the file, must turn them red, and say what it is.
#
#	notice.sh BUDGETS_TEST FILE
set -uo pipefail
test=$1 file=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
smb=--only=smb.in-place.seq1m.none

# red NAME TEXT ARGS...: exit 1 and TEXT on stderr.
red() {
	local name=$1 text=$2 code=0
	shift 2
	"$test" "$@" >"$dir/out" 2>"$dir/err" || code=$?
	if { [ $code = 1 ] || [ $code = 3 ]; } && grep -qE -- "$text" "$dir/err"
	then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "$name: exit $code, no \"$text\" in:" >&2
		cat "$dir/err" >&2
	fi
}

value() { awk -v n="smb.in-place.seq1m.none/$1" '$1 == n { print $2 }' "$file"; }

# One RPC more in 64 MiB, on SMB and on 9P.
rpcs=$(value rpcs)
red 'one extra RPC' \
	"smb.in-place.seq1m.none/rpcs is $((rpcs + 1)), budget $rpcs " \
	$smb --plant=rpc "$file"
red 'one extra Twrite' '9p.in-place.seq1m.none/write_rpcs is' \
	--only=9p.in-place.seq1m.none --plant=rpc "$file"
red 'one allocation' 'smb.in-place.seq1m.none/allocs is 1, budget 0 ' \
	$smb --plant=alloc "$file"

sed '/seq1m.none.rpcs/d' "$file" >"$dir/missing"
red 'no budget' 'smb.in-place.seq1m.none/rpcs has no budget' $smb "$dir/missing"
{ cat "$file"; echo 'smb.in-place.seq1m.none/gone 1 better=exact'; } >"$dir/more"
red 'not measured' 'none/gone was not measured' $smb "$dir/more"
{ cat "$file"; tail -1 "$file"; } >"$dir/twice"
red 'twice' 'a second budget' "$dir/twice"
sed 's/better=exact/better=less/' "$file" >"$dir/word"
red 'bad word' 'word:[0-9]+: neither' "$dir/word"
echo 'a -1 better=exact' >"$dir/minus"
red 'negative' 'minus:1: not a number' "$dir/minus"
: >"$dir/empty"
red 'empty' 'no budget in it' "$dir/empty"
printf 'a 1 better=exact' >"$dir/cut"
red 'cut off' 'end is missing' "$dir/cut"
red 'no file' 'No such file' "$dir/nothing"

echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
