#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb mount: ordinary programs on the client as a file system, over real
# servers, judged by the shadow; what it says when it cannot; that nothing is
# left behind. Usage: mount.sh BUILD
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/user.sh"
servers="diod smbd"

# --- what cannot be done is said ---------------------------------------------
run 0 mount --help
says '^usage: netwb mount'
run 3 mount
says 'which server'
run 3 mount diod
says 'what shall run in it'
run 3 mount nosuch -- true
[ "$(id -u)" != 0 ] || run 3 mount ganesha -- true
run 3 mount diod --kernel-cache --client temp-page -- true
says 'cache already'
run 3 mount diod --client raw-cold -- true
run 3 mount diod --dir "$tmp/none" -- true
says 'No such file'
run 3 mount diod true
says 'behind "--"'
# --- can anything be mounted here? --------------------------------------------
can_mount || finish

# on SERVER EXPECTED-EXIT [OPTIONS] -- SCRIPT: a shell script in the mount
on() {
	srv=$1 want_exit=$2
	shift 2
	opts=""
	while [ "$1" != -- ]; do
		opts="$opts $1"
		shift
	done
	# shellcheck disable=SC2086
	run "$want_exit" mount "$srv" $opts -- sh -ec "$2"
}

# --- programs -----------------------------------------------------------------
cat >"$tmp/programs" <<'END'
test "$(pwd)" = "$NWB_MNT"
test -z "$(ls)"
echo hello >a
test "$(cat a)" = hello
echo more >>a
test "$(wc -l <a)" -eq 2
cp /bin/sh x && cmp /bin/sh x
mkdir -p d/e && mv x d/e/y && cmp /bin/sh d/e/y
test ! -e x
mv a b && test "$(wc -c <b)" -eq 11
dd if=/dev/urandom of=big bs=1M count=3 conv=fsync 2>/dev/null
dd if=big of=copy bs=4321 2>/dev/null && cmp big copy
truncate -s 1000000 copy && cmp -n 1000000 big copy
truncate -s 1500000 copy && test "$(stat -c %s copy)" -eq 1500000
test "$(tail -c 500000 copy | tr -d '\0' | wc -c)" -eq 0
printf xyz | dd of=big bs=1 seek=1234567 conv=notrunc 2>/dev/null
test "$(dd if=big bs=1 skip=1234567 count=3 2>/dev/null)" = xyz
exec 3<big && rm big && test "$(head -c 3145728 <&3 | wc -c)" -eq 3145728
exec 3<&-
mkdir many && i=0
while [ $i -lt 50 ]; do echo $i >many/$i; i=$((i + 1)); done
test "$(ls many | wc -l)" -eq 50
test "$(cat many/* | wc -l)" -eq 50
rm -r many d
! rmdir nosuch 2>/dev/null
! mkdir b 2>/dev/null
df . >/dev/null
test "$(ls | tr '\n' ' ')" = "b copy "
END
for s in $servers; do
	on "$s" 0 -- ". $tmp/programs"
	says '^verdict: PASS'
	says '2 files, 1 directories'
done
cat >"$tmp/people" <<'END'
export HOME=$PWD
git init -q r && cd r
git config user.email a@example.org && git config user.name a
cp -r "$src/include" . && git add . && git commit -qm one
git fsck --strict && git status --porcelain | wc -l | grep -qx 0
cd .. && git clone -q --no-hardlinks r s && diff -r r/include s/include
sqlite3 db 'create table t(a, b); create index i on t(b); begin;
	with recursive c(x) as (select 1 union all select x + 1 from c
	where x < 2000) insert into t select x, hex(randomblob(50)) from c;
	commit; delete from t where a % 3 = 0; pragma integrity_check;' >out
test "$(cat out)" = ok
END
src=$(cd "$(dirname "$0")/../.." && pwd)
export src
for s in $servers; do
	run 0 mount "$s" -e 'cut: on server.write nth=9 after do rst' \
		-- sh -ec ". $tmp/people"
	says '^verdict: PASS'
