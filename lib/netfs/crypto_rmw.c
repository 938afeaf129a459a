/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Read-modify-write of data units (content crypto, crypto.c).
 *
 *	when		what a unit lacks comes from
 *	write(2)	the page cache; read at once if the folio cannot take the
 *			bytes otherwise (buffered_write.c)
 *	issue		the page cache; if it is not there, it is read by a work
 *			while the issuer does something else
 *	retry		the server again: somebody else may have written there
 *	truncate	the page cache: the rest of the last unit becomes zeros
 *
 * Retry. Which bytes of a claim are ours is known (head and tail are not), and
 * only a first and a last unit can have both. Such a unit is read, decrypted,
 * merged with ours, and encrypted anew:
 *
 *	sent	    |ffffdddddddd|      f: theirs of then
 *	the server  |FFFFxxxxxxxx|      F: theirs of now, x: anything
 *	sent again  |FFFFdddddddd|
 *
 * and the subrequest is wound back to the beginning of a unit, so that none is
 * left half old, half new. What of our own earlier attempt arrived is no harm:
 * the same bytes at the same place encrypt to the same, so f stays f. Only the
 * block in which an acknowledged short write ended is neither; of that one, be it
 * ours or theirs, what we have is kept, and what was acknowledged by a server
 * that is not this one any more (fsync.c sends it again). With NWB_CACHE_ALWAYS
 * nobody else has the file, and nothing is read.
 */
#include "crypto.h"

static uint64_t round_down(const struct nwb_netfs *nf, uint64_t pos)
{
	return pos - pos % nf->crypto_unit;
}

/** nwb_crypto_round() - @size as the server has it: whole units. */
uint64_t nwb_crypto_round(const struct nwb_netfs *nf, uint64_t size)
{
	if (!nf->crypto)
		return size;
	return round_down(nf, size + nf->crypto_unit - 1);
}

/** nwb_crypto_size() - the size to believe in when the server says @size: ours,
 * if both are in the same last unit. A size within a unit is that of an upload
 * of ours that arrived in part, and says nothing of the content. inode->lock
 * held. */
uint64_t nwb_crypto_size(const struct nwb_inode *inode, uint64_t size)
{
	if (nwb_crypto_round(inode->nf, inode->size) ==
	    nwb_crypto_round(inode->nf, size))
		return inode->size;
	return size;
}

/** nwb_crypto_owed() - what of @s, which was acknowledged, must not be lost: the
 * bytes that were dirty. What fills their unit the server had before, but behind
 * the end of the file: if it loses that, its file ends within a unit. The last
 * byte of ours stands for it: what is sent for that has the filling, too. That
 * byte itself may have been acknowledged before, and by another instance.
 * inode->lock held. */
struct nwb_span nwb_crypto_owed(const struct nwb_folio *f, struct nwb_span s)
{
	const struct nwb_netfs *nf = f->inode->nf;
	struct nwb_span ours = nwb_span_both(s, f->ours), filling;

	if (!nwb_span_empty(ours) || nwb_span_empty(f->ours))
		return ours;
	filling.from = f->ours.to;
	filling.to = (uint32_t)nwb_crypto_round(nf, f->ours.to);
	if (nwb_span_overlaps(s, filling) &&
	    nwb_folio_pos(f) + filling.to > f->inode->size)
		ours = (struct nwb_span){f->ours.to - 1, f->ours.to};
	return ours;
}

/* --- reading -------------------------------------------------------------- */

/* One unit, of which [@from, @from + @len) is wanted. */
static int read_part(struct nwb_inode *inode, uint64_t pos, size_t from,
		     uint8_t *buf, size_t len, uint64_t remote_size,
		     bool *ret_from_server)
{
	uint8_t unit[NWB_PAGE_SIZE];
	int rc = nwb_read_raw(inode, pos, unit, inode->nf->crypto_unit,
			      remote_size, ret_from_server);

	if (rc)
		return rc;
	nwb_crypto_units(inode->nf, false, pos, unit, inode->nf->crypto_unit);
	memcpy(buf, unit + from, len);
	return 0;
}

/**
 * nwb_crypto_read() - nwb_read_raw(), decrypted; any position and length.
 * Context: blocks; no lock held.
 */
