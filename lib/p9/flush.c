/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Time limits, and Tflush.
 *
 *	sent ─timeout─► Tflush(oldtag) ─► Rflush        -ETIMEDOUT
 *	     ─cancel──►    │                            -ECANCELED
 *	                   │  └─► reply, then Rflush    answered after all
 *	                   └─timeout─► connection lost  -ECONNABORTED
 *
 * diod drops a request that is still queued and answers Rflush at once; of one
 * that runs it sends the reply first and Rflush after it. nfs-ganesha always
 * sends both. Either way nothing of the request happens after Rflush, and until
 * then its tag is not used again (flush(5)). A cancelled write may or may not
 * have been executed: its outcome is unknown, as after a loss.
 *
 * One Tflush at a time: it is for a request that its owner has cancelled, else
 * for the oldest one; when it is through, the next late one gets its own.
 *
 * A server that breaks that rule, or a fault that holds its reply back, sends
 * the reply after Rflush. It is counted and dropped: the outcome was unknown,
 * and nobody waits. (rust-9p #15)
 *
 * The watchdog is a task of its own and never sends, so that neither a full
 * socket nor a lack of workers can keep it from ending a dead connection; the
 * Tflush is sent by a work item.
 */
#include "p9_internal.h"

enum verdict {
	VERDICT_WAIT,
	VERDICT_LOSE
};

static void flush_start(struct nwb_p9 *c, const struct p9_req *r, uint64_t now)
{
	c->flush.is_active = true;
	c->flush.is_sent = false;
	c->flush.oldtag = r->tag;
	c->flush.epoch = r->epoch;
	c->flush.deadline_ns = now + c->timeout_ns;
	(void)nwb_work_queue(&c->flush_work);
}

/* One that is half sent has its turn when it is sent. */
static struct p9_req *first_cancelled(struct nwb_p9 *c)
{
	struct p9_req *r;

	nwb_list_for_each_entry (r, &c->outstanding, link)
		if (r->is_cancelled && !r->is_sending)
			return r;
	return NULL;
}

/* Lock held. @ret_next: when to look again. */
static enum verdict look(struct nwb_p9 *c, uint64_t *ret_next)
{
	uint64_t now = nwb_now_ns(c->ex);
	struct p9_req *r;

	*ret_next = NWB_NEVER;
	if (c->state == P9_DOWN)
		return VERDICT_WAIT;
	if (c->flush.is_active) {
		*ret_next = c->flush.deadline_ns;
		return now < *ret_next ? VERDICT_WAIT : VERDICT_LOSE;
	}
	if (nwb_list_empty(&c->outstanding))
		return VERDICT_WAIT;
	r = c->nr_cancelled ? first_cancelled(c) : NULL;
	if (r) {
		flush_start(c, r, now);
		*ret_next = c->flush.deadline_ns;
		return VERDICT_WAIT;
	}
	r = nwb_list_first(&c->outstanding, struct p9_req, link);
	*ret_next = r->deadline_ns;
	if (now < *ret_next)
		return VERDICT_WAIT;
	/* Half sent, or part of the set-up: nothing that could be flushed. */
	if (r->is_setup || r->is_sending)
		return VERDICT_LOSE;
	flush_start(c, r, now);
	*ret_next = c->flush.deadline_ns;
	return VERDICT_WAIT;
}

void nwb_p9_watchdog(void *arg)
{
	struct nwb_p9 *c = arg;
	uint64_t next;

	nwb_mutex_lock(&c->lock);
	while (!c->is_stopping) {
		if (look(c, &next) == VERDICT_LOSE) {
			uint32_t epoch = c->conn_epoch;

			nwb_mutex_unlock(&c->lock);
			nwb_p9_lose(c, epoch, true, -ETIMEDOUT,
				    "no answer within the time limit");
			nwb_mutex_lock(&c->lock);
			continue;
		}
		c->is_watch_idle = next == NWB_NEVER;
		(void)nwb_waitq_wait(&c->watch_wq, &c->lock, next);
	}
	nwb_mutex_unlock(&c->lock);
}

static void flush_end(struct nwb_p9 *c)
{
	c->flush.is_active = false;
	nwb_waitq_wake_one(&c->watch_wq);
}

/* Still wanted: this connection's, and the request not answered meanwhile. */
static bool flush_is_wanted(const struct nwb_p9 *c, uint32_t epoch)
{
	return c->flush.is_active && !c->flush.is_sent &&
	       c->flush.epoch == epoch && c->conn_epoch == epoch;
}

void nwb_p9_flush_work(struct nwb_work *work)
{
	struct nwb_p9 *c = nwb_container_of(work, struct nwb_p9, flush_work);
	struct nwb_p9_msg m = {.type = NWB_P9_TFLUSH,
			       .tag = nwb_p9_flush_tag(c)};
	uint32_t epoch;
	size_t len = 0;
	int rc = -ECONNABORTED;

	nwb_mutex_lock(&c->lock);
	epoch = c->flush.epoch;
	if (flush_is_wanted(c, epoch))
		rc = nwb_p9_take_turn(c, epoch);
	if (rc) {
		nwb_mutex_unlock(&c->lock);
		return;
	}
	if (!flush_is_wanted(c, epoch) || !c->tags[c->flush.oldtag]) {
		/* Answered while we waited: the tag is free without us. */
		if (flush_is_wanted(c, epoch)) {
			nwb_p9_tag_free(c, c->flush.oldtag);
			flush_end(c);
		}
		nwb_p9_release_turn(c);
		nwb_mutex_unlock(&c->lock);
		return;
	}
	m.tflush.oldtag = nwb_p9_wire_tag(c, c->flush.oldtag);
	c->flush.is_sent = true;
	c->stats.nr_requests++;
	c->stats.nr_flushes++;
	nwb_mutex_unlock(&c->lock);

	rc = nwb_p9_encode(&m, c->send_buf, P9_SEND_BUF, &len);
	nwb_assert(!rc);
	rc = nwb_p9_send(c, len, NULL, 0, 0);
	if (rc)
		nwb_p9_lose(c, epoch, false, rc, "sending Tflush: %s",
			    nwb_errno_name(rc));
	nwb_mutex_lock(&c->lock);
	nwb_p9_release_turn(c);
	nwb_mutex_unlock(&c->lock);
}

int nwb_p9_flush_reply(struct nwb_p9 *c, const struct nwb_p9_msg *m,
		       struct p9_req **ret_done, struct nwb_err *err)
{
	uint16_t oldtag = c->flush.oldtag;
	struct p9_req *r;

	if (!c->flush.is_active || !c->flush.is_sent)
		return nwb_err_set(err, -EPROTO,
				   "%s with tag %u, which is not outstanding",
				   nwb_p9_type_name(m->type), m->tag);
	/* flush(5): the server answers Rflush always, never an error. */
	if (m->type != NWB_P9_RFLUSH)
		return nwb_err_set(err, -EPROTO, "%s in answer to Tflush",
				   nwb_p9_type_name(m->type));
	r = c->tags[oldtag];
	flush_end(c);
	if (!r) {
		nwb_p9_tag_free(c, oldtag); /* answered, the tag was kept */
		return 0;
	}
	c->is_late[oldtag] = true;
	if (nwb_p9_answer(r, r->is_cancelled ? -ECANCELED : -ETIMEDOUT, NULL))
		*ret_done = r;
	return 0;
}

unsigned int nwb_p9_cancel(struct nwb_p9_file *f)
{
	struct nwb_p9 *c = f->c;
	unsigned int nr = 0;
	struct p9_req *r;

	nwb_mutex_lock(&c->lock);
	nwb_list_for_each_entry (r, &c->outstanding, link) {
		if (r->file != f || r->is_cancelled)
			continue;
		r->is_cancelled = true;
		nr++;
	}
	c->nr_cancelled += nr;
	if (nr)
		nwb_waitq_wake_one(&c->watch_wq);
	nwb_mutex_unlock(&c->lock);
	return nr;
}
