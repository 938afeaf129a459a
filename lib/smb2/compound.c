/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Related requests in one frame ([MS-SMB2] 3.2.4.1.4): each has its header,
 * MessageId, credit and signature, starts at a multiple of 8, and all but the
 * first work on the FileId that the one before them gave.
 *
 *	| NBT | CREATE      | pad | QUERY_INFO, RELATED | pad | CLOSE, RELATED |
 *	        └ NextCommand ────►                      ────►  0
 *
 * They go out on one channel and are answered there, together or one by one.
 * Where a client has not the credits for all at once, they are sent alone.
 */
#include "client.h"
#include "nwb/smb2_info.h"

#define ELEMENTS_MAX 4u
#define BYTES_MAX    (2048u + NAME_BYTES_MAX)

struct compound {
	unsigned int nr;
	struct sync_call call[ELEMENTS_MAX];
	uint32_t at[ELEMENTS_MAX]; /* of each header in the PDU */
	uint32_t len;		   /* so far, without padding at the end */
	uint8_t frame[NWB_SMB2_NBT_LEN + BYTES_MAX];
};

static const struct nwb_smb2_fid same_as_before = {NWB_SMB2_FID_NONE,
						   NWB_SMB2_FID_NONE};

static uint8_t *pdu_of(struct compound *k)
{
	return k->frame + NWB_SMB2_NBT_LEN;
}

/* Where the next element goes, and how much room there is for it. */
static uint8_t *begin(struct compound *k, size_t *ret_size)
{
	uint32_t at = NWB_ROUND_UP(k->len, 8u);

	nwb_assert(k->nr < ELEMENTS_MAX && at < BYTES_MAX);
	memset(pdu_of(k) + k->len, 0, at - k->len);
	k->at[k->nr] = at;
	*ret_size = BYTES_MAX - at;
	return pdu_of(k) + at;
}

/* It is there, of @len bytes. */
static void end(struct compound *k, unsigned int command, int len)
{
	struct sync_call *s = &k->call[k->nr];

	nwb_assert(len > 0);
	memset(s, 0, sizeof(*s));
	s->r.command = (uint16_t)command;
	s->r.sync = s;
	k->len = k->at[k->nr] + (uint32_t)len;
	k->nr++;
}

static uint32_t size_of(const struct compound *k, unsigned int i)
{
	return (i + 1 < k->nr ? k->at[i + 1] : k->len) - k->at[i];
}

/* Ids, table, headers; send_lock held. What was not entered is untouched. */
static int enter_all(struct compound *k, struct nwb_smb2_credits *cr,
		     unsigned int *ret_nr)
{
	for (unsigned int i = 0; i < k->nr; i++) {
		uint32_t flags = i ? NWB_SMB2_F_RELATED : 0;
		uint32_t next = i + 1 < k->nr ? size_of(k, i) : 0;
		int rc = nwb_smb2_req_enter(&k->call[i].r, &cr[i],
					    pdu_of(k) + k->at[i], flags, next);

		*ret_nr = i;
		if (rc)
			return rc;
	}
	*ret_nr = k->nr;
	return 0;
}

/* One signature an element; encryption takes the whole. */
static int transmit(struct compound *k, struct nwb_smb2_chan *ch)
{
	struct iovec *iov = ch->send_iov;

	iov[0] = (struct iovec){k->frame, NWB_SMB2_NBT_LEN};
	nwb_smb2_nbt_encode(k->frame, k->len);
	for (unsigned int i = 0; i < k->nr; i++)
		iov[1 + i] =
			(struct iovec){pdu_of(k) + k->at[i], size_of(k, i)};
	return nwb_smb2_protect_send_all(ch, iov, k->nr + 1);
}

/*
 * Send them in session @epoch and wait for every answer. Return: 0 (then each
 * call has its own result); -EOPNOTSUPP: not so many credits; -ECONNABORTED,
 * -EAGAIN as nwb_smb2_sync_run().
 */
