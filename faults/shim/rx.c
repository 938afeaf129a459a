/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What arrives: bytes to requests, and the cut before one is executed.
 *
 * A rule decides when the last byte of a request is here. The server is then
 * given what came before this request and nothing of it (or, if it has the
 * first part already, not the rest): a frame that never becomes whole is never
 * executed. Then the connection is reset.
 */
#include "shim_i.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CUTS                                                                   \
	(NWB_FC_DO_RST | NWB_FC_DO_FIN | NWB_FC_DO_KILL | NWB_FC_DO_RESTART |  \
	 NWB_FC_DO_KILL_CHILD)

static void count_request(uint16_t cmd, bool is_9p)
{
	sh_count(&sh.page->nr_requests);
	sh_count_op(NWB_OP_ANY);
	if (cmd == (is_9p ? P9_TWRITE : SMB_WRITE))
		sh_count_op(NWB_OP_WRITE);
	else if (cmd == (is_9p ? P9_TFSYNC : SMB_FLUSH))
		sh_count_op(NWB_OP_FLUSH);
	else if (cmd == (is_9p ? P9_TLCREATE : SMB_CREATE))
		sh_count_op(NWB_OP_CREATE);
	else if (cmd == (is_9p ? P9_TCLUNK : SMB_CLOSE))
		sh_count_op(NWB_OP_CLOSE);
	else if (cmd == (is_9p ? P9_TATTACH : SMB_SESSION_SETUP))
		sh_count_op(NWB_OP_CONNECT);
}

/* learn_name() - a 9P file is opened: somebody else's client may have one that
 * the ledger has no id for yet. (Not at its Twalk: a look around would fill the
 * table.) */
static void learn_name(struct sh_conn *c, const struct sh_pdu *p)
{
	struct sh_handle h;

	if (!sh.ledger || !sh.ledger->hdr->learns || !p->has_fid)
		return;
	if (p->cmd == P9_TLCREATE)
		nwb_ledger_learn_file(sh.ledger, p->name);
	if (p->cmd != P9_TLOPEN || !sh_handle_find(c, p->fid, &h) || h.file)
		return;
	if (nwb_ledger_learn_file(sh.ledger, h.name))
		sh_handle_set(c, p->fid, h.name);
}

/* learn_handle() - what a 9P request says about fids; SMB learns from the
 * reply to CREATE. */
static void learn_handle(struct sh_conn *c, const struct sh_pdu *p)
{
	struct sh_handle h;

	if (c->proto != NWB_FC_9P)
		return;
	learn_name(c, p);
	if (p->cmd == P9_TLCREATE && p->has_fid) {
		sh_handle_set(c, p->fid, p->name);
	} else if (p->cmd == P9_TWALK && p->has_fid) {
		if (!sh_handle_find(c, p->fid, &h))
			h.name[0] = '\0';
		sh_handle_set(c, p->newfid, p->name[0] ? p->name : h.name);
	}
}

/* describe() - the event that a request is.
 * @h: what its handle is; lives as long as @ev */
static void describe(struct sh_conn *c, const struct sh_pdu *p,
		     struct sh_handle *h, struct sh_ev *ev)
{
	bool has_handle = p->has_fid && sh_handle_find(c, p->fid, h);

	*ev = (struct sh_ev){
		.ev = NWB_FC_EV_REQUEST,
		.cmd = p->cmd,
		.file = has_handle ? h->file : 0,
		.has_extent = p->has_extent,
		.is_attached = c->is_attached,
		.is_first = c->nr_setups == 0,
		.conn = c->port,
		.mid = p->mid,
		.off = p->off,
		.len = p->len,
		.credits = c->balance,
		.inflight = c->nr_open,
	};
	ev->name = has_handle ? h->name : p->name[0] ? p->name : NULL;
	if (!has_handle && p->name[0] && sh.ledger)
		ev->file = p->cmd == SMB_CREATE && c->proto == NWB_FC_SMB
				   ? nwb_ledger_learn_file(sh.ledger, p->name)
				   : nwb_ledger_find_file(sh.ledger, p->name);
}

static void record(const struct sh_conn *c, const struct sh_pdu *p,
		   const struct sh_ev *ev)
{
	sh_rec_point(&(struct nwb_lrec){
		.kind = NWB_L_PDU_REQ,
		.flags = (uint16_t)((c->proto == NWB_FC_9P ? NWB_LF_9P : 0) |
				    (p->is_signed ? NWB_LF_SIGNED : 0)),
		.cmd = p->cmd,
		.mid = p->mid,
		.off = p->off,
		.len = p->len,
		.charge = p->charge,
		.grant = p->credits,
		.aux = p->newfid, /* Twalk: the new fid; Tflush: oldtag */
		.file = ev->file,
		.fid = (uint32_t)p->fid,
		.conn = c->port,
		.instance = sh_instance(),
	});
}

/* account() - credits that the request consumes ([MS-SMB2] 3.3.5.2.3). */
static void account(struct sh_conn *c, const struct sh_pdu *p)
{
	uint32_t charge = p->charge ? p->charge : 1;
	uint64_t least = atomic_load(&sh.page->min_balance_p1);

	if (c->proto != NWB_FC_SMB || p->cmd == SMB_CANCEL)
		return;
	c->balance -= charge;
	c->need_charge = nwb_max(c->need_charge, charge);
	if (c->is_attached && (!least || c->balance + 1 < (int64_t)least))
		atomic_store(&sh.page->min_balance_p1,
			     (uint64_t)nwb_max(c->balance, (int64_t)0) + 1);
}

