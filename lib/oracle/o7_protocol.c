/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O7, protocol ledger; runs on anybody's client.
 *
 * SMB2, each connection for itself, nothing of an old one counted ([MS-SMB2]
 * 3.2.4.1.2, 3.2.5.1, 3.3.1.1): a client starts with one credit and MessageId
 * 0. Grants count when their bytes leave the shim's queue, interim ones too,
 * injected copies never. Each request but CANCEL takes max(1, CreditCharge)
 * credits, and what is available is never below zero (CREDITS), so with zero
 * credits nothing is sent. The charge of a READ or WRITE is at least
 * max(1, ceil(len / 65536)) (CHARGE). A request takes as many consecutive
 * MessageIds as credits, inside the window that the grants have opened (WINDOW)
 * and never used before (MID-REUSED).
 *
 * 9P2000.L: a tag is not used again before the answer to its request (TAG), nor
 * after a Tflush of it before the Rflush (TAG-FLUSH); no Twrite on a fid that
 * no Tattach or Twalk made (FID), and none after the Tclunk or Tremove of it
 * (CLUNKED); the count of a Twrite is at most
 * msize - 24 (MSIZE; msize is len of the Rversion).
 *
 * Order. The shim draws the begin of a request when it was read and the begin
 * of a reply before it is sent, so a client that knew of the reply when it sent
 * the request makes reply.begin < request.begin; in that order they are
 * replayed. A reply that may have left counts as having left.
 */
#include "judge_i.h"

#include <stdlib.h>

#define NOTAG	  0xffffu
#define P9_HEADER 24u /* P9_IOHDRSZ */

/* A connection's first violation of each kind; what follows is its echo. */
struct proto {
	struct judge *J;
	const struct jconn *c;
	const char *told[8];
	unsigned int nr_told;
};

static void blame(struct proto *p, const char *kind, const struct jpdu *pdu,
		  const char *text, uint64_t have, uint64_t want)
{
	struct nwb_finding f = {
		.oracle = 7,
		.verdict = NWB_FAIL,
		.kind = kind,
		.file = pdu->r->file,
		.off = pdu->r->off,
		.len = pdu->r->len,
		.rec_a = pdu->s.slot,
		.rec_b = NO_SLOT,
	};

	for (unsigned int i = 0; i < p->nr_told; i++)
		if (p->told[i] == kind)
			return;
	if (p->nr_told < NWB_ARRAY_SIZE(p->told))
		p->told[p->nr_told++] = kind;
	nwb_j_found(p->J, &f, "port %u, id %llu: %s (%lld of %llu)", p->c->port,
		    (unsigned long long)pdu->r->mid, text, (long long)have,
		    (unsigned long long)want);
}

static uint64_t charge_of(const struct nwb_lrec *r)
{
	return r->charge ? r->charge : 1;
}

static bool takes_credit(const struct jpdu *p)
{
	return !p->is_reply && p->r->cmd != SMB_CANCEL;
}

static void check_charge(struct proto *p, const struct jpdu *pdu)
{
	const struct nwb_lrec *r = pdu->r;
	uint64_t want;

	if (r->cmd != SMB_WRITE && r->cmd != SMB_READ)
		return;
	want = r->len / 65536 + !!(r->len % 65536);
	if (charge_of(r) < want)
		blame(p, "CHARGE", pdu,
		      "the charge is too small for the length", charge_of(r),
		      want);
}

static int by_mid(const void *a, const void *b)
{
	const struct jpdu *const *x = a, *const *y = b;

	if ((*x)->r->mid != (*y)->r->mid)
		return (*x)->r->mid < (*y)->r->mid ? -1 : 1;
	return nwb_j_by_begin(&(*x)->s, &(*y)->s);
}

