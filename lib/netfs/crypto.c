/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Content crypto: the server, the mirror and the local cache get cipher text.
 *
 * The cipher is AES-128 in XTS mode (IEEE 1619), by nettle, one data unit after
 * the other; the tweak is the number of the unit in its file. fs/netfs has only
 * the places where it would be done (four remarks in netfs_retry_writes()); the
 * rules here are those of fs/crypto and of Ceph's use of it.
 *
 *	dirty bytes	      |      dddddddddddd    |
 *	claim: whole units    |ffffffdddddddddddd|fff|	f: filled, 0 beyond EOF
 *	                          │ copied, so that it stays as it is
 *	bounce memory	      |pppppppppppppppppppppp| ──► queue
 *	                                                   │ work: encrypt
 *	subrequests	      [    1    ][     2     ]     ▼
 *	                         wait     wait        crypto_to, ascending
 *	                           └────────┴── issued by the work ──┘
 *
 * Read-modify-write. What a unit lacks is read and decrypted first, by another
 * work (crypto_rmw.c), while the issuer goes on with other folios; it may have
 * to wait for credits, and those may lie with subrequests that wait for the
 * encryption, so the two never wait for each other. Encryption does no I/O but
 * to issue what it was waited for, and that has its credits before it waits
 * (->hold_write()): all there are may lie with others behind it.
 *
 * Collecting stops at crypto_to, so no claim ends before it was encrypted.
 *
 * A block of 16 zero bytes in the cipher text is a hole, and reads as zeros:
 * nothing encrypts to it but once in 2^128, and sparse files stay sparse.
 *
 * The size. The server's file ends with a whole unit, so only who wrote it knows
 * where the content ends: a filesystem that keeps that somewhere (Ceph: an
 * extended attribute) gives it to nwb_inode_new(); without it a file that is
 * opened anew has zeros up to the end of its last unit.
 *
 * What is torn: a unit of which a server kept only a part (it crashed, a write
 * came back short) is readable by blocks of 16 bytes; the one block that was
 * hit is not, until the unit is written again, which the retry does.
 *
 * One key a mount: equal content at the same offset of two files looks the
 * same. A real filesystem derives a key for each file.
 */
#include "crypto.h"

#include <nettle/xts.h>

struct nwb_crypto {
	struct nwb_netfs *nf;
	struct xts_aes128_key enc, dec;
	struct nwb_work work;
	struct nwb_work fill_work;
};

/* --- the cipher ----------------------------------------------------------- */

static bool is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void decrypt_unit(struct nwb_crypto *k, const uint8_t tweak[16],
			 uint8_t *mem, size_t unit)
{
	bool is_hole[NWB_PAGE_SIZE / NWB_CRYPTO_BLOCK];
	size_t nr = unit / NWB_CRYPTO_BLOCK;

	for (size_t i = 0; i < nr; i++)
		is_hole[i] =
			is_zero(mem + i * NWB_CRYPTO_BLOCK, NWB_CRYPTO_BLOCK);
	xts_aes128_decrypt_message(&k->dec, tweak, unit, mem, mem);
	for (size_t i = 0; i < nr; i++)
		if (is_hole[i])
			memset(mem + i * NWB_CRYPTO_BLOCK, 0, NWB_CRYPTO_BLOCK);
}

/**
 * nwb_crypto_units() - encrypt or decrypt whole units in place.
 * @pos: file position of the first one
 */
void nwb_crypto_units(const struct nwb_netfs *nf, bool is_encrypting,
		      uint64_t pos, uint8_t *mem, size_t len)
{
	size_t unit = nf->crypto_unit;

	nwb_assert(pos % unit == 0 && len % unit == 0);
	for (size_t off = 0; off < len; off += unit) {
		uint64_t nr = (pos + off) / unit;
		uint8_t tweak[16] = {0};

		for (unsigned int i = 0; i < 8; i++)
			tweak[i] = (uint8_t)(nr >> (8 * i));
		if (is_encrypting)
			xts_aes128_encrypt_message(&nf->crypto->enc, tweak,
						   unit, mem + off, mem + off);
		else
			decrypt_unit(nf->crypto, tweak, mem + off, unit);
	}
}

