/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leaves: replies, what rules do to them, and credits.
 *
 *	server: sendmsg ─► decide (once a PDU) ─┬─ pass ──► socket
 *	                                        ├─ hold, dup ─► queue ─► socket
 *	                                        ├─ drop
 *	                                        └─ cut
 *
 * Both servers hand over one PDU a call. When the kernel takes a part of it,
 * the server comes again with the rest; the decision is kept until then. While
 * the queue is in the middle of a PDU, what the server sends queues up behind
 * it, so that PDUs are never mixed.
 *
 * Credits (3.3.1.1 and 3.3.1.2 of [MS-SMB2]; the recipe is our own): grants
 * are only lowered, and what was withheld is remembered. With a client that is
 * left with less than it needs for its next request and with nothing else
 * open, nothing could ever bring credits again; so the last open reply is held
 * a little and carries all of them.
 */
#include "shim_i.h"

#include <errno.h>
#include <string.h>

#define CUTS                                                                   \
	(NWB_FC_DO_RST | NWB_FC_DO_FIN | NWB_FC_DO_KILL | NWB_FC_DO_RESTART |  \
	 NWB_FC_DO_KILL_CHILD)
#define CREDITS_AT 14u

static size_t iov_total(const struct iovec *iov, int nr)
{
	size_t n = 0;

	for (int i = 0; i < nr; i++)
		n += iov[i].iov_len;
	return n;
}

static size_t gather(const struct iovec *iov, int nr, uint8_t *dst, size_t max)
{
	size_t n = 0;

	for (int i = 0; i < nr && n < max; i++) {
		size_t k = nwb_min(iov[i].iov_len, max - n);

		memcpy(dst + n, iov[i].iov_base, k);
		n += k;
	}
	return n;
}

/* poke() - write into the server's own bytes, which may lie in pieces. */
static void poke(struct iovec *iov, int nr, size_t at, const uint8_t *src,
		 size_t n)
{
	for (int i = 0; i < nr && n; i++) {
		size_t k;

		if (at >= iov[i].iov_len) {
			at -= iov[i].iov_len;
			continue;
		}
		k = nwb_min(n, iov[i].iov_len - at);
		memcpy((uint8_t *)iov[i].iov_base + at, src, k);
		src += k;
		n -= k;
		at = 0;
	}
}

/* --- credits --- */

static void grant_event(const struct sh_conn *c, const struct sh_req *r,
			const struct sh_pdu *p, struct sh_ev *ev)
{
	*ev = (struct sh_ev){
		.ev = NWB_FC_EV_GRANT,
		.cmd = p->cmd,
		.file = r->file,
		.has_extent = r->has_extent,
		.is_attached = c->is_attached,
		.status = p->status,
		.inflight = c->nr_open,
		.conn = c->port,
		.grant = p->credits,
		.credits = c->balance,
		.mid = p->mid,
		.off = r->off,
		.len = r->len,
		.name = r->name[0] ? r->name : NULL,
	};
}

static uint16_t give_back(struct sh_conn *c, uint16_t credits)
{
	uint64_t room = 0xffffu - credits;
	uint64_t n = nwb_min(c->withheld, room);

	c->withheld -= n;
	if (n)
		atomic_fetch_add(&sh.page->credits_returned, n);
	return (uint16_t)(credits + n);
}

uint16_t sh_grant(struct sh_conn *c, struct sh_req *r, const struct sh_pdu *p)
{
	struct sh_take take = {0};
	uint16_t credits = p->credits;
	struct sh_ev ev;

	r->grant_done = true;
	if (p->credits)
		sh_count_op(NWB_OP_GRANT);
	grant_event(c, r, p, &ev);
	if (sh_wants(NWB_FC_EV_GRANT))
		sh_rules_eval(&ev, &take);
	if (take.before & NWB_FC_DO_GRANT || take.after & NWB_FC_DO_GRANT) {
		sh_rules_hit(take.rules_before | take.rules_after, &ev);
		credits = (uint16_t)nwb_min(take.grant, (uint32_t)p->credits);
		c->withheld += p->credits - credits;
		atomic_fetch_add(&sh.page->credits_withheld,
				 (uint64_t)(p->credits - credits));
	} else if (c->withheld &&
		   !(sh_wants(NWB_FC_EV_GRANT) && sh_grant_in_force(&ev))) {
		return give_back(c, credits);
	}
	if (c->withheld && !p->is_interim && c->nr_open == 1 &&
	    c->balance + credits < (int64_t)c->need_charge) {
		sh_count(&sh.page->nr_relief);
		r->hold_ns = SH_RELIEF_NS;
		credits = give_back(c, credits);
	}
	return credits;
}