static int run(struct nwb_smb2 *c, struct compound *k, uint32_t epoch)
{
	struct nwb_smb2_credits cr[ELEMENTS_MAX] = {{0}};
	struct nwb_smb2_chan *ch;
	uint32_t instance;
	unsigned int nr = 0;
	int rc = nwb_smb2_take_many(c, epoch, k->nr, cr);

	if (rc)
		return rc;
	ch = &c->chan[cr[0].chan];
	instance = cr[0].instance;
	for (unsigned int i = 0; i < k->nr; i++) {
		k->call[i].r.ch = ch;
		nwb_waitq_init(&k->call[i].q, c->ex, "smb2 compound");
	}
	nwb_mutex_lock(&ch->send_lock);
	rc = enter_all(k, cr, &nr);
	if (!rc && transmit(k, ch))
		rc = -ECONNABORTED;
	nwb_mutex_unlock(&ch->send_lock);
	for (unsigned int i = nr; i < k->nr; i++)
		nwb_smb2_put_credits(c, &cr[i]);
	/* what is in the table ends with the channel, if it does not otherwise
	 */
	if (rc && nr)
		nwb_smb2_chan_lost(ch, instance);
	for (unsigned int i = 0; i < nr; i++)
		nwb_smb2_sent(&k->call[i].r);
	for (unsigned int i = 0; i < nr; i++)
		if (nwb_smb2_sync_wait(c, &k->call[i], NWB_NEVER))
			rc = -ECONNABORTED;
	return rc;
}

/* The first that failed; those behind it only say so, too. */
static int first_error(const struct compound *k, uint32_t *ret_status)
{
	for (unsigned int i = 0; i < k->nr; i++) {
		*ret_status = k->call[i].r.status;
		if (k->call[i].r.status)
			return (int)k->call[i].r.result;
	}
	return 0;
}

static void add_query_eof(struct compound *k, const struct nwb_smb2_fid *fid)
{
	struct nwb_smb2_query_info_req m = {
		.type = NWB_SMB2_INFO_FILE,
		.class = NWB_SMB2_FILE_STANDARD_INFO,
		.max_len = NWB_SMB2_STANDARD_INFO_LEN,
		.fid = *fid,
	};
	size_t size;
	uint8_t *pdu = begin(k, &size);

	end(k, NWB_SMB2_QUERY_INFO,
	    nwb_smb2_query_info_req_encode(pdu, size, &m));
}

static void add_close(struct compound *k, const struct nwb_smb2_fid *fid)
{
	struct nwb_smb2_close_req m = {.fid = *fid};
	size_t size;
	uint8_t *pdu = begin(k, &size);

	end(k, NWB_SMB2_CLOSE, nwb_smb2_close_req_encode(pdu, size, &m));
}

static int take_eof(const struct sync_call *s, uint64_t *ret_size)
{
	struct nwb_smb2_query_info_rsp rsp;
	struct nwb_smb2_standard_info info;

	if (nwb_smb2_query_info_rsp_decode(s->rsp, s->rsp_len, &rsp) ||
	    nwb_smb2_standard_info_decode(rsp.info.data, rsp.info.len, &info))
		return -EPROTO;
	*ret_size = info.eof;
	return 0;
}

static int stat_pdu(struct compound *k, const char *name)
{
	uint8_t utf16[NAME_BYTES_MAX], *pdu;
	struct nwb_smb2_create_req m = {
		.impersonation = NWB_SMB2_IMPERSONATION,
		.access = NWB_SMB2_ACCESS_READ_ATTR,
		.share_access = NWB_SMB2_SHARE_ALL,
		.disposition = NWB_SMB2_FILE_OPEN,
	};
	size_t size;
	uint32_t n;
	int rc = nwb_smb2_set_name(utf16, name, &n);

	if (rc)
		return rc;
	m.name = (struct nwb_smb2_blob){utf16, n};
	pdu = begin(k, &size);
	end(k, NWB_SMB2_CREATE, nwb_smb2_create_req_encode(pdu, size, &m));
	return 0;
}

int nwb_smb2_stat(struct nwb_smb2 *c, const char *name, uint64_t *ret_size,
		  uint32_t *ret_status)
{
	struct compound *k;
	uint32_t status = 0;
	int rc = nwb_smb2_connect(c, NULL);

	if (rc)
		return rc;
	k = nwb_zalloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	rc = stat_pdu(k, name);
	if (!rc) {
		add_query_eof(k, &same_as_before);
		add_close(k, &same_as_before);
		rc = run(c, k, nwb_smb2_epoch(c));
	}
	if (!rc)
		rc = first_error(k, &status);
	if (!rc)
		rc = take_eof(&k->call[1], ret_size);
	if (ret_status)
		*ret_status = status;
	nwb_free(k);
	return rc == -EAGAIN ? -ECONNABORTED : rc;
}

