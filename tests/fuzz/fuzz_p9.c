/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 9P2000.L decoder. The property: what it accepts says the same when it is
 * encoded again. The target itself is tests/wire/p9_codec_fuzz.c, which the
 * unit test feeds with noise as well.
 */
#include "fuzz.h"
#include "nwb/p9_pdu.h"

static void one(const struct nwb_p9_msg *m, size_t payload)
{
	uint8_t buf[4096] = {0};
	size_t len;

	if (!nwb_p9_encode(m, buf, sizeof(buf) - payload, &len))
		fuzz_seed(buf, len + payload);
}

/* Two entries, one of them without a name. */
static void seed_readdir(void)
{
	struct nwb_p9_dirent d = {.offset = 1, .type = 4};
	struct nwb_p9_msg m = {.type = NWB_P9_RREADDIR, .tag = 6};
	uint8_t buf[256], data[128];
	size_t len;
	int n, k;

	d.name = nwb_p9_str("..");
	n = nwb_p9_dirent_encode(data, sizeof(data), &d);
	d.name = nwb_p9_str("");
	k = n < 0 ? n : nwb_p9_dirent_encode(data + n, sizeof(data) / 2, &d);
	if (k < 0)
		return;
	m.rreaddir.count = (uint32_t)(n + k);
	if (nwb_p9_encode(&m, buf, sizeof(buf) - sizeof(data), &len))
		return;
	memcpy(buf + len, data, m.rreaddir.count);
	fuzz_seed(buf, len + m.rreaddir.count);
}

void fuzz_seeds(void)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TVERSION, .tag = NWB_P9_NOTAG};

	m.version.msize = 65536;
	m.version.version = nwb_p9_str(NWB_P9_VERSION_L);
	one(&m, 0);
	m.type = NWB_P9_RVERSION;
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TATTACH, .tag = 1};
	m.tattach.uname = nwb_p9_str("nobody");
	m.tattach.aname = nwb_p9_str("/srv/share");
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TWALK, .tag = 2};
	m.twalk.nwname = 2;
	m.twalk.wname[0] = nwb_p9_str("dir");
	m.twalk.wname[1] = nwb_p9_str("netwb.dat");
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_RWALK, .tag = 2};
	m.rwalk.nwqid = 2;
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TLCREATE, .tag = 3};
	m.tlcreate.name = nwb_p9_str("netwb.dat");
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TWRITE, .tag = 4};
	m.twrite.count = 100;
	one(&m, 100);
	m = (struct nwb_p9_msg){.type = NWB_P9_RREAD, .tag = 4};
	m.rread.count = 100;
	one(&m, 100);
	m = (struct nwb_p9_msg){.type = NWB_P9_TFSYNC, .tag = 5};
	one(&m, 0);
	m.tfsync.is_short = true;
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TSYMLINK, .tag = 6};
	m.tsymlink.name = nwb_p9_str("ln");
	m.tsymlink.target = nwb_p9_str("../f");
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TRENAMEAT, .tag = 6};
	m.trenameat.oldname = nwb_p9_str("a");
	m.trenameat.newname = nwb_p9_str("b");
	one(&m, 0);
	m = (struct nwb_p9_msg){.type = NWB_P9_TXATTRCREATE, .tag = 6};
	m.txattrcreate.name = nwb_p9_str("user.a");
	one(&m, 0);
	seed_readdir();
	for (unsigned int t = NWB_P9_RLERROR; t <= NWB_P9_RCLUNK; t++) {
		m = (struct nwb_p9_msg){.type = (uint8_t)t, .tag = 6};
		one(&m, 0);
	}
}
