/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reference client says of itself, put into the ledger: each issue of
 * a subrequest, each acknowledgement, each upload given up.
 */
#include "workloads_i.h"

#include "nwb/mem.h"
#include "nwb/netfs_fs.h"

struct nwb_ledger_tap {
	struct nwb_netfs_tap netfs;
	struct nwb_ledger *ledger;
};

static struct nwb_ledger *tap_ledger(struct nwb_netfs_tap *tap)
{
	return nwb_container_of(tap, struct nwb_ledger_tap, netfs)->ledger;
}

static uint16_t sreq_file(const struct nwb_io_subrequest *sreq)
{
	return (uint16_t)nwb_inode_id(nwb_rreq_inode(sreq->rreq));
}

static void tap_sent(struct nwb_netfs_tap *tap,
		     const struct nwb_io_subrequest *sreq)
{
	nwb_ledger_point(tap_ledger(tap),
			 &(struct nwb_lrec){
				 .kind = NWB_L_SENT,
				 .file = sreq_file(sreq),
				 .off = sreq->start + sreq->transferred,
				 .len = sreq->len - sreq->transferred,
				 .aux = sreq->retry_count,
			 });
}

static void tap_acked(struct nwb_netfs_tap *tap, uint32_t inode_id,
		      uint64_t start, uint64_t len, uint32_t instance)
{
	nwb_ledger_point(tap_ledger(tap), &(struct nwb_lrec){
						  .kind = NWB_L_ACKED,
						  .file = (uint16_t)inode_id,
						  .off = start,
						  .len = len,
						  .result = (int64_t)len,
						  .instance = instance,
					  });
}

static void tap_gaveup(struct nwb_netfs_tap *tap, uint32_t inode_id,
		       const struct nwb_io_subrequest *sreq, int error)
{
	nwb_ledger_point(tap_ledger(tap),
			 &(struct nwb_lrec){
				 .kind = NWB_L_GIVEUP,
				 .flags = sreq->is_refused ? NWB_LF_REFUSED : 0,
				 .file = (uint16_t)inode_id,
				 .off = sreq->start + sreq->transferred,
				 .len = sreq->len - sreq->transferred,
				 .result = error,
				 .status = sreq->wire_status,
				 .aux = sreq->retry_count + 1, /* attempts */
				 .len2 = sreq->unreachable_ns,
			 });
}

static void tap_flush_gaveup(struct nwb_netfs_tap *tap, uint32_t inode_id,
			     uint32_t attempts, uint64_t unreachable_ns,
			     bool is_refused, int error)
{
	nwb_ledger_point(tap_ledger(tap),
			 &(struct nwb_lrec){
				 .kind = NWB_L_GIVEUP,
				 .flags = is_refused ? NWB_LF_REFUSED : 0,
				 .file = (uint16_t)inode_id,
				 .result = error,
				 .aux = attempts,
				 .len2 = unreachable_ns,
			 });
}

struct nwb_ledger_tap *nwb_ledger_tap_new(struct nwb_ledger *l)
{
	struct nwb_ledger_tap *t = nwb_zalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->ledger = l;
	t->netfs.sent = tap_sent;
	t->netfs.acked = tap_acked;
	t->netfs.gaveup = tap_gaveup;
	t->netfs.flush_gaveup = tap_flush_gaveup;
	return t;
}

struct nwb_netfs_tap *nwb_ledger_tap_netfs(struct nwb_ledger_tap *t)
{
	return t ? &t->netfs : NULL;
}

void nwb_ledger_tap_free(struct nwb_ledger_tap *t)
{
	nwb_free(t);
}
