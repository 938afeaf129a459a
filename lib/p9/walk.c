/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths to fids. Fids are numbered upwards and never used twice on a
 * connection, so that one whose walk was cancelled (and may exist or not) is in
 * nobody's way.
 */
#include "p9_internal.h"

#define NAME_BYTES_MAX 255u
/* A Twalk of that many bytes of names fits in the smallest msize. */
#define WALK_BYTES_MAX 3072u

uint32_t nwb_p9_new_fid(struct nwb_p9 *c)
{
	uint32_t fid;

	nwb_mutex_lock(&c->lock);
	fid = c->next_fid++;
	nwb_mutex_unlock(&c->lock);
	return fid;
}

void nwb_p9_clunk(struct nwb_p9 *c, uint32_t epoch, uint32_t fid)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TCLUNK, .tclunk.fid = fid};
	struct p9_sync s = {0};
	int rc = nwb_p9_rpc(c, epoch, false, &m, &s);

	(void)rc; /* the fid is on its way out already */
}

/* As many elements of [@path, @end) as one Twalk takes. Return: where it
 * stopped, or NULL: a name is too long. */
static const char *take_names(const char *path, const char *end,
			      struct nwb_p9_msg *m)
{
	size_t bytes = 0;

	m->twalk.nwname = 0;
	while (path < end) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t n = (size_t)((slash ? slash : end) - path);

		if (n > NAME_BYTES_MAX)
			return NULL;
		if (n && !(n == 1 && *path == '.')) {
			if (m->twalk.nwname == NWB_P9_MAXWELEM ||
			    bytes + n > WALK_BYTES_MAX)
				break;
			m->twalk.wname[m->twalk.nwname++] =
				(struct nwb_p9_str){path, (uint16_t)n};
			bytes += n;
		}
		path += n + (slash != NULL);
	}
	return path;
}

/* One Twalk. Fewer qids than names: one is missing, or is no directory. */
static int walk_some(struct nwb_p9 *c, uint32_t epoch, struct nwb_p9_msg *m)
{
	struct p9_sync s = {0};
	unsigned int n;
	int rc = nwb_p9_rpc(c, epoch, false, m, &s);

	if (rc)
		return rc;
	n = s.reply.rwalk.nwqid;
	if (n > m->twalk.nwname)
		return -EPROTO;
	if (n == m->twalk.nwname)
		return 0;
	return n && !(s.reply.rwalk.wqid[n - 1].type & NWB_P9_QTDIR) ? -ENOTDIR
								     : -ENOENT;
}

int nwb_p9_walk(struct nwb_p9 *c, uint32_t epoch, const char *path, size_t len,
		uint32_t *ret_fid)
{
	struct nwb_p9_msg m = {.type = NWB_P9_TWALK};
	const char *end = path + len;
	uint32_t from = P9_ROOT_FID, fid = nwb_p9_new_fid(c);
	int rc;

	do {
		path = take_names(path, end, &m);
		if (!path) {
			rc = -ENAMETOOLONG;
			break;
		}
		m.twalk.fid = from;
		m.twalk.newfid = fid;
		rc = walk_some(c, epoch, &m);
		if (rc)
			break;
		from = fid; /* it exists; on in place */
	} while (path < end);
	if (!rc)
		*ret_fid = fid;
	else if (from == fid)
		nwb_p9_clunk(c, epoch, fid);
	return rc;
}

int nwb_p9_leaf(const char *path, struct nwb_p9_str *ret_leaf,
		size_t *ret_dir_len)
{
	const char *slash = strrchr(path, '/');
	const char *leaf = slash ? slash + 1 : path;
	size_t n = strlen(leaf);

	if (!n || (n == 1 && *leaf == '.'))
		return -EINVAL;
	if (n > NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	*ret_leaf = (struct nwb_p9_str){leaf, (uint16_t)n};
	*ret_dir_len = (size_t)(leaf - path);
	return 0;
}
