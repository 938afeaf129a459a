/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the server does by itself: FSCTLs ([MS-SMB2] 3.2.4.20), and CANCEL
 * (3.2.4.24).
 */
#include "client.h"
#include "nwb/smb2_ioctl.h"

#define IN_MAX	    1024u
#define FRAME_BYTES (NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 64u + IN_MAX)
#define OUT_MAX	    256u
/* 16 chunks of 1 MiB are what every server takes, [MS-SMB2] 3.3.3 */
#define CHUNKS	    16u
#define CANCELS_MAX 64u

int nwb_smb2_ioctl(struct nwb_smb2_file *f, uint32_t code, const void *in,
		   size_t in_len, void *out, size_t out_size, size_t *ret_len,
		   uint32_t *ret_status)
{
	struct nwb_smb2 *c = f->c;
	struct nwb_smb2_ioctl_req m = {
		.code = code,
		.max_out = (uint32_t)nwb_min(out_size, (size_t)OUT_MAX),
		.flags = NWB_SMB2_IOCTL_IS_FSCTL,
		.in = {in, (uint32_t)in_len},
	};
	struct nwb_smb2_ioctl_rsp rsp;
	uint8_t frame[FRAME_BYTES];
	struct sync_call s = {0};
	uint32_t epoch = 0;
	int rc;

	if (in_len > IN_MAX)
		return -EMSGSIZE;
	nwb_mutex_lock(&c->lock);
	if (c->state == CONN_UP && f->fid_epoch == c->epoch)
		epoch = c->epoch;
	m.fid = f->fid;
	nwb_mutex_unlock(&c->lock);
	if (!epoch)
		return -ECONNABORTED;
	rc = nwb_smb2_ioctl_req_encode(frame + NWB_SMB2_NBT_LEN,
				       sizeof(frame) - NWB_SMB2_NBT_LEN, &m);
	rc = nwb_smb2_sync_run(c, &s, NWB_SMB2_IOCTL, epoch, frame, rc,
			       NWB_NEVER);
	if (ret_status)
		*ret_status = rc ? 0 : s.r.status;
	if (rc || s.r.status)
		return rc ? -ECONNABORTED : (int)s.r.result;
	if (nwb_smb2_ioctl_rsp_decode(s.rsp, s.rsp_len, &rsp) ||
	    rsp.out.len > out_size)
		return -EPROTO;
	if (rsp.out.len)
		memcpy(out, rsp.out.data, rsp.out.len);
	*ret_len = rsp.out.len;
	return 0;
}

int nwb_smb2_set_sparse(struct nwb_smb2_file *f, bool is_sparse,
			uint32_t *ret_status)
{
	uint8_t in = is_sparse;
	size_t n;

	return nwb_smb2_ioctl(f, NWB_SMB2_FSCTL_SET_SPARSE, &in, 1, NULL, 0, &n,
			      ret_status);
}

int nwb_smb2_zero_data(struct nwb_smb2_file *f, uint64_t from, uint64_t end,
		       uint32_t *ret_status)
{
	uint8_t in[NWB_SMB2_ZERO_DATA_LEN];
	size_t n;

	if (end < from)
		return -EINVAL;
	nwb_smb2_zero_data_encode(in, from, end);
	return nwb_smb2_ioctl(f, NWB_SMB2_FSCTL_SET_ZERO_DATA, in, sizeof(in),
			      NULL, 0, &n, ret_status);
}

/* One request; *@ret_done: bytes of it. */
static int copy_some(struct nwb_smb2_file *dst, struct nwb_smb2_copychunk *m,
		     uint64_t from, uint64_t to, uint64_t len,
		     uint64_t *ret_done, uint32_t *ret_status)
{
	struct nwb_smb2_copychunk_rsp rsp;
	uint8_t in[32 + 24 * CHUNKS], out[NWB_SMB2_COPYCHUNK_RSP_LEN];
	size_t n = 0;
	int rc;

	m->nr_chunks = 0;
	while (len && m->nr_chunks < CHUNKS) {
		uint32_t part =
			(uint32_t)nwb_min(len, (uint64_t)NWB_SMB2_CHUNK_BYTES);

		m->chunk[m->nr_chunks++] =
			(struct nwb_smb2_chunk){from, to, part};
		from += part;
		to += part;
		len -= part;
	}
	rc = nwb_smb2_copychunk_encode(in, sizeof(in), m);
	nwb_assert(rc > 0);
	rc = nwb_smb2_ioctl(dst, NWB_SMB2_FSCTL_COPYCHUNK_WRITE, in, (size_t)rc,
			    out, sizeof(out), &n, ret_status);
	if (rc)
		return rc;
	if (nwb_smb2_copychunk_rsp_decode(out, n, &rsp) || !rsp.total)
		return -EPROTO;
	*ret_done = rsp.total;
	return 0;
}

