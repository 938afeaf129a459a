# SPDX-License-Identifier: GPL-2.0-or-later
# Sum up a callgrind profile: own cost of the client's lines (netfs; and fs,
# smb2, wire, base beside it), wherever they were inlined to. What is inlined
# from include/nwb counts for the room of the function that it is in. Not
# counted: libc (the copying of payload), the executor, the server. Goes with
# callgrind.awk.
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
END { printf "%.1f %.1f\n", sum["netfs"] / pages, sum["rest"] / pages }