void nwb_inode_decrypt(const struct nwb_inode *inode, uint64_t pos, void *buf,
		       size_t len)
{
	if (inode->nf->crypto)
		nwb_crypto_units(inode->nf, false, pos, buf, len);
}

/* --- preparation ---------------------------------------------------------- */

/**
 * nwb_crypto_prepare() - begin to encrypt @c, which is the last of @rreq's
 * claims so far. Context: issuer; no lock held.
 */
void nwb_crypto_prepare(struct nwb_io_request *rreq, struct nwb_claim *c)
{
	struct nwb_netfs *nf = rreq->nf;

	nwb_request_get(rreq); /* CRYPTO */
	nwb_mutex_lock(&nf->lock);
	c->rreq = rreq;
	nwb_list_add_tail(&nf->crypto_queue, &c->crypto_link);
	nwb_mutex_unlock(&nf->lock);
	(void)nwb_work_queue(&nf->crypto->work);
}

/**
 * nwb_crypto_may_issue() - is all of @q encrypted? If not it is issued when it
 * is, and belongs to somebody else now. Blocks, for what that one must not wait
 * for.
 */
bool nwb_crypto_may_issue(struct nwb_sreq *q)
{
	struct nwb_io_request *rreq = q->s.rreq;
	const struct nwb_netfs_ops *ops = rreq->nf->ops;
	bool may = atomic_load(&rreq->crypto_to) >= q->s.start + q->s.len;

	if (!may && !q->s.stream_nr && !q->prepare_error && ops->hold_write) {
		nwb_batch_flush(rreq); /* may hold what is waited for */
		q->prepare_error = ops->hold_write(&q->s);
	}
	nwb_mutex_lock(&rreq->lock);
	may = atomic_load(&rreq->crypto_to) >= q->s.start + q->s.len;
	if (!may)
		nwb_list_add_tail(&rreq->crypto_waiting, &q->crypto_link);
	nwb_mutex_unlock(&rreq->lock);
	if (!may)
		nwb_count(rreq->nf, crypto_waits, 1);
	return may;
}

/* The next one that need not wait any more, or NULL. */
static struct nwb_sreq *take_ready(struct nwb_io_request *rreq)
{
	struct nwb_sreq *q, *found = NULL;

	nwb_mutex_lock(&rreq->lock);
	nwb_list_for_each_entry (q, &rreq->crypto_waiting, crypto_link) {
		if (q->s.start + q->s.len > atomic_load(&rreq->crypto_to))
			continue;
		found = q;
		nwb_list_del(&q->crypto_link);
		break;
	}
	nwb_mutex_unlock(&rreq->lock);
	return found;
}

/* All of @rreq below @to is encrypted. */
static void advance(struct nwb_io_request *rreq, uint64_t to)
{
	struct nwb_sreq *q;

	nwb_mutex_lock(&rreq->lock);
	nwb_assert(atomic_load(&rreq->crypto_to) <= to);
	atomic_store(&rreq->crypto_to, to);
	nwb_mutex_unlock(&rreq->lock);
	while ((q = take_ready(rreq)))
		nwb_sreq_issue(q);
	(void)nwb_work_queue(&rreq->work); /* it stops at crypto_to */
	nwb_request_put(rreq);		   /* CRYPTO */
}

static struct nwb_claim *next_claim(struct nwb_netfs *nf)
{
	struct nwb_claim *c = NULL;

	nwb_mutex_lock(&nf->lock);
	if (!nwb_list_empty(&nf->crypto_queue)) {
		c = nwb_list_first(&nf->crypto_queue, struct nwb_claim,
				   crypto_link);
		nwb_list_del(&c->crypto_link);
	}
	nwb_mutex_unlock(&nf->lock);
	return c;
}

/* The defect that bytes go out as they are: every 64th unit of a file. */
static void forget_some(struct nwb_netfs *nf, uint64_t pos, uint8_t *mem,
			size_t len)
{
	size_t unit = nf->crypto_unit;

	for (size_t off = 0; off < len; off += unit)
		if ((pos + off) / unit % 64 == 5)
			nwb_crypto_units(nf, false, pos + off, mem + off, unit);
}

