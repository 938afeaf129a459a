# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# What the end-to-end scripts share. Usage of each: tests/e2e/NAME.sh BUILD
set -u
build=${1:?usage: $0 BUILD}
netwb=$build/bench/netwb
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0

ok() {
	passed=$((passed + 1))
}

# bad WHAT: the output of the last command is in $tmp/out
bad() {
	failed=$((failed + 1))
	echo "FAIL: $*"
	sed 's/^/    /' "$tmp/out"
}

# run EXPECTED-EXIT ARGUMENTS...: netwb with them. Where netwb cannot repeat it
# by itself (somebody else's client), a server that ended by itself is no reason
# to fail: once more.
run() {
	want=$1
	shift
	for n in 1 2 3; do
		got=0
		(cd "$tmp" && exec "$netwb" "$@") >"$tmp/out" 2>&1 \
			</dev/null || got=$?
		[ $got = 2 ] && [ "$want" != 2 ] &&
			grep -q 'ended by itself' "$tmp/out" || break
		echo "attempt $n: $(grep -m1 'ended by itself' "$tmp/out")"
	done
	if [ "$got" = "$want" ]; then
		ok
	else
		bad "exit $got instead of $want: netwb $*"
	fi
}

# says REGEX: the last command said that
says() {
	if grep -Eq -- "$1" "$tmp/out"; then
		ok
	else
		bad "does not say \"$1\""
	fi
}

# can_mount: or says why not, and counts that as skipped
can_mount() {
	if grep -qs __tsan_init "$netwb"; then
		echo "skipped: only a process of one thread enters a" \
			"namespace, ThreadSanitizer has one of its own"
		skipped=$((skipped + 1))
		return 1
	fi
	"$netwb" mount diod -- true >"$tmp/out" 2>&1 && return
	grep -q '/dev/fuse\|has no FUSE\|not permitted' "$tmp/out" || return 0
	sed -n 's/^netwb: /skipped: /p' "$tmp/out"
	skipped=$((skipped + 1))
	return 1
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

case $build in
/*) ;;
*) netwb=$PWD/$netwb ;;
esac
