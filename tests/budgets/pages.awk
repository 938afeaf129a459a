# SPDX-License-Identifier: GPL-2.0-or-later
# Sum up a callgrind profile: own cost of the client's lines (netfs; and fs,
# smb2, wire, base beside it), wherever they were inlined to. What is inlined
# from include/nwb counts for the room of the function that it is in. Not
# counted: libc (the copying of payload), the executor, the server. For the
# format see ir.awk.
function file_of(s,  id) {
	match(s, /\([0-9]+\)/)
	id = substr(s, RSTART, RLENGTH)
	if (length(s) > RLENGTH)
		names[id] = substr(s, RLENGTH + 2)
	return names[id]
}

function room_of(path) {
	if (path ~ /lib\/netfs\/[^\/]*$/)
		return "netfs"
	if (path ~ /lib\/(fs|smb2|wire|base)\/[^\/]*$/)
		return "rest"
	return ""
}

/^fl=/ { own = room = room_of(file_of(substr($0, 4))); next }
/^(fi|fe)=/ {
	path = file_of(substr($0, 4))
	room = path ~ /include\/nwb\/[^\/]*$/ ? own : room_of(path)
	next
}
/^(cfl|cfi)=/ { file_of(substr($0, 5)); next }
/^calls=/ { is_callee = 1; next }
/^[0-9+*-]/ {
	if (!is_callee && room != "")
		sum[room] += $2
	is_callee = 0
}
END { printf "%.1f %.1f\n", sum["netfs"] / pages, sum["rest"] / pages }