int nwb_crypto_read(struct nwb_inode *inode, uint64_t pos, uint8_t *buf,
		    size_t len, uint64_t remote_size, bool *ret_from_server)
{
	const struct nwb_netfs *nf = inode->nf;
	size_t unit = nf->crypto_unit;

	while (len) {
		size_t from = (size_t)(pos % unit);
		size_t part = nwb_min(len, unit - from);
		int rc;

		if (part == unit) {
			part = len - len % unit;
			rc = nwb_read_raw(inode, pos, buf, part, remote_size,
					  ret_from_server);
			if (!rc)
				nwb_crypto_units(nf, false, pos, buf, part);
		} else {
			rc = read_part(inode, pos - from, from, buf, part,
				       remote_size, ret_from_server);
		}
		if (rc)
			return rc;
		pos += part;
		buf += part;
		len -= part;
	}
	return 0;
}

/**
 * nwb_crypto_clear_tail() - @f was read but for @valid: the file ends where we
 * say, and not with a data unit. What a truncation has cut off is on the server
 * until the last unit was written anew (nwb_crypto_cut()). inode->lock held.
 */
void nwb_crypto_clear_tail(struct nwb_folio *f, struct nwb_span valid)
{
	uint64_t pos = nwb_folio_pos(f), size = f->inode->size;
	uint32_t end =
		size <= pos ? 0
			    : (uint32_t)nwb_min(size - pos, (uint64_t)f->bytes);

	if (end < valid.from)
		memset(f->mem + end, 0, valid.from - end);
	end = nwb_max(end, valid.to);
	if (end < f->bytes)
		memset(f->mem + end, 0, f->bytes - end);
}

/** nwb_crypto_read_past_cache() - what ->read() gives, of the content.
 * Return: bytes, 0 at the end, or negative errno. Context: blocks. */
ssize_t nwb_crypto_read_past_cache(struct nwb_inode *inode, uint64_t pos,
				   uint8_t *buf, size_t len)
{
	uint64_t size = nwb_inode_size(inode);
	int rc;

	if (pos >= size)
		return 0;
	len = (size_t)nwb_min((uint64_t)len, size - pos);
	rc = nwb_crypto_read(inode, pos, buf, len, UINT64_MAX, NULL);
	return rc ? rc : (ssize_t)len;
}

/* --- before the first issue ----------------------------------------------- */

/** nwb_crypto_span() - @s of a folio, and the rest of its units. */
struct nwb_span nwb_crypto_span(const struct nwb_netfs *nf, struct nwb_span s)
{
	s.from = (uint32_t)round_down(nf, s.from);
	s.to = (uint32_t)nwb_crypto_round(nf, s.to);
	return s;
}

static bool is_whole(const struct nwb_folio *f)
{
	struct nwb_span all = nwb_crypto_span(f->inode->nf, f->dirty);

	if (nwb_mutant(f->inode->nf, NWB_MUT_RMW_NO_TAIL))
		all.to = f->dirty.to;
	return (f->flags & NWB_FOLIO_UPTODATE) ||
	       nwb_span_contains(f->valid, all);
}

/* What a unit lacks could not be read: for how long has the server been away? */
static void note_away(struct nwb_inode *inode, int error)
{
	if (error == -EHOSTDOWN && inode->nf->ops->away_ns)
		atomic_store(&inode->fill_away_ns,
			     inode->nf->ops->away_ns(inode));
}

/* What @f lacks, or why it cannot be had. inode->lock held, dropped and taken
 * again. */
static void fill(struct nwb_folio *f)
{
	f->fill_error = nwb_folio_fill_marked(f);
	note_away(f->inode, f->fill_error);
}

/**
 * nwb_crypto_look_at() - are all units of @f there that are dirty in part? If
 * not, they are being read from now on.
 * @is_locked: by the caller, NWB_FOLIO_FILLING is his: they are read at once
 * Return: 0: yes, or they cannot be had (f->fill_error); -EBUSY: not yet.
 * Context: issuer; inode->lock held, dropped and taken again if @is_locked.
 */
int nwb_crypto_look_at(struct nwb_folio *f, bool is_locked)
{
	if (is_whole(f) || f->fill_error)
		return 0;
	if ((f->flags & NWB_FOLIO_FILLING) && !is_locked)
		return -EBUSY;
	if (nwb_folio_fill_zero(f))
		return 0;
	/* the server may have half of what is on its way */
	if (f->nr_claims)
		return -EBUSY;
	if (is_locked) {
		fill(f);
		f->flags |= NWB_FOLIO_FILLING;
		return is_whole(f) || f->fill_error ? 0 : -EAGAIN;
	}
	nwb_folio_unclean(f);
	f->flags |= NWB_FOLIO_FILLING;
	nwb_crypto_fill_queue(f);
	return -EBUSY;
}

