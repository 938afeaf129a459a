/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of content in the order in which they take effect, and reads held
 * against them; see shadow_i.h. */
#include "shadow_i.h"

#include <stdio.h>
#include <string.h>

#define NO_TOKEN UINT64_MAX

/* --- one change at a time for each byte -------------------------------------
 */

static bool overlaps(const struct nwb_snode *n, uint64_t off, uint64_t end)
{
	for (uint64_t m = n->changing; m; m &= m - 1) {
		const struct range *r = &n->change[__builtin_ctzll(m)];

		if (r->off < end && off < r->end)
			return true;
	}
	return false;
}

void nwb_shadow_begin(struct nwb_shadow *sh nwb_unused, struct nwb_snode *n,
		      uint64_t off, uint64_t len, unsigned int *ret_token)
{
	uint64_t end = len > UINT64_MAX - off ? UINT64_MAX : off + len;

	pthread_mutex_lock(&n->lock);
	while (n->changing == UINT64_MAX || overlaps(n, off, end))
		pthread_cond_wait(&n->is_done, &n->lock);
	*ret_token = (unsigned int)__builtin_ctzll(~n->changing);
	n->changing |= 1ull << *ret_token;
	n->change[*ret_token] = (struct range){off, end};
	n->seq++;
	pthread_mutex_unlock(&n->lock);
}

/* Under the node's lock. */
static void end_change(struct nwb_snode *n, unsigned int token)
{
	n->changing &= ~(1ull << token);
	pthread_cond_broadcast(&n->is_done);
}

static void give_up(struct nwb_shadow *sh, struct nwb_snode *n)
{
	if (!n->is_given_up)
		shadow_trouble(sh, "the copy of what was written is full, or a "
				   "file is too large for it");
	n->is_given_up = true;
}

void nwb_shadow_write(struct nwb_shadow *sh, struct nwb_snode *n,
		      unsigned int token, const void *buf, uint64_t len)
{
	uint64_t off = n->change[token].off;

	pthread_mutex_lock(&n->lock);
	if (!n->is_given_up && (!pages_write(sh, n, buf, len, off) ||
				!ranges_sub(&n->released, off, off + len) ||
				!ranges_add(&n->dirty, off, off + len)))
		give_up(sh, n);
	n->size = nwb_max(n->size, off + len);
	end_change(n, token);
	pthread_mutex_unlock(&n->lock);
}

void nwb_shadow_truncate(struct nwb_shadow *sh, struct nwb_snode *n,
			 unsigned int token)
{
	uint64_t size = n->change[token].off;

	pthread_mutex_lock(&n->lock);
	pages_cut(sh, n, size);
	if (!ranges_sub(&n->released, size, UINT64_MAX) ||
	    !ranges_add(&n->dirty, nwb_min(size, n->size), UINT64_MAX))
		give_up(sh, n);
	n->size = size;
	n->is_size_unknown = false;
	end_change(n, token);
	pthread_mutex_unlock(&n->lock);
}

void nwb_shadow_release(struct nwb_shadow *sh, struct nwb_snode *n,
			unsigned int token, bool is_known)
{
	const struct range *r = &n->change[token];

	pthread_mutex_lock(&n->lock);
	if (!is_known) {
		if (!ranges_add(&n->released, r->off, r->end))
			give_up(sh, n);
		n->is_size_unknown |= r->end > n->size;
	}
	end_change(n, token);
	pthread_mutex_unlock(&n->lock);
}

/* --- promises ------------------------------------------------------------- */

uint64_t nwb_shadow_fsync_begin(struct nwb_shadow *sh nwb_unused,
				struct nwb_snode *n)
{
	uint64_t token;

	pthread_mutex_lock(&n->lock);
	token = n->changing ? NO_TOKEN : n->seq;
	pthread_mutex_unlock(&n->lock);
	return token;
}

