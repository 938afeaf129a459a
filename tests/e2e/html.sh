#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# report.html in a real browser: no console message, no request, no page that
# scrolls sideways, at a desk's and at a phone's width, light and dark. The
# browser has a network namespace of its own, with nothing in it.
#
# Usage: tests/e2e/html.sh BUILD [DIR]   screenshots are kept in DIR
set -u
build=${1:?usage: $0 BUILD [DIR]}
keep=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
case $build in
/*) ;;
*) build=$PWD/$build ;;
esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

skip() {
	echo "$1"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
}

# check WHAT COMMAND...: passed if the command says so
check() {
	what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL: $what"
	fi
}

[ -x "$build/bench/netwb" ] || skip "no $build/bench/netwb"
command -v chromium >/dev/null || skip "chromium is not installed:\
 apt-get install --no-install-recommends chromium"
lonely="unshare -n"
[ "$(id -u)" = 0 ] || lonely="unshare -rn"
$lonely true 2>/dev/null || skip "cannot make a network namespace"

# browse SCHEME ARGUMENTS...: stdout in $tmp/out, console in $tmp/err, network
# log in $tmp/net.json. 0 is dark, 1 is light.
browse() {
	scheme=$1
	shift
	rm -rf "$tmp/profile" "$tmp/net.json"
	HOME=$tmp timeout 120 $lonely chromium --headless --no-sandbox \
		--disable-gpu \
		--disable-quic --no-first-run --disable-background-networking \
		--disable-component-update --disable-sync --hide-scrollbars \
		--blink-settings=preferredColorScheme="$scheme" \
		--user-data-dir="$tmp/profile" --enable-logging=stderr \
		--log-net-log="$tmp/net.json" \
		--net-log-capture-mode=Everything "$@" \
		>"$tmp/out" 2>"$tmp/err" </dev/null
}

# The browser's own pages talk too; theirs is another source.
says_nothing() {
	! grep -a ':CONSOLE' "$tmp/err" | grep -av 'source: chrome://'
}

# What the browser asks for itself has "not an origin"; a file's requests have
# an opaque one.
asks_nothing() {
	[ -s "$tmp/net.json" ] && ! grep -aqE '"initiator":"(null|file)' \
		"$tmp/net.json"
}

# Two frames, as wide as a desk and as a phone; the title takes their widths.
frames() {
	cat <<-END
	<!DOCTYPE html><html><body>
	<iframe src="$1" style="border:0;width:1280px;height:900px"></iframe>
	<iframe src="$1" style="border:0;width:390px;height:900px"></iframe>
	<p id="w"></p><script>
	onload = function () {
		var out = "";
		for (var f of document.querySelectorAll("iframe")) {
			var d = f.contentDocument.documentElement;
			out += d.clientWidth + ":" + d.scrollWidth + " ";
		}
		document.getElementById("w").textContent = "widths " + out;
	};
	</script></body></html>
	END
}

fits() {
	grep -q 'widths 1280:1280 390:390 ' "$tmp/out"
}

is_false() {
	! "$@"
}

# The checks themselves: a page that has it all must be caught.
cat >"$tmp/bad.html" <<END
<!DOCTYPE html><html><body><img src="http://127.0.0.1:9/x.png">
<script>console.error("boom")</script><div style="width:1500px">x</div>
</body></html>
END
frames "file://$tmp/bad.html" >"$tmp/frames.html"
browse 1 --allow-file-access-from-files --window-size=1800,1000 --dump-dom \
	"file://$tmp/frames.html"
check "a message of a bad page is seen" is_false says_nothing >/dev/null
check "a request of a bad page is seen" is_false asks_nothing
check "a page that is too wide is seen" is_false fits

# Records of a real session, and of some that have every verdict; what they
# lack makes other pages.
for name in measured run gate fio latency; do
	mkdir "$tmp/$name"
	cp "$here/../reports/golden/$name.jsonl" "$tmp/$name/run.jsonl"
	check "netwb report $name" "$build/bench/netwb" report "$tmp/$name" \
		>/dev/null
	page=file://$tmp/$name/report.html
	frames "$page" >"$tmp/frames.html"
	for scheme in 0 1; do
		browse $scheme --allow-file-access-from-files \
			--window-size=1800,1000 --dump-dom \
			"file://$tmp/frames.html"
		check "$name: no console message" says_nothing
		check "$name: no request" asks_nothing
		check "$name: as wide as its window" fits
		[ -n "$keep" ] || continue
		for width in 1280 390; do
			browse $scheme --window-size=$width,9000 --screenshot="$keep/$name-$width-$scheme.png" "$page"
			check "screenshot" [ -s "$keep/$name-$width-$scheme.png" ]
		done
	done
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
