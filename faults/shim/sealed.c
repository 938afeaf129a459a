/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Encrypted sessions of smbd. On the socket there is ciphertext; what it is
 * about is seen where smbd decrypts and encrypts:
 *
 *	recvmsg ─► sh_sealed_arrived: whose frame it is
 *	   └► decrypt hook ─► sh_unsealed: requests, rules, the cut before one
 *	encrypt hook ─► sh_seal: credits; the plain head is kept under the nonce
 *	   └► sendmsg ─► sh_sealed_take: what the frame with this nonce says
 *
 * smbd decrypts a frame right after it has read it whole, on the same thread,
 * and reads no further before: so the connection of the frame that arrived last
 * is the one. A request that a rule cuts before is not executed because the
 * decryption is made to fail.
 */
#include "shim_i.h"

#include <stdlib.h>
#include <string.h>

#define TRANSFORM   52u
#define NONCE_AT    20u
#define NONCE_LEN   16u
#define KEPT_MAX    16384u
#define HEAD_SINGLE (64u + 160u)

struct kept {
	struct kept *next;
	uint8_t nonce[NONCE_LEN];
	uint32_t len;
	uint8_t head[];
};

static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept *kept, **kept_end = &kept; /* oldest first */
static unsigned int nr_kept;
static __thread struct sh_conn *arrived;
static __thread struct kept *sealing;

bool sh_is_sealed(const uint8_t *pdu, size_t len)
{
	return len >= 4 && !memcmp(pdu, "\xfdSMB", 4);
}

/* sh_sealed_arrived() - a whole encrypted frame of @c was read; with c->lock.
 */
void sh_sealed_arrived(struct sh_conn *c)
{
	/* The one before it was decrypted without the hook. */
	if (c->nr_unopened ||
	    atomic_load(&sh.page->seal) == NWB_FC_SEAL_MISSING)
		sh_count(&sh.page->nr_encrypted);
	c->nr_unopened = 1;
	arrived = c;
}

/* each() - the requests of one message; Return: the cut before one of them. */
static uint16_t each(struct sh_conn *c, const uint8_t *pdu, size_t len)
{
	struct sh_pdu p;
	uint16_t cut;

	for (;;) {
		if (!sh_smb_decode(pdu, len, &p) || p.is_reply) {
			sh_count(&sh.page->nr_unparsed);
			return 0;
		}
		c->rx.payload = (uintptr_t)pdu + 64 + 48;
		cut = sh_request(c, &p);
		c->rx.payload = 0;
		if (cut || !p.next)
			return cut;
		if (p.next >= len) {
			sh_count(&sh.page->nr_unparsed);
			return 0;
		}
		pdu += p.next;
		len -= p.next;
	}
}

/**
 * sh_unsealed() - @iov is the transform header and the message, decrypted now.
 * @ok: it could be decrypted
 * Return: false: it must not be executed; the connection is cut.
 */
bool sh_unsealed(const struct iovec *iov, int nr, bool ok)
{
	struct sh_conn *c = arrived;
	uint16_t cut = 0;

	sh_count(&sh.page->nr_unsealed);
	if (!c || nr < 2 || iov[0].iov_len != TRANSFORM) {
		atomic_store(&sh.page->seal, NWB_FC_SEAL_SHAPE);
		return true;
	}
	arrived = NULL;
	pthread_mutex_lock(&c->lock);
	c->nr_unopened = 0;
	if (ok) {
		atomic_store(&sh.page->seal, NWB_FC_SEAL_OK);
		cut = each(c, iov[1].iov_base, iov[1].iov_len);
	}
	pthread_mutex_unlock(&c->lock);
	if (!cut)
		return true;
	sh_die(cut);
	sh_conn_cut(c, cut & NWB_FC_DO_FIN ? SH_CUT_FIN : SH_CUT_RST);
	return false;
}

/* keep() - the plain heads of what is about to be encrypted. */
static void keep(const struct iovec *iov, int nr, const uint8_t *hdr)
{
	size_t total = 0, max = HEAD_SINGLE, at = 0;
	struct kept *k;

	for (int i = 1; i < nr; i++)
		total += iov[i].iov_len;
	if (hdr[20] | hdr[21] | hdr[22] | hdr[23])
		max = SH_HEAD - 4;
	max = nwb_min(max, total);
	k = malloc(sizeof(*k) + max);
	if (!k) {
		sh_count(&sh.page->nomem);
		return;
	}
	k->next = NULL;
	k->len = (uint32_t)max;
	for (int i = 1; i < nr && at < max; i++) {
		size_t n = nwb_min(iov[i].iov_len, max - at);

		memcpy(k->head + at, iov[i].iov_base, n);
		at += n;
	}
	free(sealing);
	sealing = k;
}

/* sh_seal() - smbd is about to encrypt: @iov is the transform header, then the
 * pieces of the message, the header first. It may be changed. */
void sh_seal(struct iovec *iov, int nr)
{
	uint8_t *hdr = nr > 1 ? iov[1].iov_base : NULL;

	sh_count(&sh.page->nr_sealed);
	if (!hdr || iov[0].iov_len != TRANSFORM || iov[1].iov_len < 64 ||
	    !sh_credits_before(NULL, hdr)) {
		atomic_store(&sh.page->seal, NWB_FC_SEAL_SHAPE);
		return;
	}
	keep(iov, nr, hdr);
}

/* sh_sealed() - it is encrypted, @transform is final. */
void sh_sealed(const uint8_t *transform)
{
	struct kept *k = sealing, *old = NULL;

	sealing = NULL;
	if (!k)
		return;
	memcpy(k->nonce, transform + NONCE_AT, NONCE_LEN);
	pthread_mutex_lock(&kept_lock);
	*kept_end = k;
	kept_end = &k->next;
	if (++nr_kept > KEPT_MAX) {
		/* of a connection that was gone before it was sent */
		old = kept;
		kept = old->next;
		nr_kept--;
	}
	pthread_mutex_unlock(&kept_lock);
	free(old);
}

/**
 * sh_sealed_take() - what the encrypted frame said when it was plain.
 * @transform: of the frame, NONCE_AT + NONCE_LEN bytes at least
 * @head: SH_HEAD - 4 bytes
 * Return: bytes in @head, 0: nothing is known of it.
 */
size_t sh_sealed_take(const uint8_t *transform, uint8_t *head)
{
	struct kept **at, *k;
	size_t len = 0;

	pthread_mutex_lock(&kept_lock);
	for (at = &kept; *at; at = &(*at)->next)
		if (!memcmp((*at)->nonce, transform + NONCE_AT, NONCE_LEN))
			break;
	k = *at;
	if (k) {
		*at = k->next;
		if (kept_end == &k->next)
			kept_end = at;
		nr_kept--;
	}
	pthread_mutex_unlock(&kept_lock);
	if (k) {
		len = k->len;
		memcpy(head, k->head, len);
	}
	free(k);
	return len;
}

void sh_sealed_reset_after_fork(void)
{
	pthread_mutex_init(&kept_lock, NULL);
}
