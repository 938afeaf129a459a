#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Budgets that notice nothing protect nothing: each planted regression, and
# each damage to the file, must turn them red, and say what it is.
#
#	notice.sh BUDGETS_TEST FILE IR_WORK
set -uo pipefail
test=$1 file=$2 ir=$3
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

# Instructions: half a percent is put up with, more is not.
{
	echo "@compiler $("$ir" --compiler)"
	echo 'codecs/hist 100000 better=ir'
} >"$dir/ir"
measured() {
	local name=$1 want=$2 text=$3 code=0
	shift 3
	printf '%s\n' "$@" | "$ir" --check "$dir/ir" >"$dir/out" 2>&1 || code=$?
	if [ $code = "$want" ] && grep -qF -- "$text" "$dir/out"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "$name: exit $code, no \"$text\" in:" >&2
		cat "$dir/out" >&2
	fi
}
measured 'within' 0 '1 passed, 0 failed' 'codecs/hist 100500'
measured 'below' 0 '1 passed, 0 failed' 'codecs/hist 99500'
measured 'more' 1 'is 100501, budget 100000 (+0.50%) +-0.5%' \
	'codecs/hist 100501'
measured 'less' 1 'is 99499, budget 100000' 'codecs/hist 99499'
measured 'nothing measured' 1 'codecs/hist was not measured' ''
measured 'new work' 1 'new/room has no budget' 'codecs/hist 100000' \
	'new/room 5'
sed -i 's/^@compiler.*/@compiler gcc 2.95/' "$dir/ir"
measured 'other compiler' 77 'is of "gcc 2.95", this is' 'codecs/hist 100000'

echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
