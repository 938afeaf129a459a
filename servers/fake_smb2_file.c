/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SMB2 fake: requests on files. One flat directory.
 */
#include "fake_smb2.h"
#include <stdlib.h>
#include <string.h>

#define REPLY_BYTES	512
#define BODY(r)		((r)->bytes + NWB_SMB2_NBT_LEN)
#define BODY_BYTES	(REPLY_BYTES - NWB_SMB2_NBT_LEN)
#define CREDIT_BYTES	65536u
#define ACTION_REPLACED 0u
#define ACTION_OPENED	1u
#define ACTION_CREATED	2u
#define ACTION_CUT	3u

static struct fake_smb2 *state_of(struct fake_conn *c)
{
	return c->state;
}

static struct fake_open *find_open(struct fake_conn *c,
				   const struct nwb_smb2_fid *fid)
{
	struct fake_open *o;

	nwb_list_for_each_entry (o, &state_of(c)->opens, link)
		if (o->fid.persistent == fid->persistent &&
		    o->fid.volatil == fid->volatil)
			return o;
	return NULL;
}

void nwb_fake_smb2_close_all(struct fake_smb2 *s)
{
	struct fake_open *o, *n;

	nwb_list_for_each_entry_safe (o, n, &s->opens, link) {
		nwb_list_del(&o->link);
		free(o);
	}
}

/* smbd: smbd_smb2_request_verify_creditcharge() */
static bool charge_is_enough(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			     uint64_t bytes)
{
	uint64_t charge = nwb_max(h->credit_charge, (uint16_t)1);

	if (state_of(c)->dialect == NWB_SMB2_DIALECT_0202)
		return true;
	return bytes <= charge * CREDIT_BYTES;
}

/* --- CREATE, CLOSE ------------------------------------------------------- */

static uint32_t open_file(struct nwb_fake *f, const char *name,
			  uint32_t disposition, struct fake_file **ret_file,
			  uint32_t *ret_action)
{
	struct fake_file *file = nwb_fake_file_find(f, name);
	bool cuts = disposition == NWB_SMB2_FILE_SUPERSEDE ||
		    disposition == NWB_SMB2_FILE_OVERWRITE ||
		    disposition == NWB_SMB2_FILE_OVERWRITE_IF;

	if (disposition > NWB_SMB2_FILE_OVERWRITE_IF)
		return NWB_STATUS_INVALID_PARAMETER;
	if (file && disposition == NWB_SMB2_FILE_CREATE)
		return NWB_STATUS_OBJECT_NAME_COLLISION;
	if (!file && (disposition == NWB_SMB2_FILE_OPEN ||
		      disposition == NWB_SMB2_FILE_OVERWRITE))
		return NWB_STATUS_OBJECT_NAME_NOT_FOUND;
	*ret_action = ACTION_OPENED;
	if (!file) {
		file = nwb_fake_file_add(f, name);
		*ret_action = ACTION_CREATED;
	} else if (cuts) {
		if (nwb_fake_file_resize(f, file, 0))
			return NWB_STATUS_NO_MEMORY;
		*ret_action = disposition == NWB_SMB2_FILE_SUPERSEDE
				      ? ACTION_REPLACED
				      : ACTION_CUT;
	}
	if (!file)
		return NWB_STATUS_NO_MEMORY;
	*ret_file = file;
	return NWB_STATUS_SUCCESS;
}

void nwb_fake_smb2_create(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			  const uint8_t *p, size_t len)
{
	char name[FAKE_NAME_MAX + 1];
	struct nwb_smb2_create_req q;
	struct nwb_smb2_create_rsp m = {.attributes = NWB_SMB2_ATTR_NORMAL};
	struct fake_file *file = NULL;
	struct fake_open *o;
	struct fake_reply *r;
	uint32_t status;
	int n;

	if (nwb_smb2_create_req_decode(p, len, &q))
		status = NWB_STATUS_INVALID_PARAMETER;
	else if (nwb_smb2_utf16_decode(name, sizeof(name), q.name.data,
				       q.name.len) <= 0)
		status = NWB_STATUS_OBJECT_NAME_INVALID;
	else if (strchr(name, '\\'))
		status = NWB_STATUS_OBJECT_PATH_NOT_FOUND;
	else
		status = open_file(c->fake, name, q.disposition, &file,
				   &m.action);
	o = status ? NULL : calloc(1, sizeof(*o));
	if (!o) {
		nwb_fake_smb2_error(c, h,
				    status ? status : NWB_STATUS_NO_MEMORY);
		return;
	}
	o->file = file;
	o->fid.persistent = ++c->fake->next_id;
	o->fid.volatil = ++c->fake->next_id;
	nwb_list_add_tail(&state_of(c)->opens, &o->link);
	m.eof = m.allocation = nwb_fake_file_size(file);
	m.fid = o->fid;
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_create_rsp_encode(BODY(r), BODY_BYTES, &m);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n, 0, 0);
}

