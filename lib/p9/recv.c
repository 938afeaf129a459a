/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The receiver task: bytes to frames to answers. It reads as much as is there,
 * so that many small replies cost one call, and ends with the connection. A
 * stream that makes no sense is not read on: there is nothing in 9P to find the
 * next frame by.
 */
#include "p9_internal.h"

struct rx {
	struct nwb_p9 *c;
	struct nwb_sock *sock;
	uint32_t epoch;
	uint32_t pos;  /* first byte not handled */
	uint32_t have; /* bytes in the buffer */
};

static int handle_frame(struct rx *rx, uint32_t size)
{
	struct nwb_p9 *c = rx->c;
	struct nwb_err err = {0};
	struct nwb_p9_msg m;
	int rc;

	rc = nwb_p9_decode(c->recv_buf + rx->pos, size, &m);
	if (!rc && !(m.type & 1))
		rc = -EPROTO;
	if (rc) {
		nwb_p9_lose(
			c, rx->epoch, false, -EPROTO,
			"the server sent a frame of %u bytes, type %u, that is "
			"%s",
			size, m.type,
			rc == -EOPNOTSUPP ? "not known here" : "malformed");
		return rc;
	}
	rc = nwb_p9_req_reply(c, rx->epoch, &m, &err);
	if (rc)
		nwb_p9_lose(c, rx->epoch, false, rc, "the server sent %s",
			    err.text);
	return rc;
}

/*
 * Handle all whole frames; @ret_need: bytes that the buffer must hold for the
 * next one. The limit is what was negotiated, which Rversion may lower between
 * two frames.
 */
static int handle_buffer(struct rx *rx, uint32_t *ret_need)
{
	struct nwb_p9 *c = rx->c;
	uint32_t size, msize;
	int rc;

	for (;;) {
		*ret_need = 4;
		if (rx->have - rx->pos < 4)
			return 0;
		nwb_mutex_lock(&c->lock);
		msize = c->stats.msize;
		nwb_mutex_unlock(&c->lock);
		rc = nwb_p9_frame_size(c->recv_buf + rx->pos, msize, &size);
		if (rc) {
			nwb_p9_lose(c, rx->epoch, false, -EPROTO,
				    "the server sent a frame that is %s",
				    rc == -EMSGSIZE ? "larger than msize"
						    : "shorter than a header");
			return rc;
		}
		*ret_need = size;
		if (rx->have - rx->pos < size)
			return 0;
		rc = handle_frame(rx, size);
		if (rc)
			return rc;
		rx->pos += size;
	}
}

void nwb_p9_receiver(void *arg)
{
	struct nwb_p9 *c = arg;
	struct rx rx = {.c = c};
	uint32_t need = 4;
	ssize_t n;

	nwb_mutex_lock(&c->lock);
	rx.sock = c->sock;
	rx.epoch = c->conn_epoch;
	nwb_mutex_unlock(&c->lock);
	for (;;) {
		if (rx.pos) {
			rx.have -= rx.pos;
			memmove(c->recv_buf, c->recv_buf + rx.pos, rx.have);
			rx.pos = 0;
		}
		n = nwb_sock_recv(rx.sock, c->recv_buf + rx.have,
				  need - rx.have, c->recv_size - rx.have);
		if (n <= 0)
			break;
		rx.have += (uint32_t)n;
		if (handle_buffer(&rx, &need))
			return;
	}
	if (!n)
		nwb_p9_lose(c, rx.epoch, false, -ECONNRESET,
			    "the server closed the connection");
	else
		nwb_p9_lose(c, rx.epoch, false, (int)n, "receiving: %s",
			    nwb_errno_name((int)n));
}
