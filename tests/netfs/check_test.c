/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each invariant of nwb/netfs_check.h fires: two uploads of one request are on
 * their way and all is well; then one thing is made wrong by hand, which must be
 * found by its name, and put right again.
 *
 *	request		|claim |claim |claim |claim |	of 4 KiB
 *	subrequests	|      a      |      b      |	not answered
 *
 * T12 is for who calls nwb_inode_writepages() (issuer_test.c, sim/vm.c).
 */
#include "words.h"

#include "internal.h"
#include "nwb/netfs_check.h"
#include <stdio.h>

struct scene {
	struct sfs_rig *rig;
	struct nwb_netfs_check *check;
	struct nwb_io_request *rreq;
	struct nwb_io_stream *stream;
	struct nwb_sreq *a, *b;
	struct nwb_claim *first, *last;
};

static struct nwb_claim *claim_at(struct nwb_list *l)
{
	return nwb_list_entry(l, struct nwb_claim, link);
}

static struct nwb_sreq *sreq_at(struct nwb_list *l)
{
	return nwb_to_sreq(
		nwb_list_entry(l, struct nwb_io_subrequest, rreq_link));
}

static struct nwb_io_request *newest(struct sfs_rig *rig)
{
	return nwb_list_entry(rig->inode->requests.prev, struct nwb_io_request,
			      inode_link);
}

static bool is_well(struct scene *s, const struct nwb_mutex *m)
{
	struct nwb_netfs_broken b = {0};

	if (nwb_netfs_check_section(s->check, m, &b))
		return true;
	fprintf(stderr, "%s: %s\n", nwb_netfs_rule_name(b.rule), b.text);
	return false;
}

static void finds(struct scene *s, const struct nwb_mutex *m,
		  enum nwb_netfs_rule rule)
{
	struct nwb_netfs_broken b = {0};

	if (nwb_netfs_check_section(s->check, m, &b))
		fprintf(stderr, "%s is not found\n", nwb_netfs_rule_name(rule));
	nwb_check_streq(nwb_netfs_rule_name(b.rule), nwb_netfs_rule_name(rule));
	nwb_check(b.text[0] != 0);
}

/* What was found is not looked at again by the same eyes. */
static void look_anew(struct scene *s)
{
	nwb_netfs_check_free(s->check);
	nwb_check_eq(nwb_netfs_check_new(s->rig->sfs->nf, &s->check), 0);
	nwb_check(is_well(s, &s->rreq->lock));
	nwb_check(is_well(s, &s->rig->inode->lock));
}

/* --- of a request --------------------------------------------------------- */

static void order(struct scene *s)
{
	const struct nwb_mutex *m = &s->rreq->lock;

	s->b->s.start -= 4096;
	finds(s, m, NWB_RULE_T1);
	s->b->s.start += 4096;
	look_anew(s);
	s->a->cut = NWB_CUT_NONE;
	finds(s, m, NWB_RULE_T7);
	s->a->cut = NWB_CUT_SIZE;
	s->a->max_len++;
	finds(s, m, NWB_RULE_T7);
	s->a->max_len--;
	look_anew(s);
}

static void marks(struct scene *s)
{
	const struct nwb_mutex *m = &s->rreq->lock;

	atomic_fetch_sub(&s->rreq->issued_to, 1);
	finds(s, m, NWB_RULE_T2);
	atomic_fetch_add(&s->rreq->issued_to, 1);
	look_anew(s);
	s->stream->collected_to += 1 << 20;
	finds(s, m, NWB_RULE_T2);
	s->stream->collected_to -= 1 << 20;
	look_anew(s);
	s->rreq->collected_to += 4096;
	finds(s, m, NWB_RULE_T3);
	s->rreq->collected_to -= 4096;
	look_anew(s);
}

static void claims(struct scene *s)
{
	const struct nwb_mutex *m = &s->rreq->lock;

	nwb_list_del(&s->first->link);
	finds(s, m, NWB_RULE_T4);
	nwb_list_add(&s->rreq->claims, &s->first->link);
	look_anew(s);
	s->last->len -= 100;
	finds(s, m, NWB_RULE_T5);
	s->last->len += 100;
	look_anew(s);
	nwb_list_del(&s->b->s.rreq_link);
	finds(s, m, NWB_RULE_T9);
	nwb_list_add_tail(&s->stream->subrequests, &s->b->s.rreq_link);
	look_anew(s);
}

static void retries(struct scene *s)
{
	const struct nwb_mutex *m = &s->rreq->lock;
	struct nwb_list queue;

	/* nothing waits to be sent again */
	s->rreq->retry = NWB_RETRY_PENDING;
	finds(s, m, NWB_RULE_T15);
	/* something does, nothing is in its way, and time goes by */
	s->a->in_progress = false;
	s->a->s.flags |= NWB_SREQ_NEED_RETRY;
	nwb_check(is_well(s, m));
	nap(s->rig);
	s->stream->need_retry = false; /* the collector saw it, too */
	finds(s, m, NWB_RULE_T15);
	/* it is begun, and b is on its way */
	nwb_list_init(&queue);
	nwb_list_add(&queue, &s->rreq->nf_link);
	s->rreq->retry = NWB_RETRY_QUEUED;
	s->stream->need_retry = true;
	finds(s, m, NWB_RULE_T8);
	s->stream->need_retry = false;
	nwb_list_del(&s->rreq->nf_link);
	s->rreq->retry = NWB_RETRY_NONE;
	s->a->s.flags &= ~NWB_SREQ_NEED_RETRY;
	s->a->in_progress = true;
	look_anew(s);
}

