/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hand_9p.h"
#include "nwb_test.h"
#include <stdlib.h>
#include <string.h>

void hand_init(struct hand *h, struct nwb_exec *ex)
{
	memset(h, 0, sizeof(*h));
	h->ex = ex;
	h->tx = calloc(1, HAND_BYTES);
	h->rx = calloc(1, HAND_BYTES);
	nwb_check(h->tx && h->rx);
}

void hand_fini(struct hand *h)
{
	nwb_sock_close(h->sock);
	free(h->tx);
	free(h->rx);
}

int hand_dial(struct hand *h, struct nwb_dialer *d)
{
	nwb_sock_close(h->sock);
	h->sock = NULL;
	return d->dial(d, h->ex, &h->sock, NULL);
}

void hand_send(struct hand *h, const struct nwb_p9_msg *m, char fill)
{
	size_t len;
	struct iovec iov;
	int rc;

	nwb_check_eq(nwb_p9_encode(m, h->tx, HAND_BYTES, &len), 0);
	if (m->type == NWB_P9_TWRITE) {
		memset(h->tx + len, fill, m->twrite.count);
		len += m->twrite.count;
	}
	iov.iov_base = h->tx;
	iov.iov_len = len;
	/* A server that has closed is noticed by hand_recv(). */
	rc = nwb_sock_sendv(h->sock, &iov, 1);
	(void)rc;
}

int hand_recv(struct hand *h)
{
	uint32_t size;

	if (nwb_sock_recv(h->sock, h->rx, 4, 4) <= 0)
		return -1;
	nwb_check_eq(nwb_p9_frame_size(h->rx, HAND_BYTES, &size), 0);
	if (nwb_sock_recv(h->sock, h->rx + 4, size - 4, size - 4) <= 0)
		return -1;
	nwb_check_eq(nwb_p9_decode(h->rx, size, &h->rsp), 0);
	return 0;
}

uint32_t hand_call(struct hand *h, struct nwb_p9_msg *m)
{
	m->tag = m->type == NWB_P9_TVERSION ? NWB_P9_NOTAG : 1;
	hand_send(h, m, 'c');
	nwb_check_eq(hand_recv(h), 0);
	nwb_check_eq(h->rsp.tag, m->tag);
	if (h->rsp.type == NWB_P9_RLERROR)
		return h->rsp.rlerror.ecode;
	nwb_check_eq(h->rsp.type, m->type + 1);
	return 0;
}

void hand_attach(struct hand *h, uint32_t msize)
{
	struct nwb_p9_msg v = {.type = NWB_P9_TVERSION};
	struct nwb_p9_msg a = {.type = NWB_P9_TATTACH};

	v.version.msize = msize;
	v.version.version = nwb_p9_str(NWB_P9_VERSION_L);
	nwb_check_eq(hand_call(h, &v), 0);
	nwb_check(nwb_p9_str_eq(&h->rsp.version.version, NWB_P9_VERSION_L));
	h->msize = h->rsp.version.msize;
	a.tattach.fid = HAND_ROOT;
	a.tattach.afid = NWB_P9_NOFID;
	a.tattach.uname = nwb_p9_str("root");
	a.tattach.aname = nwb_p9_str(h->aname ? h->aname : "/export");
	nwb_check_eq(hand_call(h, &a), 0);
	nwb_check_eq(h->rsp.rattach.type, NWB_P9_QTDIR);
}

void hand_open(struct hand *h, struct nwb_dialer *d, const char *name)
{
	struct nwb_p9_msg w = {.type = NWB_P9_TWALK};
	struct nwb_p9_msg c = {.type = NWB_P9_TLCREATE};

	nwb_check_eq(hand_dial(h, d), 0);
	hand_attach(h, 65536);
	w.twalk.fid = HAND_ROOT;
	w.twalk.newfid = HAND_FID;
	nwb_check_eq(hand_call(h, &w), 0);
	c.tlcreate.fid = HAND_FID;
	c.tlcreate.name = nwb_p9_str(name);
	c.tlcreate.flags = NWB_P9_DOTL_RDWR | NWB_P9_DOTL_CREATE;
	c.tlcreate.mode = 0644;
	nwb_check_eq(hand_call(h, &c), 0);
}

void hand_write(struct hand *h, uint16_t tag, uint64_t offset, uint32_t count,
		char fill)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TWRITE, .tag = tag};

	m.twrite.fid = HAND_FID;
	m.twrite.offset = offset;
	m.twrite.count = count;
	hand_send(h, &m, fill);
}

void hand_tflush(struct hand *h, uint16_t tag, uint16_t oldtag)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TFLUSH, .tag = tag};

	m.tflush.oldtag = oldtag;
	hand_send(h, &m, 0);
}

uint32_t hand_fsync(struct hand *h)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TFSYNC};

	m.tfsync.fid = HAND_FID;
	return hand_call(h, &m);
}