done
on diod 0 --client temp-page -- ". $tmp/programs"
on diod 0 --kernel-cache -- ". $tmp/programs"
says 'client kernel-fuse'

# --- without a shadow: the bytes on the server ---------------------------------
# Sizes and places of all kinds, four writers at once, from memory that begins in
# the middle of a page.
cat >"$tmp/large" <<'END'
import os, random, sys, threading
data = random.Random(7).randbytes(2 << 20)
def write(name):
    rnd = random.Random(name)
    want = bytearray()
    fd = os.open(name, os.O_RDWR | os.O_CREAT)
    for i in range(60):
        size = rnd.choice([1, 4096, 5000, 131072, 262144, 1000001, 1 << 20])
        off = rnd.choice([0, 4096, rnd.randrange(3 << 20), len(want)])
        at = rnd.randrange(4096)
        if os.pwrite(fd, memoryview(data)[at:at + size], off) != size:
            os._exit(1)
        want.extend(bytes(max(0, off + size - len(want))))
        want[off:off + size] = data[at:at + size]
    os.fsync(fd)
    for path in name, os.environ['NWB_EXPORT'] + '/' + name:
        with open(path, 'rb') as f:
            if f.read() != want:
                print('differs:', path, file=sys.stderr)
                os._exit(1)
ts = [threading.Thread(target=write, args=('f%d' % i,)) for i in range(4)]
[t.start() for t in ts]
[t.join() for t in ts]
END
for s in $servers; do
	run 0 mount "$s" --no-shadow -- python3 "$tmp/large"
done
run 0 mount diod --no-shadow --kernel-cache -- python3 "$tmp/large"
run 0 mount smbd --no-shadow -e 'cut: on server.write nth=5..25+10 after do rst' \
	-- python3 "$tmp/large"
says '^rule cut: [1-9]'

# --- the shadow judges ---------------------------------------------------------
on diod 1 -- 'head -c 100000 /dev/zero | tr "\0" a >f
	sync f; printf XY | dd of="$NWB_EXPORT/f" bs=1 seek=5000 conv=notrunc 2>/dev/null'
says '^O1 FAIL LOST: f:5000: 2 of'
says '^  written  00001388  61 61'
says '^  server   00001388  58 59'
says '^verdict: FAIL  O1 LOST'
on diod 1 -- 'echo 1 >f; sync f; rm "$NWB_EXPORT/f"'
says 'O1 FAIL LOST: f:0: this file is not on the server'
on diod 1 -- 'echo 1 >"$NWB_EXPORT/f"'
says 'O2 FAIL UNISSUED'
on diod 1 -- 'echo 12345 >f; sync f; truncate -s 3 "$NWB_EXPORT/f"'
says 'O1 FAIL SHORT: f:3'
# read again from the server: closed files are not cached
on diod 1 -- 'echo 12345 >f; sync f; echo 54321 >"$NWB_EXPORT/f"; cat f >/dev/null;
	echo 12345 >"$NWB_EXPORT/f"'
says 'O12 FAIL STALE-READ: f:0'
on diod 0 --no-shadow -- 'echo 1 >f; sync f; rm "$NWB_EXPORT/f"'
says 'no shadow was kept'
# larger than what is compared is refused, so that nothing is left in doubt
on diod 0 -- 'truncate -s 16T f; test $(stat -c %s f) = 17592186044416
	if truncate -s 17T f; then exit 1; fi
	if printf x | dd of=g bs=1 seek=17592186044416; then exit 1; fi'
says 'File too large'
says '^verdict: PASS'

# --- the command's end ----------------------------------------------------------
on diod 1 -- 'echo 1 >f; exit 3'
says '^command: exit 3'
says '^verdict: PASS'
says 'the command failed'

# --- faults ---------------------------------------------------------------------
for s in $servers; do
	run 0 mount "$s" -e 'cut: on server.write nth=2..22+5 after do rst' -- \
		sh -ec ". $tmp/programs"
	says '^rule cut: [1-9]'
	says '^verdict: PASS'
