/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is done with a name: CREATE, one request, CLOSE. Each is one attempt;
 * what was not answered is -ECONNABORTED, whatever the reason.
 */
#include "client.h"
#include "nwb/smb2_info.h"

#define FRAME_BYTES                                                            \
	(NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 64u + NAME_BYTES_MAX +          \
	 NWB_SMB2_RENAME_INFO_LEN)
/* One credit's worth of entries. */
#define ENTRY_BYTES 65536u
#define ANSWER_MAX  (NWB_SMB2_HDR_LEN + 8u + ENTRY_BYTES)

/* Something that is open for a moment. */
struct place {
	struct nwb_smb2 *c;
	uint32_t epoch;
	struct nwb_smb2_create_rsp rsp;
};

/* A request under construction, of any length that may occur. */
struct call {
	struct sync_call s;
	uint8_t frame[FRAME_BYTES];
};

static uint8_t *call_pdu(struct call *k)
{
	return k->frame + NWB_SMB2_NBT_LEN;
}

#define CALL_SIZE (FRAME_BYTES - NWB_SMB2_NBT_LEN)

/* Return: 0, or why not; @len < 0: it could not be encoded. */
static int call_run(struct nwb_smb2 *c, struct call *k, unsigned int command,
		    uint32_t epoch, int len)
{
	int rc;

	if (len < 0)
		return len == -ENOSPC ? -ENAMETOOLONG : len;
	rc = nwb_smb2_sync_run(c, &k->s, command, epoch, k->frame, len,
			       NWB_NEVER);
	if (rc)
		return -ECONNABORTED;
	/* its last handle is about to be closed */
	if (k->s.r.status == NWB_STATUS_DELETE_PENDING)
		return -EAGAIN;
	return (int)k->s.r.result;
}

static int open_place(struct nwb_smb2 *c, const char *path, uint32_t access,
		      uint32_t disposition, uint32_t options, struct place *ret)
{
	uint8_t name[NAME_BYTES_MAX];
	struct nwb_smb2_create_req m = {
		.impersonation = NWB_SMB2_IMPERSONATION,
		.access = access,
		.attributes = options & NWB_SMB2_OPT_DIRECTORY
				      ? NWB_SMB2_ATTR_DIRECTORY
				      : NWB_SMB2_ATTR_NORMAL,
		.share_access = NWB_SMB2_SHARE_ALL,
		.disposition = disposition,
		.options = options,
		.name.data = name,
	};
	struct call k = {.s = {.data = NULL}};
	int rc = nwb_smb2_connect(c, NULL);

	if (!rc)
		rc = nwb_smb2_set_name(name, path, &m.name.len);
	if (rc)
		return rc;
	ret->c = c;
	ret->epoch = nwb_smb2_epoch(c);
	rc = nwb_smb2_create_req_encode(call_pdu(&k), CALL_SIZE, &m);
	rc = call_run(c, &k, NWB_SMB2_CREATE, ret->epoch, rc);
	if (!rc && nwb_smb2_create_rsp_decode(k.s.rsp, k.s.rsp_len, &ret->rsp))
		rc = -EPROTO;
	return rc;
}

static int close_fid(struct nwb_smb2 *c, uint32_t epoch,
		     const struct nwb_smb2_fid *fid)
{
	struct nwb_smb2_close_req m = {.fid = *fid};
	uint8_t frame[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 24];
	struct sync_call s = {.data = NULL};
	int rc = nwb_smb2_close_req_encode(
		frame + NWB_SMB2_NBT_LEN, sizeof(frame) - NWB_SMB2_NBT_LEN, &m);

	rc = nwb_smb2_sync_run(c, &s, NWB_SMB2_CLOSE, epoch, frame, rc,
			       NWB_NEVER);
	return rc ? -ECONNABORTED : (int)s.r.result;
}

/** nwb_smb2_close_fid() - whatever comes of it: with its session a handle is
 * gone as well. */
void nwb_smb2_close_fid(struct nwb_smb2 *c, uint32_t epoch,
			const struct nwb_smb2_fid *fid)
{
	(void)!close_fid(c, epoch, fid);
}

