/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shim's reading of a connection, inside somebody's server. The property:
 * the messages are the same, however the bytes are cut into pieces.
 */
#include "fuzz.h"
#include "shim_i.h"

struct seen {
	unsigned int nr;
	bool is_broken;
	uint64_t mid[64];
	uint64_t sum;
};

static void look(const struct sh_frame *f, enum nwb_fc_proto proto,
		 struct seen *s)
{
	struct sh_pdu p;
	bool ok;

	if (proto == NWB_FC_9P)
		ok = sh_p9_decode(f->head, f->have, &p);
	else
		ok = f->have >= 4 &&
		     sh_smb_decode(f->head + 4, f->have - 4, &p);
	if (!ok)
		return;
	nwb_assert(memchr(p.name, 0, sizeof(p.name)));
	if (s->nr < NWB_ARRAY_SIZE(s->mid))
		s->mid[s->nr++] = p.mid;
	s->sum = s->sum * 31 + p.off + p.len + p.fid + p.cmd + p.next;
}

static void feed(const uint8_t *p, size_t n, size_t piece,
		 enum nwb_fc_proto proto, struct seen *s)
{
	static struct sh_frame f;

	memset(&f, 0, sizeof(f));
	while (n) {
		size_t k = nwb_min(n, piece), used = 0;
		enum sh_frame_state st;

		st = sh_frame_feed(&f, proto, p, k, &used);
		nwb_assert(used <= k);
		nwb_assert(f.have <= sizeof(f.head) && f.got <= f.len + 4);
		if (st == SH_FRAME_BROKEN) {
			s->is_broken = true;
			return;
		}
		p += used;
		n -= used;
		if (st == SH_FRAME_DONE) {
			look(&f, proto, s);
			sh_frame_reset(&f);
		} else {
			nwb_assert(used == k);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum nwb_fc_proto proto;
	size_t piece;
	struct seen whole, cut;

	if (size < 2)
		return 0;
	proto = data[0] & 1 ? NWB_FC_9P : NWB_FC_SMB;
	piece = data[1] ? data[1] : 1;
	/* their padding is compared too */
	memset(&whole, 0, sizeof(whole));
	memset(&cut, 0, sizeof(cut));
	feed(data + 2, size - 2, size, proto, &whole);
	feed(data + 2, size - 2, piece, proto, &cut);
	nwb_assert(!memcmp(&whole, &cut, sizeof(whole)));
	return 0;
}

void fuzz_seeds(void)
{
	static const uint8_t cmd[] = {0, 1, 5, 6, 7, 8, 9, 12, 17};
	uint8_t in[512];

	for (unsigned int i = 0; i < sizeof(cmd); i++) {
		memset(in, 0, sizeof(in));
		in[1] = 7;
		in[5] = 200; /* length of the frame */
		memcpy(in + 6, "\xfeSMB\x40", 5);
		in[6 + 12] = cmd[i];
		in[6 + 24] = 5;
		in[6 + 64 + 44] = 120; /* CREATE: place and length of a name */
		in[6 + 64 + 46] = 8;
		memcpy(in + 6 + 120, "n\0e\0t\0w\0", 8);
		fuzz_seed(in, 206);
		in[6 + 20] = 136; /* compound */
		fuzz_seed(in, 206);
	}
	for (unsigned int type = 100; type < 124; type++) {
		memset(in, 0, sizeof(in));
		in[0] = 1;
		in[1] = 3;
		in[2] = 60;
		in[6] = (uint8_t)type;
		in[2 + 15] = 1;
		in[2 + 17] = 3;
		memcpy(in + 2 + 19, "abc", 3);
		fuzz_seed(in, 62);
	}
}