/** nwb_crypto_take() - what of @f the claim @c of @s takes: whole units, or,
 * where they could not be had, an error. inode->lock held. */
struct nwb_span nwb_crypto_take(struct nwb_folio *f, struct nwb_claim *c,
				struct nwb_span s)
{
	struct nwb_span all = nwb_crypto_span(f->inode->nf, s);

	if (!is_whole(f)) {
		c->error = f->fill_error;
		f->fill_error = 0;
		nwb_assert(c->error);
		return s;
	}
	f->fill_error = 0;
	c->head = s.from - all.from;
	c->tail = all.to - s.to;
	f->ours = f->nr_claims ? nwb_span_hull(f->ours, s) : s;
	return all;
}

/* A folio is pinned by its flag, and the inode by the folio. */
void nwb_crypto_fill_main(struct nwb_work *work)
{
	struct nwb_netfs *nf = nwb_crypto_netfs_of_fill(work);

	for (;;) {
		struct nwb_inode *inode;
		struct nwb_folio *f;

		nwb_mutex_lock(&nf->lock);
		if (nwb_list_empty(&nf->crypto_fills)) {
			nwb_mutex_unlock(&nf->lock);
			return;
		}
		f = nwb_list_first(&nf->crypto_fills, struct nwb_folio, lru);
		nwb_list_del(&f->lru);
		nwb_mutex_unlock(&nf->lock);
		inode = f->inode;
		nwb_count(nf, crypto_fills, 1);
		nwb_mutex_lock(&inode->lock);
		fill(f);
		/* whoever came by meanwhile has left it for later */
		atomic_store(&inode->is_wanted, true);
		nwb_flusher_kick(nf);
		nwb_mutex_unlock(&inode->lock);
	}
}

/* --- before a retry ------------------------------------------------------- */

/* [from, to) of a file. */
struct range {
	uint64_t from, to;
};

/* What @c's folio has of ours besides: acknowledged by an instance that is not
 * the one that was read from, so it may be lost there, and will be sent again. */
static struct range kept(const struct nwb_claim *c, uint32_t instance)
{
	const struct nwb_folio *f = c->folio;
	struct nwb_inode *inode = f->inode;
	uint64_t fpos = nwb_folio_pos(f);
	struct range r = {0, 0};

	nwb_mutex_lock(&inode->lock);
	if ((f->flags & NWB_FOLIO_UNSTABLE) && f->instance != instance)
		r = (struct range){fpos + f->unstable.from,
				   fpos + f->unstable.to};
	nwb_mutex_unlock(&inode->lock);
	return r;
}

/* A unit, and the instance that it came from. */
static int read_unit(struct nwb_inode *inode, uint64_t pos, uint8_t *unit,
		     uint32_t *ret_instance)
{
	struct nwb_netfs *nf = inode->nf;
	uint32_t before = 0, after = 0;
	int rc;

	for (uint32_t i = 0; i < nf->opts.max_attempts; i++) {
		rc = nf->ops->ready ? nf->ops->ready(inode, &before) : 0;
		if (!rc)
			rc = nwb_crypto_read(inode, pos, unit, nf->crypto_unit,
					     UINT64_MAX, NULL);
		if (!rc && nf->ops->ready)
			rc = nf->ops->ready(inode, &after);
		*ret_instance = after;
		if (rc || before == after)
			return rc;
	}
	return -EIO;
}

/* Theirs of now also in the page cache, where nobody has written since. */
static void update_folio(struct nwb_folio *f, uint64_t pos,
			 const uint8_t *theirs, struct range part)
{
	struct nwb_inode *inode = f->inode;
	uint64_t fpos = nwb_folio_pos(f);

	nwb_mutex_lock(&inode->lock);
	for (uint64_t at = part.from; at < part.to; at++) {
		uint32_t off = (uint32_t)(at - fpos);

		if ((f->flags & NWB_FOLIO_DIRTY) && off >= f->dirty.from &&
		    off < f->dirty.to)
			continue;
		if (at < inode->size)
			f->mem[off] = theirs[at - pos];
	}
	nwb_mutex_unlock(&inode->lock);
}

static bool is_in(uint64_t at, struct range r)
{
	return at >= r.from && at < r.to;
}

/* Bytes of @part but those in @keep and in @torn. True: they are not what they
 * were. */
static bool merge(uint64_t pos, uint8_t *mine, const uint8_t *theirs,
		  struct range part, struct range keep, struct range torn)
{
	bool has_changed = false;

	for (uint64_t at = part.from; at < part.to; at++) {
		if (is_in(at, keep) || is_in(at, torn))
			continue;
		has_changed |= mine[at - pos] != theirs[at - pos];
		mine[at - pos] = theirs[at - pos];
	}
	return has_changed;
}

