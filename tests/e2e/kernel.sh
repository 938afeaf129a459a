#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# netwb kernel: words, and getting kernels through the real apt from an archive
# of our own in a directory. Nothing is fetched from anywhere, no kernel boots.
. "$(dirname "$0")/lib.sh"

export XDG_CACHE_HOME="$tmp/cache"
cache=$XDG_CACHE_HOME/netwb/kernel

run 0 kernel list
says 'no kernel is there'
run 0 kernel list --json
says '^\[\]'
run 3 kernel
run 3 kernel frobnicate
says 'no command "kernel frobnicate"'
run 3 kernel get
run 3 kernel get 6.x
says '"6\.x" is no series'
run 3 kernel get --frob 6.12
run 3 kernel build
run 3 kernel build -j 0 .
says 'not a number'
run 2 kernel build "$tmp"
says 'no tree of the kernel'
run 2 kernel show 6.12
says '`netwb kernel get 6\.12`'
run 2 kernel show nosuch
says 'no kernel that is there'
run 0 kernel show host
says "Linux $(uname -r), host"
run 2 kernel remove nosuch
says 'there is no kernel "nosuch"'

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null ||
	[ "$(dpkg --print-architecture)" != amd64 ]; then
	echo "skipped: no apt for amd64, or no dpkg-deb"
	skipped=$((skipped + 1))
	finish
fi

# --- an archive ---------------------------------------------------------------
repo=$tmp/repo
suite=$repo/dists/bookworm-backports
mkdir -p "$repo/pool" "$suite/main/binary-amd64"

# deb NAME VERSION DEPENDS: from the files in $tmp/pkg
deb() {
	mkdir -p "$tmp/pkg/DEBIAN"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: amd64\n' "$1" "$2"
		printf 'Maintainer: nobody <nobody@example.org>\n'
		[ -z "$3" ] || printf 'Depends: %s\n' "$3"
		printf 'Description: of a test\n'
	} >"$tmp/pkg/DEBIAN/control"
	dpkg-deb -Zxz --root-owner-group -b "$tmp/pkg" \
		"$repo/pool/${1}_${2}_amd64.deb" >/dev/null || exit 2
	rm -rf "$tmp/pkg"
}

# kernel RELEASE VERSION: image and modules, in two packages
kernel() {
	m=$tmp/pkg/usr/lib/modules/$1
	mkdir -p "$tmp/pkg/usr/share"
	deb "linux-image-$1" "$2" "kmod, linux-modules-$1 (= $2)"
	mkdir -p "$m/kernel"
	echo "image $1" >"$m/vmlinuz"
	printf 'CONFIG_CIFS=m\nCONFIG_9P_FS=m\nCONFIG_FUSE_FS=y\n' >"$m/config"
	for name in virtio_pci virtio_net virtio_console netfs fuse 9pnet_fd \
		9p cifs; do
		echo "kernel/$name.ko"
	done >"$m/modules.builtin"
	: >"$m/kernel/none"
	deb "linux-modules-$1" "$2" ''
}

