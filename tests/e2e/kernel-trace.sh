#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb kernel trace on the reference traces of the tree and on text of tracefs;
# what netwb kernel record says when it cannot do as it is told.
. "$(dirname "$0")/lib.sh"
traces=$(cd "$(dirname "$0")/../data/traces" && pwd)

run 0 kernel record --list
says '^  seq-4k +cifs 9p +Sequential writes of 4 KiB$'
says '^  short-write +9p '
run 3 kernel record
says 'which kernel\?'
run 3 kernel record 7.2 --fs nfs
says 'cifs or 9p'
run 3 kernel record 7.2 no-such-workload
says 'no workload "no-such-workload"'
printf '#: fs nfs\n' >"$tmp/bad.job"
run 3 kernel record 7.2 bad.job
says 'bad:1: it has no "#: fs cifs 9p"'
run 2 kernel record host seq-4k
says 'the running kernel is not booted'

# the references: one workload, two kernels
run 0 kernel trace show "$traces/linux-7.2/cifs-seq-4k.gz"
says '^kernel 7\.2'
says '^req 1 WB f1 0\+0$'
says '^done 1$'
run 0 kernel trace diff "$traces/linux-7.2/cifs-seq-4k.gz" \
	"$traces/linux-7.2/cifs-seq-4k.gz"
says '^the same$'
run 1 kernel trace diff "$traces/linux-7.2/cifs-seq-4k.gz" \
	"$traces/linux-7.2/9p-seq-4k.gz"
says ' has "'

# text of tracefs is as good
cat >"$tmp/text" <<'END'
# tracer: nop
 wb-1 [000] .....  5.0: netfs_write: R=7 WRITEBACK c=0 i=1 by=0-ffffffffffffffff
 wb-1 [000] .....  5.1: netfs_folio: i=00001 ix=00000-00001 store
 wb-1 [000] .....  5.1: netfs_sreq: R=7[1] UPLD SUBMT f=100 s=0 0/2000 s=0 e=0
END
run 0 kernel trace steps text
says '^submit 1\.1 up 0\+2000 0$'
sed 's,0/2000,0/1000,' "$tmp/text" >"$tmp/other"
run 1 kernel trace diff text other
says 'what the issuer does, step 2: text has "submit 1\.1 up 0\+2000 0", other'
run 3 kernel trace show /dev/null
says 'neither a trace of netwb nor text of tracefs'
run 3 kernel trace show nowhere
says 'nowhere: No such file'
run 3 kernel trace diff text
run 3 kernel trace
finish