void nwb_shadow_fsynced(struct nwb_shadow *sh, struct nwb_snode *n,
			uint64_t token, int rc, bool is_durable)
{
	pthread_mutex_lock(&n->lock);
	if (rc) {
		for (unsigned int i = 0; i < n->dirty.nr; i++)
			if (!ranges_add(&n->released, n->dirty.r[i].off,
					n->dirty.r[i].end))
				give_up(sh, n);
		/* of what was lost, the size may be a part */
		n->is_size_unknown |= n->dirty.nr > 0;
		n->dirty.nr = 0;
	} else if (is_durable && token == n->seq) {
		/* else something was written meanwhile: keep it all */
		n->dirty.nr = 0;
	}
	pthread_mutex_unlock(&n->lock);
}

/* --- reads ---------------------------------------------------------------- */

uint64_t nwb_shadow_read_begin(struct nwb_shadow *sh nwb_unused,
			       struct nwb_snode *n)
{
	return nwb_shadow_fsync_begin(sh, n);
}

/* Under the node's lock. Return: where @buf differs, or @got. */
static uint64_t first_difference(const struct nwb_shadow *sh,
				 const struct nwb_snode *n, const uint8_t *buf,
				 uint64_t got, uint64_t off)
{
	static const uint8_t zero[SHADOW_PAGE];
	uint64_t at = 0;

	while (at < got) {
		uint64_t pos = off + at, in = pos % SHADOW_PAGE;
		uint64_t part = nwb_min(got - at, SHADOW_PAGE - in);
		const struct range *r = ranges_next(&n->released, pos);
		const uint8_t *page;

		if (r && r->off <= pos) {
			at = nwb_min(r->end - off, got);
			continue;
		}
		if (r && r->off < pos + part)
			part = r->off - pos;
		page = pages_find(sh, n, pos);
		page = page ? page + in : zero;
		if (memcmp(buf + at, page, part)) {
			while (buf[at] == *page++)
				at++;
			return at;
		}
		at += part;
	}
	return got;
}

static void found_read(struct nwb_shadow *sh, struct nwb_snode *n,
		       const uint8_t *buf, uint64_t got, uint64_t off,
		       uint64_t at)
{
	struct nwb_shadow_finding f = {
		.oracle = 12,
		.kind = "STALE-READ",
		.off = off + at,
		.len = got - at,
	};
	uint64_t line = (off + at) / 16 * 16;
	uint8_t was[16] = {0};

	/* the lane in which it differs, as far as it was read */
	line = nwb_max(line, off);
	for (unsigned int i = 0; i < sizeof(was); i++) {
		const uint8_t *page = pages_find(sh, n, line + i);

		was[i] = page ? page[(line + i) % SHADOW_PAGE] : 0;
	}
	snprintf(f.text, sizeof(f.text),
		 "a read did not return what was written before");
	shadow_hexdump(f.detail, sizeof(f.detail), "written", was, "read",
		       buf + (line - off), got - (line - off), line);
	shadow_found(sh, &f, n);
}

static void found_short(struct nwb_shadow *sh, struct nwb_snode *n,
			uint64_t got, uint64_t due, uint64_t off)
{
	struct nwb_shadow_finding f = {
		.oracle = 12,
		.kind = got < due ? "SHORT" : "LONG",
		.off = off,
		.len = due,
	};

	snprintf(f.text, sizeof(f.text),
		 "a read returned %llu bytes; the file is %llu long",
		 (unsigned long long)got, (unsigned long long)n->size);
	shadow_found(sh, &f, n);
}

void nwb_shadow_read(struct nwb_shadow *sh, struct nwb_snode *n, uint64_t token,
		     const void *buf, uint64_t got, uint64_t want, uint64_t off)
{
	bool is_raced;
	uint64_t due, at;

	pthread_mutex_lock(&n->lock);
	is_raced = token == NO_TOKEN || token != n->seq;
	if (!is_raced && !n->is_given_up) {
		due = n->size > off ? nwb_min(want, n->size - off) : 0;
		at = first_difference(sh, n, buf, nwb_min(got, due), off);
		if (at < nwb_min(got, due))
			found_read(sh, n, buf, got, off, at);
		else if (!n->is_size_unknown && got != due)
			found_short(sh, n, got, due, off);
	}
	pthread_mutex_unlock(&n->lock);
	pthread_mutex_lock(&sh->lock);
	sh->stats.nr_reads++;
	sh->stats.nr_reads_raced += is_raced;
	sh->stats.bytes_read += is_raced ? 0 : got;
	pthread_mutex_unlock(&sh->lock);
}