/* The unit at @pos of @c, of which [ours.from, ours.to) is ours. */
static int refresh_unit(struct nwb_claim *c, uint64_t pos, struct range ours)
{
	uint8_t mine[NWB_PAGE_SIZE], theirs[NWB_PAGE_SIZE];
	struct nwb_inode *inode = c->folio->inode;
	struct nwb_netfs *nf = inode->nf;
	size_t unit = nf->crypto_unit;
	struct range head = {pos, nwb_max(pos, nwb_min(ours.from, pos + unit))};
	struct range tail = {nwb_min(pos + unit, nwb_max(ours.to, pos)),
			     pos + unit};
	struct range torn = {c->start + c->torn.from, c->start + c->torn.to};
	uint8_t *mem = c->mem + (pos - c->start);
	struct range keep;
	uint32_t instance = 0;
	uint64_t size;
	bool has_changed;
	int rc = read_unit(inode, pos, theirs, &instance);

	if (rc)
		return rc;
	/* behind the end there is nothing of theirs */
	size = nwb_inode_size(inode);
	tail.to = nwb_max(tail.from, nwb_min(tail.to, size));
	keep = kept(c, instance);
	nwb_count(nf, crypto_refreshed, 1);
	memcpy(mine, mem, unit);
	nwb_crypto_units(nf, false, pos, mine, unit);
	has_changed = merge(pos, mine, theirs, head, keep, torn);
	has_changed |= merge(pos, mine, theirs, tail, keep, torn);
	if (!has_changed)
		return 0;
	nwb_count(nf, crypto_changed, 1);
	update_folio(c->folio, pos, mine, head);
	update_folio(c->folio, pos, mine, tail);
	nwb_crypto_units(nf, true, pos, mine, unit);
	memcpy(mem, mine, unit);
	/* what they have been given is not the server's any more */
	nwb_sides_invalidate(inode);
	return 0;
}

static struct range ours_of(const struct nwb_claim *c)
{
	return (struct range){c->start + c->head, c->start + c->len - c->tail};
}

/* An acknowledged short write ended at @at: of the block that this is in the
 * server has no right version any more, until all of it is acknowledged. */
static void note_torn(struct nwb_claim *c, uint64_t at)
{
	struct nwb_span block;

	if (at % NWB_CRYPTO_BLOCK == 0 || at < c->start ||
	    at >= c->start + c->len ||
	    nwb_mutant(c->folio->inode->nf, NWB_MUT_TORN_BELIEVED))
		return;
	block.from =
		(uint32_t)(at - c->start) / NWB_CRYPTO_BLOCK * NWB_CRYPTO_BLOCK;
	block.to = block.from + NWB_CRYPTO_BLOCK;
	c->torn = nwb_span_hull(c->torn, block);
}

/* The units of @c that are ours in part and overlap [@from, @to). */
static int refresh_claim(struct nwb_claim *c, uint64_t from, uint64_t to)
{
	size_t unit = c->folio->inode->nf->crypto_unit;
	uint64_t first = c->start, last = c->start + c->len - unit;
	struct range ours = ours_of(c);
	int rc = 0;

	if ((c->head || (c->tail && first == last)) && first < to &&
	    first + unit > from)
		rc = refresh_unit(c, first, ours);
	if (!rc && c->tail && last != first && last < to && last + unit > from)
		rc = refresh_unit(c, last, ours);
	return rc;
}

/* The first claim that ends behind @pos; none can end while a retry is due. */
static struct nwb_claim *claim_behind(struct nwb_io_request *rreq, uint64_t pos)
{
	struct nwb_claim *c, *found = NULL;

	nwb_mutex_lock(&rreq->lock);
	nwb_list_for_each_entry (c, &rreq->claims, link) {
		if (!c->folio || c->is_copy || c->start + c->len <= pos)
			continue;
		found = c;
		break;
	}
	nwb_mutex_unlock(&rreq->lock);
	return found;
}

/**
 * nwb_crypto_refresh() - before @q is sent again: what of its units is not ours
 * as the server has it now. A failure is remembered in the claim: what is sent
 * of it fails.
 * Context: retryer, nothing of the stream in flight; blocks; no lock held.
 */