static int check_mids(struct proto *p)
{
	const struct jpdu **list =
		nwb_j_alloc(p->J, p->c->nr_pdu, sizeof(*list));
	uint32_t n = 0;
	uint64_t top = 0;

	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->c->nr_pdu; i++)
		if (takes_credit(&p->J->pdu[p->c->pdu0 + i]))
			list[n++] = &p->J->pdu[p->c->pdu0 + i];
	if (n)
		qsort(list, n, sizeof(*list), by_mid);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t mid = list[i]->r->mid;

		if (i && mid < top)
			blame(p, "MID-REUSED", list[i],
			      "the MessageId was used before", mid, top);
		if (mid <= UINT64_MAX - charge_of(list[i]->r))
			top = nwb_max(top, mid + charge_of(list[i]->r));
	}
	return 0;
}

static int judge_smb(struct proto *p)
{
	uint64_t window = 1;
	int64_t credits = 1;

	/* The answer to an SMB1 negotiate, which had the first credit. */
	if (p->J->pdu[p->c->pdu0].is_reply)
		credits = 0;
	for (uint32_t i = 0; i < p->c->nr_pdu; i++) {
		const struct jpdu *pdu = &p->J->pdu[p->c->pdu0 + i];
		uint64_t charge = charge_of(pdu->r), mid = pdu->r->mid;

		if (pdu->is_reply) {
			if (pdu->r->flags & NWB_LF_DUP)
				continue;
			credits += pdu->r->grant;
			window += pdu->r->grant;
			continue;
		}
		if (!takes_credit(pdu))
			continue;
		check_charge(p, pdu);
		if (mid >= window || charge > window - mid)
			blame(p, "WINDOW", pdu,
			      "the MessageId is outside the window", mid,
			      window);
		credits -= (int64_t)charge;
		if (credits < 0)
			blame(p, "CREDITS", pdu,
			      "sent without the credits for it",
			      (uint64_t)(credits + (int64_t)charge), charge);
	}
	return check_mids(p);
}

enum {
	FID_UNKNOWN,
	FID_OPEN,
	FID_GONE
};

struct p9_fid {
	uint32_t fid;
	bool is_taken;
	uint8_t state;
};

/* Per tag: what is out. Per fid, in an open hash: is it known, is it gone? */
struct p9_state {
	struct p9_fid *fid;
	uint32_t mask;
	uint16_t out[NOTAG + 1];
	uint16_t flushing[NOTAG + 1];
	uint16_t oldtag[NOTAG + 1];
	uint64_t msize;
};

static struct p9_fid *p9_fid(struct p9_state *s, uint32_t fid)
{
	uint32_t i = (fid * 2654435761u) & s->mask;

	while (s->fid[i].is_taken && s->fid[i].fid != fid)
		i = (i + 1) & s->mask;
	s->fid[i].is_taken = true; /* there is room for twice all PDUs */
	s->fid[i].fid = fid;
	return &s->fid[i];
}

static void p9_reset(struct p9_state *s)
{
	for (uint32_t t = 0; t <= NOTAG; t++)
		s->out[t] = s->flushing[t] = 0;
	for (uint32_t i = 0; i <= s->mask; i++)
		s->fid[i].state = FID_UNKNOWN;
}

static void p9_reply(struct p9_state *s, const struct nwb_lrec *r)
{
	uint16_t tag = (uint16_t)r->mid;

	if (r->flags & NWB_LF_DUP)
		return;
	s->out[tag] = 0;
	if (r->cmd == P9_RVERSION)
		s->msize = r->len;
	if (r->cmd == P9_RFLUSH && s->oldtag[tag] != NOTAG) {
		uint16_t old = s->oldtag[tag];

		s->out[old] = 0;
		if (s->flushing[old])
			s->flushing[old]--;
		s->oldtag[tag] = NOTAG;
	}
}