index() {
	for f in "$repo"/pool/*.deb; do
		dpkg-deb -f "$f"
		printf 'Filename: pool/%s\nSize: %s\nSHA256: %s\n\n' \
			"$(basename "$f")" "$(stat -c %s "$f")" \
			"$(sha256sum "$f" | cut -d' ' -f1)"
	done >"$suite/main/binary-amd64/Packages"
	{
		printf 'Suite: bookworm-backports\nCodename: bookworm-backports\n'
		printf 'Architectures: amd64\nComponents: main\n'
		printf 'Date: %s\nSHA256:\n' "$(LC_ALL=C date -Ru)"
		printf ' %s %s main/binary-amd64/Packages\n' \
			"$(sha256sum "$suite/main/binary-amd64/Packages" |
				cut -d' ' -f1)" \
			"$(stat -c %s "$suite/main/binary-amd64/Packages")"
	} >"$suite/Release"
}

kernel 9.9.7+test-amd64 9.9.7-1
kernel 9.9.12+test-amd64 9.9.12-1
kernel 9.9.99+test-rt-amd64 9.9.99-1
mkdir -p "$tmp/pkg/usr/src" "$tmp/linux-source-9.9/arch/um"
for f in Kbuild Kconfig arch/um/Kconfig; do
	echo x >"$tmp/linux-source-9.9/$f"
done
tar -C "$tmp" -cJf "$tmp/pkg/usr/src/linux-source-9.9.tar.xz" linux-source-9.9
deb linux-source-9.9 9.9.12-1 ''
index

# What this machine's apt is told: that archive, and no other.
codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
cat >"$tmp/apt.conf" <<-END
	Dir::Etc::SourceList "$tmp/machine.list";
	Dir::Etc::SourceParts "/dev/null";
	Acquire::http::Proxy::127.0.0.1 "DIRECT";
END
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
export APT_CONFIG="$tmp/apt.conf"
archive() {
	echo "deb $1 ${codename:-stable} main" >"$tmp/machine.list"
}

# --- refused, each with its reason, and nothing of it in the cache -----------
archive "file:$tmp/repo"
run 2 kernel get 9.9
says 'not signed'
archive '[trusted=yes] http://127.0.0.1:9/debian'
run 2 kernel get 9.9
says 'cannot be reached'
echo 'deb http://127.0.0.1:9/other other main' >"$tmp/machine.list"
run 2 kernel get 9.9
says 'names no archive of Debian'
archive "[trusted=yes] file:$tmp/repo"
run 2 kernel get 8.8
says 'no kernel 8\.8'
run 2 kernel get 8.8 --source
says 'no linux-source-\*'
# the archive's file is not what its index says
good=$repo/pool/linux-modules-9.9.12+test-amd64_9.9.12-1_amd64.deb
cp "$good" "$tmp/good"
printf x | dd of="$good" bs=1 seek=300 conv=notrunc 2>/dev/null
run 2 kernel get 9.9
says 'not what the archive'
cp "$tmp/good" "$good"
run 0 kernel list
says 'no kernel is there'

# a disk on which it has no room
mkdir "$tmp/small"
if unshare -Urm true 2>/dev/null; then
	got=0
	unshare -Urm sh -c 'mount -t tmpfs -o size=8m none "$1" &&
		XDG_CACHE_HOME=$1 exec "$2" kernel get 9.9' \
		- "$tmp/small" "$netwb" >"$tmp/out" 2>&1 </dev/null || got=$?
	if [ $got = 2 ]; then ok; else bad "exit $got instead of 2"; fi
	says 'MiB are free, [0-9]+ MiB are needed'
else
	echo "skipped: no user namespaces for a small disk"
	skipped=$((skipped + 1))
fi

# --- got ----------------------------------------------------------------------
run 0 kernel get 9.9
says '^9\.9\.12\+test-amd64: Linux 9\.9\.12\+test-amd64, qemu'
says 'has +cifs 9p fuse$'
if [ "$(cat "$cache/9.9.12+test-amd64/image")" = 'image 9.9.12+test-amd64' ]; then
	ok
else
	bad "the image is not the package's"
fi
run 0 kernel get 9.9.7
says '^9\.9\.7\+test-amd64'
run 0 kernel list
says '^9\.9\.7\+test-amd64 +qemu '
says '^9\.9\.12\+test-amd64 +qemu '
run 0 kernel show 9.9
says '^9\.9\.12'
run 0 kernel list --json
says '"release": "9\.9\.12\+test-amd64"'
if [ -z "$(find "$cache" -name '.new-*' -o -name '.old-*' -o -name '*.deb')" ]; then
	ok
else
	bad "something is left in the cache"
fi
# what is there needs no archive; a newer one is asked for
archive '[trusted=yes] http://127.0.0.1:9/debian'
run 0 kernel get 9.9
archive "[trusted=yes] file:$tmp/repo"
kernel 9.9.13+test-amd64 9.9.13-1
index
run 0 kernel get 9.9
says '^9\.9\.12'
run 0 kernel get 9.9 --update
says '^9\.9\.13'
run 0 kernel get 9.9 --source
says 'kernel/source/linux-9\.9\.12$'
[ -e "$cache/source/linux-9.9.12/arch/um/Kconfig" ] || bad "the tree is not whole"
run 0 kernel remove 9.9.13+test-amd64 9.9.7+test-amd64 linux-9.9.12
run 0 kernel show 9.9
says '^9\.9\.12'

# --- killed: a kernel is whole or it is not there ------------------------------
run 0 kernel remove 9.9.12+test-amd64
: >"$tmp/out"
for ms in 050 150 300 500 800; do
	(
		cd "$tmp" || exit
		exec "$netwb" kernel get 9.9 >/dev/null 2>&1 </dev/null
	) &
	pid=$!
	sleep 0.$ms
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	for d in "$cache"/9.9.*; do
		[ -e "$d" ] || continue
		[ -s "$d/image" ] && [ -e "$d/about" ] &&
			[ -e "$d/mod/order" ] || bad "half a kernel after $ms ms"
	done
done
run 0 kernel get 9.9
says '^9\.9\.13'
if [ -z "$(find "$cache" -name '.new-*' -o -name '.old-*')" ]; then
	ok
else
	bad "what the killed have left is still there"
fi

# --- what an earlier call has left is used only if it is what the index says ------
debs=$cache/apt/debs
old=linux-modules-9.9.12+test-amd64_9.9.12-1_amd64.deb
run 0 kernel get 9.9.12
run 0 kernel remove 9.9.12+test-amd64
# of the right size: apt itself would believe it
tr '\0-\377' '\1-\377\0' <"$repo/pool/$old" >"$debs/$old"
run 0 kernel get 9.9.12
says '^9\.9\.12'
run 0 kernel remove 9.9.12+test-amd64
cp "$repo"/pool/*9.9.12+test* "$debs"
run 0 kernel get 9.9.12
if grep -q downloading "$tmp/out"; then
	bad "what is there was downloaded again"
else
	ok
fi

# --- a package in a file --------------------------------------------------------
run 0 kernel remove 9.9.13+test-amd64
run 0 kernel show "$repo/pool/linux-image-9.9.7+test-amd64_9.9.7-1_amd64.deb"
says '^9\.9\.7\+test-amd64: Linux 9\.9\.7'
mkdir "$tmp/alone"
cp "$repo/pool/linux-image-9.9.12+test-amd64_9.9.12-1_amd64.deb" "$tmp/alone"
run 2 kernel show "$tmp"/alone/*.deb
says 'needs the package linux-modules-9\.9\.12\+test-amd64'
finish