void nwb_crypto_refresh(struct nwb_sreq *q)
{
	struct nwb_io_request *rreq = q->s.rreq;
	uint64_t torn_at = q->s.start + q->s.transferred;
	uint64_t pos = round_down(rreq->nf, torn_at);
	uint64_t end = q->s.start + nwb_sreq_span(q);
	struct nwb_claim *c;

	if (rreq->nf->opts.cache_mode == NWB_CACHE_ALWAYS ||
	    nwb_mutant(rreq->nf, NWB_MUT_CRYPT_NO_RMW))
		return;
	while (pos < end && (c = claim_behind(rreq, pos)) && c->start < end) {
		if (q->s.transferred)
			note_torn(c, torn_at);
		if (!c->error) {
			c->error = refresh_claim(c, pos, end);
			note_away(rreq->inode, c->error);
		}
		if (c->error)
			atomic_store(&rreq->has_claim_error, true);
		pos = c->start + c->len;
	}
}

/** nwb_crypto_wind_back() - how much of @q counts as transferred when it is
 * sent again: whole units. */
size_t nwb_crypto_wind_back(const struct nwb_sreq *q)
{
	uint64_t to = round_down(q->s.rreq->nf, q->s.start + q->s.transferred);

	return to > q->s.start ? (size_t)(to - q->s.start) : 0;
}

/** nwb_crypto_error() - why nothing of [@start, @start + @len) can be sent, or
 * 0. Claims behind issued_to are in no subrequest yet. No lock held. */
int nwb_crypto_error(struct nwb_io_request *rreq, uint64_t start, size_t len)
{
	uint64_t issued_to = atomic_load(&rreq->issued_to);
	uint64_t pos = start;
	struct nwb_claim *c;

	if (!atomic_load(&rreq->has_claim_error))
		return 0;
	while ((c = claim_behind(rreq, pos)) && c->start < start + len &&
	       c->start <= issued_to) {
		if (c->error)
			return c->error;
		pos = c->start + c->len;
	}
	return 0;
}

/* --- truncate ------------------------------------------------------------- */

/* The folio of @pos, uptodate. inode->lock held, dropped and taken again. */
static int get_uptodate(struct nwb_inode *inode, uint64_t pos,
			struct nwb_folio **ret_folio)
{
	uint64_t index = pos >> NWB_PAGE_SHIFT;

	for (;;) {
		struct nwb_folio *f = nwb_folio_find(inode, index);
		int rc = 0;

		if (!(f && (f->flags & NWB_FOLIO_UPTODATE)) &&
		    nwb_invalidate_wait(inode))
			continue;
		if (!f)
			rc = nwb_folio_create(inode, index, 0, &f);
		if (rc == -EAGAIN) {
			nwb_mutex_unlock(&inode->lock);
			nwb_cache_wait(inode->nf);
			nwb_mutex_lock(&inode->lock);
			continue;
		}
		if (rc)
			return rc;
		if ((f->flags & NWB_FOLIO_FILLING) || f->nr_claims) {
			(void)nwb_waitq_wait(&inode->waitq, &inode->lock,
					     NWB_NEVER);
			continue;
		}
		if (f->flags & NWB_FOLIO_UPTODATE) {
			*ret_folio = f;
			return 0;
		}
		rc = nwb_folio_fill(f);
		if (rc)
			return rc;
	}
}

/**
 * nwb_crypto_cut() - the file ends at @size now, and the server's behind the
 * unit of that: what lies between is written anew, as zeros.
 *
 * Only what is dirty is written, and nothing is behind the end of a file: so the
 * last byte before it is called dirty, though nobody wrote it, and goes out as it
 * was read. That costs one thing: of a unit's other bytes a retry takes those
 * that a second client has put there meanwhile, of this one it does not. Before
 * the first WRITE the same may happen to any byte of a unit that is written in
 * part (clients that share a file unguarded). It is over when this returns, with
 * the unit made durable.
 * Context: inode->io_lock held; blocks.
 */
int nwb_crypto_cut(struct nwb_inode *inode, uint64_t size)
{
	struct nwb_folio *f;
	struct nwb_span last;
	int rc;

	if (!inode->nf->crypto || !(size % inode->nf->crypto_unit))
		return 0;
	nwb_mutex_lock(&inode->lock);
	rc = get_uptodate(inode, size - 1, &f);
	if (!rc) {
		last.to = (uint32_t)(size - nwb_folio_pos(f));
		last.from = last.to - 1;
		nwb_folio_forget_copy(f);
		memset(f->mem + last.to, 0, f->bytes - last.to);
		nwb_folio_set_dirty(f, nwb_span_hull(f->dirty, last));
	}
	nwb_mutex_unlock(&inode->lock);
	return rc ? rc : nwb_inode_commit(inode);
}
