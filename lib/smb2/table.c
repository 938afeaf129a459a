/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outstanding requests of a channel: a hash by MessageId and a list in
 * order of deadlines. Everything here happens under c->lock, except
 * nwb_smb2_req_finish(), which is called without it.
 */
#include "client.h"

void nwb_smb2_table_init(struct nwb_smb2_chan *ch)
{
	for (unsigned int i = 0; i < TABLE_BUCKETS; i++)
		nwb_list_init(&ch->table[i]);
	nwb_list_init(&ch->order);
}

static struct nwb_list *bucket(struct nwb_smb2_chan *ch, uint64_t mid)
{
	/* large writes take ids in steps of their charge */
	return &ch->table[(mid ^ mid >> 10) % TABLE_BUCKETS];
}

static void arm(struct nwb_smb2_chan *ch, uint64_t when_ns)
{
	if (ch->timer_set)
		return;
	ch->timer_set = true;
	nwb_timer_arm(&ch->timer, when_ns);
}

void nwb_smb2_table_insert(struct nwb_smb2_chan *ch, struct req *r)
{
	r->deadline_ns = nwb_now_ns(ch->c->ex) + ch->c->opts.timeout_ns;
	nwb_list_add_tail(bucket(ch, r->mid), &r->hash);
	nwb_list_add_tail(&ch->order, &r->order);
	/* the timer finds the then oldest request and re-arms itself */
	arm(ch, r->deadline_ns);
}

struct req *nwb_smb2_table_find(struct nwb_smb2_chan *ch, uint64_t mid)
{
	struct nwb_list *head = bucket(ch, mid);
	struct req *r;

	nwb_list_for_each_entry (r, head, hash)
		if (r->mid == mid)
			return r;
	return NULL;
}

void nwb_smb2_table_remove(struct req *r)
{
	nwb_list_del(&r->hash);
	nwb_list_del(&r->order);
}

/* The server works on it (STATUS_PENDING): its time starts anew. */
void nwb_smb2_table_touch(struct req *r)
{
	struct nwb_smb2 *c = r->ch->c;

	r->deadline_ns = nwb_now_ns(c->ex) + c->opts.timeout_ns;
	nwb_list_del(&r->order);
	nwb_list_add_tail(&r->ch->order, &r->order);
}

/* Tell the owner. @r is the owner's again, and may be gone at once. */
void nwb_smb2_req_finish(struct req *r)
{
	struct nwb_smb2 *c = r->ch->c;
	struct sync_call *s = r->sync;
	struct nwb_smb2_write *w = r->w;

	if (w) {
		w->result = r->result;
		w->status = r->status;
		w->done(w);
		return;
	}
	/* The waiter cannot return, and take @s with it, before the unlock. */
	nwb_mutex_lock(&c->lock);
	s->is_done = true;
	nwb_waitq_wake_one(&s->q);
	nwb_mutex_unlock(&c->lock);
}
