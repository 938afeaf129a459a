/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each fault cost (definitions: include/nwb/timeline.h).
 *
 * One walk over WRITEs (by their end) and SENTs, ACKEDs, FAULTs and CONN_DOWNs
 * (by their begin) in the order of tickets, with, for each page of the file,
 *
 *	written  ticket of its last WRITE
 *	sent     ticket of its last SENT, which bytes [lo, hi) of it, and how
 *		 many connections had ended by then
 *
 * SENT after SENT without a WRITE in between has sent the common bytes again,
 * if the client says so itself (aux, its retry count) or the connection was
 * lost in between. Neither of them: the bytes were written while their request
 * was under way to the wire, and the second SENT carries them for the first
 * time.
 */
#include "timeline_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE	  4096u
#define PAGES_MAX (1u << 20) /* of a file of 4 GiB; beyond: not measured */
#define HITS_MAX  512u	     /* that wait for their recovery at a time */
#define LOOK_BACK 4096u	     /* events; a window of requests is far less */

struct page {
	uint64_t written, sent;
	uint32_t losses;
	uint16_t lo, hi; /* of PAGE; the end is not included */
};

struct event {
	uint64_t ticket;
	const struct nwb_lrec *rec;
};

struct hit {
	uint64_t t_ns;
	unsigned int rule;
	uint64_t from; /* first event after it */
};

struct walk {
	struct nwb_timeline *tl;
	struct page *page;
	uint64_t nr_pages;
	uint32_t losses;	  /* connections that ended so far */
	struct nwb_tl_rule *last; /* of the last hit */
	struct hit hit[HITS_MAX];
	unsigned int nr_hits;
};

static uint64_t ticket_of(const struct nwb_lrec *r)
{
	return r->kind == NWB_L_WRITE ? r->end : r->begin;
}

static bool is_event(const struct nwb_lrec *r)
{
	return nwb_tl_is_there(r) &&
	       (r->kind == NWB_L_WRITE || r->kind == NWB_L_SENT ||
		r->kind == NWB_L_ACKED || r->kind == NWB_L_FAULT ||
		r->kind == NWB_L_CONN_DOWN);
}

static int by_ticket(const void *pa, const void *pb)
{
	const struct event *a = pa, *b = pb;

	return (a->ticket > b->ticket) - (a->ticket < b->ticket);
}

static void walk_write(struct walk *w, const struct event *e)
{
	const struct nwb_lrec *r = e->rec;

	if (r->result <= 0)
		return;
	for (uint64_t p = r->off / PAGE;
	     p < w->nr_pages && p * PAGE < r->off + (uint64_t)r->result; p++)
		w->page[p].written = e->ticket;
}

/* Bytes of @p, of [lo, hi), that the SENT of event @e sends again. */
static uint64_t page_sent(const struct walk *w, struct page *p,
			  const struct event *e, uint16_t lo, uint16_t hi)
{
	bool is_again = e->rec->aux || p->losses != w->losses;
	uint64_t again = 0;

	if (!p->sent || p->written > p->sent) {
		p->lo = lo;
		p->hi = hi;
	} else if (lo < p->hi && p->lo < hi) {
		again = (uint64_t)nwb_min(hi, p->hi) - nwb_max(lo, p->lo);
		p->lo = nwb_min(lo, p->lo);
		p->hi = nwb_max(hi, p->hi);
	} else if (lo == p->hi) {
		p->hi = hi;
	} else if (hi == p->lo) {
		p->lo = lo;
	} else {
		p->lo = lo;
		p->hi = hi;
	}
	p->sent = e->ticket;
	p->losses = w->losses;
	return is_again ? again : 0;
}

static void walk_sent(struct walk *w, const struct event *e)
{
	uint64_t at = e->rec->off, end = at + e->rec->len, again = 0;

	while (at < end && at / PAGE < w->nr_pages) {
		uint64_t p = at / PAGE, next = nwb_min(end, (p + 1) * PAGE);

		again += page_sent(w, &w->page[p], e, (uint16_t)(at - p * PAGE),
				   (uint16_t)(next - p * PAGE));
		at = next;
	}
	if (again && w->last) {
		w->last->retries++;
		w->last->bytes_again += again;
	}
}

