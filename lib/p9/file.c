/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: a name, and while connected a fid that was walked and opened on this
 * connection. Fids are numbered upwards and never used twice on a connection,
 * so that one whose walk was cancelled (and may exist or not) is in nobody's
 * way.
 */
#include "nwb/smb2.h" /* NWB_O_* */
#include "p9_internal.h"

#define P9_CREATE_MODE 0644u

static int open_existing(struct nwb_p9 *c, uint32_t epoch, const char *name,
			 bool trunc, uint32_t *ret_fid, uint32_t *ret_iounit)
{
	struct nwb_p9_msg m;
	struct nwb_p9_str leaf;
	struct p9_sync s = {0};
	uint32_t fid = 0;
	size_t dir_len;
	int rc;

	rc = nwb_p9_leaf(name, &leaf, &dir_len);
	if (!rc)
		rc = nwb_p9_walk(c, epoch, name, strlen(name), &fid);
	if (rc)
		return rc;
	m.type = NWB_P9_TLOPEN;
	m.tlopen.fid = fid;
	m.tlopen.flags = NWB_P9_DOTL_RDWR | (trunc ? NWB_P9_DOTL_TRUNC : 0);
	rc = nwb_p9_rpc(c, epoch, false, &m, &s);
	if (!trunc && (rc == -EACCES || rc == -EROFS)) {
		/* better than nothing, and who writes is told */
		m.tlopen.flags = NWB_P9_DOTL_RDONLY;
		rc = nwb_p9_rpc(c, epoch, false, &m, &s);
	}
	if (rc) {
		nwb_p9_clunk(c, epoch, fid);
		return rc;
	}
	*ret_iounit = s.reply.rlopen.iounit;
	*ret_fid = fid;
	return 0;
}

static int create(struct nwb_p9 *c, uint32_t epoch, const char *name, bool excl,
		  uint32_t *ret_fid, uint32_t *ret_iounit)
{
	struct nwb_p9_msg m;
	struct nwb_p9_str leaf;
	struct p9_sync s = {0};
	uint32_t fid = 0;
	size_t dir_len;
	int rc;

	rc = nwb_p9_leaf(name, &leaf, &dir_len);
	if (!rc)
		rc = nwb_p9_walk(c, epoch, name, dir_len, &fid);
	if (rc)
		return rc;
	m.type = NWB_P9_TLCREATE;
	m.tlcreate.fid = fid;
	m.tlcreate.name = leaf;
	m.tlcreate.flags = NWB_P9_DOTL_RDWR | NWB_P9_DOTL_CREATE |
			   (excl ? NWB_P9_DOTL_EXCL : 0);
	m.tlcreate.mode = P9_CREATE_MODE;
	m.tlcreate.gid = c->uid; /* the user's own group, by custom */
	rc = nwb_p9_rpc(c, epoch, false, &m, &s);
	if (rc) {
		nwb_p9_clunk(c, epoch, fid);
		/* It may be ours: to ask again would be told that it exists. */
		return excl && (rc == -ECONNABORTED || rc == -ETIMEDOUT) ? -EIO
									 : rc;
	}
	*ret_iounit = s.reply.rlopen.iounit;
	*ret_fid = fid;
	return 0;
}

static int open_fid(struct nwb_p9 *c, uint32_t epoch, const char *name,
		    unsigned int flags, uint32_t *ret_fid, uint32_t *ret_iounit)
{
	bool excl = flags & NWB_O_EXCL;
	int rc;

	if (excl)
		return create(c, epoch, name, true, ret_fid, ret_iounit);
	rc = open_existing(c, epoch, name, flags & NWB_O_TRUNC, ret_fid,
			   ret_iounit);
	if (rc == -ENOENT && (flags & NWB_O_CREATE))
		rc = create(c, epoch, name, false, ret_fid, ret_iounit);
	return rc;
}

/* That the connection was lost says less than why. */
static int open_error(struct nwb_p9 *c, const char *what, const char *name,
		      int rc, struct nwb_err *err)
{
	struct nwb_err loss;

	if (rc != -ECONNABORTED)
		return nwb_err_set(err, rc, "9p: %s \"%s\": %s", what, name,
				   nwb_errno_name(rc));
	nwb_p9_last_loss(c, &loss);
	return nwb_err_set(err, rc, "9p: %s \"%s\": %s", what, name, loss.text);
}

static struct nwb_p9_file *file_alloc(struct nwb_p9 *c, const char *name)
{
	struct nwb_p9_file *f = nwb_zalloc(sizeof(*f));
	size_t len = strlen(name) + 1;

	if (!f)
		return NULL;
	f->c = c;
	f->name = nwb_alloc(len);
	if (!f->name) {
		nwb_free(f);
		return NULL;
	}
	memcpy(f->name, name, len);
	return f;
}

