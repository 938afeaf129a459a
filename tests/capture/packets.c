/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See packets.h. */
#include "packets.h"

#include "nwb_test.h"
#include <string.h>

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

void pk_raw(struct packets *p, uint64_t t, const void *data, size_t len)
{
	struct cap_pkt h = {t, (uint32_t)len, (uint32_t)len};

	nwb_check(p->len + sizeof(h) + len <= sizeof(p->raw));
	memcpy(p->raw + p->len, &h, sizeof(h));
	memcpy(p->raw + p->len + sizeof(h), data, len);
	p->len += sizeof(h) + len;
	p->nr++;
}

uint64_t pk_segment(struct packets *p, uint64_t t, bool is_reply, uint8_t flags,
		    const void *data, size_t n)
{
	static uint8_t buf[70000];
	size_t ip = p->is_v6 ? 40 : 20, tcp = 14 + ip;
	uint16_t port = p->port ? p->port : 1000;

	nwb_check(tcp + 20 + n <= sizeof(buf));
	memset(buf, 0, tcp + 20);
	put16(buf + 12, p->is_v6 ? 0x86dd : 0x0800);
	if (p->is_v6) {
		buf[14] = 0x60;
		put16(buf + 18, (unsigned int)(20 + n));
		buf[20] = 6;
	} else {
		buf[14] = 0x45;
		put16(buf + 16, (unsigned int)(40 + n));
		buf[23] = 6;
	}
	put16(buf + tcp, is_reply ? SERVER_PORT : port);
	put16(buf + tcp + 2, is_reply ? port : SERVER_PORT);
	put32(buf + tcp + 4, p->seq[is_reply]);
	buf[tcp + 12] = 0x50;
	buf[tcp + 13] = flags;
	if (n)
		memcpy(buf + tcp + 20, data, n);
	p->seq[is_reply] += (uint32_t)n + !!(flags & (SYN | FIN));
	pk_raw(p, t, buf, tcp + 20 + n);
	return p->nr - 1;
}

size_t pk_smb(uint8_t *buf, uint64_t mid, size_t len)
{
	memset(buf, 0, 4 + 64 + len);
	put32(buf, (uint32_t)(64 + len));
	memcpy(buf + 4, "\xfeSMB\x40", 5);
	buf[4 + 12] = 9;
	for (int i = 0; i < 8; i++)
		buf[4 + 24 + i] = (uint8_t)(mid >> 8 * i);
	return 4 + 64 + len;
}

size_t pk_9p(uint8_t *buf, uint8_t type, uint16_t tag, size_t len)
{
	memset(buf, 0, 7 + len);
	for (int i = 0; i < 4; i++)
		buf[i] = (uint8_t)((7 + len) >> 8 * i);
	buf[4] = type;
	buf[5] = (uint8_t)tag;
	buf[6] = (uint8_t)(tag >> 8);
	return 7 + len;
}

size_t pk_write(const struct packets *p, bool is_9p,
		const struct nwb_capture_notes *n, char **ret_file,
		struct nwb_capture_stats *st)
{
	struct cap_job job = {
		.packets = {p->raw, p->len},
		.notes = n,
		.port = SERVER_PORT,
		.is_9p = is_9p,
	};
	size_t len = 0;
	FILE *f = open_memstream(ret_file, &len);

	nwb_check(f);
	cap_write(&job, f, st);
	nwb_check(!fclose(f));
	return len;
}