static int close_place(const struct place *p)
{
	return close_fid(p->c, p->epoch, &p->rsp.fid);
}

static int query(const struct place *p, uint8_t type, uint8_t class,
		 uint32_t len, struct call *k,
		 struct nwb_smb2_query_info_rsp *ret_rsp)
{
	struct nwb_smb2_query_info_req m = {
		.type = type,
		.class = class,
		.max_len = len,
		.fid = p->rsp.fid,
	};
	int rc = nwb_smb2_query_info_req_encode(call_pdu(k), CALL_SIZE, &m);

	k->s = (struct sync_call){.data = NULL};
	rc = call_run(p->c, k, NWB_SMB2_QUERY_INFO, p->epoch, rc);
	if (!rc &&
	    nwb_smb2_query_info_rsp_decode(k->s.rsp, k->s.rsp_len, ret_rsp))
		rc = -EPROTO;
	return rc;
}

static int set(const struct place *p, uint8_t class, const uint8_t *info,
	       size_t len)
{
	struct nwb_smb2_set_info_req m = {
		.type = NWB_SMB2_INFO_FILE,
		.class = class,
		.fid = p->rsp.fid,
		.info = {info, (uint32_t)len},
	};
	struct call k = {.s = {.data = NULL}};
	int rc = nwb_smb2_set_info_req_encode(call_pdu(&k), CALL_SIZE, &m);

	return call_run(p->c, &k, NWB_SMB2_SET_INFO, p->epoch, rc);
}

/* Open, set, close. */
static int set_path(struct nwb_smb2 *c, const char *path, uint32_t access,
		    uint32_t options, uint8_t class, const uint8_t *info,
		    size_t len)
{
	struct place p;
	int rc, close_rc;

	rc = open_place(c, path, access, NWB_SMB2_FILE_OPEN, options, &p);
	if (rc)
		return rc;
	rc = set(&p, class, info, len);
	close_rc = close_place(&p);
	return rc ? rc : close_rc;
}

/* --- attributes ------------------------------------------------------------
 */

void nwb_smb2_attr_of(struct nwb_smb2_attr *ret,
		      const struct nwb_smb2_create_rsp *cr,
		      const struct nwb_smb2_standard_info *std)
{
	ret->eof = std->eof;
	ret->allocation = std->allocation;
	ret->access_time = cr->access_time;
	ret->write_time = cr->write_time;
	ret->change_time = cr->change_time;
	ret->attributes = cr->attributes;
	ret->links = std->links;
}

static int query_attr(const struct place *p, struct nwb_smb2_attr *ret)
{
	struct nwb_smb2_query_info_rsp rsp;
	struct nwb_smb2_standard_info std;
	struct call k;
	int rc = query(p, NWB_SMB2_INFO_FILE, NWB_SMB2_FILE_INTERNAL_INFO, 8,
		       &k, &rsp);

	if (!rc && nwb_smb2_internal_info_decode(rsp.info.data, rsp.info.len,
						 &ret->number))
		rc = -EPROTO;
	if (!rc)
		rc = query(p, NWB_SMB2_INFO_FILE, NWB_SMB2_FILE_STANDARD_INFO,
			   NWB_SMB2_STANDARD_INFO_LEN, &k, &rsp);
	if (!rc &&
	    nwb_smb2_standard_info_decode(rsp.info.data, rsp.info.len, &std))
		rc = -EPROTO;
	if (!rc)
		nwb_smb2_attr_of(ret, &p->rsp, &std);
	return rc;
}

int nwb_smb2_path_getattr(struct nwb_smb2 *c, const char *path,
			  struct nwb_smb2_attr *ret_attr)
{
	struct nwb_smb2_attr attr;
	struct place p;
	uint32_t status;
	int rc = nwb_smb2_connect(c, NULL);

