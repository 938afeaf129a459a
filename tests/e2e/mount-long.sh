#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The long campaign on the mount: what people do with a file system, over smbd
# and diod, while a connection is lost every two seconds in which something is
# written; each judged by the program's own check and by the shadow.
# Usage: mount-long.sh BUILD [SECONDS-OF-STRESS [SERVER...]]
seconds=${2:-60}
[ $# -lt 3 ] || { b=$1; shift 2; servers=$*; set -- "$b"; }
servers=${servers:-"smbd diod"}
. "$(dirname "$0")/lib.sh"
src=$(cd "$(dirname "$0")/../.." && pwd)

# in_mount NAME SERVER SCRIPT: every two seconds, in turns not applied and applied
in_mount() {
	echo "$2: $1"
	run 0 mount "$2" -e 'before: on server.write before do rst every=4s' \
		-e 'after: on server.write after do rst every=2s' \
		-e 'expect hits before >= 0' -e 'expect hits after >= 1' -- \
		sh -ec "$3"
	says '^verdict: PASS'
	grep -E '^rule |^mount: |^client |^  O1 O2|^  O12 |not compared' \
		"$tmp/out" | sed 's/^/    /'
}

# A tree and a repository of it, whatever this directory is.
mkdir "$tmp/tree"
for d in lib include bench faults servers tests docs scripts; do
	[ ! -d "$src/$d" ] || cp -r "$src/$d" "$tmp/tree/"
done
for i in 1 2 3 4 5 6; do
	cp -r "$tmp/tree/lib" "$tmp/tree/lib$i"
	head -c 3000000 /dev/urandom >"$tmp/tree/lib$i/noise"
done
(cd "$tmp/tree" && git init -q . && git config user.email a@example.org &&
	git config user.name a && git add . && git commit -qm 1 &&
	cp -r docs docs2 && git add . && git commit -qm 2) || exit 2
export tree="$tmp/tree"

git_script='export HOME=$PWD GIT_CONFIG_NOSYSTEM=1
	git config --global safe.directory "*"
	for i in 1 2 3; do
		git clone -q --no-hardlinks "$tree" r$i
		(cd r$i && git fsck --strict 2>&1 | grep -v "^dangling\|^notice" &&
			exit 1
		test -z "$(git status --porcelain)"
		git checkout -q HEAD~1 && git checkout -q - && git gc -q &&
		git fsck --strict)
	done
	diff -r --exclude=.git "$tree" r1'
sqlite_script='
	for mode in delete truncate persist; do
		sqlite3 $mode "pragma journal_mode=$mode;" \
			"create table t(id integer primary key, a text, b blob);" \
			"create index ta on t(a);" >/dev/null
		i=0
		while [ $i -lt 60 ]; do
			sqlite3 $mode "pragma journal_mode=$mode; begin;
				with recursive c(x) as (select 1 union all
				select x+1 from c where x<50)
				insert into t(a,b) select hex(randomblob(20)),
				randomblob(3000) from c;
				update t set a=a||1 where id%7=$((i % 7));
				delete from t where id%11=$((i % 11)); commit;" \
				>/dev/null
			i=$((i + 1))
		done
		test "$(sqlite3 $mode "pragma integrity_check")" = ok
	done'
tar_script='
	for i in 1 2 3; do
		tar -C "$tree" -cf t$i.tar --sort=name .
		mkdir t$i && tar -C t$i -xf t$i.tar
		diff -r "$tree" t$i
		tar -C t$i -df t$i.tar --no-same-owner 2>&1 |
			grep -v "Uid differs\|Gid differs\|Mod time differs\|Mode differs" &&
			exit 1
		rm -rf t$i
	done
	true'
# The file stressors that use what both protocols carry; each verifies what it
# reads back. What it cannot do here it says, and is counted (3, 4).
stressors="access chdir chmod copy-file dentry dir dirdeep dirmany fallocate
	filename flock fsize fstat getdent hdd iomix link lockf lockofd open
	readahead rename seek sync-file touch utime"
set -- $stressors
each=$(((seconds + $# - 1) / $#))
export stressors each
stress_script='for s in $stressors; do
		more=""
		case $s in
		copy-file) more="--copy-file-bytes 128M" ;;
		hdd | iomix | readahead | fallocate | sync-file)
			more="--$s-bytes 8M" ;;
		esac
		got=0
		stress-ng --temp-path "$PWD" --verify --timeout "$each" \
			--$s 2 $more >log 2>&1 || got=$?
		case $got in
		0) ;;
		3 | 4) echo "    stress-ng: $s cannot work here ($got)" ;;
		*) echo "    stress-ng: $s: exit $got"; cat log; exit 1 ;;
		esac
	done'

date=$(date +%s)
for s in $servers; do
	in_mount 'git clone, fsck, gc' "$s" "$git_script"
	in_mount 'sqlite under write load' "$s" "$sqlite_script"
	in_mount 'tar of a source tree' "$s" "$tar_script"
	if command -v stress-ng >/dev/null; then
		in_mount "stress-ng, $# file stressors, $each s each" "$s" \
			"$stress_script"
		grep '^    stress-ng' "$tmp/out"
	else
		echo "$s: no stress-ng here: apt-get install stress-ng"
		failed=$((failed + 1))
	fi
done
echo "$(($(date +%s) - date)) s"
finish
