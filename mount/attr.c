/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests about attributes. A size is content: the shadow is told. */
#include "fuse_i.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static void do_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi nwb_unused)
{
	struct nwb_fuse *f = fuse_of(req);
	struct nwb_attr a;
	struct stat st;
	int rc = nwb_ns_getattr(f->mnt, mnode_of(f, ino)->node, &a, NULL);

	if (rc) {
		reply(req, rc);
		return;
	}
	to_stat(f, &a, &st);
	fuse_reply_attr(req, &st, attr_timeout());
}

static uint32_t what_to_set(const struct nwb_fuse *f, int to_set,
			    const struct stat *st, struct nwb_attr *a)
{
	static const struct {
		int from;
		uint32_t to;
	} map[] = {
		{FUSE_SET_ATTR_MODE, NWB_SET_MODE},
		{FUSE_SET_ATTR_UID, NWB_SET_UID},
		{FUSE_SET_ATTR_GID, NWB_SET_GID},
		{FUSE_SET_ATTR_SIZE, NWB_SET_SIZE},
		{FUSE_SET_ATTR_ATIME, NWB_SET_ATIME},
		{FUSE_SET_ATTR_MTIME, NWB_SET_MTIME},
		{FUSE_SET_ATTR_ATIME_NOW, NWB_SET_ATIME_NOW},
		{FUSE_SET_ATTR_MTIME_NOW, NWB_SET_MTIME_NOW},
	};
	uint32_t valid = 0;

	*a = (struct nwb_attr){
		.mode = st->st_mode & 07777,
		.uid = f->has_owner && st->st_uid == f->uid ? 0 : st->st_uid,
		.gid = f->has_owner && st->st_gid == f->gid ? 0 : st->st_gid,
		.size = (uint64_t)st->st_size,
		.atime = {st->st_atim.tv_sec, (uint32_t)st->st_atim.tv_nsec},
		.mtime = {st->st_mtim.tv_sec, (uint32_t)st->st_mtim.tv_nsec},
	};
	for (unsigned int i = 0; i < NWB_ARRAY_SIZE(map); i++)
		if (to_set & map[i].from)
			valid |= map[i].to;
	return valid;
}

static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		       int to_set, struct fuse_file_info *fi nwb_unused)
{
	struct nwb_fuse *f = fuse_of(req);
	struct mnode *mn = mnode_of(f, ino);
	struct nwb_attr want, a;
	uint32_t valid = what_to_set(f, to_set, attr, &want);
	struct nwb_snode *sn = valid & NWB_SET_SIZE ? mn->shadow : NULL;
	unsigned int token = 0;
	struct stat st;
	int rc;

	if ((valid & NWB_SET_SIZE) && want.size > NWB_SHADOW_FILE_MAX) {
		reply(req, -EFBIG);
		return;
	}
	if (sn)
		nwb_shadow_begin(f->shadow, sn, want.size, UINT64_MAX, &token);
	rc = nwb_ns_setattr(f->mnt, mn->node, valid, &want, &a, NULL);
	/* of several things some may have been done before one was refused */
	if (sn && rc)
		nwb_shadow_release(f->shadow, sn, token,
				   valid == NWB_SET_SIZE && is_known(rc));
	else if (sn)
		nwb_shadow_truncate(f->shadow, sn, token);
	if (rc) {
		reply(req, rc);
		return;
	}
	to_stat(f, &a, &st);
	fuse_reply_attr(req, &st, attr_timeout());
}

void fuse_attr_ops(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = do_getattr;
	ops->setattr = do_setattr;
}