bool sh_credits_before(const void *key, uint8_t *hdr)
{
	struct sh_req *r = NULL;
	struct sh_conn *c;
	struct sh_pdu p;
	uint16_t credits;

	if (!sh_smb_decode(hdr, 64, &p))
		return false;
	c = p.is_reply ? sh_conn_signing(key, &p, &r) : NULL;
	if (!c)
		return true;
	if (!r->grant_done) {
		credits = sh_grant(c, r, &p);
		hdr[CREDITS_AT] = (uint8_t)credits;
		hdr[CREDITS_AT + 1] = (uint8_t)(credits >> 8);
	}
	pthread_mutex_unlock(&c->lock);
	return true;
}

void sh_sign(const void *key, uint8_t *hdr, size_t len)
{
	sh_count(&sh.page->nr_sign_calls);
	atomic_store(&sh.page->sign, len >= 64 && sh_credits_before(key, hdr)
					     ? NWB_FC_SIGN_OK
					     : NWB_FC_SIGN_SHAPE);
}

/* --- one reply --- */

struct reply {
	struct sh_conn *c;
	struct iovec *iov;
	int nr_iov;
	bool is_sealed;	     /* encrypted: nothing can be changed any more */
	struct sh_take take; /* of all PDUs of the frame */
	uint64_t hold_ns;    /* by the famine */
	uint32_t credits;
};

/* rewrite_credits() - of a reply that is not signed, in place. */
static void rewrite_credits(struct reply *rp, size_t at, struct sh_req *r,
			    struct sh_pdu *p)
{
	uint16_t credits;
	uint8_t raw[2];

	if (p->is_signed) {
		/* Signed without the hook: a rewrite would break it. */
		uint32_t none = NWB_FC_SIGN_UNKNOWN;

		if (!r->grant_done && sh_wants(NWB_FC_EV_GRANT))
			atomic_compare_exchange_strong(&sh.page->sign, &none,
						       NWB_FC_SIGN_BYPASSED);
		return;
	}
	if (r->grant_done || rp->is_sealed)
		return;
	credits = sh_grant(rp->c, r, p);
	if (credits == p->credits)
		return;
	raw[0] = (uint8_t)credits;
	raw[1] = (uint8_t)(credits >> 8);
	poke(rp->iov, rp->nr_iov, at + CREDITS_AT, raw, 2);
	p->credits = credits;
}

/* forget() - Rflush: @tag, if still open, will not be answered. */
static void forget(struct sh_conn *c, uint64_t tag)
{
	struct sh_req *old = sh_req_find(c, tag);

	if (old)
		sh_req_del(c, old);
}

/* learn() - what a reply says about the connection and its handles. */
static void learn(struct sh_conn *c, const struct sh_req *r,
		  const struct sh_pdu *p)
{
	bool ok = !p->status;

	if (c->proto == NWB_FC_9P) {
		if (r->cmd == P9_TATTACH && ok)
			c->is_attached = true;
		else if (r->cmd == P9_TCLUNK || r->cmd == P9_TREMOVE)
			sh_handle_del(c, r->fid);
		else if (r->cmd == P9_TFLUSH)
			forget(c, r->newfid);
		return;
	}
	if (r->cmd == SMB_TREE_CONNECT && ok)
		c->is_attached = true;
	else if (r->cmd == SMB_SESSION_SETUP && ok && r->is_binding)
		c->is_attached = true; /* the session has its tree */
	else if (r->cmd == SMB_CREATE && ok && p->has_fid)
		sh_handle_set(c, p->fid, r->name);
	else if (r->cmd == SMB_CLOSE && ok)
		sh_handle_del(c, r->fid);
}

