/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is done with a name: walk to it, one request, clunk. Each is one
 * attempt; what was not answered is -ECONNABORTED, whatever the reason.
 */
#include "p9_internal.h"

/* Where a path leads: connection and fid. */
struct place {
	struct nwb_p9 *c;
	uint32_t epoch;
	uint32_t fid;
};

/* The connection is lost, or it was flushed: one answer is enough for all who
 * only want to know whether there was one. */
static int unknown_is_lost(int rc)
{
	return rc == -ETIMEDOUT || rc == -ECANCELED || rc == -EAGAIN
		       ? -ECONNABORTED
		       : rc;
}

static int place_get_n(struct nwb_p9 *c, const char *path, size_t len,
		       struct place *ret)
{
	int rc = nwb_p9_connect(c, NULL);

	if (rc)
		return rc;
	ret->c = c;
	ret->epoch = nwb_p9_epoch(c);
	if (!ret->epoch)
		return -ECONNABORTED;
	return unknown_is_lost(
		nwb_p9_walk(c, ret->epoch, path, len, &ret->fid));
}

static int place_get(struct nwb_p9 *c, const char *path, struct place *ret)
{
	return place_get_n(c, path, strlen(path), ret);
}

/* The directory that @path is in, and the name there. */
static int place_get_dir(struct nwb_p9 *c, const char *path, struct place *ret,
			 struct nwb_p9_str *ret_leaf)
{
	size_t dir_len;
	int rc = nwb_p9_leaf(path, ret_leaf, &dir_len);

	return rc ? rc : place_get_n(c, path, dir_len, ret);
}

static void place_put(const struct place *p)
{
	nwb_p9_clunk(p->c, p->epoch, p->fid);
}

static int place_rpc(const struct place *p, struct nwb_p9_msg *m,
		     struct p9_sync *s)
{
	return unknown_is_lost(nwb_p9_rpc(p->c, p->epoch, false, m, s));
}

/* One request, and the end of the place. */
static int place_end(const struct place *p, struct nwb_p9_msg *m,
		     struct p9_sync *s)
{
	int rc = place_rpc(p, m, s);

	if (rc != -ECONNABORTED)
		place_put(p);
	return rc;
}

int nwb_p9_path_getattr(struct nwb_p9 *c, const char *path,
			struct nwb_p9_attr *ret_attr)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TGETATTR};
	struct p9_sync s = {0};
	struct place p;
	int rc = place_get(c, path, &p);

	if (rc)
		return rc;
	m.tgetattr.fid = p.fid;
	m.tgetattr.request_mask = NWB_P9_GETATTR_BASIC;
	rc = place_end(&p, &m, &s);
	if (!rc)
		*ret_attr = s.reply.rgetattr;
	return rc;
}

int nwb_p9_path_setattr(struct nwb_p9 *c, const char *path,
			const struct nwb_p9_iattr *attr)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TSETATTR};
	struct p9_sync s = {0};
	struct place p;
	int rc = place_get(c, path, &p);

	if (rc)
		return rc;
	m.tsetattr.fid = p.fid;
	m.tsetattr.attr = *attr;
	return place_end(&p, &m, &s);
}

int nwb_p9_path_create(struct nwb_p9 *c, const char *path, uint32_t mode)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TLCREATE};
	struct p9_sync s = {0};
	struct place p;
	int rc = place_get_dir(c, path, &p, &m.tlcreate.name);

	if (rc)
		return rc;
	m.tlcreate.fid = p.fid;
	m.tlcreate.flags =
		NWB_P9_DOTL_RDWR | NWB_P9_DOTL_CREATE | NWB_P9_DOTL_EXCL;
	m.tlcreate.mode = mode;
	m.tlcreate.gid = c->uid; /* the user's own group, by custom */
	return place_end(&p, &m, &s);
}

int nwb_p9_path_mkdir(struct nwb_p9 *c, const char *path, uint32_t mode)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TMKDIR};
	struct p9_sync s = {0};
	struct place p;
	int rc = place_get_dir(c, path, &p, &m.tmkdir.name);

	if (rc)
		return rc;
	m.tmkdir.dfid = p.fid;
	m.tmkdir.mode = mode;
	m.tmkdir.gid = c->uid;
	return place_end(&p, &m, &s);
}

int nwb_p9_path_symlink(struct nwb_p9 *c, const char *path, const char *target)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TSYMLINK};
	struct p9_sync s = {0};
	struct place p;
	int rc = place_get_dir(c, path, &p, &m.tsymlink.name);

	if (rc)
		return rc;
	m.tsymlink.fid = p.fid;
	m.tsymlink.target = nwb_p9_str(target);
	m.tsymlink.gid = c->uid;
	return place_end(&p, &m, &s);
}

int nwb_p9_path_link(struct nwb_p9 *c, const char *existing, const char *path)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TLINK};
	struct p9_sync s = {0};
	struct place file, p;
	int rc = place_get(c, existing, &file);

	if (rc)
		return rc;
	rc = place_get_dir(c, path, &p, &m.tlink.name);
	if (!rc && p.epoch != file.epoch)
		rc = -ECONNABORTED;
	m.tlink.dfid = p.fid;
	m.tlink.fid = file.fid;
	if (!rc)
		rc = place_end(&p, &m, &s);
	place_put(&file);
	return rc;
}

/* The server has not the better message: as the kernel does (fs/9p/vfs_inode.c,
 * v9fs_remove, v9fs_vfs_rename), from now on the older one. diod 1.0.24 is such
 * a server. */
static bool is_missing(struct nwb_p9 *c, int rc)
{
	if (rc == -EOPNOTSUPP || rc == -ENOSYS)
		c->has_no_at = true;
	return c->has_no_at;
}

