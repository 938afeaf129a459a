# SPDX-License-Identifier: GPL-2.0-or-later
# Read a callgrind profile: own cost by room, sum[room]. Who uses it sets room on
# fl=, fi= and fe= lines. "calls=" lines are followed by the cost of the called
# one, which is not the caller's own. The format is that of "Callgrind Format
# Specification" in the manual of valgrind: names are written once, as "(id)
# name", and later as "(id)".
function file_of(s,  id) {
	match(s, /\([0-9]+\)/)
	id = substr(s, RSTART, RLENGTH)
	if (length(s) > RLENGTH)
		names[id] = substr(s, RLENGTH + 2)
	return names[id]
}

/^(cfl|cfi)=/ { file_of(substr($0, 5)); next }
/^calls=/ { is_callee = 1; next }
/^[0-9+*-]/ {
	if (!is_callee && room != "")
		sum[room] += $2
	is_callee = 0
}