static void reply_event(const struct sh_conn *c, const struct sh_req *r,
			const struct sh_pdu *p, struct sh_ev *ev)
{
	grant_event(c, r, p, ev);
	ev->ev = NWB_FC_EV_REPLY;
	ev->is_interim = p->is_interim;
	ev->cmd = r->cmd;
}

/* merge_after() - the request's own rules first, then those of replies. */
static void merge_after(struct reply *rp, const struct sh_req *r,
			const struct sh_pdu *p)
{
	struct sh_take more = {0};
	struct sh_ev ev;

	reply_event(rp->c, r, p, &ev);
	if (sh_wants(NWB_FC_EV_REPLY))
		sh_rules_eval(&ev, &more);
	more.after |= more.before;
	more.rules_after |= more.rules_before;
	if (!p->is_interim && r->take.rules_after &&
	    !atomic_load(&sh.page->healed)) {
		more.after |= r->take.after;
		more.rules_after |= r->take.rules_after;
		more.hold_ns = nwb_max(more.hold_ns, r->take.hold_ns);
	}
	if (!more.rules_after)
		return;
	sh_rules_hit(more.rules_after, &ev);
	rp->take.after |= more.after;
	rp->take.rules_after |= more.rules_after;
	rp->take.hold_ns = nwb_max(rp->take.hold_ns, more.hold_ns);
}

static void make_record(struct reply *rp, const struct sh_req *r,
			const struct sh_pdu *p)
{
	struct sh_out *o = &rp->c->tx_out;
	bool is_9p = rp->c->proto == NWB_FC_9P;

	if (!sh.ledger || o->nr == SH_COMPOUND)
		return;
	o->rec[o->nr] = NULL;
	o->proto[o->nr++] = (struct nwb_lrec){
		.kind = NWB_L_PDU_REPLY,
		.flags = (uint16_t)((is_9p ? NWB_LF_9P : 0) |
				    (p->is_interim ? NWB_LF_INTERIM : 0) |
				    (p->is_signed ? NWB_LF_SIGNED : 0)),
		.cmd = p->type,
		.mid = p->mid,
		.off = r ? r->off : 0,
		.len = p->msize ? p->msize
		       : r	? r->len
				: 0,
		.file = r ? r->file : 0,
		.fid = r ? (uint32_t)r->fid : 0,
		.result = (int64_t)p->count,
		.status = p->status,
		.grant = p->credits,
		.conn = rp->c->port,
		.instance = sh_instance(),
	};
}

static bool is_write(const struct sh_conn *c, const struct sh_req *r)
{
	return r->cmd == (c->proto == NWB_FC_9P ? P9_TWRITE : SMB_WRITE);
}

/* one_reply() - decide about the PDU at frame offset @at; with c->lock. */
static void one_reply(struct reply *rp, size_t at, struct sh_pdu *p)
{
	struct sh_conn *c = rp->c;
	struct sh_req *r = sh_req_find(c, p->mid);

	sh_count(&sh.page->nr_replies);
	sh_count_op(NWB_OP_REPLY);
	if (p->is_signed)
		sh_count(&sh.page->nr_signed);
	if (p->is_interim)
		sh_count(&sh.page->nr_interim);
	if (r && c->proto == NWB_FC_SMB)
		rewrite_credits(rp, at, r, p);
	c->balance += p->credits;
	rp->credits += p->credits;
	make_record(rp, r, p);
	if (!r)
		return;
	if (r->file && p->count && !p->status && is_write(c, r))
		sh_count(&sh.page->nr_written);
	rp->hold_ns = nwb_max(rp->hold_ns, r->hold_ns);
	merge_after(rp, r, p);
	learn(c, r, p);
	r->grant_done = false;
	if (!p->is_interim)
		sh_req_del(c, r);
}

