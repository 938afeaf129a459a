#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb run --trace: the client's tracepoints of a run, as tracefs prints them
# and for Perfetto. Every request that began has an end, and every subrequest
# that was sent has one termination, also when a connection is cut.
. "$(dirname "$0")/lib.sh"

# count REGEX FILE
count() {
	grep -Ec -- "$1" "$tmp/$2"
}

# same NUMBER NUMBER WHAT
same() {
	if [ "$1" = "$2" ] && [ "$1" -gt 0 ]; then
		ok
	else
		echo "$1 and $2" >"$tmp/out"
		bad "$3"
	fi
}

for server in smbd diod; do
	run 0 run --server $server --write 8M --trace clean.txt
	same "$(count '^ +netwb-1 +\[000\] \.{5} +[0-9]+\.[0-9]{6}: netfs_' \
		clean.txt)" "$(grep -vc '^#' "$tmp/clean.txt")" \
		'every line is one of tracefs'
	same "$(count ': netfs_sreq: .* UPLD SUBMT ' clean.txt)" \
		"$(count ': netfs_sreq: .* UPLD TERM ' clean.txt)" \
		"$server: each subrequest ends once"
	same "$(count ': netfs_write: R=[0-9a-f]{8} WRITEBACK ' clean.txt)" \
		"$(count ': netfs_rreq: .* WB WR-DONE' clean.txt)" \
		"$server: each request ends once"
done

run 0 run --write 16M --trace cut.txt \
	-e 'cut: on server.write nth=5 before do rst'
says 'verdict: PASS'
same "$(count ': netfs_sreq: .* UPLD SUBMT ' cut.txt)" \
	"$(count ': netfs_sreq: .* UPLD TERM ' cut.txt)" \
	'each subrequest ends once, though the connection was cut'
[ "$(count ': netfs_sreq: .* UPLD RETRY ' cut.txt)" -gt 0 ] && ok ||
	bad 'a retry is to be seen'
[ "$(count 'WAIT-QUIESCE' cut.txt)" -gt 0 ] && ok ||
	bad 'the retryer waits for quiet'

run 0 run --write 8M --trace t.json
python3 - "$tmp/t.json" >"$tmp/out" 2>&1 <<'END' && ok || bad 'JSON for Perfetto'
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
begun = [(e["cat"], e["id"]) for e in events if e["ph"] == "b"]
ended = [(e["cat"], e["id"]) for e in events if e["ph"] == "e"]
assert len(begun) > 10 and sorted(begun) == sorted(ended), (begun, ended)
assert all(e["ts"] > 0 for e in events)
END

# what cannot be written is no trace, but a device stays one
ln -s /dev/full "$tmp/full.txt"
run 2 run --write 4M --trace full.txt
says 'full.txt: cannot be written'
[ -L "$tmp/full.txt" ] && ok || bad 'it removes what it has not made'

# a local cache: the second stream is to be seen, and disturbs nobody
mkdir "$tmp/cache"
run 0 run --write 8M --fscache "$tmp/cache" --trace cache.txt
says 'verdict: PASS'
same "$(count ': netfs_sreq: .* WRIT SUBMT ' cache.txt)" \
	"$(count ': netfs_sreq: .* WRIT TERM ' cache.txt)" \
	'each write to the cache ends once'
[ -z "$(ls -A "$tmp/cache")" ] && ok || bad 'the cache leaves files behind'
run 2 run --write 8M --fscache /nowhere
says '/nowhere: a file cannot be made there: No such file or directory'
run 3 run --write 8M --client raw-cold --fscache "$tmp/cache"
says 'a local cache is the reference'

run 2 run --write 8M --trace /nowhere/t.txt
says 'trace: /nowhere/t.txt: No such file or directory'
finish
