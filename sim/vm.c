/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What else a kernel does with a file, at any moment: start writeback, sync(2),
 * move its pages, take memory away, hear from the server what may be cached.
 * None of it may change what a read sees or what an fsync promises, so there is
 * little to check here.
 */
#include "sim_i.h"

#include <errno.h>

static struct nwb_inode *inode_of(const struct sim_task_state *t)
{
	return nwb_file_inode(t->handle);
}

/* T12: whoever was skipped has touched nothing, and it is counted. */
static void do_writepages(struct sim_task_state *t, const struct sim_op *op)
{
	struct nwb_netfs *nf = nwb_mount_netfs(t->w->mnt);
	uint64_t pos = t->w->plan.base + op->pos;
	struct nwb_writeback_control wbc = {
		.sync_mode = op->arg & 1 ? NWB_WB_SYNC_ALL : NWB_WB_SYNC_NONE,
		.range_cyclic = !(op->arg & 6),
		.range_start = op->arg & 8 ? pos : 0,
		.range_end = op->arg & 16 ? pos + op->len : UINT64_MAX,
		.nr_to_write = 1 + (op->arg >> 8) % 40,
	};
	int64_t had = wbc.nr_to_write;
	struct nwb_netfs_stats before, after;
	uint64_t n;

	nwb_netfs_get_stats(nf, &before);
	n = nwb_inode_writepages(inode_of(t), &wbc);
	nwb_netfs_get_stats(nf, &after);
	if (!wbc.was_skipped)
		return;
	if (n || wbc.nr_to_write != had || wbc.sync_mode == NWB_WB_SYNC_ALL)
		sim_fail(t->w, "T12",
			 "writeback was skipped, and %llu bytes "
			 "were taken",
			 (unsigned long long)n);
	if (before.wblock_skip == after.wblock_skip)
		sim_fail(t->w, "T12", "writeback was skipped uncounted");
}

static void do_migrate(struct sim_task_state *t, const struct sim_op *op)
{
	enum nwb_migrate_mode mode = (enum nwb_migrate_mode)(op->arg % 3);
	int rc =
		nwb_inode_migrate(inode_of(t), t->w->plan.base + op->pos, mode);

	sim_mix(&t->w->ev, op->pos, (uint64_t)rc);
}

static void do_offline(struct sim_task_state *t, const struct sim_op *op)
{
	uint64_t pos = t->w->plan.base + op->pos;
	int rc =
		nwb_inode_offline(inode_of(t), pos, pos + op->len, op->arg % 4);

	sim_mix(&t->w->ev, op->pos, (uint64_t)rc);
}

/* Somebody else on the machine needs memory for a while. */
static void do_hog(struct sim_task_state *t, const struct sim_op *op)
{
	struct sim_world *w = t->w;
	uint64_t bytes = 4096 * (1 + op->arg % (w->plan.budget_bytes / 4096));
	char text[200];
	int rc;

	if (!w->budget)
		return;
	rc = nwb_budget_charge(w->budget, bytes);
	sim_mix(&w->ev, bytes, (uint64_t)rc);
	if (rc)
		return;
	nwb_sleep_until(w->ex, nwb_now_ns(w->ex) + op->ns);
	(void)nwb_budget_stuck(w->budget, NWB_SEC, text, sizeof(text));
	if (op->arg & 0x40000000)
		nwb_budget_grow(w->budget, 4096);
	nwb_budget_uncharge(w->budget, bytes);
}

static void do_caching(struct sim_task_state *t, const struct sim_op *op)
{
	static const uint32_t grant[] = {NWB_MAY_READ | NWB_MAY_WRITE,
					 NWB_MAY_READ, 0};

	if (op->kind == SIM_GRANT)
		nwb_inode_set_caching(inode_of(t), grant[op->arg % 2]);
	else /* an error of an upload is told by fsync, too */
		(void)!nwb_inode_break(inode_of(t), grant[1 + op->arg % 2]);
}

/* O12: behind the end there is nothing. i_blocks is an estimate, but never more
 * than the size needs. */
static void do_far_read(struct sim_task_state *t, const struct sim_op *op)
{
	uint64_t far = (uint64_t)1 << (32 + op->arg % 31);
	uint64_t pos = nwb_max(far, t->w->plan.base + 2 * t->file->max);
	ssize_t n = nwb_file_read(t->handle, t->buf, op->len, pos);
	uint64_t blocks = nwb_inode_blocks(inode_of(t));
	uint64_t size = nwb_inode_size(inode_of(t));

	if (n > 0)
		sim_fail(t->w, "O12", "%s: a read at %llu returned %lld bytes",
			 t->file->name, (unsigned long long)pos, (long long)n);
	sim_mix(&t->w->ev, blocks, size);
}

/* Content is what it was, whatever is forgotten; the reads will say. */
static void do_invalidate(struct sim_task_state *t, const struct sim_op *op)
{
	uint64_t pos = t->w->plan.base + op->pos;
	uint64_t end = op->arg & 1 ? UINT64_MAX : pos + op->len;
	struct nwb_invalidated r = {0};
	int rc;

	if (op->kind == SIM_LAUNDER)
		rc = nwb_inode_invalidate_pages2(inode_of(t), pos, end, &r);
	else
		rc = nwb_inode_invalidate_range(
			inode_of(t), pos, end,
			op->arg & 6 ? NWB_INVAL_FLUSH : 0, &r);
	if (r.discarded_bytes)
		sim_fail(t->w, "T18", "%s: %llu dirty bytes were thrown away",
			 t->file->name, (unsigned long long)r.discarded_bytes);
	sim_mix(&t->w->ev, r.dropped, (uint64_t)rc);
}

bool sim_do_vm(struct sim_task_state *t, const struct sim_op *op)
{
	switch (op->kind) {
	case SIM_WRITEPAGES:
		do_writepages(t, op);
		break;
	case SIM_SYNC:
		nwb_netfs_sync(nwb_mount_netfs(t->w->mnt));
		break;
	case SIM_MIGRATE:
		do_migrate(t, op);
		break;
	case SIM_OFFLINE:
		do_offline(t, op);
		break;
	case SIM_HOG:
		do_hog(t, op);
		break;
	case SIM_GRANT:
	case SIM_BREAK:
		do_caching(t, op);
		break;
	case SIM_FAR_READ:
		do_far_read(t, op);
		break;
	case SIM_INVALIDATE:
	case SIM_LAUNDER:
		do_invalidate(t, op);
		break;
	default:
		return false;
	}
	return true;
}
