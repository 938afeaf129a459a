/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * O6 and O15 for somebody else's client, from its intents and the wire.
 *
 * A kernel does not write down what it gave up. Of the errors that its users
 * were told, and of those they were not, the wire still proves something:
 *
 *	SWALLOWED	a WRITE was refused for good (a status outside
 *			P.retryable left the server), those bytes were never
 *			sent again, and an fsync (or a promising close) begun
 *			after that on an fd that was open then said ok, with no
 *			error told before
 *	SPURIOUS	an error, no trouble of any kind on the wire before it
 *			(wire.c), and the server had all that was written
 *	TWICE		this fd was told before, and there was no trouble since
 *	GAVE-UP (O15)	an error, and nothing on the wire that licenses it: no
 *			refusal outside P.retryable, no silence longer than
 *			P.patience (hard: none is long enough), no connection
 *			lost where that is final (soft), fewer attempts than
 *			P.max_attempts. A FLUSH that was refused is a reason for
 *			the error, but only if all uploads are there
 *
 * Not judged: a refusal whose write(2) returned the error itself (O_DIRECT, no
 * cache), or was not over; errors of the guest's own (ENOMEM, EINTR).
 */
#include "o6_i.h"

enum {
	SMB_SESSION_SETUP = 1,
	SMB_TREE_CONNECT = 3,
};
#define MORE_PROCESSING 0xc0000016u /* a step of the session setup */
#define NAME_NOT_FOUND	0xc0000034u /* a look-up: nobody removes files here */

/* A final error that no policy tries again. */
static bool is_refused(const struct judge *J, const struct jpdu *req)
{
	const struct nwb_policy *pol = &J->in->policy;
	const struct jpdu *reply;

	if (req->peer == NO_INDEX)
		return false;
	reply = &J->pdu[req->peer];
	if (!reply->r->status)
		return pol->short_is_final && nwb_j_is_short(J, req);
	return reply->r->status != MORE_PROCESSING &&
	       !nwb_j_is_retryable(pol, reply->r->status);
}

/** nwb_j_first_refusal() - when a WRITE was refused for the first time; OPEN:
 * none was. */
uint64_t nwb_j_first_refusal(const struct judge *J, const struct jfile *f)
{
	for (uint32_t i = 0; i < f->nr_upload; i++)
		if (is_refused(J, &J->pdu[f->upload[i]]))
			return J->pdu[f->upload[i]].s.begin;
	return OPEN;
}

static bool is_sent_again(const struct judge *J, const struct jpdu *req)
{
	const struct jfile *f = &J->file[nwb_j_pdu_file(J, req)];

	for (uint32_t i = 0; i < f->nr_upload; i++) {
		const struct jpdu *p = &J->pdu[f->upload[i]];

		if (p->s.begin > req->s.begin &&
		    p->r->off < req->r->off + req->r->len &&
		    req->r->off < p->r->off + p->r->len)
			return true;
	}
	return false;
}

/* Did the write(2) of these bytes fail itself, or perhaps? */
static bool is_told_at_once(const struct jfile *f, const struct jpdu *req)
{
	for (uint32_t i = 0; i < f->nr_write; i++) {
		const struct jwrite *w = &f->write[i];

		if (w->lo < req->r->off + req->r->len && w->hi > req->r->off &&
		    w->owed_hi < w->hi && w->s.end >= req->s.begin)
			return true;
	}
	return false;
}

static void judge_refusals(struct errors *x)
{
	const struct judge *J = x->J;
	unsigned int left = 256; /* each costs a walk over all uploads */

	for (uint32_t i = 0; i < x->f->nr_upload && left; i++) {
		const struct jpdu *p = &J->pdu[x->f->upload[i]];
		struct jspan g = p->s;

		if (!is_refused(J, p) || J->pdu[p->peer].s.end == OPEN)
			continue;
		left--;
		if (is_sent_again(J, p) || is_told_at_once(x->f, p))
			continue;
		x->J->j->ran |= 1u << 6;
		g.end = J->pdu[p->peer].s.end;
		for (uint32_t o = 0; o < x->f->nr_open; o++)
			nwb_o6_judge_told(x, &g, o);
	}
}

static bool is_of_the_guest(int64_t result)
{
	return result == -ENOMEM || result == -EINTR;
}

/*
 * Which refusals end an upload although they are no answer to it: those on the
 * way back after an outage. Before one, a client looks for what is not there.
 */
