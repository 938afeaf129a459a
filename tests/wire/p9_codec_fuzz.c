/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzer entry of the 9P decoder: whatever it accepts says the same when it is
 * encoded again. The unit test feeds it noise; for libFuzzer:
 *
 *	clang -fsanitize=fuzzer,address,undefined -Iinclude -D_GNU_SOURCE \
 *		tests/wire/p9_codec_fuzz.c lib/wire/p9_*.c lib/base/assert.c
 */
#include "p9_codec_fuzz.h"
#include "nwb/p9_pdu.h"

#include <string.h>

bool p9_codec_accepts;

/* Entries come to an end, stay inside, and say the same again. */
static void walk_entries(const uint8_t *p, size_t len)
{
	static uint8_t again[1 << 17];
	struct nwb_p9_dirent d;
	size_t n;

	while (!nwb_p9_dirent(p, len, &d, &n)) {
		nwb_assert(n && n <= len);
		nwb_assert(nwb_p9_dirent_encode(again, sizeof(again), &d) ==
			   (int)n);
		nwb_assert(!memcmp(again, p, n));
		p += n;
		len -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[1 << 17];
	struct nwb_p9_msg m;
	uint32_t frame;
	size_t len = 0;

	p9_codec_accepts = false;
	if (size >= 4 && !nwb_p9_frame_size(data, 65536, &frame))
		nwb_assert(frame >= NWB_P9_HDR_SIZE && frame <= 65536);
	if (nwb_p9_decode(data, size, &m))
		return 0;
	p9_codec_accepts = true;
	if (m.type == NWB_P9_RREADDIR)
		walk_entries(m.rreaddir.data, m.rreaddir.count);
	if (size > sizeof(again))
		return 0;
	nwb_assert(!nwb_p9_encode(&m, again, sizeof(again), &len));
	/* An Rerror is taken for the Rlerror that it means. */
	if (data[4] == NWB_P9_RERROR && m.type == NWB_P9_RLERROR)
		again[4] = NWB_P9_RERROR;
	nwb_assert(len <= size && !memcmp(again, data, len));
	if (m.type == NWB_P9_TWRITE)
		nwb_assert(len + m.twrite.count == size);
	else if (m.type == NWB_P9_RREAD)
		nwb_assert(len + m.rread.count == size);
	else if (m.type == NWB_P9_RREADDIR)
		nwb_assert(len + m.rreaddir.count == size);
	else
		nwb_assert(len == size);
	return 0;
}
