/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 9P: strings of the wire, and names of message types for people. */
#include "nwb/p9_pdu.h"

#include <string.h>

struct nwb_p9_str nwb_p9_str(const char *s)
{
	size_t len = strlen(s);

	return (struct nwb_p9_str){s, (uint16_t)nwb_min(len, (size_t)65535)};
}

bool nwb_p9_str_eq(const struct nwb_p9_str *a, const char *s)
{
	return strlen(s) == a->len && !memcmp(a->s, s, a->len);
}

const char *nwb_p9_type_name(uint8_t type)
{
	static const struct {
		uint8_t type;
		const char *name;
	} names[] = {
		{NWB_P9_RLERROR, "Rlerror"},
		{NWB_P9_TLOPEN, "Tlopen"},
		{NWB_P9_RLOPEN, "Rlopen"},
		{NWB_P9_TLCREATE, "Tlcreate"},
		{NWB_P9_RLCREATE, "Rlcreate"},
		{NWB_P9_TGETATTR, "Tgetattr"},
		{NWB_P9_RGETATTR, "Rgetattr"},
		{NWB_P9_TSETATTR, "Tsetattr"},
		{NWB_P9_RSETATTR, "Rsetattr"},
		{NWB_P9_TFSYNC, "Tfsync"},
		{NWB_P9_RFSYNC, "Rfsync"},
		{NWB_P9_TVERSION, "Tversion"},
		{NWB_P9_RVERSION, "Rversion"},
		{NWB_P9_TATTACH, "Tattach"},
		{NWB_P9_RATTACH, "Rattach"},
		{NWB_P9_TFLUSH, "Tflush"},
		{NWB_P9_RFLUSH, "Rflush"},
		{NWB_P9_TWALK, "Twalk"},
		{NWB_P9_RWALK, "Rwalk"},
		{NWB_P9_TREAD, "Tread"},
		{NWB_P9_RREAD, "Rread"},
		{NWB_P9_TWRITE, "Twrite"},
		{NWB_P9_RWRITE, "Rwrite"},
		{NWB_P9_TCLUNK, "Tclunk"},
		{NWB_P9_RCLUNK, "Rclunk"},
		{NWB_P9_TRENAME, "Trename"},
		{NWB_P9_RRENAME, "Rrename"},
		{NWB_P9_TREMOVE, "Tremove"},
		{NWB_P9_RREMOVE, "Rremove"},
		{NWB_P9_TSTATFS, "Tstatfs"},
		{NWB_P9_RSTATFS, "Rstatfs"},
		{NWB_P9_TSYMLINK, "Tsymlink"},
		{NWB_P9_RSYMLINK, "Rsymlink"},
		{NWB_P9_TREADLINK, "Treadlink"},
		{NWB_P9_RREADLINK, "Rreadlink"},
		{NWB_P9_TXATTRWALK, "Txattrwalk"},
		{NWB_P9_RXATTRWALK, "Rxattrwalk"},
		{NWB_P9_TXATTRCREATE, "Txattrcreate"},
		{NWB_P9_RXATTRCREATE, "Rxattrcreate"},
		{NWB_P9_TREADDIR, "Treaddir"},
		{NWB_P9_RREADDIR, "Rreaddir"},
		{NWB_P9_TLINK, "Tlink"},
		{NWB_P9_RLINK, "Rlink"},
		{NWB_P9_TMKDIR, "Tmkdir"},
		{NWB_P9_RMKDIR, "Rmkdir"},
		{NWB_P9_TRENAMEAT, "Trenameat"},
		{NWB_P9_RRENAMEAT, "Rrenameat"},
		{NWB_P9_TUNLINKAT, "Tunlinkat"},
		{NWB_P9_RUNLINKAT, "Runlinkat"},
	};
	size_t i;

	for (i = 0; i < NWB_ARRAY_SIZE(names); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	return "type?";
}