static bool is_on_the_way(const struct judge *J, const struct jpdu *p)
{
	const struct nwb_lrec *r = p->r;

	if (nwb_j_is_write(r) || nwb_j_is_flush(r))
		return true;
	if (!nwb_j_had_outage(J, 0, p->s.begin) ||
	    (p->peer != NO_INDEX &&
	     J->pdu[p->peer].r->status == NAME_NOT_FOUND))
		return false;
	return r->flags & NWB_LF_9P || r->cmd == SMB_NEGOTIATE ||
	       r->cmd == SMB_SESSION_SETUP || r->cmd == SMB_TREE_CONNECT ||
	       r->cmd == SMB_CREATE;
}

/*
 * Was the server away for long enough? SMB clients of Linux call EAGAIN what is
 * to be tried again (is_replayable_error(), fs/smb/client/cifsglob.h): as the
 * answer of an fsync it says that they did not, and no absence licenses that.
 */
static bool is_patience_over(const struct errors *x, const struct jsync *e)
{
	const struct nwb_policy *pol = &x->J->in->policy;
	uint64_t until = x->J->in->rec[e->s.slot].t_end;

	if (!pol->is_9p && e->result == -EAGAIN)
		return false;
	if (pol->cut_is_final && nwb_j_had_outage(x->J, 0, e->s.end))
		return true;
	return !pol->hard &&
	       nwb_j_longest_silence(x->J, until) > pol->patience_ns;
}

static int judge_licence(struct errors *x, const struct jsync *e, bool *ret_yes)
{
	const struct nwb_policy *pol = &x->J->in->policy;
	const struct judge *J = x->J;
	bool is_flush_refused = false;
	uint64_t lost = 0;

	*ret_yes = true;
	if (is_of_the_guest(e->result) || is_patience_over(x, e))
		return 0;
	for (uint32_t i = 0; i < J->nr_pdu; i++) {
		const struct jpdu *p = &J->pdu[i];

		if (p->is_reply || p->s.begin >= e->s.end)
			continue;
		if (is_on_the_way(J, p) && is_refused(J, p)) {
			if (!nwb_j_is_flush(p->r))
				return 0;
			is_flush_refused = true;
		}
		lost += nwb_j_is_write(p->r) && !nwb_j_was_told_ok(J, p);
	}
	*ret_yes = pol->max_attempts && lost >= pol->max_attempts;
	/* A refused FLUSH explains the error, and no upload that is missing. */
	if (!*ret_yes && is_flush_refused && x->nr_judged++ < 64)
		return nwb_j_promise_all_written(x->J, x->f, &e->s, ret_yes);
	*ret_yes |= is_flush_refused;
	return 0;
}

static void blame(struct errors *x, const struct jsync *e, unsigned int oracle,
		  const char *kind, const char *text)
{
	struct nwb_finding f = {
		.oracle = (uint8_t)oracle,
		.verdict = NWB_FAIL,
		.kind = kind,
		.file = x->f->id,
		.rec_a = e->s.slot,
		.rec_b = NO_SLOT,
	};

	nwb_j_found(x->J, &f, "fd %u, %s: %s", x->f->open[e->session].fd,
		    nwb_errno_name((int)nwb_max(e->result, (int64_t)-4096)),
		    text);
}

static int judge_error(struct errors *x, const struct jsync *e,
		       const struct jsync *told)
{
	bool is_written = false;
	int err = 0;

	x->J->j->ran |= 1u << 6;
	if (nwb_j_had_trouble(x->J, told ? told->s.begin : 0, e->s.end)) {
		x->J->j->ran |= 1u << 15;
		err = judge_licence(x, e, &is_written);
		if (!err && !is_written)
			blame(x, e, 15, "GAVE-UP",
			      "given up, and nothing on the wire says why");
		return err;
	}
	if (is_of_the_guest(e->result) || e->is_write)
		return 0;
	if (told) {
		blame(x, e, 6, "TWICE", "the same failure was told again");
		return 0;
	}
	if (x->nr_judged++ < 64)
		err = nwb_j_promise_all_written(x->J, x->f, &e->s, &is_written);
	if (!err && is_written)
		blame(x, e, 6, "SPURIOUS", "an error, but all was written");
	return err;
}

int nwb_o6_wire(struct judge *J, struct jfile *f)
{
	struct errors x = {.J = J, .f = f};
	int err;

	if (!f->nr_sync || !J->nr_pdu)
		return 0;
	err = nwb_j_wire_build(J);
	if (!err)
		err = nwb_o6_tellers(&x);
	if (err)
		return err;
	judge_refusals(&x);
	for (uint32_t o = 0; !err && o < f->nr_open; o++) {
		const struct teller *t = &x.teller[o];

		for (uint32_t i = 0; !err && i < t->nr_error; i++)
			err = judge_error(&x, t->error[i],
					  i ? t->error[i - 1] : NULL);
	}
	return err;
}