done
run 1 mount diod -e 'cut: on server.write nth=1000 after do rst' -- \
	sh -c 'echo 1 >f'
says 'VACUOUS'

# --- on the host, until ^C --------------------------------------------------------
if [ "$(id -u)" = 0 ]; then
	mkdir "$tmp/m"
	"$netwb" mount diod --dir "$tmp/m" >"$tmp/out" 2>&1 </dev/null &
	pid=$!
	i=0
	until grep -q "$tmp/m fuse.netwb " /proc/mounts || [ $i -gt 600 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if cp /bin/sh "$tmp/m/x" && cmp /bin/sh "$tmp/m/x"; then
		ok
	else
		bad "the host's mount does not work"
	fi
	got=0
	kill -INT $pid
	wait $pid || got=$?
	if [ $got = 0 ]; then ok; else bad "^C: exit $got"; fi
	says '^verdict: PASS'
	if grep -q "$tmp/m " /proc/mounts; then bad "left mounted"; else ok; fi
	"$netwb" mount diod --dir "$tmp/m" >"$tmp/out" 2>&1 </dev/null &
	pid=$!
	i=0
	until grep -q "$tmp/m fuse.netwb " /proc/mounts || [ $i -gt 600 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	kill -9 $pid
	wait $pid 2>/dev/null
	i=0
	while grep -q "$tmp/m " /proc/mounts && [ $i -lt 600 ]; do
		sleep 0.1
		i=$((i + 1))
	done
	if grep -q "$tmp/m " /proc/mounts; then
		umount -l "$tmp/m"
		bad "kill -9 leaves the mount"
	else
		ok
	fi
fi

# --- kill -9 of netwb with a command in the mount ---------------------------------
"$netwb" mount diod -- sh -c 'echo $$ >'"$tmp/cmd"'
	while :; do dd if=/dev/zero of=f bs=1M count=4 2>/dev/null; done' \
	>"$tmp/out" 2>&1 </dev/null &
pid=$!
i=0
until [ -s "$tmp/cmd" ] || [ $i -gt 600 ]; do
	sleep 0.1
	i=$((i + 1))
done
tree $pid >"$tmp/tree"
kill -9 $pid
wait $pid 2>/dev/null
i=0
while [ -n "$(alive "$tmp/tree")" ] && [ $i -lt 600 ]; do
	sleep 0.1
	i=$((i + 1))
done
alive "$tmp/tree" >"$tmp/out"
if [ -s "$tmp/out" ]; then bad "kill -9 leaves processes"; else ok; fi

# --- as an ordinary user ------------------------------------------------------------
# /dev/fuse may be for root only here: for him it is what it is elsewhere
if [ "$(id -u)" = 0 ] && has_userns; then
	mkdir "$tmp/dev"
	got=0
	(unshare -m sh -c "mount -t tmpfs none '$tmp/dev' &&
		mknod -m 666 '$tmp/dev/fuse' c 10 229 &&
		mount --bind '$tmp/dev/fuse' /dev/fuse && cd '$tmp/u' &&
		exec setpriv --reuid 65534 --regid 65534 --clear-groups \
		'$user_netwb' mount diod -- sh -ec '. $tmp/programs'") \
		>"$tmp/out" 2>&1 </dev/null || got=$?
	if [ $got = 0 ]; then ok; else bad "as a user: exit $got"; fi
	says 'isolation userns'
	says '^verdict: PASS'
	# and where he may not open it
	if [ "$(stat -c %a /dev/fuse)" != 666 ]; then
		got=0
		(as_user "$user_netwb" mount diod -- true) >"$tmp/out" 2>&1 ||
			got=$?
		if [ $got = 2 ]; then ok; else bad "/dev/fuse: exit $got"; fi
		says '/dev/fuse: not allowed'
	fi
fi
finish