/* Was what @ack acks sent between events @from and @to? */
static bool is_of(const struct event *ev, uint64_t from, uint64_t to,
		  const struct nwb_lrec *ack)
{
	for (uint64_t i = from; i < to; i++) {
		const struct nwb_lrec *r = ev[i].rec;

		if (r->kind == NWB_L_SENT && r->off < ack->off + ack->len &&
		    ack->off < r->off + r->len)
			return true;
	}
	return false;
}

static void walk_acked(struct walk *w, const struct event *ev, uint64_t at)
{
	const struct nwb_lrec *ack = ev[at].rec;
	unsigned int keep = 0;

	if (ack->result <= 0)
		return;
	for (unsigned int i = 0; i < w->nr_hits; i++) {
		struct hit *h = &w->hit[i];
		struct nwb_tl_rule *rule = &w->tl->rule[h->rule];
		uint64_t from = h->from;

		if (at - from > LOOK_BACK)
			from = at - LOOK_BACK;
		if (!is_of(ev, from, at, ack) || ack->t_begin < h->t_ns) {
			w->hit[keep++] = *h;
			continue;
		}
		rule->recovered++;
		if (rule->recovery_ns == NWB_TL_NONE)
			rule->recovery_ns = 0;
		rule->recovery_ns =
			nwb_max(rule->recovery_ns, ack->t_begin - h->t_ns);
	}
	w->nr_hits = keep;
}

static void walk_fault(struct walk *w, const struct event *ev, uint64_t at)
{
	const struct event *e = &ev[at];

	if (e->rec->rule >= w->tl->nr_rules)
		return;
	w->last = &w->tl->rule[e->rec->rule];
	if (w->nr_hits == HITS_MAX)
		return;
	w->hit[w->nr_hits++] = (struct hit){
		.t_ns = e->rec->t_begin,
		.rule = e->rec->rule,
		.from = at + 1,
	};
}

static void walk_all(struct walk *w, const struct event *ev, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		switch (ev[i].rec->kind) {
		case NWB_L_WRITE:
			walk_write(w, &ev[i]);
			break;
		case NWB_L_SENT:
			walk_sent(w, &ev[i]);
			break;
		case NWB_L_ACKED:
			walk_acked(w, ev, i);
			break;
		case NWB_L_CONN_DOWN:
			w->losses++;
			break;
		default:
			walk_fault(w, ev, i);
			break;
		}
	}
}

static void not_measured(struct nwb_timeline *tl)
{
	for (unsigned int i = 0; i < tl->nr_rules; i++) {
		tl->rule[i].recovered = NWB_TL_NONE;
		tl->rule[i].recovery_ns = NWB_TL_NONE;
		tl->rule[i].retries = NWB_TL_NONE;
		tl->rule[i].bytes_again = NWB_TL_NONE;
	}
}

int nwb_tl_faults(const struct nwb_lrec *rec, uint64_t nr,
		  struct nwb_timeline *tl)
{
	struct walk *w = NULL;
	struct event *ev = NULL;
	uint64_t n = 0, end = 0;
	bool has_sent = false;

	for (uint64_t i = 0; i < nr; i++) {
		if (!is_event(&rec[i]))
			continue;
		n++;
		has_sent |= rec[i].kind == NWB_L_SENT;
		if (rec[i].kind == NWB_L_SENT)
			end = nwb_max(end, rec[i].off + rec[i].len);
	}
	not_measured(tl);
	if (!has_sent || !tl->nr_rules || end > (uint64_t)PAGES_MAX * PAGE)
		return 0;
	w = nwb_zalloc(sizeof(*w));
	ev = nwb_zalloc(n * sizeof(*ev));
	if (!w || !ev)
		goto no_memory;
	w->tl = tl;
	w->nr_pages = NWB_DIV_ROUND_UP(end, PAGE);
	w->page = nwb_zalloc(w->nr_pages * sizeof(*w->page));
	if (!w->page)
		goto no_memory;
	for (unsigned int i = 0; i < tl->nr_rules; i++) {
		tl->rule[i].recovered = 0;
		tl->rule[i].retries = 0;
		tl->rule[i].bytes_again = 0;
	}
	n = 0;
	for (uint64_t i = 0; i < nr; i++)
		if (is_event(&rec[i]))
			ev[n++] = (struct event){ticket_of(&rec[i]), &rec[i]};
	qsort(ev, n, sizeof(*ev), by_ticket);
	walk_all(w, ev, n);
	nwb_free(w->page);
	nwb_free(ev);
	nwb_free(w);
	return 0;

no_memory:
	nwb_free(ev);
	nwb_free(w);
	return -ENOMEM;
}
