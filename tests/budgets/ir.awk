# SPDX-License-Identifier: GPL-2.0-or-later
# Sum up a callgrind profile by room: own cost of the lines of lib/ROOM/ and of
# lib/base/hist.c, wherever they were inlined to. "calls=" lines are followed
# by the cost of the called one, which is not the caller's own. The format is
# that of "Callgrind Format Specification" in the manual of valgrind: names are
# written once, as "(id) name", and later as "(id)".
function file_of(s,  id) {
	match(s, /\([0-9]+\)/)
	id = substr(s, RSTART, RLENGTH)
	if (length(s) > RLENGTH)
		names[id] = substr(s, RLENGTH + 2)
	return names[id]
}

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
/^(cfl|cfi)=/ { file_of(substr($0, 5)); next }
/^calls=/ { is_callee = 1; next }
/^[0-9+*-]/ {
	if (!is_callee && room != "")
		sum[room] += $2
	is_callee = 0
}
END {
	for (r in sum)
		printf "%s/%s %d\n", work, r, sum[r]
}
