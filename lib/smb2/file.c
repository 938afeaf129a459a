/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: open once with the caller's wish, afterwards reopened by name and
 * never created or truncated again. A FileId belongs to one epoch.
 */
#include "client.h"

#define FRAME_BYTES (NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 64u + NAME_BYTES_MAX)

static uint32_t disposition_of(unsigned int flags)
{
	if (flags & NWB_O_CREATE) {
		if (flags & NWB_O_EXCL)
			return NWB_SMB2_FILE_CREATE;
		return flags & NWB_O_TRUNC ? NWB_SMB2_FILE_OVERWRITE_IF
					   : NWB_SMB2_FILE_OPEN_IF;
	}
	return flags & NWB_O_TRUNC ? NWB_SMB2_FILE_OVERWRITE
				   : NWB_SMB2_FILE_OPEN;
}

/* CREATE on connection @epoch; f->lock is held or @f is not shared yet. */
static int file_create(struct nwb_smb2_file *f, uint32_t disposition,
		       uint32_t epoch, struct nwb_err *err)
{
	struct nwb_smb2_create_req m = {
		.impersonation = NWB_SMB2_IMPERSONATION,
		.access = NWB_SMB2_ACCESS_RW,
		.attributes = NWB_SMB2_ATTR_NORMAL,
		.share_access = NWB_SMB2_SHARE_ALL,
		.disposition = disposition,
		.options = NWB_SMB2_OPT_NON_DIRECTORY,
		.name = {f->name, f->name_len},
	};
	struct nwb_smb2 *c = f->c;
	struct nwb_smb2_create_rsp rsp;
	struct sync_call s = {0};
	uint8_t frame[FRAME_BYTES];
	char buf[16];
	int rc;

	rc = nwb_smb2_create_req_encode(frame + NWB_SMB2_NBT_LEN,
					sizeof(frame) - NWB_SMB2_NBT_LEN, &m);
	rc = nwb_smb2_sync_run(c, &s, NWB_SMB2_CREATE, epoch, frame, rc,
			       NWB_NEVER);
	if (rc)
		return nwb_err_set(err, -ECONNABORTED,
				   "create: the connection was lost");
	if (s.r.status)
		return nwb_err_set(err, (int)s.r.result, "create: %s",
				   nwb_smb2_status_name(s.r.status, buf));
	if (nwb_smb2_create_rsp_decode(s.rsp, s.rsp_len, &rsp))
		return nwb_err_set(err, -EPROTO, "create: bad response");
	nwb_mutex_lock(&c->lock);
	f->fid = rsp.fid;
	f->fid_epoch = epoch;
	f->eof = rsp.eof;
	nwb_mutex_unlock(&c->lock);
	return 0;
}

int nwb_smb2_open(struct nwb_smb2 *c, const char *name, unsigned int flags,
		  struct nwb_smb2_file **ret_file, struct nwb_err *err)
{
	struct nwb_smb2_file *f;
	int rc = nwb_smb2_connect(c, err);

	if (rc)
		return rc;
	f = nwb_zalloc(sizeof(*f));
	if (!f)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	f->c = c;
	nwb_mutex_init(&f->lock, c->ex, "smb2 file");
	rc = nwb_smb2_utf16_encode(f->name, sizeof(f->name), name);
	if (rc <= 0) {
		nwb_free(f);
		return nwb_err_set(err, rc ? rc : -EINVAL, "bad file name");
	}
	f->name_len = (uint32_t)rc;
	for (uint32_t i = 0; i < f->name_len; i += 2)
		if (f->name[i] == '/' && f->name[i + 1] == 0)
			f->name[i] = '\\';
	nwb_mutex_lock(&c->lock);
	rc = c->state == CONN_UP ? (int)c->epoch : 0;
	nwb_mutex_unlock(&c->lock);
	rc = file_create(f, disposition_of(flags), (uint32_t)rc, err);
	if (rc) {
		nwb_free(f);
		return rc;
	}
	*ret_file = f;
	return 0;
}

int nwb_smb2_close(struct nwb_smb2_file *f)
{
	uint8_t frame[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 24];
	struct nwb_smb2_close_req m = {0};
	struct nwb_smb2 *c = f->c;
	struct sync_call s = {0};
	uint32_t epoch = 0;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	if (c->state == CONN_UP && f->fid_epoch == c->epoch)
		epoch = c->epoch;
	m.fid = f->fid;
	nwb_mutex_unlock(&c->lock);
	if (epoch) {
		rc = nwb_smb2_close_req_encode(frame + NWB_SMB2_NBT_LEN,
					       sizeof(frame) - NWB_SMB2_NBT_LEN,
					       &m);
		rc = nwb_smb2_sync_run(c, &s, NWB_SMB2_CLOSE, epoch, frame, rc,
				       NWB_NEVER);
		if (!rc)
			rc = (int)s.r.result;
		/* with its connection the handle is gone: closed as well */
		if (rc == -ECONNABORTED || rc == -EAGAIN)
			rc = 0;
	}
	nwb_free(f);
	return rc;
}

int nwb_smb2_file_ready(struct nwb_smb2_file *f, uint32_t *ret_epoch,
			struct nwb_err *err)
{
	struct nwb_smb2 *c = f->c;
	uint32_t epoch;
	bool is_open;
	int rc = nwb_smb2_connect(c, err);

	if (rc)
		return rc;
	nwb_mutex_lock(&f->lock);
	nwb_mutex_lock(&c->lock);
	epoch = c->state == CONN_UP ? c->epoch : 0;
	is_open = f->fid_epoch == epoch;
	nwb_mutex_unlock(&c->lock);
	if (!epoch)
		rc = nwb_err_set(err, -ECONNABORTED, "the connection was lost");
	else if (!is_open)
		rc = file_create(f, NWB_SMB2_FILE_OPEN, epoch, err);
	nwb_mutex_unlock(&f->lock);
	if (!rc)
		*ret_epoch = epoch;
	return rc;
}
