/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: open once with the caller's wish, afterwards reclaimed (durable.c) or
 * reopened by name, and never created or truncated again. A FileId belongs to
 * one epoch.
 */
#include "client.h"

/* One a channel that may be lost, and some that were bound again. */
#define CLOSE_TRIES (2 * NWB_SMB2_CHANNELS_MAX)
#define FRAME_BYTES                                                            \
	(NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 64u + NAME_BYTES_MAX +          \
	 OPEN_CTX_BYTES)

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

/* The bytes of a CREATE of @f. Return: length or -ENOSPC. */
static int create_pdu(struct nwb_smb2_file *f, uint32_t disposition,
		      bool is_reclaim, uint8_t *frame, size_t size)
{
	uint8_t ctx[OPEN_CTX_BYTES];
	struct nwb_smb2_ctx_list list = {.buf = ctx, .size = sizeof(ctx)};
	struct nwb_smb2_create_req m = {
		.impersonation = NWB_SMB2_IMPERSONATION,
		.access =
			f->is_rdonly ? NWB_SMB2_ACCESS_RO : NWB_SMB2_ACCESS_RW,
		.attributes = NWB_SMB2_ATTR_NORMAL,
		.share_access = NWB_SMB2_SHARE_ALL,
		.disposition = disposition,
		.options = NWB_SMB2_OPT_NON_DIRECTORY,
		.name = {f->name, f->name_len},
	};
	int rc = nwb_smb2_open_contexts(f, is_reclaim, &list, &m.oplock);

	if (rc)
		return rc;
	m.contexts = (struct nwb_smb2_blob){ctx, (uint32_t)list.len};
	return nwb_smb2_create_req_encode(frame + NWB_SMB2_NBT_LEN,
					  size - NWB_SMB2_NBT_LEN, &m);
}

/* The answer of session @epoch, under the lock. */
static int create_done(struct nwb_smb2_file *f, const struct sync_call *s,
		       bool is_reclaim, uint32_t epoch, struct nwb_err *err)
{
	struct nwb_smb2_create_rsp rsp;
	uint32_t was = f->caching;
	char buf[16];

	if (s->r.status)
		return nwb_err_set(err, (int)s->r.result, "create: %s",
				   nwb_smb2_status_name(s->r.status, buf));
	if (nwb_smb2_create_rsp_decode(s->rsp, s->rsp_len, &rsp) ||
	    nwb_smb2_open_granted(f, is_reclaim, &rsp))
		return nwb_err_set(err, -EPROTO, "create: bad response");
	f->fid = rsp.fid;
	f->fid_epoch = epoch;
	f->eof = rsp.eof;
	if (is_reclaim) {
		f->c->stats.nr_reclaims++;
		nwb_smb2_break_reclaimed(f, was);
	} else {
		f->instance = epoch;
		f->sequence = f->c->channel_sequence;
		f->c->stats.nr_opens++;
	}
	nwb_smb2_break_early(f);
	return 0;
}

/* CREATE in session @epoch; f->lock is held or @f is not shared yet. */
static int file_create(struct nwb_smb2_file *f, uint32_t disposition,
		       bool is_reclaim, uint32_t epoch, uint32_t *ret_status,
		       struct nwb_err *err)
{
	struct nwb_smb2 *c = f->c;
	struct sync_call s = {0};
	uint8_t frame[FRAME_BYTES];
	int rc = create_pdu(f, disposition, is_reclaim, frame, sizeof(frame));

	if (rc < 0)
		return nwb_err_set(err, rc, "create: the name is too long");
	nwb_mutex_lock(&c->lock);
	f->is_opening = true;
	nwb_mutex_unlock(&c->lock);
	rc = nwb_smb2_sync_run(c, &s, NWB_SMB2_CREATE, epoch, frame, rc,
			       NWB_NEVER);
	nwb_mutex_lock(&c->lock);
	f->is_opening = false;
	*ret_status = rc ? 0 : s.r.status;
	rc = rc ? nwb_err_set(err, -ECONNABORTED,
			      "create: the connection was lost")
		: create_done(f, &s, is_reclaim, epoch, err);
	f->has_early = false;
	nwb_mutex_unlock(&c->lock);
	return rc;
}

/*
 * Open again in session @epoch: the handle as it was, or else another one.
 *
 * smbd 4.17 keeps the oplock of a handle that it denied for as long as the
 * connection lives on which it was asked for, and would make the plain open
 * wait 35 s for a break that nobody answers; a lease is shared by its key. So
 * the oplock's plain open comes in the next session.
 */
static int file_reopen(struct nwb_smb2_file *f, uint32_t epoch,
		       struct nwb_err *err)
{
	struct nwb_smb2 *c = f->c;
	uint32_t status;
	int rc;

