/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Synchronous requests on files, and ECHO. One try each: a lost connection is
 * the caller's business.
 */
#include "client.h"

#define BODY_MAX    128u
#define FRAME_BYTES (NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + BODY_MAX)

/* A request under construction: frame, and the file's present FileId. */
struct call {
	uint8_t frame[FRAME_BYTES];
	struct nwb_smb2_fid fid;
	uint32_t epoch, instance;
	struct sync_call s;
};

/* -ECONNABORTED when there is no connection or @f is not open on it. */
static int call_begin(struct nwb_smb2_file *f, struct call *k)
{
	struct nwb_smb2 *c = f->c;
	int rc = -ECONNABORTED;

	memset(&k->s, 0, sizeof(k->s));
	nwb_mutex_lock(&c->lock);
	if (c->state == CONN_UP && f->fid_epoch == c->epoch) {
		k->fid = f->fid;
		k->epoch = c->epoch;
		k->instance = f->instance;
		rc = 0;
	}
	nwb_mutex_unlock(&c->lock);
	return rc;
}

static uint8_t *call_pdu(struct call *k)
{
	return k->frame + NWB_SMB2_NBT_LEN;
}

#define CALL_SIZE (FRAME_BYTES - NWB_SMB2_NBT_LEN)

/* Send it and wait. Return: payload bytes or 0, or negative errno. */
static int64_t call_run(struct nwb_smb2 *c, struct call *k,
			unsigned int command, int len, uint32_t *ret_status)
{
	int rc = nwb_smb2_sync_run(c, &k->s, command, k->epoch, k->frame, len,
				   NWB_NEVER);

	if (ret_status)
		*ret_status = rc ? 0 : k->s.r.status;
	/* a new connection under our feet is a lost one to the caller */
	if (rc)
		return -ECONNABORTED;
	return k->s.r.result;
}

int nwb_smb2_flush(struct nwb_smb2_file *f, uint32_t *ret_instance,
		   uint32_t *ret_status)
{
	struct call k;
	int rc = call_begin(f, &k);

	if (rc)
		return rc;
	rc = nwb_smb2_flush_req_encode(
		call_pdu(&k), CALL_SIZE,
		&(struct nwb_smb2_flush_req){.fid = k.fid});
	rc = (int)call_run(f->c, &k, NWB_SMB2_FLUSH, rc, ret_status);
	if (!rc)
		*ret_instance = k.instance;
	return rc;
}

/*
 * A size that was sent and not answered may still be set, after what is sent
 * next, and cut that off. So the next one is a replay, which the server takes
 * only when the first one cannot come any more ([MS-SMB2] 3.3.5.2.10).
 */
static void note_size(struct nwb_smb2_file *f, int rc, uint32_t status)
{
	nwb_mutex_lock(&f->c->lock);
	if (rc == -ECONNABORTED)
		f->is_eof_unknown = true;
	else if (status != NWB_STATUS_FILE_NOT_AVAILABLE)
		f->is_eof_unknown = false;
	nwb_mutex_unlock(&f->c->lock);
}

int nwb_smb2_set_eof(struct nwb_smb2_file *f, uint64_t size,
		     uint32_t *ret_status)
{
	struct nwb_smb2_set_info_req m = {
		.type = NWB_SMB2_INFO_FILE,
		.class = NWB_SMB2_FILE_EOF_INFO,
	};
	uint8_t info[8];
	uint32_t status;
	struct call k;
	int rc = call_begin(f, &k);

	if (rc)
		return rc;
	nwb_smb2_eof_info_encode(info, size);
	m.fid = k.fid;
	m.info = (struct nwb_smb2_blob){info, sizeof(info)};
	nwb_mutex_lock(&f->c->lock);
	k.s.replay_of = f->is_eof_unknown ? f : NULL;
	nwb_mutex_unlock(&f->c->lock);
	rc = nwb_smb2_set_info_req_encode(call_pdu(&k), CALL_SIZE, &m);
	rc = (int)call_run(f->c, &k, NWB_SMB2_SET_INFO, rc, &status);
	note_size(f, rc, status);
	if (ret_status)
		*ret_status = status;
	return rc;
}

int nwb_smb2_query_eof(struct nwb_smb2_file *f, uint64_t *ret_size,
		       uint32_t *ret_status)
{
	struct nwb_smb2_query_info_req m = {
		.type = NWB_SMB2_INFO_FILE,
		.class = NWB_SMB2_FILE_STANDARD_INFO,
		.max_len = NWB_SMB2_STANDARD_INFO_LEN,
	};
	struct nwb_smb2_query_info_rsp rsp;
	struct nwb_smb2_standard_info info;
	struct call k;
	int rc = call_begin(f, &k);

	if (rc)
		return rc;
	m.fid = k.fid;
	rc = nwb_smb2_query_info_req_encode(call_pdu(&k), CALL_SIZE, &m);
	rc = (int)call_run(f->c, &k, NWB_SMB2_QUERY_INFO, rc, ret_status);
	if (rc)
		return rc;
	if (nwb_smb2_query_info_rsp_decode(k.s.rsp, k.s.rsp_len, &rsp) ||
	    nwb_smb2_standard_info_decode(rsp.info.data, rsp.info.len, &info))
		return -EPROTO;
	*ret_size = info.eof;
	return 0;
}

ssize_t nwb_smb2_read(struct nwb_smb2_file *f, uint64_t offset, void *buf,
		      size_t len, uint32_t *ret_status)
{
	size_t done = 0;

	/* one credit a piece: reading is for verification, not for speed */
	while (done < len) {
		struct nwb_smb2_read_req m = {.offset = offset + done};
		struct call k;
		int64_t n = call_begin(f, &k);
		uint32_t status;
		int rc;

		if (n)
			return n;
		m.len = (uint32_t)nwb_min(len - done, (size_t)READ_PIECE);
		m.fid = k.fid;
		k.s.data = (uint8_t *)buf + done;
		k.s.data_size = m.len;
		rc = nwb_smb2_read_req_encode(call_pdu(&k), CALL_SIZE, &m);
		n = call_run(f->c, &k, NWB_SMB2_READ, rc, &status);
		if (ret_status)
			*ret_status = status;
		if (status == NWB_STATUS_END_OF_FILE)
			break;
		if (n < 0)
			return n;
		done += (size_t)n;
		if ((uint32_t)n < m.len)
			break;
	}
	return (ssize_t)done;
}

int nwb_smb2_echo(struct nwb_smb2 *c, uint32_t *ret_status)
{
	struct call k;
	int rc;

	memset(&k.s, 0, sizeof(k.s));
	k.epoch = nwb_smb2_epoch(c);
	if (!k.epoch)
		return -ECONNABORTED;
	rc = nwb_smb2_empty_encode(call_pdu(&k), CALL_SIZE);
	return (int)call_run(c, &k, NWB_SMB2_ECHO, rc, ret_status);
}