void nwb_fake_smb2_close(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len)
{
	struct nwb_smb2_close_req q;
	struct nwb_smb2_close_rsp m = {0};
	struct fake_open *o;
	struct fake_reply *r;
	int n;

	if (nwb_smb2_close_req_decode(p, len, &q)) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_INVALID_PARAMETER);
		return;
	}
	o = find_open(c, &q.fid);
	if (!o) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_FILE_CLOSED);
		return;
	}
	nwb_list_del(&o->link);
	free(o);
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_close_rsp_encode(BODY(r), BODY_BYTES, &m);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n, 0, 0);
}

/* --- FLUSH, READ --------------------------------------------------------- */

void nwb_fake_smb2_flush(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len)
{
	struct fake_op op = {.conn = c, .hdr = *h};
	struct nwb_smb2_flush_req q;
	struct fake_open *o;
	struct fake_reply *r;
	int64_t rc;
	int n;

	if (nwb_smb2_flush_req_decode(p, len, &q)) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_INVALID_PARAMETER);
		return;
	}
	o = find_open(c, &q.fid);
	if (!o) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_FILE_CLOSED);
		return;
	}
	op.file = o->file;
	rc = nwb_fake_flush(&op);
	if (rc < 0)
		return;
	if (rc) {
		nwb_fake_smb2_error(c, h, (uint32_t)rc);
		return;
	}
	nwb_fake_smb2_write_begin(c, &op);
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_empty_encode(BODY(r), BODY_BYTES);
	nwb_fake_smb2_answer(c, r, &op.hdr, NWB_STATUS_SUCCESS, n, op.ack_delay,
			     op.was_pending ? op.hdr.async_id : 0);
}

void nwb_fake_smb2_read(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			const uint8_t *p, size_t len)
{
	struct nwb_smb2_read_req q;
	struct nwb_smb2_read_rsp m = {0};
	struct fake_open *o = NULL;
	struct fake_reply *r;
	uint32_t status = NWB_STATUS_SUCCESS;
	int n;

	if (nwb_smb2_read_req_decode(p, len, &q) ||
	    q.len > c->fake->opts.max_write || !charge_is_enough(c, h, q.len))
		status = NWB_STATUS_INVALID_PARAMETER;
	else
		o = find_open(c, &q.fid);
	if (!status && !o)
		status = NWB_STATUS_FILE_CLOSED;
	else if (!status && q.len && q.offset >= nwb_fake_file_size(o->file))
		status = NWB_STATUS_END_OF_FILE;
	if (status) {
		nwb_fake_smb2_error(c, h, status);
		return;
	}
	r = nwb_fake_reply_new(NWB_SMB2_NBT_LEN + NWB_SMB2_READ_HDR_LEN +
			       q.len);
	m.len = (uint32_t)nwb_fake_file_read(
		o->file, q.offset, BODY(r) + NWB_SMB2_READ_HDR_LEN, q.len);
	n = nwb_smb2_read_rsp_encode(BODY(r), NWB_SMB2_READ_HDR_LEN, &m);
	nwb_assert(n == (int)NWB_SMB2_READ_HDR_LEN);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n + (int)m.len, 0, 0);
}

/* --- WRITE --------------------------------------------------------------- */

void nwb_fake_smb2_write(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len)
{
	struct fake_op op = {.conn = c, .hdr = *h};
	struct nwb_smb2_write_req q;
	struct fake_open *o;

	if (nwb_smb2_write_req_decode(p, len, len, &q) ||
	    q.len > c->fake->opts.max_write || !charge_is_enough(c, h, q.len)) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_INVALID_PARAMETER);
		return;
	}
	o = find_open(c, &q.fid);
	if (!o) {
		nwb_fake_smb2_error(c, h, NWB_STATUS_FILE_CLOSED);
		return;
	}
	op.file = o->file;
	op.offset = q.offset;
	op.count = q.len;
	nwb_fake_write(&op, p + q.data_offset);
}

