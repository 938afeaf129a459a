# SPDX-License-Identifier: GPL-2.0-or-later
# Sum up a callgrind profile by room: own cost of the lines of lib/ROOM/ and of
# lib/base/hist.c, wherever they were inlined to. Goes with callgrind.awk.
function first_part(path) {
	return substr(path, 1, index(path, "/") - 1)
}

function room_of(path) {
	if (path ~ /lib\/base\/hist\.c$/)
		return "hist"
	if (path ~ /lib\/wire\/smb2_/)
		return "wire-smb2"
	if (path ~ /lib\/wire\/p9_/)
		return "wire-9p"
	if (match(path, /lib\/(netfs|smb2|p9|fs)\/[^\/]*$/))
		return first_part(substr(path, RSTART + 4))
	return ""
}

/^(fl|fi|fe)=/ { room = room_of(file_of(substr($0, 4))); next }
END {
	for (r in sum)
		printf "%s/%s %d\n", work, r, sum[r]
}