static int unlink_at(struct nwb_p9 *c, const char *path, bool is_dir)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TUNLINKAT};
	struct p9_sync s = {0};
	struct place p;
	int rc = place_get_dir(c, path, &p, &m.tunlinkat.name);

	if (rc)
		return rc;
	m.tunlinkat.dirfid = p.fid;
	m.tunlinkat.flags = is_dir ? NWB_P9_DOTL_REMOVEDIR : 0;
	return place_end(&p, &m, &s);
}

int nwb_p9_path_unlink(struct nwb_p9 *c, const char *path, bool is_dir)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TREMOVE};
	struct p9_sync s = {0};
	struct place p;
	int rc = c->has_no_at ? -EOPNOTSUPP : unlink_at(c, path, is_dir);

	if (!is_missing(c, rc))
		return rc;
	rc = place_get(c, path, &p);
	if (rc)
		return rc;
	m.tremove.fid = p.fid;
	return place_rpc(&p, &m, &s);
}

static int rename_at(struct nwb_p9 *c, const char *from, const char *to)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TRENAMEAT};
	struct p9_sync s = {0};
	struct place p, q;
	int rc = place_get_dir(c, from, &p, &m.trenameat.oldname);

	if (rc)
		return rc;
	rc = place_get_dir(c, to, &q, &m.trenameat.newname);
	if (!rc && p.epoch != q.epoch)
		rc = -ECONNABORTED;
	m.trenameat.olddirfid = p.fid;
	m.trenameat.newdirfid = q.fid;
	if (!rc)
		rc = place_end(&q, &m, &s);
	place_put(&p);
	return rc;
}

int nwb_p9_path_rename(struct nwb_p9 *c, const char *from, const char *to)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TRENAME};
	struct p9_sync s = {0};
	struct place p, q;
	int rc = c->has_no_at ? -EOPNOTSUPP : rename_at(c, from, to);

	if (!is_missing(c, rc))
		return rc;
	rc = place_get(c, from, &p);
	if (rc)
		return rc;
	rc = place_get_dir(c, to, &q, &m.trename.name);
	if (!rc && p.epoch != q.epoch)
		rc = -ECONNABORTED;
	m.trename.fid = p.fid;
	m.trename.dfid = q.fid;
	if (!rc)
		rc = place_end(&q, &m, &s);
	place_put(&p);
	return rc;
}

ssize_t nwb_p9_path_readlink(struct nwb_p9 *c, const char *path, char *buf,
			     size_t size)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TREADLINK};
	struct p9_sync s = {.dst = buf};
	struct place p;
	int rc = place_get(c, path, &p);

	if (rc)
		return rc;
	nwb_assert(size);
	s.dst_len = (uint32_t)nwb_min(size - 1, (size_t)UINT16_MAX);
	m.treadlink.fid = p.fid;
	rc = place_end(&p, &m, &s);
	if (rc)
		return rc;
	buf[s.reply.rreadlink.target.len] = 0;
	return s.reply.rreadlink.target.len;
}

int nwb_p9_statfs(struct nwb_p9 *c, struct nwb_p9_statfs *ret_st)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TSTATFS};
	struct p9_sync s = {0};
	struct place p;
	int rc = place_get(c, "", &p);

	if (rc)
		return rc;
	m.tstatfs.fid = p.fid;
	rc = place_end(&p, &m, &s);
	if (!rc)
		*ret_st = s.reply.rstatfs;
	return rc;
}

/* --- directories ---------------------------------------------------------- */

/* One reply's worth. Return: entries, or -errno. */
static int give_entries(const uint8_t *data, uint32_t len, uint64_t *offset,
			nwb_p9_entry_fn fn, void *arg)
{
	struct nwb_p9_dirent d;
	size_t n;
	int nr = 0, rc;

	while (len) {
		rc = nwb_p9_dirent(data, len, &d, &n);
		if (!rc)
			rc = fn(arg, &d);
		if (rc)
			return rc;
		*offset = d.offset;
		data += n;
		len -= (uint32_t)n;
		nr++;
	}
	return nr;
}

static int read_entries(const struct place *p, uint8_t *buf, uint32_t size,
			nwb_p9_entry_fn fn, void *arg)
{
	uint64_t offset = 0;
	int rc;

	do {
		struct nwb_p9_msg m = {.type = NWB_P9_TREADDIR};
		struct p9_sync s = {.dst = buf, .dst_len = size};
		uint64_t was = offset;

		m.treaddir.fid = p->fid;
		m.treaddir.offset = offset;
		m.treaddir.count = size;
		rc = place_rpc(p, &m, &s);
		if (!rc)
			rc = give_entries(buf, s.reply.rreaddir.count, &offset,
					  fn, arg);
		/* a server that gives the same for ever */
		if (rc > 0 && offset == was)
			rc = -EPROTO;
	} while (rc > 0);
	return rc;
}

int nwb_p9_path_readdir(struct nwb_p9 *c, const char *path, nwb_p9_entry_fn fn,
			void *arg)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TLOPEN};
	struct p9_sync s = {0};
	struct place p;
	uint8_t *buf;
	uint32_t size;
	int rc = place_get(c, path, &p);

	if (rc)
		return rc;
	nwb_mutex_lock(&c->lock);
	size = c->stats.msize - NWB_P9_IOHDR;
	nwb_mutex_unlock(&c->lock);
	buf = nwb_alloc(size);
	m.tlopen.fid = p.fid;
	m.tlopen.flags = NWB_P9_DOTL_RDONLY | NWB_P9_DOTL_DIR;
	rc = buf ? place_rpc(&p, &m, &s) : -ENOMEM;
	if (!rc)
		rc = read_entries(&p, buf, size, fn, arg);
	place_put(&p);
	nwb_free(buf);
	return rc;
}