/* It will take a while: the interim response, which bears the credits. */
void nwb_fake_smb2_write_begin(struct fake_conn *c, struct fake_op *op)
{
	uint64_t after = c->fake->faults.pending_after_ns;
	struct nwb_smb2_error_rsp m = {0};
	struct fake_reply *r;
	int n;

	if (!after || op->park + op->ack_delay <= after)
		return;
	op->was_pending = true;
	op->hdr.async_id = ++c->fake->next_id;
	c->fake->stats.nr_pending++;
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_error_rsp_encode(BODY(r), BODY_BYTES, &m);
	nwb_fake_smb2_answer(c, r, &op->hdr, NWB_STATUS_PENDING, n, after,
			     op->hdr.async_id);
}

void nwb_fake_smb2_write_done(struct fake_conn *c, struct fake_op *op)
{
	struct fake_reply *r = nwb_fake_reply_new(REPLY_BYTES);
	struct nwb_smb2_write_rsp m = {.count = op->count};
	struct nwb_smb2_error_rsp e = {0};
	int n;

	if (op->code)
		n = nwb_smb2_error_rsp_encode(BODY(r), BODY_BYTES, &e);
	else
		n = nwb_smb2_write_rsp_encode(BODY(r), BODY_BYTES, &m);
	nwb_fake_smb2_answer(c, r, &op->hdr, op->code, n, op->ack_delay,
			     op->was_pending ? op->hdr.async_id : 0);
}

/* --- QUERY_INFO, SET_INFO ------------------------------------------------ */

void nwb_fake_smb2_query(struct fake_conn *c, const struct nwb_smb2_hdr *h,
			 const uint8_t *p, size_t len)
{
	uint8_t buf[NWB_SMB2_STANDARD_INFO_LEN];
	struct nwb_smb2_query_info_rsp m = {{buf, sizeof(buf)}};
	struct nwb_smb2_standard_info info = {.links = 1};
	struct nwb_smb2_query_info_req q;
	struct fake_open *o = NULL;
	struct fake_reply *r;
	uint32_t status = NWB_STATUS_SUCCESS;
	int n;

	if (nwb_smb2_query_info_req_decode(p, len, &q) ||
	    q.max_len < sizeof(buf))
		status = NWB_STATUS_INVALID_PARAMETER;
	else if (q.type != NWB_SMB2_INFO_FILE ||
		 q.class != NWB_SMB2_FILE_STANDARD_INFO)
		status = NWB_STATUS_NOT_SUPPORTED;
	else
		o = find_open(c, &q.fid);
	if (!status && !o)
		status = NWB_STATUS_FILE_CLOSED;
	if (status) {
		nwb_fake_smb2_error(c, h, status);
		return;
	}
	info.eof = info.allocation = nwb_fake_file_size(o->file);
	nwb_smb2_standard_info_encode(buf, &info);
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_query_info_rsp_encode(BODY(r), BODY_BYTES, &m);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n, 0, 0);
}

void nwb_fake_smb2_set(struct fake_conn *c, const struct nwb_smb2_hdr *h,
		       const uint8_t *p, size_t len)
{
	struct nwb_smb2_set_info_req q;
	struct fake_open *o = NULL;
	struct fake_reply *r;
	uint32_t status = NWB_STATUS_SUCCESS;
	uint64_t eof = 0;
	int n;

	if (nwb_smb2_set_info_req_decode(p, len, &q))
		status = NWB_STATUS_INVALID_PARAMETER;
	else if (q.type != NWB_SMB2_INFO_FILE ||
		 q.class != NWB_SMB2_FILE_EOF_INFO)
		status = NWB_STATUS_NOT_SUPPORTED;
	else if (nwb_smb2_eof_info_decode(q.info.data, q.info.len, &eof))
		status = NWB_STATUS_INVALID_PARAMETER;
	else
		o = find_open(c, &q.fid);
	if (!status && !o)
		status = NWB_STATUS_FILE_CLOSED;
	if (!status && nwb_fake_file_resize(c->fake, o->file, eof))
		status = NWB_STATUS_DISK_FULL;
	if (status) {
		nwb_fake_smb2_error(c, h, status);
		return;
	}
	r = nwb_fake_reply_new(REPLY_BYTES);
	n = nwb_smb2_set_info_rsp_encode(BODY(r), BODY_BYTES);
	nwb_fake_smb2_answer(c, r, h, NWB_STATUS_SUCCESS, n, 0, 0);
}