	if (f->is_durable) {
		rc = file_create(f, NWB_SMB2_FILE_OPEN, true, epoch, &status,
				 err);
		/* only an answer says that it is gone */
		if (!rc || !status)
			return rc;
		nwb_mutex_lock(&c->lock);
		f->is_durable = false;
		c->stats.nr_reclaims_refused++;
		nwb_mutex_unlock(&c->lock);
		if (!f->has_lease) {
			nwb_smb2_session_lost(c, epoch);
			return nwb_err_set(err, -ECONNABORTED,
					   "reclaim: refused, not in this "
					   "session");
		}
	}
	rc = file_create(f, NWB_SMB2_FILE_OPEN, false, epoch, &status, err);
	if (!rc || status != NWB_STATUS_INVALID_PARAMETER || !f->is_renamed)
		return rc;
	/* The server knows the key by the name that the file had, of a durable
	 * handle that is not purged yet, and takes it for no other ([MS-SMB2]
	 * 3.3.5.9.8). */
	nwb_mutex_lock(&c->lock);
	nwb_random_bytes(c->ex, f->lease_key, sizeof(f->lease_key));
	nwb_mutex_unlock(&c->lock);
	return file_create(f, NWB_SMB2_FILE_OPEN, false, epoch, &status, err);
}

static void file_free(struct nwb_smb2_file *f)
{
	nwb_mutex_lock(&f->c->lock);
	nwb_list_del(&f->link);
	nwb_smb2_break_cancel(f);
	nwb_mutex_unlock(&f->c->lock);
	nwb_free(f);
}

/** nwb_smb2_set_name() - a path as it stands in requests: UTF-16LE, with
 * backslashes. Return: 0, -EILSEQ, or -ENAMETOOLONG. */
int nwb_smb2_set_name(uint8_t name[NAME_BYTES_MAX], const char *path,
		      uint32_t *ret_len)
{
	int rc = nwb_smb2_utf16_encode(name, NAME_BYTES_MAX, path);

	if (rc < 0)
		return rc == -ENOSPC ? -ENAMETOOLONG : rc;
	for (int i = 0; i < rc; i += 2)
		if (name[i] == '/' && !name[i + 1])
			name[i] = '\\';
	*ret_len = (uint32_t)rc;
	return 0;
}

/* Connected, and with a file that has no name and no handle yet. */
static int file_begin(struct nwb_smb2 *c, struct nwb_smb2_file **ret_file,
		      uint32_t *ret_epoch, struct nwb_err *err)
{
	struct nwb_smb2_file *f;
	int rc = nwb_smb2_connect(c, err);

	if (!rc)
		rc = nwb_smb2_durable_check(c, err);
	if (rc)
		return rc;
	f = nwb_zalloc(sizeof(*f));
	if (!f)
		return nwb_err_set(err, -ENOMEM, "out of memory");
	f->c = c;
	nwb_mutex_init(&f->lock, c->ex, "smb2 file");
	nwb_list_init(&f->brk.link);
	nwb_random_bytes(c->ex, f->lease_key, sizeof(f->lease_key));
	nwb_mutex_lock(&c->lock);
	nwb_list_add_tail(&c->files, &f->link);
	*ret_epoch = c->state == CONN_UP ? c->epoch : 0;
	nwb_mutex_unlock(&c->lock);
	*ret_file = f;
	return 0;
}

/* It has a name, unless @rc: get a handle, or there is no file. */
static int file_end(struct nwb_smb2_file *f, int rc, unsigned int flags,
		    uint32_t epoch, struct nwb_smb2_file **ret_file,
		    struct nwb_err *err)
{
	uint32_t status;

	if (!rc)
		rc = file_create(f, disposition_of(flags), false, epoch,
				 &status, err);
	if (rc) {
		file_free(f);
		return rc;
	}
	*ret_file = f;
	return 0;
}

int nwb_smb2_open(struct nwb_smb2 *c, const char *name, unsigned int flags,
		  struct nwb_smb2_file **ret_file, struct nwb_err *err)
{
	struct nwb_smb2_file *f;
	uint32_t epoch;
	int rc = file_begin(c, &f, &epoch, err);

	if (rc)
		return rc;
	rc = nwb_smb2_set_name(f->name, name, &f->name_len);
	f->is_rdonly = (flags & NWB_O_RDONLY) != 0;
	if (rc || !f->name_len)
		rc = nwb_err_set(err, rc ? rc : -EINVAL, "bad file name");
	return file_end(f, rc, flags, epoch, ret_file, err);
}

bool nwb_smb2_file_is_rdonly(const struct nwb_smb2_file *f)
{
	return f->is_rdonly;
}

int nwb_smb2_open_like(struct nwb_smb2 *c, struct nwb_smb2_file *like,
		       struct nwb_smb2_file **ret_file, struct nwb_err *err)
{
	struct nwb_smb2_file *f;
	uint32_t epoch;
	int rc = file_begin(c, &f, &epoch, err);

	if (rc)
		return rc;
	nwb_mutex_lock(&like->lock);
	memcpy(f->name, like->name, like->name_len);
	f->name_len = like->name_len;
	nwb_mutex_unlock(&like->lock);
	return file_end(f, 0, 0, epoch, ret_file, err);
}

/* CLOSE on a channel of the file's session, if that lives. Return: 0, the
 * error of the CLOSE, or -ECONNABORTED: the channel was lost. */