static void p9_request(struct proto *p, struct p9_state *s,
		       const struct jpdu *pdu)
{
	const struct nwb_lrec *r = pdu->r;
	uint16_t tag = (uint16_t)r->mid;

	if (r->cmd == P9_TVERSION) {
		p9_reset(s);
		return;
	}
	if (s->flushing[tag])
		blame(p, "TAG-FLUSH", pdu, "the tag waits for its Rflush", tag,
		      NOTAG);
	else if (s->out[tag])
		blame(p, "TAG", pdu, "the tag is out already", tag, NOTAG);
	s->out[tag] = 1;
	s->oldtag[tag] = NOTAG;
	switch (r->cmd) {
	case P9_TFLUSH:
		s->oldtag[tag] = (uint16_t)r->aux;
		/* An old tag that is not out means nothing to anybody. */
		if (s->out[(uint16_t)r->aux])
			s->flushing[(uint16_t)r->aux]++;
		else
			s->oldtag[tag] = NOTAG;
		break;
	case P9_TCLUNK:
	case P9_TREMOVE:
		p9_fid(s, r->fid)->state = FID_GONE;
		break;
	case P9_TATTACH:
		p9_fid(s, r->fid)->state = FID_OPEN;
		break;
	case P9_TWALK:
		p9_fid(s, (uint32_t)r->aux)->state = FID_OPEN;
		break;
	case P9_TWRITE:
		if (p9_fid(s, r->fid)->state == FID_GONE)
			blame(p, "CLUNKED", pdu, "Twrite on a clunked fid",
			      r->fid, UINT32_MAX);
		if (p9_fid(s, r->fid)->state == FID_UNKNOWN)
			blame(p, "FID", pdu, "Twrite on an unknown fid", r->fid,
			      UINT32_MAX);
		if (s->msize && r->len + P9_HEADER > s->msize)
			blame(p, "MSIZE", pdu, "Twrite larger than msize",
			      r->len + P9_HEADER, s->msize);
		break;
	default:
		break;
	}
}

static int judge_9p(struct proto *p)
{
	struct p9_state *s = nwb_j_alloc(p->J, 1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->mask = 15;
	while (s->mask < 2ull * p->c->nr_pdu)
		s->mask = 2 * s->mask + 1;
	s->fid = nwb_j_alloc(p->J, s->mask + 1ull, sizeof(*s->fid));
	if (!s->fid)
		return -ENOMEM;
	for (uint32_t t = 0; t <= NOTAG; t++)
		s->oldtag[t] = NOTAG;
	for (uint32_t i = 0; i < p->c->nr_pdu; i++) {
		const struct jpdu *pdu = &p->J->pdu[p->c->pdu0 + i];

		if (pdu->is_reply)
			p9_reply(s, pdu->r);
		else
			p9_request(p, s, pdu);
	}
	return 0;
}

/* Without the first request nobody knows where the credits started. */
static bool has_start(const struct judge *J, const struct jconn *c)
{
	const struct jpdu *first = &J->pdu[c->pdu0];

	if (first->r->flags & NWB_LF_9P)
		return !first->is_reply && first->r->cmd == P9_TVERSION;
	return first->r->cmd == SMB_NEGOTIATE;
}

int nwb_j_o7_protocol(struct judge *J)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < J->nr_conn; i++) {
		struct proto p = {.J = J, .c = &J->conn[i]};

		if (!p.c->nr_pdu)
			continue;
		J->j->ran |= 1u << 7;
		if (!has_start(J, p.c)) {
			struct nwb_finding f = {
				.oracle = 7,
				.verdict = NWB_INCONCLUSIVE,
				.kind = "NO-START",
				.rec_a = J->pdu[p.c->pdu0].s.slot,
				.rec_b = NO_SLOT,
			};

			nwb_j_found(
				J, &f,
				"port %u: the connection's start is missing",
				p.c->port);
			continue;
		}
		err = J->pdu[p.c->pdu0].r->flags & NWB_LF_9P ? judge_9p(&p)
							     : judge_smb(&p);
	}
	return err;
}