static void failures(struct scene *s)
{
	const struct nwb_mutex *m = &s->rreq->lock;

	/* More often than a check can remember, of what was taken in part. */
	s->a->in_progress = false;
	s->a->s.flags |= NWB_SREQ_FAILED;
	s->a->s.transferred = 100;
	for (unsigned int i = 0; i < 40; i++)
		nwb_check(is_well(s, m));
	s->b->in_progress = false;
	s->b->s.flags |= NWB_SREQ_FAILED;
	nwb_check(is_well(s, m));
	s->b->in_progress = true;
	s->b->s.flags &= ~NWB_SREQ_FAILED;
	s->b->attempts = 2;
	finds(s, m, NWB_RULE_T10);
	s->b->attempts = 1;
	s->a->s.transferred = 0;
	s->a->s.flags &= ~NWB_SREQ_FAILED;
	s->a->in_progress = true;
	look_anew(s);
}

static void ends(struct scene *s)
{
	const struct nwb_mutex *m = &s->rreq->lock;

	s->rreq->all_queued = false;
	finds(s, m, NWB_RULE_T14);
	s->rreq->all_queued = true;
	look_anew(s);
	s->rreq->in_progress = false;
	finds(s, m, NWB_RULE_T14);
	s->rreq->in_progress = true;
	look_anew(s);
}

/* --- of an inode ---------------------------------------------------------- */

static void inodes(struct scene *s)
{
	struct nwb_inode *inode = s->rig->inode;
	const struct nwb_mutex *m = &inode->lock;
	struct nwb_folio *f = nwb_folio_find(inode, 0);

	s->rreq->all_queued = false;
	finds(s, m, NWB_RULE_T11);
	s->rreq->all_queued = true;
	look_anew(s);
	s->a->in_progress = false;
	s->a->noted = 100;
	finds(s, m, NWB_RULE_T16);
	s->a->noted = 0;
	s->a->in_progress = true;
	look_anew(s);
	nwb_check(f != NULL);
	f->dirty.to = 10;
	finds(s, m, NWB_RULE_T18);
	f->dirty.to = 0;
	look_anew(s);
	atomic_fetch_add(&inode->dirty_bytes, 1);
	finds(s, m, NWB_RULE_SUM);
	atomic_fetch_sub(&inode->dirty_bytes, 1);
	look_anew(s);
}

/* A second request, of other bytes. */
static void apart(struct scene *s)
{
	struct nwb_claim *k;

	put(s->rig, 65536, 4096);
	nwb_file_writeback(s->rig->f);
	sfs_wait_pending(s->rig->sfs, 3);
	k = claim_at(newest(s->rig)->claims.next);
	nwb_check(k->start == 65536 && is_well(s, &s->rig->inode->lock));
	k->start = 0;
	finds(s, &s->rig->inode->lock, NWB_RULE_D8);
	k->start = 65536;
	look_anew(s);
}

/* --- at rest -------------------------------------------------------------- */

static void rest_finds(struct scene *s, enum nwb_netfs_rule rule)
{
	struct nwb_netfs_broken b = {0};

	nwb_check(!nwb_netfs_check_rest(s->check, &b));
	nwb_check_streq(nwb_netfs_rule_name(b.rule), nwb_netfs_rule_name(rule));
}

static void at_rest(struct scene *s)
{
	struct nwb_netfs *nf = s->rig->sfs->nf;
	struct nwb_netfs_broken b;

	rest_finds(s, NWB_RULE_T6);
	fsync_ok(s->rig);
	nap(s->rig);
	nwb_check(nwb_netfs_check_rest(s->check, &b));
	atomic_fetch_add(&nf->n.temp_bytes, 4096);
	rest_finds(s, NWB_RULE_T17);
	atomic_fetch_sub(&nf->n.temp_bytes, 4096);
	nf->claim_pool.nr_free--;
	rest_finds(s, NWB_RULE_T13);
	nf->claim_pool.nr_free++;
	put(s->rig, 0, 10);
	rest_finds(s, NWB_RULE_SUM);
}

static void body(struct sfs_rig *rig)
{
	struct scene s = {.rig = rig};

	put(rig, 0, 16384);
	nwb_file_writeback(rig->f);
	sfs_wait_pending(rig->sfs, 2);
	s.rreq = newest(rig);
	s.stream = &s.rreq->streams[0];
	s.a = sreq_at(s.stream->subrequests.next);
	s.b = sreq_at(s.stream->subrequests.prev);
	s.first = claim_at(s.rreq->claims.next);
	s.last = claim_at(s.rreq->claims.prev);
	nwb_check(s.a != s.b && s.first != s.last);
	nwb_check_eq(s.a->cut, NWB_CUT_SIZE);
	nwb_check_eq(nwb_netfs_check_new(rig->sfs->nf, &s.check), 0);
	look_anew(&s);
	order(&s);
	marks(&s);
	claims(&s);
	retries(&s);
	failures(&s);
	ends(&s);
	inodes(&s);
	apart(&s);
	at_rest(&s);
	nwb_netfs_check_free(s.check);
	fsync_ok(rig);
}

NWB_TEST(check, each_invariant_is_found_by_its_name)
{
	struct nwb_netfs_opts opts = {.folio_bytes_max = 4096,
				      .dirty_age_ns = 1000 * NWB_SEC};

	sfs_run(1, &opts, 8192, 0, body);
}
