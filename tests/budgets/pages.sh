#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# P4: does a page cost the same in a small and a large file, in one file and in
# ten thousand? Instructions of the client's own lines by callgrind, of the last
# 16 MiB (a part of the last file, or the last of many files), without the copying
# of payload; then ns with it, beside what the machine takes to copy.
#
#	pages.sh PAGES [--quick] [JSON]
#
# JSON: the figures, a line each, for `netwb report --pages`. --quick: no large
# file, no clock.
# Exit: 0 within the limit; 1 not; 2 something could not be counted; 77 no
# valgrind
set -euo pipefail
pages=${1:?usage: $0 PAGES [--quick] [JSON]}
shift
quick=
[ "${1:-}" = --quick ] && { quick=1; shift; }
json=${1:-/dev/null}
here=$(dirname "$0")
limit=1.15 mib=1048576
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
: >"$json"

command -v valgrind >/dev/null || {
	echo "skipped: there is no valgrind"
	exit 77
}

# ir NAME FILES MIB: "NETFS REST" a page.
ir() {
	local n
	n=$(valgrind --quiet --tool=callgrind --cache-sim=no \
		--instr-atstart=no --callgrind-out-file="$dir/out" \
		"$pages" ir "$2" $(($3 * mib)) $((16 * mib)) 2>"$dir/err") || {
		cat "$dir/err" >&2
		exit 2
	}
	awk -v pages="$n" -f "$here/callgrind.awk" -f "$here/pages.awk" "$dir/out"
}

clock() { "$pages" ns "$2" $(($3 * mib)) $((16 * mib)); }

cells='1x16M 1 16
1x256M 1 256
16x16M 16 256
100x1M 100 100'
[ "$quick" ] || cells+='
1x8G 1 8192
1000x1M 1000 1000
10000x1M 10000 10000'

bad=0 first=
printf '%-10s %8s %8s %9s  %s\n' 'files' 'netfs' 'client' 'ratio' \
	"instructions a 4 KiB page, no copy; ns with it"
while read -r name files size; do
	# a failure in a here string would go unseen
	counts=$(ir "$name" "$files" "$size") || exit 2
	read -r netfs rest <<<"$counts"
	first=${first:-$netfs}
	ns=
	[ "$quick" ] || ns=$(clock "$name" "$files" "$size") || exit 2
	ratio=$(awk -v a="$netfs" -v b="$first" 'BEGIN { printf "%.3f", a / b }')
	word=within
	if awk -v r="$ratio" -v l=$limit 'BEGIN { exit !(r > l) }'; then
		word=above bad=1
	fi
	printf '%-10s %8.0f %8.0f %9s  %s %s%s\n' "$name" "$netfs" \
		"$(awk -v a="$netfs" -v b="$rest" 'BEGIN { print a + b }')" \
		"$ratio" "$word" "$limit" "${ns:+; $ns ns}"
	printf '{"files":%s,"bytes":%s,"netfs_ir":%s,"rest_ir":%s,"ns":%s}\n' \
		"$files" $((size * mib)) "$netfs" "$rest" "${ns:-null}" >>"$json"
done <<<"$cells"
[ "$quick" ] && exit $bad

echo 'copy of a 4 KiB page, memory to memory, over so many bytes:'
for kib in 64 256 1024 4096 16384 65536 262144; do
	ns=$("$pages" copy $((kib * 1024)))
	printf '%8s KiB %8.1f ns\n' $kib "$ns"
	printf '{"copy_bytes":%s,"ns":%s}\n' $((kib * 1024)) "$ns" >>"$json"
done
exit $bad