static int try_close(struct nwb_smb2_file *f)
{
	uint8_t frame[NWB_SMB2_NBT_LEN + NWB_SMB2_HDR_LEN + 24];
	struct nwb_smb2_close_req m = {0};
	struct nwb_smb2 *c = f->c;
	struct sync_call s = {0};
	uint32_t epoch = 0;
	int rc;

	nwb_mutex_lock(&c->lock);
	if (c->state == CONN_UP && f->fid_epoch == c->epoch)
		epoch = c->epoch;
	m.fid = f->fid;
	nwb_mutex_unlock(&c->lock);
	/* with its session the handle is gone: closed as well */
	if (!epoch)
		return 0;
	rc = nwb_smb2_close_req_encode(frame + NWB_SMB2_NBT_LEN,
				       sizeof(frame) - NWB_SMB2_NBT_LEN, &m);
	rc = nwb_smb2_sync_run(c, &s, NWB_SMB2_CLOSE, epoch, frame, rc,
			       NWB_NEVER);
	return rc ? -ECONNABORTED : (int)s.r.result;
}

/** nwb_smb2_file_forget() - the handle was closed by other means. */
void nwb_smb2_file_forget(struct nwb_smb2_file *f, bool is_closed)
{
	nwb_mutex_lock(&f->c->lock);
	if (is_closed)
		f->fid_epoch = 0;
	nwb_mutex_unlock(&f->c->lock);
}

int nwb_smb2_close(struct nwb_smb2_file *f)
{
	unsigned int tries = 0;
	int rc;

	do {
		rc = try_close(f);
		/* the first one may have been executed */
		if (tries &&
		    rc == nwb_smb2_status_errno(NWB_STATUS_FILE_CLOSED))
			rc = 0;
	} while (rc == -ECONNABORTED && ++tries < CLOSE_TRIES);
	file_free(f);
	return rc == -ECONNABORTED ? 0 : rc;
}

/*
 * After a loss: tell the server the new ChannelSequence with a request that
 * changes nothing. The first one that carries it only opens the new count of
 * outstanding requests, and smbd 4.17 executes it whatever it is, a replay
 * included, while the write that it repeats may still be under way; from the
 * second one on replays are held back. Context: f->lock held, @f is open.
 */
static int announce_sequence(struct nwb_smb2_file *f, struct nwb_err *err)
{
	struct nwb_smb2 *c = f->c;
	uint32_t status = 0;
	uint16_t sequence;
	uint64_t eof;
	bool is_known;
	int rc;

	nwb_mutex_lock(&c->lock);
	sequence = c->channel_sequence;
	is_known =
		f->sequence == sequence || c->dialect < NWB_SMB2_DIALECT_0300;
	nwb_mutex_unlock(&c->lock);
	if (is_known)
		return 0;
	/* whatever the answer is, it is one */
	rc = nwb_smb2_query_eof(f, &eof, &status);
	if (rc && !status)
		return nwb_err_set(err, rc, "query info after a loss: %s",
				   nwb_errno_name(rc));
	nwb_mutex_lock(&c->lock);
	f->sequence = sequence;
	nwb_mutex_unlock(&c->lock);
	return 0;
}

int nwb_smb2_file_ready(struct nwb_smb2_file *f, uint32_t *ret_instance,
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
	else if (f->is_parked)
		rc = nwb_err_set(err, -EAGAIN, "its name is changing");
	else if (!is_open)
		rc = file_reopen(f, epoch, err);
	if (!rc)
		rc = announce_sequence(f, err);
	if (!rc)
		*ret_instance = f->instance; /* changes under f->lock only */
	nwb_mutex_unlock(&f->lock);
	return rc;
}

int nwb_smb2_file_rename(struct nwb_smb2_file *f, const char *name)
{
	int rc;

	nwb_mutex_lock(&f->lock);
	rc = nwb_smb2_set_name(f->name, name, &f->name_len);
	f->is_parked = false;
	f->is_renamed = true;
	nwb_mutex_unlock(&f->lock);
	return rc;
}

void nwb_smb2_file_park(struct nwb_smb2_file *f)
{
	struct nwb_smb2 *c = f->c;
	struct nwb_smb2_fid fid;
	uint32_t epoch;

	nwb_mutex_lock(&f->lock);
	f->is_parked = true;
	f->was_parked = true;
	nwb_mutex_lock(&c->lock);
	epoch = c->state == CONN_UP && f->fid_epoch == c->epoch ? c->epoch : 0;
	fid = f->fid;
	f->fid_epoch = 0; /* nothing is sent through it any more */
	f->is_durable = false;
	nwb_mutex_unlock(&c->lock);
	/* what was sent is executed first: smbd closes when the last write of
	 * the handle is through */
	if (epoch)
		nwb_smb2_close_fid(c, epoch, &fid);
	nwb_mutex_unlock(&f->lock);
}

bool nwb_smb2_file_was_parked(const struct nwb_smb2_file *f)
{
	return f->was_parked;
}
