/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Worlds with content crypto: what the server has, against what was written.
 * Read by nwb_stamp_decrypt(), of which the client knows nothing.
 *
 *	content	  |################|.		f->size
 *	server	  |####|####|####|###0|		whole data units
 */
#include "sim_i.h"

#include "nwb/mem.h"

#include <errno.h>
#include <nettle/xts.h>
#include <string.h>

static uint32_t unit_of(const struct sim_world *w)
{
	return w->plan.opts.crypto_unit;
}

int sim_crypt_put(struct sim_world *w, const struct sim_file *f)
{
	uint32_t unit = unit_of(w);
	struct xts_aes128_key key;
	uint8_t *bytes;
	int rc;

	if (!unit)
		return nwb_fake_put(w->fake, f->name, f->shadow, f->size);
	bytes = nwb_alloc(f->max);
	if (!bytes)
		return -ENOMEM;
	xts_aes128_set_encrypt_key(&key, sim_crypto_key);
	for (uint64_t pos = 0; pos < f->size; pos += unit) {
		uint8_t tweak[16] = {0};

		for (unsigned int i = 0; i < 8; i++)
			tweak[i] = (uint8_t)(pos / unit >> (8 * i));
		xts_aes128_encrypt_message(&key, tweak, unit, bytes + pos,
					   f->shadow + pos);
	}
	rc = nwb_fake_put(w->fake, f->name, bytes, f->size);
	nwb_free(bytes);
	return rc;
}

void sim_plain(const struct sim_world *w, uint64_t pos, uint8_t *bytes,
	       size_t n)
{
	if (unit_of(w))
		nwb_stamp_decrypt(&w->key, pos, bytes, bytes, n / 16 * 16);
}

uint64_t sim_server_size(const struct sim_world *w, uint64_t size)
{
	return unit_of(w) ? NWB_ROUND_UP(size, (uint64_t)unit_of(w)) : size;
}

void sim_learn_size(struct sim_task_state *t)
{
	struct sim_file *f = t->file;
	uint64_t size;

	if (!unit_of(t->w))
		return;
	nwb_mutex_lock(&f->lock);
	f->gen++;
	f->nr_in++;
	size = nwb_inode_size(nwb_file_inode(t->handle));
	if (!f->is_size_unsure && size != f->size &&
	    size != sim_server_size(t->w, f->size))
		sim_fail(t->w, "O9", "%s: opened with size %llu, not %llu",
			 f->name, (unsigned long long)size,
			 (unsigned long long)f->size);
	if (!f->is_size_unsure)
		f->size = size;
	f->gen++;
	f->nr_in--;
	nwb_mutex_unlock(&f->lock);
}