	if (rc)
		return rc;
	rc = nwb_smb2_getattr_at_once(c, path, &attr, &status);
	if (status == NWB_STATUS_DELETE_PENDING)
		rc = -EAGAIN;
	if (rc == -EOPNOTSUPP && !status) {
		rc = open_place(c, path, NWB_SMB2_ACCESS_READ_ATTR,
				NWB_SMB2_FILE_OPEN, 0, &p);
		if (!rc) {
			rc = query_attr(&p, &attr);
			nwb_smb2_close_fid(c, p.epoch, &p.rsp.fid);
		}
	}
	if (!rc)
		*ret_attr = attr;
	return rc;
}

int nwb_smb2_path_set_times(struct nwb_smb2 *c, const char *path,
			    uint64_t access_time, uint64_t write_time)
{
	const struct nwb_smb2_basic_info m = {
		.access_time = access_time,
		.write_time = write_time,
	};
	uint8_t info[NWB_SMB2_BASIC_INFO_LEN];

	nwb_smb2_basic_info_encode(info, &m);
	return set_path(c, path, NWB_SMB2_ACCESS_WRITE_ATTR, 0,
			NWB_SMB2_FILE_BASIC_INFO, info, sizeof(info));
}

int nwb_smb2_file_set_times(struct nwb_smb2_file *f, uint64_t access_time,
			    uint64_t write_time)
{
	const struct nwb_smb2_basic_info m = {
		.access_time = access_time,
		.write_time = write_time,
	};
	struct place p = {.c = f->c};
	uint8_t info[NWB_SMB2_BASIC_INFO_LEN];

	nwb_mutex_lock(&f->c->lock);
	if (f->c->state == CONN_UP && f->fid_epoch == f->c->epoch)
		p.epoch = f->c->epoch;
	p.rsp.fid = f->fid;
	nwb_mutex_unlock(&f->c->lock);
	if (!p.epoch)
		return -ECONNABORTED;
	nwb_smb2_basic_info_encode(info, &m);
	return set(&p, NWB_SMB2_FILE_BASIC_INFO, info, sizeof(info));
}

/* --- names -----------------------------------------------------------------
 */

int nwb_smb2_path_create(struct nwb_smb2 *c, const char *path, bool is_dir)
{
	struct place p;
	int rc = open_place(
		c, path, NWB_SMB2_ACCESS_READ_ATTR, NWB_SMB2_FILE_CREATE,
		is_dir ? NWB_SMB2_OPT_DIRECTORY : NWB_SMB2_OPT_NON_DIRECTORY,
		&p);

	if (!rc)
		nwb_smb2_close_fid(c, p.epoch, &p.rsp.fid);
	return rc;
}

/* FileDispositionInformation says whether it may be removed, CLOSE does it. */
int nwb_smb2_path_unlink(struct nwb_smb2 *c, const char *path, bool is_dir)
{
	const uint8_t yes = 1;

	return set_path(c, path, NWB_SMB2_ACCESS_DELETE,
			is_dir ? NWB_SMB2_OPT_DIRECTORY
			       : NWB_SMB2_OPT_NON_DIRECTORY,
			NWB_SMB2_FILE_DISPOSITION_INFO, &yes, sizeof(yes));
}

static int set_to_name(struct nwb_smb2 *c, const char *from, const char *to,
		       uint32_t access, uint8_t class, bool replace)
{
	uint8_t name[NAME_BYTES_MAX];
	uint8_t info[NWB_SMB2_RENAME_INFO_LEN + NAME_BYTES_MAX];
	struct nwb_smb2_blob blob = {.data = name};
	int rc = nwb_smb2_set_name(name, to, &blob.len);

	if (rc)
		return rc;
	rc = nwb_smb2_rename_info_encode(info, sizeof(info), replace, &blob);
	nwb_assert(rc > 0);
	return set_path(c, from, access, 0, class, info, (size_t)rc);
}

int nwb_smb2_path_rename(struct nwb_smb2 *c, const char *from, const char *to,
			 bool replace)
{
	return set_to_name(c, from, to,
			   NWB_SMB2_ACCESS_DELETE | NWB_SMB2_ACCESS_READ_ATTR,
			   NWB_SMB2_FILE_RENAME_INFO, replace);
}