static void decide_smb(struct reply *rp, const uint8_t *head, size_t have)
{
	uint8_t plain[SH_HEAD];
	size_t at = 4;
	struct sh_pdu p;

	if (head[0] == 0x85)
		return;
	if (have >= 4 + 52 && sh_is_sealed(head + 4, have - 4)) {
		have = 4 + sh_sealed_take(head + 4, plain + 4);
		if (have == 4) {
			sh_count(&sh.page->nr_encrypted);
			return;
		}
		rp->is_sealed = true;
		head = plain;
	}
	while (at < have && sh_smb_decode(head + at, have - at, &p)) {
		if (!p.is_reply)
			return;
		one_reply(rp, at, &p);
		if (!p.next)
			return;
		at += p.next;
	}
	/* An SMB1 negotiate reply, or a compound beyond what was looked at. */
	sh_count(&sh.page->nr_unparsed);
}

/* decide() - look at the frame that @iov begins with. */
static void decide(struct sh_conn *c, struct iovec *iov, int nr_iov,
		   const uint8_t *head, size_t have)
{
	struct reply rp = {.c = c, .iov = iov, .nr_iov = nr_iov};
	struct sh_pdu p;

	c->tx_out.nr = 0;
	pthread_mutex_lock(&c->lock);
	if (c->proto == NWB_FC_SMB)
		decide_smb(&rp, head, have);
	else if (sh_p9_decode(head, have, &p) && p.is_reply)
		one_reply(&rp, 0, &p);
	else
		sh_count(&sh.page->nr_unparsed);
	pthread_mutex_unlock(&c->lock);
	c->tx_take = rp.take;
	c->tx_take.hold_ns = nwb_max(rp.take.hold_ns, rp.hold_ns);
	c->tx_credits = rp.credits;
	c->tx_decided = true;
}

void sh_out_begin(struct sh_out *o)
{
	for (unsigned int i = 0; i < o->nr; i++)
		if (!o->rec[i])
			o->rec[i] = sh_rec_begin(&o->proto[i]);
}

void sh_out_end(struct sh_out *o)
{
	for (unsigned int i = 0; i < o->nr; i++) {
		sh_rec_end(o->rec[i]);
		o->rec[i] = NULL;
	}
	o->nr = 0;
}

static void enqueue(struct sh_conn *c, const struct iovec *iov, int nr_iov,
		    size_t len, uint64_t due, uint16_t flags)
{
	struct sh_out out = c->tx_out;

	/* The copy is recorded for itself; the first one may have been begun
	 * when the socket was full. */
	for (unsigned int i = 0; i < out.nr && flags; i++) {
		out.rec[i] = NULL;
		out.proto[i].flags |= flags;
	}
	if (sh_queue_add(c, iov, nr_iov, len, due, &out))
		sh_count(&sh.page->nomem);
}

/* pass() - let the server send it now; the rest is remembered. */
static ssize_t pass(struct sh_conn *c, struct iovec *iov, int nr_iov,
		    size_t len, sh_send_fn send, void *arg)
{
	ssize_t n;

	sh_out_begin(&c->tx_out);
	n = send(arg, iov, nr_iov);
	if (n <= 0)
		return n;
	if ((size_t)n < len) {
		c->tx_need = len - (size_t)n;
		return n;
	}
	sh_out_end(&c->tx_out);
	c->tx_decided = false;
	return n;
}