static void encrypt_main(struct nwb_work *work)
{
	struct nwb_crypto *k = nwb_container_of(work, struct nwb_crypto, work);
	struct nwb_netfs *nf = k->nf;
	struct nwb_claim *c;

	while ((c = next_claim(nf))) {
		size_t len = (size_t)c->pre + c->len + c->post;

		if (!c->error) {
			nwb_crypto_units(nf, true, c->start - c->pre,
					 c->mem - c->pre, len);
			if (nwb_mutant(nf, NWB_MUT_CRYPT_PLAIN))
				forget_some(nf, c->start - c->pre,
					    c->mem - c->pre, len);
			nwb_count(nf, crypto_bytes, len);
		}
		advance(c->rreq, nwb_claim_end(c));
	}
}

/* --- birth and death ------------------------------------------------------ */

static int check_opts(const struct nwb_netfs_opts *o, struct nwb_err *err)
{
	uint32_t unit = o->crypto_unit;

	if (unit < NWB_CRYPTO_UNIT_MIN || unit > NWB_PAGE_SIZE ||
	    (unit & (unit - 1)))
		return nwb_err_set(err, -EINVAL,
				   "data unit of %u bytes: not a power of two "
				   "from %u to %u",
				   unit, NWB_CRYPTO_UNIT_MIN, NWB_PAGE_SIZE);
	if (o->no_copy)
		return nwb_err_set(
			err, -EINVAL,
			"content crypto encrypts a copy: not without "
			"one");
	if (o->flavour != NWB_STRICT)
		return nwb_err_set(err, -EOPNOTSUPP,
				   "content crypto needs flavour strict: no "
				   "kernel has it in fs/netfs");
	return 0;
}

/** nwb_crypto_init() - as nf->opts say; nothing when there is no key. */
int nwb_crypto_init(struct nwb_netfs *nf, struct nwb_err *err)
{
	struct nwb_netfs_opts *o = &nf->opts;
	struct nwb_crypto *k;
	int rc;

	nwb_list_init(&nf->crypto_queue);
	nwb_list_init(&nf->crypto_fills);
	if (!o->crypto_key)
		return 0;
	if (!o->crypto_unit)
		o->crypto_unit = NWB_PAGE_SIZE;
	rc = check_opts(o, err);
	if (rc)
		return rc;
	k = nwb_zalloc(sizeof(*k));
	if (!k)
		return nwb_err_set(err, -ENOMEM, "no memory for a key");
	k->nf = nf;
	xts_aes128_set_encrypt_key(&k->enc, o->crypto_key);
	xts_aes128_set_decrypt_key(&k->dec, o->crypto_key);
	nwb_work_init(&k->work, nf->ex, encrypt_main, "netfs crypto");
	nwb_work_init(&k->fill_work, nf->ex, nwb_crypto_fill_main,
		      "netfs crypto fill");
	o->crypto_key = NULL; /* the caller's */
	nf->crypto_unit = o->crypto_unit;
	nf->crypto = k;
	return 0;
}

/** nwb_crypto_fini() - no inode is left. */
void nwb_crypto_fini(struct nwb_netfs *nf)
{
	if (!nf->crypto)
		return;
	nwb_assert(nwb_list_empty(&nf->crypto_queue));
	nwb_assert(nwb_list_empty(&nf->crypto_fills));
	nwb_work_cancel_sync(&nf->crypto->work);
	nwb_work_cancel_sync(&nf->crypto->fill_work);
	memset(nf->crypto, 0, sizeof(*nf->crypto));
	nwb_free(nf->crypto);
	nf->crypto = NULL;
}

/** nwb_crypto_fill_queue() - let the work fill @f, which is marked FILLING. */
void nwb_crypto_fill_queue(struct nwb_folio *f)
{
	struct nwb_netfs *nf = f->inode->nf;

	nwb_mutex_lock(&nf->lock);
	nwb_list_add_tail(&nf->crypto_fills, &f->lru);
	nwb_mutex_unlock(&nf->lock);
	(void)nwb_work_queue(&nf->crypto->fill_work);
}

/** nwb_crypto_netfs_of_fill() - whose fill_work it is. */
struct nwb_netfs *nwb_crypto_netfs_of_fill(struct nwb_work *work)
{
	return nwb_container_of(work, struct nwb_crypto, fill_work)->nf;
}