int nwb_smb2_copychunk(struct nwb_smb2_file *src, uint64_t from,
		       struct nwb_smb2_file *dst, uint64_t to, uint64_t len,
		       uint64_t *ret_done, uint32_t *ret_status)
{
	struct nwb_smb2_copychunk *m = nwb_zalloc(sizeof(*m));
	uint8_t key[NWB_SMB2_RESUME_KEY_LEN + 8];
	uint64_t done = 0, part;
	size_t n = 0;
	int rc;

	if (!m)
		return -ENOMEM;
	rc = nwb_smb2_ioctl(src, NWB_SMB2_FSCTL_REQUEST_RESUME_KEY, NULL, 0,
			    key, sizeof(key), &n, ret_status);
	if (!rc && n < NWB_SMB2_RESUME_KEY_LEN)
		rc = -EPROTO;
	if (!rc)
		memcpy(m->key, key, sizeof(m->key));
	while (!rc && done < len) {
		rc = copy_some(dst, m, from + done, to + done, len - done,
			       &part, ret_status);
		if (!rc && part > len - done)
			rc = -EPROTO;
		if (!rc)
			done += part;
	}
	*ret_done = done;
	nwb_free(m);
	return rc;
}

/* --- CANCEL --------------------------------------------------------------- */

struct target {
	uint64_t mid, async_id;
	bool is_async;
};

/* No credit, no id of its own, no answer. */
static int send_cancel(struct nwb_smb2_chan *ch, const struct target *t,
		       uint64_t session_id, uint32_t tree_id, bool is_signed)
{
	uint8_t frame[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 4];
	uint8_t *pdu = frame + NWB_SMB2_NBT_LEN;
	struct nwb_smb2_hdr h = {
		.command = NWB_SMB2_CANCEL,
		.flags = (t->is_async ? NWB_SMB2_F_ASYNC : 0) |
			 (is_signed ? NWB_SMB2_F_SIGNED : 0),
		.message_id = t->mid,
		.async_id = t->async_id,
		.tree_id = tree_id,
		.session_id = session_id,
	};
	struct iovec iov[2] = {{frame, NWB_SMB2_NBT_LEN}};
	int n = nwb_smb2_empty_encode(pdu, sizeof(frame) - NWB_SMB2_NBT_LEN);

	nwb_smb2_hdr_encode(pdu, &h);
	nwb_smb2_nbt_encode(frame, (uint32_t)n);
	iov[1] = (struct iovec){pdu, (size_t)n};
	return nwb_smb2_protect_send(ch, iov, 2);
}

/* Those of @command on @ch, under the lock. */
static unsigned int find_targets(struct nwb_smb2_chan *ch, unsigned int command,
				 struct target *t)
{
	unsigned int nr = 0;
	struct req *r;

	nwb_list_for_each_entry (r, &ch->order, order) {
		if (r->command != command || nr == CANCELS_MAX)
			continue;
		t[nr++] = (struct target){.mid = r->mid,
					  .async_id = r->async_id,
					  .is_async = r->is_interim};
	}
	return nr;
}

static unsigned int cancel_on(struct nwb_smb2_chan *ch, unsigned int command)
{
	struct nwb_smb2 *c = ch->c;
	struct target t[CANCELS_MAX];
	unsigned int nr = 0, sent = 0;
	uint64_t session_id;
	uint32_t tree_id, instance;
	bool is_signed;
	int rc = 0;

	/* in this order, or a request could be found that is not sent yet */
	nwb_mutex_lock(&ch->send_lock);
	nwb_mutex_lock(&c->lock);
	instance = ch->instance;
	session_id = c->session_id;
	tree_id = c->tree_id;
	is_signed = c->sign_all;
	if (ch->state == CONN_UP)
		nr = find_targets(ch, command, t);
	nwb_mutex_unlock(&c->lock);
	for (; sent < nr && !rc; sent++)
		rc = send_cancel(ch, &t[sent], session_id, tree_id, is_signed);
	nwb_mutex_unlock(&ch->send_lock);
	if (rc)
		nwb_smb2_chan_lost(ch, instance);
	return sent;
}

unsigned int nwb_smb2_cancel(struct nwb_smb2 *c, unsigned int command)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < c->nr_chans; i++)
		nr += cancel_on(&c->chan[i], command);
	return nr;
}