/* act() - do what was decided about a whole PDU of @len bytes. */
static ssize_t act(struct sh_conn *c, struct iovec *iov, int nr_iov, size_t len,
		   sh_send_fn send, void *arg)
{
	struct sh_take *t = &c->tx_take;
	uint64_t now = sh.ops->now();

	if (t->after & (CUTS | NWB_FC_DO_DROP)) {
		sh_die(t->after);
		sh_count(&sh.page->nr_dropped);
		pthread_mutex_lock(&c->lock);
		c->balance -= c->tx_credits; /* they never arrive */
		pthread_mutex_unlock(&c->lock);
		c->tx_decided = false;
		if (t->after & CUTS)
			sh_conn_cut(c, t->after & NWB_FC_DO_FIN ? SH_CUT_FIN
								: SH_CUT_RST);
		return (ssize_t)len;
	}
	if (t->hold_ns || c->partial) {
		if (t->hold_ns)
			sh_count(&sh.page->nr_held);
		enqueue(c, iov, nr_iov, len, now + t->hold_ns, 0);
		if (t->after & NWB_FC_DO_DUP)
			enqueue(c, iov, nr_iov, len, now + t->hold_ns,
				NWB_LF_DUP);
		c->tx_decided = false;
		return (ssize_t)len;
	}
	if (!(t->after & NWB_FC_DO_DUP))
		return pass(c, iov, nr_iov, len, send, arg);
	enqueue(c, iov, nr_iov, len, now, 0);
	enqueue(c, iov, nr_iov, len, now, NWB_LF_DUP);
	c->tx_decided = false;
	return (ssize_t)len;
}

/* rest() - the server goes on with a PDU of which a part has left. */
static ssize_t rest(struct sh_conn *c, struct iovec *iov, int nr_iov,
		    sh_send_fn send, void *arg)
{
	ssize_t n = send(arg, iov, nr_iov);

	if (n <= 0)
		return n;
	if ((uint64_t)n >= c->tx_need) {
		c->tx_need = 0;
		c->tx_decided = false;
		sh_out_end(&c->tx_out);
	} else {
		c->tx_need -= (uint64_t)n;
	}
	return n;
}

/* clip() - cut @iov to @len bytes; returns the number of segments. */
static int clip(struct iovec *iov, int nr_iov, size_t len)
{
	for (int i = 0; i < nr_iov; i++) {
		if (iov[i].iov_len >= len) {
			iov[i].iov_len = len;
			return i + 1;
		}
		len -= iov[i].iov_len;
	}
	return nr_iov;
}

/* send_frame() - @iov begins at a frame; with c->tx_lock. */
static ssize_t send_frame(struct sh_conn *c, struct iovec *iov, int nr_iov,
			  sh_send_fn send, void *arg)
{
	size_t total = iov_total(iov, nr_iov), have;
	uint8_t head[SH_HEAD];
	uint64_t len = 0;

	have = gather(iov, nr_iov, head, 4 + 160);
	if (have >= 4)
		len = sh_frame_len(head, c->proto);
	if (!len) {
		c->tx_broken = true;
		sh_count(&sh.page->nr_unparsed);
		return send(arg, iov, nr_iov);
	}
	if (have >= 4 + 24 && c->proto == NWB_FC_SMB &&
	    (head[24] | head[25] | head[26] | head[27]))
		have = gather(iov, nr_iov, head, sizeof(head));
	/* Two frames in one call: the server comes again for the second. */
	if (len < total)
		nr_iov = clip(iov, nr_iov, (size_t)len);
	if (!c->tx_decided)
		decide(c, iov, nr_iov, head, (size_t)nwb_min(have, len));
	if (len > total) {
		/* A PDU in pieces cannot be held or dropped as a whole. */
		ssize_t n;

		sh_count(&sh.page->nr_unparsed);
		sh_out_begin(&c->tx_out);
		n = send(arg, iov, nr_iov);
		if (n > 0)
			c->tx_need = len - (uint64_t)n;
		return n;
	}
	return act(c, iov, nr_iov, (size_t)len, send, arg);
}

ssize_t sh_tx(struct sh_conn *c, struct iovec *iov, int nr_iov, sh_send_fn send,
	      void *arg)
{
	ssize_t n;

	pthread_mutex_lock(&c->tx_lock);
	if (atomic_load(&c->cut)) {
		errno = EPIPE;
		n = -1;
	} else if (c->tx_broken) {
		n = send(arg, iov, nr_iov);
	} else if (c->tx_need) {
		n = rest(c, iov, nr_iov, send, arg);
	} else {
		n = send_frame(c, iov, nr_iov, send, arg);
	}
	pthread_mutex_unlock(&c->tx_lock);
	return n;
}