static void file_release(struct nwb_p9_file *f)
{
	nwb_free(f->name);
	nwb_free(f);
}

int nwb_p9_open(struct nwb_p9 *c, const char *name, unsigned int flags,
		struct nwb_p9_file **ret_file, struct nwb_err *err)
{
	struct nwb_p9_file *f;
	uint32_t epoch;
	int rc;

	rc = nwb_p9_connect(c, err);
	if (rc)
		return rc;
	f = file_alloc(c, name);
	if (!f)
		return nwb_err_set(err, -ENOMEM, "9p: out of memory");
	epoch = nwb_p9_epoch(c);
	rc = open_fid(c, epoch, name, flags, &f->fid, &f->iounit);
	if (rc) {
		file_release(f);
		return open_error(c, "open", name, rc, err);
	}
	f->epoch = epoch;
	*ret_file = f;
	return 0;
}

int nwb_p9_close(struct nwb_p9_file *f)
{
	struct nwb_p9 *c = f->c;
	struct nwb_p9_msg m = {.type = NWB_P9_TCLUNK, .tclunk.fid = f->fid};
	struct p9_sync s = {0};
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	nwb_assert(!f->nr_users && !f->is_opening);
	nwb_mutex_unlock(&c->lock);
	if (f->epoch)
		rc = nwb_p9_rpc(c, f->epoch, false, &m, &s);
	file_release(f);
	/* With its connection a fid is gone too: as good as clunked. */
	return rc == -ECONNABORTED ? 0 : rc;
}

/* Walk and open again; the caller has set is_opening. */
static int reopen(struct nwb_p9_file *f, struct nwb_err *err)
{
	struct nwb_p9 *c = f->c;
	uint32_t epoch, fid = 0, iounit = 0;
	int rc;

	rc = nwb_p9_connect(c, err);
	if (rc)
		return rc;
	epoch = nwb_p9_epoch(c);
	rc = open_existing(c, epoch, f->name, false, &fid, &iounit);
	if (rc)
		return open_error(c, "reopen", f->name, rc, err);
	nwb_mutex_lock(&c->lock);
	f->fid = fid;
	f->iounit = iounit;
	f->epoch = epoch;
	nwb_mutex_unlock(&c->lock);
	return 0;
}

uint32_t nwb_p9_file_limit(const struct nwb_p9_file *f)
{
	uint32_t max = f->c->stats.max_write;

	return f->iounit ? nwb_min(max, f->iounit) : max;
}

uint32_t nwb_p9_max_write(struct nwb_p9_file *f)
{
	uint32_t max;

	nwb_mutex_lock(&f->c->lock);
	max = nwb_p9_file_limit(f);
	nwb_mutex_unlock(&f->c->lock);
	return max;
}

/* Lock held. */
static bool file_is_open(const struct nwb_p9_file *f)
{
	return f->c->state == P9_UP && f->epoch == f->c->conn_epoch;
}

int nwb_p9_file_ready(struct nwb_p9_file *f, uint32_t *ret_epoch,
		      struct nwb_err *err)
{
	struct nwb_p9 *c = f->c;
	int rc = 0;

	nwb_mutex_lock(&c->lock);
	nwb_wait_event(&c->state_wq, &c->lock, !f->is_opening);
	if (!file_is_open(f)) {
		f->is_opening = true;
		nwb_mutex_unlock(&c->lock);
		rc = reopen(f, err);
		nwb_mutex_lock(&c->lock);
		f->is_opening = false;
		nwb_waitq_wake_all(&c->state_wq);
		if (!rc && !file_is_open(f))
			rc = nwb_err_set(err, -ECONNABORTED,
					 "9p: lost again: %s", c->loss.text);
	}
	if (!rc)
		*ret_epoch = f->epoch;
	nwb_mutex_unlock(&c->lock);
	return rc;
}

void nwb_p9_file_put(struct nwb_p9_file *f)
{
	if (!--f->nr_users)
		nwb_waitq_wake_all(&f->c->state_wq); /* who renames */
}

int nwb_p9_file_rename(struct nwb_p9_file *f, const char *name)
{
	struct nwb_p9 *c = f->c;
	size_t len = strlen(name) + 1;
	uint32_t epoch, fid;
	char *copy = nwb_alloc(len);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	nwb_mutex_lock(&c->lock);
	nwb_wait_event(&c->state_wq, &c->lock, !f->is_opening);
	f->is_opening = true; /* till the old fid is out of use */
	nwb_free(f->name);
	f->name = copy;
	epoch = f->epoch;
	fid = f->fid;
	f->epoch = 0;
	nwb_wait_event(&c->state_wq, &c->lock, !f->nr_users);
	f->is_opening = false;
	nwb_waitq_wake_all(&c->state_wq);
	nwb_mutex_unlock(&c->lock);
	if (epoch)
		nwb_p9_clunk(c, epoch, fid);
	return 0;
}