/* wants_reply() - is the request one that is answered under its own id? */
static bool wants_reply(const struct sh_conn *c, const struct sh_pdu *p)
{
	return c->proto == NWB_FC_9P || p->cmd != SMB_CANCEL;
}

uint16_t sh_request(struct sh_conn *c, const struct sh_pdu *p)
{
	struct sh_take take = {0};
	struct sh_handle h;
	struct sh_req *r;
	struct sh_ev ev;

	learn_handle(c, p);
	describe(c, p, &h, &ev);
	if (sh_wants(NWB_FC_EV_REQUEST))
		sh_rules_eval(&ev, &take);
	sh_rules_hit(take.rules_before, &ev);
	if (take.before & CUTS)
		return take.before;
	if (p->cmd == (c->proto == NWB_FC_9P ? P9_TATTACH : SMB_SESSION_SETUP))
		c->nr_setups++;
	count_request(p->cmd, c->proto == NWB_FC_9P);
	account(c, p);
	record(c, p, &ev);
	if (!wants_reply(c, p))
		return 0;
	r = sh_req_add(c, p);
	if (r) {
		r->file = ev.file;
		r->payload = c->rx.payload;
		r->take = take;
		if (ev.name)
			snprintf(r->name, sizeof(r->name), "%s", ev.name);
	}
	return 0;
}

/* frame() - a whole frame stands in c->rx; with c->lock. */
static uint16_t frame(struct sh_conn *c)
{
	const uint8_t *at = c->rx.head;
	size_t len = c->rx.have;
	struct sh_pdu p;
	uint16_t cut;

	if (c->proto == NWB_FC_9P) {
		if (sh_p9_decode(at, len, &p) && !p.is_reply)
			return sh_request(c, &p);
		sh_count(&sh.page->nr_unparsed);
		return 0;
	}
	if (at[0] == 0x85)
		return 0;
	at += 4;
	len -= 4;
	if (sh_is_sealed(at, len)) {
		sh_sealed_arrived(c);
		return 0;
	}
	for (;;) {
		if (!sh_smb_decode(at, len, &p) || p.is_reply) {
			sh_count(&sh.page->nr_unparsed);
			return 0;
		}
		cut = sh_request(c, &p);
		if (cut || !p.next)
			return cut;
		if (p.next >= len) {
			sh_count(&sh.page->nr_unparsed);
			return 0;
		}
		at += p.next;
		len -= p.next;
		c->rx.payload = 0; /* the first one's */
	}
}

/*
 * scan() - feed all that arrived.
 * @ret_keep: with a cut, the bytes in front of the frame that is cut
 */
static uint16_t scan(struct sh_conn *c, const struct iovec *iov, int nr_iov,
		     size_t n, size_t *ret_keep)
{
	size_t at = 0, start = 0;
	uint16_t cut = 0;

	for (int i = 0; i < nr_iov && at < n && !cut; i++) {
		const uint8_t *p = iov[i].iov_base;
		size_t left = nwb_min(iov[i].iov_len, n - at);

		while (left && !cut) {
			enum sh_frame_state st;
			size_t used;

			st = sh_frame_feed(&c->rx, c->proto, p, left, &used);
			p += used;
			left -= used;
			at += used;
			if (st == SH_FRAME_BROKEN) {
				c->rx_broken = true;
				sh_count(&sh.page->nr_unparsed);
				return 0;
			}
			if (st == SH_FRAME_MORE)
				continue;
			cut = frame(c);
			*ret_keep = start;
			sh_frame_reset(&c->rx);
			start = at;
		}
	}
	return cut;
}

static ssize_t cut_result(const struct sh_conn *c)
{
	if (atomic_load(&c->cut) == SH_CUT_FIN)
		return 0;
	errno = ECONNRESET;
	return -1;
}

/* guess_proto() - SMB begins with the NBT type 0; the size of a Tversion does
 * not end in a zero byte. */
static void guess_proto(struct sh_conn *c, const struct iovec *iov, int nr_iov)
{
	for (int i = 0; i < nr_iov; i++) {
		if (!iov[i].iov_len)
			continue;
		c->proto = *(const uint8_t *)iov[i].iov_base ? NWB_FC_9P
							     : NWB_FC_SMB;
		return;
	}
}

ssize_t sh_rx(struct sh_conn *c, const struct iovec *iov, int nr_iov, ssize_t n)
{
	size_t keep = 0;
	uint16_t cut = 0;

	if (atomic_load(&c->cut))
		return cut_result(c);
	atomic_store(&c->is_active, true);
	if (n <= 0) {
		int keep_errno = errno;

		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			sh_conn_down(c);
		errno = keep_errno;
		return n;
	}
	pthread_mutex_lock(&c->lock);
	if (c->proto == NWB_FC_AUTO)
		guess_proto(c, iov, nr_iov);
	if (!c->rx_broken)
		cut = scan(c, iov, nr_iov, (size_t)n, &keep);
	pthread_mutex_unlock(&c->lock);
	if (!cut)
		return n;
	sh_die(cut);
	sh_conn_cut(c, cut & NWB_FC_DO_FIN ? SH_CUT_FIN : SH_CUT_RST);
	return keep ? (ssize_t)keep : cut_result(c);
}