int nwb_smb2_path_link(struct nwb_smb2 *c, const char *existing,
		       const char *path)
{
	return set_to_name(c, existing, path,
			   NWB_SMB2_ACCESS_WRITE_ATTR |
				   NWB_SMB2_ACCESS_READ_ATTR,
			   NWB_SMB2_FILE_LINK_INFO, false);
}

/* --- directories and the file system ----------------------------------------
 */

static int give_entries(const struct nwb_smb2_blob *entries,
			nwb_smb2_entry_fn fn, void *arg)
{
	const uint8_t *at = entries->data;
	size_t left = entries->len, next;
	struct nwb_smb2_dir_entry e;
	int rc;

	do {
		if (nwb_smb2_dir_entry_decode(at, left, &e, &next))
			return -EPROTO;
		rc = fn(arg, &e);
		at += next;
		left -= next;
	} while (!rc && next);
	return rc;
}

static int read_entries(const struct place *p, uint8_t *buf,
			nwb_smb2_entry_fn fn, void *arg)
{
	static const uint8_t all[2] = {'*', 0};
	struct nwb_smb2_query_dir_req m = {
		.class = NWB_SMB2_FILE_ID_FULL_DIR_INFO,
		.flags = NWB_SMB2_DIR_RESTART,
		.fid = p->rsp.fid,
		.pattern = {all, sizeof(all)},
		.max_len = ENTRY_BYTES,
	};
	struct nwb_smb2_query_dir_rsp rsp;
	struct call k;
	int rc;

	do {
		rc = nwb_smb2_query_dir_req_encode(call_pdu(&k), CALL_SIZE, &m);
		k.s = (struct sync_call){.data = buf, .data_size = ANSWER_MAX};
		rc = call_run(p->c, &k, NWB_SMB2_QUERY_DIRECTORY, p->epoch, rc);
		if (k.s.r.status == NWB_STATUS_NO_MORE_FILES)
			return 0;
		if (!rc &&
		    (nwb_smb2_query_dir_rsp_decode(buf, k.s.rsp_len, &rsp) ||
		     !rsp.entries.len))
			rc = -EPROTO;
		if (!rc)
			rc = give_entries(&rsp.entries, fn, arg);
		m.flags = 0;
	} while (!rc);
	return rc;
}

int nwb_smb2_path_readdir(struct nwb_smb2 *c, const char *path,
			  nwb_smb2_entry_fn fn, void *arg)
{
	uint8_t *buf = nwb_alloc(ANSWER_MAX);
	struct place p;
	int rc;

	if (!buf)
		return -ENOMEM;
	rc = open_place(c, path,
			NWB_SMB2_ACCESS_LIST | NWB_SMB2_ACCESS_READ_ATTR,
			NWB_SMB2_FILE_OPEN, NWB_SMB2_OPT_DIRECTORY, &p);
	if (!rc) {
		rc = read_entries(&p, buf, fn, arg);
		nwb_smb2_close_fid(c, p.epoch, &p.rsp.fid);
	}
	nwb_free(buf);
	return rc;
}

int nwb_smb2_statfs(struct nwb_smb2 *c, struct nwb_smb2_fs_size *ret_st)
{
	struct nwb_smb2_query_info_rsp rsp;
	struct nwb_smb2_fs_size st;
	struct place p;
	struct call k;
	int rc = open_place(c, "", NWB_SMB2_ACCESS_READ_ATTR,
			    NWB_SMB2_FILE_OPEN, NWB_SMB2_OPT_DIRECTORY, &p);

	if (rc)
		return rc;
	rc = query(&p, NWB_SMB2_INFO_FILESYSTEM, NWB_SMB2_FS_FULL_SIZE_INFO,
		   NWB_SMB2_FS_SIZE_LEN, &k, &rsp);
	nwb_smb2_close_fid(c, p.epoch, &p.rsp.fid);
	if (!rc && nwb_smb2_fs_size_decode(rsp.info.data, rsp.info.len, &st))
		rc = -EPROTO;
	if (!rc)
		*ret_st = st;
	return rc;
}