/* As nwb_smb2_stat(), and what else there is to know. */
static void add_query(struct compound *k, uint8_t class, uint32_t len)
{
	struct nwb_smb2_query_info_req m = {
		.type = NWB_SMB2_INFO_FILE,
		.class = class,
		.max_len = len,
		.fid = same_as_before,
	};
	size_t size;
	uint8_t *pdu = begin(k, &size);

	end(k, NWB_SMB2_QUERY_INFO,
	    nwb_smb2_query_info_req_encode(pdu, size, &m));
}

static int take_attr(const struct compound *k, struct nwb_smb2_attr *ret)
{
	struct nwb_smb2_query_info_rsp rsp;
	struct nwb_smb2_standard_info std;
	struct nwb_smb2_create_rsp cr;

	if (nwb_smb2_create_rsp_decode(k->call[0].rsp, k->call[0].rsp_len,
				       &cr) ||
	    nwb_smb2_query_info_rsp_decode(k->call[1].rsp, k->call[1].rsp_len,
					   &rsp) ||
	    nwb_smb2_internal_info_decode(rsp.info.data, rsp.info.len,
					  &ret->number) ||
	    nwb_smb2_query_info_rsp_decode(k->call[2].rsp, k->call[2].rsp_len,
					   &rsp) ||
	    nwb_smb2_standard_info_decode(rsp.info.data, rsp.info.len, &std))
		return -EPROTO;
	nwb_smb2_attr_of(ret, &cr, &std);
	return 0;
}

/** nwb_smb2_getattr_at_once() - nwb_smb2_path_getattr() in one frame. Return:
 * also -EOPNOTSUPP: there are fewer than four credits. */
int nwb_smb2_getattr_at_once(struct nwb_smb2 *c, const char *path,
			     struct nwb_smb2_attr *ret_attr,
			     uint32_t *ret_status)
{
	struct compound *k = nwb_zalloc(sizeof(*k));
	int rc;

	*ret_status = 0;
	if (!k)
		return -ENOMEM;
	rc = stat_pdu(k, path);
	if (!rc) {
		add_query(k, NWB_SMB2_FILE_INTERNAL_INFO, 8);
		add_query(k, NWB_SMB2_FILE_STANDARD_INFO,
			  NWB_SMB2_STANDARD_INFO_LEN);
		add_close(k, &same_as_before);
		rc = run(c, k, nwb_smb2_epoch(c));
		rc = rc == -EAGAIN ? -ECONNABORTED : rc;
	}
	if (!rc)
		rc = first_error(k, ret_status);
	if (!rc)
		rc = take_attr(k, ret_attr);
	nwb_free(k);
	return rc;
}

int nwb_smb2_query_close(struct nwb_smb2_file *f, uint64_t *ret_size)
{
	struct nwb_smb2 *c = f->c;
	struct compound *k = nwb_zalloc(sizeof(*k));
	struct nwb_smb2_fid fid = {0};
	uint32_t epoch = 0, status;
	int rc = -EOPNOTSUPP, err;

	nwb_mutex_lock(&c->lock);
	if (c->state == CONN_UP && f->fid_epoch == c->epoch)
		epoch = c->epoch;
	fid = f->fid;
	nwb_mutex_unlock(&c->lock);
	if (k && epoch) {
		add_query_eof(k, &fid);
		add_close(k, &same_as_before);
		rc = run(c, k, epoch);
		if (!rc)
			nwb_smb2_file_forget(f, !k->call[1].r.status);
		if (!rc)
			rc = first_error(k, &status);
		if (!rc)
			rc = take_eof(&k->call[0], ret_size);
	}
	if (rc == -EOPNOTSUPP && epoch)
		rc = nwb_smb2_query_eof(f, ret_size, NULL);
	else if (!epoch)
		rc = -ECONNABORTED;
	nwb_free(k);
	err = nwb_smb2_close(f);
	return rc ? rc : err;
}
