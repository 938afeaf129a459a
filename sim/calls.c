/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What else a program, or a filesystem, asks for. As in vm.c nothing here may
 * change what a read sees or what an fsync promises.
 */
#include "sim_i.h"

#include <errno.h>

static void do_sync_range(struct sim_task_state *t, const struct sim_op *op)
{
	struct sim_events *e = &t->w->ev;
	uint64_t len = op->arg & 8 ? 0 : op->len;
	uint64_t i = sim_begin(e, &(struct nwb_lrec){.kind = NWB_L_FSYNC,
						     .file = t->file->id,
						     .fd = t->fd});
	int rc = nwb_file_sync_range(t->handle, t->w->plan.base + op->pos, len,
				     op->arg % 8);

	sim_mix(&t->w->ev, op->pos, (uint64_t)rc);
	/* an error is told once, and this was the time; 0 promises nothing */
	if (!rc && i != SIM_NO_REC)
		e->rec[i].kind = NWB_L_HEARTBEAT;
	sim_end(e, i, rc);
	if (rc)
		sim_told(t);
}

static void do_readahead(struct sim_task_state *t, const struct sim_op *op)
{
	nwb_file_readahead(t->handle, t->w->plan.base + op->pos,
			   op->arg & 1 ? UINT64_MAX : op->len);
}

/* ->release_folio(): who has the lock of a folio can take no other. */
static void do_lock_folio(struct sim_task_state *t, const struct sim_op *op)
{
	struct nwb_inode *inode = nwb_file_inode(t->handle);
	uint64_t pos = t->w->plan.base + op->pos;
	int rc = nwb_inode_lock_folio(inode, pos);

	sim_mix(&t->w->ev, op->pos, (uint64_t)rc);
	if (rc)
		return;
	if (nwb_inode_invalidate_range(inode, 0, UINT64_MAX,
				       NWB_INVAL_FOLIO_LOCKED,
				       NULL) != -EDEADLK)
		sim_fail(t->w, "REFUSED",
			 "%s is invalidated by who has locked a folio",
			 t->file->name);
	nwb_sleep_until(t->w->ex, nwb_now_ns(t->w->ex) + op->ns);
	nwb_inode_unlock_folio(inode, pos);
}

void sim_do_call(struct sim_task_state *t, const struct sim_op *op)
{
	switch (op->kind) {
	case SIM_SYNC_RANGE:
		do_sync_range(t, op);
		break;
	case SIM_READAHEAD:
		do_readahead(t, op);
		break;
	case SIM_LOCK_FOLIO:
		do_lock_folio(t, op);
		break;
	case SIM_BLOB:
		sim_do_blob(t, op);
		break;
	case SIM_REFUSED:
		sim_do_refused(t, op);
		break;
	default:
		break;
	}
}
